/* tidemill replay: what an application would have written, and how that differs.
 *
 * The slice is read in the order of a task, and each record goes through the whole application
 * before the next one. What it should have written is read beside it, up to the same time (or comes
 * out of the other script with the same record), so that only differences wait in memory. */
#include "runtime/main/play_replay.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/output_diff.h"
#include "runtime/main/play.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { REPLAY_PRINT_SIZE = 64 << 10, REPLAY_WAITING_SIZE_MAX = 256 << 20 };

struct replay_values {
    struct errand_flags errand;
    const char *from;
    const char *to;
    const char *against;
    struct flag_list also;
    struct flag_list plugins;
    int64_t shown_count;
};

struct replay {
    struct errand *errand;
    const struct replay_values *values;
    struct offset_spec from;
    struct offset_spec to;
    struct play plays[2]; /* the application, and what it is compared with */
    size_t play_count;
    struct play_slice slice;
    struct slice_reader *inputs;
    struct slice_reader **outputs; /* what the cluster has, some topics each; none with --against */
    size_t output_count;
    size_t opened_count; /* of the application's outputs: the first ones are read by them */
    struct output_diff diff;
    int64_t record_count;
    int64_t difference_count;
    bool has_begun; /* a record came that belongs to the slice, not only to a table */
    int64_t first_ms;
    int64_t last_ms; /* the largest */
};

/* --- Telling ---------------------------------------------------------------------------------- */

static void replay_print(struct replay *replay)
{
    if (replay->errand->out.size > 0) {
        command_print(replay->errand->world, &replay->errand->out);
    }
}

static void replay_add_text(struct buffer *out, const char *name, const struct record *record)
{
    buffer_printf(out, "  %-9s ", name);
    if (record == NULL) {
        buffer_add_string(out, "(nothing)\n");
        return;
    }
    envelope_write_text(record->value, out);
    buffer_add_byte(out, '\n');
}

static void replay_add_json(struct buffer *out, const char *name, const struct record *record)
{
    buffer_printf(out, ",\"%s\":", name);
    if (record == NULL) {
        buffer_add_string(out, "null");
        return;
    }
    buffer_add_string(out, "{\"value\":");
    envelope_write_json_string(record->value, out);
    buffer_printf(out, ",\"ts\":%" PRId64 "}", record->timestamp_ms);
}

static void replay_tell(void *owner, const struct output_diff_row *row)
{
    struct replay *replay = owner;
    struct buffer *out = &replay->errand->out;
    const struct record *one = row->expected == NULL ? row->found : row->expected;
    replay->difference_count++;
    if (replay->errand->is_json) {
        buffer_add_string(out, "{\"topic\":");
        envelope_write_json_string(bytes_from_string(row->topic), out);
        buffer_printf(out, ",\"difference\":\"%s\",\"key\":", output_diff_words[row->kind]);
        envelope_write_json_string(one->key, out);
        replay_add_json(out, "expected", row->expected);
        replay_add_json(out, "found", row->found);
        buffer_add_string(out, "}\n");
    } else if (replay->difference_count <= replay->values->shown_count) {
        buffer_printf(out, "%s, key ", row->topic);
        envelope_write_text(one->key, out);
        buffer_printf(out, ": %s\n", output_diff_words[row->kind]);
        replay_add_text(out, "expected", row->expected);
        replay_add_text(out, "found", row->found);
    }
    if (out->size > REPLAY_PRINT_SIZE) {
        replay_print(replay);
    }
}

static void replay_tell_table(struct replay *replay)
{
    static const struct grid_column columns[] = {
        {"TOPIC", "topic", false},        {"EQUAL", "equal", true},
        {"MISSING", "missing", true},     {"ADDITIONAL", "additional", true},
        {"DIFFERENT", "different", true}, {"OUT-OF-ORDER", "out_of_order", true}};
    struct grid grid;
    grid_init(&grid, columns, sizeof columns / sizeof *columns);
    for (map_each (&replay->diff.topics, entry)) {
        const struct output_diff_topic *topic = entry->value;
        grid_add_string(&grid, topic->name);
        grid_add_number(&grid, topic->equal_count);
        for (size_t i = 0; i < OUTPUT_DIFF_KIND_COUNT; i++) {
            grid_add_number(&grid, topic->counts[i]);
        }
    }
    grid_print(&grid, false, &replay->errand->out);
    grid_fini(&grid);
}

