/* From builder.lua's tables to a plan; see script_plan.h.
 *
 * The app is at index 1 of the stack all the time, its nodes at 3, the node that is read on top of
 * the stack. */
#include "runtime/lua/script_plan.h"

#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/format/json_path.h"
#include "runtime/lua/script_node.h"
#include "runtime/operators/branch_node.h"
#include "runtime/operators/count_node.h"
#include "runtime/operators/filter_node.h"
#include "runtime/operators/hook_node.h"
#include "runtime/operators/key_node.h"
#include "runtime/topology/outlet.h"

#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 10000, LIST_MAX = 1000 };

struct reading {
    lua_State *lua;
    struct script *script;
    struct report *report;
    int *ids; /* of the plan, by index in the script's list */
    int node_count;
};

struct condition {
    const char *text; /* NULL: `plan` says it, or always when that is NULL too */
    struct script_node_plan *plan;
};

struct filter_plan {
    struct condition condition;
    bool is_inverted;
};

struct branch_plan {
    struct condition *arms;
    size_t count;
};

/* The report has the sentence; this only unwinds. */
static void stop(struct reading *reading)
{
    lua_pushnil(reading->lua);
    lua_error(reading->lua);
}

static void check_result(struct reading *reading, int result)
{
    if (result < 0) {
        stop(reading);
    }
}

/* --- Fields of the table on top of the stack -------------------------------------------------- */

/* Without metamethods, which would be the script's. Pushes the field and returns its type. */
static int get_field(lua_State *lua, const char *name)
{
    luaL_checktype(lua, -1, LUA_TTABLE);
    lua_pushstring(lua, name);
    return lua_rawget(lua, -2);
}

static const char *get_string(struct reading *reading, const char *name)
{
    lua_State *lua = reading->lua;
    int kind = get_field(lua, name);
    if (kind != LUA_TNIL && kind != LUA_TSTRING) {
        luaL_error(lua, "the option '%s' must be a string, not a %s", name, luaL_typename(lua, -1));
    }
    const char *text = NULL;
    if (kind == LUA_TSTRING) {
        text = arena_string(&reading->script->arena, bytes_from_string(lua_tostring(lua, -1)));
    }
    lua_pop(lua, 1);
    return text;
}

static int64_t get_integer(struct reading *reading, const char *name, int64_t fallback)
{
    lua_State *lua = reading->lua;
    int kind = get_field(lua, name);
    if (kind != LUA_TNIL && !lua_isinteger(lua, -1)) {
        luaL_error(lua, "the option '%s' must be an integer", name);
    }
    int64_t value = kind == LUA_TNIL ? fallback : lua_tointeger(lua, -1);
    lua_pop(lua, 1);
    return value;
}

static bool get_boolean(struct reading *reading, const char *name)
{
    get_field(reading->lua, name);
    bool value = lua_toboolean(reading->lua, -1);
    lua_pop(reading->lua, 1);
    return value;
}

/* A reference to the function (or any other value), LUA_NOREF when there is none. */
static int get_reference(struct reading *reading, const char *name)
{
    if (get_field(reading->lua, name) == LUA_TNIL) {
        lua_pop(reading->lua, 1);
        return LUA_NOREF;
    }
    return luaL_ref(reading->lua, LUA_REGISTRYINDEX);
}

/* Pushes the list in a field; its length. 0 and an empty table when there is none. */
static size_t push_list(struct reading *reading, const char *name)
{
    lua_State *lua = reading->lua;
    if (get_field(lua, name) == LUA_TNIL) {
        lua_pop(lua, 1);
        lua_newtable(lua);
    }
    luaL_checktype(lua, -1, LUA_TTABLE);
    size_t count = lua_rawlen(lua, -1);
    if (count > LIST_MAX) {
        luaL_error(lua, "the list '%s' is too long", name);
    }
    return count;
}

static void push_item(struct reading *reading, size_t index)
{
    lua_rawgeti(reading->lua, -1, (lua_Integer)index + 1);
    luaL_checktype(reading->lua, -1, LUA_TTABLE);
}

