/* Reads the tables that the library wrote, field by field; see plan_reader.h. */
#include "runtime/lua/plan_reader.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/format/format.h"
#include "runtime/format/json_path.h"
#include "runtime/lua/script_migration.h"

#include <string.h>

enum { PLAN_READER_LIST_MAX = 1000 };

/* The report has the sentence; this only unwinds. */
void plan_reader_stop(struct plan_reader *reader)
{
    lua_pushnil(reader->lua);
    lua_error(reader->lua);
}

void plan_reader_check(struct plan_reader *reader, int result)
{
    if (result < 0) {
        plan_reader_stop(reader);
    }
}

/* Without metamethods, which would be the script's. Pushes the field and returns its type. */
int plan_reader_push(struct plan_reader *reader, const char *name)
{
    lua_State *lua = reader->lua;
    luaL_checktype(lua, -1, LUA_TTABLE);
    lua_pushstring(lua, name);
    return lua_rawget(lua, -2);
}

const char *plan_reader_string(struct plan_reader *reader, const char *name)
{
    lua_State *lua = reader->lua;
    int kind = plan_reader_push(reader, name);
    if (kind != LUA_TNIL && kind != LUA_TSTRING) {
        luaL_error(lua, "the option '%s' must be a string, not a %s", name, luaL_typename(lua, -1));
    }
    const char *text = NULL;
    if (kind == LUA_TSTRING) {
        text = arena_string(&reader->script->arena, bytes_from_string(lua_tostring(lua, -1)));
    }
    lua_pop(lua, 1);
    return text;
}

int64_t plan_reader_integer(struct plan_reader *reader, const char *name, int64_t fallback)
{
    lua_State *lua = reader->lua;
    int kind = plan_reader_push(reader, name);
    if (kind != LUA_TNIL && !lua_isinteger(lua, -1)) {
        luaL_error(lua, "the option '%s' must be an integer", name);
    }
    int64_t value = kind == LUA_TNIL ? fallback : lua_tointeger(lua, -1);
    lua_pop(lua, 1);
    return value;
}

double plan_reader_number(struct plan_reader *reader, const char *name, double fallback)
{
    int kind = plan_reader_push(reader, name);
    if (kind != LUA_TNIL && kind != LUA_TNUMBER) {
        luaL_error(reader->lua, "the option '%s' must be a number", name);
    }
    double value = kind == LUA_TNIL ? fallback : lua_tonumber(reader->lua, -1);
    lua_pop(reader->lua, 1);
    return value;
}

bool plan_reader_boolean(struct plan_reader *reader, const char *name)
{
    plan_reader_push(reader, name);
    bool value = lua_toboolean(reader->lua, -1);
    lua_pop(reader->lua, 1);
    return value;
}

/* A reference to the function (or any other value), LUA_NOREF when there is none. */
int plan_reader_reference(struct plan_reader *reader, const char *name)
{
    if (plan_reader_push(reader, name) == LUA_TNIL) {
        lua_pop(reader->lua, 1);
        return LUA_NOREF;
    }
    return luaL_ref(reader->lua, LUA_REGISTRYINDEX);
}

/* Pushes the list in a field; its length. 0 and an empty table when there is none. */
size_t plan_reader_list(struct plan_reader *reader, const char *name)
{
    lua_State *lua = reader->lua;
    if (plan_reader_push(reader, name) == LUA_TNIL) {
        lua_pop(lua, 1);
        lua_newtable(lua);
    }
    luaL_checktype(lua, -1, LUA_TTABLE);
    size_t count = lua_rawlen(lua, -1);
    if (count > PLAN_READER_LIST_MAX) {
        luaL_error(lua, "the list '%s' is too long", name);
    }
    return count;
}

void plan_reader_item(struct plan_reader *reader, size_t index)
{
    lua_rawgeti(reader->lua, -1, (lua_Integer)index + 1);
    luaL_checktype(reader->lua, -1, LUA_TTABLE);
}

