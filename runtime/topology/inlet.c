/* Where records enter; see inlet.h. */
#include "runtime/topology/inlet.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/calendar.h"
#include "runtime/format/headers.h"
#include "runtime/format/json_path.h"

#include <stdlib.h>
#include <string.h>

struct inlet {
    struct node node;
    const struct value_format *value_format;
    bool is_internal;
    bool has_time_path;
    struct json_path time_path;
    int64_t time_scale;
    struct decoded own;
};

static struct inlet *inlet_of(struct node *node)
{
    return (struct inlet *)(void *)node;
}

enum { MS_PER_SECOND = 1000 };

static bool scale_integer(int64_t number, int64_t scale, int64_t *time_ms)
{
    if (scale >= MS_PER_SECOND) {
        *time_ms = number / (scale / MS_PER_SECOND);
        return true;
    }
    return !__builtin_mul_overflow(number, MS_PER_SECOND / scale, time_ms);
}

/* Milliseconds are cut off as they always were; of seconds 0.123 is 123 however a double says it.
 */
static bool scale_fraction(double number, int64_t scale, int64_t *time_ms)
{
    double scaled = number * MS_PER_SECOND / (double)scale;
    scaled += scale < MS_PER_SECOND ? 0.5 : 0;
    if (!(scaled >= 0 && scaled < 9e18)) {
        return false;
    }
    *time_ms = (int64_t)scaled;
    return true;
}

static bool read_text(const struct json *json, uint32_t token, int64_t *time_ms)
{
    struct buffer scratch;
    buffer_init(&scratch);
    bool is_time = calendar_parse_iso(json_string(json, token, &scratch), time_ms) == 0;
    buffer_fini(&scratch);
    return is_time;
}

static bool read_token(const struct inlet *inlet, const struct json *json, uint32_t token,
                       int64_t *time_ms)
{
    int64_t integer = 0;
    double fraction = 0;
    if (token == JSON_ABSENT) {
        return false;
    }
    if (json_token(json, token)->kind == JSON_STRING) {
        return read_text(json, token, time_ms);
    }
    return json_int64(json, token, &integer)
               ? scale_integer(integer, inlet->time_scale, time_ms)
               : json_double(json, token, &fraction) &&
                     scale_fraction(fraction, inlet->time_scale, time_ms);
}

/* The time that the value says, in milliseconds; negative when it says none that can be. *token is
 * where it was looked for. 0, or the decoder's error. */
static int find_time(const struct inlet *inlet, struct decoded *decoded,
                     const struct record *record, uint32_t *token, int64_t *time_ms)
{
    *time_ms = -1;
    int error = decoded_read(decoded, inlet->value_format, record->value);
    if (error != 0) {
        return error;
    }
    *token = json_path_find(&inlet->time_path, &decoded->json);
    if (!read_token(inlet, &decoded->json, *token, time_ms)) {
        *time_ms = -1;
    }
    return 0;
}

int64_t inlet_time(struct node *node, struct decoded *decoded, const struct record *record)
{
    const struct inlet *inlet = inlet_of(node);
    int64_t time_ms = -1;
    uint32_t token = JSON_ABSENT;
    bool is_told = inlet->has_time_path && !bytes_is_null(record->value) &&
                   find_time(inlet, decoded, record, &token, &time_ms) == 0 && time_ms >= 0;
    time_ms = is_told ? time_ms : record->timestamp_ms;
    return time_ms > RECORD_TIME_MAX_MS ? -1 : time_ms;
}

static const char *unit_name(int64_t scale)
{
    static const char *const names[] = {"seconds", "milliseconds", "microseconds"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++, scale /= MS_PER_SECOND) {
        if (scale == 1) {
            return names[i];
        }
    }
    return "nanoseconds";
}

/* Says what was found where a time should be, as far as it is of use to a reader. */
static int fail_time(struct inlet *inlet, struct node_context *context, const struct json *json,
                     uint32_t token)
{
    enum { SHOWN_SIZE_MAX = 60 };
    const char *path = inlet->time_path.text;
    if (token == JSON_ABSENT) {
        return node_fail(&inlet->node, context, ERROR_INVALID, "decode",
                         "the value has no %s, which is to be the record's time", path);
    }
    struct bytes found = json_raw(json, token);
    bool is_cut = found.size > SHOWN_SIZE_MAX;
    found.size = is_cut ? SHOWN_SIZE_MAX : found.size;
    return node_fail(&inlet->node, context, ERROR_INVALID, "decode",
                     "%s is not a time: it is %.*s%s; write, from 1970 on, a number of %s or a "
                     "text like \"2025-10-10T13:55:36.123Z\"",
                     path, BYTES_FORMAT(found), is_cut ? "..." : "", unit_name(inlet->time_scale));
}