/* Of both plays, each once; NULL behind the last. */
static const char **replay_uncompared(struct replay *replay)
{
    const char **lists[2] = {NULL, NULL};
    size_t count = 0, sum = 0;
    for (size_t i = 0; i < replay->play_count; i++) {
        lists[i] = play_uncompared(&replay->plays[i]);
        for (size_t j = 0; lists[i][j] != NULL; j++) {
            sum++;
        }
    }
    const char **names = arena_array(&replay->errand->arena, const char *, sum + 1);
    for (size_t i = 0; i < replay->play_count; i++) {
        for (size_t j = 0; lists[i][j] != NULL; j++) {
            bool is_new = map_find_string(&replay->diff.topics, lists[i][j]) == NULL;
            for (size_t k = 0; k < count && is_new; k++) {
                is_new = strcmp(names[k], lists[i][j]) != 0;
            }
            names[count] = lists[i][j];
            count += is_new;
        }
    }
    names[count] = NULL;
    return names;
}

static bool replay_is_open(const struct replay *replay)
{
    return replay->plays[0].is_open || (replay->play_count > 1 && replay->plays[1].is_open);
}

static const char *replay_verdict(const struct replay *replay, const char *const *uncompared)
{
    if (replay->difference_count > 0) {
        return "the outputs differ";
    }
    return uncompared[0] == NULL && !replay_is_open(replay) ? "the outputs are equal"
                                                            : "the topics above are equal";
}

static void replay_tell_text(struct replay *replay, const char *const *notes)
{
    const char **uncompared = replay_uncompared(replay);
    struct buffer *out = &replay->errand->out;
    int64_t hidden_count = replay->difference_count - replay->values->shown_count;
    if (hidden_count > 0) {
        buffer_printf(out, "... and %" PRId64 " more differences (-o json has all)\n",
                      hidden_count);
    }
    buffer_add_string(out, replay->difference_count > 0 ? "\n" : "");
    replay_tell_table(replay);
    buffer_printf(out, "%" PRId64 " records replayed: %s\n", replay->record_count,
                  replay_verdict(replay, uncompared));
    for (size_t i = 0; uncompared[i] != NULL; i++) {
        buffer_printf(out, "not compared: %s, to which emit %s; --also %s compares it\n",
                      uncompared[i],
                      play_is_read(replay->plays[0].topology, uncompared[i])
                          ? "wrote although the application reads it"
                          : "may write",
                      uncompared[i]);
    }
    for (; *notes != NULL; notes++) {
        buffer_printf(out, "note: %s\n", *notes);
    }
}

static void replay_add_topic(struct buffer *out, const struct output_diff_topic *topic,
                             bool is_first)
{
    static const char *const names[OUTPUT_DIFF_KIND_COUNT] = {
        [OUTPUT_DIFF_MISSING] = "missing",
        [OUTPUT_DIFF_ADDITIONAL] = "additional",
        [OUTPUT_DIFF_DIFFERENT] = "different",
        [OUTPUT_DIFF_DISORDERED] = "out_of_order",
    };
    buffer_printf(out, "%s{\"topic\":", is_first ? "" : ",");
    envelope_write_json_string(bytes_from_string(topic->name), out);
    buffer_printf(out, ",\"equal\":%" PRId64, topic->equal_count);
    for (size_t i = 0; i < OUTPUT_DIFF_KIND_COUNT; i++) {
        buffer_printf(out, ",\"%s\":%" PRId64, names[i], topic->counts[i]);
    }
    buffer_add_byte(out, '}');
}

/* One more line, behind those of the differences. */
static void replay_tell_json(struct replay *replay, const char *const *notes)
{
    struct buffer *out = &replay->errand->out;
    buffer_printf(out, "{\"records\":%" PRId64 ",\"equal\":%s,\"notes\":[", replay->record_count,
                  replay->difference_count == 0 ? "true" : "false");
    for (size_t i = 0; notes[i] != NULL; i++) {
        buffer_add_string(out, i > 0 ? "," : "");
        envelope_write_json_string(bytes_from_string(notes[i]), out);
    }
    buffer_add_string(out, "],\"not_compared\":[");
    const char **uncompared = replay_uncompared(replay);
    for (size_t i = 0; uncompared[i] != NULL; i++) {
        buffer_add_string(out, i > 0 ? "," : "");
        envelope_write_json_string(bytes_from_string(uncompared[i]), out);
    }
    buffer_add_string(out, "],\"topics\":[");
    size_t index = 0;
    for (map_each (&replay->diff.topics, entry)) {
        replay_add_topic(out, entry->value, index++ == 0);
    }
    buffer_add_string(out, "]}\n");
}