const char *const *plan_reader_strings(struct plan_reader *reader, const char *name, size_t *count)
{
    lua_State *lua = reader->lua;
    *count = plan_reader_list(reader, name);
    const char **texts = arena_array(&reader->script->arena, const char *, *count);
    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(lua, -1, (lua_Integer)i + 1);
        luaL_checktype(lua, -1, LUA_TSTRING);
        texts[i] = arena_string(&reader->script->arena, bytes_from_string(lua_tostring(lua, -1)));
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    return texts;
}

const struct script_option *plan_reader_options(struct plan_reader *reader, size_t *count)
{
    lua_State *lua = reader->lua;
    *count = plan_reader_list(reader, "options");
    struct script_option *options =
        arena_array(&reader->script->arena, struct script_option, *count);
    for (size_t i = 0; i < *count; i++) {
        plan_reader_item(reader, i);
        options[i].name = plan_reader_string(reader, "name");
        options[i].value = plan_reader_string(reader, "value");
        luaL_argcheck(lua, options[i].name != NULL && options[i].value != NULL, 1, "a broken plan");
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    return options;
}

/* Nothing above the folder of the script. */
static bool is_file_beside(const char *name)
{
    return *name != 0 && *name != '/' && strstr(name, "..") == NULL;
}

static int read_beside(void *owner, const char *name, struct buffer *out)
{
    const struct script_options *options = owner;
    if (options->read_file == NULL || !is_file_beside(name)) {
        return ERROR_NOT_FOUND;
    }
    return options->read_file(options->owner, name, out);
}

static int open_format(void *owner, const char *name, const struct value_options *formatted,
                       const struct value_format **out, struct report *report)
{
    const struct script_options *options = owner;
    return options->open_format == NULL
               ? ERROR_NOT_FOUND
               : options->open_format(options->owner, name, formatted, out, report);
}

const struct value_format *plan_reader_format(struct plan_reader *reader, const char *place,
                                              bool *is_given)
{
    struct script *script = reader->script;
    const char *text = plan_reader_string(reader, "value");
    const struct value_format *format = VALUE_BYTES;
    *is_given = text != NULL;
    if (text == NULL) {
        return format;
    }
    struct value_files files = {
        .read = read_beside, .open_format = open_format, .owner = &script->options};
    plan_reader_check(reader,
                      format_open(bytes_from_string(text), &files, place, reader->report, &format));
    script->formats =
        memory_resize(script->formats, (script->format_count + 1) * sizeof *script->formats);
    script->formats[script->format_count++] = format;
    return format;
}

void plan_reader_path(struct plan_reader *reader, const char *text, const char *place)
{
    struct json_path path;
    plan_reader_check(reader, json_path_init(&path, text, place, reader->report));
    json_path_fini(&path);
}

/* "10s" is wall clock, "stream:1m" stream time. */
struct topology_timer plan_reader_interval(struct plan_reader *reader, const char *text,
                                           const char *place)
{
    static const char prefix[] = "stream:";
    struct topology_timer timer = {.clock = TOPOLOGY_WALL_CLOCK};
    const char *span = text;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0) {
        timer.clock = TOPOLOGY_STREAM_TIME;
        span += sizeof prefix - 1;
    }
    if (text_parse_duration_ms(span, &timer.interval_ms) != 0 || timer.interval_ms <= 0) {
        report_add(reader->report, place,
                   "'%s' is not an interval; write \"10s\", \"1m\" or \"stream:1m\"", text);
        plan_reader_stop(reader);
    }
    return timer;
}

