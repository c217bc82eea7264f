/* From the library's tables to a plan; see script_plan.h.
 *
 * The app is at index 1 of the stack all the time, its nodes at 3, the node that is read on top of
 * the stack. */
#include "runtime/lua/script_plan.h"

#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/lua/plan_counted.h"
#include "runtime/lua/plan_edge.h"
#include "runtime/lua/plan_flow.h"
#include "runtime/lua/plan_join.h"
#include "runtime/lua/plan_lane.h"
#include "runtime/lua/plan_pace.h"
#include "runtime/lua/plan_plugin.h"
#include "runtime/lua/plan_state.h"
#include "runtime/lua/plan_table.h"
#include "runtime/lua/plan_window.h"

#include <stdlib.h>
#include <string.h>

enum { SCRIPT_PLAN_NODES_MAX = 10000 };

/* Every kind of step there is. */
static const struct plan_step *const script_plan_steps[] = {
    plan_edge_steps, plan_flow_steps,   plan_state_steps,   plan_window_steps, plan_table_steps,
    plan_join_steps, plan_plugin_steps, plan_counted_steps, plan_lane_steps,   plan_pace_steps};

static const struct plan_step *find_step(const char *kind)
{
    for (size_t i = 0; i < sizeof script_plan_steps / sizeof *script_plan_steps; i++) {
        for (const struct plan_step *step = script_plan_steps[i]; step->kind != NULL; step++) {
            if (strcmp(step->kind, kind) == 0) {
                return step;
            }
        }
    }
    return NULL;
}

static void read_node(struct plan_reader *reader, int index)
{
    struct topology_node node = {.name = plan_reader_string(reader, "name"),
                                 .kind = plan_reader_string(reader, "kind"),
                                 .detail = plan_reader_string(reader, "detail"),
                                 .place = plan_reader_string(reader, "place")};
    luaL_argcheck(reader->lua, node.kind != NULL, 1, "a broken plan");
    const struct plan_step *step = find_step(node.kind);
    luaL_argcheck(reader->lua, step != NULL, 1, "a broken plan");
    if (!step->is_root) {
        plan_reader_parents(reader, &node, index);
    }
    int id = step->read(reader, &node);
    plan_reader_check(reader, id);
    reader->ids[index] = id;
}

/* --- The rest of the app ---------------------------------------------------------------------- */

static void read_topic(struct plan_reader *reader)
{
    struct topology_topic topic = {.name = plan_reader_string(reader, "name"),
                                   .place = plan_reader_string(reader, "place"),
                                   .is_compacted = plan_reader_boolean(reader, "compact"),
                                   .retention_ms = -1};
    luaL_argcheck(reader->lua, topic.name != NULL, 1, "a broken plan");
    int64_t partitions = plan_reader_integer(reader, "partitions", 0);
    const char *retention = plan_reader_string(reader, "retention");
    if (partitions < 0 || partitions > 100000) {
        report_add(reader->report, topic.place,
                   "a topic has between 1 and 100000 partitions, not %lld", (long long)partitions);
        plan_reader_stop(reader);
    }
    if (retention != NULL && text_parse_duration_ms(retention, &topic.retention_ms) != 0) {
        report_add(reader->report, topic.place, "'%s' is not a duration; write \"7d\" or \"2h\"",
                   retention);
        plan_reader_stop(reader);
    }
    topic.partitions = (int32_t)partitions;
    plan_reader_check(reader, topology_add_topic(reader->script->topology, &topic, reader->report));
}

enum { BREAKER_MS_MIN = 1000 };

static void read_errors(struct plan_reader *reader)
{
    static const char *const names[] = {"dlq", "stop", "skip"};
    const char *policy = plan_reader_string(reader, "policy");
    const char *place = plan_reader_string(reader, "place");
    struct topology_errors errors = {.topic = plan_reader_string(reader, "topic")};
    for (size_t i = 0; policy != NULL && i < sizeof names / sizeof *names; i++) {
        if (strcmp(policy, names[i]) == 0) {
            errors.policy = (enum topology_policy)i;
            policy = NULL;
        }
    }
    if (policy != NULL) {
        report_add(reader->report, place, "the policy of errors is dlq, stop or skip, not '%s'",
                   policy);
        plan_reader_stop(reader);
    }
    errors.breaker_percent = plan_reader_number(reader, "breaker_percent", 0);
    errors.breaker_ms = plan_reader_span(reader, "breaker", place, 0);
    if (errors.breaker_percent > 0 && errors.breaker_ms < BREAKER_MS_MIN) {
        report_add(reader->report, place, "the span of the breaker is at least 1s");
        plan_reader_stop(reader);
    }
    topology_set_errors(reader->script->topology, &errors);
}

