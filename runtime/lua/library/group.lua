-- Groups: records of one key together, and what is kept of them.
local _, lib = ...
local S, set, fail = lib.S, lib.set, lib.fail
local check_type, check_fields = lib.check_type, lib.check_fields
local next_node, named = lib.next_node, lib.named
local Stream = lib.Stream
local KEEP_FIRST = "say what is kept of each key: :count, :aggregate or :reduce { name = \"...\" }"
local Group, group_meta = lib.class("a grouped stream", {
  windowed_by = "window cuts it by time: :window(S.tumbling \"1m\")",
  cogroup = "S.cogroup { { group, add }, { group, add } } brings grouped streams together",
  to = KEEP_FIRST, filter = KEEP_FIRST, map = KEEP_FIRST, map_values = KEEP_FIRST,
  join = KEEP_FIRST, process = KEEP_FIRST, to_table = KEEP_FIRST, emit = KEEP_FIRST,
})
lib.KEEP_FIRST = KEEP_FIRST
lib.Group, lib.group_meta = Group, group_meta

function Stream:group_by(what, options)
  local fields
  if type(what) == "function" then
    fields = { fn = what }
  else
    local paths = lib.check_list("group_by's paths", what)
    fields = { paths = paths, detail = table.concat(paths, ", ") }
  end
  fields.is_grouping = true
  local keyed = next_node(self, "group_by", named(fields, options))
  return setmetatable({ stream = keyed }, group_meta)
end

function Stream:group_by_key()
  return setmetatable({ stream = self }, group_meta)
end

local function aggregate(group, kind, spec, fields)
  fields.fold = fields.fold or kind
  fields.name = spec.name
  if fields.name == nil then
    fail("%s keeps state, so it needs a name: %s{ name = \"...\" }", kind, kind)
  end
  check_type("name", fields.name, "string")
  fields.is_table = rawget(group, "is_table")
  local can_subtract = fields.sub or fields.fold == "count" or fields.fold == "native"
  if fields.is_table and not can_subtract then
    fail("%s of a table also needs sub, which takes an old value away", kind)
  end
  fields.version, fields.migrate = spec.version, spec.migrate
  fields.stores = { {
    name = spec.store or fields.name, alias = "store",
    store = S.kv { version = spec.version, migrate = spec.migrate },
  } }
  return lib.table_of(next_node(group.stream, kind, fields),
    { store = false, versioned = false, knows_old = true })
end

-- What an aggregate is given: one table, where Kafka's have several arguments.
local function check_spec(kind, spec, ...)
  if type(spec) ~= "table" then
    fail("%s takes one table: %s { name = \"...\"%s }", kind, kind, ...)
  end
  return spec
end

function Group:count(spec)
  spec = check_spec("count", spec == nil and {} or spec, "")
  return aggregate(self, "count", check_fields("count", spec, set("name", "store")), {})
end

-- A map of native aggregators, by the field of the result.
local function aggregate_natively(group, spec)
  local fields = { fold = "native", aggregators = {} }
  local names, details = {}, {}
  for field, aggregator in pairs(spec) do
    if lib.is_aggregator(aggregator) and type(field) == "string" then
      names[#names + 1] = field
    elseif field ~= "name" and field ~= "store" then
      fail("aggregate's '%s' is no aggregator like S.count(): native ones do not mix with others",
        tostring(field))
    end
  end
  table.sort(names)
  for i, field in ipairs(names) do
    local row = spec[field]
    fields.aggregators[i] = {
      field = field, aggregator = row.name, path = row.path, condition = row.condition,
      parameter = row.parameter, plugin = row.plugin, options = row.options,
    }
    details[i] = field .. " = " .. (row.plugin and "plugin " or "") .. row.name
  end
  fields.detail = table.concat(details, ", ")
  return aggregate(group, "aggregate", spec, fields)
end

-- S.count instead of S.count().
local function refuse_uncalled(field, value)
  for name, make in pairs(S) do
    if value == make then
      fail("aggregate's '%s' is the function S.%s itself: call it, S.%s(...)", tostring(field),
        name, name)
    end
  end
end

function Group:aggregate(spec)
  for field, value in pairs(check_spec("aggregate", spec, ", init = ..., add = ...")) do
    if type(value) == "function" then
      refuse_uncalled(field, value)
    end
    if lib.is_aggregator(value) then
      return aggregate_natively(self, spec)
    end
  end
  check_fields("aggregate", spec,
    set("name", "store", "init", "add", "sub", "merge", "version", "migrate"))
  if spec.init == nil then
    fail "aggregate needs init: a function or a value that a new key begins with"
  end
  return aggregate(self, "aggregate", spec, {
    init = spec.init, fn = check_type("aggregate's add", spec.add, "function"),
    sub = spec.sub and check_type("aggregate's sub", spec.sub, "function"),
    merge = spec.merge and check_type("aggregate's merge", spec.merge, "function"),
  })
end

function Group:reduce(spec)
  check_spec("reduce", spec, ", fn = ...")
  check_fields("reduce", spec, set("name", "store", "fn", "sub", "version", "migrate", 1))
  local fn = spec.fn or spec[1]
  return aggregate(self, "reduce", spec, {
    fn = check_type("reduce's function", fn, "function"),
    sub = spec.sub and check_type("reduce's sub", spec.sub, "function"),
  })
end
