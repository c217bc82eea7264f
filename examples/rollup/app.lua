-- Metrics rollup: counters that are sampled every 15 seconds become increases, and those become
-- requests and a rate over five minutes, every minute.
--
--     tidemill run examples/rollup/app.lua
--     tidemill consume rollup.5m -e -q -f '%k %s\n'
--
-- prints examples/rollup/expected.txt. The counter of web2 begins again at 0 in the middle, as
-- after a restart; no increase is lost or negative.
local S = require "tidemill"
local metrics = require "tidemill.metrics"
local app = S.app "rollup"

app:source("samples", { type = "file", path = "examples/rollup/samples.jsonl", topic = "samples" })

app:stream("samples", { value = "json", time = "$.at" })
  :select_key(function(r)
    return r.json.host .. " " .. r.json.metric
  end)
  :repartition("series") -- the last sample of a series is kept where all its samples come
  :process {
    name = "increase",
    stores = { last = S.kv {} },
    process = function(r, ctx)
      local sample = r.json
      local increase = metrics.counter(ctx.last, r.key, sample.value, r.ts)
      if increase then
        return { value = { host = sample.host, metric = sample.metric, increase = increase } }
      end
    end,
  }
  :group_by "$.host"
  :window(S.hopping("5m", "1m"))
  :aggregate {
    name = "increase-5m",
    increase = S.sum "$.increase",
    rate = S.rate "$.increase",
    samples = S.count(),
  }
  :emit "final"
  :to "rollup.5m"

return app
