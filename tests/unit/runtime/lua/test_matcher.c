/* Shows that the bounded matcher finds what the library's own string functions find, on patterns
 * and texts made at random, and that it gives up when a pattern takes too long. */
#include "runtime/lua/matcher.h"
#include "tests/unit/unit.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <string.h>

static uint32_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 16);
}

static void make_pattern(uint64_t *seed, struct buffer *out)
{
    static const char *const parts[] = {
        "a",   "b",    "ab", ".",   "%a",   "%d",     "%s",    "%w*",  "[ab]",  "[^a]", "[a-c]+",
        "a*",  "b+",   ".-", "a?",  "(",    ")",      "()",    "%b()", "%f[a]", "%1",   "%2",
        "(a)", "(.-)", "$",  "^",   "%.",   "[%a]",   "[%d_]", "[]]",  "[^]]",  "[",    "%",
        "-",   "*",    "%f", "%bx", "[a-]", "[%w-b]", "%A",    "%S+",
    };
    buffer_clear(out);
    if (next_random(seed) % 4 == 0) {
        buffer_add_byte(out, '^');
    }
    for (uint32_t i = next_random(seed) % 5 + 1; i > 0; i--) {
        buffer_add_string(out, parts[next_random(seed) % (sizeof parts / sizeof *parts)]);
    }
}

static void make_text(uint64_t *seed, struct buffer *out)
{
    buffer_clear(out);
    for (uint32_t i = next_random(seed) % 12; i > 0; i--) {
        buffer_add_byte(out, (uint8_t) "aabbc()1 ._]"[next_random(seed) % 12]);
    }
}

/* string.find by the library: pushes its results; false when it raises an error. */
static bool find_by_library(lua_State *lua, struct bytes text, struct bytes pattern)
{
    lua_settop(lua, 0);
    lua_getglobal(lua, "string");
    lua_getfield(lua, -1, "find");
    lua_remove(lua, 1);
    lua_pushlstring(lua, (const char *)text.data, text.size);
    lua_pushlstring(lua, (const char *)pattern.data, pattern.size);
    return lua_pcall(lua, 2, LUA_MULTRET, 0) == LUA_OK;
}

static const uint8_t *find(struct matcher *matcher, struct bytes text, struct bytes pattern,
                           const uint8_t **end)
{
    bool is_anchored = pattern.size > 0 && pattern.data[0] == '^';
    matcher_init(matcher, text, pattern);
    for (const uint8_t *at = text.data; at <= matcher->text_end; at++) {
        matcher->capture_count = 0;
        *end = matcher_match(matcher, at, pattern.data + is_anchored);
        if (*end != NULL || matcher->error != NULL || is_anchored) {
            return *end == NULL ? NULL : at;
        }
    }
    return NULL;
}

static void expect_captures(lua_State *lua, const struct matcher *matcher)
{
    assert_int_equal(lua_gettop(lua) - 2, matcher->capture_count);
    for (int i = 0; i < matcher->capture_count; i++) {
        const struct matcher_capture *capture = &matcher->captures[i];
        if (capture->size == MATCHER_POSITION) {
            assert_int_equal(lua_tointeger(lua, i + 3), capture->start - matcher->text + 1);
        } else {
            size_t size = 0;
            const char *text = lua_tolstring(lua, i + 3, &size);
            assert_int_equal(size, capture->size);
            assert_memory_equal(text, capture->start, size);
        }
    }
}

static void it_finds_what_the_library_finds(void **state)
{
    (void)state;
    lua_State *lua = luaL_newstate();
    luaL_openlibs(lua);
    struct buffer text;
    struct buffer pattern;
    buffer_init(&text);
    buffer_init(&pattern);
    int found = 0;
    int errors = 0;
    for (uint64_t round = 1; round <= 30000; round++) {
        uint64_t seed = round * 2654435761;
        make_pattern(&seed, &pattern);
        make_text(&seed, &text);
        if (strpbrk(buffer_string(&pattern), "^$*+?.([%-") == NULL) {
            continue; /* the library does not match these but compares */
        }
        struct matcher matcher;
        const uint8_t *end = NULL;
        const uint8_t *at = find(&matcher, buffer_bytes(&text), buffer_bytes(&pattern), &end);
        bool is_open = false;
        for (int i = 0; at != NULL && i < matcher.capture_count; i++) {
            is_open |= matcher.captures[i].size == MATCHER_OPEN; /* raised when it is pushed */
        }
        if (!find_by_library(lua, buffer_bytes(&text), buffer_bytes(&pattern))) {
            if (matcher.error == NULL && !is_open) {
                fail_msg("'%s' in '%s': the library says %s", buffer_string(&pattern),
                         buffer_string(&text), lua_tostring(lua, -1));
            }
            errors++;
            continue;
        }
        if (matcher.error != NULL || is_open || (at == NULL) != (lua_isnil(lua, 1) != 0)) {
            fail_msg("'%s' in '%s': %s", buffer_string(&pattern), buffer_string(&text),
                     matcher.error == NULL ? "another match" : matcher.error);
        }
        if (at != NULL) {
            found++;
            assert_int_equal(lua_tointeger(lua, 1), at - text.data + 1);
            assert_int_equal(lua_tointeger(lua, 2), end - text.data);
            expect_captures(lua, &matcher);
        }
    }
    assert_true(found > 5000);
    assert_true(errors > 1000);
    buffer_fini(&text);
    buffer_fini(&pattern);
    lua_close(lua);
}

static void it_gives_up_when_a_pattern_takes_too_long(void **state)
{
    (void)state;
    struct buffer text;
    buffer_init(&text);
    for (int i = 0; i < 30000; i++) {
        buffer_add_byte(&text, 'a');
    }
    struct matcher matcher;
    const uint8_t *end = NULL;
    struct bytes pattern = BYTES_LITERAL(".-.-.-.-b");
    assert_null(find(&matcher, buffer_bytes(&text), pattern, &end));
    assert_non_null(strstr(matcher.error, "too long"));
    assert_true(matcher.steps <= MATCHER_STEPS_MAX + (int64_t)text.size);
    buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_finds_what_the_library_finds),
        cmocka_unit_test(it_gives_up_when_a_pattern_takes_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
