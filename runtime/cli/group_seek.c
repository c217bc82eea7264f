/* tidemill group seek: moves the committed offsets of a group that has no members. */
#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/group_offsets.h"
#include "runtime/cli/offset_query.h"

#include <string.h>

enum { OFFSET_COMMIT_VERSION = 9 };

struct seek_values {
    struct errand_flags errand;
    const char *to;
    bool is_dry;
};

static const struct grid_column columns[] = {
    {"GROUP", "group", false},          {"TOPIC", "topic", false},
    {"PARTITION", "partition", true},   {"CURRENT-OFFSET", "current_offset", true},
    {"NEW-OFFSET", "new_offset", true},
};

/* "TOPIC" or "TOPIC:PARTITION". */
static int select_topic(struct errand *errand, const char *word, struct group_offsets *chosen)
{
    const char *colon = strrchr(word, ':');
    int64_t partition = -1;
    if (colon != NULL && (text_parse_int64(colon + 1, &partition) != 0 || partition < 0)) {
        return command_misuse(errand->world, "'%s' is no TOPIC or TOPIC:PARTITION", word);
    }
    size_t size = colon == NULL ? strlen(word) : (size_t)(colon - word);
    const char *topic = arena_string(&errand->arena, bytes_make(word, size));
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, &topic, 1, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, topic);
    }
    size_t before = chosen->count;
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const struct metadata_response_topic *row = &metadata->topics.items[i];
        if (row->error_code != 0) {
            return errand_refuse(errand, topic, row->error_code, bytes_make(NULL, 0));
        }
        for (int32_t j = 0; j < row->partitions.count; j++) {
            if (partition < 0 || row->partitions.items[j].index == partition) {
                group_offsets_add(errand, chosen, topic, row->partitions.items[j].index);
            }
        }
    }
    return chosen->count > before ? COMMAND_OK
                                  : command_fail(errand->world, "no such partition: %s", word);
}

/* The partitions named, or all that the group has committed. */
static int choose_rows(struct errand *errand, const struct flag_list *arguments,
                       struct group_offsets *offsets)
{
    if (arguments->count == 1) {
        return offsets->count > 0
                   ? COMMAND_OK
                   : command_fail(errand->world,
                                  "%s has committed nothing; name topics: tidemill group seek "
                                  "GROUP TOPIC --to beginning",
                                  offsets->group);
    }
    struct group_offsets chosen = *offsets;
    chosen.rows = NULL;
    chosen.count = 0;
    for (size_t i = 1; i < arguments->count; i++) {
        int code = select_topic(errand, arguments->items[i], &chosen);
        if (code != COMMAND_OK) {
            return code;
        }
    }
    for (size_t i = 0; i < chosen.count; i++) {
        struct group_offsets_row *row = &chosen.rows[i];
        row->offset = group_offsets_add(errand, offsets, row->topic, row->partition)->offset;
    }
    *offsets = chosen;
    group_offsets_sort(offsets);
    return COMMAND_OK;
}

static int commit(struct errand *errand, const struct group_offsets *offsets,
                  const struct offset_query *targets)
{
    struct offset_commit_request request;
    wire_set_defaults(&offset_commit_request_schema, &request);
    request.group_id = bytes_from_string(offsets->group);
    request.generation_id_or_member_epoch = -1;
    request.member_id = BYTES_LITERAL("");
    request.topics.items =
        arena_array(&errand->arena, struct offset_commit_request_topic, offsets->count);
    struct offset_commit_request_topic *topic = NULL;
    for (size_t i = 0; i < offsets->count; i++) {
        if (i == 0 || strcmp(offsets->rows[i].topic, offsets->rows[i - 1].topic) != 0) {
            topic = &request.topics.items[request.topics.count++];
            topic->name = bytes_from_string(offsets->rows[i].topic);
            topic->partitions.items = arena_array(
                &errand->arena, struct offset_commit_request_partition, offsets->count - i);
        }
        topic->partitions.items[topic->partitions.count++] =
            (struct offset_commit_request_partition){
                .index = targets[i].partition,
                .committed_offset = targets[i].offset,
                .committed_leader_epoch = -1,
                .committed_metadata = BYTES_LITERAL(""),
            };
    }
    const void *found;
    int error = errand_call(errand, offsets->coordinator, API_OFFSET_COMMIT, OFFSET_COMMIT_VERSION,
                            &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, "committing");
    }
    const struct offset_commit_response *response = found;
    for (int32_t i = 0; i < response->topics.count; i++) {
        for (int32_t j = 0; j < response->topics.items[i].partitions.count; j++) {
            int16_t code = response->topics.items[i].partitions.items[j].error_code;
            if (code != 0) {
                const char *name = arena_string(&errand->arena, response->topics.items[i].name);
                return errand_refuse(errand, name, code, bytes_make(NULL, 0));
            }
        }
    }
    return COMMAND_OK;
}

