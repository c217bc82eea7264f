-- Prints the message schemas of log/wire/schema as JSON, for wire.py.
-- Usage: lua5.4 schemas.lua SCHEMA...
--
-- Only requests and responses are printed; the schemas were judged by scripts/gen/wire.lua.

local null = {}

local function quote(text)
  local function escape(character)
    return string.format("\\u%04x", character:byte())
  end
  return '"' .. text:gsub('[%c"\\]', escape) .. '"'
end

local function versions(text, last)
  local low, high = text:match("^(%d+)%-(%d+)$")
  if not low then
    low = text:match("^(%d+)%+?$")
    high = text:sub(-1) == "+" and last or low
  end
  return tonumber(low), tonumber(high)
end

local print_fields

local function print_default(value)
  if value == nil then
    return "false"
  end
  if value == null then
    return '"null"'
  end
  return tostring(value == true and 1 or value)
end

local function print_field(raw, since, until_)
  local type_, field = nil, {}
  for i = 2, #raw do
    local part = raw[i]
    if type(part) == "string" and part:match("^%d") then
      since, until_ = versions(part, until_)
    else
      type_ = part
    end
  end
  local kind, element, mark = type_, nil, ""
  if type(type_) == "table" then
    kind = type_.kind
    field[#field + 1] = '"fields":' .. print_fields(type_.fields, since, until_)
  else
    local base, brackets
    base, brackets, mark = type_:match("^(%w+)(%[?%]?)(%??)$")
    kind, element = brackets == "[]" and "array" or base, base
    field[#field + 1] = '"element":' .. quote(element)
  end
  local nullable_since = 32767
  if raw.nullable == true or mark == "?" then
    nullable_since = since
  elseif raw.nullable then
    nullable_since = versions(raw.nullable, until_)
  end
  return string.format(
    '{"name":%s,"kind":%s,"since":%d,"until":%d,"nullable_since":%d,"tag":%d,"default":%s,%s}',
    quote(raw[1]), quote(kind), since, until_, nullable_since, raw.tag or -1,
    print_default(raw.default), table.concat(field, ","))
end

function print_fields(fields, since, until_)
  local out = {}
  for i, raw in ipairs(fields) do
    out[i] = print_field(raw, since, until_)
  end
  return "[" .. table.concat(out, ",") .. "]"
end

local apis, current = {}, nil

local function nested(kind)
  return function(_)
    return function(fields) return { kind = kind, fields = fields } end
  end
end

local function message(kind)
  return function(fields)
    local low, high = versions(current.versions)
    current[kind] = print_fields(fields, low, high)
  end
end

local words = {
  null = null, array = nested("array"), struct = nested("struct"),
  INT32_MIN = -0x80000000, INT32_MAX = 0x7fffffff, INT64_MAX = math.maxinteger,
  request = message("request"), response = message("response"),
  record = function() return function() end end,
  api = function(head)
    current = head
    apis[#apis + 1] = head
  end,
}

for _, path in ipairs(arg) do
  assert(loadfile(path, "t", words))()
end

local out = {}
for i, api in ipairs(apis) do
  local low, high = versions(api.versions)
  out[i] = string.format(
    '{"name":%s,"key":%d,"lowest":%d,"highest":%d,"flexible":%d,"request":%s,"response":%s}',
    quote(api.name), api.key, low, high, api.flexible or 32767, api.request, api.response)
end
print("[" .. table.concat(out, ",\n") .. "]")
