/* Shows that the bounded string functions give what the library's give, errors included. */
#include "tests/unit/runtime/lua/lua_bench.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

static const char prelude[] =
    "local function show(...) local t = table.pack(...) for i = 1, t.n do "
    "t[i] = tostring(t[i]) end return table.concat(t, ',') end "
    "local function try(...) local t = table.pack(pcall(...)) "
    "if t[1] then return show(table.unpack(t, 1, t.n)) end return 'error' end "
    "local function collect(...) local out = {} for a, b in string.gmatch(...) do "
    "out[#out + 1] = show(a, b) end return table.concat(out, ';') end "
    "local long_text = ('aBc'):rep(65536) local wide_text = ('\\u{20ac}'):rep(65536) "
    "local long_number = (' '):rep(70000) .. '12' .. ('\\t'):rep(70000) "
    "local mixed_text = ('a\"\\\\\\n\\0\\0001\\127\\xff'):rep(20000) "
    "local keeper = setmetatable({}, { __add = function(a, b) return #(a == keeper and b or a) "
    "end, "
    "__sub = function() return 'sub' end, __mul = function(a, b) return #a end }) "
    "local much_space = (' \\t\\n\\v\\f\\r'):rep(20000) ";

static const char *const expressions[] = {
    "show(('hello world'):find('o w'))",
    "show(('hello world'):find('o', 6))",
    "show(('hello world'):find('l+', -4))",
    "show(('hello'):find('', 10), ('hello'):find('', 6), (''):find(''))",
    "show(('a.b'):find('.', 1, true), ('a+b'):find('+', 1, true))",
    "show(('key = value'):match('^(%w+)%s*=%s*(%w+)$'))",
    "show(('2025-10-10'):match('(%d+)-(%d+)-(%d+)'))",
    "show(('  trim  '):match('^%s*(.-)%s*$'))",
    "show(('x'):match('y'), ('x'):match('()'), ('abc'):match('b()'))",
    "show(('[[x]]'):match('%b[]'), ('THE (quick) fox'):find('%((%a+)%)'))",
    "show(('hello'):gsub('l', 'L'), ('hello'):gsub('', '-'))",
    "show(('hello world'):gsub('o', '0', 1), ('abc'):gsub('%w', '%0%0'))",
    "show(('hello world'):gsub('(%w+) (%w+)', '%2 %1'), ('a%b'):gsub('%%', '%%%%'))",
    "show(('abc'):gsub('()', '%1'), ('abc'):gsub('^a', 'x'), ('aaa'):gsub('^a', 'x'))",
    "show(('$name is $age'):gsub('%$(%w+)', { name = 'Ann', age = 7 }))",
    "show(('abc'):gsub('.', function(c) if c == 'b' then return false end return c:upper() end))",
    "show(('abc'):gsub('(a)(b)', function(a, b) return b .. a end))",
    "try(string.gsub, 'x', 'x', '%2')",
    "try(string.gsub, 'x', 'x', '%')",
    "try(string.gsub, 'x', '(', '')",
    "try(string.gsub, 'x', 'x', true)",
    "try(string.gsub, 'x', '.', function() return {} end)",
    "try(string.find, 'x', '[')",
    "try(string.find, 'x', '%')",
    "try(string.match, 'x', ')x.')",
    "try(string.rep)",
    "collect('one two  three', '%a+')",
    "collect('k1=v1, k2=v2', '(%w+)=(%w+)')",
    "collect('abc', '')",
    "collect('abc', '()')",
    "collect('aXbX', '.-X')",
    "collect('abc', '%a', 2)",
    "collect('^a^a', '^a')",
    "show(('ab'):rep(3), ('ab'):rep(3, '-'), ('ab'):rep(0), ('ab'):rep(1, 'x'))",
    "show(('%d %5.2f %s %q %%'):format(3, 1.5, 'x', 'a\\nb'))",
    "show(('%-5s|%5s|%.2s'):format('a', 'b', 'cde'), ('%x %X %o'):format(255, 255, 8))",
    "show(('%s %s %s'):format(nil, true, 1.0), ('%i'):format(3.0))",
    "try(string.format, '%d', 1.5)",
    "try(string.format, '%d')",
    "try(string.format, '%y', 1)",
    "show(('aB\\0\\xe4z'):upper(), ('Ab\\0\\xc4Z'):lower(), (''):upper(), string.lower(5))",
    "#long_text:upper() .. long_text:upper():sub(65534, 65542) .. long_text:lower():sub(-3)",
    "try(string.upper) .. try(string.reverse) .. try(string.reverse, {})",
    "show(('aB\\0\\xe4z'):reverse(), (''):reverse(), string.reverse(12.5))",
    "show(long_text:reverse() == ('cBa'):rep(65536))",
    "show(('%q'):format(long_text) == '\"' .. long_text .. '\"')",
    "('%s %q|%q|%d'):format('\\0', mixed_text, 'a\\n1', 5)",
    "('%q%q%%%q%s'):format(mixed_text, mixed_text, 1 << 63, mixed_text)",
    "try(string.format, '%5q', long_text) .. try(string.format, '%q%y', long_text)",
    "try(string.format, '%q %q', long_text) .. ('%%q%q'):format(1)",
    "show(long_number + 1, 1 - long_number, long_number * long_number, -long_number)",
    "show(long_number / 2, long_number // 2, long_number % 5, long_number ^ 2, 2 ^ long_number)",
    "show('10' + 5, '0x10' * '2', -'3', '7' // 2, 2 ^ '3', '1e1' % 3)",
    "try(function() return long_text + 1 end) .. try(function() return {} + long_number end)",
    "try(function() return long_number + nil end) .. try(function() return -long_text end)",
    "show(long_number + keeper, keeper + long_number, keeper - 'x', long_text * keeper)",
    "show(utf8.offset('a\\u{e4}b', 3), utf8.offset('a\\u{e4}b', -1), utf8.offset('abc', 5))",
    "show(utf8.offset('a\\u{e4}b', 0, 3), utf8.offset('abc', 4), utf8.offset('abc', -4))",
    "show(utf8.offset('', 1), utf8.offset('', 0), utf8.offset('abc', 0), utf8.offset('a', 2, 2))",
    "show(utf8.offset('\\x80\\x80', 0), utf8.offset('a\\x80', 2), utf8.offset('a\\x80', 0, 2))",
    "show(utf8.offset(wide_text, 65536), utf8.offset(wide_text, -65536), utf8.offset(wide_text, "
    "-65537), utf8.offset(wide_text, 65537), utf8.offset(wide_text, 65538))",
    "try(utf8.offset, 'a\\u{e4}', 1, 3) .. try(utf8.offset, 'abc', 1, 5) .. try(utf8.offset, 'a')",
    "try(utf8.offset, 'abc', -1, -9) .. try(utf8.offset, {}, 1) .. try(utf8.offset, 'a', 'x')",
    "show(utf8.len('a\\u{e4}\\u{20ac}'), utf8.len('\\xe4'), utf8.len(''), utf8.len('abc', 4))",
    "try(utf8.len, 'abc', 5) .. try(utf8.len, 'abc', 1, 4) .. try(utf8.len) .. try(utf8.len, {})",
    "show(utf8.len(long_text), utf8.len(long_text, 3), utf8.len(long_text, -70001, -3))",
    "show(utf8.len(long_text, 100000, 65530), utf8.len(long_text, 65537, 65537), "
    "utf8.len(long_text, #long_text + 1))",
    "try(utf8.len, long_text, #long_text + 2) .. try(utf8.len, long_text, 1, #long_text + 1)",
    "show(utf8.len(wide_text), utf8.len('a' .. wide_text), utf8.len('ab' .. wide_text))",
    "show(utf8.len(wide_text, 2), utf8.len(wide_text, 1, -2), utf8.len(wide_text, 4, 4))",
    "show(utf8.len(wide_text .. '\\x80'), utf8.len(wide_text .. '\\xe2\\x82'))",
    "show(utf8.len(('a'):rep(65536) .. '\\x80b'), utf8.len(('a'):rep(65536) .. ('\\x80'):rep(9)))",
    "show(utf8.len(('a'):rep(65535) .. '\\xe2b'), utf8.len(('a'):rep(65537) .. '\\xff'))",
    "show(utf8.len(('\\u{7fffffff}'):rep(20000), 1, -1, true), utf8.len(wide_text, 1, -1, true))",
    "show(utf8.len(('\\u{7fffffff}'):rep(20000)), utf8.len(('\\xed\\xa0\\x80'):rep(30000)))",
    "show(tonumber('0x10'), tonumber(' 1e2 '), tonumber('x'), tonumber('z', 36), tonumber(7))",
    "try(tonumber) .. try(tonumber, 1, 10) .. try(tonumber, '1', 99) .. try(tonumber, '1', {})",
    "show(tonumber(much_space .. '12\\t'), tonumber('-7' .. much_space), tonumber(much_space))",
    "show(tonumber(much_space .. 'ff' .. much_space, 16), tonumber(much_space .. '1 2'))",
    "try(tonumber, much_space, 99) .. show(tonumber(much_space .. '1\\0'), tonumber(long_text))",
    "show(('\\0a\\0b'):find('\\0b'), #('\\0a\\0'):match('.*'), ('a\\0b'):gsub('%z', 'x'))",
};