static const char *const *get_strings(struct reading *reading, const char *name, size_t *count)
{
    lua_State *lua = reading->lua;
    *count = push_list(reading, name);
    const char **texts = arena_array(&reading->script->arena, const char *, *count);
    for (size_t i = 0; i < *count; i++) {
        lua_rawgeti(lua, -1, (lua_Integer)i + 1);
        luaL_checktype(lua, -1, LUA_TSTRING);
        texts[i] = arena_string(&reading->script->arena, bytes_from_string(lua_tostring(lua, -1)));
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    return texts;
}

static enum value_format get_format(struct reading *reading, const char *place, bool *is_given)
{
    const char *name = get_string(reading, "value");
    enum value_format format = VALUE_BYTES;
    *is_given = name != NULL;
    if (name != NULL && !value_format_find(name, &format)) {
        report_add(reading->report, place, "value must be json, text or bytes, not '%s'", name);
        stop(reading);
    }
    return format;
}

/* --- Nodes ------------------------------------------------------------------------------------ */

/* Parents of the node on top as ids of the plan. */
static void get_parents(struct reading *reading, struct topology_node *node, int index)
{
    lua_State *lua = reading->lua;
    size_t count = push_list(reading, "parents");
    int *parents = arena_array(&reading->script->arena, int, count);
    for (size_t i = 0; i < count; i++) {
        lua_rawgeti(lua, -1, (lua_Integer)i + 1);
        lua_Integer parent = luaL_checkinteger(lua, -1);
        luaL_argcheck(lua, parent >= 1 && parent <= index, 1, "a broken plan");
        parents[i] = reading->ids[parent - 1];
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    luaL_argcheck(lua, count > 0, 1, "a broken plan");
    node->parents = parents;
    node->parent_count = count;
}

static struct script_node_plan *make_script_plan(struct reading *reading,
                                                 enum script_node_kind kind)
{
    struct script_node_plan *plan = arena_new(&reading->script->arena, struct script_node_plan);
    *plan = (struct script_node_plan){.script = reading->script,
                                      .kind = kind,
                                      .function = get_reference(reading, "fn"),
                                      .init = LUA_NOREF,
                                      .close = LUA_NOREF};
    luaL_argcheck(reading->lua, plan->function != LUA_NOREF, 1, "a broken plan");
    return plan;
}

/* The condition in the table on top, judged if it is a text. */
static struct condition get_condition(struct reading *reading, const char *place)
{
    struct condition condition = {.text = get_string(reading, "text")};
    struct predicate *predicate = NULL;
    if (condition.text != NULL) {
        check_result(reading, predicate_new(condition.text, place, reading->report, &predicate));
        predicate_free(predicate);
    } else if (!get_boolean(reading, "is_always")) {
        condition.plan = make_script_plan(reading, SCRIPT_NODE_PEEK);
    }
    return condition;
}

static struct judge make_judge(const struct condition *condition)
{
    if (condition->plan != NULL) {
        return script_node_judge(condition->plan);
    }
    if (condition->text == NULL) {
        return (struct judge){0};
    }
    struct predicate *predicate = NULL;
    struct report report = {{0}, {0}};
    check(predicate_new(condition->text, NULL, &report, &predicate) == 0);
    return judge_from_predicate(predicate);
}

static struct node *make_filter(void *owner, const char *name)
{
    struct filter_plan *plan = owner;
    return filter_node_new(name, make_judge(&plan->condition), plan->is_inverted);
}

static struct node *make_branch(void *owner, const char *name)
{
    struct branch_plan *plan = owner;
    struct judge *judges = memory_zero(plan->count, sizeof *judges);
    for (size_t i = 0; i < plan->count; i++) {
        judges[i] = make_judge(&plan->arms[i]);
    }
    struct node *node = branch_node_new(name, judges, plan->count);
    free(judges);
    return node;
}

static struct node *make_pass(void *owner, const char *name)
{
    (void)owner;
    return hook_node_new_pass(name);
}

static struct node *make_keys(void *owner, const char *name)
{
    return key_node_new(name, owner);
}

static struct node *make_count(void *owner, const char *name)
{
    return count_node_new(name, owner);
}

static struct node *make_outlet(void *owner, const char *name)
{
    return outlet_new(name, owner);
}

static int read_source(struct reading *reading, struct topology_node *node)
{
    struct topology_source source = {.name = node->name, .place = node->place};
    bool is_given = false;
    source.topics = get_strings(reading, "topics", &source.topic_count);
    source.value_format = get_format(reading, node->place, &is_given);
    source.time_path = get_string(reading, "time");
    return topology_add_source(reading->script->topology, &source, reading->report);
}

static int add_node(struct reading *reading, struct topology_node *node)
{
    return topology_add_node(reading->script->topology, node, reading->report);
}

static int read_filter(struct reading *reading, struct topology_node *node)
{
    struct filter_plan *plan = arena_new(&reading->script->arena, struct filter_plan);
    plan->condition = get_condition(reading, node->place);
    plan->is_inverted = get_boolean(reading, "is_inverted");
    node->make = make_filter;
    node->owner = plan;
    return add_node(reading, node);
}

static int read_branch(struct reading *reading, struct topology_node *node)
{
    struct branch_plan *plan = arena_new(&reading->script->arena, struct branch_plan);
    plan->count = push_list(reading, "arms");
    plan->arms = arena_array(&reading->script->arena, struct condition, plan->count);
    for (size_t i = 0; i < plan->count; i++) {
        push_item(reading, i);
        plan->arms[i] = get_condition(reading, node->place);
        lua_pop(reading->lua, 1);
    }
    lua_pop(reading->lua, 1);
    node->make = make_branch;
    node->owner = plan;
    return add_node(reading, node);
}

static int read_pass(struct reading *reading, struct topology_node *node)
{
    node->make = make_pass;
    return add_node(reading, node);
}

static void validate_path(struct reading *reading, const char *text, const char *place)
{
    struct json_path path;
    check_result(reading, json_path_init(&path, text, place, reading->report));
    json_path_fini(&path);
}

static int read_keys(struct reading *reading, struct topology_node *node)
{
    node->changes_key = true;
    struct key_node_options *options = arena_new(&reading->script->arena, struct key_node_options);
    options->paths = get_strings(reading, "paths", &options->path_count);
    options->is_grouping = get_boolean(reading, "is_grouping");
    if (options->path_count == 0) {
        node->make = script_node_make;
        node->owner = make_script_plan(reading, SCRIPT_NODE_SELECT_KEY);
        return add_node(reading, node);
    }
    for (size_t i = 0; i < options->path_count; i++) {
        validate_path(reading, options->paths[i], node->place);
    }
    node->make = make_keys;
    node->owner = options;
    return add_node(reading, node);
}

static int read_repartition(struct reading *reading, struct topology_node *node)
{
    int64_t partitions = get_integer(reading, "partitions", 0);
    luaL_argcheck(reading->lua, node->name != NULL && node->parent_count == 1, 1, "a broken plan");
    luaL_argcheck(reading->lua, partitions >= 0 && partitions <= 100000, 1,
                  "partitions must be between 1 and 100000");
    return topology_add_repartition(reading->script->topology, node->parents[0], node->name,
                                    (int32_t)partitions, node->place, reading->report);
}

static int read_sink(struct reading *reading, struct topology_node *node)
{
    struct outlet_options *options = arena_new(&reading->script->arena, struct outlet_options);
    options->topic = node->sink_topic = get_string(reading, "topic");
    luaL_argcheck(reading->lua, options->topic != NULL, 1, "a broken plan");
    options->value_format = get_format(reading, node->place, &options->has_value_format);
    options->key_path = get_string(reading, "key");
    if (options->key_path != NULL) {
        validate_path(reading, options->key_path, node->place);
    }
    int64_t partition = get_integer(reading, "partition", -1);
    if (partition < -1 || partition > INT32_MAX) {
        report_add(reading->report, node->place, "there is no partition %lld",
                   (long long)partition);
        stop(reading);
    }
    options->partition = (int32_t)partition;
    node->make = make_outlet;
    node->owner = options;
    return add_node(reading, node);
}

static const struct topology_store *read_store(struct reading *reading, const char *name,
                                               const char *place)
{
    lua_State *lua = reading->lua;
    struct topology_store *store = arena_new(&reading->script->arena, struct topology_store);
    bool is_given = false;
    get_field(lua, "store");
    luaL_checktype(lua, -1, LUA_TTABLE);
    *store = (struct topology_store){.name = name,
                                     .place = place,
                                     .has_changelog = get_boolean(reading, "has_changelog"),
                                     .kind = get_boolean(reading, "is_memory")
                                                 ? TOPOLOGY_STORE_MEMORY
                                                 : TOPOLOGY_STORE_PERSISTENT,
                                     .value_format = get_format(reading, place, &is_given)};
    lua_pop(lua, 1);
    check_result(reading, topology_add_store(reading->script->topology, store, reading->report));
    return store;
}

static void read_stores(struct reading *reading, struct topology_node *node,
                        struct script_node_plan *plan)
{
    struct arena *arena = &reading->script->arena;
    size_t count = push_list(reading, "stores");
    const char **names = arena_array(arena, const char *, count);
    const char **aliases = arena_array(arena, const char *, count);
    const struct topology_store **stores = arena_array(arena, const struct topology_store *, count);
    for (size_t i = 0; i < count; i++) {
        push_item(reading, i);
        names[i] = get_string(reading, "name");
        aliases[i] = get_string(reading, "alias");
        luaL_argcheck(reading->lua, names[i] != NULL && aliases[i] != NULL, 1, "a broken plan");
        stores[i] = read_store(reading, names[i], node->place);
        lua_pop(reading->lua, 1);
    }
    lua_pop(reading->lua, 1);
    node->stores = names;
    node->store_count = count;
    node->is_keyed = count > 0;
    if (plan != NULL) {
        plan->store_names = aliases;
        plan->stores = stores;
        plan->store_count = count;
    }
}

/* "10s" is wall clock, "stream:1m" stream time. */
static struct topology_timer read_interval(struct reading *reading, const char *text,
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
        report_add(reading->report, place,
                   "'%s' is not an interval; write \"10s\", \"1m\" or \"stream:1m\"", text);
        stop(reading);
    }
    return timer;
}

static void read_timers(struct reading *reading, struct topology_node *node,
                        struct script_node_plan *plan)
{
    struct arena *arena = &reading->script->arena;
    size_t count = push_list(reading, "timers");
    struct topology_timer *timers = arena_array(arena, struct topology_timer, count);
    plan->timers = arena_array(arena, int, count);
    for (size_t i = 0; i < count; i++) {
        push_item(reading, i);
        const char *interval = get_string(reading, "interval");
        plan->timers[i] = get_reference(reading, "fn");
        luaL_argcheck(reading->lua, interval != NULL && plan->timers[i] != LUA_NOREF, 1,
                      "a broken plan");
        timers[i] = read_interval(reading, interval, node->place);
        lua_pop(reading->lua, 1);
    }
    lua_pop(reading->lua, 1);
    node->timers = timers;
    node->timer_count = plan->timer_count = count;
}

static int read_process(struct reading *reading, struct topology_node *node)
{
    struct script_node_plan *plan = make_script_plan(reading, SCRIPT_NODE_PROCESS);
    plan->init = get_reference(reading, "init");
    plan->close = get_reference(reading, "close");
    read_stores(reading, node, plan);
    read_timers(reading, node, plan);
    node->changes_key = true;
    node->make = script_node_make;
    node->owner = plan;
    return add_node(reading, node);
}

/* Behind a changed key the records of one key are brought together first. */
static int add_grouped(struct reading *reading, struct topology_node *node)
{
    struct topology *topology = reading->script->topology;
    int parent = node->parents[0];
    if (topology_key_is_changed(topology, parent)) {
        parent =
            topology_add_repartition(topology, parent, node->name, 0, node->place, reading->report);
        check_result(reading, parent);
        node->parents = &parent;
        node->parent_count = 1;
    }
    return add_node(reading, node);
}

static int read_count(struct reading *reading, struct topology_node *node)
{
    read_stores(reading, node, NULL);
    luaL_argcheck(reading->lua, node->store_count == 1 && node->name != NULL, 1, "a broken plan");
    node->make = make_count;
    node->owner = (void *)(uintptr_t)node->stores[0];
    return add_grouped(reading, node);
}

static int read_aggregate(struct reading *reading, struct topology_node *node,
                          enum script_node_kind kind)
{
    struct script_node_plan *plan = make_script_plan(reading, kind);
    plan->init = get_reference(reading, "init");
    if (plan->init != LUA_NOREF) {
        plan->has_value = lua_rawgeti(reading->lua, LUA_REGISTRYINDEX, plan->init) != LUA_TFUNCTION;
        lua_pop(reading->lua, 1);
    }
    read_stores(reading, node, plan);
    luaL_argcheck(reading->lua, node->store_count == 1 && node->name != NULL, 1, "a broken plan");
    node->make = script_node_make;
    node->owner = plan;
    return add_grouped(reading, node);
}

static int read_script_node(struct reading *reading, struct topology_node *node,
                            enum script_node_kind kind)
{
    node->changes_key = kind == SCRIPT_NODE_MAP || kind == SCRIPT_NODE_FLAT_MAP;
    node->make = script_node_make;
    node->owner = make_script_plan(reading, kind);
    return add_node(reading, node);
}

static int read_kind(struct reading *reading, struct topology_node *node)
{
    static const struct {
        const char *kind;
        enum script_node_kind script_kind;
    } plain[] = {{"map", SCRIPT_NODE_MAP},
                 {"map_values", SCRIPT_NODE_MAP_VALUES},
                 {"flat_map", SCRIPT_NODE_FLAT_MAP},
                 {"peek", SCRIPT_NODE_PEEK}};
    static const struct {
        const char *kind;
        int (*read)(struct reading *reading, struct topology_node *node);
    } rows[] = {{"filter", read_filter},
                {"branch", read_branch},
                {"arm", read_pass},
                {"merge", read_pass},
                {"select_key", read_keys},
                {"group_by", read_keys},
                {"repartition", read_repartition},
                {"to", read_sink},
                {"process", read_process},
                {"count", read_count}};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strcmp(node->kind, plain[i].kind) == 0) {
            return read_script_node(reading, node, plain[i].script_kind);
        }
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(node->kind, rows[i].kind) == 0) {
            return rows[i].read(reading, node);
        }
    }
    if (strcmp(node->kind, "aggregate") == 0) {
        return read_aggregate(reading, node, SCRIPT_NODE_AGGREGATE);
    }
    if (strcmp(node->kind, "reduce") == 0) {
        return read_aggregate(reading, node, SCRIPT_NODE_REDUCE);
    }
    return luaL_error(reading->lua, "a broken plan");
}

