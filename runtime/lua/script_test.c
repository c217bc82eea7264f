/* The functions behind library/test.lua; see script_test.h. */
#include "runtime/lua/script_test.h"

#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/format/headers.h"
#include "runtime/lua/script_state.h"
#include "runtime/lua/script_value.h"

#include <stdio.h>
#include <string.h>

enum { TEST_TOPIC_COUNT_MAX = 1000 };

/* Raises an error at the innermost line of a file, not of the library. */
static int test_fail(lua_State *lua, const char *text)
{
    lua_Debug activation;
    lua_settop(lua, 1); /* makes room; the argument stays, `text` may be its */
    for (int level = 1; lua_getstack(lua, level, &activation); level++) {
        lua_getinfo(lua, "Sl", &activation);
        if (activation.currentline > 0 && activation.source[0] == '@') {
            lua_pushfstring(lua, "%s:%d: %s", activation.short_src, activation.currentline, text);
            return lua_error(lua);
        }
    }
    lua_pushstring(lua, text);
    return lua_error(lua);
}

static int test_refuse(lua_State *lua, const struct report *report)
{
    char text[REPORT_PLACE_SIZE + sizeof report->text + 4];
    snprintf(text, sizeof text, "%s%s%s", report->text, report->place[0] == 0 ? "" : " at ",
             report->place);
    return test_fail(lua, text);
}

static struct script *test_script(lua_State *lua)
{
    struct script *script = script_of(lua);
    if (script->test_host == NULL) {
        test_fail(lua, "an application is driven only inside of a test: T.test(name, function(d) "
                       "... end), run by tidemill test");
    }
    return script;
}

static struct script *test_driven(lua_State *lua)
{
    struct script *script = test_script(lua);
    if (!script->is_test_begun) {
        test_fail(lua, "no application is driven: begin with T.driver");
    }
    return script;
}

static int host_fail(lua_State *lua)
{
    return test_fail(lua, luaL_checkstring(lua, 1));
}

static int host_add(lua_State *lua)
{
    struct script *script = script_of(lua);
    luaL_checkstring(lua, 1);
    luaL_checktype(lua, 2, LUA_TFUNCTION);
    if (script->is_loaded) {
        return test_fail(lua, "a test can be added only while the file is loaded");
    }
    script_push_registered(lua, SCRIPT_TESTS);
    lua_pushvalue(lua, 1);
    lua_rawseti(lua, 3, (lua_Integer)++script->test_count * 2 - 1);
    lua_pushvalue(lua, 2);
    lua_rawseti(lua, 3, (lua_Integer)script->test_count * 2);
    return 0;
}

/* The names in the list at `index`, which keeps them; the array is on the stack. */
static const char *const *test_names(lua_State *lua, int index, size_t *count)
{
    *count = lua_rawlen(lua, index);
    if (*count > TEST_TOPIC_COUNT_MAX) {
        test_fail(lua, "a driver has 1000 topics at most");
    }
    const char **names = lua_newuserdatauv(lua, (*count + 1) * sizeof *names, 0);
    for (size_t i = 0; i < *count; i++) {
        if (lua_rawgeti(lua, index, (lua_Integer)i + 1) != LUA_TSTRING) {
            test_fail(lua, "topics is a list of names");
        }
        names[i] = lua_tostring(lua, -1);
        lua_pop(lua, 1);
    }
    return names;
}

/* file, partitions, whether commits are explicit, topics */
static int host_begin(lua_State *lua)
{
    struct script *script = test_script(lua);
    struct report report = {0};
    luaL_checktype(lua, 4, LUA_TTABLE);
    lua_Integer partitions = luaL_checkinteger(lua, 2);
    if (partitions < 1 || partitions > 64) {
        return test_fail(lua, "partitions must be a number from 1 to 64");
    }
    struct script_test_options options = {.file = luaL_optstring(lua, 1, NULL),
                                          .partitions = (int32_t)partitions,
                                          .is_commit_explicit = lua_toboolean(lua, 3)};
    options.topics = test_names(lua, 4, &options.topic_count);
    script->is_test_begun = false;
    if (script->test_host->begin(script->test_owner, &options, &report) != 0) {
        return test_refuse(lua, &report);
    }
    script->is_test_begun = true;
    return 0;
}