static int read_time(struct inlet *inlet, struct node_context *context, struct record *record)
{
    const char *path = inlet->time_path.text;
    int64_t time_ms = -1;
    if (bytes_is_null(record->value)) {
        return 0; /* a removal, whose time is its record's */
    }
    struct decoded *decoded = node_decoded(context, &inlet->own, record);
    uint32_t token = JSON_ABSENT;
    int error = find_time(inlet, decoded, record, &token, &time_ms);
    if (error != 0) {
        return node_fail(&inlet->node, context, error, "decode", "%s; the time %s needs it",
                         decoded->report.text, path);
    }
    if (time_ms < 0) {
        return fail_time(inlet, context, &decoded->json, token);
    }
    record->timestamp_ms = time_ms;
    return 0;
}

static int read_format(struct inlet *inlet, struct node_context *context, struct bytes value,
                       struct record *record)
{
    char name[8] = {0};
    if (value.size > 0 && value.size < sizeof name) {
        memcpy(name, value.data, value.size);
    }
    return value_format_find(name, &record->value_format)
               ? 0
               : node_fail(&inlet->node, context, ERROR_MALFORMED, "decode",
                           "the internal topic holds a value of an unknown format");
}

/* One of ours: 1, somebody else's: 0, or an error. */
static int read_internal(struct inlet *inlet, struct node_context *context,
                         const struct headers_entry *entry, struct record *record)
{
    if (bytes_equal(entry->key, INLET_FORMAT_HEADER)) {
        int error = read_format(inlet, context, entry->value, record);
        return error == 0 ? 1 : error;
    }
    if (bytes_equal(entry->key, INLET_WINDOW_HEADER) && entry->value.size == 2 * sizeof(int64_t)) {
        record->is_windowed = true;
        record->window_start_ms = endian_read_i64(entry->value.data);
        record->window_end_ms = endian_read_i64(entry->value.data + sizeof(int64_t));
        return 1;
    }
    if (bytes_equal(entry->key, INLET_OLD_HEADER)) {
        record->is_change = true;
        record->old_value = entry->value;
        return 1;
    }
    return 0;
}

/* Takes off what outlet.c put on, always behind all others. */
static int read_internals(struct inlet *inlet, struct node_context *context, struct record *record)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    const uint8_t *start = at; /* of the entry that is read */
    const uint8_t *theirs = at;
    struct headers_entry entry = {0};
    int32_t count = 0;
    int result = 0;
    while ((result = headers_next(&at, end, &entry)) > 0) {
        int found = read_internal(inlet, context, &entry, record);
        if (found < 0) {
            return found;
        }
        count += found == 0;
        theirs = found == 0 ? at : theirs;
        start = at;
    }
    if (result < 0 || start != end) {
        return node_fail(&inlet->node, context, ERROR_MALFORMED, "decode",
                         "the headers are damaged");
    }
    record->header_count = count;
    record->headers_encoded.size = (size_t)(theirs - record->headers_encoded.data);
    return 0;
}

static int inlet_process(struct node *node, struct node_context *context,
                         const struct record *record)
{
    struct inlet *inlet = inlet_of(node);
    struct record entered = *record;
    entered.value_format = inlet->value_format;
    int error = 0;
    if (inlet->is_internal) {
        error = read_internals(inlet, context, &entered);
    }
    if (error == 0 && inlet->has_time_path) {
        error = read_time(inlet, context, &entered);
    }
    return error != 0 ? error : node_forward(node, context, &entered);
}

static bool inlet_expect(struct node *node, const struct record *record)
{
    struct record expected = *record;
    if (inlet_of(node)->has_time_path) {
        expected.timestamp_ms = -1;
    }
    return node_expect_children(node, &expected);
}

static void inlet_free(struct node *node)
{
    struct inlet *inlet = inlet_of(node);
    if (inlet->has_time_path) {
        json_path_fini(&inlet->time_path);
    }
    decoded_fini(&inlet->own);
    node_fini(node);
    free(inlet);
}

static const struct node_ops inlet_ops = {
    .process = inlet_process, .expect = inlet_expect, .free = inlet_free};

struct node *inlet_new(const char *name, const struct inlet_options *options)
{
    struct inlet *inlet = memory_new(struct inlet);
    node_init(&inlet->node, &inlet_ops, name);
    inlet->value_format = options->value_format;
    inlet->is_internal = options->is_internal;
    inlet->time_scale = options->time_scale > 0 ? options->time_scale : MS_PER_SECOND;
    decoded_init(&inlet->own);
    if (options->time_path != NULL) {
        struct report report = {{0}, {0}};
        check(json_path_init(&inlet->time_path, options->time_path, NULL, &report) == 0);
        inlet->has_time_path = true;
    }
    return &inlet->node;
}
