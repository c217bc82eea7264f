-- What the other files of the library share: judging the shape of what a person wrote.
--
-- The library is what `require "tidemill"` gives to a script: functions that write a plan down as
-- plain tables. Nothing here runs when records are processed. script_plan.c reads the tables; it
-- judges names, paths and conditions, the library judges shapes.
--
-- Every file is called once with the host's functions and the table that the files share:
-- place() of the script's line that called, describe(f), nearest(name, list), null, array's
-- metatable, aggregators (rows), time and json helpers, plain(v).
local host, lib = ...

local S = { null = host.null, time = host.time, json = host.json, table = host.plain,
  ddsketch = host.ddsketch }
lib.S = S

function lib.fail(format, ...)
  local place = host.place()
  error((place and place .. ": " or "") .. format:format(...), 0)
end

local OTHER_NAMES = {
  average = "S.avg is one", mean = "S.avg is one", percentile = "S.quantile is one",
  store = "S.kv, S.versioned, S.window_store and S.session_store make stores",
  key_value_store = "S.kv makes one",
  unlimited = "a group without a window has no end",
  streams_builder = "S.app \"name\" begins an application",
  serdes = "value = \"json\" of a stream says the format",
}

-- Instead of Lua's own words for a call of nil.
setmetatable(S, { __index = function(_, name)
  lib.fail_unknown("S", tostring(name), lib.names(S), OTHER_NAMES)
end })

function lib.check_type(what, value, ...)
  for _, kind in ipairs { ... } do
    if type(value) == kind then
      return value
    end
  end
  if value == nil then
    lib.fail("%s is missing: it must be a %s", what, table.concat({ ... }, " or a "))
  end
  lib.fail("%s must be a %s, not a %s", what, table.concat({ ... }, " or a "), type(value))
end

local fail, check_type = lib.fail, lib.check_type

-- Refuses fields that nobody knows, with the nearest name that somebody does.
function lib.check_fields(what, fields, known)
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

function lib.set(...)
  local result = {}
  for _, name in ipairs { ... } do
    result[name] = true
  end
  return result
end

function lib.check_list(what, value)
  if type(check_type(what, value, "string", "table")) == "string" then
    return { value }
  end
  for _, item in ipairs(value) do
    check_type(what, item, "string")
  end
  if #value == 0 then
    fail("%s is empty", what)
  end
  return value
end

