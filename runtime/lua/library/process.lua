-- Processors: functions with stores and timers.
local _, lib = ...
local S, set, fail = lib.S, lib.set, lib.fail
local check_type, check_fields = lib.check_type, lib.check_fields
local Stream = lib.Stream

local KV = set("name", "memory", "changelog", "value", "version", "migrate", "ttl")

-- With `ttl` a key that was not written for so long, by the records' time, is not there.
function S.kv(options)
  options = check_fields("S.kv", options or {}, KV)
  return {
    kind = "kv", name = options.name, is_memory = options.memory or false,
    has_changelog = options.changelog ~= false, value = lib.format(options.value or "json"),
    version = options.version and check_type("version", options.version, "number"),
    migrate = options.migrate and check_type("migrate", options.migrate, "function"),
    ttl = lib.span("ttl", options.ttl),
  }
end

local VERSIONED = set("history", "name", "memory", "changelog", "value", "version", "migrate")

-- A store that also knows what was there before, for so long.
function S.versioned(options)
  check_fields("S.versioned", options, VERSIONED)
  if options.history == nil then
    fail "S.versioned needs history, how long the past is kept: { history = \"24h\" }"
  end
  local history = lib.span("history", options.history)
  local store = S.kv {
    name = options.name, memory = options.memory, changelog = options.changelog,
    value = options.value, version = options.version, migrate = options.migrate,
  }
  store.history = history
  return store
end

local WINDOWED = set("retention", "name", "memory", "changelog", "value", "version", "migrate")

-- A store by key and window; what ended so long ago, by the records' time, is not there.
local function windowed(verb, options, has_sessions)
  options = check_fields(verb, options or {}, WINDOWED)
  if options.retention == nil then
    fail(verb .. " needs retention, how long windows are kept: { retention = \"1h\" }")
  end
  local retention = lib.span("retention", options.retention)
  local store = S.kv {
    name = options.name, memory = options.memory, changelog = options.changelog,
    value = options.value, version = options.version, migrate = options.migrate,
  }
  store.retention = retention
  store.has_sessions = has_sessions
  return store
end

function S.window_store(options)
  return windowed("S.window_store", options, false)
end

function S.session_store(options)
  return windowed("S.session_store", options, true)
end

local CTX = set("emit", "forward", "now", "stream_time")

local function store_entry(alias, store)
  if type(store) ~= "table" or rawget(store, "kind") ~= "kv" then
    fail("the store '%s' must be made by S.kv, S.versioned, S.window_store or S.session_store, "
      .. "or be a table of the app", alias)
  end
  return { name = store.name or alias, alias = alias, store = store }
end

-- A table, or a global one, is read where it is kept; nil for what is none.
local function table_entry(alias, it)
  local entry
  if lib.is_global(it) then
    entry = lib.global_store(rawget(it, "store"))
  elseif type(it) == "table" and getmetatable(it) == lib.table_meta then
    if not rawget(it, "store") then
      fail("the rows of '%s' are not kept as a table: :to_stream():to_table { name = \"...\" } "
        .. "keeps them", alias)
    end
    entry = lib.table_store(rawget(it, "store"), rawget(it, "versioned"))
  else
    return nil
  end
  entry.alias = alias
  entry.is_table = true
  return entry
end

function lib.list_stores(stores)
  local list = {}
  for name, store in pairs(check_type("stores", stores or {}, "table")) do
    if type(name) ~= "string" then
      fail "stores says which is which: stores = { seen = S.kv {} } is ctx.seen"
    end
    if CTX[name] then
      fail("the store '%s' would hide ctx:%s(): give it another name", name, name)
    end
    list[#list + 1] = table_entry(name, store) or store_entry(name, store)
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
  local fields = { name = spec.name, stores = lib.list_stores(spec.stores), timers = {} }
  fields.fn = check_type("process", spec.process, "function")
  fields.init = spec.init and check_type("init", spec.init, "function")
  fields.close = spec.close and check_type("close", spec.close, "function")
  if type(spec.every or {}) ~= "table" then
    fail "every says what is called when: every = { [\"10s\"] = function(now, ctx) end }"
  end
  for interval, fn in pairs(spec.every or {}) do
    if type(interval) ~= "string" then
      fail("a timer stands under its interval, a text, not under the %s %s: every = { [\"10s\"] = "
        .. "function(now, ctx) end }", type(interval), tostring(interval))
    end
    lib.need_span("the interval of a timer", (interval:gsub("^stream:", "")))
    check_type(("the timer '%s'"):format(interval), fn, "function")
    fields.timers[#fields.timers + 1] = { interval = interval, fn = fn }
  end
  table.sort(fields.timers, function(a, b) return a.interval < b.interval end)
  if not fields.name and fields.stores[1] then
    fields.name = fields.stores[1].name -- a store has a name, so its keeper has one
  end
  return lib.next_node(self, "process", fields)
end
