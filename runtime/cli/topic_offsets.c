/* tidemill topic offsets: where partitions begin or end, or what offset a time has. */
#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/offset_query.h"
#include "runtime/cli/topic_choice.h"

#include <string.h>

struct offsets_values {
    struct errand_flags errand;
    struct topic_choice_flags choice;
    struct flag_list at;
    bool is_kcat;
};

static const struct grid_column columns[] = {
    {"TOPIC", "topic", false},
    {"PARTITION", "partition", true},
    {"OFFSET", "offset", true},
};

/* A word for ListOffsets: what it asks the log for is no place that a reader could begin at. */
static bool read_time(const char *word, int64_t *out)
{
    static const struct {
        const char *name;
        int64_t time;
    } names[] = {{"end", -1},   {"latest", -1},        {"beginning", -2},     {"earliest", -2},
                 {"start", -2}, {"max-timestamp", -3}, {"earliest-local", -4}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(word, names[i].name) == 0) {
            *out = names[i].time;
            return true;
        }
    }
    struct offset_spec spec;
    struct report ignored = {0};
    if (offset_spec_parse(word, &spec, NULL, &ignored) != 0 || spec.kind != OFFSET_SPEC_TIME) {
        return false;
    }
    *out = spec.value;
    return true;
}

static void print_rows(struct errand *errand, const struct offsets_values *values,
                       const struct offset_query *rows, size_t count, struct grid *grid)
{
    for (size_t i = 0; i < count; i++) {
        const struct offset_query *row = &rows[i];
        if (values->is_kcat) {
            buffer_printf(&errand->out, "%s [%d] offset %lld\n", row->topic, row->partition,
                          (long long)row->offset);
        } else if (errand->is_kafka && row->offset < 0) {
            buffer_printf(&errand->out, "%s:%d:\n", row->topic, row->partition);
        } else if (errand->is_kafka) {
            buffer_printf(&errand->out, "%s:%d:%lld\n", row->topic, row->partition,
                          (long long)row->offset);
        } else {
            grid_add_string(grid, row->topic);
            grid_add_number(grid, row->partition);
            if (row->offset < 0) {
                grid_add_nothing(grid);
            } else {
                grid_add_number(grid, row->offset);
            }
        }
    }
}

static int query(struct errand *errand, const struct offsets_values *values, int64_t time,
                 const struct flag_list *arguments, struct grid *grid)
{
    struct topic_choice choice;
    int code = topic_choice_partitions(errand, &values->choice, arguments, &choice);
    if (code != COMMAND_OK) {
        return code;
    }
    struct offset_query *rows = arena_array(&errand->arena, struct offset_query, choice.count + 1);
    for (size_t i = 0; i < choice.count; i++) {
        rows[i] = (struct offset_query){.topic = choice.rows[i].topic,
                                        .partition = choice.rows[i].partition,
                                        .timestamp_ms = time};
    }
    int error = offset_query_run(errand, rows, choice.count);
    for (size_t i = 0; i < choice.count && error == 0; i++) {
        error = rows[i].error;
    }
    if (error != 0) {
        return errand_fail(errand, error, "asking for offsets");
    }
    print_rows(errand, values, rows, choice.count, grid);
    return COMMAND_OK;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct offsets_values *values = given;
    struct errand errand;
    const char *word = values->at.count == 0 ? "end" : values->at.items[values->at.count - 1];
    int64_t time;
    if (!read_time(word, &time)) {
        return command_misuse(world,
                              "'%s' is no place; --at takes beginning, end, max-timestamp or "
                              "@TIME (milliseconds or 2026-11-24T12:00:00Z)",
                              word);
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    struct grid grid;
    grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
    code = query(&errand, values, time, arguments, &grid);
    if (code == COMMAND_OK && !errand.is_kafka && !values->is_kcat) {
        grid_print(&grid, errand.is_json, &errand.out);
    }
    grid_fini(&grid);
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG(0, "at", LIST, struct offsets_values, at, "PLACE",
         "end (default), beginning, max-timestamp or @TIME"),
    FLAG('r', "regex", STRING, struct offsets_values, choice.pattern, "REGEX",
         "topics whose names match"),
    FLAG(0, "if-exists", BOOL, struct offsets_values, choice.may_miss, NULL,
         "leave out what is not there"),
    FLAG(0, "kcat", BOOL, struct offsets_values, is_kcat, NULL, "print as kcat -Q does"),
    ERRAND_OUTPUT_FLAG(struct offsets_values),
    ERRAND_FLAGS(struct offsets_values),
};

const struct command command_topic_offsets = {
    .noun = "topic",
    .verb = "offsets",
    .arguments = "[TOPIC[:PARTITION]...]",
    .summary = "shows where partitions begin and end",
    .details = "Without topics, every topic that is not internal. No offset (-) means that no\n"
               "record is that young.\n",
    .examples = "tidemill topic offsets logs\n"
                "tidemill topic offsets logs:0 --at @2026-11-24T12:00:00Z\n"
                "tidemill topic offsets -r 'logs[.].*' --at beginning -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct offsets_values),
    .argument_max = -1,
    .run = run,
};
