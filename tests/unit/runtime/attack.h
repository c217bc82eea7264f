/* What a script may try against its host, each as the body of a function that gets a record. */
#pragma once

#include <stddef.h>
#include <string.h>

struct attack {
    const char *about;
    const char *body;       /* r and ctx are its arguments; see attack_prelude */
    const char *kind;       /* of the error it must end with */
    const char *other_kind; /* where the machine's speed decides which limit comes first; or NULL */
};

static const struct attack attacks[] = {
    /* Endless loops. */
    {"loop", "while true do end", "timeout", NULL},
    {"tail call", "local function f() return f() end f()", "timeout", NULL},
    {"nested pcall", "while true do pcall(pcall, function() while true do end end) end", "timeout",
     NULL},
    {"pcall of a late callback", "for i = 1, 1e9 do pcall(function() while true do end end) end",
     "timeout", NULL},
    {"handler of xpcall", "xpcall(error, function() while true do end end)", "timeout", NULL},
    {"handler that fails in itself",
     "local function f() error(f) end xpcall(f, f) while true do end", "process", NULL},
    {"coroutine", "coroutine.wrap(function() while true do end end)()", "timeout", NULL},
    {"coroutines made for ever",
     "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
     "timeout", NULL},
    {"coroutine that resumes itself",
     "local c c = coroutine.create(function() coroutine.resume(c) while true do end end) "
     "coroutine.resume(c)",
     "timeout", NULL},
    {"__close",
     "local x <close> = setmetatable({}, { __close = function() while true do end end })",
     "timeout", NULL},
    {"__close in a coroutine",
     "coroutine.wrap(function() local x <close> = setmetatable({}, { __close = function() while "
     "true do end end }) error 'x' end)()",
     "process", NULL},
    {"__gc", "setmetatable({}, { __gc = function() while true do end end })", "process", NULL},
    {"__index",
     "local t = setmetatable({}, { __index = function() while true do end end }) return t.x",
     "timeout", NULL},
    {"__lt", "local t = setmetatable({}, { __lt = function() while true do end end }) return t < t",
     "timeout", NULL},
    {"__tostring", "tostring(setmetatable({}, { __tostring = function() while true do end end }))",
     "timeout", NULL},
    {"__tostring in format",
     "string.format('%s', setmetatable({}, { __tostring = function() while true do end end }))",
     "timeout", NULL},
    {"__pairs", "pairs(setmetatable({}, { __pairs = function() while true do end end }))",
     "timeout", NULL},
    {"__tostring of an error",
     "error(setmetatable({}, { __tostring = function() while true do end end }))", "process", NULL},
    {"comparison in table.sort", "table.sort({ 3, 2, 1 }, function() while true do end end)",
     "timeout", NULL},
    {"false order in table.sort, for ever",
     "while true do table.sort(thousand, function() return true end) end", "timeout", NULL},
    {"replacement in gsub", "('x'):gsub('.', function() while true do end end)", "timeout", NULL},
    {"require in a loop", "while true do pcall(require, 'helper') end", "timeout", NULL},
    /* One call that does much. */
    {"sort of many", "table.sort(million)", "timeout", NULL},
    {"concat of many", "table.concat(million, ',')", "timeout", NULL},
    {"move of many", "table.move({}, 1, 10000000, 2)", "process", NULL},
    {"move of some, for ever", "while true do table.move(million, 1, 1000000, 2, {}) end",
     "timeout", NULL},
    {"pairs over many", "while true do for k in pairs(named) do break end end", "timeout", NULL},
    {"next over many", "while true do next(named) end", "timeout", NULL},
    {"gsub that grows", "('a'):rep(1 << 22):gsub('a', '%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0%0')",
     "timeout", NULL},
    {"decode of much", "S.json.decode('[' .. ('1,'):rep(1000000) .. '1]') while true do end",
     "timeout", NULL},
    /* Patterns. */
    {"repetitions", "('a'):rep(20000):find(('.-'):rep(6) .. 'b')", "process", "timeout"},
    {"gmatch", "for x in ('a'):rep(30000):gmatch('.-.-.-b') do end", "process", "timeout"},
    {"a large set", "('a'):rep(1 << 18):find('[' .. ('b'):rep(1 << 18) .. ']')", "process",
     "timeout"},
    {"a large set, repeated", "('a'):rep(1 << 18):find('[' .. ('b'):rep(1 << 18) .. 'a]*c')",
     "process", "timeout"},
    {"a large set at a border", "('a'):rep(1 << 18):find('%f[' .. ('b'):rep(1 << 18) .. ']')",
     "process", "timeout"},
    {"balance", "('('):rep(1 << 18):find('%b()')", "process", "timeout"},
    {"a capture again", "(('a'):rep(1 << 16) .. 'b'):find('(.*)%1%1b')", "process", "timeout"},
    {"captures without end", "('x'):find(('('):rep(300))", "process", NULL},
    /* Memory. */
    {"rep", "('x'):rep(1 << 40)", "memory", NULL},
    {"rep with a separator", "('x'):rep(7 << 20, ('y'):rep(1000))", "memory", NULL},
    {"doubling", "local s = 'x' while true do s = s .. s end", "memory", "timeout"},
    {"format",
     "local s = ('x'):rep(1 << 23) string.format(('%s'):rep(10), s, s, s, s, s, s, s, s, s, s)",
     "memory", "timeout"},
    {"concat",
     "local s = ('x'):rep(1 << 22) local t = {} for i = 1, 100 do t[i] = s end table.concat(t)",
     "memory", "timeout"},
    {"a table", "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1 << 18) .. i end", "memory",
     "timeout"},
    {"pack", "string.pack('c2147483647', 'x')", "memory", "timeout"},
    {"copies", "local s = ('x'):rep(1 << 22) while true do r.key = s end", "memory", "timeout"},
    {"shared tables as a value",
     "local t = {} for i = 1, 40 do t = { t, t } end return { value = t }", "timeout", "emit"},
    {"shared tables as JSON", "local t = {} for i = 1, 40 do t = { t, t } end S.json.encode(t)",
     "timeout", "emit"},
    {"shared tables as a key", "local t = {} for i = 1, 40 do t = { t, t } end ctx.s:put(t, 1)",
     "timeout", "emit"},
    {"shared tables in a store", "local t = {} for i = 1, 40 do t = { t, t } end ctx.s:put('k', t)",
     "timeout", "emit"},
    {"shared tables in a record", "local t = {} for i = 1, 40 do t = { t, t } end r.json.a = t",
     "timeout", "emit"},
    {"a table in itself", "local t = {} t.t = t return { value = t }", "encode", NULL},
    {"JSON of many values", "S.json.decode('[' .. ('1,'):rep(12 << 20) .. '1]')", "memory",
     "timeout"},
    {"JSON of many values, caught",
     "local s = '[' .. ('1,'):rep(12 << 20) .. '1]' while true do pcall(S.json.decode, s) end",
     "timeout", NULL},
    {"JSON in JSON", "S.json.decode(('['):rep(1000000))", "process", NULL},
    /* Depth. */
    {"recursion", "local function f() return 1 + f() end f()", "memory", "process"},
    {"recursion in coroutines", "local function f() return coroutine.wrap(f)() end f()", "process",
     NULL},
    {"recursion in metamethods",
     "local t t = setmetatable({}, { __index = function() return tostring(t.x) end }) return t.x",
     "process", NULL},
    {"__index in a circle", "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
     "process", NULL},
    {"error in error", "xpcall(error, error) error(error)", "process", NULL},
    {"unpack", "table.unpack({}, 1, 1e8)", "process", NULL},
    {"byte", "('x'):rep(1 << 22):byte(1, -1)", "process", NULL},
    /* What is not there. */
    {"os", "os.exit(7)", "process", NULL},
    {"io", "io.open('/etc/passwd')", "process", NULL},
    {"debug", "debug.sethook()", "process", NULL},
    {"package", "package.loadlib('libc.so.6', '*')", "process", NULL},
    {"load", "load('x = 1')()", "process", NULL},
    {"dump", "string.dump(print)", "process", NULL},
    {"collectgarbage", "collectgarbage('stop')", "process", NULL},
    {"require of a file", "require '../../etc/passwd'", "process", NULL},
    {"require while records come", "require 'helper'", "process", NULL},
    /* What is shared. */
    {"metatable of strings", "getmetatable('').__index = nil", "process", NULL},
    {"library of strings", "string.find = nil", "process", NULL},
    {"library of strings, raw", "rawset(string, 'find', nil)", "process", NULL},
    {"library of tables", "table.sort = print", "process", NULL},
    {"metatable of a record", "getmetatable(r).__index = nil", "process", NULL},
    {"globals", "_G.x = 1", "process", NULL},
    {"globals, raw", "rawset(_G, 'x', 1)", "process", NULL},
    {"globals, next callback", "x = (x or 0) + 1", "process", NULL},
    {"the host's views", "ctx.s = nil", "process", NULL},
    /* Writes. */
    {"emits", "while true do emit('out', r) end", "emit", "timeout"},
    {"caught emits", "for i = 1, 1001 do pcall(emit, 'out', r) end", "emit", NULL},
    {"forwards", "for i = 1, 1001 do ctx:forward(r) end", "emit", NULL},
    {"a huge emit", "emit('out', { value = ('x'):rep(9 << 20) })", "emit", NULL},
    {"returns",
     "return table.unpack((function() local t = {} for i = 1, 1001 do t[i] = r end return t "
     "end)())",
     "emit", NULL},
    {"rows", "local i = 0 while true do i = i + 1 ctx.s:put(i, 1) end", "emit", "timeout"},
    {"large rows", "local s = ('x'):rep(1 << 19) for i = 1, 100 do ctx.s:put(i, s) end", "emit",
     "timeout"},
    {"caught rows",
     "local s = ('x'):rep(1 << 19) for i = 1, 100 do pcall(function() ctx.s:put(i, s) end) end",
     "emit", NULL},
    {"a row over and over", "local s = ('x'):rep(1 << 10) while true do ctx.s.a = s end", "emit",
     "timeout"},
    /* What outlives its record. */
    {"iterations", "while true do ctx.s:pairs() end", "process", "timeout"},
};

/* Bodies of the functions that are called without a record; ctx is their last argument. */
static const char *const attack_loops[] = {
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "coroutine.wrap(function() while true do end end)()",
    "local x <close> = setmetatable({}, { __close = function() while true do end end })",
};

enum { ATTACK_LOOP_COUNT = sizeof attack_loops / sizeof *attack_loops };

enum { ATTACK_COUNT = sizeof attacks / sizeof *attacks };

/* What stands before the file: tables that its body asks for. */
static inline const char *attack_prelude(const struct attack *attack)
{
    static const struct {
        const char *name;
        const char *text;
    } tables[] = {
        {"million",
         "local million = {} for i = 1, 1000000 do million[i] = i * 7919 & 1048575 end "},
        {"named", "local named = {} for i = 1, 200000 do named['k' .. i] = i end "},
        {"thousand", "local thousand = {} for i = 1, 1000 do thousand[i] = i end "},
    };
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        if (strstr(attack->body, tables[i].name) != NULL) {
            return tables[i].text;
        }
    }
    return "";
}