static struct bytes test_value(lua_State *lua, int index, struct buffer *scratch)
{
    if (lua_isnoneornil(lua, index) || script_value_is_null(lua, index)) {
        return (struct bytes){0};
    }
    if (lua_type(lua, index) == LUA_TSTRING) {
        size_t size = 0;
        const char *text = lua_tolstring(lua, index, &size);
        return bytes_make(text, size);
    }
    script_value_write(lua, index, scratch, "the value");
    return buffer_bytes(scratch);
}

/* A string, or a number as its digits, which stays on the stack. */
static struct bytes test_key(lua_State *lua, int index)
{
    size_t size = 0;
    if (lua_isnoneornil(lua, index) || script_value_is_null(lua, index)) {
        return (struct bytes){0};
    }
    const char *text = lua_tolstring(lua, index, &size);
    if (text == NULL) {
        test_fail(lua, "a key is a string or a number");
    }
    return bytes_make(text, size);
}

static int32_t test_headers(lua_State *lua, int index, struct buffer *out)
{
    int32_t count = (int32_t)(lua_rawlen(lua, index) / 2);
    for (int32_t i = 0; i < count; i++) {
        lua_rawgeti(lua, index, i * 2 + 1);
        lua_rawgeti(lua, index, i * 2 + 2);
        headers_append(out, test_value(lua, -2, out), test_value(lua, -1, out));
        lua_pop(lua, 2);
    }
    return count;
}

/* topic, key, value, ts, headers (name, value, ...), partition */
static int host_send(lua_State *lua)
{
    struct script *script = test_driven(lua);
    struct report report = {0};
    struct buffer *headers = script_scratch(script, 1);
    lua_settop(lua, 6);
    struct record record = {.topic = luaL_checkstring(lua, 1), .partition = -1};
    record.key = test_key(lua, 2);
    record.value = test_value(lua, 3, script_scratch(script, 0));
    record.timestamp_ms = luaL_optinteger(lua, 4, script->test_host->time_ms(script->test_owner));
    record.header_count = test_headers(lua, 5, headers);
    record.headers_encoded = buffer_bytes(headers);
    lua_Integer partition = luaL_optinteger(lua, 6, -1);
    if (record.timestamp_ms < 0 || partition < -1 || partition > INT32_MAX) {
        return test_fail(lua, "ts and partition cannot be negative");
    }
    record.partition = (int32_t)partition;
    if (script->test_host->send(script->test_owner, &record, &report) != 0) {
        return test_refuse(lua, &report);
    }
    return 0;
}

/* What JSON says if it is JSON, else a string. */
static void test_push(lua_State *lua, struct bytes view)
{
    struct script *script = script_of(lua);
    if (bytes_is_null(view)) {
        script_value_push_null(lua);
    } else if (script_parse(lua, view) == 0) {
        script_value_push(lua, &script->stored, JSON_ROOT);
    } else {
        lua_pushlstring(lua, (const char *)view.data, view.size);
    }
}

static void test_push_string(lua_State *lua, struct bytes view)
{
    if (bytes_is_null(view)) {
        script_value_push_null(lua);
    } else {
        lua_pushlstring(lua, (const char *)view.data, view.size);
    }
}

static void test_push_headers(lua_State *lua, const struct record *record)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at == NULL ? NULL : at + record->headers_encoded.size;
    struct headers_entry entry;
    lua_newtable(lua);
    while (at != end && headers_next(&at, end, &entry) == 1) {
        test_push_string(lua, entry.key);
        test_push_string(lua, entry.value);
        lua_rawset(lua, -3);
    }
}

