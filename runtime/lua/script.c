/* Opening and closing scripts; see script.h. */
#include "runtime/lua/script.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/aggregate/aggregator.h"
#include "runtime/format/calendar.h"
#include "runtime/format/format.h"
#include "runtime/lua/library.h"
#include "runtime/lua/record_view.h"
#include "runtime/lua/sandbox.h"
#include "runtime/lua/script_node.h"
#include "runtime/lua/script_plan.h"
#include "runtime/lua/script_sketch.h"
#include "runtime/lua/script_value.h"
#include "runtime/lua/store_view.h"
#include "runtime/lua/table_view.h"
#include "runtime/lua/version_view.h"
#include "runtime/lua/window_view.h"
#include "runtime/topology/topology_match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOKENS_KEPT_MAX = 4096,
    RECORD_TOKENS_KEPT_MAX = 1 << 15,
    BUFFER_COUNT = sizeof((struct script *)0)->buffers / sizeof(struct buffer),
};

const char script_keys[SCRIPT_KEY_COUNT];

/* --- What the other files share --------------------------------------------------------------- */

bool script_has_meta(lua_State *lua, int index, enum script_key key)
{
    if (!lua_getmetatable(lua, index)) {
        return false;
    }
    script_push_registered(lua, key);
    bool is_same = lua_rawequal(lua, -1, -2);
    lua_pop(lua, 2);
    return is_same;
}

void script_fail(lua_State *lua, const char *kind, const char *format, ...)
{
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    script_of(lua)->error_kind = kind;
    luaL_error(lua, "%s", text);
    __builtin_unreachable();
}

struct buffer *script_scratch(struct script *script, int index)
{
    struct buffer *buffer = &script->buffers[index];
    buffer_clear(buffer);
    return buffer;
}

struct node_context *script_context(lua_State *lua, const char *what)
{
    struct script *script = script_of(lua);
    if (script->context == NULL) {
        luaL_error(lua, "%s can be used only while a record or a timer is processed", what);
    }
    return script->context;
}

struct bytes script_copy(lua_State *lua, struct bytes view)
{
    struct script *script = script_of(lua);
    struct arena *arena = script_context(lua, "a record")->arena;
    if (bytes_is_null(view)) {
        return view;
    }
    script->copy_size += view.size;
    uint8_t *copy =
        script->copy_size > script->limits.memory_size ? NULL : arena_try(arena, view.size + 1);
    if (copy == NULL) {
        script_fail(lua, "memory", "the callback copied more than %zu bytes",
                    script->limits.memory_size);
    }
    if (view.size > 0) {
        memcpy(copy, view.data, view.size);
    }
    return bytes_make(copy, view.size);
}

/* Outside a callback nothing is refused, so that nothing is collected then. */
static void collect(struct script *script)
{
    lua_State *running = script->watchdog.running;
    lua_gc(running == NULL ? script->lua : running, LUA_GCCOLLECT, 0);
}

int script_parse(lua_State *lua, struct bytes text)
{
    struct script *script = script_of(lua);
    int error = json_parse(&script->stored, text);
    if (error == ERROR_NO_MEMORY) {
        script_fail(lua, "memory",
                    "to read this JSON takes more memory than the limit of %zu bytes",
                    script->limits.memory_size);
    }
    watchdog_check(lua);
    return error;
}

/* The heap's memory for others than Lua: when there is none garbage is collected, as Lua does. */
static void *resize(void *owner, void *memory, size_t old_size, size_t new_size)
{
    struct script *script = owner;
    void *result = heap_allocate(&script->heap, memory, old_size, new_size);
    if (result == NULL && new_size > 0) {
        collect(script);
        result = heap_allocate(&script->heap, memory, old_size, new_size);
    }
    return result;
}

static void free_scratch(struct script *script)
{
    for (size_t i = 0; i < BUFFER_COUNT; i++) {
        if (script->buffers[i].capacity > SCRIPT_SCRATCH_SIZE) {
            buffer_fini(&script->buffers[i]);
            buffer_init(&script->buffers[i]);
        }
    }
    check(heap_count(&script->heap, script->scratch_size, 0));
    script->scratch_size = 0;
}

