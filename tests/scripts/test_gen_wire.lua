-- Shows that scripts/gen/wire.lua refuses schemas that contradict themselves, one fault at a time,
-- and says where, and that it accepts each of them without the fault.
--
--     lua5.4 tests/scripts/test_gen_wire.lua PATH_OF_GENERATOR

local generator = arg[1]
local schema_path, output_path = os.tmpname(), os.tmpname()

local function generate(text)
  local file = assert(io.open(schema_path, "w"))
  file:write(text)
  file:close()
  local pipe = assert(io.popen(("lua5.4 '%s' '%s.h' '%s.c' '%s' 2>&1"):format(
    generator, output_path, output_path, schema_path)))
  local complaint = pipe:read("a")
  return pipe:close() == true, complaint
end

local count = 0

local function expect(complaint, text)
  local is_good, said = generate(text)
  if complaint == nil then
    assert(is_good, said)
  elseif is_good or not said:find(complaint, 1, true) then
    error(("'%s' was not said of:\n%s\nbut: %s"):format(complaint, text, said))
  end
  count = count + 1
end

-- A message of versions 1 to 5, flexible from 3 on, with these fields.
local function fields(text)
  return 'record { name = "thing", versions = "1-5", flexible = 3 } {\n' .. text .. "\n}\n"
end

expect(nil, fields '{ "a", "int32" }, { "b", "string?", "2+" }, { "c", "int8", "3+", tag = 0 }')

-- Versions.
expect(nil, fields '{ "a", "int32", "1-5" }')
expect("outside 1-5", fields '{ "a", "int32", "0+" }')
expect("outside 1-5", fields '{ "a", "int32", "4-6" }')
expect("are empty", fields '{ "a", "int32", "3-2" }')
expect("are no versions", fields '{ "a", "int32", "new" }')
expect("outside 2-3", fields '{ "a", "2-3", array "b" { { "c", "int8", "2-4" } } }')
expect("is empty in version 1", fields '{ "a", array "b" { { "c", "int8", "2+" } } }')
expect("past the last version", 'record { name = "x", versions = "0-1", flexible = 2 } {}')

-- Null.
expect(nil, fields '{ "a", "string", nullable = "2+" }')
expect("outside the field's versions", fields '{ "a", "string", "3+", nullable = "2+" }')
expect("outside the field's versions", fields '{ "a", "string", nullable = "2-3" }')
expect("cannot be null", fields '{ "a", "int32?" }')
expect("in all its versions or in none",
       fields '{ "a", nullable = "3+", struct "b" { { "c", "int8" } } }')

-- Defaults.
expect(nil, fields '{ "a", "int16", default = -32768 }')
expect("does not fit", fields '{ "a", "int16", default = 32768 }')
expect("cannot have the default", fields '{ "a", "string", default = 5 }')
expect("not allowed in every version", fields '{ "a", "string", default = null }')
expect("not allowed in every version", fields '{ "a", "string", nullable = "2+", default = null }')

-- Tags.
expect("needs a flexible version", fields '{ "a", "int8", "2+", tag = 0 }')
expect("must ascend", fields '{ "a", "int8", "3+", tag = 1 }, { "b", "int8", "3+", tag = 0 }')
expect("must ascend", fields '{ "a", "int8", "3+", tag = 1 }, { "b", "int8", "3+", tag = 1 }')

-- Names and types.
expect("is there twice", fields '{ "a", "int8" }, { "a", "int8" }')
expect("is there twice",
       fields '{ "a", array "e" { { "x", "int8" } } }, { "b", array "e" { { "x", "int8" } } }')
expect("is no type", fields '{ "a", "int33" }')
expect("is no name", fields '{ "A", "int8" }')
expect("unknown word", fields '{ "a", "int8", default = nulll }')

-- APIs.
local head = 'api { name = "Do", key = %d, versions = "0" }\n'
local both = "request { }\nresponse { }\n"
expect(nil, head:format(1) .. both)
expect("lacks its request or response", head:format(1) .. "request { }\n")
expect("before its api", both)
expect("is taken by", head:format(1) .. both .. head:format(1):gsub("Do", "Undo") .. both)

for _, path in ipairs { schema_path, output_path, output_path .. ".h", output_path .. ".c" } do
  os.remove(path)
end
print(("%d schemas judged"):format(count))
