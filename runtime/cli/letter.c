/* See letter.h. What was added stands behind the record's own headers: of each name the last one is
 * ours, also when the record had been a letter before. */
#include "runtime/cli/letter.h"

#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/format/headers.h"

#include <string.h>

enum letter_header {
    LETTER_EXCEPTION,
    LETTER_MESSAGE,
    LETTER_STACKTRACE,
    LETTER_TOPIC,
    LETTER_PARTITION,
    LETTER_OFFSET,
    LETTER_APP,
    LETTER_NODE,
    LETTER_KIND,
    LETTER_SCRIPT,
    LETTER_LINE,
    LETTER_OMITTED,
    LETTER_LATE_NODE,
    LETTER_LATE_WINDOW,
    LETTER_LATE_TIME,
    LETTER_HEADER_COUNT
};

static const char *const letter_header_names[LETTER_HEADER_COUNT] = {
    [LETTER_EXCEPTION] = "__streams.errors.exception",
    [LETTER_MESSAGE] = "__streams.errors.message",
    [LETTER_STACKTRACE] = "__streams.errors.stacktrace",
    [LETTER_TOPIC] = "__streams.errors.topic",
    [LETTER_PARTITION] = "__streams.errors.partition",
    [LETTER_OFFSET] = "__streams.errors.offset",
    [LETTER_APP] = "tidemill.errors.app",
    [LETTER_NODE] = "tidemill.errors.node",
    [LETTER_KIND] = "tidemill.errors.kind",
    [LETTER_SCRIPT] = "tidemill.errors.script",
    [LETTER_LINE] = "tidemill.errors.line",
    [LETTER_OMITTED] = "tidemill.errors.omitted",
    [LETTER_LATE_NODE] = "tidemill.late.node",
    [LETTER_LATE_WINDOW] = "tidemill.late.window",
    [LETTER_LATE_TIME] = "tidemill.late.time",
};

/* The last header of each name. */
struct letter_headers {
    struct bytes values[LETTER_HEADER_COUNT];
    int32_t indexes[LETTER_HEADER_COUNT]; /* -1: there is none */
};

static int letter_find(struct bytes name)
{
    for (int i = 0; i < LETTER_HEADER_COUNT; i++) {
        if (bytes_equal_string(name, letter_header_names[i])) {
            return i;
        }
    }
    return -1;
}

static int letter_collect(struct bytes encoded, struct letter_headers *out)
{
    const uint8_t *at = encoded.data, *end = encoded.data + encoded.size;
    struct headers_entry entry;
    int result = 0;
    for (int i = 0; i < LETTER_HEADER_COUNT; i++) {
        out->indexes[i] = -1;
    }
    for (int32_t index = 0; encoded.size > 0 && (result = headers_next(&at, end, &entry)) == 1;
         index++) {
        int found = letter_find(entry.key);
        if (found >= 0) {
            out->values[found] = entry.value;
            out->indexes[found] = index;
        }
    }
    return result < 0 ? ERROR_MALFORMED : 0;
}

/* Of a record that fails where late ones are read again, the older headers are its own. */
static bool letter_is_ours(const struct letter_headers *headers, bool is_late, int found,
                           int32_t index)
{
    return found >= 0 && headers->indexes[found] == index && (found >= LETTER_LATE_NODE) == is_late;
}

static void letter_strip(struct bytes encoded, const struct letter_headers *headers, bool is_late,
                         struct arena *arena, struct letter *out)
{
    const uint8_t *at = encoded.data, *end = encoded.data + encoded.size;
    struct headers_entry entry;
    struct buffer kept;
    buffer_init(&kept);
    for (int32_t index = 0; encoded.size > 0 && headers_next(&at, end, &entry) == 1; index++) {
        if (!letter_is_ours(headers, is_late, letter_find(entry.key), index)) {
            headers_append(&kept, entry.key, entry.value);
            out->header_count++;
        }
    }
    out->headers_encoded = arena_copy(arena, buffer_bytes(&kept));
    buffer_fini(&kept);
}

static int64_t letter_number(struct bytes text, struct arena *arena)
{
    int64_t number;
    return !bytes_is_null(text) && text_parse_int64(arena_string(arena, text), &number) == 0 &&
                   number >= 0
               ? number
               : -1;
}

static struct bytes letter_choose(struct bytes first, struct bytes second)
{
    return bytes_is_null(first) ? second : first;
}

static struct bytes letter_place(const struct letter_headers *headers, struct arena *arena)
{
    struct bytes script = headers->values[LETTER_SCRIPT], line = headers->values[LETTER_LINE];
    if (script.size == 0) {
        return bytes_make(NULL, 0);
    }
    return line.size == 0 ? script
                          : bytes_from_string(arena_printf(arena, "%.*s:%.*s", BYTES_FORMAT(script),
                                                           BYTES_FORMAT(line)));
}

static struct bytes letter_lateness(const struct letter_headers *headers, struct arena *arena)
{
    return bytes_from_string(arena_printf(arena, "too late for the window %.*s at %.*s",
                                          BYTES_FORMAT(headers->values[LETTER_LATE_WINDOW]),
                                          BYTES_FORMAT(headers->values[LETTER_LATE_TIME])));
}

static void letter_read_source(const struct bytes *values, struct arena *arena, struct letter *out)
{
    int64_t partition = letter_number(values[LETTER_PARTITION], arena);
    out->topic = values[LETTER_TOPIC].size == 0 ? bytes_make(NULL, 0) : values[LETTER_TOPIC];
    out->partition = partition > INT32_MAX ? -1 : (int32_t)partition;
    out->offset = letter_number(values[LETTER_OFFSET], arena);
}

int letter_read(const struct batch_record *record, struct arena *arena, struct letter *out)
{
    struct letter_headers headers = {0};
    struct letter letter = {0};
    int error = letter_collect(record->headers_encoded, &headers);
    if (error != 0) {
        return error;
    }
    const struct bytes *values = headers.values;
    bool is_late = headers.indexes[LETTER_LATE_WINDOW] > headers.indexes[LETTER_MESSAGE];
    letter.application = values[LETTER_APP];
    letter.node = is_late ? values[LETTER_LATE_NODE] : values[LETTER_NODE];
    letter.kind = is_late ? BYTES_LITERAL("late")
                          : letter_choose(values[LETTER_KIND], values[LETTER_EXCEPTION]);
    letter.reason = is_late ? letter_lateness(&headers, arena) : values[LETTER_MESSAGE];
    letter.place = letter_place(&headers, arena);
    if (!is_late) {
        letter_read_source(values, arena, &letter);
    } else {
        letter.partition = -1;
        letter.offset = -1;
    }
    letter.is_omitted = headers.indexes[LETTER_OMITTED] >= 0 &&
                        headers.indexes[LETTER_OMITTED] + 1 == headers.indexes[LETTER_TOPIC];
    letter_strip(record->headers_encoded, &headers, is_late, arena, &letter);
    *out = letter;
    return 0;
}