void script_count_scratch(lua_State *lua)
{
    struct script *script = script_of(lua);
    size_t size = 0;
    for (size_t i = 0; i < BUFFER_COUNT; i++) {
        size_t capacity = script->buffers[i].capacity;
        size += capacity > SCRIPT_SCRATCH_SIZE ? capacity : 0;
    }
    if (size == script->scratch_size) {
        return;
    }
    bool is_counted = heap_count(&script->heap, script->scratch_size, size);
    if (!is_counted) {
        collect(script);
        is_counted = heap_count(&script->heap, script->scratch_size, size);
    }
    if (!is_counted) {
        free_scratch(script);
        script_fail(lua, "memory",
                    "to write this JSON takes more memory than the limit of %zu bytes",
                    script->limits.memory_size);
    }
    script->scratch_size = size;
}

void script_trim(struct script *script)
{
    json_trim(&script->stored, TOKENS_KEPT_MAX);
    free_scratch(script);
}

void script_forget_record(struct script *script)
{
    json_patch_trim(&script->current.json, RECORD_TOKENS_KEPT_MAX);
    script->current.is_parsed = false;
}

const char *script_split_message(const char *message, char *place, size_t place_size)
{
    const char *end = strstr(message, ": ");
    const char *colon = end;
    while (colon != NULL && colon > message && colon[-1] >= '0' && colon[-1] <= '9') {
        colon--;
    }
    place[0] = 0;
    bool has_place = end != NULL && colon > message + 1 && colon < end && colon[-1] == ':' &&
                     (size_t)(end - message) < place_size &&
                     memchr(message, ' ', (size_t)(end - message)) == NULL;
    if (!has_place) {
        return message;
    }
    memcpy(place, message, (size_t)(end - message));
    place[end - message] = 0;
    return end + 2;
}

/* --- Functions of the host for the library ---------------------------------------------------- */

/* The innermost line of the script that is running: "app.lua:12". */
static int host_place(lua_State *lua)
{
    lua_Debug activation;
    for (int level = 1; lua_getstack(lua, level, &activation); level++) {
        lua_getinfo(lua, "Sl", &activation);
        if (activation.currentline > 0 && strcmp(activation.source, "=tidemill") != 0) {
            lua_pushfstring(lua, "%s:%d", activation.short_src, activation.currentline);
            return 1;
        }
    }
    lua_pushnil(lua); /* the file has been left: what it returned is judged */
    return 1;
}

static int host_describe(lua_State *lua)
{
    luaL_checktype(lua, 1, LUA_TFUNCTION);
    lua_Debug activation;
    lua_settop(lua, 1);
    lua_getinfo(lua, ">S", &activation);
    if (activation.linedefined > 0) {
        lua_pushfstring(lua, "lua %s:%d", activation.short_src, activation.linedefined);
    } else {
        lua_pushliteral(lua, "lua");
    }
    return 1;
}

static int host_nearest(lua_State *lua)
{
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX];
    const char *name = luaL_checkstring(lua, 1);
    luaL_checktype(lua, 2, LUA_TTABLE);
    size_t count = lua_rawlen(lua, 2);
    count = count > NAMES_MAX ? NAMES_MAX : count;
    luaL_checkstack(lua, NAMES_MAX, "too many names");
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(lua, 2, (lua_Integer)i + 1);
        names[i] = luaL_checkstring(lua, -1);
    }
    lua_pushstring(lua, text_nearest(name, names, count));
    return 1;
}

static struct bytes check_bytes(lua_State *lua, int index)
{
    size_t size = 0;
    const char *text = luaL_checklstring(lua, index, &size);
    return bytes_make(text, size);
}

static int parse_time(lua_State *lua, int (*parse)(struct bytes text, int64_t *out),
                      const char *example)
{
    int64_t time_ms = 0;
    struct bytes text = check_bytes(lua, 1);
    if (parse(text, &time_ms) != 0) {
        return luaL_error(lua, "'%s' is not a time like %s",
                          text.size > 100 ? "this text" : (const char *)text.data, example);
    }
    lua_pushinteger(lua, time_ms);
    return 1;
}

static int time_iso(lua_State *lua)
{
    return parse_time(lua, calendar_parse_iso, "2025-10-10T13:55:36.123Z");
}

static int time_clf(lua_State *lua)
{
    return parse_time(lua, calendar_parse_clf, "10/Oct/2025:13:55:36 +0000");
}