/* By the names of Kafka Streams' processing.guarantee. */
static void read_guarantee(struct plan_reader *reader)
{
    const char *name = plan_reader_string(reader, "name");
    luaL_argcheck(reader->lua, name != NULL, 1, "a broken plan");
    bool is_exact = strcmp(name, "exactly_once_v2") == 0;
    if (!is_exact && strcmp(name, "at_least_once") != 0) {
        report_add(reader->report, plan_reader_string(reader, "place"),
                   "the guarantee is exactly_once_v2 or at_least_once, not '%s'", name);
        plan_reader_stop(reader);
    }
    topology_set_guarantee(reader->script->topology,
                           is_exact ? TOPOLOGY_EXACTLY_ONCE : TOPOLOGY_AT_LEAST_ONCE);
}

static void read_connector(struct plan_reader *reader, struct script_connector *out)
{
    *out = (struct script_connector){.name = plan_reader_string(reader, "name"),
                                     .type = plan_reader_string(reader, "type"),
                                     .place = plan_reader_string(reader, "place"),
                                     .is_sink = plan_reader_boolean(reader, "is_sink")};
    luaL_argcheck(reader->lua, out->name != NULL && out->type != NULL, 1, "a broken plan");
    out->topics = plan_reader_strings(reader, "topics", &out->topic_count);
    out->pattern = plan_reader_string(reader, "pattern");
    out->options = plan_reader_options(reader, &out->option_count);
}

static void read_lists(struct plan_reader *reader)
{
    lua_State *lua = reader->lua;
    struct script *script = reader->script;
    size_t count = plan_reader_list(reader, "topics");
    for (size_t i = 0; i < count; i++) {
        plan_reader_item(reader, i);
        read_topic(reader);
        lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
    count = plan_reader_list(reader, "connectors");
    script->connectors = arena_array(&script->arena, struct script_connector, count);
    for (size_t i = 0; i < count; i++) {
        plan_reader_item(reader, i);
        read_connector(reader, &script->connectors[i]);
        lua_pop(lua, 1);
    }
    script->connector_count = count;
    lua_pop(lua, 1);
    if (plan_reader_push(reader, "error_policy") == LUA_TTABLE) {
        read_errors(reader);
    }
    lua_pop(lua, 1);
    if (plan_reader_push(reader, "guaranteed") == LUA_TTABLE) {
        read_guarantee(reader);
    }
    lua_pop(lua, 1);
}

static void read_nodes(struct plan_reader *reader)
{
    lua_State *lua = reader->lua;
    plan_reader_push(reader, "nodes");
    luaL_checktype(lua, -1, LUA_TTABLE);
    size_t count = lua_rawlen(lua, -1);
    luaL_argcheck(lua, count <= SCRIPT_PLAN_NODES_MAX, 1, "too many steps");
    reader->ids = arena_array(&reader->script->arena, int, count);
    for (size_t i = 0; i < count; i++) {
        plan_reader_item(reader, i);
        read_node(reader, (int)i);
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
    struct plan_reader reader = {.lua = lua, .script = script, .report = lua_touserdata(lua, 2)};
    luaL_checktype(lua, 1, LUA_TTABLE);
    lua_pushvalue(lua, 1);
    const char *name = plan_reader_string(&reader, "name");
    if (name == NULL || !is_app_name(name)) {
        report_add(reader.report, plan_reader_string(&reader, "place"),
                   "'%s' cannot be the name of an app: letters, digits, '.', '_' and '-'",
                   name == NULL ? "" : name);
        plan_reader_stop(&reader);
    }
    script->topology = topology_new(name);
    read_lists(&reader);
    read_nodes(&reader);
    plan_reader_check(&reader, topology_finish(script->topology, reader.report));
    return 0;
}
