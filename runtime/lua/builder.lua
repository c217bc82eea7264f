-- What `require "tidemill"` gives to a script: functions that write a plan down as plain tables.
-- Nothing here runs when records are processed. script_plan.c reads the tables; it judges names,
-- paths and conditions, this file judges the shape of what a person wrote.
--
-- Called once with the host's functions: place() of the script's line that called, describe(f),
-- nearest(name, list), null, array's metatable, time and json helpers, plain(v).
local host = ...

local S = { null = host.null, time = host.time, json = host.json, table = host.plain }

local function fail(format, ...)
  local place = host.place()
  error((place and place .. ": " or "") .. format:format(...), 0)
end

local function check_type(what, value, ...)
  for _, kind in ipairs { ... } do
    if type(value) == kind then
      return value
    end
  end
  fail("%s must be a %s, not a %s", what, table.concat({ ... }, " or a "), type(value))
end

-- Refuses fields that nobody knows, with the nearest name that somebody does.
local function check_fields(what, fields, known)
  check_type(what, fields, "table")
  for field in pairs(fields) do
    if not known[field] then
      local names = {}
      for name in pairs(known) do
        names[#names + 1] = tostring(name)
      end
      local near = host.nearest(tostring(field), names)
      fail("%s has no option '%s'%s", what, tostring(field),
        near and ("; did you mean '%s'?"):format(near)
          or ": it knows " .. table.concat(names, ", "))
    end
  end
  return fields
end

local function set(...)
  local result = {}
  for _, name in ipairs { ... } do
    result[name] = true
  end
  return result
end

local function check_list(what, value)
  if type(value) == "string" then
    return { value }
  end
  check_type(what, value, "table")
  for _, item in ipairs(value) do
    check_type(what, item, "string")
  end
  if #value == 0 then
    fail("%s is empty", what)
  end
  return value
end

-- An object whose unknown methods are refused by name.
local function class(what)
  local methods = {}
  local meta = {}
  function meta.__index(_, name)
    if methods[name] ~= nil then
      return methods[name]
    end
    local names = {}
    for known in pairs(methods) do
      names[#names + 1] = known
    end
    local near = host.nearest(tostring(name), names)
    fail("%s has no '%s'%s", what, tostring(name),
      near and ("; did you mean '%s'?"):format(near) or "")
  end
  return methods, meta
end

local Stream, stream_meta = class "a stream"
local Group, group_meta = class "a grouped stream"
local App, app_meta = class "an app"
local Branches = {}

local function add_node(app, kind, parents, fields)
  fields.kind = kind
  fields.parents = parents
  fields.place = host.place()
  if fields.fn then
    fields.detail = host.describe(fields.fn)
  end
  app.nodes[#app.nodes + 1] = fields
  return setmetatable({ app = app, id = #app.nodes }, stream_meta)
end

local function next_node(stream, kind, fields)
  return add_node(stream.app, kind, { stream.id }, fields)
end

-- A condition is a text for C or a function.
local function condition(what, value)
  if type(check_type(what, value, "string", "function")) == "string" then
    return { text = value, detail = value }
  end
  return { fn = value }
end

local function named(fields, options)
  if options ~= nil then
    check_fields("this step", options, set "name")
    fields.name = options.name and check_type("name", options.name, "string")
  end
  return fields
end

function Stream:filter(what, options)
  return next_node(self, "filter", named(condition("filter's condition", what), options))
end

function Stream:filter_not(what, options)
  local fields = named(condition("filter_not's condition", what), options)
  fields.is_inverted = true
  return next_node(self, "filter", fields)
end

for _, kind in ipairs { "map", "map_values", "flat_map", "peek" } do
  Stream[kind] = function(self, fn, options)
    check_type(kind .. "'s argument", fn, "function")
    return next_node(self, kind, named({ fn = fn }, options))
  end
end

function Stream:select_key(what, options)
  local fields = type(check_type("select_key's argument", what, "string", "function")) == "string"
    and { paths = { what }, detail = what } or { fn = what }
  return next_node(self, "select_key", named(fields, options))
end

function Stream:repartition(name, options)
  check_type("the name of a repartition", name, "string")
  options = check_fields("repartition", options or {}, set "partitions")
  return next_node(self, "repartition", { name = name, partitions = options.partitions })
end

function Stream:merge(...)
  local parents = { self.id }
  for _, other in ipairs { ... } do
    if getmetatable(other) ~= stream_meta or other.app ~= self.app then
      fail("merge takes streams of the same app")
    end
    parents[#parents + 1] = other.id
  end
  return add_node(self.app, "merge", parents, {})
end

function Stream:to_stream()
  return self
end

function Stream:to(topic, options)
  check_type("the topic", topic, "string")
  options = check_fields("to", options or {}, set("value", "key", "partition", "name"))
  next_node(self, "to", {
    topic = topic, value = options.value, key = options.key, partition = options.partition,
    name = options.name,
  })
  return self
end

-- Arms are a list of { name, condition } or a table name = condition, then taken in the order of
-- names with `true` last.
local function list_arms(arms)
  local list = {}
  if #arms > 0 then
    for i, arm in ipairs(arms) do
      list[i] = { name = check_type("the name of an arm", arm[1], "string"), condition = arm[2] }
    end
    return list
  end
  local names = {}
  for name in pairs(arms) do
    names[#names + 1] = check_type("the name of an arm", name, "string")
  end
  table.sort(names, function(a, b)
    if (arms[a] == true) ~= (arms[b] == true) then
      return arms[b] == true
    end
    return a < b
  end)
  for i, name in ipairs(names) do
    list[i] = { name = name, condition = arms[name] }
  end
  return list
end

function Stream:branch(arms)
  local list = list_arms(check_type("branch's argument", arms, "table"))
  local fields = { arms = {} }
  if #list == 0 then
    fail "branch needs an arm"
  end
  for i, arm in ipairs(list) do
    if arm.condition == nil then
      fail("the arm '%s' needs a condition: { \"%s\", \"$.a > 1\" }, or true for everything else",
        arm.name, arm.name)
    end
    fields.arms[i] = arm.condition == true and { is_always = true }
      or condition(("the condition of '%s'"):format(arm.name), arm.condition)
  end
  local branch = next_node(self, "branch", fields)
  local branches = {}
  for _, arm in ipairs(list) do
    branches[arm.name] = next_node(branch, "arm", {})
  end
  return setmetatable(branches, { __index = function(_, name)
    return Branches[name] or fail("there is no arm '%s'", tostring(name))
  end })
end

function Branches.to(branches, topics)
  check_type("the topics of a branch", topics, "table")
  local names = {}
  for name, topic in pairs(topics) do
    check_type(("the topic of '%s'"):format(tostring(name)), topic, "string")
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    branches[name]:to(topics[name])
  end
end

local function list_stores(app, stores)
  local list = {}
  for name, store in pairs(stores or {}) do
    check_type("the name of a store", name, "string")
    if type(store) ~= "table" or store.kind ~= "kv" then
      fail("the store '%s' must be made by S.kv", name)
    end
    list[#list + 1] = { name = store.name or name, alias = name, store = store }
  end
  table.sort(list, function(a, b) return a.alias < b.alias end)
  return list
end

local PROCESS = set("name", "stores", "init", "process", "every", "close")

function Stream:process(spec)
  if type(spec) == "function" then
    spec = { process = spec }
  end
  check_fields("process", spec, PROCESS)
  local fields = { name = spec.name, stores = list_stores(self.app, spec.stores), timers = {} }
  fields.fn = check_type("process", spec.process, "function")
  fields.init = spec.init and check_type("init", spec.init, "function")
  fields.close = spec.close and check_type("close", spec.close, "function")
  for interval, fn in pairs(spec.every or {}) do
    check_type("the interval of a timer", interval, "string")
    check_type("a timer", fn, "function")
    fields.timers[#fields.timers + 1] = { interval = interval, fn = fn }
  end
  table.sort(fields.timers, function(a, b) return a.interval < b.interval end)
  if not fields.name and fields.stores[1] then
    fields.name = fields.stores[1].name -- a store has a name, so its keeper has one
  end
  return next_node(self, "process", fields)
end

function Stream:group_by(what, options)
  local fields
  if type(what) == "function" then
    fields = { fn = what }
  else
    local paths = check_list("group_by's paths", what)
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
  fields.name = spec.name
  if fields.name == nil then
    fail("%s keeps state, so it needs a name: %s{ name = \"...\" }", kind, kind)
  end
  check_type("name", fields.name, "string")
  fields.stores = { { name = spec.store or fields.name, alias = "store", store = S.kv {} } }
  return next_node(group.stream, kind, fields)
end

function Group:count(spec)
  return aggregate(self, "count", check_fields("count", spec or {}, set("name", "store")), {})
end

function Group:aggregate(spec)
  check_fields("aggregate", spec, set("name", "store", "init", "add"))
  if spec.init == nil then
    fail "aggregate needs init: a function or a value that a new key begins with"
  end
  return aggregate(self, "aggregate", spec, {
    init = spec.init, fn = check_type("aggregate's add", spec.add, "function"),
  })
end

function Group:reduce(spec)
  check_fields("reduce", spec, set("name", "store", "fn", 1))
  local fn = spec.fn or spec[1]
  return aggregate(self, "reduce", spec, { fn = check_type("reduce's function", fn, "function") })
end

function App:stream(topics, options)
  options = check_fields("stream", options or {}, set("value", "time", "name"))
  topics = check_list("the topics of a stream", topics)
  local key = table.concat(topics, "\0") .. "\1" .. tostring(options.value) .. "\1"
    .. tostring(options.time) .. "\1" .. tostring(options.name)
  local known = self.sources[key]
  if known then
    return known -- the same stream again
  end
  local stream = add_node(self, "source", {}, {
    topics = topics, value = options.value, time = options.time, name = options.name,
  })
  self.sources[key] = stream
  return stream
end

function App:topic(name, options)
  options = check_fields("topic", options or {}, set("partitions", "retention", "compact"))
  self.topics[#self.topics + 1] = {
    name = check_type("the name of a topic", name, "string"), place = host.place(),
    partitions = options.partitions, retention = options.retention, compact = options.compact,
  }
  return self
end

function App:errors(spec)
  check_fields("errors", spec, set("policy", "topic"))
  self.error_policy = { policy = spec.policy, topic = spec.topic, place = host.place() }
  return self
end

local function add_connector(app, name, spec, is_sink)
  check_type("the name of a connector", name, "string")
  check_type("the options of " .. name, spec, "table")
  if type(spec.type) ~= "string" then
    fail("'%s' needs a type: the plugin, like type = \"sqlite\"", name)
  end
  if is_sink and spec.topics == nil and spec.topic == nil then
    fail("the sink '%s' needs topics", name)
  end
  local topics = spec.topics or spec.topic
  local options = {}
  for option, value in pairs(spec) do
    check_type("the name of an option", option, "string")
    if option ~= "type" and option ~= "topics" and option ~= "topic" then
      if type(value) == "table" then
        value = table.concat(check_list(option, value), ",")
      end
      check_type(("the option '%s'"):format(option), value, "string", "number", "boolean")
      options[#options + 1] = { name = option, value = tostring(value) }
    end
  end
  table.sort(options, function(a, b) return a.name < b.name end)
  for _, other in ipairs(app.connectors) do
    if other.name == name then
      fail("there are two connectors named '%s'", name)
    end
  end
  app.connectors[#app.connectors + 1] = {
    name = name, type = spec.type, is_sink = is_sink, place = host.place(), options = options,
    topics = topics and check_list("the topics of " .. name, topics) or {},
  }
  return app
end

function App:source(name, spec)
  return add_connector(self, name, spec, false)
end

function App:sink(name, spec)
  return add_connector(self, name, spec, true)
end

function S.app(name)
  check_type("the name of an app", name, "string")
  return setmetatable({
    name = name, nodes = {}, topics = {}, connectors = {}, sources = {}, place = host.place(),
  }, app_meta)
end

local KV = set("name", "memory", "changelog", "value")

function S.kv(options)
  options = check_fields("S.kv", options or {}, KV)
  return {
    kind = "kv", name = options.name, is_memory = options.memory or false,
    has_changelog = options.changelog ~= false, value = options.value or "json",
  }
end

function S.array(list)
  return setmetatable(list or {}, host.array)
end

local TINY = set("name", "input", "output", "value", "time", "key", "stores", "every", "errors",
  "init", "process", "close")

local function from_tiny(spec, name)
  check_fields("the returned table", spec, TINY)
  if spec.input == nil then
    fail "the returned table needs an input: the topic to read"
  end
  local app = S.app(spec.name or name)
  local stream = app:stream(spec.input, { value = spec.value, time = spec.time })
  if spec.key then
    stream = stream:select_key(spec.key):repartition "by-key"
  end
  stream = stream:process {
    name = "process", stores = spec.stores, init = spec.init, process = spec.process,
    every = spec.every, close = spec.close,
  }
  if spec.output then
    stream:to(spec.output)
  end
  if spec.errors then
    app:errors(spec.errors)
  end
  return app
end

-- Turns what the file returned into an app.
local function finish(result, name)
  if getmetatable(result) == app_meta then
    return result
  end
  if type(result) == "table" and getmetatable(result) == nil then
    return from_tiny(result, name)
  end
  error(("%s: the file must return an app (S.app) or a table with process, not a %s"):format(name,
    type(result)), 0)
end

return S, finish