static int time_utc(lua_State *lua)
{
    char text[CALENDAR_SIZE];
    if (calendar_write(luaL_checkinteger(lua, 1), text) != 0) {
        return luaL_error(lua, "the time is outside the years 0 to 9999");
    }
    lua_pushstring(lua, text);
    return 1;
}

static int json_decode(lua_State *lua)
{
    struct script *script = script_of(lua);
    if (script_parse(lua, check_bytes(lua, 1)) != 0) {
        return luaL_error(lua, "this is not JSON: %s at byte %d", script->stored.error_text,
                          (int)script->stored.error_position);
    }
    script_value_push(lua, &script->stored, JSON_ROOT);
    script_trim(script);
    return 1;
}

static int json_encode(lua_State *lua)
{
    luaL_checkany(lua, 1);
    struct buffer *text = script_scratch(script_of(lua), 0);
    script_value_write(lua, 1, text, "the value");
    lua_pushlstring(lua, (const char *)text->data, text->size);
    script_trim(script_of(lua));
    return 1;
}

static int host_plain(lua_State *lua)
{
    luaL_checkany(lua, 1);
    struct json_place place;
    if (record_view_get_place(lua, 1, &place)) {
        script_value_push_place(lua, place);
    } else {
        lua_settop(lua, 1);
    }
    return 1;
}

static void push_functions(lua_State *lua, const luaL_Reg *functions, const char *name)
{
    lua_newtable(lua);
    luaL_setfuncs(lua, functions, 0);
    lua_setfield(lua, -2, name);
}

/* The native aggregates, for which the library makes functions. */
static void push_aggregators(lua_State *lua)
{
    const struct aggregator *row;
    lua_newtable(lua);
    for (size_t i = 0; (row = aggregator_at(i)) != NULL; i++) {
        lua_newtable(lua);
        lua_pushstring(lua, row->name);
        lua_setfield(lua, -2, "name");
        lua_pushboolean(lua, row->argument == AGGREGATOR_CONDITION_OR_NONE);
        lua_setfield(lua, -2, "takes_condition");
        lua_pushboolean(lua, row->argument == AGGREGATOR_PATH);
        lua_setfield(lua, -2, "needs_path");
        lua_pushstring(lua, row->parameter.name);
        lua_setfield(lua, -2, "parameter");
        lua_pushboolean(lua, row->parameter.is_option);
        lua_setfield(lua, -2, "is_option");
        lua_rawseti(lua, -2, (lua_Integer)i + 1);
    }
    lua_setfield(lua, -2, "aggregators");
}