static void replay_tell_end(struct replay *replay)
{
    const char *notes[PLAY_NOTE_MAX];
    play_notes(&replay->plays[0], &replay->slice, notes);
    if (replay->errand->is_json) {
        replay_tell_json(replay, notes);
    } else {
        replay_tell_text(replay, notes);
    }
}

/* --- Comparing -------------------------------------------------------------------------------- */

/* Outputs count whose times lie in the slice, where it does not reach to an end of the topics. What
 * is played is never behind it. */
static bool replay_is_meant(const struct replay *replay, const struct record *record,
                            bool is_played)
{
    bool is_early = !replay->slice.is_from_start &&
                    (!replay->has_begun || record->timestamp_ms < replay->first_ms);
    bool is_behind =
        !is_played && replay->to.kind != OFFSET_SPEC_END && record->timestamp_ms > replay->last_ms;
    return !is_early && !is_behind;
}

static int replay_add(struct replay *replay, const struct record *record, bool is_expected)
{
    bool is_played = !is_expected || replay->values->against != NULL;
    return !replay_is_meant(replay, record, is_played) ||
                   output_diff_add(&replay->diff, record, is_expected) == 0
               ? COMMAND_OK
               : command_fail(replay->errand->world,
                              "the outputs differ so much that they do not fit into memory; choose "
                              "a smaller slice with --from and --to");
}

/* What a script wrote since the last time. */
static int replay_take(struct replay *replay, struct play *play, bool is_expected)
{
    int code = COMMAND_OK;
    play_find_written(play);
    for (size_t i = 0; i < play->output_count; i++) {
        const struct record *record;
        while (code == COMMAND_OK &&
               (record = driver_take(play->driver, play->outputs[i])) != NULL) {
            code = replay_add(replay, record, is_expected);
        }
    }
    driver_forget(play->driver);
    return code;
}

/* Readers of the outputs that have none yet. What the cluster has of them begins with the time of
 * the first record, unless the slice is from the start. */
static int replay_open_outputs(struct replay *replay)
{
    struct errand *errand = replay->errand;
    const struct topic_choice_flags flags = {.may_miss = true};
    const struct play *play = &replay->plays[0];
    const struct flag_list words = {.items = play->outputs + replay->opened_count,
                                    .count = play->output_count - replay->opened_count};
    const struct offset_spec start = {.kind = OFFSET_SPEC_TIME, .value = replay->first_ms};
    struct topic_choice choice = {0};
    struct topic_sweep_range *ranges = NULL;
    if (words.count == 0) {
        return COMMAND_OK;
    }
    int code = topic_choice_partitions(errand, &flags, &words, &choice);
    code = code != COMMAND_OK ? code : topic_sweep_ranges(errand, &choice, &ranges);
    if (code == COMMAND_OK && !replay->slice.is_from_start && replay->first_ms > 0) {
        code = play_move_starts(errand, &start, ranges, choice.count);
    }
    if (code == COMMAND_OK) {
        replay->outputs =
            memory_resize(replay->outputs, (replay->output_count + 1) * sizeof *replay->outputs);
        replay->outputs[replay->output_count++] =
            slice_reader_new(errand, ranges, choice.count, NULL, NULL);
        replay->opened_count = play->output_count;
    }
    return code;
}

static int replay_read_output(struct replay *replay, struct slice_reader *output, int64_t until_ms)
{
    struct record record;
    int64_t time_ms;
    int more = 0, code = COMMAND_OK;
    while (code == COMMAND_OK &&
           (more = slice_reader_next(output, until_ms, &record, &time_ms)) == 1) {
        code = replay_add(replay, &record, true);
    }
    return more < 0 ? errand_fail(replay->errand, more, "reading the outputs") : code;
}

/* What the cluster has of the outputs, up to a time; once the slice has begun, of those that were
 * first written to just now, too. */
