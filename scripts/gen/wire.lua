-- Turns the message schemas into C structs and field tables for log/wire.
-- Usage: wire.lua HEADER TABLES SCHEMA...
--
-- A schema file says what is in a message and in which versions:
--
--   api { name = "Produce", key = 0, versions = "3-13", flexible = 9 }
--   request {
--     { "transactional_id", "string?", default = null },
--     { "node_endpoints", "10+", tag = 0, array "node_endpoint" { ... } },
--   }
--   response { ... }
--   record { name = "offset_commit_key", versions = "0-1" } { ... }     a stored record
--
-- A field is its name, its type and, unless its parent's versions are meant, its versions ("4+",
-- "2-7", "3"). A type is a primitive ("int32"), an array of primitives ("int32[]"), or
-- `array "element" { fields }` or `struct "element" { fields }`. "?" or `nullable = true` allows
-- null wherever the field is, `nullable = "10+"` from a version on. `tag` makes it a tagged field
-- (KIP-482). `default` is the value of a field that was not sent: a number, true, or null.
-- Element names are unique in a message: `struct produce_request_partition`.
--
-- A schema that contradicts itself is refused with the place of the fault.

local VERSION_NEVER = 32767

local PRIMITIVES = {
  bool = "bool", int8 = "int8_t", int16 = "int16_t", int32 = "int32_t", int64 = "int64_t",
  uint16 = "uint16_t", uint32 = "uint32_t", float64 = "double", uuid = "struct wire_uuid",
  string = "struct bytes", bytes = "struct bytes", records = "struct bytes",
}

local INTEGER_RANGES = {
  bool = { 0, 1 },
  int8 = { -0x80, 0x7f },
  int16 = { -0x8000, 0x7fff },
  int32 = { -0x80000000, 0x7fffffff },
  int64 = { math.mininteger, math.maxinteger },
  uint16 = { 0, 0xffff },
  uint32 = { 0, 0xffffffff },
}

local NULLABLE = { string = true, bytes = true, records = true, array = true, struct = true }

local null = setmetatable({}, { __tostring = function() return "null" end })

-- Reading the schemas -----------------------------------------------------------------------

local function fail(place, text, ...)
  error(place .. ": " .. string.format(text, ...), 0)
end

-- "4+", "2-7" or "3" as first and last version.
local function parse_versions(place, text, last)
  local low, high = text:match("^(%d+)%-(%d+)$")
  if not low then
    low, high = text:match("^(%d+)%+$"), last
  end
  if not low then
    low = text:match("^(%d+)$")
    high = low
  end
  if not low then
    fail(place, "'%s' are no versions", text)
  end
  low, high = tonumber(low), tonumber(high)
  if low > high then
    fail(place, "versions '%s' are empty", text)
  end
  return low, high
end

-- "ProduceRequest" and "InitProducerId" as produce_request and init_producer_id.
local function snake_case(name)
  return (name:gsub("(%l)(%u)", "%1_%2"):lower())
end

local function nested(kind)
  return function(element)
    return function(fields)
      return { kind = kind, element = element, fields = fields }
    end
  end
end

