-- A transform in C beside Lua: access logs leave without the addresses of people, and requests are
-- counted by network. anonymize.c, which does the first, is a shared library of its own.
--
--     cc -shared -fPIC -O2 -Iruntime/plugin -o anonymize.so examples/plugin/anonymize.c
--     tidemill run examples/plugin/app.lua --plugins .
--     tidemill consume access.anonymous -e -q
--     tidemill consume access.networks -e -q -f '%k %s\n'
--     tidemill consume access.refused -e -q
--
-- (the second in a shell of its own) prints examples/plugin/expected.txt. With Tidemill installed
-- the header is found by $(pkg-config --cflags tidemill). A line that begins with no address is
-- among the refused as it came; add -J to see why.
local S = require "tidemill"
local app = S.app "anonymous"

app:source("access", { type = "file", path = "examples/plugin/access.log", topic = "access" })
app:errors { policy = "dlq", topic = "access.refused" }

local lines = app:stream("access", { value = "text" })
  :plugin("anonymize", { keep4 = 24, keep6 = 48 })

lines:to "access.anonymous"

lines:map(function(r) return { key = r.value:match "^%S+", value = r.value } end)
  :group_by_key()
  :count { name = "networks" }
  :to "access.networks"

return app
