-- Latency: percentiles of requests per minute and route, one result when the minute is over. No
-- Lua runs for a record: conditions, paths and aggregators are C.
--
--     tidemill run examples/latency/app.lua
--     tidemill consume latency.per-minute -e -q -f '%k %s\n'
--     tidemill consume latency.late -e -q
--
-- prints examples/latency/expected.txt. A minute waits ten seconds for late requests. Time is
-- the requests' own (`at`), so the last minute stays open until a later request comes. One
-- request comes when its minute was closed: it is in latency.late, unchanged.
local S = require "tidemill"
local app = S.app "latency"

app:source("requests", {
  type = "file", path = "examples/latency/requests.jsonl", topic = "requests",
})

app:stream("requests", { value = "json", time = "$.at" })
  :filter "$.route != nil and $.ms >= 0"
  :group_by { "$.service", "$.route" }
  :window(S.tumbling("1m", { grace = "10s" }))
  :aggregate {
    name = "latency-1m",
    requests = S.count(),
    errors = S.count "$.status >= 500",
    avg = S.avg "$.ms",
    p50 = S.quantile("$.ms", 0.50),
    p99 = S.quantile("$.ms", 0.99),
    max = S.max "$.ms",
  }
  :emit "final"
  :late_to "latency.late"
  :to "latency.per-minute"

return app
