/* Views of the current record; see record_view.h.
 *
 * A view is a small userdata with the generation of its callback; all of them share the state in
 * script->current. */
#include "runtime/lua/record_view.h"

#include "log/base/error.h"
#include "runtime/format/headers.h"
#include "runtime/lua/script_value.h"

#include <string.h>

struct view {
    uint64_t generation;
    struct json_place place; /* of a JSON view */
};

static struct view *get_view(lua_State *lua, int index)
{
    struct view *view = lua_touserdata(lua, index);
    if (view->generation != script_of(lua)->generation) {
        luaL_error(lua, "record expired: it was kept after the callback it belongs to; keep "
                        "S.table(r.json) or single fields instead");
    }
    return view;
}

static void push_view(lua_State *lua, enum script_key meta, struct json_place place)
{
    struct view *view = lua_newuserdatauv(lua, sizeof *view, 0);
    *view = (struct view){.generation = script_of(lua)->generation, .place = place};
    script_push_registered(lua, meta);
    lua_setmetatable(lua, -2);
}

static void push_bytes(lua_State *lua, struct bytes view)
{
    if (bytes_is_null(view)) {
        lua_pushnil(lua);
    } else {
        lua_pushlstring(lua, (const char *)view.data, view.size);
    }
}

/* --- JSON ------------------------------------------------------------------------------------- */

static void push_place(lua_State *lua, struct json_place place)
{
    enum json_kind kind = json_place_kind(place);
    if (kind == JSON_OBJECT || kind == JSON_ARRAY) {
        push_view(lua, SCRIPT_JSON_META, place);
    } else {
        script_value_push(lua, &place.patch->json, place.token);
    }
}

__attribute__((noreturn)) static void fail_memory(lua_State *lua, const char *verb)
{
    script_fail(lua, "memory", "to %s this JSON takes more memory than the limit of %zu bytes",
                verb, script_of(lua)->limits.memory_size);
}

static struct json_place parse_current(lua_State *lua)
{
    struct script_record *current = &script_of(lua)->current;
    if (!current->is_parsed) {
        struct script *script = script_of(lua);
        struct decoded *decoded = node_decoded(script->context, &script->decoded, &current->record);
        struct bytes text;
        if (decoded_text(decoded, current->record.value_format, current->record.value, &text) !=
            0) {
            script_fail(lua, "decode", "%s", decoded->report.text);
        }
        int error = json_patch_parse(&current->json, text);
        watchdog_check(lua);
        if (error == ERROR_NO_MEMORY) {
            fail_memory(lua, "read");
        }
        if (error != 0) {
            script_fail(lua, "decode", "the value is not JSON: %s at byte %zu",
                        current->json.json.error_text, current->json.json.error_position);
        }
        current->is_parsed = true;
    }
    return json_patch_root(&current->json);
}

static int json_index(lua_State *lua)
{
    struct view *view = get_view(lua, 1);
    struct json_place place;
    bool is_found = false;
    if (lua_type(lua, 2) == LUA_TSTRING) {
        size_t size = 0;
        const char *name = lua_tolstring(lua, 2, &size);
        is_found = json_place_kind(view->place) == JSON_OBJECT &&
                   json_place_find(view->place, bytes_make(name, size), &place);
    } else if (lua_isinteger(lua, 2)) {
        lua_Integer index = lua_tointeger(lua, 2);
        is_found = index >= 1 && index <= UINT32_MAX &&
                   json_place_element(view->place, (uint32_t)(index - 1), &place);
    }
    if (is_found) {
        push_place(lua, place);
    } else {
        lua_pushnil(lua);
    }
    return 1;
}

/* Of a change. */
static void raise_error(lua_State *lua, const char *what, int error)
{
    watchdog_check(lua);
    if (error == ERROR_NO_MEMORY) {
        fail_memory(lua, "change");
    }
    if (error != 0) {
        script_fail(lua, "encode", "the %s cannot be set: %s", what, error_text(error));
    }
}

