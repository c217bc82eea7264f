/* tidemill group seek: moves the committed offsets of groups that have no members, to one place for
 * all partitions (--to), by a distance (--by), or as a file of "topic,partition,offset" says
 * (--plan), which -o csv writes. */
#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/group_names.h"
#include "runtime/cli/group_offsets.h"
#include "runtime/cli/offset_query.h"
#include "runtime/cli/topic_choice.h"

#include <stdlib.h>
#include <string.h>

enum { OFFSET_COMMIT_VERSION = 9, PLAN_SIZE_MAX = 64 << 20 };

struct seek_values {
    struct errand_flags errand;
    const char *to;
    const char *by;
    const char *plan;
    struct flag_list groups;
    bool is_everything;
    bool is_dry;
};

/* Where to, as the flags say. */
struct seek_goal {
    struct offset_spec to;
    int64_t by;        /* with has_by: from what is committed */
    struct bytes plan; /* with its bytes: from a file */
    bool has_by;
    bool is_current; /* nowhere: commit again what is committed */
};

/* One run. */
struct seek {
    struct errand *errand;
    const struct seek_values *values;
    const struct seek_goal *goal;
    struct flag_list groups;
    struct flag_list topics; /* "TOPIC" or "TOPIC:PARTITION" */
    struct grid grid;
};

static const struct grid_column columns[] = {
    {"GROUP", "group", false},          {"TOPIC", "topic", false},
    {"PARTITION", "partition", true},   {"CURRENT-OFFSET", "current_offset", true},
    {"NEW-OFFSET", "new_offset", true},
};
static const struct grid_column kafka_columns[] = {
    {"GROUP", "group", false},
    {"TOPIC", "topic", false},
    {"PARTITION", "partition", true},
    {"NEW-OFFSET", "new_offset", true},
};