-- The words a schema file may use; it sees nothing else.
local function schema_words(path, messages, apis)
  local words = {
    null = null, array = nested("array"), struct = nested("struct"),
    INT32_MIN = -0x80000000, INT32_MAX = 0x7fffffff, INT64_MAX = math.maxinteger,
  }
  local current
  local function add_message(kind)
    return function(fields)
      if not current then
        fail(path, "%s stands before its api", kind)
      end
      local message = {
        name = snake_case(current.name) .. "_" .. kind, key = current.key, path = path,
        versions = current.versions, flexible = current.flexible,
        is_request = kind == "request", fields = fields,
      }
      current[kind] = message
      messages[#messages + 1] = message
    end
  end
  words.request, words.response = add_message("request"), add_message("response")
  function words.api(head)
    current = { name = head.name, key = head.key, versions = head.versions,
                flexible = head.flexible, path = path }
    apis[#apis + 1] = current
  end
  function words.record(head)
    return function(fields)
      messages[#messages + 1] = { name = head.name, key = -1, path = path,
        versions = head.versions, flexible = head.flexible, is_request = false, fields = fields }
    end
  end
  return setmetatable(words, { __index = function(_, word)
    fail(path, "unknown word '%s'", word)
  end })
end

local function load_schemas(paths)
  local messages, apis = {}, {}
  for _, path in ipairs(paths) do
    assert(loadfile(path, "t", schema_words(path, messages, apis)))()
  end
  table.sort(apis, function(left, right) return left.key < right.key end)
  return messages, apis
end

-- Judging and completing the fields ---------------------------------------------------------

local function check_default(place, field)
  local default = field.default
  if default == nil then
    return
  end
  if default == null then
    if field.nullable_since > field.since then
      fail(place, "null is the default but not allowed in every version")
    end
    return
  end
  local range = INTEGER_RANGES[field.kind]
  local number = default == true and 1 or default == false and 0 or default
  if not range or math.type(number) ~= "integer" then
    fail(place, "a %s cannot have the default %s", field.kind, tostring(default))
  end
  if number < range[1] or number > range[2] then
    fail(place, "the default %d does not fit", number)
  end
end

local function check_tag(place, field, message)
  if not field.tag then
    return
  end
  if field.tag < 0 or field.since < message.flexible then
    fail(place, "a tag needs a flexible version")
  end
end

local function parse_nullable(place, field, raw)
  local since = VERSION_NEVER
  if raw.nullable == true or field.is_marked_nullable then
    since = field.since
  elseif raw.nullable then
    local last
    since, last = parse_versions(place, raw.nullable, field.until_)
    if since < field.since or last ~= field.until_ then
      fail(place, "nullable %s is outside the field's versions", raw.nullable)
    end
  end
  if since ~= VERSION_NEVER and not NULLABLE[field.kind] then
    fail(place, "a %s cannot be null", field.kind)
  end
  if field.kind == "struct" and since ~= VERSION_NEVER and since > field.since then
    fail(place, "a struct is nullable in all its versions or in none")
  end
  return since
end

-- Fills in kind and, for what has elements, element_kind or element and fields.
local function parse_type(place, field, type_)
  if type(type_) == "table" then
    field.kind, field.element, field.raw_fields = type_.kind, type_.element, type_.fields
    return
  end
  local base, brackets, mark = type_:match("^(%w+)(%[?%]?)(%??)$")
  if not base or not PRIMITIVES[base] then
    fail(place, "'%s' is no type", type_)
  end
  field.is_marked_nullable = mark == "?"
  if brackets == "[]" then
    field.kind, field.element_kind = "array", base
  else
    field.kind = base
  end
end

local complete_fields

local function complete_field(raw, message, struct_name, first, last)
  local name = raw[1]
  local place = message.path .. ": " .. struct_name .. "." .. tostring(name)
  if type(name) ~= "string" or not name:match("^%l[%l%d_]*$") then
    fail(place, "'%s' is no name", tostring(name))
  end
  local type_, versions = raw[2], raw[3]
  if type(type_) == "string" and type_:match("^%d") then
    type_, versions = versions, type_
  end
  local field = { name = name, tag = raw.tag, default = raw.default }
  parse_type(place, field, type_)
  field.since, field.until_ = first, last
  if versions then
    field.since, field.until_ = parse_versions(place, versions, last)
    if field.since < first or field.until_ > last then
      fail(place, "versions %s are outside %d-%d", versions, first, last)
    end
  end
  field.nullable_since = parse_nullable(place, field, raw)
  check_default(place, field)
  check_tag(place, field, message)
  if field.raw_fields then
    field.struct_name = message.name .. "_" .. field.element
    if message.struct_names[field.struct_name] then
      fail(place, "element '%s' is there twice", field.element)
    end
    message.struct_names[field.struct_name] = true
    field.fields = complete_fields(field.raw_fields, message, field.struct_name, field.since,
                                   field.until_)
  end
  return field
end

-- Every version of a struct needs a byte on the wire, or array counts could not be bounded.
local function check_never_empty(fields, message, struct_name, first, last)
  for version = first, math.min(last, message.flexible - 1) do
    local is_carried = false
    for _, field in ipairs(fields) do
      is_carried = is_carried or (field.since <= version and version <= field.until_)
    end
    if not is_carried then
      fail(message.path .. ": " .. struct_name, "is empty in version %d", version)
    end
  end
end

function complete_fields(raw_fields, message, struct_name, first, last)
  local fields, names, tag = {}, {}, -1
  for _, raw in ipairs(raw_fields) do
    local field = complete_field(raw, message, struct_name, first, last)
    local place = message.path .. ": " .. struct_name .. "." .. field.name
    if names[field.name] then
      fail(place, "is there twice")
    end
    names[field.name] = true
    if field.tag then
      if field.tag <= tag then
        fail(place, "tags must ascend")
      end
      tag = field.tag
    end
    fields[#fields + 1] = field
  end
  if struct_name ~= message.name then
    check_never_empty(fields, message, struct_name, first, last)
  end
  return fields
end

local function complete_message(message, names)
  local place = message.path .. ": " .. message.name
  if names[message.name] then
    fail(place, "is there twice")
  end
  names[message.name] = true
  message.lowest, message.highest = parse_versions(place, message.versions, nil)
  message.flexible = message.flexible or VERSION_NEVER
  if message.flexible ~= VERSION_NEVER and message.flexible > message.highest then
    fail(place, "flexible %d is past the last version", message.flexible)
  end
  message.struct_names = {}
  message.fields = complete_fields(message.fields, message, message.name, message.lowest,
                                   message.highest)
end

local function check_apis(apis)
  for index, api in ipairs(apis) do
    if not api.request or not api.response then
      fail(api.path, "%s lacks its request or response", api.name)
    end
    if index > 1 and apis[index - 1].key == api.key then
      fail(api.path, "key %d is taken by %s", api.key, apis[index - 1].name)
    end
  end
end

-- Writing C -----------------------------------------------------------------------------------

local Output = {}
Output.__index = Output

function Output:line(text, ...)
  self[#self + 1] = select("#", ...) > 0 and text:format(...) or text
end

function Output:save(path)
  local file = assert(io.open(path, "w"))
  file:write(table.concat(self, "\n"), "\n")
  file:close()
end

local function new_output()
  return setmetatable({}, Output)
end

local function member_lines(out, field)
  if field.kind == "array" then
    local item = field.struct_name and "struct " .. field.struct_name
                 or PRIMITIVES[field.element_kind]
    out:line("    struct {")
    out:line("        %s *items;", item)
    out:line("        int32_t count;")
    out:line("    } %s;", field.name)
  elseif field.kind == "struct" then
    local star = field.nullable_since == VERSION_NEVER and "" or "*"
    out:line("    struct %s %s%s;", field.struct_name, star, field.name)
  else
    out:line("    %s %s;", PRIMITIVES[field.kind], field.name)
  end
end

local function write_struct(out, name, fields)
  for _, field in ipairs(fields) do
    if field.fields then
      write_struct(out, field.struct_name, field.fields)
    end
  end
  out:line("struct %s {", name)
  if #fields == 0 then
    out:line("    char unused; /* no version carries a field */")
  end
  for _, field in ipairs(fields) do
    member_lines(out, field)
  end
  out:line("};\n")
end

local function c_version(version)
  return version == VERSION_NEVER and "INT16_MAX" or tostring(version)
end

local function c_integer(value)
  if value == math.mininteger then
    return "INT64_MIN"
  end
  return ("INT64_C(%d)"):format(value)
end

local function field_row(out, struct_name, field)
  local parts = {
    (".name = %q"):format(field.name),
    (".kind = WIRE_%s"):format(field.kind:upper()),
    (".offset = offsetof(struct %s, %s)"):format(struct_name, field.name),
    (".since = %d"):format(field.since),
    (".until = %d"):format(field.until_),
    (".tag = %d"):format(field.tag or -1),
    (".nullable_since = %s"):format(c_version(field.nullable_since)),
  }
  if field.default == null then
    parts[#parts + 1] = ".is_fallback_null = true"
  elseif field.default then
    parts[#parts + 1] = ".fallback = " .. c_integer(field.default == true and 1 or field.default)
  end
  if field.fields then
    if field.kind == "array" then
      parts[#parts + 1] = ".element_kind = WIRE_STRUCT"
    end
    parts[#parts + 1] = (".element = %s_fields"):format(field.struct_name)
    parts[#parts + 1] = (".element_size = sizeof(struct %s)"):format(field.struct_name)
  elseif field.element_kind then
    parts[#parts + 1] = ".element_kind = WIRE_" .. field.element_kind:upper()
    parts[#parts + 1] = (".element_size = sizeof(%s)"):format(PRIMITIVES[field.element_kind])
  end
  out:line("    {%s},", table.concat(parts, ",\n     "))
end

local function write_table(out, name, fields)
  for _, field in ipairs(fields) do
    if field.fields then
      write_table(out, field.struct_name, field.fields)
    end
  end
  out:line("static const struct wire_field %s_fields[] = {", name)
  for _, field in ipairs(fields) do
    field_row(out, name, field)
  end
  out:line("    {.kind = WIRE_END},")
  out:line("};\n")
end

local function write_schema(out, message)
  out:line("const struct wire_schema %s_schema = {", message.name)
  out:line("    .name = %q,", message.name)
  out:line("    .key = %d,", message.key)
  out:line("    .is_request = %s,", tostring(message.is_request))
  out:line("    .lowest = %d,", message.lowest)
  out:line("    .highest = %d,", message.highest)
  out:line("    .flexible = %s,", c_version(message.flexible))
  out:line("    .fields = %s_fields,", message.name)
  out:line("    .size = sizeof(struct %s),", message.name)
  out:line("};\n")
end

local function write_header(messages, apis)
  local out = new_output()
  out:line("/* The Kafka messages. Generated by scripts/gen/wire.lua from log/wire/schema; do not")
  out:line(" * edit. */")
  out:line("#pragma once\n")
  out:line('#include "log/wire/frame.h"\n')
  out:line("enum {")
  for _, api in ipairs(apis) do
    out:line("    API_%s = %d,", snake_case(api.name):upper(), api.key)
  end
  out:line("};\n")
  for _, message in ipairs(messages) do
    write_struct(out, message.name, message.fields)
    out:line("extern const struct wire_schema %s_schema;\n", message.name)
  end
  out:line("/* Every API, ordered by key. */")
  out:line("enum { FRAME_API_COUNT = %d };", #apis)
  out:line("extern const struct frame_api frame_apis[FRAME_API_COUNT];\n")
  out:line("/* Every message and record, in the order of the schema files. */")
  out:line("enum { WIRE_SCHEMA_COUNT = %d };", #messages)
  out:line("extern const struct wire_schema *const wire_schemas[WIRE_SCHEMA_COUNT];")
  return out
end

local function write_tables(messages, apis)
  local out = new_output()
  out:line("/* The field tables of the Kafka messages. Generated by scripts/gen/wire.lua from")
  out:line(" * log/wire/schema; do not edit. */")
  out:line('#include "log/wire/messages.h"\n')
  out:line("#include <stddef.h>\n")
  for _, message in ipairs(messages) do
    write_table(out, message.name, message.fields)
    write_schema(out, message)
  end
  out:line("const struct frame_api frame_apis[FRAME_API_COUNT] = {")
  for _, api in ipairs(apis) do
    out:line("    {.name = %q, .key = %d, .request = &%s_schema, .response = &%s_schema},",
             api.name, api.key, api.request.name, api.response.name)
  end
  out:line("};\n")
  out:line("const struct wire_schema *const wire_schemas[WIRE_SCHEMA_COUNT] = {")
  for _, message in ipairs(messages) do
    out:line("    &%s_schema,", message.name)
  end
  out:line("};")
  return out
end

local function main(header_path, tables_path, ...)
  local messages, apis = load_schemas({ ... })
  local names = {}
  for _, message in ipairs(messages) do
    complete_message(message, names)
  end
  check_apis(apis)
  write_header(messages, apis):save(header_path)
  write_tables(messages, apis):save(tables_path)
end

local is_done, fault = pcall(main, ...)
if not is_done then
  io.stderr:write("wire.lua: ", tostring(fault), "\n")
  os.exit(1)
end