static int set_element(lua_State *lua, struct json_place array, lua_Integer index)
{
    uint32_t count = json_place_count(array);
    if (lua_isnil(lua, 3)) {
        if (index != (lua_Integer)count) {
            return luaL_error(lua, "only the last element of a list can be removed; use S.null");
        }
        raise_error(lua, "element", json_place_remove_last(array));
        return 0;
    }
    struct buffer *text = script_scratch(script_of(lua), 0);
    script_value_write(lua, 3, text, "the element");
    if (index < 1 || index > (lua_Integer)count + 1) {
        return luaL_error(lua, "a list of %d elements cannot be set at %d", (int)count, (int)index);
    }
    raise_error(lua, "element",
                json_place_set_element(array, (uint32_t)(index - 1), buffer_bytes(text)));
    return 0;
}

static int json_newindex(lua_State *lua)
{
    struct view *view = get_view(lua, 1);
    if (json_place_kind(view->place) == JSON_ARRAY) {
        if (!lua_isinteger(lua, 2)) {
            return luaL_error(lua, "a list has places, not names");
        }
        return set_element(lua, view->place, lua_tointeger(lua, 2));
    }
    if (lua_type(lua, 2) != LUA_TSTRING) {
        return luaL_error(lua, "the name of a member must be a string");
    }
    size_t size = 0;
    const char *text = lua_tolstring(lua, 2, &size);
    struct bytes name = bytes_make(text, size);
    if (lua_isnil(lua, 3)) {
        raise_error(lua, "member", json_place_remove(view->place, name));
        return 0;
    }
    struct buffer *value = script_scratch(script_of(lua), 0);
    script_value_write(lua, 3, value, "the member");
    raise_error(lua, "member", json_place_set(view->place, name, buffer_bytes(value)));
    return 0;
}

static int json_length(lua_State *lua)
{
    lua_pushinteger(lua, json_place_count(get_view(lua, 1)->place));
    return 1;
}

/* The state of pairs: a walk and its place in a list. */
struct walking {
    uint64_t generation;
    struct json_walk walk;
    lua_Integer index;
};

static int json_next(lua_State *lua)
{
    struct walking *walking = lua_touserdata(lua, lua_upvalueindex(1));
    if (walking->generation != script_of(lua)->generation) {
        return luaL_error(lua, "record expired");
    }
    struct buffer *scratch = script_scratch(script_of(lua), 1);
    struct bytes name;
    struct json_place value;
    if (!json_walk_next(&walking->walk, scratch, &name, &value)) {
        lua_pushnil(lua);
        return 1;
    }
    if (json_place_kind(walking->walk.container) == JSON_ARRAY) {
        lua_pushinteger(lua, ++walking->index);
    } else {
        push_bytes(lua, name);
    }
    push_place(lua, value);
    return 2;
}

static int json_pairs(lua_State *lua)
{
    struct view *view = get_view(lua, 1);
    struct walking *walking = lua_newuserdatauv(lua, sizeof *walking, 0);
    *walking = (struct walking){.generation = view->generation, .walk = {.container = view->place}};
    lua_pushcclosure(lua, json_next, 1);
    return 1;
}

static int json_tostring(lua_State *lua)
{
    struct buffer *text = script_scratch(script_of(lua), 0);
    json_place_write(get_view(lua, 1)->place, text);
    script_count_scratch(lua);
    push_bytes(lua, buffer_bytes(text));
    return 1;
}

bool record_view_get_place(lua_State *lua, int index, struct json_place *out)
{
    if (!script_has_meta(lua, index, SCRIPT_JSON_META)) {
        return false;
    }
    *out = get_view(lua, index)->place;
    return true;
}

/* --- Headers ---------------------------------------------------------------------------------- */

static int headers_index(lua_State *lua)
{
    get_view(lua, 1);
    size_t size = 0;
    const char *key = luaL_checklstring(lua, 2, &size);
    struct headers_entry entry;
    int result =
        headers_find(script_of(lua)->current.record.headers_encoded, bytes_make(key, size), &entry);
    if (result < 0) {
        script_fail(lua, "decode", "the headers are damaged");
    }
    if (result == 1 && bytes_is_null(entry.value)) {
        script_value_push_null(lua);
    } else {
        push_bytes(lua, result == 1 ? entry.value : (struct bytes){0});
    }
    return 1;
}