static void push_host(lua_State *lua)
{
    static const luaL_Reg functions[] = {{"place", host_place},
                                         {"describe", host_describe},
                                         {"nearest", host_nearest},
                                         {"plain", host_plain},
                                         {NULL, NULL}};
    static const luaL_Reg times[] = {
        {"iso", time_iso}, {"clf", time_clf}, {"utc", time_utc}, {NULL, NULL}};
    static const luaL_Reg jsons[] = {
        {"encode", json_encode}, {"decode", json_decode}, {NULL, NULL}};
    lua_newtable(lua);
    luaL_setfuncs(lua, functions, 0);
    push_functions(lua, times, "time");
    push_functions(lua, jsons, "json");
    script_sketch_push(lua);
    lua_setfield(lua, -2, "ddsketch");
    push_aggregators(lua);
    script_value_push_null(lua);
    lua_setfield(lua, -2, "null");
    script_push_registered(lua, SCRIPT_ARRAY_META);
    lua_setfield(lua, -2, "array");
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* Calls the files of the library; those before the last one return nothing. */
static void open_library(lua_State *lua)
{
    push_host(lua);
    lua_newtable(lua); /* what the files share */
    for (const struct library_file *file = library_files; file->name != NULL; file++) {
        if (sandbox_load(lua, bytes_make(file->text, file->size), "=tidemill") != LUA_OK) {
            lua_error(lua);
        }
        bool is_last = file[1].name == NULL;
        lua_pushvalue(lua, -3);
        lua_pushvalue(lua, -3);
        lua_call(lua, 2, is_last ? 2 : 0);
    }
    script_register(lua, SCRIPT_HOST);
    script_register(lua, SCRIPT_LIBRARY);
    lua_pop(lua, 2);
}

/* Leaves the library's `finish` in the registry as SCRIPT_HOST. */
static int open_libraries(lua_State *lua)
{
    sandbox_open(lua);
    lua_newtable(lua);
    script_register(lua, SCRIPT_ARRAY_META);
    record_view_open(lua);
    store_view_open(lua);
    table_view_open(lua);
    version_view_open(lua);
    window_view_open(lua);
    script_node_open(lua);
    open_library(lua);
    return 0;
}

/* Evaluates the file at index 1 (a function) and reads its plan into the script. */
static int evaluate(lua_State *lua)
{
    struct script *script = script_of(lua);
    struct report *report = lua_touserdata(lua, 2);
    lua_pushvalue(lua, 1);
    lua_call(lua, 0, 1);
    script_push_registered(lua, SCRIPT_HOST);
    lua_insert(lua, -2);
    lua_pushstring(lua, script->options.app_name);
    lua_call(lua, 2, 1);
    lua_pushcfunction(lua, script_plan_read);
    lua_insert(lua, -2);
    lua_pushlightuserdata(lua, report);
    lua_call(lua, 2, 0);
    return 0;
}

static int report_message(struct script *script, struct report *report, int status)
{
    lua_State *lua = script->lua;
    char place[REPORT_PLACE_SIZE];
    if (status == LUA_ERRMEM) {
        return report_add(report, script->name,
                          "the script needs more memory than its limit of %zu bytes",
                          script->limits.memory_size);
    }
    if (lua_type(lua, -1) != LUA_TSTRING) {
        return report_add(report, script->name, "the error is a %s", luaL_typename(lua, -1));
    }
    const char *text = script_split_message(lua_tostring(lua, -1), place, sizeof place);
    return report_add(report, place[0] == 0 ? script->name : place, "%s", text);
}

static int load_script(struct script *script, struct report *report)
{
    lua_State *lua = script->lua;
    char chunk_name[128];
    snprintf(chunk_name, sizeof chunk_name, "@%s", script->name);
    lua_pushcfunction(lua, evaluate);
    script->heap.is_limited = true;
    int status = sandbox_load(lua, script->options.text, chunk_name);
    if (status == LUA_OK) {
        lua_pushlightuserdata(lua, report);
        watchdog_set_limit(&script->watchdog, script->limits.load_ms);
        watchdog_enter(&script->watchdog, lua);
        status = lua_pcall(lua, 2, 0, 0);
        script->heap.is_limited = false;
        bool was_late = watchdog_leave(&script->watchdog, lua);
        if (was_late && status == LUA_OK) {
            lua_pushliteral(lua, "evaluating the file took too long");
            status = LUA_ERRRUN;
        }
    }
    script->heap.is_limited = false;
    script_trim(script);
    int error = status == LUA_OK ? 0 : report_message(script, report, status);
    if (error != 0 && report->place[0] == 0) {
        snprintf(report->place, sizeof report->place, "%s", script->name);
    }
    lua_settop(lua, 0);
    return error;
}

static void set_limits(struct script *script)
{
    const struct script_limits defaults = SCRIPT_LIMITS_DEFAULT;
    const struct script_limits *given = &script->options.limits;
    script->limits = (struct script_limits){
        .memory_size = given->memory_size > 0 ? given->memory_size : defaults.memory_size,
        .callback_ms = given->callback_ms > 0 ? given->callback_ms : defaults.callback_ms,
        .load_ms = given->load_ms > 0 ? given->load_ms : defaults.load_ms,
        .emit_count = given->emit_count > 0 ? given->emit_count : defaults.emit_count,
        .emit_size = given->emit_size > 0 ? given->emit_size : defaults.emit_size,
        .store_size = given->store_size > 0 ? given->store_size : defaults.store_size,
        .test_ms = given->test_ms > 0 ? given->test_ms : defaults.test_ms,
    };
}

/* "apps/word-count.lua" gives "word-count". */
static char *make_app_name(const struct script_options *options)
{
    if (options->app_name != NULL) {
        return memory_string(options->app_name);
    }
    const char *slash = strrchr(options->name, '/');
    char *name = memory_string(slash == NULL ? options->name : slash + 1);
    size_t size = strlen(name);
    if (size > 4 && strcmp(name + size - 4, ".lua") == 0) {
        name[size - 4] = 0;
    }
    return name;
}

static void count_memory(struct script *script, struct json *json)
{
    json->resize = resize;
    json->resize_owner = script;
    json->is_late = &script->watchdog.is_late;
}

static struct script *make_script(const struct script_options *options)
{
    struct script *script = memory_new(struct script);
    script->options = *options;
    script->name = memory_string(options->name);
    set_limits(script);
    watchdog_init(&script->watchdog);
    heap_init(&script->heap, script->limits.memory_size);
    arena_init(&script->arena, 0);
    json_init(&script->stored);
    count_memory(script, &script->stored);
    decoded_init(&script->decoded);
    json_patch_init(&script->current.json);
    count_memory(script, &script->current.json.json);
    for (size_t i = 0; i < BUFFER_COUNT; i++) {
        buffer_init(&script->buffers[i]);
    }
    script->lua = lua_newstate(heap_allocate, &script->heap);
    check(script->lua != NULL);
    *(struct watchdog **)lua_getextraspace(script->lua) = &script->watchdog;
    return script;
}

int script_open(const struct script_options *options, struct report *report, struct script **out)
{
    if (options->text.size > SCRIPT_TEXT_SIZE_MAX) {
        return report_add(report, options->name, "the file is larger than %d bytes",
                          SCRIPT_TEXT_SIZE_MAX);
    }
    struct script *script = make_script(options);
    char *app_name = make_app_name(options);
    script->options.app_name = app_name;
    lua_pushcfunction(script->lua, open_libraries);
    int status = lua_pcall(script->lua, 0, 0, 0);
    int error =
        status == LUA_OK ? load_script(script, report) : report_message(script, report, status);
    free(app_name);
    script->options = (struct script_options){
        .print = options->print, .print_owner = options->print_owner}; /* the rest is borrowed */
    if (error != 0) {
        script_close(script);
        return error;
    }
    script->is_loaded = true;
    watchdog_set_limit(&script->watchdog, script->limits.callback_ms);
    lua_gc(script->lua, LUA_GCCOLLECT, 0);
    *out = script;
    return 0;
}

void script_close(struct script *script)
{
    if (script == NULL) {
        return;
    }
    watchdog_fini(&script->watchdog);
    topology_free(script->topology);
    lua_close(script->lua);
    json_fini(&script->stored);
    json_patch_fini(&script->current.json);
    script_trim(script);
    heap_fini(&script->heap);
    decoded_fini(&script->decoded);
    sketch_fini(&script->sketches[0]);
    sketch_fini(&script->sketches[1]);
    for (size_t i = 0; i < BUFFER_COUNT; i++) {
        buffer_fini(&script->buffers[i]);
    }
    for (size_t i = 0; i < script->format_count; i++) {
        format_close(script->formats[i]);
    }
    free(script->formats);
    for (size_t i = 0; i < script->aggregator_count; i++) {
        script->aggregators[i].free(script->aggregators[i].owner);
    }
    free(script->aggregators);
    free(script->migrations);
    arena_fini(&script->arena);
    free(script->pending);
    free(script->iterators);
    kv_free(script->expiring);
    window_view_forget(script);
    for (size_t i = 0; i < script->usage_count; i++) {
        free(script->usages[i]->name);
        free(script->usages[i]);
    }
    free(script->usages);
    free(script->name);
    free(script);
}

const struct topology *script_topology(const struct script *script)
{
    return script->topology;
}

int script_match_topics(struct script *script, const char *const *names, size_t count,
                        struct report *report)
{
    return topology_match_apply(script->topology, names, count, report);
}

const struct script_connector *script_connectors(const struct script *script, size_t *count)
{
    *count = script->connector_count;
    return script->connectors;
}

size_t script_memory_size(const struct script *script)
{
    return script->heap.used_size;
}

size_t script_memory_most(const struct script *script)
{
    return script->heap.most_size;
}

size_t script_usage_count(const struct script *script)
{
    return script->usage_count;
}

const struct node_usage *script_usage_at(const struct script *script, size_t index)
{
    check(index < script->usage_count);
    return script->usages[index];
}

void script_collect(struct script *script)
{
    lua_gc(script->lua, LUA_GCSTEP, 0);
}
