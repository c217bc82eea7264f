-- Access logs of a web server: parsed, routed, counted per minute by class of status, and an alert
-- when too many requests fail.
--
--     examples/weblogs/generate.py 100000 >access.log
--     tidemill run examples/weblogs/app.lua       then look into weblogs.db
--
-- The pipeline:
--
--     access.log -> web.lines -> [parse] -> web.requests                  every request, as JSON
--                                        -> web.errors                    status 500 and above
--                                        -> web.dead                      lines that do not parse
--                             -> [count] -> web.minutes -> table minutes  requests per minute
--                                                                         and class of status
--     web.requests -> [share of 5xx] -> web.alerts -> table alerts        when it passes the bound
--                                                                         and when it is back
--
-- Requests belong to the minute in which they arrived at the server, whatever their order in the
-- file: the time of a record is the time of its request.
local S = require "tidemill"
local logs = require "tidemill.logs"
local app = S.app "weblogs"

app:topic("web.lines", { partitions = 1 })
app:topic("web.minutes", { partitions = 1, compact = true }) -- the newest count of each key
app:errors { policy = "dlq", topic = "web.dead" }
app:source("access-log", { type = "file", path = "access.log", topic = "web.lines" })

local function parse(line)
  local request, why = logs.access(line)
  if not request then
    error(why)
  end
  if not request.method then
    error "its request is none of HTTP"
  end
  request.query = request.path:match "%?(.*)$"
  request.path = request.path:match "^[^?]*"
  return request
end

local lines = app:stream("web.lines", { value = "text" })

lines:process {
  name = "requests",
  stores = { minutes = S.kv {} },
  process = function(r, ctx)
    local request = parse(r.value)
    local at = request.ts
    ctx:emit("web.requests", { key = request.host, ts = at, value = request })
    if request.status >= 500 then
      ctx:emit("web.errors", { key = request.path, ts = at, value = request })
    end

    local minute = S.time.utc(at - at % 60000)
    local class = request.status // 100 .. "xx"
    local key = minute .. " " .. class
    ctx.minutes:add(key, 1)
    ctx:emit("web.minutes", {
      key = key, ts = at,
      value = { minute = minute, class = class, requests = ctx.minutes:get(key) },
    })
  end,
}

app:sink("minutes", {
  type = "sqlite", path = "weblogs.db", topics = "web.minutes", table = "minutes",
  insert_mode = "upsert", pk_mode = "record_value", pk_fields = { "minute", "class" },
})

-- The share of failed requests of each minute that is over, and what is said of it: once when it
-- passes the bound, once when it is back.
local BOUND_PERCENT = 2

app:stream("web.requests", { value = "json" })
  :group_by(function() return "site" end)
  :window(S.tumbling("1m", { grace = "5s" }))
  :aggregate {
    name = "failures", requests = S.count(), failed = S.count "$.status >= 500",
  }
  :emit "final"
  :process {
    name = "alert",
    stores = { firing = S.kv {} },
    process = function(r, ctx)
      local percent = 100 * r.json.failed / r.json.requests
      local is_firing = percent > BOUND_PERCENT
      if is_firing ~= (ctx.firing:get "site" or false) then
        ctx.firing:put("site", is_firing)
        local minute = S.time.utc(r.window_start)
        ctx:emit("web.alerts", {
          key = minute,
          value = {
            minute = minute, state = is_firing and "firing" or "resolved",
            requests = r.json.requests, failed = r.json.failed,
          },
        })
      end
    end,
  }

app:sink("alerts", {
  type = "sqlite", path = "weblogs.db", topics = "web.alerts", table = "alerts",
  insert_mode = "upsert", pk_mode = "record_value", pk_fields = "minute",
})

return app