static int host_take(lua_State *lua)
{
    struct script *script = test_driven(lua);
    const char *topic = luaL_checkstring(lua, 1);
    const struct record *record = script->test_host->take(script->test_owner, topic);
    if (record == NULL) {
        return 0;
    }
    lua_newtable(lua);
    lua_pushinteger(lua, record->partition);
    lua_setfield(lua, -2, "partition");
    lua_pushinteger(lua, record->offset);
    lua_setfield(lua, -2, "offset");
    lua_pushinteger(lua, record->timestamp_ms);
    lua_setfield(lua, -2, "ts");
    test_push_string(lua, record->key);
    lua_setfield(lua, -2, "key");
    test_push(lua, record->value);
    lua_setfield(lua, -2, "value");
    test_push_string(lua, record->value);
    lua_setfield(lua, -2, "bytes");
    test_push_headers(lua, record);
    lua_setfield(lua, -2, "headers");
    return 1;
}

/* Rows are copied first: an error that Lua raises would leave the store being walked. */
struct test_entry {
    size_t key_size;
    size_t value_size;
    bool is_windowed;
    int64_t window_start_ms;
    int64_t window_end_ms;
};

static bool test_copy_entry(void *owner, const struct record *record)
{
    struct buffer *out = owner;
    struct test_entry entry = {.key_size = record->key.size,
                               .value_size = record->value.size,
                               .is_windowed = record->is_windowed,
                               .window_start_ms = record->window_start_ms,
                               .window_end_ms = record->window_end_ms};
    buffer_add(out, &entry, sizeof entry);
    buffer_add_bytes(out, record->key);
    buffer_add_bytes(out, record->value);
    return true;
}

/* Adds what was copied to the list at an index. */
static void test_push_entries(lua_State *lua, int list, struct bytes copied)
{
    lua_Integer count = 0;
    while (copied.size > 0) {
        struct test_entry entry;
        memcpy(&entry, copied.data, sizeof entry);
        const uint8_t *key = copied.data + sizeof entry;
        size_t size = sizeof entry + entry.key_size + entry.value_size;
        lua_newtable(lua);
        test_push_string(lua, bytes_make(key, entry.key_size));
        lua_setfield(lua, -2, "key");
        test_push(lua, bytes_make(key + entry.key_size, entry.value_size));
        lua_setfield(lua, -2, "value");
        if (entry.is_windowed) {
            lua_pushinteger(lua, entry.window_start_ms);
            lua_setfield(lua, -2, "window_start");
            lua_pushinteger(lua, entry.window_end_ms);
            lua_setfield(lua, -2, "window_end");
        }
        lua_rawseti(lua, list, ++count);
        copied = bytes_make(copied.data + size, copied.size - size);
    }
}

/* Rows as they come out of the step that keeps them: { key, value, window_start, window_end }. */
static int host_entries(lua_State *lua)
{
    struct script *script = test_driven(lua);
    const struct script_test_host *host = script->test_host;
    const char *name = luaL_checkstring(lua, 1);
    struct buffer *copied = script_scratch(script, 1);
    int32_t partition = 0;
    int result = 1;
    while (result == 1) {
        result = host->look(script->test_owner, name, partition, test_copy_entry, copied);
        partition += result == 1;
    }
    if (partition == 0 || result < 0) {
        char text[200];
        snprintf(text, sizeof text,
                 result < 0 ? "the store '%.100s' cannot be read by the step that keeps it"
                            : "the application has no store named '%.100s'",
                 name);
        return test_fail(lua, text);
    }
    lua_newtable(lua);
    test_push_entries(lua, lua_gettop(lua), buffer_bytes(copied));
    return 1;
}

static int host_advance(lua_State *lua)
{
    struct script *script = test_driven(lua);
    struct report report = {0};
    int64_t span_ms = 0;
    if (lua_isinteger(lua, 1)) {
        span_ms = lua_tointeger(lua, 1);
    } else if (text_parse_duration_ms(luaL_checkstring(lua, 1), &span_ms) != 0) {
        return test_fail(lua, "advance needs a span of time like \"30s\", or milliseconds");
    }
    if (span_ms < 0 || span_ms > INT64_MAX - script->test_host->time_ms(script->test_owner)) {
        return test_fail(lua, "time goes forward, and not past its end");
    }
    if (script->test_host->advance(script->test_owner, span_ms, &report) != 0) {
        return test_refuse(lua, &report);
    }
    return 0;
}

