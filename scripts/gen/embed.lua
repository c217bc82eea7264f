-- Writes Lua files as C arrays: lua5.4 embed.lua OUTPUT LIST INPUT...
-- OUTPUT defines LIST, a list of runtime/lua/library.h, in the order of the inputs.
local output, list = arg[1], arg[2]
local out = { "/* Made by scripts/gen/embed.lua. */\n#include \"runtime/lua/library.h\"\n" }
local rows = {}
for i = 3, #arg do
  local name = arg[i]:match("[^/]*$")
  local file = assert(io.open(arg[i], "rb"))
  local text = file:read("a")
  file:close()
  local array = "text_" .. name:gsub("%W", "_")
  out[#out + 1] = ("\n/* %s */\nstatic const unsigned char %s[] = {"):format(name, array)
  for j = 1, #text do
    out[#out + 1] = (j % 20 == 1 and "\n    " or " ") .. text:byte(j) .. ","
  end
  out[#out + 1] = "\n};\n"
  rows[#rows + 1] = ("    {\"%s\", %s, sizeof %s},\n"):format(name, array, array)
end
out[#out + 1] = "\nconst struct library_file " .. list .. "[] = {\n" .. table.concat(rows)
  .. "    {NULL, NULL, 0},\n};\n"
local file = assert(io.open(output, "wb"))
file:write(table.concat(out))
file:close()
