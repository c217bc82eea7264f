/* tidemill topic trim: deletes the oldest records of partitions, up to an offset or a time. */
#include "log/base/error.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/offset_query.h"
#include "runtime/cli/topic_choice.h"
#include "runtime/cli/trim_plan.h"

#include <string.h>

struct trim_values {
    struct errand_flags errand;
    struct topic_choice_flags choice;
    const char *before;
    const char *plan;
    bool is_dry;
};

static const struct grid_column columns[] = {
    {"TOPIC", "topic", false},
    {"PARTITION", "partition", true},
    {"START-OFFSET", "start_offset", true},
    {"NEW-START-OFFSET", "new_start_offset", true},
};

static int resolve(struct errand *errand, const struct topic_choice *choice,
                   const struct offset_spec *spec, struct offset_query *rows)
{
    for (size_t i = 0; i < choice->count; i++) {
        rows[i] = (struct offset_query){.topic = choice->rows[i].topic,
                                        .partition = choice->rows[i].partition};
    }
    int error = offset_query_resolve(errand, spec, rows, choice->count);
    for (size_t i = 0; i < choice->count && error == 0; i++) {
        error = rows[i].error;
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "looking for offsets");
}

/* In Kafka's words a partition that fails has a line, and the others go on. */
static int refuse(struct errand *errand, const struct topic_choice_row *row, int16_t code)
{
    if (!errand->is_kafka) {
        return errand_refuse(errand, row->topic, code, bytes_make(NULL, 0));
    }
    buffer_printf(&errand->out, "partition: %s-%d\terror: %s\n", row->topic, row->partition,
                  error_text(error_from_code(code)));
    return COMMAND_FAILED;
}

static int delete_records(struct errand *errand, const struct topic_choice_row *row, int64_t offset,
                          int64_t *start)
{
    struct delete_records_request_partition partition = {.index = row->partition, .offset = offset};
    struct delete_records_request_topic topic = {.name = bytes_from_string(row->topic)};
    struct delete_records_request request = {.timeout_ms = 30000};
    const void *found;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.topics.items = &topic;
    request.topics.count = 1;
    int error = errand_call(errand, row->leader, API_DELETE_RECORDS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, row->topic);
    }
    const struct delete_records_response *response = found;
    for (int32_t i = 0; i < response->topics.count; i++) {
        for (int32_t j = 0; j < response->topics.items[i].partitions.count; j++) {
            int16_t code = response->topics.items[i].partitions.items[j].error_code;
            if (code != 0) {
                return refuse(errand, row, code);
            }
            *start = response->topics.items[i].partitions.items[j].low_watermark;
        }
    }
    return COMMAND_OK;
}

/* The partitions of a plan, and how far each is to be emptied. */
static int choose_planned(struct errand *errand, const char *path, struct topic_choice *choice,
                          struct offset_query **ends)
{
    const struct offset_spec end = {.kind = OFFSET_SPEC_END};
    const struct topic_choice_flags flags = {0};
    struct trim_plan plan;
    int code = trim_plan_read(errand, path, &plan);
    if (code != COMMAND_OK) {
        return code;
    }
    struct flag_list words = {.items = arena_array(&errand->arena, const char *, plan.count + 1)};
    for (size_t i = 0; i < plan.count; i++) {
        words.items[words.count++] =
            arena_printf(&errand->arena, "%s:%d", plan.rows[i].topic, plan.rows[i].partition);
    }
    *choice = (struct topic_choice){0}; /* without words all partitions would be meant */
    code = plan.count == 0 ? COMMAND_OK : topic_choice_partitions(errand, &flags, &words, choice);
    *ends = arena_array(&errand->arena, struct offset_query, choice->count + 1);
    code = code == COMMAND_OK ? resolve(errand, choice, &end, *ends) : code;
    for (size_t i = 0; i < choice->count && code == COMMAND_OK; i++) {
        const struct topic_choice_row *row = &choice->rows[i];
        const struct trim_plan_row *planned = trim_plan_find(&plan, row->topic, row->partition);
        (*ends)[i].offset = planned->offset < 0 ? (*ends)[i].offset : planned->offset;
    }
    return code;
}

static int choose(struct errand *errand, const struct trim_values *values,
                  const struct offset_spec *spec, const struct flag_list *arguments,
                  struct topic_choice *choice, struct offset_query **ends)
{
    if (values->plan != NULL) {
        return choose_planned(errand, values->plan, choice, ends);
    }
    int code = topic_choice_partitions(errand, &values->choice, arguments, choice);
    if (code != COMMAND_OK) {
        return code;
    }
    *ends = arena_array(&errand->arena, struct offset_query, choice->count + 1);
    return resolve(errand, choice, spec, *ends);
}

