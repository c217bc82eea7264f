-- Windows: groups cut by time.
local _, lib = ...
local S, set, fail = lib.S, lib.set, lib.fail
local check_type, check_fields = lib.check_type, lib.check_fields
local Group, Stream = lib.Group, lib.Stream

local SPAN = set("grace", "idle")

local span = lib.need_span

local function window(name, kind, size, options, fields)
  if options ~= nil and type(options) ~= "table" then
    fail("the options of %s are a table like { grace = \"10s\" }, not a %s", name, type(options))
  end
  options = check_fields(name, options or {}, SPAN)
  fields.what = "window"
  fields.kind = kind
  fields.size = span("the size of " .. name, size)
  fields.grace = options.grace and span("grace", options.grace)
  fields.idle = options.idle and span("idle", options.idle)
  fields.detail = name:sub(3) .. " " .. fields.size
  return fields
end

function S.tumbling(size, options)
  return window("S.tumbling", "window", size, options, {
    advance = span("the size of S.tumbling", size),
  })
end

function S.hopping(size, advance, options)
  return window("S.hopping", "window", size, options, {
    advance = span("the advance of S.hopping", advance),
  })
end

function S.sliding(size, options)
  return window("S.sliding", "sliding", size, options, {})
end

function S.session(gap, options)
  return window("S.session", "session", gap, options, {})
end

-- So many records of a key, whenever they come.
function S.records(count, options)
  options = check_fields("S.records", options or {}, set "advance")
  return {
    what = "window", step = "counted", count = check_type("the count", count, "number"),
    advance = options.advance and check_type("advance", options.advance, "number") or count,
    detail = ("records %s"):format(count),
  }
end

local Windows, windows_meta = lib.class("a windowed group", {
  to = lib.KEEP_FIRST, filter = lib.KEEP_FIRST, map = lib.KEEP_FIRST, map_values = lib.KEEP_FIRST,
  emit = lib.KEEP_FIRST, late_to = lib.KEEP_FIRST, join = lib.KEEP_FIRST, process = lib.KEEP_FIRST,
})

function Group:window(spec)
  if type(spec) ~= "table" or spec.what ~= "window" then
    fail "window takes S.tumbling, S.hopping, S.sliding, S.session or S.records"
  end
  return setmetatable({ stream = self.stream, spec = spec }, windows_meta)
end

-- The same aggregates as without windows; their step is one with windows.
for _, name in ipairs { "count", "aggregate", "reduce" } do
  Windows[name] = function(self, spec)
    local result = Group[name](setmetatable({ stream = self.stream }, lib.group_meta), spec)
    local step = result.app.nodes[result.id]
    step.detail = step.kind .. " " .. self.spec.detail
    step.kind = self.spec.step or "window"
    step.window = self.spec
    return result
  end
end

local function window_step(stream, what)
  local step = stream.app.nodes[stream.id]
  if not step.window then
    fail("%s belongs right behind an aggregate in windows", what)
  end
  return step
end

-- The latest change of a key goes on, at most once in a span of time; the oldest go early when
-- more than `max` keys are held.
local function emit_every(self, options)
  options = check_fields("emit", options, set("every", "max", "name"))
  local step = self.app.nodes[self.id]
  if not lib.is_table(self) then
    fail "emit { every = } belongs behind a table or an aggregate: a stream has no latest value"
  end
  local name = options.name or step.name and step.name .. "-held"
  lib.check_state_name("emit { every = }", name)
  return lib.table_of(lib.next_node(self, "emit", {
    name = name, every = span("emit's every", options.every),
    max = options.max and check_type("emit's max", options.max, "number"),
    detail = ("every %s"):format(options.every), stores = { lib.table_store(name) },
  }), { store = false, versioned = false, knows_old = self.knows_old })
end

-- "final": one result for each window, when it has closed; "updates": each new result.
function Stream:emit(when)
  if type(when) == "table" then
    return emit_every(self, when)
  end
  local step = window_step(self, "emit")
  if when ~= "final" and when ~= "updates" then
    fail("emit takes \"final\", \"updates\" or { every = \"10s\" }, not '%s'", tostring(when))
  end
  step.is_final = when == "final"
  return self
end

-- Where records go that come for a window that has closed; without it, APP-late.
function Stream:late_to(topic)
  local step = window_step(self, "late_to")
  if step.kind == "counted" then
    fail "nothing is late for a window of records: time does not close it"
  end
  step.late = check_type("the topic", topic, "string")
  return self
end