static int host_step(lua_State *lua)
{
    static const char *const names[] = {[SCRIPT_TEST_COMMIT] = "commit",
                                        [SCRIPT_TEST_CRASH] = "crash",
                                        [SCRIPT_TEST_RESTART] = "restart",
                                        [SCRIPT_TEST_REBALANCE] = "rebalance",
                                        NULL};
    struct script *script = test_driven(lua);
    struct report report = {0};
    enum script_test_step step = (enum script_test_step)luaL_checkoption(lua, 1, NULL, names);
    if (script->test_host->step(script->test_owner, step, &report) != 0) {
        return test_refuse(lua, &report);
    }
    return 0;
}

void script_test_push(lua_State *lua)
{
    static const luaL_Reg functions[] = {
        {"add", host_add},   {"advance", host_advance}, {"begin", host_begin},
        {"fail", host_fail}, {"entries", host_entries}, {"send", host_send},
        {"step", host_step}, {"take", host_take},       {NULL, NULL}};
    lua_newtable(lua);
    script_register(lua, SCRIPT_TESTS);
    lua_newtable(lua);
    luaL_setfuncs(lua, functions, 0);
}

size_t script_test_count(const struct script *script)
{
    return script->test_count;
}

const char *script_test_name(struct script *script, size_t index)
{
    check(index < script->test_count);
    script_push_registered(script->lua, SCRIPT_TESTS);
    lua_rawgeti(script->lua, -1, (lua_Integer)index * 2 + 1);
    const char *name = lua_tostring(script->lua, -1);
    lua_pop(script->lua, 2); /* the table keeps it */
    return name;
}

static int test_explain(struct script *script, int status, bool was_late, struct report *report)
{
    lua_State *lua = script->lua;
    char place[REPORT_PLACE_SIZE] = {0};
    const char *text = lua_type(lua, -1) == LUA_TSTRING ? lua_tostring(lua, -1) : "an error";
    if (status == LUA_ERRMEM) {
        return report_add(report, script->name,
                          "the test needs more memory than the limit of %zu bytes",
                          script->limits.memory_size);
    }
    text = script_split_message(text, place, sizeof place);
    if (was_late) {
        return report_add(report, place[0] == 0 ? script->name : place,
                          "the test ran longer than %d ms", (int)script->limits.test_ms);
    }
    return report_add(report, place, "%s", text);
}

/* What the application under test does meanwhile has limits of its own, in its script. */
static int test_call(struct script *script, struct report *report)
{
    lua_State *lua = script->lua;
    watchdog_set_limit(&script->watchdog, script->limits.test_ms);
    script->heap.is_limited = true;
    watchdog_enter(&script->watchdog, lua);
    int status = lua_pcall(lua, 0, 0, 0);
    bool was_late = watchdog_leave(&script->watchdog, lua);
    script->heap.is_limited = false;
    script_trim(script);
    if (status == LUA_OK && was_late) {
        lua_pushliteral(lua, "late"); /* in its last instruction */
    }
    watchdog_set_limit(&script->watchdog, script->limits.callback_ms);
    return status == LUA_OK && !was_late ? 0 : test_explain(script, status, was_late, report);
}

int script_test_run(struct script *script, size_t index, const struct script_test_host *host,
                    void *owner, struct report *report)
{
    lua_State *lua = script->lua;
    check(index < script->test_count);
    script->test_host = host;
    script->test_owner = owner;
    script->is_test_begun = false;
    script_push_registered(lua, SCRIPT_TESTS);
    lua_rawgeti(lua, -1, (lua_Integer)index * 2 + 2);
    int error = test_call(script, report);
    lua_settop(lua, 0);
    script->test_host = NULL;
    return error;
}
