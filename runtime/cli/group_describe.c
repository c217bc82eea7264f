/* tidemill group describe: what groups have committed, how far behind they are, who reads what. In
 * the columns of kafka-consumer-groups. */
#include "log/base/error.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/group_names.h"
#include "runtime/cli/group_offsets.h"
#include "runtime/cli/offset_query.h"

#include <stdlib.h>

struct describe_values {
    struct errand_flags errand;
    bool has_members;
    bool has_state;
    bool is_everything;
};

static const struct grid_column offset_columns[] = {
    {"GROUP", "group", false},
    {"TOPIC", "topic", false},
    {"PARTITION", "partition", true},
    {"CURRENT-OFFSET", "current_offset", true},
    {"LOG-END-OFFSET", "log_end_offset", true},
    {"LAG", "lag", true},
    {"CONSUMER-ID", "consumer_id", false},
    {"HOST", "host", false},
    {"CLIENT-ID", "client_id", false},
};

static const struct grid_column member_columns[] = {
    {"GROUP", "group", false},
    {"CONSUMER-ID", "consumer_id", false},
    {"INSTANCE-ID", "instance_id", false},
    {"HOST", "host", false},
    {"CLIENT-ID", "client_id", false},
    {"#PARTITIONS", "partitions", true},
};

static const struct grid_column kafka_member_columns[] = {
    {"GROUP", "group", false},
    {"CONSUMER-ID", "consumer_id", false},
    {"HOST", "host", false},
    {"CLIENT-ID", "client_id", false},
    {"#PARTITIONS", "partitions", true},
};

static const struct grid_column state_columns[] = {
    {"GROUP", "group", false},
    {"COORDINATOR (ID)", "coordinator", false},
    {"ASSIGNMENT-STRATEGY", "assignment_strategy", false},
    {"STATE", "state", false},
    {"#MEMBERS", "members", true},
};

static void add_offset_row(struct grid *grid, const char *group,
                           const struct group_offsets_row *row, const struct offset_query *end)
{
    grid_add_string(grid, group);
    grid_add_string(grid, row->topic);
    grid_add_number(grid, row->partition);
    bool has_offset = row->offset >= 0, has_end = end->error == 0 && end->offset >= 0;
    if (has_offset) {
        grid_add_number(grid, row->offset);
    } else {
        grid_add_nothing(grid);
    }
    if (has_end) {
        grid_add_number(grid, end->offset);
    } else {
        grid_add_nothing(grid);
    }
    if (has_offset && has_end) {
        grid_add_number(grid, end->offset > row->offset ? end->offset - row->offset : 0);
    } else {
        grid_add_nothing(grid);
    }
    const struct bytes none = {NULL, 0};
    grid_add(grid, row->member == NULL ? none : row->member->member_id);
    grid_add(grid, row->member == NULL ? none : row->member->client_host);
    grid_add(grid, row->member == NULL ? none : row->member->client_id);
}

static int add_offsets(struct errand *errand, const struct group_offsets *offsets,
                       struct grid *grid)
{
    struct offset_query *ends =
        arena_array(&errand->arena, struct offset_query, offsets->count + 1);
    const struct offset_spec end = {.kind = OFFSET_SPEC_END};
    for (size_t i = 0; i < offsets->count; i++) {
        ends[i].topic = offsets->rows[i].topic;
        ends[i].partition = offsets->rows[i].partition;
    }
    int error = offset_query_resolve(errand, &end, ends, offsets->count);
    if (error != 0) {
        return errand_fail(errand, error, "looking for the ends of the logs");
    }
    for (size_t i = 0; i < offsets->count; i++) {
        add_offset_row(grid, offsets->group, &offsets->rows[i], &ends[i]);
    }
    return COMMAND_OK;
}

static void add_members(struct errand *errand, const struct group_offsets *offsets,
                        struct grid *grid)
{
    const struct describe_groups_response_group *group = offsets->description;
    for (int32_t i = 0; i < group->members.count; i++) {
        const struct describe_groups_response_member *member = &group->members.items[i];
        struct consumer_protocol_assignment assignment;
        int64_t count = 0;
        if (group_offsets_assignment(errand, member, &assignment)) {
            for (int32_t j = 0; j < assignment.assigned_partitions.count; j++) {
                count += assignment.assigned_partitions.items[j].partitions.count;
            }
        }
        grid_add_string(grid, offsets->group);
        grid_add(grid, member->member_id);
        if (!errand->is_kafka) {
            grid_add(grid, member->group_instance_id);
        }
        grid_add(grid, member->client_host);
        grid_add(grid, member->client_id);
        grid_add_number(grid, count);
    }
}

