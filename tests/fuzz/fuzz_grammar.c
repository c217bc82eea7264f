/* Feeds text to the small grammars in which people write.
 *
 *      0  1  'c' a condition, 0xff, a JSON value    'f' a format of records
 *            'o' an offset                          'r' server.properties
 *      1     as said
 *
 * Promises: wrong text is refused with a sentence, and only wrong text; a condition gives the same
 * answer twice; an option prints what it reads again; memory follows the text. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/meta/config.h"
#include "runtime/cli/offset_spec.h"
#include "runtime/cli/token_format.h"
#include "runtime/operators/predicate.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"

#include <stdlib.h>
#include <string.h>

enum {
    FUZZ_SEPARATOR = 0xff,
    FUZZ_MEMORY_FACTOR = 1024,
    FUZZ_MEMORY_MIN = 256 * 1024,
    FUZZ_ROW_MAX = 512,
};

static void fuzz_condition(struct bytes input)
{
    struct report report = {.text = ""};
    struct predicate *predicate = NULL;
    char *text = bytes_to_string(fuzz_take_until(&input, FUZZ_SEPARATOR));
    int error = predicate_new(text, NULL, &report, &predicate);
    check((error == 0) == report_is_empty(&report));
    if (error == 0) {
        struct record record = {.topic = "t", .key = BYTES_LITERAL("k"), .value = input};
        check(strcmp(predicate_text(predicate), text) == 0);
        int result = predicate_judge(predicate, &record, NULL);
        check(result == 0 || result == 1 || result == ERROR_MALFORMED);
        check(result >= 0 || predicate_error_text(predicate) != NULL);
        check(predicate_judge(predicate, &record, NULL) == result);
        record.value = (struct bytes){0};
        check(predicate_judge(predicate, &record, NULL) >= 0);
        predicate_free(predicate);
    }
    free(text);
}

static void fuzz_format(struct bytes input)
{
    static const uint8_t headers[] = {2, 'a', 2, '1', 2, 'b', 1};
    const struct batch_record record = {
        .key = BYTES_LITERAL("k"),
        .header_count = 2,
        .headers_encoded = bytes_make(headers, sizeof headers),
    };
    const struct envelope envelope = {.topic = "orders", .record = &record};
    struct report report = {.text = ""};
    struct token_format format;
    struct buffer out;
    char *text = bytes_to_string(input);
    buffer_init(&out);
    int error = token_format_init(&format, text, "NULL", &report);
    check((error == 0) == report_is_empty(&report));
    if (error == 0) {
        token_format_apply(&format, &envelope, &out);
        check(out.size <= input.size * 16);
        token_format_fini(&format);
    }
    buffer_fini(&out);
    free(text);
}

static void fuzz_offset(struct bytes input)
{
    struct report report = {.text = ""};
    struct offset_spec start = {.kind = OFFSET_SPEC_NONE};
    struct offset_spec stop = {.kind = OFFSET_SPEC_NONE};
    char *text = bytes_to_string(input);
    int error = offset_spec_parse(text, &start, &stop, &report);
    check((error == 0) == report_is_empty(&report));
    check((error == 0) == (start.kind != OFFSET_SPEC_NONE || stop.kind != OFFSET_SPEC_NONE));
    check(start.value >= 0);
    check(stop.value >= 0);
    check(stop.kind == OFFSET_SPEC_NONE || stop.kind == OFFSET_SPEC_TIME);
    free(text);
}

/* Every value prints as text that reads as the same value. */
static void fuzz_options(const struct option_row *rows, size_t count, const void *values,
                         void *again)
{
    struct buffer first, second;
    buffer_init(&first);
    buffer_init(&second);
    for (size_t i = 0; i < count; i++) {
        const char *place = (const char *)values + rows[i].offset;
        bool is_text = rows[i].kind == OPTION_STRING || rows[i].kind == OPTION_LIST;
        if (is_text && *(char *const *)(const void *)place == NULL) {
            continue;
        }
        if (rows[i].flags & OPTION_SENSITIVE) {
            continue;
        }
        buffer_clear(&first);
        buffer_clear(&second);
        option_print(&rows[i], values, &first);
        check(option_parse(&rows[i], buffer_string(&first), again, NULL) == 0);
        option_print(&rows[i], again, &second);
        check(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    }
    buffer_fini(&second);
    buffer_fini(&first);
}

static void fuzz_layers(const struct map *values)
{
    struct config_layers layers = {.file = values};
    struct broker_options broker, broker_again;
    struct topic_options topic, topic_again;
    struct arena arena;
    struct config_entry *entries = NULL;
    arena_init(&arena, 0);
    broker_options_init(&broker);
    broker_options_init(&broker_again);
    topic_options_init(&topic);
    topic_options_init(&topic_again);
    config_read_broker(&layers, &broker);
    config_read_topic(&layers, &topic);
    check(config_describe_topic(&layers, &arena, &entries) == topic_options_row_count);
    check(config_describe_broker(&layers, &arena, &entries) > 0);
    fuzz_options(topic_options_rows, topic_options_row_count, &topic, &topic_again);
    fuzz_options(broker_options_rows, broker_options_row_count, &broker, &broker_again);
    topic_options_fini(&topic_again);
    topic_options_fini(&topic);
    broker_options_fini(&broker_again);
    broker_options_fini(&broker);
    arena_fini(&arena);
}

static void fuzz_warn(void *owner, const struct report *warning)
{
    (void)owner;
    check(!report_is_empty(warning));
}

static void fuzz_put(void *owner, const char *name, const char *value, const char *place)
{
    struct report report = {.text = ""};
    int error = broker_options_put(owner, name, value, place, fuzz_warn, NULL, &report);
    check((error == 0) == report_is_empty(&report));
}

static void fuzz_properties(struct bytes text)
{
    struct map values;
    map_init(&values);
    broker_options_read_properties(text, "server.properties", fuzz_put, &values);
    fuzz_layers(&values);
    map_fini(&values, free);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_make(data, size);
    trace_set_stream(NULL);
    gauge_start(size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    switch (fuzz_take_byte(&input)) {
    case 'c':
        fuzz_condition(input);
        break;
    case 'f':
        fuzz_format(input);
        break;
    case 'o':
        fuzz_offset(input);
        break;
    case 'r':
        fuzz_properties(input);
        break;
    }
    return 0;
}
