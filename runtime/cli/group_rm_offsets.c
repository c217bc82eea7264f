/* tidemill group rm-offsets: makes a group forget what it has committed for topics it does not read
 * any more. */
#include "log/base/error.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/topic_choice.h"

#include <string.h>

struct rm_offsets_values {
    struct errand_flags errand;
};

static const struct grid_column columns[] = {
    {"TOPIC", "topic", false},
    {"PARTITION", "partition", true},
    {"STATUS", "status", false},
};

static void fill_request(struct errand *errand, const char *group,
                         const struct topic_choice *choice, struct offset_delete_request *request)
{
    struct offset_delete_request_topic *topic = NULL;
    *request = (struct offset_delete_request){.group_id = bytes_from_string(group)};
    request->topics.items =
        arena_array(&errand->arena, struct offset_delete_request_topic, choice->count + 1);
    for (size_t i = 0; i < choice->count; i++) {
        const struct topic_choice_row *row = &choice->rows[i];
        if (i == 0 || strcmp(row->topic, choice->rows[i - 1].topic) != 0) {
            topic = &request->topics.items[request->topics.count++];
            topic->name = bytes_from_string(row->topic);
            topic->partitions.items = arena_array(
                &errand->arena, struct offset_delete_request_partition, choice->count - i);
        }
        topic->partitions.items[topic->partitions.count++].index = row->partition;
    }
}

static int print_answer(struct errand *errand, const char *group,
                        const struct offset_delete_response *response)
{
    int code = COMMAND_OK;
    struct grid grid;
    if (response->error_code != 0) {
        return errand_refuse(errand, group, response->error_code, bytes_make(NULL, 0));
    }
    grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct offset_delete_response_topic *topic = &response->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            int16_t error = topic->partitions.items[j].error_code;
            grid_add(&grid, topic->name);
            grid_add_number(&grid, topic->partitions.items[j].index);
            grid_add_string(&grid, error == 0 ? "Successful" : error_text(error_from_code(error)));
            code = error == 0 ? code : COMMAND_FAILED;
        }
    }
    if (errand->is_kafka) {
        buffer_printf(&errand->out, "Request succeeded for deleting offsets from group %s.\n\n",
                      group);
    }
    grid_print(&grid, errand->is_json, &errand->out);
    grid_fini(&grid);
    return code;
}

static int rm_offsets(struct errand *errand, const struct flag_list *arguments)
{
    const struct topic_choice_flags any = {0};
    const struct flag_list words = {.items = arguments->items + 1, .count = arguments->count - 1};
    const char *group = arguments->items[0];
    struct offset_delete_request request;
    struct topic_choice choice;
    const void *found;
    int32_t node;
    int code = topic_choice_partitions(errand, &any, &words, &choice);
    if (code != COMMAND_OK) {
        return code;
    }
    int error = errand_find_coordinator(errand, group, &node);
    if (error == 0) {
        fill_request(errand, group, &choice, &request);
        error = errand_call(errand, node, API_OFFSET_DELETE, -1, &request, &found);
    }
    return error == 0 ? print_answer(errand, group, found) : errand_fail(errand, error, group);
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct rm_offsets_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == COMMAND_OK) {
        code = rm_offsets(&errand, arguments);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    ERRAND_OUTPUT_FLAG(struct rm_offsets_values),
    ERRAND_FLAGS(struct rm_offsets_values),
};

const struct command command_group_rm_offsets = {
    .noun = "group",
    .verb = "rm-offsets",
    .arguments = "GROUP TOPIC[:PARTITION]...",
    .summary = "makes a group forget topics",
    .details = "Works while the group has no members, or members that do not read the topic.\n",
    .examples = "tidemill group rm-offsets billing old-orders\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct rm_offsets_values),
    .argument_min = 2,
    .argument_max = -1,
    .run = run,
};