static void read_node(struct reading *reading, int index)
{
    struct topology_node node = {.name = get_string(reading, "name"),
                                 .kind = get_string(reading, "kind"),
                                 .detail = get_string(reading, "detail"),
                                 .place = get_string(reading, "place")};
    luaL_argcheck(reading->lua, node.kind != NULL, 1, "a broken plan");
    int id = 0;
    if (strcmp(node.kind, "source") == 0) {
        id = read_source(reading, &node);
    } else {
        get_parents(reading, &node, index);
        id = read_kind(reading, &node);
    }
    check_result(reading, id);
    reading->ids[index] = id;
}

/* --- The rest of the app ---------------------------------------------------------------------- */

static void read_topic(struct reading *reading)
{
    struct topology_topic topic = {.name = get_string(reading, "name"),
                                   .place = get_string(reading, "place"),
                                   .is_compacted = get_boolean(reading, "compact"),
                                   .retention_ms = -1};
    luaL_argcheck(reading->lua, topic.name != NULL, 1, "a broken plan");
    int64_t partitions = get_integer(reading, "partitions", 0);
    const char *retention = get_string(reading, "retention");
    if (partitions < 0 || partitions > 100000) {
        report_add(reading->report, topic.place,
                   "a topic has between 1 and 100000 partitions, not %lld", (long long)partitions);
        stop(reading);
    }
    if (retention != NULL && text_parse_duration_ms(retention, &topic.retention_ms) != 0) {
        report_add(reading->report, topic.place, "'%s' is not a duration; write \"7d\" or \"2h\"",
                   retention);
        stop(reading);
    }
    topic.partitions = (int32_t)partitions;
    check_result(reading, topology_add_topic(reading->script->topology, &topic, reading->report));
}

