-- Writes a file as a C array: lua5.4 embed.lua INPUT OUTPUT NAME
-- OUTPUT defines `const unsigned char NAME[]` and `const size_t NAME_size`.
local input, output, name = arg[1], arg[2], arg[3]
local file = assert(io.open(input, "rb"))
local text = file:read("a")
file:close()
local out = {
  "/* Made from " .. input:match("[^/]*$") .. " by scripts/gen/embed.lua. */\n",
  "#include <stddef.h>\n\n",
  ("extern const unsigned char %s[];\n"):format(name),
  ("extern const size_t %s_size;\n\n"):format(name),
  ("const unsigned char %s[] = {"):format(name),
}
for i = 1, #text do
  out[#out + 1] = (i % 20 == 1 and "\n    " or " ") .. text:byte(i) .. ","
end
out[#out + 1] = ("\n};\nconst size_t %s_size = %d;\n"):format(name, #text)
file = assert(io.open(output, "wb"))
file:write(table.concat(out))
file:close()