-- The names of a table that are texts, sorted.
function lib.names(...)
  local names = {}
  for _, fields in ipairs { ... } do
    for name in pairs(fields) do
      names[#names + 1] = tostring(name)
    end
  end
  table.sort(names)
  return names
end

-- Refuses a name that nobody knows: with what to write instead, the nearest one, or all there are.
function lib.fail_unknown(what, name, names, hints)
  local snake = name:gsub("%u", function(letter)
    return "_" .. letter:lower()
  end)
  local hint = hints and (hints[name] or hints[snake])
  if hint then
    fail("%s has no '%s': %s", what, name, hint)
  end
  local near = host.nearest(snake, names)
  fail("%s has no '%s'%s", what, name, near and ("; did you mean '%s'?"):format(near)
    or ": it has " .. table.concat(names, ", "))
end

-- A method, for those who write a dot for the colon, too.
function lib.method(name, method, meta)
  return function(self, ...)
    if getmetatable(self) ~= meta then
      fail("%s is called with a colon, :%s(...)", name, name)
    end
    return method(self, ...)
  end
end

-- An object whose unknown methods are refused by name. `hints` has what to write instead, by name.
function lib.class(what, hints)
  local methods = {}
  local meta = {}
  function meta.__index(_, name)
    if methods[name] == nil then
      lib.fail_unknown(what, tostring(name), lib.names(methods), hints)
    end
    return lib.method(name, methods[name], meta)
  end
  return methods, meta
end

-- Steps whose stores the script reads and writes as it likes; all others keep rows of their own.
local OF_SCRIPT = lib.set("process", "plugin")

-- A store that a table, an aggregate or a join keeps is not one that a script may write to.
local function check_stores(app, kind, stores)
  for _, store in ipairs(stores or {}) do
    local is_of_script = not store.is_table and OF_SCRIPT[kind] or false
    local known = app.keepers[store.name]
    if known and known.is_of_script ~= is_of_script then
      fail("the store '%s' is kept by the %s at %s, in its own way: give this one another name, "
        .. "and join with a table to see its rows", store.name, known.kind, known.place or "?")
    end
    app.keepers[store.name] = known
      or { kind = kind, place = host.place(), is_of_script = is_of_script }
  end
end

-- A step of the plan; gives the stream that it leads to.
function lib.add_node(app, kind, parents, fields)
  check_stores(app, kind, fields.stores)
  fields.kind = kind
  fields.parents = parents
  fields.place = host.place()
  if fields.fn then
    fields.detail = host.describe(fields.fn)
  end
  app.nodes[#app.nodes + 1] = fields
  return setmetatable({ app = app, id = #app.nodes }, lib.stream_meta)
end

function lib.next_node(stream, kind, fields)
  return lib.add_node(stream.app, kind, { stream.id }, fields)
end

-- The format of values as JSON text, which is how the plan reader takes it: a name, or a table like
-- { format = "csv", columns = { "a", "b" } }.
function lib.format(value)
  return value ~= nil and S.json.encode(check_type("value", value, "string", "table")) or nil
end

local PER_SECOND = { s = 1, ms = 1000, us = 1000000, ns = 1000000000 }

-- Where a value says the record's time: a path, or { path =, unit = } of the numbers there. Gives
-- the path and how many of them make a second.
function lib.time(value)
  if type(value) ~= "table" then
    return value and check_type("time", value, "string"), nil
  end
  lib.check_fields("time", value, lib.set("path", "unit"))
  local scale = PER_SECOND[value.unit or "ms"]
  if not scale then
    fail("time's unit is one of \"s\", \"ms\", \"us\" and \"ns\", not '%s'", tostring(value.unit))
  end
  return check_type("time's path", value.path, "string"), scale
end

-- A condition is a text for C or a function.
function lib.condition(what, value)
  if type(check_type(what, value, "string", "function")) == "string" then
    return { text = value, detail = value }
  end
  return { fn = value }
end

function lib.named(fields, options)
  if options ~= nil then
    if type(options) ~= "table" then
      fail("the options of this step are a table like { name = \"...\" }, not a %s", type(options))
    end
    lib.check_fields("this step", options, lib.set "name")
    fields.name = options.name and check_type("name", options.name, "string")
  end
  return fields
end

-- What a person set for a plugin, but for the fields that are ours: texts by name, sorted.
function lib.settings(fields, ours)
  local settings = {}
  for name, value in pairs(fields) do
    check_type("the name of an option", name, "string")
    if not ours[name] then
      if type(value) == "table" then
        value = table.concat(lib.check_list(name, value), ",")
      end
      check_type(("the option '%s'"):format(name), value, "string", "number", "boolean")
      settings[#settings + 1] = { name = name, value = tostring(value) }
    end
  end
  table.sort(settings, function(a, b) return a.name < b.name end)
  return settings
end

-- A span of time as text: "1m", or a number of milliseconds. A text without a unit is a slip.
function lib.need_span(what, value)
  check_type(what, value, "string", "number")
  if type(value) == "string" and value:find "^%d+$" then
    fail("%s is \"%s\" without a unit; write \"%ss\", \"%sms\" ..., or a number of milliseconds",
      what, value, value, value)
  end
  return tostring(value)
end

-- The same; nil when there is none.
function lib.span(what, value)
  return value and lib.need_span(what, value) or nil
end

-- How many partitions a topic shall have; nil: as many as the cluster gives.
function lib.partitions(value)
  if value ~= nil and (math.type(value) ~= "integer" or value < 1 or value > 100000) then
    fail("partitions must be an integer from 1 to 100000, not %s",
      type(value) == "table" and "a table" or S.json.encode(value))
  end
  return value
end

function S.array(list)
  return setmetatable(list or {}, host.array)
end