/* Adds the value at the top to encoded headers. */
static void append_header(lua_State *lua, struct buffer *headers, struct bytes key)
{
    struct bytes value = {0};
    if (!script_value_is_null(lua, -1)) {
        if (lua_type(lua, -1) != LUA_TSTRING && lua_type(lua, -1) != LUA_TNUMBER) {
            script_fail(lua, "encode", "a header must be a string, not a %s",
                        luaL_typename(lua, -1));
        }
        size_t size = 0;
        const char *text = lua_tolstring(lua, -1, &size);
        value = bytes_make(text, size);
    }
    headers_append(headers, key, value);
}

static int headers_newindex(lua_State *lua)
{
    get_view(lua, 1);
    struct script *script = script_of(lua);
    struct record *record = &script->current.record;
    size_t size = 0;
    const char *text = luaL_checklstring(lua, 2, &size);
    struct bytes key = bytes_make(text, size);
    struct buffer *headers = script_scratch(script, 0);
    int count = headers_copy_without(headers, record->headers_encoded, key);
    if (count < 0) {
        script_fail(lua, "decode", "the headers are damaged");
    }
    if (!lua_isnil(lua, 3)) {
        lua_settop(lua, 3);
        append_header(lua, headers, key);
        count++;
    }
    record->headers_encoded = script_copy(lua, buffer_bytes(headers));
    record->header_count = count;
    script->current.is_changed = true;
    return 0;
}

/* Positions are kept, not pointers, so that setting a header inside the loop is allowed. */
static int headers_step(lua_State *lua)
{
    get_view(lua, lua_upvalueindex(1));
    struct bytes encoded;
    encoded.data = lua_touserdata(lua, lua_upvalueindex(2));
    encoded.size = (size_t)lua_tointeger(lua, lua_upvalueindex(3));
    const uint8_t *at = encoded.data + lua_tointeger(lua, lua_upvalueindex(4));
    struct headers_entry entry;
    int result = headers_next(&at, encoded.data + encoded.size, &entry);
    if (result < 0) {
        script_fail(lua, "decode", "the headers are damaged");
    }
    if (result == 0) {
        lua_pushnil(lua);
        return 1;
    }
    lua_pushinteger(lua, at - encoded.data);
    lua_replace(lua, lua_upvalueindex(4));
    push_bytes(lua, entry.key);
    if (bytes_is_null(entry.value)) {
        script_value_push_null(lua);
    } else {
        push_bytes(lua, entry.value);
    }
    return 2;
}

static int headers_pairs(lua_State *lua)
{
    get_view(lua, 1);
    struct bytes encoded = script_of(lua)->current.record.headers_encoded;
    lua_settop(lua, 1);
    lua_pushlightuserdata(lua, (void *)(uintptr_t)encoded.data);
    lua_pushinteger(lua, (lua_Integer)encoded.size);
    lua_pushinteger(lua, 0);
    lua_pushcclosure(lua, headers_step, 4);
    return 1;
}

/* --- The record ------------------------------------------------------------------------------- */

static void push_json(lua_State *lua)
{
    if (bytes_is_null(script_of(lua)->current.record.value)) {
        lua_pushnil(lua);
    } else {
        push_place(lua, parse_current(lua));
    }
}

void record_view_push_value(lua_State *lua)
{
    struct script_record *current = &script_of(lua)->current;
    if (!value_format_is_string(current->record.value_format)) {
        push_json(lua);
        return;
    }
    struct record record;
    record_view_read(lua, 0, &record);
    push_bytes(lua, record.value);
}

static int find_name(const struct script *script, const char *name)
{
    for (int i = 0; i < SCRIPT_NAME_COUNT; i++) {
        if (script->names[i] == name) {
            return i;
        }
    }
    return -1;
}

