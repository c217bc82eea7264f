/* tidemill dlq show, tidemill late show: letters one by one, readable. */
#include "log/base/error.h"
#include "runtime/cli/letter_topics.h"

#include <inttypes.h>

enum { SHOW_COUNT = 10 };

struct show_values {
    struct errand_flags errand;
    struct letter_choice_flags choice;
    int64_t count;
};

struct show {
    struct errand *errand;
    int64_t count_max;
    int64_t count;
};

static void print_line(struct buffer *out, const char *name, struct bytes text)
{
    if (!bytes_is_null(text)) {
        buffer_printf(out, "  %-9s ", name);
        envelope_write_text(text, out);
        buffer_add_byte(out, '\n');
    }
}

static void print_text(const struct letter_choice_letter *found, struct buffer *out)
{
    const struct letter *letter = found->letter;
    const struct batch_record *record = found->envelope->record;
    struct batch_record stripped = *record;
    stripped.headers_encoded = letter->headers_encoded;
    stripped.header_count = letter->header_count;
    buffer_printf(out, "%s %d:%" PRId64 "%s\n", found->envelope->topic, found->envelope->partition,
                  record->offset, found->is_replayed ? " (replayed)" : "");
    print_line(out, "reason", letter->reason);
    print_line(out, "kind", letter->kind);
    print_line(out, "node", letter->node);
    print_line(out, "place", letter->place);
    if (!bytes_is_null(letter->topic)) {
        buffer_printf(out, "  %-9s %.*s:%d offset %" PRId64 "\n", "source",
                      BYTES_FORMAT(letter->topic), letter->partition, letter->offset);
    }
    buffer_printf(out, "  %-9s %" PRId64 "\n", "timestamp", record->timestamp_ms);
    print_line(out, "key", bytes_is_null(record->key) ? BYTES_LITERAL("NULL") : record->key);
    if (letter->header_count > 0) {
        buffer_printf(out, "  %-9s ", "headers");
        envelope_write_headers(&stripped, "=", ",", "NULL", out);
        buffer_add_byte(out, '\n');
    }
    print_line(out, "value",
               letter->is_omitted ? BYTES_LITERAL("too large to be kept; see the source")
               : bytes_is_null(record->value) ? BYTES_LITERAL("NULL")
                                              : record->value);
}

static void print_field(struct buffer *out, const char *name, struct bytes text)
{
    buffer_printf(out, ",\"%s\":", name);
    envelope_write_json_string(text, out);
}

static void print_json(const struct letter_choice_letter *found, struct buffer *out)
{
    const struct letter *letter = found->letter;
    const struct batch_record *record = found->envelope->record;
    struct batch_record stripped = *record;
    stripped.headers_encoded = letter->headers_encoded;
    stripped.header_count = letter->header_count;
    buffer_add_string(out, "{\"topic\":");
    envelope_write_json_string(bytes_from_string(found->envelope->topic), out);
    buffer_printf(out, ",\"partition\":%d,\"offset\":%" PRId64 ",\"replayed\":%s",
                  found->envelope->partition, record->offset,
                  found->is_replayed ? "true" : "false");
    print_field(out, "reason", letter->reason);
    print_field(out, "kind", letter->kind);
    print_field(out, "app", letter->application);
    print_field(out, "node", letter->node);
    print_field(out, "place", letter->place);
    print_field(out, "source_topic", letter->topic);
    buffer_printf(out, ",\"source_partition\":%d,\"source_offset\":%" PRId64, letter->partition,
                  letter->offset);
    buffer_printf(out, ",\"omitted\":%s,\"timestamp\":%" PRId64 ",\"headers\":",
                  letter->is_omitted ? "true" : "false", record->timestamp_ms);
    envelope_write_json_headers(&stripped, out);
    print_field(out, "key", record->key);
    print_field(out, "value", record->value);
    buffer_add_string(out, "}\n");
}

static int show_letter(void *owner, const struct letter_choice_letter *found)
{
    struct show *show = owner;
    struct buffer *out = &show->errand->out;
    if (show->errand->is_json) {
        print_json(found, out);
    } else {
        print_text(found, out);
    }
    show->count++;
    bool is_read = command_print(show->errand->world, out);
    return is_read && show->count < show->count_max ? 0 : 1;
}

static int show_topic(struct show *show, const char *suffix, const char *topic,
                      const struct show_values *values, const struct flag_list *words)
{
    struct letter_choice choice;
    int code = letter_choice_open(&choice, show->errand, suffix, topic, &values->choice, words);
    if (code == COMMAND_OK) {
        code = letter_choice_judge(&choice, letter_choice_each(&choice, show_letter, show));
    }
    letter_choice_close(&choice);
    return code;
}

static int show_letters(struct errand *errand, const char *suffix, const struct show_values *values,
                        const struct flag_list *words)
{
    struct flag_list topics = {0};
    struct show show = {.errand = errand, .count_max = values->count};
    int code = letter_topics_find(errand, suffix, &values->choice, words, &topics);
    for (size_t i = 0; i < topics.count && code == COMMAND_OK && show.count < show.count_max; i++) {
        code = show_topic(&show, suffix, topics.items[i], values, words);
    }
    if (code == COMMAND_OK && show.count == 0) {
        code = command_fail(errand->world, "%s has no such letter; '%s ls %s' shows what there is",
                            topics.count == 1 ? topics.items[0] : words->items[0], suffix,
                            words->items[0]);
    }
    return code;
}

static int run(struct command_world *world, const char *suffix, const struct show_values *values,
               const struct flag_list *words)
{
    struct errand errand;
    if (values->count < 1) {
        return command_misuse(world, "--count is at least 1");
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == COMMAND_OK) {
        code = show_letters(&errand, suffix, values, words);
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
    return run(world, "late", given, words);
}

static const struct show_values initial = {.count = SHOW_COUNT};

static const struct flag flags[] = {
    FLAG('c', "count", INT, struct show_values, count, "N", "the most to show (default: 10)"),
    LETTER_CHOICE_FLAGS(struct show_values),
    ERRAND_OUTPUT_FLAG(struct show_values),
    ERRAND_FLAGS(struct show_values),
};

const struct command command_dlq_show = {
    .noun = "dlq",
    .verb = "show",
    .arguments = "APP [PARTITION:OFFSET...]",
    .summary = "shows dead letters: the record, and why it failed",
    .examples = "tidemill dlq show orders 0:17\n"
                "tidemill dlq show orders --reason 'not JSON' -c 3 -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct show_values),
    .initial = &initial,
    .argument_min = 1,
    .argument_max = -1,
    .run = run_dead,
};

const struct command command_late_show = {
    .noun = "late",
    .verb = "show",
    .arguments = "APP [PARTITION:OFFSET...]",
    .summary = "shows records that came too late",
    .examples = "tidemill late show orders -c 1\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct show_values),
    .initial = &initial,
    .argument_min = 1,
    .argument_max = -1,
    .run = run_late,
};
