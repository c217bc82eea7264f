-- Checks the structure of the house: floors, circles, names, first paragraphs, forbidden calls,
-- dead files. Structure only, never taste.
--
--     lua5.4 scripts/tidy.lua [--quick] [--generated FOLDER]
--
-- Runs in the root of the repository. --quick leaves out compiling every header alone. FOLDER holds
-- the generated headers: build/generated, where a build leaves them. Complaints are printed as
-- FILE:LINE: SENTENCE and fail; outliers are printed and do not.
--
-- The floors are those of cmake/floors.cmake: there is one table. Exceptions are data, just below.

-- Names a header may export besides those that begin with its own noun.
local VOCABULARY = {
  ["log/base/bytes.h"] = { "buffer" },
  ["log/base/check.h"] = { "must_use" },
  ["log/base/varint.h"] = { "varlong" },
  ["log/meta/broker_options.h"] = { "option" }, -- the OPTION of the rows it includes
  ["log/meta/client_metrics_options.h"] = { "option" },
  ["log/meta/group_options.h"] = { "option" },
  ["log/meta/topic_options.h"] = { "option" },
}

-- What belongs to log/io: C functions, as Lua patterns of their whole names.
local BANNED = {
  "time", "clock_gettime", "gettimeofday", "clock", "nanosleep", "usleep", "sleep",
  "rand", "srand", "rand_r", "random", "srandom", "drand48", "getrandom", "getenv",
  "open", "openat", "creat", "fopen", "freopen", "fdopen", "opendir", "tmpfile", "mkstemp",
  "unlink", "rename", "mkdir", "rmdir", "ftruncate", "fsync", "fdatasync", "pread", "pwrite",
  "socket", "connect", "accept", "accept4", "bind", "listen", "poll", "epoll_.+", "select",
  "fork", "popen", "system", "signal", "sigaction", "setitimer", "timer_create",
  "pthread_.+", "thrd_.+", "mtx_.+", "uv_.+",
}

-- Who may call some of it: a path (or the folder it begins with) and patterns of names.
local ALLOWED = {
  { "log/io/", ".*" },
  { "runtime/main/", ".*" },
  { "connectors/", ".*" },
  { "tests/", ".*" },
  { "examples/testing/", "fork", "getenv", "fdopen" }, -- a program of others
  { "log/base/trace.c", "clock_gettime", "pthread_mutex_.+" },
  { "log/base/crc32c.c", "pthread_once" },
  { "runtime/plugin/plugin.c", "open" }, -- reads a library as the dynamic loader will
  { "runtime/state/state_file.c", "ftruncate" }, -- of the file that LMDB holds open
  { "runtime/lua/watchdog", "timer_create", "sigaction", "pthread_.+" },
}

-- Where the preprocessor may decide.
local CONDITIONAL = { "log/base/", "log/io/", "runtime/plugin/tidemill.h",
  "runtime/main/confinement.c", -- the numbers of system calls
  "connectors/", "tests/" }

-- Contracts that nobody includes yet; a row leaves when its file has a user.
local PENDING = {
}

local COLUMNS_MAX = 100
local OUTLIER = { file_lines = 800, function_lines = 70, shown = 10 }

local complaints = {}

