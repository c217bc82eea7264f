-- Access logs of a web server: parsed, routed, and counted per minute by class of status.
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
--
-- Requests belong to the minute in which they arrived at the server, whatever their order in the
-- file: the time of a record is the time of its request.
local S = require "tidemill"
local app = S.app "weblogs"

app:topic("web.lines", { partitions = 1 })
app:topic("web.minutes", { partitions = 1, compact = true }) -- the newest count of each key
app:errors { policy = "dlq", topic = "web.dead" }
app:source("access-log", { type = "file", path = "access.log", topic = "web.lines" })

-- The combined format: HOST IDENT USER [TIME] "METHOD PATH PROTOCOL" STATUS BYTES "REFERER" "AGENT"
local COMBINED = '^(%S+) %S+ (%S+) %[([^%]]+)%] "(%u+) (%S+) ([^"]*)" (%d%d%d) (%S+) '
  .. '"([^"]*)" "([^"]*)"$'

local function known(text)
  return text ~= "-" and text or nil
end

local function parse(line)
  local host, user, at, method, path, protocol, status, size, referer, agent = line:match(COMBINED)
  if not host then
    error "this is no line of a combined access log"
  end
  return S.time.clf(at), {
    host = host, user = known(user), method = method, path = path:match "^[^?]*",
    query = path:match "%?(.*)$", protocol = protocol, status = tonumber(status),
    bytes = tonumber(size) or 0, referer = known(referer), agent = known(agent),
  }
end

local lines = app:stream("web.lines", { value = "text" })

lines:process {
  name = "requests",
  stores = { minutes = S.kv {} },
  process = function(r, ctx)
    local at, request = parse(r.value)
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

return app
