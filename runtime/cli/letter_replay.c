/* tidemill dlq replay, tidemill late replay: sends letters back where they were read, as they were.
 *
 * Keeps:  (1) letters, and the marks that they were sent, are one transaction of the id that is
 *             also the marks' group: <app>-dlq-replay. So a letter goes back once, whatever
 *             crashes, and however often one asks;
 *         (2) marks are read after the id was taken over, so that two who replay at once do not
 *             send the same.
 * Many letters are several such transactions, one after the other. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/letter_topics.h"
#include "runtime/cli/sending.h"

#include <stdlib.h>
#include <string.h>

enum { SLICE_LETTER_COUNT = 5000, REPLAY_ROW_MAX = 1000 };

struct replay_values {
    struct errand_flags errand;
    struct letter_choice_flags choice;
    const char *into;
    bool is_dry;
    bool is_again;
};

enum replay_fate { FATE_SENT, FATE_BEFORE, FATE_NO_SOURCE, FATE_OMITTED };

static const char *const fate_words[] = {
    [FATE_SENT] = "replayed",
    [FATE_BEFORE] = "replayed_before",
    [FATE_NO_SOURCE] = "no_source",
    [FATE_OMITTED] = "omitted",
};

struct replay_row {
    const char *topic;
    enum replay_fate fate;
    int64_t count;
};

struct letters_replay {
    struct errand *errand;
    const struct replay_values *values;
    struct letter_choice *choice; /* whose letters are sent now */
    struct sending sending;       /* not with --dry-run */
    struct replay_row *rows;
    size_t row_count;
    int64_t slice_count;
    int64_t stranded_count; /* chosen, but they cannot be sent */
    bool has_too_many;      /* pieces to be remembered */
    char failed_topic[256]; /* where a letter could not be sent; "" */
};

static const struct grid_column columns[] = {
    {"TOPIC", "topic", false}, {"STATUS", "status", false}, {"LETTERS", "letters", true}};

static void count_fate(struct letters_replay *replay, struct bytes topic, enum replay_fate fate)
{
    for (size_t i = 0; i < replay->row_count; i++) {
        struct replay_row *row = &replay->rows[i];
        if (row->fate == fate && bytes_equal_string(topic, row->topic)) {
            row->count++;
            return;
        }
    }
    if (replay->row_count < REPLAY_ROW_MAX) {
        replay->rows[replay->row_count++] = (struct replay_row){
            .topic = arena_string(&replay->errand->arena, topic), .fate = fate, .count = 1};
    }
}

static enum replay_fate judge_letter(const struct letters_replay *replay,
                                     const struct letter_choice_letter *found)
{
    if (found->letter->is_omitted) {
        return FATE_OMITTED;
    }
    if (replay->values->into == NULL &&
        (bytes_is_null(found->letter->topic) || found->letter->partition < 0)) {
        return FATE_NO_SOURCE;
    }
    return found->is_replayed && !replay->values->is_again ? FATE_BEFORE : FATE_SENT;
}

static int send_letter(struct letters_replay *replay, const struct letter_choice_letter *found,
                       struct bytes topic)
{
    const struct batch_record *record = found->envelope->record;
    snprintf(replay->failed_topic, sizeof replay->failed_topic, "%.*s", BYTES_FORMAT(topic));
    const struct producer_record copy = {
        .topic = replay->failed_topic,
        .partition =
            replay->values->into == NULL ? found->letter->partition : PRODUCER_PARTITION_BY_KEY,
        .timestamp_ms = record->timestamp_ms,
        .key = record->key,
        .value = record->value,
        .headers_encoded = found->letter->headers_encoded,
        .header_count = found->letter->header_count,
    };
    int error = sending_send_patiently(&replay->sending, &copy);
    if (error == 0) {
        replay->failed_topic[0] = '\0';
    }
    return error;
}

/* The marks of all partitions, with the letters they speak of. */
static int commit_slice(struct letters_replay *replay)
{
    struct letter_choice *choice = replay->choice;
    struct buffer *texts = memory_zero(choice->count, sizeof(*texts));
    struct member_partition *partitions = memory_zero(choice->count, sizeof(*partitions));
    int error = 0;
    for (size_t i = 0; i < choice->count && error == 0; i++) {
        error = replay_marks_write(&choice->partitions[i].marks, &texts[i]);
        replay->has_too_many = error != 0;
        partitions[i] = (struct member_partition){
            .topic = choice->topic,
            .partition = choice->partitions[i].partition,
            .offset = choice->partitions[i].marks.position,
            .metadata = texts[i].size == 0 ? BYTES_LITERAL("") : buffer_bytes(&texts[i]),
        };
    }
    error = error != 0
                ? error
                : sending_send_offsets(&replay->sending, choice->group, partitions, choice->count);
    error = error != 0 ? error : sending_finish(&replay->sending, true);
    for (size_t i = 0; i < choice->count; i++) {
        buffer_fini(&texts[i]);
    }
    free(texts);
    free(partitions);
    replay->slice_count = 0;
    return error;
}

