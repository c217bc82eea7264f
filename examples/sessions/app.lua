-- Sessions: what each user did until five minutes of silence.
--
--     tidemill run examples/sessions/app.lua
--     tidemill consume user-sessions -e -q -f '%k %s\n'
--
-- prints examples/sessions/expected.txt: [user, first, last] and the visit, once it is over. The
-- click on /tea/green comes late; the grace lets it find its place. The newest session is open
-- until somebody's later click moves the time on.
local S = require "tidemill"
local app = S.app "sessions"

app:source("clicks", { type = "file", path = "examples/sessions/clicks.jsonl", topic = "clicks" })

app:stream("clicks", { value = "json", time = "$.at" })
  :group_by "$.user"
  :window(S.session("5m", { grace = "30m" }))
  :aggregate {
    name = "visits",
    clicks = S.count(),
    pages = S.distinct "$.page",
    entry = S.first "$.page",
    exit = S.last "$.page",
  }
  :emit "final"
  :to "user-sessions"

return app