/* Where a node listens. */
struct node_address {
    int32_t node;
    char text[IO_ADDRESS_SIZE];
};

static void keep_address(void *owner, int32_t node_id, const char *address)
{
    struct node_address *found = owner;
    if (found->node == node_id) {
        snprintf(found->text, sizeof(found->text), "%s", address);
    }
}

static void add_state(struct errand *errand, const struct group_offsets *offsets, struct grid *grid)
{
    const struct describe_groups_response_group *group = offsets->description;
    struct node_address address = {.node = offsets->coordinator};
    client_each_broker(errand->client, keep_address, &address);
    grid_add_string(grid, offsets->group);
    grid_add_string(grid, arena_printf(&errand->arena, "%s (%d)", address.text, address.node));
    grid_add(grid, group->protocol_data);
    grid_add(grid, offsets->state);
    grid_add_number(grid, group->members.count);
}

static int describe_group(struct errand *errand, const struct describe_values *values,
                          const char *group, struct grid *grid)
{
    struct group_offsets offsets;
    int code = group_offsets_read(errand, group, &offsets);
    if (code != COMMAND_OK) {
        return code;
    }
    bool is_dead = offsets.state.size == 0 || bytes_equal_string(offsets.state, "Dead");
    if (is_dead && offsets.count == 0) {
        return command_fail(errand->world, "%s: no such group; 'tidemill group ls' lists them",
                            group);
    }
    if (values->has_state) {
        add_state(errand, &offsets, grid);
        return COMMAND_OK;
    }
    if (values->has_members) {
        add_members(errand, &offsets, grid);
        return COMMAND_OK;
    }
    if (errand->is_kafka && offsets.description->members.count == 0) {
        fprintf(errand->world->errors, "Consumer group '%s' has no active members.\n", group);
    }
    return add_offsets(errand, &offsets, grid);
}

static void choose_columns(const struct errand *errand, const struct describe_values *values,
                           struct grid *grid)
{
    if (values->has_state) {
        grid_init(grid, state_columns, sizeof(state_columns) / sizeof(state_columns[0]));
    } else if (values->has_members && errand->is_kafka) {
        grid_init(grid, kafka_member_columns,
                  sizeof(kafka_member_columns) / sizeof(kafka_member_columns[0]));
    } else if (values->has_members) {
        grid_init(grid, member_columns, sizeof(member_columns) / sizeof(member_columns[0]));
    } else {
        grid_init(grid, offset_columns, sizeof(offset_columns) / sizeof(offset_columns[0]));
    }
}

/* Kafka's tool prints a table for each group. */
static int describe_apart(struct errand *errand, const struct describe_values *values,
                          const char *group)
{
    struct grid grid;
    choose_columns(errand, values, &grid);
    int code = describe_group(errand, values, group, &grid);
    if (code == COMMAND_OK || grid.cell_count > 0) {
        buffer_add_byte(&errand->out, '\n');
        grid_print(&grid, false, &errand->out);
    }
    grid_fini(&grid);
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct describe_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    struct grid grid;
    struct flag_list all = {0};
    if (values->is_everything) {
        code = group_names_find(&errand, &all);
        arguments = &all;
    } else if (arguments->count == 0) {
        code = command_misuse(world, "name a group, or --all");
    }
    choose_columns(&errand, values, &grid);
    for (size_t i = 0; i < arguments->count && code != COMMAND_MISUSED; i++) {
        int result = errand.is_kafka ? describe_apart(&errand, values, arguments->items[i])
                                     : describe_group(&errand, values, arguments->items[i], &grid);
        code = result != COMMAND_OK ? result : code;
    }
    if (grid.cell_count > 0 || errand.is_json) {
        grid_print(&grid, errand.is_json, &errand.out);
    }
    free(all.items);
    grid_fini(&grid);
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG('m', "members", BOOL, struct describe_values, has_members, NULL,
         "the members instead of the offsets"),
    FLAG(0, "state", BOOL, struct describe_values, has_state, NULL,
         "state, coordinator and strategy instead of the offsets"),
    FLAG('a', "all", BOOL, struct describe_values, is_everything, NULL, "every group"),
    ERRAND_OUTPUT_FLAG(struct describe_values),
    ERRAND_FLAGS(struct describe_values),
};

const struct command command_group_describe = {
    .noun = "group",
    .verb = "describe",
    .arguments = "GROUP...",
    .summary = "shows offsets, lag and members",
    .examples = "tidemill group describe billing\n"
                "tidemill group describe billing --members\n"
                "tidemill group describe --all -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct describe_values),
    .argument_max = -1,
    .run = run,
};