static int replay_letter(void *owner, const struct letter_choice_letter *found)
{
    struct letters_replay *replay = owner;
    enum replay_fate fate = judge_letter(replay, found);
    struct bytes topic = replay->values->into != NULL ? bytes_from_string(replay->values->into)
                                                      : found->letter->topic;
    int error = 0;
    count_fate(replay, topic, fate);
    replay->stranded_count += fate == FATE_NO_SOURCE || fate == FATE_OMITTED;
    if (fate != FATE_SENT || replay->values->is_dry) {
        return 0;
    }
    error = send_letter(replay, found, topic);
    if (error != 0) {
        return error;
    }
    replay_marks_add(&found->partition->marks, found->first_offset,
                     found->envelope->record->offset);
    if (++replay->slice_count < SLICE_LETTER_COUNT) {
        return 0;
    }
    error = commit_slice(replay);
    return error != 0 ? error : sending_begin(&replay->sending);
}

/* What lies behind the last letter is nothing that is left. */
static void mark_ends(struct letters_replay *replay)
{
    for (size_t i = 0; i < replay->choice->count; i++) {
        struct letter_choice_partition *partition = &replay->choice->partitions[i];
        int64_t end = replay->choice->ranges[i].end;
        if (partition->next_offset > 0 &&
            replay_marks_has(&partition->marks, partition->next_offset - 1)) {
            replay_marks_add(&partition->marks, partition->next_offset, end - 1);
        }
    }
}

static int compare_rows(const void *left, const void *right)
{
    const struct replay_row *one = left, *two = right;
    int order = strcmp(one->topic, two->topic);
    return order != 0 ? order : (one->fate > two->fate) - (one->fate < two->fate);
}

static void print_rows(const struct letters_replay *replay)
{
    struct grid grid;
    qsort(replay->rows, replay->row_count, sizeof(*replay->rows), compare_rows);
    grid_init(&grid, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < replay->row_count; i++) {
        const struct replay_row *row = &replay->rows[i];
        bool is_asked = row->fate == FATE_SENT && replay->values->is_dry;
        grid_add_string(&grid, row->topic);
        grid_add_string(&grid, is_asked ? "to_replay" : fate_words[row->fate]);
        grid_add_number(&grid, row->count);
    }
    grid_print(&grid, replay->errand->is_json, &replay->errand->out);
    grid_fini(&grid);
    if (replay->stranded_count > 0) {
        fprintf(replay->errand->world->errors,
                "tidemill: %lld letters stay: without a source (--into TOPIC sends them somewhere) "
                "or without their bytes (the source has them, see 'show')\n",
                (long long)replay->stranded_count);
    }
}

static int judge_result(struct letters_replay *replay, int result)
{
    if (result == 0) {
        return COMMAND_OK;
    }
    if (replay->has_too_many) {
        return command_fail(replay->errand->world,
                            "the letters that were chosen lie in too many pieces to be remembered; "
                            "choose by --from and --to, or replay all that are left");
    }
    return errand_fail(replay->errand, result,
                       replay->failed_topic[0] != '\0' ? replay->failed_topic
                                                       : replay->choice->topic);
}

static int replay_choice(struct letters_replay *replay)
{
    int result = letter_choice_each(replay->choice, replay_letter, replay);
    if (replay->values->is_dry) {
        return judge_result(replay, result);
    }
    if (result == 0) {
        mark_ends(replay);
        result = commit_slice(replay);
    }
    if (result != 0 && sending_finish(&replay->sending, false) != 0) {
        /* what is open is aborted by its timeout */
    }
    return judge_result(replay, result);
}

/* Each topic in transactions of its own. */
static int replay_choices(struct letters_replay *replay, struct letter_choice *choices,
                          size_t count)
{
    int code = COMMAND_OK;
    for (size_t i = 0; i < count && code == COMMAND_OK; i++) {
        int error = i == 0 || replay->values->is_dry ? 0 : sending_begin(&replay->sending);
        replay->choice = &choices[i];
        code = error == 0 ? replay_choice(replay)
                          : errand_fail(replay->errand, error, choices[i].topic);
    }
    return code;
}

