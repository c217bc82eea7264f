/* tidemill topic offsets: where partitions begin or end, or what offset a time has. */
#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/offset_query.h"
#include "runtime/cli/partition_rule.h"
#include "runtime/cli/topic_choice.h"

#include <string.h>

struct offsets_values {
    struct errand_flags errand;
    struct topic_choice_flags choice;
    struct flag_list at;
    struct flag_list rules;
    bool has_internal;
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
    } names[] = {
        {"end", -1},           {"latest", -1},        {"beginning", -2},      {"earliest", -2},
        {"start", -2},         {"max-timestamp", -3}, {"earliest-local", -4}, {"tiered", -5},
        {"pending-upload", -6}};
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
            continue; /* Kafka's tool leaves them out */
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

static bool is_meant(const struct partition_rule *rules, size_t count, struct bytes topic,
                     int32_t partition)
{
    bool is_found = count == 0;
    for (size_t i = 0; i < count && !is_found; i++) {
        is_found = partition_rule_matches(&rules[i], topic, partition);
    }
    return is_found;
}

/* Every partition that a rule matches; all where there is none. */
static int choose_by_rules(struct errand *errand, const struct offsets_values *values,
                           const struct partition_rule *rules, struct topic_choice *out)
{
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, NULL, 0, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "looking for topics");
    }
    *out = (struct topic_choice){0};
    out->rows = arena_array(&errand->arena, struct topic_choice_row,
                            topic_choice_count_partitions(metadata) + 1);
    for (int32_t i = 0; i < metadata->topics.count; i++) {
        const struct metadata_response_topic *topic = &metadata->topics.items[i];
        const char *name = arena_string(&errand->arena, topic->name);
        bool is_hidden = topic->is_internal && !values->has_internal;
        for (int32_t j = 0; j < topic->partitions.count && !is_hidden; j++) {
            const struct metadata_response_partition *row = &topic->partitions.items[j];
            if (is_meant(rules, values->rules.count, topic->name, row->index)) {
                out->rows[out->count++] = (struct topic_choice_row){
                    .topic = name, .partition = row->index, .leader = row->leader_id};
            }
        }
    }
    topic_choice_sort(out);
    return out->count > 0 || values->rules.count == 0
               ? COMMAND_OK
               : command_fail(errand->world,
                              "no partition matches '%s'; 'tidemill topic ls' lists "
                              "the topics",
                              values->rules.items[0]);
}

static int choose(struct errand *errand, const struct offsets_values *values,
                  const struct flag_list *arguments, struct topic_choice *out)
{
    const struct flag_list *words = &values->rules;
    bool has_names = arguments->count > 0 || values->choice.pattern != NULL;
    if (words->count > 0 && has_names) {
        return command_misuse(errand->world, "--rule says what is meant; leave out topics and -r");
    }
    if (words->count == 0 && (has_names || !values->has_internal)) {
        return topic_choice_partitions(errand, &values->choice, arguments, out);
    }
    struct partition_rule *rules = arena_array(&errand->arena, struct partition_rule, words->count);
    size_t count = 0;
    int code = COMMAND_OK;
    for (; count < words->count && code == COMMAND_OK; count++) {
        if (partition_rule_parse(words->items[count], &rules[count]) != 0) {
            code = command_misuse(errand->world, "--rule takes REGEX[:N|N-M|N-|-M], not '%s'",
                                  words->items[count--]);
        }
    }
    code = code == COMMAND_OK ? choose_by_rules(errand, values, rules, out) : code;
    while (count > 0) {
        partition_rule_fini(&rules[--count]);
    }
    return code;
}

static int query(struct errand *errand, const struct offsets_values *values, int64_t time,
                 const struct flag_list *arguments, struct grid *grid)
{
    struct topic_choice choice;
    int code = choose(errand, values, arguments, &choice);
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
    FLAG(0, "rule", LIST, struct offsets_values, rules, "REGEX:PARTITIONS",
         "what matches; partitions are N, N-M (without M), N- or -M"),
    FLAG('i', "internal", BOOL, struct offsets_values, has_internal, NULL, "internal topics too"),
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
