-- Shows that scripts/tidy.lua notices each thing it checks: a small house without a fault passes,
-- and one fault at a time is planted in it.
--
--     lua5.4 tests/scripts/test_tidy.lua PATH_OF_TIDY PATH_OF_FLOORS

local tidy, floors = arg[1], arg[2]
local house = os.tmpname()
assert(os.remove(house))

local function write(path, text)
  os.execute(("mkdir -p '%s/%s'"):format(house, path:match("^(.*)/")))
  local file = assert(io.open(house .. "/" .. path, "w"))
  file:write(text)
  file:close()
end

local PARAGRAPH = "/* Doors and what lies behind them. */\n"

local function header(body)
  return PARAGRAPH .. "#pragma once\n" .. body
end

local function build()
  os.execute(("rm -rf '%s'; mkdir -p '%s/cmake'; cp '%s' '%s/cmake/floors.cmake'"):format(
    house, house, floors, house))
  write("scripts/gate.lua", "-- Nothing.\n")
  write("log/base/door.h", header("int door_open(int x);\nenum { DOOR_COUNT = 2 };\n"))
  write("log/base/door.c", PARAGRAPH .. '#include "log/base/door.h"\n'
    .. "/* time( in a comment */\nint door_open(int x)\n{\n    return x;\n}\n")
  write("log/store/shelf.h", header('#include "log/base/door.h"\nint shelf_lift(void);\n'))
  write("log/store/shelf.c", PARAGRAPH .. '#include "log/store/shelf.h"\n')
end

local function run()
  local pipe = assert(io.popen(("cd '%s' && lua5.4 '%s' 2>&1"):format(house, tidy)))
  local output = pipe:read("a")
  return output, pipe:close() == true
end

local count = 0

local function expect(complaint, path, text)
  build()
  write(path, text)
  local output, is_good = run()
  if is_good or not output:find(complaint, 1, true) then
    error(("'%s' was not noticed in %s:\n%s"):format(complaint, path, output))
  end
  count = count + 1
end

build()
local output, is_good = run()
assert(is_good and output:find("0 complaints", 1, true), output)

local c = "log/base/door.c"
expect("which is not below it", c, PARAGRAPH .. '#include "log/store/shelf.h"\n')
expect("which is not below it", "log/wire/x.c", PARAGRAPH .. '#include "log/store/shelf.h"\n')
expect("not from the root", c, PARAGRAPH .. '#include "door.h"\n')
expect("stands on no floor", "log/cellar/x.c", PARAGRAPH .. '#include "log/base/door.h"\n')
expect("only runtime/plugin/tidemill.h", "connectors/a/a.c",
  PARAGRAPH .. '#include "log/base/door.h"\n')
expect("is in a circle", "log/base/door.h",
  header('#include "log/store/shelf.h"\nint door_open(int x);\n'))
expect("function 'gate_open' does not begin", "log/base/door.h",
  header("static inline int gate_open(void)\n{\n    return 0;\n}\n"))
expect("prototype 'gate_open' does not begin", "log/base/door.h", header("int gate_open(int x);\n"))
expect("enumerator 'GATE_COUNT' does not begin", "log/base/door.h",
  header("enum { GATE_COUNT = 2 };\n"))
expect("struct 'doors' does not begin", "log/base/door.h",
  header("struct doors {\n    int x;\n};\n"))
expect("macro 'GATE' does not begin", "log/base/door.h", header("#define GATE 1\n"))
expect("the noun 'door' belongs to", "log/wire/door.h", header("int door_wire(int x);\n"))
expect("does not begin with its paragraph", c, '#include "log/base/door.h"\n')
expect("does not begin with its paragraph", c, "/* TEST */\n\n")
expect("calls time, which", c, PARAGRAPH .. "int door_age(void)\n{\n    return (int)time(0);\n}\n")
expect("calls pthread_mutex_lock, which", c,
  PARAGRAPH .. "void f(void) { pthread_mutex_lock(0); }\n")
expect("calls uv_run, which", c, PARAGRAPH .. "void f(void) { uv_run(0); }\n")
expect("decides in the preprocessor", "log/store/shelf.c", PARAGRAPH .. "#ifdef X\n#endif\n")
expect("has no #pragma once", "log/base/door.h", PARAGRAPH .. "int door_open(int x);\n")
expect("has 101 columns", c, PARAGRAPH .. "/*" .. (" "):rep(97) .. "*/\n")
expect("leaves a FIX" .. "ME", c, PARAGRAPH .. "/* FIX" .. "ME: this */\n")
expect("is included by nobody", "log/base/gate.h", header("int gate_open(int x);\n"))
expect("does not compile alone", "log/base/door.h", header("size_t door_open(int x);\n"))

-- What is no fault.
build()
write(c, PARAGRAPH .. '#include "log/base/door.h"\n'
  .. 'const char *x = "open(";\n'
  .. 'int y(struct z *z) { return z->open(1) + z->u.time(2) + reopen(3); }\n')
write("log/base/door_frame.h", header("int door_count(void);\n"))
write("log/base/door_frame.c", PARAGRAPH .. '#include "log/base/door_frame.h"\n')
write("log/io/io_uv.c", PARAGRAPH .. "#ifdef X\n#endif\nvoid f(void) { uv_run(0); }\n")
output, is_good = run()
assert(is_good, output)
os.execute(("rm -rf '%s'"):format(house))
print(count .. " faults were noticed")