/* All of them are chosen before the first is sent: it may fail again, and be put into the topic
 * that is next. */
static int replay_topics(struct letters_replay *replay, const char *suffix,
                         const struct flag_list *words)
{
    struct flag_list topics = {0};
    const struct letter_choice_flags *flags = &replay->values->choice;
    int code = letter_topics_find(replay->errand, suffix, flags, words, &topics);
    struct letter_choice *choices =
        arena_array(&replay->errand->arena, struct letter_choice, topics.count + 1);
    size_t opened = 0;
    for (; opened < topics.count && code == COMMAND_OK; opened++) {
        code = letter_choice_open(&choices[opened], replay->errand, suffix, topics.items[opened],
                                  flags, words);
    }
    code = code == COMMAND_OK ? replay_choices(replay, choices, opened) : code;
    for (size_t i = 0; i < opened; i++) {
        letter_choice_close(&choices[i]);
    }
    return code;
}

static int replay_letters(struct letters_replay *replay, const char *suffix,
                          const struct flag_list *words)
{
    struct errand *errand = replay->errand;
    const struct producer_options options = producer_options_default();
    const char *id = arena_printf(&errand->arena, "%s-%s-replay", words->items[0], suffix);
    replay->rows = arena_array(&errand->arena, struct replay_row, REPLAY_ROW_MAX);
    int code = COMMAND_OK;
    if (!replay->values->is_dry) {
        int error = sending_open(&replay->sending, errand, &options, id);
        code = error == 0 ? COMMAND_OK : errand_fail(errand, error, id);
    }
    if (code == COMMAND_OK) {
        code = replay_topics(replay, suffix, words);
    }
    if (!replay->values->is_dry) {
        sending_close(&replay->sending);
    }
    if (code == COMMAND_OK) {
        print_rows(replay);
    }
    return code;
}

static int run(struct command_world *world, const char *suffix, const struct replay_values *values,
               const struct flag_list *words)
{
    struct errand errand;
    struct letters_replay replay = {.errand = &errand, .values = values};
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == COMMAND_OK) {
        code = replay_letters(&replay, suffix, words);
        errand_close(&errand);
    }
    return code;
}

static int run_dead(struct command_world *world, const void *given, const struct flag_list *words)
{
    return run(world, "dlq", given, words);
}

static int run_late(struct command_world *world, const void *given, const struct flag_list *words)
{
    const struct replay_values *values = given;
    if (values->into == NULL) {
        return command_misuse(world, "late records do not say where they were read; say where they "
                                     "go: --into TOPIC");
    }
    return run(world, "late", given, words);
}

static const struct flag flags[] = {
    FLAG(0, "into", STRING, struct replay_values, into, "TOPIC",
         "send them there, by their keys, instead of where they were read"),
    FLAG(0, "again", BOOL, struct replay_values, is_again, NULL,
         "also those that were replayed before"),
    FLAG(0, "dry-run", BOOL, struct replay_values, is_dry, NULL, "only count what would be sent"),
    LETTER_CHOICE_FLAGS(struct replay_values),
    ERRAND_OUTPUT_FLAG(struct replay_values),
    ERRAND_FLAGS(struct replay_values),
};

const struct command command_dlq_replay = {
    .noun = "dlq",
    .verb = "replay",
    .arguments = "APP [PARTITION:OFFSET...]",
    .summary = "sends dead letters back where they were read, each once",
    .details = "Key, value, timestamp and headers are those of the record as it was; topic and\n"
               "partition, too. What was sent is remembered, in the same transaction, as the\n"
               "offsets of group APP-dlq-replay; its lag is what is left.\n",
    .examples = "tidemill dlq replay orders --dry-run\n"
                "tidemill dlq replay orders --reason 'not JSON'\n"
                "tidemill dlq replay orders 0:17 0:18\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct replay_values),
    .argument_min = 1,
    .argument_max = -1,
    .run = run_dead,
};

const struct command command_late_replay = {
    .noun = "late",
    .verb = "replay",
    .arguments = "APP [PARTITION:OFFSET...]",
    .summary = "sends late records to a topic, each once",
    .details = "They go as they were at the step that they came too late for.\n",
    .examples = "tidemill late replay orders --into orders-corrections\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct replay_values),
    .argument_min = 1,
    .argument_max = -1,
    .run = run_late,
};