static void print_row(struct errand *errand, const struct topic_choice_row *row, int64_t before,
                      int64_t start, struct grid *grid)
{
    if (errand->is_kafka) {
        buffer_printf(&errand->out, "partition: %s-%d\tlow_watermark: %lld\n", row->topic,
                      row->partition, (long long)start);
        return;
    }
    grid_add_string(grid, row->topic);
    grid_add_number(grid, row->partition);
    grid_add_number(grid, before);
    grid_add_number(grid, start);
}

static int trim_rows(struct errand *errand, bool is_dry, const struct topic_choice *choice,
                     const struct offset_query *starts, const struct offset_query *ends,
                     struct grid *grid)
{
    int code = COMMAND_OK;
    for (size_t i = 0; i < choice->count && (code == COMMAND_OK || errand->is_kafka); i++) {
        int64_t start = ends[i].offset;
        int result =
            is_dry ? COMMAND_OK : delete_records(errand, &choice->rows[i], ends[i].offset, &start);
        if (result == COMMAND_OK) {
            print_row(errand, &choice->rows[i], starts[i].offset, start, grid);
        }
        code = result != COMMAND_OK ? result : code;
    }
    return code;
}

static int trim(struct errand *errand, const struct trim_values *values,
                const struct offset_spec *spec, const struct flag_list *arguments)
{
    const struct offset_spec beginning = {.kind = OFFSET_SPEC_BEGINNING};
    struct topic_choice choice;
    struct offset_query *ends = NULL;
    int code = choose(errand, values, spec, arguments, &choice, &ends);
    if (code != COMMAND_OK) {
        return code;
    }
    struct offset_query *starts =
        arena_array(&errand->arena, struct offset_query, choice.count + 1);
    code = resolve(errand, &choice, &beginning, starts);
    if (code != COMMAND_OK) {
        return code;
    }
    struct grid grid;
    grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
    if (errand->is_kafka) {
        buffer_add_string(&errand->out, "Executing records delete operation\n"
                                        "Records delete operation completed:\n");
    }
    code = trim_rows(errand, values->is_dry, &choice, starts, ends, &grid);
    if (code == COMMAND_OK && !errand->is_kafka) {
        grid_print(&grid, errand->is_json, &errand->out);
    }
    grid_fini(&grid);
    return code;
}

static int judge(struct command_world *world, const struct trim_values *values,
                 const struct flag_list *arguments)
{
    bool has_topics = arguments->count > 0 || values->choice.pattern != NULL;
    if (values->plan != NULL && (values->before != NULL || has_topics)) {
        return command_misuse(world, "--plan says which topics and how far; leave out the others");
    }
    if (values->plan == NULL && values->before == NULL) {
        return command_misuse(world, "say where to: --before N, -N, end or @TIME");
    }
    if (values->plan == NULL && !has_topics) {
        return command_misuse(world, "name topics, or TOPIC:PARTITION, or -r REGEX");
    }
    return COMMAND_OK;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct trim_values *values = given;
    struct offset_spec spec = {0};
    struct report report = {0};
    struct errand errand;
    int code = judge(world, values, arguments);
    if (code != COMMAND_OK) {
        return code;
    }
    if (values->before != NULL && offset_spec_parse(values->before, &spec, NULL, &report) != 0) {
        return command_misuse(world, "%s", report.text);
    }
    code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == 0) {
        code = trim(&errand, values, &spec, arguments);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    FLAG(0, "before", STRING, struct trim_values, before, "OFFSET",
         "the first record to keep: N, -N, end or @TIME"),
    FLAG(0, "plan", STRING, struct trim_values, plan, "FILE",
         "partitions and offsets in JSON, as kafka-delete-records takes them"),
    FLAG('r', "regex", STRING, struct trim_values, choice.pattern, "REGEX",
         "topics whose names match"),
    FLAG(0, "dry-run", BOOL, struct trim_values, is_dry, NULL, "only show what would change"),
    ERRAND_OUTPUT_FLAG(struct trim_values),
    ERRAND_FLAGS(struct trim_values),
};

const struct command command_topic_trim = {
    .noun = "topic",
    .verb = "trim",
    .arguments = "[TOPIC[:PARTITION]...]",
    .summary = "deletes the oldest records",
    .details = "What was deleted cannot be had back; --dry-run shows how far it would go.\n",
    .examples = "tidemill topic trim logs --before @2026-11-01T00:00:00Z --dry-run\n"
                "tidemill topic trim logs:0 --before 1000\n"
                "tidemill topic trim logs --before end        # empties it\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct trim_values),
    .argument_max = -1,
    .run = run,
};