local function complain(path, line, format, ...)
  complaints[#complaints + 1] = ("%s:%d: %s"):format(path, line, format:format(...))
end

local function starts_with(text, prefix)
  return text:sub(1, #prefix) == prefix
end

local function folder_of(path)
  return path:match("^(.*)/[^/]*$") or ""
end

local function stem_of(path)
  return path:match("([^/]*)%.[^./]*$")
end

-- The floors themselves, without tests and connectors.
local function is_ours(path)
  return starts_with(path, "log/") or starts_with(path, "runtime/")
end

local function run(command)
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  local is_good = pipe:close()
  return output, is_good
end

local function read_file(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

-- Comments, strings and characters become spaces, so that lines and columns stay.
local function strip(text)
  local out, at = {}, 1
  local function blank(part)
    return (part:gsub("[^\n]", " "))
  end
  while at <= #text do
    local start = text:find("[/\"']", at)
    if not start then
      break
    end
    out[#out + 1] = text:sub(at, start - 1)
    local two, stop = text:sub(start, start + 1), start
    if two == "/*" then
      stop = select(2, text:find("*/", start + 2, true)) or #text
    elseif two == "//" then
      stop = (text:find("\n", start, true) or #text + 1) - 1
    elseif two:sub(1, 1) ~= "/" then
      stop = start + 1
      while stop <= #text and text:sub(stop, stop) ~= two:sub(1, 1) do
        stop = stop + (text:sub(stop, stop) == "\\" and 2 or 1)
      end
    end
    local part = text:sub(start, stop)
    out[#out + 1] = part == "/" and part or blank(part)
    at = stop + 1
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out)
end

local function each_line(text)
  local number = 0
  return function()
    number = number + 1
    local line
    line, text = text:match("^([^\n]*)\n?(.*)$")
    if line == "" and text == "" then
      return nil
    end
    return number, line
  end
end

-- The files ----------------------------------------------------------------------------------

local function list_files(folders)
  local present = {}
  for _, folder in ipairs(folders) do
    if select(2, run("test -d " .. folder)) then
      present[#present + 1] = folder
    end
  end
  local files = {}
  local output = run("find " .. table.concat(present, " ") .. " -type f | LC_ALL=C sort")
  for path in output:gmatch("[^\n]+") do
    files[#files + 1] = path
  end
  return files
end

local function read_sources()
  local sources = {}
  for _, path in ipairs(list_files({ "log", "runtime", "connectors", "examples", "tests" })) do
    if path:find("%.[ch]$") then
      local text = read_file(path)
      local lines, includes = {}, {}
      for number, line in each_line(text) do
        lines[number] = line
        local target = line:match('^%s*#%s*include%s+"([^"]+)"')
        if target then
          includes[#includes + 1] = { path = target, line = number }
        end
      end
      sources[#sources + 1] = {
        path = path,
        text = text,
        code = strip(text),
        lines = lines,
        includes = includes,
        is_header = path:find("%.h$") ~= nil,
        is_test = starts_with(path, "tests/"),
      }
      sources[path] = sources[#sources]
    end
  end
  return sources
end

-- Floors and circles -------------------------------------------------------------------------

local function read_floors()
  local floors = {}
  local text = read_file("cmake/floors.cmake"):gsub("#[^\n]*", "")
  for arguments in text:gmatch("\nfloor(%b())") do
    local folder
    for word in arguments:sub(2, -2):gmatch("%S+") do
      if word == "LINK" then
        break
      elseif not folder then
        folder = word
        floors[folder] = { [folder] = true }
      else
        floors[folder][word] = true
      end
    end
  end
  return floors
end

local function check_floor(floors, source, include)
  local from, to = source.path, include.path
  if starts_with(from, "tests/") or starts_with(from, "runtime/main/") then
    return
  end
  if starts_with(from, "connectors/") or starts_with(from, "examples/") then
    local is_shared = starts_with(from, "connectors/") and folder_of(to) == "connectors/shared"
    if to ~= "runtime/plugin/tidemill.h" and folder_of(to) ~= folder_of(from) and not is_shared then
      complain(from, include.line, "includes %s; only runtime/plugin/tidemill.h is for it", to)
    end
    return
  end
  local floor = floors[folder_of(from)]
  if not floor then
    complain(from, 1, "stands on no floor of cmake/floors.cmake")
  elseif not floor[folder_of(to)] then
    complain(from, include.line, "includes %s, which is not below it", to)
  end
end

local function check_includes(sources, floors)
  for _, source in ipairs(sources) do
    for _, include in ipairs(source.includes) do
      if not include.path:find("/", 1, true) then
        complain(source.path, include.line, "includes %s not from the root", include.path)
      else
        check_floor(floors, source, include)
      end
    end
  end
end

-- Reports one circle for each node that closes one. `edges(node)` lists its neighbours.
local function find_circles(nodes, edges, report)
  local state, path = {}, {}
  local function visit(node)
    state[node] = "open"
    path[#path + 1] = node
    for _, neighbour in ipairs(edges(node)) do
      if state[neighbour] == "open" then
        local circle, at = { neighbour }, #path
        while path[at] ~= neighbour do
          table.insert(circle, 2, path[at])
          at = at - 1
        end
        circle[#circle + 1] = neighbour
        report(circle)
      elseif not state[neighbour] then
        visit(neighbour)
      end
    end
    path[#path] = nil
    state[node] = "done"
  end
  for _, node in ipairs(nodes) do
    if not state[node] then
      visit(node)
    end
  end
end

local function check_header_circles(sources)
  local headers = {}
  for _, source in ipairs(sources) do
    headers[#headers + 1] = source.is_header and source.path or nil
  end
  local function edges(path)
    local out = {}
    for _, include in ipairs(sources[path].includes) do
      out[#out + 1] = sources[include.path] and include.path or nil
    end
    return out
  end
  find_circles(headers, edges, function(circle)
    complain(circle[1], 1, "is in a circle: %s", table.concat(circle, " -> "))
  end)
end

-- Modules are a .c and its .h together.
local function print_module_circles(sources)
  local modules, targets = {}, {}
  for _, source in ipairs(sources) do
    local module = source.path:gsub("%.[ch]$", "")
    if not targets[module] then
      targets[module] = {}
      modules[#modules + 1] = module
    end
    for _, include in ipairs(source.includes) do
      local target = include.path:gsub("%.[ch]$", "")
      if target ~= module and sources[include.path] then
        table.insert(targets[module], target)
      end
    end
  end
  find_circles(modules, function(module)
    return targets[module] or {}
  end, function(circle)
    print("circle of modules: " .. table.concat(circle, " -> "))
  end)
end

-- Names --------------------------------------------------------------------------------------

-- Rows of ctags for all sources: name, path, kind, line, end.
local function read_tags(sources)
  local list = os.tmpname()
  local file = assert(io.open(list, "w"))
  for _, source in ipairs(sources) do
    file:write(source.path, "\n")
  end
  file:close()
  local output, is_good = run("ctags --quiet --options=NONE --languages=C --langmap=C:.c.h"
    .. " --sort=no --excmd=number --fields=Kne --c-kinds=defgpstuvx -f - -L " .. list)
  os.remove(list)
  assert(is_good and output ~= "", "ctags did not answer; install universal-ctags")
  local tags = {}
  for line in output:gmatch("[^\n]+") do
    local name, path, number, rest = line:match('^([^\t]+)\t([^\t]+)\t(%d+);"\t(.*)$')
    if name and not name:find("^__anon") then
      tags[#tags + 1] = {
        name = name,
        path = path,
        kind = rest:match("^(%a+)"),
        line = tonumber(number),
        last = tonumber(rest:match("end:(%d+)") or number),
      }
    end
  end
  return tags
end

local function begins_with_noun(name, noun)
  name = name:lower()
  return name == noun or starts_with(name, noun .. "_")
end

-- A noun of several words may be a part of another: plugin_options.h of plugin.h beside it.
local function whole_noun(path, sources)
  local noun = stem_of(path)
  local whole = noun:match("^(.+)_[^_]+$")
  while whole do
    if sources[folder_of(path) .. "/" .. whole .. ".h"] then
      return whole
    end
    whole = whole:match("^(.+)_[^_]+$")
  end
  return noun
end

local function check_nouns(sources, tags)
  local owners = {}
  for _, source in ipairs(sources) do
    if source.is_header and is_ours(source.path) then
      local noun = stem_of(source.path)
      if owners[noun] then
        complain(source.path, 1, "the noun '%s' belongs to %s", noun, owners[noun])
      end
      owners[noun] = source.path
    end
  end
  for _, tag in ipairs(tags) do
    if owners[stem_of(tag.path)] == tag.path then
      local noun = whole_noun(tag.path, sources)
      local is_good = begins_with_noun(tag.name, noun)
      for _, word in ipairs(VOCABULARY[tag.path] or {}) do
        is_good = is_good or begins_with_noun(tag.name, word)
      end
      if not is_good then
        complain(tag.path, tag.line, "%s '%s' does not begin with '%s'", tag.kind, tag.name, noun)
      end
    end
  end
end

-- Inside one file ----------------------------------------------------------------------------

local function check_paragraph(source)
  local text = source.text:gsub("^/[/*] SPDX[^\n]*\n", "")
  local paragraph = text:match("^/%*(.-)%*/")
  if not paragraph or #paragraph < 20 or not paragraph:find("%l") then
    complain(source.path, 1, "does not begin with its paragraph")
  end
end

local function matches_any(name, patterns, first)
  for i = first, #patterns do
    if name:find("^" .. patterns[i] .. "$") then
      return true
    end
  end
  return false
end

local function is_allowed(path, name)
  for _, row in ipairs(ALLOWED) do
    if starts_with(path, row[1]) and matches_any(name, row, 2) then
      return true
    end
  end
  return false
end

local function check_calls(source)
  for number, line in each_line(source.code) do
    for at, name in line:gmatch("()%f[%w_]([%a_][%w_]*)%s*%(") do
      local before = line:sub(1, at - 1)
      local is_member = before:find("%->%s*$") or before:find("%.%s*$")
      local is_free = is_member or is_allowed(source.path, name)
      if not is_free and matches_any(name, BANNED, 1) then
        complain(source.path, number, "calls %s, which is for log/io", name)
      end
    end
  end
end

local function check_conditionals(source)
  for _, prefix in ipairs(CONDITIONAL) do
    if starts_with(source.path, prefix) then
      return
    end
  end
  for number, line in ipairs(source.lines) do
    if line:find("^%s*#%s*if") then
      complain(source.path, number, "decides in the preprocessor")
    end
  end
end

local function check_pragma(source)
  if source.is_header and not source.text:find("\n#pragma once\n") then
    if source.path ~= "runtime/plugin/tidemill.h" then
      complain(source.path, 1, "has no #pragma once")
    end
  end
end

local function check_text(path, text)
  local words = { "FIX" .. "ME", "TO" .. "DO" }
  local is_table = path:find("%.def$") or path:find("%.md$")
  for number, line in each_line(text) do
    local columns = utf8.len(line) or #line
    if columns > COLUMNS_MAX and not is_table then
      complain(path, number, "has %d columns", columns)
    end
    for _, word in ipairs(words) do
      if line:find("%f[%w_]" .. word .. "%f[^%w_]") then
        complain(path, number, "leaves a %s", word)
      end
    end
  end
end

local function check_texts()
  local is_text = { c = true, h = true, def = true, lua = true, cmake = true, md = true }
  local folders = { "log", "runtime", "connectors", "examples", "tests", "scripts", "cmake" }
  for _, path in ipairs(list_files(folders)) do
    if is_text[path:match("%.(%w+)$")] or path:find("CMakeLists%.txt$") then
      check_text(path, read_file(path))
    end
  end
end

-- Whole files --------------------------------------------------------------------------------

local function check_dead(sources)
  local users = {}
  for _, source in ipairs(sources) do
    for _, include in ipairs(source.includes) do
      users[include.path] = true
    end
  end
  for _, source in ipairs(sources) do
    if source.is_header and not users[source.path] and not PENDING[source.path] then
      complain(source.path, 1, "is included by nobody")
    end
  end
  for _, source in ipairs(sources) do
    if PENDING[source.path] and users[source.path] then
      print("pending no more: " .. source.path)
    end
  end
end

local function check_headers_alone(sources, generated)
  local list = os.tmpname()
  local file = assert(io.open(list, "w"))
  for _, source in ipairs(sources) do
    if source.is_header then
      file:write(source.path, "\n")
    end
  end
  file:close()
  local lua_flags = run("pkg-config --cflags lua5.4"):gsub("\n", "")
  local flags = "-std=gnu11 -fsyntax-only -Wall -Wextra -Wstrict-prototypes -Wundef -Werror"
    .. " -D_GNU_SOURCE -I. " .. lua_flags
  flags = flags .. " -I" .. generated
  local output, is_good = run("xargs -P2 -I{} gcc " .. flags
    .. " -x c -include {} /dev/null <" .. list .. " 2>&1")
  os.remove(list)
  if not is_good then
    local made = io.open(generated .. "/log/wire/messages.h")
    complain("headers", 0, "one does not compile alone%s", made and ":\n" .. output
      or "; " .. generated .. " has no log/wire/messages.h, so build first")
  end
end

-- Outliers -----------------------------------------------------------------------------------

local function print_longest(title, rows, limit)
  table.sort(rows, function(left, right)
    if left.lines ~= right.lines then
      return left.lines > right.lines
    end
    return left.name < right.name
  end)
  for i = 1, math.min(#rows, OUTLIER.shown) do
    if rows[i].lines > limit then
      print(("%s: %4d lines: %s"):format(title, rows[i].lines, rows[i].name))
    end
  end
end

local function print_outliers(sources, tags)
  local files, functions, untested = {}, {}, {}
  for _, source in ipairs(sources) do
    files[#files + 1] = { lines = #source.lines, name = source.path }
    local test = ("tests/unit/%s/test_%s.c"):format(folder_of(source.path), stem_of(source.path))
    if is_ours(source.path) and not source.is_header and not sources[test] then
      untested[#untested + 1] = source.path
    end
  end
  for _, tag in ipairs(tags) do
    if tag.kind == "function" then
      local name = tag.path .. ":" .. tag.name
      functions[#functions + 1] = { lines = tag.last - tag.line + 1, name = name }
    end
  end
  print_longest("long file", files, OUTLIER.file_lines)
  print_longest("long function", functions, OUTLIER.function_lines)
  for _, path in ipairs(untested) do
    print("no test of its own: " .. path)
  end
end

-- Labels of a switch that are all values of our enums make its default suspect: a new value would
-- not be noticed. A switch over an integer may need one, so this only prints.
local function print_defaults(sources, tags)
  local values = {}
  for _, tag in ipairs(tags) do
    values[tag.name] = tag.kind == "enumerator" or values[tag.name]
  end
  for _, source in ipairs(sources) do
    for at, body in source.code:gmatch("()%f[%w_]switch%s*%b()%s*(%b{})") do
      local is_suspect = body:find("%f[%w_]default%s*:") and not source.is_test
      for label in body:gmatch("%f[%w_]case%s+([^:]+):") do
        is_suspect = is_suspect and values[label] and not starts_with(label, "ERROR_")
      end
      if is_suspect then
        local line = select(2, source.code:sub(1, at):gsub("\n", "")) + 1
        print(("default over an enum: %s:%d"):format(source.path, line))
      end
    end
  end
end

local function main(arguments)
  local is_quick, generated = false, "build/generated"
  local at = 1
  while arguments[at] do
    if arguments[at] == "--quick" then
      is_quick = true
    elseif arguments[at] == "--generated" then
      at = at + 1
      generated = arguments[at]
    else
      io.stderr:write("tidy: unknown argument '" .. arguments[at] .. "'\n")
      return 2
    end
    at = at + 1
  end
  local sources = read_sources()
  local tags = read_tags(sources)
  check_includes(sources, read_floors())
  check_header_circles(sources)
  check_nouns(sources, tags)
  for _, source in ipairs(sources) do
    check_paragraph(source)
    check_calls(source)
    check_conditionals(source)
    check_pragma(source)
  end
  check_texts()
  check_dead(sources)
  if not is_quick then
    check_headers_alone(sources, generated)
  end
  print_module_circles(sources)
  print_defaults(sources, tags)
  print_outliers(sources, tags)
  for _, complaint in ipairs(complaints) do
    print(complaint)
  end
  print(("tidy: %d files, %d complaint%s"):format(#sources, #complaints,
    #complaints == 1 and "" or "s"))
  return #complaints == 0 and 0 or 1
end

os.exit(main(arg))