static void print_targets(struct errand *errand, const struct group_offsets *offsets,
                          const struct offset_query *targets)
{
    struct grid grid;
    grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < offsets->count; i++) {
        grid_add_string(&grid, offsets->group);
        grid_add_string(&grid, offsets->rows[i].topic);
        grid_add_number(&grid, offsets->rows[i].partition);
        if (offsets->rows[i].offset < 0) {
            grid_add_nothing(&grid);
        } else {
            grid_add_number(&grid, offsets->rows[i].offset);
        }
        grid_add_number(&grid, targets[i].offset);
    }
    grid_print(&grid, errand->is_json, &errand->out);
    grid_fini(&grid);
}

static int find_targets(struct errand *errand, const struct group_offsets *offsets,
                        const struct offset_spec *to, struct offset_query *targets)
{
    for (size_t i = 0; i < offsets->count; i++) {
        targets[i].topic = offsets->rows[i].topic;
        targets[i].partition = offsets->rows[i].partition;
    }
    int error = offset_query_resolve(errand, to, targets, offsets->count);
    for (size_t i = 0; i < offsets->count && error == 0; i++) {
        error = targets[i].error;
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "looking for offsets");
}

static int seek(struct errand *errand, const struct seek_values *values,
                const struct offset_spec *to, const struct flag_list *arguments)
{
    struct group_offsets offsets;
    int code = group_offsets_read(errand, arguments->items[0], &offsets);
    if (code == COMMAND_OK) {
        code = choose_rows(errand, arguments, &offsets);
    }
    if (code != COMMAND_OK) {
        return code;
    }
    if (offsets.description->members.count > 0 && !values->is_dry) {
        return command_fail(errand->world,
                            "%s has %d members; stop them first, they would overwrite the offsets",
                            offsets.group, offsets.description->members.count);
    }
    struct offset_query *targets =
        arena_array(&errand->arena, struct offset_query, offsets.count + 1);
    code = find_targets(errand, &offsets, to, targets);
    if (code == COMMAND_OK && !values->is_dry) {
        code = commit(errand, &offsets, targets);
    }
    if (code == COMMAND_OK) {
        print_targets(errand, &offsets, targets);
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct seek_values *values = given;
    struct offset_spec to = {0};
    struct report report = {0};
    struct errand errand;
    if (values->to == NULL) {
        return command_misuse(world, "say where: --to beginning, end, N, -N or s@TIME");
    }
    if (offset_spec_parse(values->to, &to, NULL, &report) != 0) {
        return command_misuse(world, "%s", report.text);
    }
    if (to.kind == OFFSET_SPEC_STORED) {
        return command_misuse(world, "--to stored moves nothing");
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == 0) {
        code = seek(&errand, values, &to, arguments);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    FLAG(0, "to", STRING, struct seek_values, to, "OFFSET", "start, end, N, -N or @TIME"),
    FLAG(0, "dry-run", BOOL, struct seek_values, is_dry, NULL, "only show what would change"),
    ERRAND_OUTPUT_FLAG(struct seek_values),
    ERRAND_FLAGS(struct seek_values),
};

const struct command command_group_seek = {
    .noun = "group",
    .verb = "seek",
    .arguments = "GROUP [TOPIC[:PARTITION]...]",
    .summary = "moves the offsets of a group",
    .details = "Without topics, all partitions that the group has committed. Offsets are cut to\n"
               "what the log has. The group may have no members.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct seek_values),
    .argument_min = 1,
    .argument_max = -1,
    .run = run,
};
