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
    bool is_verbose;
};

enum { COLUMN_MAX = 12 };

/* A table that is being filled: of all groups, or of one as Kafka's tool prints them. */
struct view {
    struct errand *errand;
    const struct describe_values *values;
    struct grid_column columns[COLUMN_MAX];
    size_t column_count;
    bool has_instances; /* a column of members' names */
    struct grid grid;
};

static void add_column(struct view *view, const char *title, const char *name, bool is_number)
{
    check(view->column_count < COLUMN_MAX);
    view->columns[view->column_count++] = (struct grid_column){title, name, is_number};
}

static void add_number(struct grid *grid, int64_t number)
{
    if (number < 0) {
        grid_add_nothing(grid);
    } else {
        grid_add_number(grid, number);
    }
}

static void add_offset_row(struct view *view, const char *group,
                           const struct group_offsets_row *row, const struct offset_query *end)
{
    struct grid *grid = &view->grid;
    bool has_offset = row->offset >= 0, has_end = end->error == 0 && end->offset >= 0;
    int64_t lag = end->offset > row->offset ? end->offset - row->offset : 0;
    grid_add_string(grid, group);
    grid_add_string(grid, row->topic);
    grid_add_number(grid, row->partition);
    if (view->values->is_verbose) {
        add_number(grid, row->leader_epoch);
    }
    add_number(grid, row->offset);
    add_number(grid, has_end ? end->offset : -1);
    add_number(grid, has_offset && has_end ? lag : -1);
    const struct bytes none = {NULL, 0};
    grid_add(grid, row->member == NULL ? none : row->member->member_id);
    grid_add(grid, row->member == NULL ? none : row->member->client_host);
    grid_add(grid, row->member == NULL ? none : row->member->client_id);
}

static int add_offsets(struct view *view, const struct group_offsets *offsets)
{
    struct errand *errand = view->errand;
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
        add_offset_row(view, offsets->group, &offsets->rows[i], &ends[i]);
    }
    return COMMAND_OK;
}

/* "topic:0,1;other:2" */
static void write_topic(struct bytes topic, const int32_t *partitions, int32_t count,
                        struct buffer *out)
{
    buffer_printf(out, "%s%.*s:", out->size == 0 ? "" : ";", BYTES_FORMAT(topic));
    for (int32_t i = 0; i < count; i++) {
        buffer_printf(out, "%s%d", i == 0 ? "" : ",", partitions[i]);
    }
}

static void add_assignment(struct grid *grid, const struct consumer_protocol_assignment *assignment)
{
    struct buffer text;
    buffer_init(&text);
    for (int32_t i = 0; i < assignment->assigned_partitions.count; i++) {
        const struct consumer_protocol_assignment_topic *topic =
            &assignment->assigned_partitions.items[i];
        write_topic(topic->name, topic->partitions.items, topic->partitions.count, &text);
    }
    grid_add(grid, text.size == 0 ? bytes_make(NULL, 0) : buffer_bytes(&text));
    buffer_fini(&text);
}

static void add_target(struct grid *grid,
                       const struct consumer_group_describe_response_member *member)
{
    struct buffer text;
    buffer_init(&text);
    for (int32_t i = 0; i < member->target_assignment.topic_partitions.count; i++) {
        const struct consumer_group_describe_response_target_topic *topic =
            &member->target_assignment.topic_partitions.items[i];
        write_topic(topic->name, topic->partitions.items, topic->partitions.count, &text);
    }
    grid_add(grid, text.size == 0 ? bytes_make(NULL, 0) : buffer_bytes(&text));
    buffer_fini(&text);
}