/* The partitions named, or all that the group has committed. */
static int choose_rows(const struct seek *seek, struct group_offsets *offsets)
{
    struct errand *errand = seek->errand;
    if (seek->topics.count == 0) {
        return offsets->count > 0 || seek->values->is_everything
                   ? COMMAND_OK
                   : command_fail(errand->world,
                                  "%s has committed nothing; name topics: tidemill group seek "
                                  "GROUP TOPIC --to beginning",
                                  offsets->group);
    }
    const struct topic_choice_flags any = {0};
    struct topic_choice choice;
    int code = topic_choice_partitions(errand, &any, &seek->topics, &choice);
    struct group_offsets chosen = *offsets;
    chosen.rows = NULL;
    chosen.count = 0;
    for (size_t i = 0; i < choice.count && code == COMMAND_OK; i++) {
        group_offsets_add(errand, &chosen, choice.rows[i].topic, choice.rows[i].partition);
    }
    if (code != COMMAND_OK) {
        return code;
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

/* Lines of a plan name the group where there may be several. */
static void write_plan(struct seek *seek, const struct group_offsets *offsets,
                       const struct offset_query *targets)
{
    bool is_named = seek->values->is_everything || seek->groups.count > 1;
    for (size_t i = 0; i < offsets->count; i++) {
        buffer_printf(&seek->errand->out, "%s%s%s,%d,%lld\n", is_named ? offsets->group : "",
                      is_named ? "," : "", offsets->rows[i].topic, offsets->rows[i].partition,
                      (long long)targets[i].offset);
    }
}

static void add_targets(struct seek *seek, const struct group_offsets *offsets,
                        const struct offset_query *targets)
{
    struct grid *grid = &seek->grid;
    for (size_t i = 0; i < offsets->count; i++) {
        grid_add_string(grid, offsets->group);
        grid_add_string(grid, offsets->rows[i].topic);
        grid_add_number(grid, offsets->rows[i].partition);
        if (offsets->rows[i].offset >= 0 && !seek->errand->is_kafka) {
            grid_add_number(grid, offsets->rows[i].offset);
        } else if (!seek->errand->is_kafka) {
            grid_add_nothing(grid);
        }
        grid_add_number(grid, targets[i].offset);
    }
}

/* Asks for the start or the end of every partition. */
static int ask_bounds(struct errand *errand, const struct group_offsets *offsets,
                      enum offset_spec_kind kind, struct offset_query *rows)
{
    const struct offset_spec spec = {.kind = kind};
    for (size_t i = 0; i < offsets->count; i++) {
        rows[i].topic = offsets->rows[i].topic;
        rows[i].partition = offsets->rows[i].partition;
    }
    int error = offset_query_resolve(errand, &spec, rows, offsets->count);
    for (size_t i = 0; i < offsets->count && error == 0; i++) {
        error = rows[i].error;
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "looking for offsets");
}

/* Targets that are numbers already; they are cut to what the log has. */
static int cut_targets(struct errand *errand, const struct group_offsets *offsets,
                       struct offset_query *targets)
{
    struct offset_query *starts =
        arena_array(&errand->arena, struct offset_query, offsets->count + 1);
    struct offset_query *ends =
        arena_array(&errand->arena, struct offset_query, offsets->count + 1);
    int code = ask_bounds(errand, offsets, OFFSET_SPEC_BEGINNING, starts);
    code = code == COMMAND_OK ? ask_bounds(errand, offsets, OFFSET_SPEC_END, ends) : code;
    for (size_t i = 0; i < offsets->count && code == COMMAND_OK; i++) {
        int64_t wanted = targets[i].offset;
        targets[i].offset = wanted < starts[i].offset ? starts[i].offset
                            : wanted > ends[i].offset ? ends[i].offset
                                                      : wanted;
    }
    return code;
}

/* From what is committed on; a partition without a commit begins at its end, as Kafka's tool. */
static int shift_targets(struct errand *errand, const struct group_offsets *offsets, int64_t by,
                         struct offset_query *targets)
{
    int code = ask_bounds(errand, offsets, OFFSET_SPEC_END, targets);
    for (size_t i = 0; i < offsets->count && code == COMMAND_OK; i++) {
        int64_t from = offsets->rows[i].offset >= 0 ? offsets->rows[i].offset : targets[i].offset;
        if (__builtin_add_overflow(from, by, &targets[i].offset)) {
            targets[i].offset = by < 0 ? 0 : INT64_MAX;
        }
    }
    return code == COMMAND_OK ? cut_targets(errand, offsets, targets) : code;
}

/* One line of a plan. */
struct plan_line {
    const char *group; /* NULL: not named */
    struct offset_query target;
};

/* [GROUP,]TOPIC,PARTITION,OFFSET */
static bool read_plan_line(struct errand *errand, char *line, struct plan_line *out)
{
    char *fields[4], *at = line;
    size_t count = 0;
    for (; count < 4 && at != NULL; count++) {
        fields[count] = strsep(&at, ",");
    }
    size_t first = count == 4 ? 1 : 0;
    int64_t partition;
    if (count - first != 3 || at != NULL || fields[first][0] == '\0' ||
        text_parse_int64(fields[first + 1], &partition) != 0 || partition < 0 ||
        partition > INT32_MAX || text_parse_int64(fields[first + 2], &out->target.offset) != 0 ||
        out->target.offset < 0) {
        return false;
    }
    out->group = count == 4 ? arena_string(&errand->arena, bytes_from_string(fields[0])) : NULL;
    out->target.topic = arena_string(&errand->arena, bytes_from_string(fields[first]));
    out->target.partition = (int32_t)partition;
    return true;
}

/* A line without a group is of the only one. */
static bool is_of_group(const struct seek *seek, const struct plan_line *line, const char *group)
{
    return line->group == NULL ? seek->groups.count == 1 : strcmp(line->group, group) == 0;
}

/* The rows of a plan, with their offsets in `targets`, in the order of the rows. */
static int read_plan(const struct seek *seek, struct group_offsets *offsets,
                     struct offset_query **targets)
{
    struct errand *errand = seek->errand;
    struct bytes plan = seek->goal->plan;
    struct group_offsets planned = *offsets;
    char *text = arena_string(&errand->arena, plan), *line;
    struct plan_line *read = arena_array(&errand->arena, struct plan_line, plan.size / 2 + 2);
    size_t count = 0;
    int number = 0;
    planned.rows = NULL;
    planned.count = 0;
    while ((line = strsep(&text, "\n")) != NULL) {
        number++;
        line[strcspn(line, "\r")] = '\0';
        if (line[0] == '\0') {
            continue;
        }
        if (!read_plan_line(errand, line, &read[count])) {
            return command_fail(errand->world, "%s:%d: a line is [GROUP,]TOPIC,PARTITION,OFFSET",
                                seek->values->plan, number);
        }
        if (is_of_group(seek, &read[count], offsets->group)) {
            group_offsets_add(errand, &planned, read[count].target.topic,
                              read[count].target.partition);
            count++;
        }
    }
    group_offsets_sort(&planned);
    *targets = arena_array(&errand->arena, struct offset_query, planned.count + 1);
    for (size_t i = 0; i < planned.count; i++) {
        struct group_offsets_row *row = &planned.rows[i];
        row->offset = group_offsets_add(errand, offsets, row->topic, row->partition)->offset;
        for (size_t j = 0; j < count; j++) {
            if (read[j].target.partition == row->partition &&
                strcmp(read[j].target.topic, row->topic) == 0) {
                (*targets)[i] = read[j].target;
            }
        }
    }
    *offsets = planned;
    return planned.count > 0 || seek->values->is_everything
               ? COMMAND_OK
               : command_fail(errand->world, "%s says nothing of group %s", seek->values->plan,
                              offsets->group);
}

static int find_targets(const struct seek *seek, struct group_offsets *offsets,
                        struct offset_query **targets)
{
    struct errand *errand = seek->errand;
    const struct seek_goal *goal = seek->goal;
    if (seek->values->plan != NULL) {
        int code = read_plan(seek, offsets, targets);
        return code == COMMAND_OK ? cut_targets(errand, offsets, *targets) : code;
    }
    int code = choose_rows(seek, offsets);
    if (code != COMMAND_OK) {
        return code;
    }
    *targets = arena_array(&errand->arena, struct offset_query, offsets->count + 1);
    if (goal->has_by || goal->is_current) {
        return shift_targets(errand, offsets, goal->by, *targets);
    }
    for (size_t i = 0; i < offsets->count; i++) {
        (*targets)[i].topic = offsets->rows[i].topic;
        (*targets)[i].partition = offsets->rows[i].partition;
    }
    int error = offset_query_resolve(errand, &goal->to, *targets, offsets->count);
    for (size_t i = 0; i < offsets->count && error == 0; i++) {
        error = (*targets)[i].error;
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "looking for offsets");
}

static int seek_group(struct seek *seek, const char *group)
{
    struct errand *errand = seek->errand;
    struct group_offsets offsets;
    struct offset_query *targets = NULL;
    bool is_dry = seek->values->is_dry;
    int code = group_offsets_read(errand, group, &offsets);
    if (code == COMMAND_OK && offsets.description->members.count > 0 && !is_dry) {
        return command_fail(errand->world,
                            "%s has %d members; stop them first, they would overwrite the offsets",
                            offsets.group, offsets.description->members.count);
    }
    if (code == COMMAND_OK) {
        code = find_targets(seek, &offsets, &targets);
    }
    if (code == COMMAND_OK && !is_dry && offsets.count > 0) {
        code = commit(errand, &offsets, targets);
    }
    if (code == COMMAND_OK && errand->is_csv) {
        write_plan(seek, &offsets, targets);
    } else if (code == COMMAND_OK) {
        add_targets(seek, &offsets, targets);
    }
    return code;
}

/* The groups that are named, or all; without either the first argument is one. */
static int choose_groups(struct seek *seek, const struct flag_list *arguments)
{
    const struct seek_values *values = seek->values;
    size_t first = 0;
    if (values->is_everything) {
        int code = group_names_find(seek->errand, &seek->groups);
        if (code != COMMAND_OK) {
            return code;
        }
    }
    for (size_t i = 0; i < values->groups.count; i++) {
        flag_list_add(&seek->groups, values->groups.items[i]);
    }
    if (!values->is_everything && values->groups.count == 0) {
        flag_list_add(&seek->groups, arguments->items[first++]);
    }
    seek->topics = (struct flag_list){arguments->items + first, arguments->count - first};
    return COMMAND_OK;
}

static int seek_groups(struct seek *seek, const struct flag_list *arguments)
{
    struct errand *errand = seek->errand;
    int code = choose_groups(seek, arguments);
    if (errand->is_kafka) {
        grid_init(&seek->grid, kafka_columns, sizeof(kafka_columns) / sizeof(kafka_columns[0]));
    } else {
        grid_init(&seek->grid, columns, sizeof(columns) / sizeof(columns[0]));
    }
    bool is_listed = code == COMMAND_OK;
    for (size_t i = 0; i < seek->groups.count && is_listed; i++) {
        int result = seek_group(seek, seek->groups.items[i]);
        code = result != COMMAND_OK ? result : code;
    }
    if (!errand->is_csv && (code == COMMAND_OK || seek->grid.cell_count > 0)) {
        buffer_add_string(&errand->out, errand->is_kafka ? "\n" : "");
        grid_print(&seek->grid, errand->is_json, &errand->out);
    }
    grid_fini(&seek->grid);
    free(seek->groups.items);
    return code;
}

/* Reads the flags that say where to: exactly one of them. */
static int judge_goal(struct command_world *world, const struct seek_values *values,
                      const struct flag_list *arguments, struct seek_goal *goal)
{
    struct report report = {0};
    int count = (values->to != NULL) + (values->by != NULL) + (values->plan != NULL);
    bool has_groups = values->is_everything || values->groups.count > 0;
    if (!has_groups && arguments->count == 0) {
        return command_misuse(world, "name a group, or --all");
    }
    if (count == 0) {
        return command_misuse(world, "say where: --to beginning, end, N, -N or s@TIME");
    }
    if (count > 1) {
        return command_misuse(world, "--to, --by and --plan each say where; give one of them");
    }
    if (values->by != NULL) {
        goal->has_by = true;
        return text_parse_int64(values->by, &goal->by) == 0
                   ? COMMAND_OK
                   : command_misuse(world, "--by takes a number of records, not '%s'", values->by);
    }
    if (values->to != NULL && strcmp(values->to, "current") == 0) {
        goal->is_current = true;
        return COMMAND_OK;
    }
    if (values->to != NULL && offset_spec_parse(values->to, &goal->to, NULL, &report) != 0) {
        return command_misuse(world, "%s", report.text);
    }
    if (goal->to.kind == OFFSET_SPEC_STORED) {
        return command_misuse(world, "--to stored moves nothing");
    }
    return COMMAND_OK;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct seek_values *values = given;
    struct seek_goal goal = {0};
    struct errand errand;
    struct buffer plan;
    int code = judge_goal(world, values, arguments, &goal);
    buffer_init(&plan);
    if (code == COMMAND_OK && values->plan != NULL) {
        code = command_read_file(world, values->plan, PLAN_SIZE_MAX, &plan);
        goal.plan = buffer_bytes(&plan);
    }
    if (code == COMMAND_OK) {
        struct errand_flags flags = values->errand;
        bool is_csv = flags.output != NULL && strcmp(flags.output, "csv") == 0;
        flags.output = is_csv ? NULL : flags.output;
        code = errand_open(&errand, world, &flags, NULL, NULL);
        if (code == COMMAND_OK) {
            errand.is_csv = is_csv;
            struct seek seek = {.errand = &errand, .values = values, .goal = &goal};
            code = seek_groups(&seek, arguments);
            errand_close(&errand);
        }
    }
    buffer_fini(&plan);
    return code;
}

static const struct flag flags[] = {
    FLAG(0, "to", STRING, struct seek_values, to, "OFFSET",
         "beginning, end, current, N, -N or @TIME"),
    FLAG(0, "by", STRING, struct seek_values, by, "COUNT",
         "so many records on, or back with -COUNT"),
    FLAG(0, "plan", STRING, struct seek_values, plan, "FILE",
         "lines of [GROUP,]TOPIC,PARTITION,OFFSET, as -o csv writes them"),
    FLAG('g', "group", LIST, struct seek_values, groups, "GROUP",
         "a group; all arguments are topics then"),
    FLAG('a', "all", BOOL, struct seek_values, is_everything, NULL,
         "every group; all arguments are topics then"),
    FLAG(0, "dry-run", BOOL, struct seek_values, is_dry, NULL, "only show what would change"),
    FLAG('o', "output", STRING, struct seek_values, errand.output, "text|json|csv|kafka",
         "how to print; csv: a plan"),
    ERRAND_FLAGS(struct seek_values),
};

const struct command command_group_seek = {
    .noun = "group",
    .verb = "seek",
    .arguments = "GROUP [TOPIC[:PARTITION]...]",
    .summary = "moves the offsets of a group",
    .details = "Without topics, all partitions that the group has committed. Offsets are cut to\n"
               "what the log has. The group may have no members.\n",
    .examples = "tidemill group seek billing --to beginning --dry-run\n"
                "tidemill group seek billing orders:0 --by -10\n"
                "tidemill group seek billing --to @2026-11-24T12:00:00Z --dry-run -o csv > plan\n"
                "tidemill group seek billing --plan plan\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct seek_values),
    .argument_max = -1,
    .run = run,
};
