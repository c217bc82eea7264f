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
    LETTER_CONNECT_TOPIC,
    LETTER_CONNECT_PARTITION,
    LETTER_CONNECT_OFFSET,
    LETTER_CONNECT_NAME,
    LETTER_CONNECT_MESSAGE,
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
    [LETTER_CONNECT_TOPIC] = "__connect.errors.topic",
    [LETTER_CONNECT_PARTITION] = "__connect.errors.partition",
    [LETTER_CONNECT_OFFSET] = "__connect.errors.offset",
    [LETTER_CONNECT_NAME] = "__connect.errors.connector.name",
    [LETTER_CONNECT_MESSAGE] = "__connect.errors.exception.message",
    [LETTER_LATE_NODE] = "tidemill.late.node",
    [LETTER_LATE_WINDOW] = "tidemill.late.window",
    [LETTER_LATE_TIME] = "tidemill.late.time",
};

/* Who put the record aside; who did it last is meant. */
enum letter_writer { LETTER_BY_TASK, LETTER_BY_CONNECTOR, LETTER_BY_WINDOW };

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
static bool letter_is_ours(const struct letter_headers *headers, enum letter_writer writer,
                           int found, int32_t index)
{
    enum letter_writer of = found >= LETTER_LATE_NODE       ? LETTER_BY_WINDOW
                            : found >= LETTER_CONNECT_TOPIC ? LETTER_BY_CONNECTOR
                                                            : LETTER_BY_TASK;
    return found >= 0 && headers->indexes[found] == index && of == writer;
}

static void letter_strip(struct bytes encoded, const struct letter_headers *headers,
                         enum letter_writer writer, struct arena *arena, struct letter *out)
{
    const uint8_t *at = encoded.data, *end = encoded.data + encoded.size;
    struct headers_entry entry;
    struct buffer kept;
    buffer_init(&kept);
    for (int32_t index = 0; encoded.size > 0 && headers_next(&at, end, &entry) == 1; index++) {
        if (!letter_is_ours(headers, writer, letter_find(entry.key), index)) {
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

static void letter_read_source(struct bytes topic, struct bytes partition_text, struct bytes offset,
                               struct arena *arena, struct letter *out)
{
    int64_t partition = letter_number(partition_text, arena);
    out->topic = topic.size == 0 ? bytes_make(NULL, 0) : topic;
    out->partition = partition > INT32_MAX ? -1 : (int32_t)partition;
    out->offset = letter_number(offset, arena);
}

static void letter_read_task(const struct letter_headers *headers, struct arena *arena,
                             struct letter *out)
{
    const struct bytes *values = headers->values;
    out->application = values[LETTER_APP];
    out->node = values[LETTER_NODE];
    out->kind = letter_choose(values[LETTER_KIND], values[LETTER_EXCEPTION]);
    out->reason = values[LETTER_MESSAGE];
    letter_read_source(values[LETTER_TOPIC], values[LETTER_PARTITION], values[LETTER_OFFSET], arena,
                       out);
}

/* Its name is APPLICATION:NAME; of Kafka Connect it is the name alone. */
static void letter_read_connector(const struct letter_headers *headers, struct arena *arena,
                                  struct letter *out)
{
    const struct bytes *values = headers->values;
    struct bytes name = values[LETTER_CONNECT_NAME];
    const uint8_t *colon = name.size == 0 ? NULL : memchr(name.data, ':', name.size);
    size_t size = colon == NULL ? 0 : (size_t)(colon - name.data);
    out->application = colon == NULL ? bytes_make(NULL, 0) : bytes_make(name.data, size);
    out->node = colon == NULL ? name : bytes_make(colon + 1, name.size - size - 1);
    out->kind = BYTES_LITERAL("connector");
    out->reason = values[LETTER_CONNECT_MESSAGE];
    letter_read_source(values[LETTER_CONNECT_TOPIC], values[LETTER_CONNECT_PARTITION],
                       values[LETTER_CONNECT_OFFSET], arena, out);
}

static void letter_read_window(const struct letter_headers *headers, struct arena *arena,
                               struct letter *out)
{
    out->application = headers->values[LETTER_APP];
    out->node = headers->values[LETTER_LATE_NODE];
    out->kind = BYTES_LITERAL("late");
    out->reason = letter_lateness(headers, arena);
    out->partition = -1;
    out->offset = -1;
}

static enum letter_writer letter_writer_of(const struct letter_headers *headers)
{
    int32_t task = headers->indexes[LETTER_MESSAGE];
    int32_t connector = headers->indexes[LETTER_CONNECT_NAME];
    int32_t window = headers->indexes[LETTER_LATE_WINDOW];
    return window > task && window > connector ? LETTER_BY_WINDOW
           : connector > task                  ? LETTER_BY_CONNECTOR
                                               : LETTER_BY_TASK;
}

int letter_read(const struct batch_record *record, struct arena *arena, struct letter *out)
{
    struct letter_headers headers = {0};
    struct letter letter = {0};
    int error = letter_collect(record->headers_encoded, &headers);
    if (error != 0) {
        return error;
    }
    enum letter_writer writer = letter_writer_of(&headers);
    switch (writer) {
    case LETTER_BY_TASK:
        letter_read_task(&headers, arena, &letter);
        break;
    case LETTER_BY_CONNECTOR:
        letter_read_connector(&headers, arena, &letter);
        break;
    case LETTER_BY_WINDOW:
        letter_read_window(&headers, arena, &letter);
        break;
    }
    letter.place = writer == LETTER_BY_CONNECTOR ? letter.place : letter_place(&headers, arena);
    letter.is_omitted = writer != LETTER_BY_CONNECTOR && headers.indexes[LETTER_OMITTED] >= 0 &&
                        headers.indexes[LETTER_OMITTED] + 1 == headers.indexes[LETTER_TOPIC];
    letter_strip(record->headers_encoded, &headers, writer, arena, &letter);
    *out = letter;
    return 0;
}