static void add_member(struct view *view, const struct group_offsets *offsets, int32_t index)
{
    struct grid *grid = &view->grid;
    const struct describe_groups_response_member *member =
        &offsets->description->members.items[index];
    struct consumer_protocol_assignment assignment = {0};
    int64_t count = 0;
    if (!group_offsets_assignment(view->errand, member, &assignment)) {
        assignment.assigned_partitions.count = 0;
    }
    for (int32_t i = 0; i < assignment.assigned_partitions.count; i++) {
        count += assignment.assigned_partitions.items[i].partitions.count;
    }
    grid_add_string(grid, offsets->group);
    grid_add(grid, member->member_id);
    if (view->has_instances) { /* Kafka's tool leaves the cell of a nameless one empty */
        bool is_blank = view->errand->is_kafka && bytes_is_null(member->group_instance_id);
        grid_add(grid, is_blank ? BYTES_LITERAL("") : member->group_instance_id);
    }
    grid_add(grid, member->client_host);
    grid_add(grid, member->client_id);
    grid_add_number(grid, count);
    if (view->values->is_verbose && offsets->consumer != NULL) {
        const struct consumer_group_describe_response_member *known =
            &offsets->consumer->members.items[index];
        grid_add_number(grid, known->member_epoch);
        add_assignment(grid, &assignment);
        grid_add_number(grid, offsets->consumer->assignment_epoch);
        add_target(grid, known);
    } else if (view->values->is_verbose) {
        grid_add_nothing(grid);
        add_assignment(grid, &assignment);
        grid_add_nothing(grid);
        grid_add_nothing(grid);
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

static void add_state(struct view *view, const struct group_offsets *offsets)
{
    struct grid *grid = &view->grid;
    struct errand *errand = view->errand;
    const struct describe_groups_response_group *group = offsets->description;
    struct node_address address = {.node = offsets->coordinator};
    client_each_broker(errand->client, keep_address, &address);
    grid_add_string(grid, offsets->group);
    grid_add_string(grid, arena_printf(&errand->arena, "%s (%d)", address.text, address.node));
    grid_add(grid, group->protocol_data);
    grid_add(grid, offsets->state);
    if (view->values->is_verbose) {
        add_number(grid, offsets->consumer == NULL ? -1 : offsets->consumer->group_epoch);
        add_number(grid, offsets->consumer == NULL ? -1 : offsets->consumer->assignment_epoch);
    }
    grid_add_number(grid, group->members.count);
}

static void choose_state_columns(struct view *view)
{
    add_column(view, "COORDINATOR (ID)", "coordinator", false);
    add_column(view, "ASSIGNMENT-STRATEGY", "assignment_strategy", false);
    add_column(view, "STATE", "state", false);
    if (view->values->is_verbose) {
        add_column(view, "GROUP-EPOCH", "group_epoch", true);
        add_column(view, "TARGET-ASSIGNMENT-EPOCH", "target_assignment_epoch", true);
    }
    add_column(view, "#MEMBERS", "members", true);
}

static void choose_member_columns(struct view *view)
{
    add_column(view, "CONSUMER-ID", "consumer_id", false);
    if (view->has_instances) {
        add_column(view, view->errand->is_kafka ? "GROUP-INSTANCE-ID" : "INSTANCE-ID",
                   "instance_id", false);
    }
    add_column(view, "HOST", "host", false);
    add_column(view, "CLIENT-ID", "client_id", false);
    add_column(view, "#PARTITIONS", "partitions", true);
    if (view->values->is_verbose) {
        add_column(view, "CURRENT-EPOCH", "current_epoch", true);
        add_column(view, "CURRENT-ASSIGNMENT", "current_assignment", false);
        add_column(view, "TARGET-EPOCH", "target_epoch", true);
        add_column(view, "TARGET-ASSIGNMENT", "target_assignment", false);
    }
}

static void choose_offset_columns(struct view *view)
{
    add_column(view, "TOPIC", "topic", false);
    add_column(view, "PARTITION", "partition", true);
    if (view->values->is_verbose) {
        add_column(view, "LEADER-EPOCH", "leader_epoch", true);
    }
    add_column(view, "CURRENT-OFFSET", "current_offset", true);
    add_column(view, "LOG-END-OFFSET", "log_end_offset", true);
    add_column(view, "LAG", "lag", true);
    add_column(view, "CONSUMER-ID", "consumer_id", false);
    add_column(view, "HOST", "host", false);
    add_column(view, "CLIENT-ID", "client_id", false);
}

static void open_view(struct view *view)
{
    view->column_count = 0;
    add_column(view, "GROUP", "group", false);
    if (view->values->has_state) {
        choose_state_columns(view);
    } else if (view->values->has_members) {
        choose_member_columns(view);
    } else {
        choose_offset_columns(view);
    }
    grid_init(&view->grid, view->columns, view->column_count);
}

static int read_group(struct errand *errand, const char *group, struct group_offsets *offsets)
{
    int code = group_offsets_read(errand, group, offsets);
    if (code != COMMAND_OK) {
        return code;
    }
    bool is_dead = offsets->state.size == 0 || bytes_equal_string(offsets->state, "Dead");
    return is_dead && offsets->count == 0
               ? command_fail(errand->world, "%s: no such group; 'tidemill group ls' lists them",
                              group)
               : COMMAND_OK;
}

static int add_group(struct view *view, const struct group_offsets *offsets)
{
    if (view->values->has_state) {
        add_state(view, offsets);
        return COMMAND_OK;
    }
    for (int32_t i = 0; view->values->has_members && i < offsets->description->members.count; i++) {
        add_member(view, offsets, i);
    }
    return view->values->has_members ? COMMAND_OK : add_offsets(view, offsets);
}

static bool is_named(const struct describe_groups_response_group *group)
{
    for (int32_t i = 0; i < group->members.count; i++) {
        if (!bytes_is_null(group->members.items[i].group_instance_id)) {
            return true;
        }
    }
    return false;
}

/* Kafka's tool prints a table for each group. */
static int describe_apart(struct view *view, const char *group)
{
    struct errand *errand = view->errand;
    struct group_offsets offsets;
    int code = read_group(errand, group, &offsets);
    if (code != COMMAND_OK) {
        return code;
    }
    if (offsets.description->members.count == 0) {
        fprintf(errand->world->errors, "Consumer group '%s' has no active members.\n", group);
    }
    view->has_instances = is_named(offsets.description);
    open_view(view);
    code = add_group(view, &offsets);
    if (code == COMMAND_OK || view->grid.cell_count > 0) {
        buffer_add_byte(&errand->out, '\n');
        grid_print(&view->grid, false, &errand->out);
    }
    grid_fini(&view->grid);
    return code;
}

static int describe(struct view *view, const char *group)
{
    struct group_offsets offsets;
    int code = read_group(view->errand, group, &offsets);
    return code == COMMAND_OK ? add_group(view, &offsets) : code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct describe_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    struct view view = {.errand = &errand, .values = values, .has_instances = true};
    struct flag_list all = {0};
    if (values->is_everything) {
        code = group_names_find(&errand, &all);
        arguments = &all;
    } else if (arguments->count == 0) {
        code = command_misuse(world, "name a group, or --all");
    }
    if (!errand.is_kafka) {
        open_view(&view);
    }
    for (size_t i = 0; i < arguments->count && code != COMMAND_MISUSED; i++) {
        int result = errand.is_kafka ? describe_apart(&view, arguments->items[i])
                                     : describe(&view, arguments->items[i]);
        code = result != COMMAND_OK ? result : code;
    }
    if (!errand.is_kafka && (view.grid.cell_count > 0 || errand.is_json)) {
        grid_print(&view.grid, errand.is_json, &errand.out);
    }
    free(all.items);
    if (!errand.is_kafka) {
        grid_fini(&view.grid);
    }
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG('m', "members", BOOL, struct describe_values, has_members, NULL,
         "the members instead of the offsets"),
    FLAG(0, "state", BOOL, struct describe_values, has_state, NULL,
         "state, coordinator and strategy instead of the offsets"),
    FLAG('v', "verbose", BOOL, struct describe_values, is_verbose, NULL,
         "epochs and assignments too"),
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