static int fail_name(lua_State *lua)
{
    return luaL_error(lua,
                      "a record has no field '%s'; it has key, key_json, value, json, ts, topic, "
                      "partition, offset, headers, bytes, window_start and window_end",
                      lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2)
                                                      : luaL_typename(lua, 2));
}

/* A plain copy, since keys are small and cannot be changed in part. */
static void push_key_json(lua_State *lua, struct bytes key)
{
    struct json *json = &script_of(lua)->stored;
    if (bytes_is_null(key)) {
        lua_pushnil(lua);
    } else if (script_parse(lua, key) == 0) {
        script_value_push(lua, json, JSON_ROOT);
    } else {
        script_fail(lua, "decode", "the key is not JSON: %s at byte %d; r.key is its text",
                    json->error_text, (int)json->error_position);
    }
}

static int record_index(lua_State *lua)
{
    get_view(lua, 1);
    struct script *script = script_of(lua);
    struct record *record = &script->current.record;
    if (lua_type(lua, 2) != LUA_TSTRING) {
        return fail_name(lua);
    }
    int name = find_name(script, lua_tostring(lua, 2));
    switch (name) {
    case SCRIPT_KEY:
        push_bytes(lua, record->key);
        return 1;
    case SCRIPT_KEY_JSON:
        push_key_json(lua, record->key);
        return 1;
    case SCRIPT_VALUE:
        record_view_push_value(lua);
        return 1;
    case SCRIPT_JSON:
        push_json(lua);
        return 1;
    case SCRIPT_TS:
        lua_pushinteger(lua, record->timestamp_ms);
        return 1;
    case SCRIPT_TOPIC:
        lua_pushstring(lua, record->topic);
        return 1;
    case SCRIPT_PARTITION:
        lua_pushinteger(lua, record->partition);
        return 1;
    case SCRIPT_OFFSET:
        lua_pushinteger(lua, record->offset);
        return 1;
    case SCRIPT_WINDOW_START:
    case SCRIPT_WINDOW_END:
        if (!record->is_windowed) {
            lua_pushnil(lua);
        } else {
            lua_pushinteger(lua, name == SCRIPT_WINDOW_START ? record->window_start_ms
                                                             : record->window_end_ms);
        }
        return 1;
    case SCRIPT_HEADERS:
        push_view(lua, SCRIPT_HEADERS_META, (struct json_place){0});
        return 1;
    case SCRIPT_BYTES: {
        struct record whole;
        record_view_read(lua, 1, &whole);
        push_bytes(lua, whole.value);
        return 1;
    }
    default:
        return fail_name(lua);
    }
}

/* Drops parsed JSON and changes; views of it would dangle, so their generation ends. A fresh one
 * begins for the record itself, whose userdata is updated. */
static void forget_json(lua_State *lua, struct script_record *current, struct view *view)
{
    if (current->is_parsed) {
        current->is_parsed = false;
        view->generation = ++script_of(lua)->generation;
    }
}

static void set_headers(lua_State *lua, int index, struct record *record)
{
    struct script *script = script_of(lua);
    luaL_checktype(lua, index, LUA_TTABLE);
    struct buffer *text = script_scratch(script, 0);
    script_value_write(lua, index, text, "the headers"); /* in the order of their names */
    if (script_parse(lua, buffer_bytes(text)) != 0) {
        script_fail(lua, "encode", "the headers are nested too deeply");
    }
    struct buffer *headers = script_scratch(script, 1);
    const struct json_token *object = json_token(&script->stored, JSON_ROOT);
    if (object->kind != JSON_OBJECT) {
        script_fail(lua, "encode", "headers must be a table of names and strings");
    }
    record->header_count = 0;
    for (uint32_t at = 1; at < object->next; at = json_token(&script->stored, at + 1)->next) {
        script_value_push(lua, &script->stored, at);
        size_t size = 0;
        const char *name = lua_tolstring(lua, -1, &size);
        lua_pushvalue(lua, -1);
        lua_rawget(lua, index);
        append_header(lua, headers, bytes_make(name, size));
        lua_pop(lua, 2);
        record->header_count++;
    }
    record->headers_encoded = script_copy(lua, buffer_bytes(headers));
}