static void the_results_are_those_of_the_library(void **state)
{
    struct lua_bench *bench = *state;
    lua_State *lua = luaL_newstate();
    luaL_openlibs(lua);
    for (size_t i = 0; i < sizeof expressions / sizeof *expressions; i++) {
        struct buffer text;
        buffer_init(&text);
        buffer_printf(&text, "%s return %s", prelude, expressions[i]);
        if (luaL_dostring(lua, buffer_string(&text)) != LUA_OK) {
            fail_msg("%s: %s", expressions[i], lua_tostring(lua, -1));
        }
        buffer_clear(&text);
        buffer_printf(&text, "%s return { value = %s }", prelude, expressions[i]);
        struct mill_driver *driver = lua_bench_run_body(bench, buffer_string(&text));
        if (mill_driver_send(driver, "in", "k", "1", 1) != 0) {
            fail_msg("%s: %s", expressions[i], driver->context.error_text);
        }
        size_t size = 0;
        const char *expected = lua_tolstring(lua, -1, &size);
        struct bytes value = mill_driver_last(driver, "out")->value;
        if (!bytes_equal(value, bytes_make(expected, size))) {
            fail_msg("%s: '%.*s' instead of '%s'", expressions[i], BYTES_FORMAT(value), expected);
        }
        lua_settop(lua, 0);
        buffer_fini(&text);
    }
    lua_close(lua);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(the_results_are_those_of_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
