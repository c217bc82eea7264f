/* tidemill group ls: the consumer groups of the cluster, asked of every broker. */
#include "log/base/error.h"
#include "runtime/cli/errand.h"
#include "runtime/cli/grid.h"

struct ls_values {
    struct errand_flags errand;
    bool is_detailed;
};

static const struct grid_column columns[] = {
    {"GROUP", "group", false},
    {"STATE", "state", false},
    {"PROTOCOL", "protocol_type", false},
    {"COORDINATOR", "coordinator", true},
};

static void add_groups(struct errand *errand, const struct ls_values *values, int32_t node_id,
                       const struct list_groups_response *response, struct grid *grid)
{
    for (int32_t i = 0; i < response->groups.count; i++) {
        const struct list_groups_response_group *group = &response->groups.items[i];
        if (!values->is_detailed && !errand->is_json) {
            buffer_printf(&errand->out, "%.*s\n", BYTES_FORMAT(group->group_id));
            continue;
        }
        grid_add(grid, group->group_id);
        grid_add(grid, group->group_state);
        grid_add(grid, group->protocol_type);
        grid_add_number(grid, node_id);
    }
}

static int list_groups(struct errand *errand, const struct ls_values *values, struct grid *grid)
{
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, NULL, 0, &metadata);
    struct list_groups_request request;
    wire_set_defaults(&list_groups_request_schema, &request);
    for (int32_t i = 0; error == 0 && i < metadata->brokers.count; i++) {
        int32_t node_id = metadata->brokers.items[i].node_id;
        const void *found;
        error = errand_call(errand, node_id, API_LIST_GROUPS, -1, &request, &found);
        if (error == 0) {
            const struct list_groups_response *response = found;
            error = response->error_code == 0 ? 0 : error_from_code(response->error_code);
            add_groups(errand, values, node_id, response, grid);
        }
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "listing groups");
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    (void)arguments;
    const struct ls_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    struct grid grid;
    grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
    code = list_groups(&errand, values, &grid);
    if (code == COMMAND_OK && (values->is_detailed || errand.is_json)) {
        grid_print(&grid, errand.is_json, &errand.out);
    }
    grid_fini(&grid);
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG('d', "detailed", BOOL, struct ls_values, is_detailed, NULL, "state and coordinator too"),
    ERRAND_OUTPUT_FLAG(struct ls_values),
    ERRAND_FLAGS(struct ls_values),
};

const struct command command_group_ls = {
    .noun = "group",
    .verb = "ls",
    .arguments = "",
    .summary = "lists consumer groups",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct ls_values),
    .argument_max = 0,
    .run = run,
};
