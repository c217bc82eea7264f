/* tidemill app reset: what an application remembers is forgotten, so that it begins anew.
 *
 * Its group forgets its offsets, and its internal topics are deleted: changelogs, repartition
 * topics, decisions about time. Local stores follow by themselves: contents that came from another
 * topic of the same name are thrown away (runtime/state/changelog.h). What it wrote and what it put
 * aside stays.
 *
 * The script says exactly which topics those are: names of other applications may begin alike. */
#include "runtime/main/app_reset.h"

#include "log/base/error.h"
#include "runtime/cli/errand.h"
#include "runtime/cli/outcome.h"
#include "runtime/main/named_script.h"

#include <stdlib.h>
#include <string.h>

enum { RESET_TIMEOUT_MS = 30000 };

struct reset_values {
    struct errand_flags errand;
    struct flag_list plugins;
    bool is_dry;
    bool is_forced;
};

struct reset {
    struct outcome outcome;
    struct errand *errand;
    const struct reset_values *values;
    const struct topology *topology;
    const char **topics; /* in the errand's arena */
    size_t topic_count;
};

/* --- What belongs to it ----------------------------------------------------------------------- */

static void reset_add_topic(struct reset *reset, const char *name)
{
    reset->topics[reset->topic_count++] = name;
}

static void reset_find_topics(struct reset *reset)
{
    const struct topology *plan = reset->topology;
    struct arena *arena = &reset->errand->arena;
    struct buffer name;
    buffer_init(&name);
    reset->topics = arena_array(arena, const char *,
                                topology_store_count(plan) + topology_topic_count(plan) + 1);
    for (size_t i = 0; i < topology_store_count(plan); i++) {
        const struct topology_store *store = topology_store_at(plan, i);
        if (store->has_changelog && !store->is_global) {
            buffer_clear(&name);
            topology_changelog_name(plan, store->name, &name);
            reset_add_topic(reset, arena_string(arena, buffer_bytes(&name)));
        }
    }
    for (size_t i = 0; i < topology_topic_count(plan); i++) {
        const struct topology_topic *topic = topology_topic_at(plan, i);
        if (topic->is_internal) {
            reset_add_topic(reset, topic->name);
        }
    }
    buffer_clear(&name);
    topology_clock_name(plan, &name);
    reset_add_topic(reset, arena_string(arena, buffer_bytes(&name)));
    buffer_fini(&name);
}

/* --- The group -------------------------------------------------------------------------------- */

static int reset_remove_members(struct reset *reset, int32_t node,
                                const struct describe_groups_response_group *group)
{
    struct leave_group_request request = {.group_id = group->group_id};
    const void *found;
    request.members.items = arena_array(&reset->errand->arena, struct leave_group_request_member,
                                        (size_t)group->members.count + 1);
    for (int32_t i = 0; i < group->members.count; i++) {
        request.members.items[request.members.count++] = (struct leave_group_request_member){
            .member_id = group->members.items[i].member_id,
            .group_instance_id = group->members.items[i].group_instance_id};
    }
    int error = errand_call(reset->errand, node, API_LEAVE_GROUP, -1, &request, &found);
    if (error != 0) {
        return errand_fail(reset->errand, error, "putting out its members");
    }
    const struct leave_group_response *response = found;
    return response->error_code == 0 ? COMMAND_OK
                                     : errand_refuse(reset->errand, topology_name(reset->topology),
                                                     response->error_code, (struct bytes){0});
}

static int reset_delete_group(struct reset *reset, int32_t node, struct bytes name)
{
    struct delete_groups_request request = {.group_names = {.items = &name, .count = 1}};
    const void *found;
    int error = errand_call(reset->errand, node, API_DELETE_GROUPS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(reset->errand, error, "deleting its group");
    }
    const struct delete_groups_response *response = found;
    int16_t code = response->results.count == 1 ? response->results.items[0].error_code : 0;
    if (code != 0) {
        return outcome_refuse(&reset->outcome, name, code, (struct bytes){0});
    }
    outcome_say(&reset->outcome, "Deleted group %.*s.\n", BYTES_FORMAT(name));
    outcome_add(&reset->outcome, name, "deleted");
    return COMMAND_OK;
}

static int reset_refuse_members(struct reset *reset, int32_t count)
{
    const char *name = topology_name(reset->topology);
    return command_fail(reset->errand->world,
                        "%s has %d member%s: stop it first ('tidemill group describe %s' tells "
                        "who). One that was stopped keeps its place for its session timeout, so "
                        "that a restart is quick: --force puts it out now",
                        name, (int)count, count == 1 ? "" : "s", name);
}

static int reset_group(struct reset *reset)
{
    struct bytes name = bytes_from_string(topology_name(reset->topology));
    struct describe_groups_request request = {.groups = {.items = &name, .count = 1}};
    const void *found;
    int32_t node;
    int error = errand_find_coordinator(reset->errand, topology_name(reset->topology), &node);
    if (error == 0) {
        error = errand_call(reset->errand, node, API_DESCRIBE_GROUPS, 5, &request, &found);
    }
    if (error != 0) {
        return errand_fail(reset->errand, error, "asking for its group");
    }
    const struct describe_groups_response *response = found;
    const struct describe_groups_response_group *group = &response->groups.items[0];
    if (response->groups.count != 1 || bytes_equal_string(group->group_state, "Dead")) {
        return COMMAND_OK; /* it committed nothing yet */
    }
    if (group->members.count > 0 && !reset->values->is_forced) {
        return reset_refuse_members(reset, group->members.count);
    }
    if (reset->values->is_dry) {
        outcome_say(&reset->outcome, "Group %.*s would be deleted.\n", BYTES_FORMAT(name));
        outcome_add(&reset->outcome, name, "valid");
        return COMMAND_OK;
    }
    int code = group->members.count > 0 ? reset_remove_members(reset, node, group) : COMMAND_OK;
    return code == COMMAND_OK ? reset_delete_group(reset, node, name) : code;
}