static void read_errors(struct reading *reading)
{
    static const char *const names[] = {"dlq", "stop", "skip"};
    const char *policy = get_string(reading, "policy");
    const char *place = get_string(reading, "place");
    struct topology_errors errors = {.topic = get_string(reading, "topic")};
    for (size_t i = 0; policy != NULL && i < sizeof names / sizeof *names; i++) {
        if (strcmp(policy, names[i]) == 0) {
            errors.policy = (enum topology_policy)i;
            policy = NULL;
        }
    }
    if (policy != NULL) {
        report_add(reading->report, place, "the policy of errors is dlq, stop or skip, not '%s'",
                   policy);
        stop(reading);
    }
    topology_set_errors(reading->script->topology, &errors);
}

static void read_connector(struct reading *reading, struct script_connector *out)
{
    struct arena *arena = &reading->script->arena;
    *out = (struct script_connector){.name = get_string(reading, "name"),
                                     .type = get_string(reading, "type"),
                                     .place = get_string(reading, "place"),
                                     .is_sink = get_boolean(reading, "is_sink")};
    luaL_argcheck(reading->lua, out->name != NULL && out->type != NULL, 1, "a broken plan");
    out->topics = get_strings(reading, "topics", &out->topic_count);
    out->option_count = push_list(reading, "options");
    struct script_option *options = arena_array(arena, struct script_option, out->option_count);
    for (size_t i = 0; i < out->option_count; i++) {
        push_item(reading, i);
        options[i].name = get_string(reading, "name");
        options[i].value = get_string(reading, "value");
        luaL_argcheck(reading->lua, options[i].name != NULL && options[i].value != NULL, 1,
                      "a broken plan");
        lua_pop(reading->lua, 1);
    }
    lua_pop(reading->lua, 1);
    out->options = options;
}

