-- Makes the words of tests/conformance/cases.tsv a script: this text stands in front of them.
--
-- The words name nothing, give times as numbers and have text as values, as the topologies that
-- Kafka Streams was asked have. So `app` here is one that names each step, writes times as spans
-- and reads and writes text.
local T = require "tidemill"
local S = T

local function plain(value)
  if value ~= S.null and type(value) == "userdata" then
    value = value.value -- a record
  end
  if value == S.null then
    return nil
  end
  return value
end

local function text(value)
  value = plain(value)
  return value == nil and "~" or tostring(value)
end

local function keep(value)
  return value:sub(-8)
end

local function concat(a, v) return keep(text(a) .. text(v)) end
local function merge(l, r) return keep(text(l) .. "|" .. text(r)) end
-- Java writes a null that is added to a text as "null".
local function java_text(v) return plain(v) == nil and "null" or text(v) end
local function concat_l(a, v) return concat(a, "l" .. java_text(v)) end
local function concat_r(a, v) return concat(a, "r" .. java_text(v)) end
local function plus(a, v) return concat(a, "+" .. text(v)) end
local function minus(a, v) return concat(a, "-" .. text(v)) end
local function pair(l, r) return text(l) .. ":" .. text(r) end
local function rest(v) return text(v):sub(2) end
local function mark(v) return "m" .. text(v) end
local function half(v) return tostring(tonumber(plain(v)) // 2) end
local function is_null(v) return plain(v) == nil end
local function number(v) return math.tointeger(text(v)) end
local function sum(a, v) return tostring(number(a) + number(v)) end
local function difference(a, v) return tostring(number(a) - number(v)) end

local function concat_or_delete(a, v)
  return text(v):sub(-1) == "7" and S.null or concat(a, v)
end

local function first(v)
  v = plain(v)
  if v == nil or v:sub(1, 1) == "-" then
    return S.null
  end
  return v:sub(1, 1)
end

local function last_digit(v)
  v = plain(v)
  return v == nil and S.null or v:sub(-1)
end

local function is_even(v)
  v = plain(v)
  return v ~= nil and tonumber(v) % 2 == 0
end

local function ends_even(v)
  return is_even(text(v):sub(-1))
end

local function digits(r)
  local list = {}
  for digit in text(r):gmatch "." do
    list[#list + 1] = { key = (r.key or "~") .. digit }
  end
  return list
end

local function put_and_look(r, ctx)
  if r.key == nil then
    return nil
  end
  local function look(value, from)
    return value == nil and "~" or value .. "@" .. from
  end
  local to = ctx.v:put(r.key, plain(r), r.ts)
  local told = {
    tostring(to == false and math.mininteger or to or -1), look(ctx.v:get(r.key)),
  }
  for i, back in ipairs { 0, 7, 19, 20, 21, 40 } do
    told[i + 2] = look(ctx.v:as_of(r.key, ctx:stream_time() - back))
  end
  return { value = table.concat(told, " ") }
end

local count = 0
local function fix(options, fields)
  local fixed = {}
  for name, value in pairs(options or {}) do
    fixed[name] = type(value) == "number" and value .. "ms" or value
  end
  for name, value in pairs(fields or {}) do
    fixed[name] = value
  end
  return fixed
end

local function named(options, fields)
  count = count + 1
  local fixed = fix(options, fields)
  fixed.name = "step" .. count
  return fixed
end

local function join(other, options, fn)
  if type(options) == "function" then
    options, fn = {}, options
  end
  return other, named(options), fn
end

local function aggregate(spec)
  local fixed = named()
  for name, value in pairs(spec) do
    fixed[name] = value
  end
  if fixed.sub == minus then
    fixed.add = plus
  end
  return fixed
end

local methods = {
  stream = function(topic) return topic, { value = "text" } end,
  table = function(topic, options) return topic, named(options, { value = "text" }) end,
  global_table = function(topic, options) return topic, named(options, { value = "text" }) end,
  to_table = function() return named() end,
  filter = function(condition) return condition end,
  map_values = function(fn) return fn end,
  join = join, left_join = join, outer_join = join,
  count = aggregate, aggregate = aggregate,
  reduce = function(spec)
    return aggregate { fn = spec.fn or spec.add, sub = spec.sub }
  end,
  process = named,
  suppress = function(spec) return named({ every = spec.every }, { max = spec.records }) end,
  to = function(topic)
    if type(topic) == "table" then
      return topic -- of the arms of a branch
    end
    return topic, { value = "text" }
  end,
}

-- What is said in another word here.
local ours = { suppress = "emit" }

local own = {}
local wrap

local function unwrap(value, ...)
  if value == nil then
    return
  end
  return own[value] or value, unwrap(...)
end

-- An object of the library whose methods take what the words give.
function wrap(object)
  if type(object) ~= "table" then
    return object
  end
  local proxy = setmetatable({}, { __index = function(_, name)
    if type(rawget(object, name)) == "table" then
      return wrap(object[name])
    end
    return function(_, ...)
      local arguments = methods[name] and table.pack(methods[name](...)) or table.pack(...)
      return wrap(object[ours[name] or name](object,
        unwrap(table.unpack(arguments, 1, arguments.n))))
    end
  end })
  own[proxy] = object
  return proxy
end

-- Windows with spans as numbers in one table.
local function windows(name)
  return function(spec)
    local options = { grace = spec.grace }
    if name == "hopping" then
      return T.hopping(spec.size, spec.advance, options)
    end
    return T[name](spec.size or spec.gap, options)
  end
end

local S = setmetatable({
  tumbling = windows "tumbling", hopping = windows "hopping", sliding = windows "sliding",
  session = windows "session",
  cogroup = function(members)
    local plain_members = {}
    for i, member in ipairs(members) do
      plain_members[i] = { unwrap(member[1]), add = member.add }
    end
    return wrap(T.cogroup(plain_members))
  end,
  versioned = function(spec) return T.versioned { history = spec.history, value = "text" } end,
}, { __index = T })

local the_app = S.app "app"
local app = wrap(the_app)