int64_t plan_reader_signed_span(struct plan_reader *reader, const char *name, const char *place,
                                int64_t fallback)
{
    static const int64_t longest_ms = 10 * 366ll * 24 * 3600 * 1000;
    const char *text = plan_reader_string(reader, name);
    int64_t span_ms = 0;
    if (text == NULL) {
        return fallback;
    }
    bool is_negative = *text == '-';
    if (text_parse_duration_ms(text + is_negative, &span_ms) != 0 || span_ms < 0 ||
        span_ms > longest_ms) {
        report_add(reader->report, place,
                   "'%s' is not a span of time; write \"10s\" or \"24h\", ten years at most", text);
        plan_reader_stop(reader);
    }
    return is_negative ? -span_ms : span_ms;
}

int64_t plan_reader_span(struct plan_reader *reader, const char *name, const char *place,
                         int64_t fallback)
{
    int64_t span_ms = plan_reader_signed_span(reader, name, place, fallback);
    if (span_ms < 0 && span_ms != fallback) {
        report_add(reader->report, place, "the option '%s' cannot be negative", name);
        plan_reader_stop(reader);
    }
    return span_ms;
}

const char *plan_reader_late(struct plan_reader *reader)
{
    const char *late = plan_reader_string(reader, "late");
    return late != NULL ? late
                        : arena_printf(&reader->script->arena, "%s-late",
                                       topology_name(reader->script->topology));
}

/* Parents of the node on top as ids of the plan. */
void plan_reader_parents(struct plan_reader *reader, struct topology_node *node, int index)
{
    lua_State *lua = reader->lua;
    size_t count = plan_reader_list(reader, "parents");
    int *parents = arena_array(&reader->script->arena, int, count);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(lua, -1, (lua_Integer)i + 1);
        lua_Integer parent = luaL_checkinteger(lua, -1);
        luaL_argcheck(lua, parent >= 1 && parent <= index, 1, "a broken plan");
        parents[i] = reader->ids[parent - 1];
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    luaL_argcheck(lua, count > 0, 1, "a broken plan");
    node->parents = parents;
    node->parent_count = count;
}

struct script_node_plan *plan_reader_script(struct plan_reader *reader, enum script_node_kind kind)
{
    struct script_node_plan *plan = arena_new(&reader->script->arena, struct script_node_plan);
    *plan = (struct script_node_plan){.script = reader->script,
                                      .kind = kind,
                                      .function = plan_reader_reference(reader, "fn"),
                                      .init = LUA_NOREF,
                                      .close = LUA_NOREF};
    luaL_argcheck(reader->lua, plan->function != LUA_NOREF, 1, "a broken plan");
    return plan;
}

int plan_reader_add(struct plan_reader *reader, struct topology_node *node)
{
    return topology_add_node(reader->script->topology, node, reader->report);
}

/* Behind a changed key the records of one key are brought together first. */
int plan_reader_add_grouped(struct plan_reader *reader, struct topology_node *node)
{
    struct topology *topology = reader->script->topology;
    int parent = node->parents[0];
    if (topology_key_is_changed(topology, parent)) {
        parent =
            topology_add_repartition(topology, parent, node->name, 0, node->place, reader->report);
        plan_reader_check(reader, parent);
        node->parents = &parent;
        node->parent_count = 1;
    }
    return plan_reader_add(reader, node);
}

/* Of the store's table on top. */
static int32_t read_version(struct plan_reader *reader, const char *name, const char *place)
{
    double version = plan_reader_number(reader, "version", 1);
    struct script_migration migration = {.store = name,
                                         .function = plan_reader_reference(reader, "migrate")};
    if (!(version >= 1 && version <= SCRIPT_MIGRATION_VERSION_MAX) ||
        version != (double)(int32_t)version) {
        report_add(reader->report, place,
                   "the version of a store is a whole number from 1 to %d, not %g",
                   SCRIPT_MIGRATION_VERSION_MAX, version);
        plan_reader_stop(reader);
    }
    migration.version = (int32_t)version;
    if (migration.version > 1 && migration.function == LUA_NOREF) {
        report_add(
            reader->report, place,
            "the store %s has version %d, so it needs migrate = function(old_version, value) "
            "for the values of those before",
            name, (int)migration.version);
        plan_reader_stop(reader);
    }
    if (migration.version > 1) {
        script_migration_add(reader->script, &migration);
    }
    return migration.version;
}

