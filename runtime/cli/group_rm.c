/* tidemill group rm: deletes groups without members, and their offsets. */
#include "runtime/cli/group_names.h"
#include "runtime/cli/outcome.h"

#include <stdlib.h>

struct rm_values {
    struct errand_flags errand;
    bool is_everything;
};

static int delete_group(struct outcome *outcome, const char *group)
{
    struct errand *errand = outcome->errand;
    int32_t node_id;
    int error = errand_find_coordinator(errand, group, &node_id);
    if (error != 0) {
        return errand_fail(errand, error, group);
    }
    struct bytes name = bytes_from_string(group);
    struct delete_groups_request request = {0};
    request.group_names.items = &name;
    request.group_names.count = 1;
    const void *found;
    error = errand_call(errand, node_id, API_DELETE_GROUPS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, group);
    }
    const struct delete_groups_response *response = found;
    for (int32_t i = 0; i < response->results.count; i++) {
        if (response->results.items[i].error_code != 0) {
            return outcome_refuse(outcome, name, response->results.items[i].error_code,
                                  bytes_make(NULL, 0));
        }
    }
    outcome_add(outcome, name, "deleted");
    if (!errand->is_kafka) {
        outcome_say(outcome, "Deleted group %s.\n", group);
    }
    return COMMAND_OK;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct rm_values *values = given;
    struct outcome outcome;
    struct errand errand;
    struct flag_list all = {0};
    if (arguments->count == 0 && !values->is_everything) {
        return command_misuse(world, "name a group, or --all");
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    if (values->is_everything) {
        code = group_names_find(&errand, &all);
        arguments = &all;
    }
    outcome_open(&outcome, &errand, "group");
    for (size_t i = 0; i < arguments->count; i++) {
        int result = delete_group(&outcome, arguments->items[i]);
        code = result != COMMAND_OK ? result : code;
    }
    outcome_close(&outcome, code);
    if (code == COMMAND_OK && errand.is_kafka) {
        buffer_add_string(&errand.out, "Deletion of requested consumer groups (");
        for (size_t i = 0; i < arguments->count; i++) {
            buffer_printf(&errand.out, "%s'%s'", i > 0 ? ", " : "", arguments->items[i]);
        }
        buffer_add_string(&errand.out, ") was successful.\n");
    }
    free(all.items);
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG('a', "all", BOOL, struct rm_values, is_everything, NULL, "every group"),
    ERRAND_OUTPUT_FLAG(struct rm_values),
    ERRAND_FLAGS(struct rm_values),
};

const struct command command_group_rm = {
    .noun = "group",
    .verb = "rm",
    .arguments = "GROUP...",
    .summary = "deletes groups that have no members",
    .examples = "tidemill group rm old-reader\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct rm_values),
    .argument_max = -1,
    .run = run,
};
