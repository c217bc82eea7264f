/* Records for people; see record_json.h. */
#include "runtime/format/record_json.h"

#include "runtime/format/base64.h"
#include "runtime/format/decoded.h"
#include "runtime/format/headers.h"
#include "runtime/format/json_writer.h"

#include <inttypes.h>

void record_json_write_bytes(struct buffer *out, struct bytes bytes)
{
    if (bytes_is_null(bytes)) {
        buffer_add_string(out, "null");
    } else if (json_writer_string(out, bytes) != 0) {
        buffer_add_string(out, "{\"base64\":\"");
        base64_write(out, bytes);
        buffer_add_string(out, "\"}");
    }
}

static void record_json_write_value(struct buffer *out, const struct record *record)
{
    struct decoded decoded;
    struct bytes text;
    bool is_string = value_format_is_string(record->value_format);
    decoded_init(&decoded);
    /* Read as tokens, so that what is copied here is whole JSON. */
    if (!bytes_is_null(record->value) && !is_string &&
        decoded_read(&decoded, record->value_format, record->value) == 0 &&
        decoded_text(&decoded, record->value_format, record->value, &text) == 0) {
        buffer_add_bytes(out, text);
    } else {
        record_json_write_bytes(out, record->value);
    }
    decoded_fini(&decoded);
}

static void record_json_write_headers(struct buffer *out, const struct record *record)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    struct headers_entry entry;
    const char *between = "";
    buffer_add_string(out, ",\"headers\":[");
    while (headers_next(&at, end, &entry) == 1) {
        buffer_printf(out, "%s[", between);
        record_json_write_bytes(out, entry.key);
        buffer_add_byte(out, ',');
        record_json_write_bytes(out, entry.value);
        buffer_add_byte(out, ']');
        between = ",";
    }
    buffer_add_byte(out, ']');
}

void record_json_write_members(struct buffer *out, const struct record *record)
{
    if (record->topic != NULL) {
        buffer_add_string(out, "\"topic\":");
        record_json_write_bytes(out, bytes_from_string(record->topic));
        buffer_add_byte(out, ',');
    }
    if (record->partition >= 0) {
        buffer_printf(out, "\"partition\":%" PRId32 ",", record->partition);
    }
    if (record->offset >= 0) {
        buffer_printf(out, "\"offset\":%" PRId64 ",", record->offset);
    }
    if (record->timestamp_ms >= 0) {
        buffer_printf(out, "\"ts\":%" PRId64 ",", record->timestamp_ms);
    }
    buffer_add_string(out, "\"key\":");
    record_json_write_bytes(out, record->key);
    buffer_add_string(out, ",\"value\":");
    record_json_write_value(out, record);
    if (record->header_count > 0) {
        record_json_write_headers(out, record);
    }
    if (record->is_windowed) {
        buffer_printf(out, ",\"window_start\":%" PRId64 ",\"window_end\":%" PRId64,
                      record->window_start_ms, record->window_end_ms);
    }
}

void record_json_write(struct buffer *out, const struct record *record)
{
    buffer_add_byte(out, '{');
    record_json_write_members(out, record);
    buffer_add_byte(out, '}');
}
