-- Tests of an application: require "tidemill.test". A file that has some only registers them;
-- `tidemill test` runs them, each with an application made anew.
local host = ...
local S = require "tidemill"
local T = {}

local function shown(value)
  if type(value) == "string" then
    return ("%q"):format(value)
  elseif type(value) == "table" then
    local is_good, text = pcall(S.json.encode, value)
    return is_good and text or "a table"
  end
  return value == S.null and "null" or tostring(value)
end

local function step(path, key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" then
    return path .. "." .. key
  end
  return path .. "[" .. shown(key) .. "]"
end

-- The first difference: its path and a sentence; nil when there is none.
local function difference(got, wanted, path)
  if type(got) ~= "table" or type(wanted) ~= "table" then
    if got == wanted then
      return nil
    end
    return path, ("%s, not %s"):format(shown(got), shown(wanted))
  end
  for key, value in pairs(wanted) do
    local place, text = difference(got[key], value, step(path, key))
    if place then
      return place, text
    end
  end
  for key, value in pairs(got) do
    if wanted[key] == nil then
      return step(path, key), shown(value) .. ", not nil"
    end
  end
end

function T.equal(got, wanted)
  local path, text = difference(got, wanted, "")
  if path then
    host.fail((path == "" and "the value" or path) .. " is " .. text)
  end
end

local Store = {}
Store.__index = Store

-- Of windows the first of the key, or that which begins at `window_start`.
function Store:get(key, window_start)
  key = type(key) == "number" and tostring(key) or key
  for _, entry in ipairs(host.entries(self.name)) do
    if entry.key == key and (window_start == nil or entry.window_start == window_start) then
      return entry.value
    end
  end
end

function Store:size()
  return #host.entries(self.name)
end

function Store:pairs()
  local entries, index = host.entries(self.name), 0
  return function()
    index = index + 1
    local entry = entries[index]
    if entry then
      return entry.key, entry.value, entry.window_start, entry.window_end
    end
  end
end

-- Instead of Lua's own words for a call of nil.
local function fail_unknown(what, methods)
  return function(_, name)
    local names = {}
    for known in pairs(methods) do
      names[#names + 1] = known
    end
    table.sort(names)
    host.fail(("%s has no '%s': it has %s"):format(what, tostring(name), table.concat(names, ", ")))
  end
end

local Driver = {}
local driver_meta = { __index = function(driver, name)
  return Driver[name] or fail_unknown("a driver", Driver)(driver, name)
end }

function Driver:send(topic, record)
  record = record or {}
  if type(topic) ~= "string" or type(record) ~= "table" then
    host.fail "send needs a topic and a record: d:send(\"topic\", { key = ..., value = ... })"
  end
  local headers = {}
  for name, value in pairs(record.headers or {}) do
    headers[#headers + 1] = tostring(name)
    headers[#headers + 1] = value ~= S.null and tostring(value) or S.null
  end
  for name in pairs(record) do
    if name ~= "key" and name ~= "value" and name ~= "ts" and name ~= "headers"
      and name ~= "partition" then
      host.fail(("a record has no field '%s': it has key, value, ts, headers, partition")
        :format(tostring(name)))
    end
  end
  host.send(topic, record.key, record.value, record.ts, headers, record.partition)
end

function Driver:take(topic)
  local records = {}
  local record = host.take(topic)
  while record do
    records[#records + 1] = record
    record = host.take(topic)
  end
  return records
end

function Driver:take_one(topic)
  local records = self:take(topic)
  if #records ~= 1 then
    host.fail(("there are %d records in %s, not one"):format(#records, topic))
  end
  return records[1]
end

function Driver:store(name)
  host.entries(name) -- complains of a name that is none
  return setmetatable({ name = name }, Store)
end

function Driver:advance(span)
  host.advance(span)
end

for _, name in ipairs { "commit", "crash", "restart", "rebalance" } do
  Driver[name] = function()
    host.step(name)
  end
end

-- T.driver "other.lua" or T.driver { app = ..., partitions = 2, commits = "explicit" }
function T.driver(options)
  options = type(options) == "string" and { app = options } or options or {}
  for name in pairs(options) do
    if name ~= "app" and name ~= "partitions" and name ~= "commits" and name ~= "topics" then
      host.fail(("a driver has no option '%s': it has app, partitions, commits, topics")
        :format(tostring(name)))
    end
  end
  if options.commits ~= nil and options.commits ~= "explicit" and options.commits ~= "auto" then
    host.fail "commits is \"auto\" or \"explicit\""
  end
  if options.topics ~= nil and type(options.topics) ~= "table" then
    host.fail "topics is a list of names"
  end
  host.begin(options.app, options.partitions or 1, options.commits == "explicit",
    options.topics or {})
  return setmetatable({}, driver_meta)
end

-- T.test(name, body) or T.test(name, options, body): options as of T.driver; the body is given the
-- driver. With app = false it is given none and calls T.driver itself.
function T.test(name, options, body)
  if body == nil then
    options, body = {}, options
  end
  if type(name) ~= "string" or type(options) ~= "table" or type(body) ~= "function" then
    host.fail "a test needs a name and a function: T.test(\"name\", function(d) ... end)"
  end
  host.add(name, function()
    if options.app == false then
      body()
    else
      body(T.driver(options))
    end
  end)
end

return setmetatable(T, { __index = fail_unknown("the module", T) })