/* The same table; 0: it is not said. */
static int64_t read_stay(struct plan_reader *reader, const char *name, const char *place)
{
    int64_t stay_ms = plan_reader_span(reader, name, place, -1);
    if (stay_ms == 0) {
        report_add(reader->report, place, "%s must be longer than nothing", name);
        plan_reader_stop(reader);
    }
    return stay_ms < 0 ? 0 : stay_ms;
}

static const struct topology_store *read_store(struct plan_reader *reader, const char *name,
                                               const char *place)
{
    lua_State *lua = reader->lua;
    struct topology_store *store = arena_new(&reader->script->arena, struct topology_store);
    bool is_given = false;
    plan_reader_push(reader, "store");
    luaL_checktype(lua, -1, LUA_TTABLE);
    *store = (struct topology_store){.name = name,
                                     .place = place,
                                     .has_changelog = plan_reader_boolean(reader, "has_changelog"),
                                     .kind = plan_reader_boolean(reader, "is_memory")
                                                 ? TOPOLOGY_STORE_MEMORY
                                                 : TOPOLOGY_STORE_PERSISTENT,
                                     .value_format = plan_reader_format(reader, place, &is_given),
                                     .history_ms = plan_reader_span(reader, "history", place, 0),
                                     .ttl_ms = read_stay(reader, "ttl", place),
                                     .retention_ms = read_stay(reader, "retention", place),
                                     .has_sessions = plan_reader_boolean(reader, "has_sessions"),
                                     .is_global = plan_reader_boolean(reader, "is_global"),
                                     .version = read_version(reader, name, place)};
    lua_pop(lua, 1);
    const struct value_format *plain;
    if (!value_format_find(value_format_name(store->value_format), &plain)) {
        report_add(reader->report, place, "the store %s holds json, text or bytes, not %s", name,
                   value_format_name(store->value_format));
        plan_reader_stop(reader);
    }
    if (store->version > 1 && store->value_format != VALUE_JSON) {
        report_add(reader->report, place,
                   "only values that are JSON have versions, and %s holds %s", name,
                   value_format_name(store->value_format));
        plan_reader_stop(reader);
    }
    plan_reader_check(reader, topology_add_store(reader->script->topology, store, reader->report));
    return store;
}

void plan_reader_stores(struct plan_reader *reader, struct topology_node *node,
                        struct script_node_plan *plan)
{
    struct arena *arena = &reader->script->arena;
    size_t count = plan_reader_list(reader, "stores");
    const char **names = arena_array(arena, const char *, count);
    const char **aliases = arena_array(arena, const char *, count);
    const struct topology_store **stores = arena_array(arena, const struct topology_store *, count);
    bool *are_tables = arena_array(arena, bool, count);
    bool is_keyed = false;
    for (size_t i = 0; i < count; i++) {
        plan_reader_item(reader, i);
        are_tables[i] = plan_reader_boolean(reader, "is_table");
        names[i] = plan_reader_string(reader, "name");
        aliases[i] = plan_reader_string(reader, "alias");
        luaL_argcheck(reader->lua, names[i] != NULL && aliases[i] != NULL, 1, "a broken plan");
        stores[i] = read_store(reader, names[i], node->place);
        is_keyed = is_keyed || !stores[i]->is_global; /* a global one has any key in every task */
        lua_pop(reader->lua, 1);
    }
    lua_pop(reader->lua, 1);
    node->stores = names;
    node->store_count = count;
    node->is_keyed = is_keyed;
    if (plan != NULL) {
        plan->store_names = aliases;
        plan->stores = stores;
        plan->are_tables = are_tables;
        plan->store_count = count;
    }
}