static int record_newindex(lua_State *lua)
{
    struct view *view = get_view(lua, 1);
    struct script *script = script_of(lua);
    struct script_record *current = &script->current;
    if (lua_type(lua, 2) != LUA_TSTRING) {
        return fail_name(lua);
    }
    switch (find_name(script, lua_tostring(lua, 2))) {
    case SCRIPT_KEY:
        current->record.key = script_value_key(lua, 3);
        current->record.is_windowed = false; /* the window belonged to the key before */
        break;
    case SCRIPT_VALUE:
    case SCRIPT_BYTES:
        if (lua_isnil(lua, 3)) {
            return luaL_error(lua, "use S.null for a tombstone");
        }
        script_value_read(lua, 3, &current->record);
        forget_json(lua, current, view);
        break;
    case SCRIPT_JSON: {
        struct buffer *text = script_scratch(script, 0);
        script_value_write(lua, 3, text, "the value");
        current->record.value = script_copy(lua, buffer_bytes(text));
        current->record.value_format = VALUE_JSON;
        forget_json(lua, current, view);
        break;
    }
    case SCRIPT_TS:
        if (!lua_isinteger(lua, 3)) {
            return luaL_error(lua, "ts must be an integer of milliseconds, not a %s",
                              luaL_typename(lua, 3));
        }
        current->record.timestamp_ms = lua_tointeger(lua, 3);
        break;
    case SCRIPT_HEADERS:
        set_headers(lua, 3, &current->record);
        break;
    case SCRIPT_PARTITION:
        return luaL_error(lua, "partition says where the record was read; what is returned says "
                               "where it goes: { partition = 3 }");
    case SCRIPT_TOPIC:
    case SCRIPT_OFFSET:
        return luaL_error(lua, "the field '%s' says where the record was read and cannot be set",
                          lua_tostring(lua, 2));
    case SCRIPT_KEY_JSON:
        return luaL_error(lua, "set r.key to a table: its text is JSON then");
    case SCRIPT_WINDOW_START:
    case SCRIPT_WINDOW_END:
        return luaL_error(lua, "the window belongs to the key and cannot be set");
    default:
        return fail_name(lua);
    }
    current->is_changed = true;
    return 0;
}

static int record_tostring(lua_State *lua)
{
    get_view(lua, 1);
    struct record *record = &script_of(lua)->current.record;
    lua_pushfstring(lua, "record %s/%d/%I", record->topic, (int)record->partition,
                    (LUAI_UACINT)record->offset);
    return 1;
}

bool record_view_is(lua_State *lua, int index)
{
    return script_has_meta(lua, index, SCRIPT_RECORD_META);
}

void record_view_push(lua_State *lua)
{
    push_view(lua, SCRIPT_RECORD_META, (struct json_place){0});
}

/* `index` is only looked at for its generation; 0: not at all. */
void record_view_read(lua_State *lua, int index, struct record *out)
{
    if (index != 0) {
        get_view(lua, index);
    }
    struct script *script = script_of(lua);
    struct script_record *current = &script->current;
    *out = current->record;
    if (current->is_parsed && json_patch_is_changed(&current->json)) {
        struct buffer *text = script_scratch(script, 0);
        json_patch_write(&current->json, text);
        script_count_scratch(lua);
        out->value = script_copy(lua, buffer_bytes(text));
        if (!value_format_is_string(out->value_format)) {
            out->value_format = VALUE_JSON;
        }
    }
}