/* --- The topics ------------------------------------------------------------------------------- */

/* Those that are there. */
static int reset_keep_known(struct reset *reset)
{
    const struct metadata_response *metadata;
    int error = errand_read_metadata(reset->errand, NULL, 0, &metadata);
    if (error != 0) {
        return errand_fail(reset->errand, error, "listing topics");
    }
    size_t kept = 0;
    for (size_t i = 0; i < reset->topic_count; i++) {
        for (int32_t j = 0; j < metadata->topics.count; j++) {
            if (bytes_equal_string(metadata->topics.items[j].name, reset->topics[i])) {
                reset->topics[kept++] = reset->topics[i];
                break;
            }
        }
    }
    reset->topic_count = kept;
    return COMMAND_OK;
}

static int reset_delete_topics(struct reset *reset)
{
    struct arena *arena = &reset->errand->arena;
    struct delete_topics_request request;
    const void *found;
    int code = COMMAND_OK;
    wire_set_defaults(&delete_topics_request_schema, &request);
    request.timeout_ms = RESET_TIMEOUT_MS;
    /* By name in a list of structs from version 6 on, in a list of strings before. */
    request.topics.items =
        arena_array(arena, struct delete_topics_request_topic, reset->topic_count + 1);
    request.topic_names.items = arena_array(arena, struct bytes, reset->topic_count + 1);
    for (size_t i = 0; i < reset->topic_count; i++) {
        request.topic_names.items[i] = bytes_from_string(reset->topics[i]);
        request.topics.items[i].name = request.topic_names.items[i];
    }
    request.topics.count = request.topic_names.count = (int32_t)reset->topic_count;
    int error =
        errand_call(reset->errand, CLIENT_CONTROLLER, API_DELETE_TOPICS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(reset->errand, error, "deleting topics");
    }
    const struct delete_topics_response *response = found;
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct delete_topics_response_topic *topic = &response->topics.items[i];
        if (topic->error_code != 0) {
            code = outcome_refuse(&reset->outcome, topic->name, topic->error_code,
                                  topic->error_message);
            continue;
        }
        outcome_say(&reset->outcome, "Deleted topic %.*s.\n", BYTES_FORMAT(topic->name));
        outcome_add(&reset->outcome, topic->name, "deleted");
    }
    return code;
}

static int reset_topics(struct reset *reset)
{
    int code = reset_keep_known(reset);
    if (code != COMMAND_OK || reset->topic_count == 0) {
        return code;
    }
    if (!reset->values->is_dry) {
        return reset_delete_topics(reset);
    }
    for (size_t i = 0; i < reset->topic_count; i++) {
        outcome_say(&reset->outcome, "Topic %s would be deleted.\n", reset->topics[i]);
        outcome_add(&reset->outcome, bytes_from_string(reset->topics[i]), "valid");
    }
    return COMMAND_OK;
}

/* --- The command ------------------------------------------------------------------------------ */

static int reset_app(struct errand *errand, const struct reset_values *values,
                     const struct topology *topology)
{
    struct reset reset = {.errand = errand, .values = values, .topology = topology};
    outcome_open(&reset.outcome, errand, "name");
    reset_find_topics(&reset);
    int code = reset_group(&reset);
    code = code == COMMAND_OK ? reset_topics(&reset) : code;
    if (code == COMMAND_OK && reset.outcome.grid.cell_count == 0) {
        outcome_say(&reset.outcome, "%s remembers nothing.\n", topology_name(topology));
    }
    outcome_close(&reset.outcome, code);
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct reset_values *values = given;
    struct errand errand;
    struct named_script named;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != COMMAND_OK) {
        return code;
    }
    code = named_script_open(&named, &errand, arguments->items[0], &values->plugins);
    if (code == COMMAND_OK) {
        code = reset_app(&errand, values, script_topology(named.script));
    }
    named_script_close(&named);
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG(0, "dry-run", BOOL, struct reset_values, is_dry, NULL, "only tell what would be done"),
    FLAG(0, "force", BOOL, struct reset_values, is_forced, NULL,
         "put out members that are still known"),
    FLAG(0, "plugins", LIST, struct reset_values, plugins, "DIR", "more places for plugins"),
    ERRAND_OUTPUT_FLAG(struct reset_values),
    ERRAND_FLAGS(struct reset_values),
};

const struct command app_reset_command = {
    .noun = "app",
    .verb = "reset",
    .arguments = "APP|APP.lua",
    .summary = "makes a stopped application begin anew",
    .examples = "tidemill app reset words.lua --dry-run\n"
                "tidemill app reset words     # as it is deployed\n"
                "tidemill app reset words.lua -b kafka1:9092\n",
    .details =
        "Its group forgets how far it was, and its changelogs, repartition topics and decisions\n"
        "about time are deleted; local stores follow when it starts. Topics that it wrote, dead\n"
        "letters and late records stay: what it reads again it writes again.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct reset_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = run,
};
