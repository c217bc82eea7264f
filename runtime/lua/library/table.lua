-- Tables: the newest value of each key, and what is made of them key by key.
--
-- A table is a step like a stream whose records are changes. What only streams can do is done with
-- the stream of its new values.
local host, lib = ...
local S, set, fail = lib.S, lib.set, lib.fail
local check_type, check_fields = lib.check_type, lib.check_fields
local next_node, named, condition = lib.next_node, lib.named, lib.condition
local Stream, App = lib.Stream, lib.App

local Table, table_meta = {}, {}
lib.Table, lib.table_meta = Table, table_meta

-- What is said about the step that made the table, and not about its records.
local OF_STEP = set("emit", "late_to")

local HINTS = {
  suppress = ":emit \"final\" gives one result of each window, :emit { every = \"10s\" } the "
    .. "latest",
  to_k_stream = "did you mean 'to_stream'?",
  queryable_store_name = "a table is known by its name: tidemill store get APP NAME KEY",
}
for name, hint in pairs(lib.STREAM_HINTS) do
  HINTS[name] = HINTS[name] or hint
end

function table_meta.__index(_, name)
  local method = Table[name] or OF_STEP[name] and Stream[name]
  if not method and Stream[name] then
    method = function(self, ...)
      return Stream[name](Table.to_stream(self), ...)
    end
  end
  if method then
    return lib.method(name, method, table_meta)
  end
  lib.fail_unknown("a table", tostring(name), lib.names(Table, Stream), HINTS)
end

-- The step's result as a table. Fields: `store` keeps its values, `versioned` for so long
-- when they are out of date, `knows_old`: a change has its old value at hand.
function lib.table_of(step, fields)
  fields.app, fields.id = step.app, step.id
  return setmetatable(fields, table_meta)
end

function lib.is_table(value)
  return getmetatable(value) == table_meta
end

-- A stream, or the stream of a table's new values.
function lib.stream_of(value)
  return lib.is_table(value) and Table.to_stream(value) or value
end

local function check_name(what, name)
  if name == nil then
    fail("%s keeps state, so it needs a name: { name = \"...\" }", what)
  end
  return check_type("name", name, "string")
end
lib.check_state_name = check_name

-- The store of a table, for each step that uses it.
function lib.table_store(name, versioned)
  return {
    name = name, alias = "store",
    store = versioned and S.versioned { history = versioned } or S.kv {},
  }
end

-- Keeps what comes under a name; with `versioned` also what was there before, for so long.
function lib.keep(step, name, versioned)
  return lib.table_of(next_node(step, "table", {
    name = name .. "-table", versioned = lib.span("versioned", versioned),
    detail = versioned and "versioned " .. versioned or nil,
    stores = { lib.table_store(name, versioned) },
  }), { store = name, versioned = versioned or false, knows_old = false })
end

function App:table(topic, options)
  options = check_fields("table", options or {}, set("name", "value", "time", "versioned"))
  if type(topic) == "table" then
    fail("a table is of one topic, since what is newest is known in one only; for several: "
      .. "app:stream(topics):to_table { name = \"...\" }")
  end
  check_type("the topic of a table", topic, "string")
  local stream = self:stream(topic, { value = options.value, time = options.time })
  return lib.keep(stream, check_name("a table", options.name), options.versioned)
end

-- A small table that every instance reads whole: it can be joined with under any key.
local _, global_meta = lib.class("a global table", setmetatable({}, { __index = function()
  return "it can be joined with, stream:join(it, { on = \"$.a\" }), and read by process { stores = "
    .. "{ it = it } }; app:table makes others"
end }))

function lib.is_global(value)
  return getmetatable(value) == global_meta
end

function lib.global_store(name)
  local store = S.kv { memory = true, changelog = false }
  store.is_global = true
  return { name = name, alias = "store", store = store }
end

function App:global_table(topic, options)
  options = check_fields("global_table", options or {}, set("name", "value", "time"))
  local name = check_name("a global table", options.name)
  local time, scale = lib.time(options.time)
  local stream = lib.add_node(self, "source", {}, {
    topics = { check_type("the topic of a global table", topic, "string") },
    value = lib.format(options.value), time = time, time_scale = scale, is_global = true,
  })
  next_node(stream, "table", { name = name .. "-table", stores = { lib.global_store(name) } })
  return setmetatable({ app = self, store = name }, global_meta)
end

function Stream:to_table(options)
  options = check_fields("to_table", options or {}, set("name", "versioned"))
  return lib.keep(self, check_name("to_table", options.name), options.versioned)
end

-- A table that is not kept itself.
local function derived(from, step)
  return lib.table_of(step, { store = false, versioned = false, knows_old = from.knows_old })
end

local function filter(self, what, options, is_inverted)
  local name = is_inverted and "filter_not" or "filter"
  local fields = named(condition(name .. "'s condition", what), options)
  fields.is_inverted, fields.knows_old = is_inverted, self.knows_old
  return derived(self, next_node(self, "table_filter", fields))
end

function Table:filter(what, options)
  return filter(self, what, options, false)
end

function Table:filter_not(what, options)
  return filter(self, what, options, true)
end

function Table:map_values(fn, options)
  check_type("map_values's argument", fn, "function")
  return derived(self, next_node(self, "table_map_values", named({ fn = fn }, options)))
end

function Table:to_stream()
  return next_node(self, "to_stream", {})
end

function Table:to(...)
  Stream.to(self, ...)
  return self
end

-- Windows are cut from streams, so a grouped table has aggregates alone.
local TableGroup, table_group_meta = lib.class "a grouped table"
for _, kind in ipairs { "count", "aggregate", "reduce" } do
  TableGroup[kind] = lib.Group[kind]
end

function Table:group_by(what, options)
  local fields
  if type(what) == "function" then
    fields = { fn = what }
  else
    local paths = lib.check_list("group_by's paths", what)
    fields = { paths = paths, detail = table.concat(paths, ", ") }
  end
  local keyed = next_node(self, "table_group_by", named(fields, options))
  return setmetatable({ stream = keyed, is_table = true }, table_group_meta)
end

function Table:group_by_key()
  return Table.group_by(self, function(r) return r.key, r end)
end
