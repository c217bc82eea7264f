/* See envelope.h for what is written. */
#include "runtime/cli/envelope.h"

#include "runtime/format/json_writer.h"

#include <string.h>

/* The length of the UTF-8 character at `at`, or 0. */
static size_t character_size(const uint8_t *at, size_t left)
{
    size_t size = at[0] < 0x80   ? 1
                  : at[0] < 0xc2 ? 0
                  : at[0] < 0xe0 ? 2
                  : at[0] < 0xf0 ? 3
                  : at[0] < 0xf5 ? 4
                                 : 0;
    if (size == 0 || size > left) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool is_long = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool is_beyond = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return is_long || is_beyond ? 0 : size;
}

static void repair(struct bytes text, struct buffer *out)
{
    for (size_t i = 0; i < text.size;) {
        size_t size = character_size(text.data + i, text.size - i);
        if (size == 0) {
            buffer_add_string(out, "\xef\xbf\xbd");
            i++;
            continue;
        }
        buffer_add(out, text.data + i, size);
        i += size;
    }
}

void envelope_write_json_string(struct bytes text, struct buffer *out)
{
    if (bytes_is_null(text)) {
        buffer_add_string(out, "null");
        return;
    }
    if (json_writer_string(out, text) == 0) {
        return;
    }
    struct buffer repaired;
    buffer_init(&repaired);
    repair(text, &repaired);
    check(json_writer_string(out, buffer_bytes(&repaired)) == 0);
    buffer_fini(&repaired);
}

void envelope_write_json_lines(struct bytes lines, struct buffer *out)
{
    const uint8_t *at = lines.data, *end = lines.data + lines.size;
    buffer_add_byte(out, '[');
    while (lines.size > 0 && at < end) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        buffer_add_string(out, at == lines.data ? "" : ",\n ");
        envelope_write_json_string(bytes_make(at, (size_t)(stop - at)), out);
        at = stop + 1;
    }
    buffer_add_byte(out, ']');
}

void envelope_write_json_headers(const struct batch_record *record, struct buffer *out)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at == NULL ? NULL : at + record->headers_encoded.size;
    struct batch_header header;
    const char *comma = "";
    buffer_add_byte(out, '[');
    while (at != NULL && batch_header_next(&at, end, &header) == 1) {
        buffer_add_string(out, comma);
        envelope_write_json_string(header.key, out);
        buffer_add_byte(out, ',');
        envelope_write_json_string(header.value, out);
        comma = ",";
    }
    buffer_add_byte(out, ']');
}

void envelope_write_json(const struct envelope *envelope, struct buffer *out)
{
    const struct batch_record *record = envelope->record;
    buffer_add_string(out, "{\"topic\":");
    envelope_write_json_string(bytes_from_string(envelope->topic), out);
    buffer_printf(out, ",\"partition\":%d,\"offset\":%lld,\"tstype\":\"%s\",\"ts\":%lld",
                  envelope->partition, (long long)record->offset,
                  envelope->is_append_time ? "logappend" : "create",
                  (long long)record->timestamp_ms);
    buffer_printf(out, ",\"broker\":%d", envelope->broker_id);
    if (record->header_count > 0) {
        buffer_add_string(out, ",\"headers\":");
        envelope_write_json_headers(record, out);
    }
    buffer_add_string(out, ",\"key\":");
    envelope_write_json_string(record->key, out);
    buffer_add_string(out, ",\"payload\":");
    envelope_write_json_string(record->value, out);
    buffer_add_byte(out, '}');
}

void envelope_write_headers(const struct batch_record *record, const char *between,
                            const char *separator, const char *null_text, struct buffer *out)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at == NULL ? NULL : at + record->headers_encoded.size;
    struct batch_header header;
    const char *comma = "";
    while (at != NULL && batch_header_next(&at, end, &header) == 1) {
        buffer_add_string(out, comma);
        buffer_add_bytes(out, header.key);
        buffer_add_string(out, between);
        if (bytes_is_null(header.value)) {
            buffer_add_string(out, null_text);
        } else {
            buffer_add_bytes(out, header.value);
        }
        comma = separator;
    }
}

void envelope_write_text(struct bytes text, struct buffer *out)
{
    if (bytes_is_null(text)) {
        buffer_add_string(out, "NULL");
        return;
    }
    for (size_t i = 0; i < text.size; i++) {
        uint8_t octet = text.data[i];
        if (octet < 0x20 || octet == 0x7f) {
            buffer_printf(out, "\\x%02x", octet);
        } else {
            buffer_add_byte(out, octet);
        }
    }
}
