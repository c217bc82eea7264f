-- What the package manager did: /var/log/dpkg.log as events and counts in a database.
--
--     tidemill run examples/dpkg/app.lua          then look into dpkg.db
--
-- The pipeline:
--
--     /var/log/dpkg.log -> dpkg.lines -> [parse, count] -> dpkg.events    -> table events
--                                                       -> dpkg.counts    -> table counts
--                                                       -> dpkg.dead
--                          dpkg.dead  -> [reason]       -> dpkg.rejects   -> table rejects
--
-- Nothing is counted or stored twice, whatever crashes when. The source writes its place in the
-- file in the same batch as the lines, so a line is in dpkg.lines once and its offset there names
-- it. The counts are kept in the task that reads the lines, and are committed together with its
-- position. An event or a count may be written again after a crash, with the same key and the same
-- contents; upserts make that invisible.
local S = require "tidemill"
local app = S.app "dpkg"

app:topic("dpkg.lines", { partitions = 1 }) -- in the order of the file
app:topic("dpkg.dead", { partitions = 1 })
app:errors { policy = "dlq", topic = "dpkg.dead" }

app:source("dpkg-log", { type = "file", path = "/var/log/dpkg.log", topic = "dpkg.lines" })

-- install, upgrade, configure, trigproc, disappear, remove, purge: PACKAGE:ARCH FROM TO
-- A package that dpkg does not know yet, or knows without one, has no ":ARCH".
local CHANGES = {
  install = true, upgrade = true, configure = true, trigproc = true, disappear = true,
  remove = true, purge = true,
}

local function version(text)
  return text ~= "<none>" and text or nil
end

local function architecture(text)
  return text ~= "" and text or nil
end

-- The parts of a line after its time, or nil. The log is described in dpkg(1), --log.
local function parse(action, rest)
  local package, arch, from, to = rest:match "^([%w.+-]+):?([%w-]*) (%S+) (%S+)$"
  if CHANGES[action] and package then
    return { package = package, arch = architecture(arch), from = version(from), to = version(to) }
  end
  local state
  state, package, arch, to = rest:match "^([%a-]+) ([%w.+-]+):?([%w-]*) (%S+)$"
  if action == "status" and package then
    return { package = package, arch = architecture(arch), state = state, to = version(to) }
  end
  local kind, command = rest:match "^(%a+) ([%a-]+)$"
  if action == "startup" and kind then
    return { package = "-", state = kind .. " " .. command } -- a run of dpkg, of no package
  end
  local file, decision = rest:match "^(%S.*) (%a+)$"
  if action == "conffile" and (decision == "install" or decision == "keep") then
    return { package = "-", state = decision .. " " .. file }
  end
end

app:stream("dpkg.lines", { value = "text" }):process {
  name = "parse",
  stores = { counts = S.kv {} },
  process = function(r, ctx)
    local day, time, action, rest = r.value:match "^(%d+%-%d+%-%d+) (%d+:%d+:%d+) (%l+) (.+)$"
    local event = day and parse(action, rest)
    if not event then
      error "this is no line of dpkg.log"
    end
    event.at, event.action = day .. " " .. time, action
    ctx:emit("dpkg.events", { key = tostring(r.offset), value = event })

    local key = event.package .. " " .. action
    ctx.counts:add(key, 1)
    ctx:emit("dpkg.counts", {
      key = key,
      value = { package = event.package, action = action, count = ctx.counts:get(key) },
    })
  end,
}

-- A dead letter carries its line and, in headers, where it came from and what was wrong.
app:stream("dpkg.dead", { value = "text" }):map(function(r)
  return {
    key = r.headers["__streams.errors.offset"],
    value = { line = r.value, reason = r.headers["__streams.errors.message"] },
  }
end):to "dpkg.rejects"

local DATABASE = "dpkg.db"

app:sink("events", {
  type = "sqlite", path = DATABASE, topics = "dpkg.events", table = "events",
  insert_mode = "upsert", pk_mode = "record_key", pk_fields = "line",
})
app:sink("counts", {
  type = "sqlite", path = DATABASE, topics = "dpkg.counts", table = "counts",
  insert_mode = "upsert", pk_mode = "record_value", pk_fields = { "package", "action" },
})
app:sink("rejects", {
  type = "sqlite", path = DATABASE, topics = "dpkg.rejects", table = "rejects",
  insert_mode = "upsert", pk_mode = "record_key", pk_fields = "offset",
})

return app