static void take_field(lua_State *lua, const char *name, struct record *out)
{
    int value = lua_gettop(lua);
    if (strcmp(name, "key") == 0) {
        out->key = script_value_key(lua, value);
        out->is_windowed = false;
    } else if (strcmp(name, "value") == 0) {
        if (record_view_is(lua, value)) {
            luaL_error(lua, "the value of a record cannot be a record; use r.value or r.json");
        }
        out->value_format = VALUE_TEXT;
        script_value_read(lua, value, out);
    } else if (strcmp(name, "ts") == 0) {
        if (!lua_isinteger(lua, value)) {
            luaL_error(lua, "ts must be an integer of milliseconds");
        }
        out->timestamp_ms = lua_tointeger(lua, value);
    } else if (strcmp(name, "headers") == 0) {
        set_headers(lua, value, out);
    } else if (strcmp(name, "partition") == 0) {
        if (!lua_isinteger(lua, value) || lua_tointeger(lua, value) < 0 ||
            lua_tointeger(lua, value) > INT32_MAX) {
            luaL_error(lua, "partition must be a number from 0");
        }
        out->partition = (int32_t)lua_tointeger(lua, value);
    } else {
        luaL_error(lua,
                   "a record has no field '%s': return { key =, value =, ts =, headers = } with "
                   "the data in value",
                   name);
    }
}

void record_view_take(lua_State *lua, int index, struct record *out)
{
    struct script *script = script_of(lua);
    index = lua_absindex(lua, index);
    if (record_view_is(lua, index)) {
        record_view_read(lua, index, out);
        out->partition = -1;
        return;
    }
    if (lua_type(lua, index) != LUA_TTABLE) {
        luaL_error(lua,
                   "expected a record or a table { key =, value = }, got %s%s; map_values "
                   "changes the value alone",
                   lua_isnone(lua, index) ? "" : "a ",
                   lua_isnone(lua, index) ? "nothing" : luaL_typename(lua, index));
    }
    if (script->current.original != NULL) {
        record_view_read(lua, 0, out);
    } else {
        *out = (struct record){
            .topic = "", .offset = -1, .timestamp_ms = script->context->stream_time_ms};
        if (out->timestamp_ms < 0) {
            out->timestamp_ms = node_wall_clock_ms(script->context);
        }
    }
    out->partition = -1;
    lua_pushnil(lua);
    while (lua_next(lua, index) != 0) {
        if (lua_type(lua, -2) != LUA_TSTRING) {
            luaL_error(lua, "a record has fields with names; return several records with a comma "
                            "between them, or use flat_map for a list");
        }
        take_field(lua, lua_tostring(lua, -2), out);
        lua_pop(lua, 1);
    }
}

static void open_meta(lua_State *lua, const luaL_Reg *functions, enum script_key key)
{
    lua_newtable(lua);
    luaL_setfuncs(lua, functions, 0);
    lua_pushboolean(lua, 0);
    lua_setfield(lua, -2, "__metatable");
    script_register(lua, key);
}

void record_view_open(lua_State *lua)
{
    static const luaL_Reg record_functions[] = {{"__index", record_index},
                                                {"__newindex", record_newindex},
                                                {"__tostring", record_tostring},
                                                {NULL, NULL}};
    static const luaL_Reg json_functions[] = {
        {"__index", json_index}, {"__newindex", json_newindex}, {"__len", json_length},
        {"__pairs", json_pairs}, {"__tostring", json_tostring}, {NULL, NULL}};
    static const luaL_Reg headers_functions[] = {{"__index", headers_index},
                                                 {"__newindex", headers_newindex},
                                                 {"__pairs", headers_pairs},
                                                 {NULL, NULL}};
    open_meta(lua, record_functions, SCRIPT_RECORD_META);
    open_meta(lua, json_functions, SCRIPT_JSON_META);
    open_meta(lua, headers_functions, SCRIPT_HEADERS_META);
    static const char *const names[SCRIPT_NAME_COUNT] = {
        "key",       "key_json", "value",   "json",  "ts",           "topic",
        "partition", "offset",   "headers", "bytes", "window_start", "window_end"};
    struct script *script = script_of(lua);
    for (int i = 0; i < SCRIPT_NAME_COUNT; i++) {
        lua_pushstring(lua, names[i]);
        script->names[i] = lua_tostring(lua, -1);
        luaL_ref(lua, LUA_REGISTRYINDEX); /* stays where it is */
    }
}