static void read_lists(struct reading *reading)
{
    lua_State *lua = reading->lua;
    struct script *script = reading->script;
    size_t count = push_list(reading, "topics");
    for (size_t i = 0; i < count; i++) {
        push_item(reading, i);
        read_topic(reading);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    count = push_list(reading, "connectors");
    script->connectors = arena_array(&script->arena, struct script_connector, count);
    for (size_t i = 0; i < count; i++) {
        push_item(reading, i);
        read_connector(reading, &script->connectors[i]);
        lua_pop(lua, 1);
    }
    script->connector_count = count;
    lua_pop(lua, 1);
    if (get_field(lua, "error_policy") == LUA_TTABLE) {
        read_errors(reading);
    }
    lua_pop(lua, 1);
}

static void read_nodes(struct reading *reading)
{
    lua_State *lua = reading->lua;
    get_field(lua, "nodes");
    luaL_checktype(lua, -1, LUA_TTABLE);
    size_t count = lua_rawlen(lua, -1);
    luaL_argcheck(lua, count <= NODES_MAX, 1, "too many steps");
    reading->ids = arena_array(&reading->script->arena, int, count);
    for (size_t i = 0; i < count; i++) {
        push_item(reading, i);
        read_node(reading, (int)i);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
}

static bool is_app_name(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return size > 0 && size <= 100 && name[size] == 0;
}

int script_plan_read(lua_State *lua)
{
    struct script *script = script_of(lua);
    struct reading reading = {.lua = lua, .script = script, .report = lua_touserdata(lua, 2)};
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_pushvalue(lua, 1);
    const char *name = get_string(&reading, "name");
    if (name == NULL || !is_app_name(name)) {
        report_add(reading.report, get_string(&reading, "place"),
                   "'%s' cannot be the name of an app: letters, digits, '.', '_' and '-'",
                   name == NULL ? "" : name);
        stop(&reading);
    }
    script->topology = topology_new(name);
    read_lists(&reading);
    read_nodes(&reading);
    check_result(&reading, topology_finish(script->topology, reading.report));
    return 0;
}