static int replay_read_outputs(struct replay *replay, int64_t until_ms)
{
    int code = COMMAND_OK;
    if (replay->values->against == NULL && replay->has_begun) {
        code = replay_open_outputs(replay);
    }
    for (size_t i = 0; i < replay->output_count && code == COMMAND_OK; i++) {
        code = replay_read_output(replay, replay->outputs[i], until_ms);
    }
    return code;
}

static int replay_begin(struct replay *replay)
{
    int code = COMMAND_OK;
    for (size_t i = 0; i < replay->play_count && code == COMMAND_OK; i++) {
        code = play_begin(&replay->plays[i], &replay->slice, replay->first_ms);
    }
    return code;
}

static int replay_process(struct replay *replay, const struct record *record, int64_t time_ms)
{
    int code = COMMAND_OK;
    replay->record_count++;
    if (!replay->has_begun &&
        (replay->slice.is_from_start || !play_is_prelude(&replay->slice, record))) {
        replay->has_begun = true;
        replay->first_ms = time_ms;
        replay->last_ms = time_ms;
        code = replay_begin(replay);
    }
    replay->last_ms = time_ms > replay->last_ms ? time_ms : replay->last_ms;
    for (size_t i = 0; i < replay->play_count && code == COMMAND_OK; i++) {
        code = play_feed(&replay->plays[i], record, NULL);
        code = code != COMMAND_OK ? code : replay_take(replay, &replay->plays[i], i == 1);
    }
    return code != COMMAND_OK ? code : replay_read_outputs(replay, replay->last_ms);
}

/* What closes behind the last record. */
static int replay_end(struct replay *replay)
{
    int code = COMMAND_OK;
    for (size_t i = 0; i < replay->play_count && code == COMMAND_OK; i++) {
        code = play_end(&replay->plays[i], replay->to.kind == OFFSET_SPEC_END);
        code = code != COMMAND_OK ? code : replay_take(replay, &replay->plays[i], i == 1);
    }
    return code;
}

static int replay_run(struct replay *replay)
{
    struct record record;
    int64_t time_ms;
    int more = 0, code = COMMAND_OK;
    replay->inputs = slice_reader_new(replay->errand, replay->slice.ranges, replay->slice.count,
                                      play_order_ms, &replay->plays[0]);
    while (code == COMMAND_OK &&
           (more = slice_reader_next(replay->inputs, INT64_MAX, &record, &time_ms)) == 1) {
        code = replay_process(replay, &record, time_ms);
    }
    code = more < 0 ? errand_fail(replay->errand, more, "reading the inputs") : code;
    code = code != COMMAND_OK ? code : replay_end(replay);
    code = code != COMMAND_OK ? code : replay_read_outputs(replay, INT64_MAX);
    if (code == COMMAND_OK) {
        output_diff_finish(&replay->diff);
        replay_tell_end(replay);
        code = replay->difference_count == 0 ? COMMAND_OK : COMMAND_FAILED;
    }
    slice_reader_free(replay->inputs);
    for (size_t i = 0; i < replay->output_count; i++) {
        slice_reader_free(replay->outputs[i]);
    }
    free(replay->outputs);
    return code;
}

/* --- The command ------------------------------------------------------------------------------ */

/* Outputs that only a person knows of; each has to be there. */
static int replay_add_also(struct replay *replay)
{
    const struct topic_choice_flags flags = {0};
    const struct flag_list *also = &replay->values->also;
    struct topic_choice choice = {0};
    int code = also->count == 0 ? COMMAND_OK
                                : topic_choice_partitions(replay->errand, &flags, also, &choice);
    for (size_t i = 0; i < choice.count && code == COMMAND_OK; i++) {
        for (size_t j = 0; j < replay->play_count; j++) {
            play_add_output(&replay->plays[j], choice.rows[i].topic);
        }
    }
    return code;
}

static int replay_open(struct replay *replay, const char *path)
{
    int code = play_open(&replay->plays[replay->play_count++], replay->errand, path,
                         &replay->values->plugins);
    if (code == COMMAND_OK && replay->values->against != NULL) {
        code = play_open(&replay->plays[replay->play_count++], replay->errand,
                         replay->values->against, &replay->values->plugins);
    }
    code = code != COMMAND_OK ? code : replay_add_also(replay);
    for (size_t i = 0; i < replay->play_count && code == COMMAND_OK; i++) {
        for (size_t j = 0; j < replay->plays[i].output_count; j++) {
            output_diff_add_topic(&replay->diff, replay->plays[i].outputs[j]);
        }
        code = replay_take(replay, &replay->plays[i], i == 1);
    }
    return code != COMMAND_OK ? code
                              : play_choose(replay->plays, replay->play_count, &replay->from,
                                            &replay->to, &replay->slice);
}

static int replay_compare(struct replay *replay, const char *path)
{
    output_diff_init(&replay->diff, REPLAY_WAITING_SIZE_MAX, replay_tell, replay);
    int code = replay_open(replay, path);
    code = code != COMMAND_OK ? code : replay_run(replay);
    for (size_t i = 0; i < replay->play_count; i++) {
        play_close(&replay->plays[i]);
    }
    output_diff_fini(&replay->diff);
    return code;
}

static int replay_main(struct command_world *world, const void *given,
                       const struct flag_list *arguments)
{
    const struct replay_values *values = given;
    struct errand errand;
    struct replay replay = {.errand = &errand, .values = values};
    int code = play_read_spec(world, "--from", values->from, OFFSET_SPEC_BEGINNING, &replay.from);
    code = code != COMMAND_OK
               ? code
               : play_read_spec(world, "--to", values->to, OFFSET_SPEC_END, &replay.to);
    code = code != COMMAND_OK ? code : errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == COMMAND_OK) {
        code = replay_compare(&replay, arguments->items[0]);
        errand_close(&errand);
    }
    return code;
}

static const struct flag replay_flags[] = {
    FLAG(0, "from", STRING, struct replay_values, from, "OFFSET",
         "where the inputs begin, as of 'consume -o' (default: beginning)"),
    FLAG(0, "to", STRING, struct replay_values, to, "OFFSET",
         "where they end (default: end, as it is now)"),
    FLAG(0, "against", STRING, struct replay_values, against, "OTHER.lua",
         "compare with what this script writes, not with the output topics"),
    FLAG(0, "also", LIST, struct replay_values, also, "TOPIC",
         "compare this topic, too, which only emit writes to; more than once for more"),
    FLAG(0, "plugins", LIST, struct replay_values, plugins, "DIR", "more places for plugins"),
    FLAG('n', "show", INT, struct replay_values, shown_count, "N",
         "how many differences are shown (default: 10)"),
    ERRAND_OUTPUT_FLAG(struct replay_values),
    ERRAND_FLAGS(struct replay_values),
};

const struct command play_replay_command = {
    .verb = "replay",
    .arguments = "APP|APP.lua",
    .summary = "plays an application with real inputs and compares what it writes",
    .examples =
        "tidemill replay words.lua\n"
        "tidemill replay words.lua --from @2026-11-24T12:00:00Z --to @2026-11-24T13:00:00Z\n"
        "tidemill replay new/words.lua --against words.lua -o json\n",
    .details =
        "Nothing is written to the cluster. All inputs are read in the order of their times, each\n"
        "record goes through the whole application, repartition topics included. What it writes "
        "is\n"
        "compared by topic and key; values and headers count, times do not. A dead letter also\n"
        "differs when its place in the script does. Ends with 1 when there are differences.\n"
        "\n"
        "Of a part of the inputs (--from, --to) the outputs are those whose times lie in it. "
        "Stores\n"
        "are empty at its start, but topics of tables are always read from their beginning. "
        "Timers\n"
        "of the wall clock do not fire. Windows that closed because nothing came (idle) close at "
        "the\n"
        "same records, as APP-clock tells. Global tables are read whole first.\n"
        "\n"
        "Compared are the topics of the plan, those that app:topic declares and the application "
        "does\n"
        "not read, those that the script names in emit(\"TOPIC\", ...), those that emit wrote to "
        "in\n"
        "the replay, and those of --also. Where emit may have written to others, the verdict says "
        "so.\n"
        "An output topic that is compacted lacks what was overwritten, and one that others write "
        "to,\n"
        "too, has more than this application wrote.\n",
    COMMAND_FLAGS(replay_flags),
    .values_size = sizeof(struct replay_values),
    .initial = &(const struct replay_values){.shown_count = 10},
    .argument_min = 1,
    .argument_max = 1,
    .run = replay_main,
};
