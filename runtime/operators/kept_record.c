/* Records in stores; see kept_record.h. */
#include "runtime/operators/kept_record.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "runtime/format/row_key.h"

enum {
    KEPT_RECORD_HEAD = 2 * (int)sizeof(int32_t),
    KEPT_RECORD_WINDOW_SIZE = 2 * (int)sizeof(int64_t)
};

void kept_record_add_window(struct buffer *out, const struct record *record)
{
    if (record->is_windowed) {
        row_key_add_time(out, record->window_end_ms);
        row_key_add_time(out, record->window_start_ms);
    }
}

void kept_record_add_key(struct buffer *out, const struct record *record)
{
    row_key_add(out, record->key);
    kept_record_add_window(out, record);
}

int kept_record_take_window(struct bytes *rest, struct record *record)
{
    record->is_windowed = rest->size >= KEPT_RECORD_WINDOW_SIZE;
    record->window_start_ms = 0;
    record->window_end_ms = 0;
    if (!record->is_windowed) {
        return 0;
    }
    int error = row_key_take_time(rest, &record->window_end_ms);
    return error == 0 ? row_key_take_time(rest, &record->window_start_ms) : error;
}

void kept_record_write(struct buffer *out, const struct record *record)
{
    uint8_t head[KEPT_RECORD_HEAD];
    endian_write_i32(head, record->header_count);
    endian_write_u32(head + sizeof(int32_t), (uint32_t)record->headers_encoded.size);
    buffer_add(out, head, sizeof head);
    buffer_add_bytes(out, record->headers_encoded);
    kept_value_write(out, &(struct kept_value){.timestamp_ms = record->timestamp_ms,
                                               .value = record->value,
                                               .value_format = record->value_format});
}

int kept_record_read(struct bytes stored, struct record *record)
{
    struct kept_value kept;
    if (stored.size < KEPT_RECORD_HEAD) {
        return ERROR_CORRUPT;
    }
    size_t headers_size = endian_read_u32(stored.data + sizeof(int32_t));
    if (stored.size - KEPT_RECORD_HEAD < headers_size) {
        return ERROR_CORRUPT;
    }
    const uint8_t *headers = stored.data + KEPT_RECORD_HEAD;
    int error = kept_value_read(
        bytes_make(headers + headers_size, stored.size - KEPT_RECORD_HEAD - headers_size), &kept);
    if (error == 0) {
        record->header_count = endian_read_i32(stored.data);
        record->headers_encoded = bytes_make(headers, headers_size);
        record->value = kept.value;
        record->value_format = kept.value_format;
        record->timestamp_ms = kept.timestamp_ms;
    }
    return error;
}

int kept_record_read_numbers(struct kv *kv, int64_t *numbers, size_t count)
{
    struct bytes stored;
    check(count <= KEPT_RECORD_NUMBER_MAX);
    if (!kv_get(kv, BYTES_LITERAL("t"), &stored)) {
        return 0;
    }
    if (stored.size != count * sizeof *numbers) {
        return ERROR_CORRUPT;
    }
    for (size_t i = 0; i < count; i++) {
        numbers[i] = endian_read_i64(stored.data + i * sizeof *numbers);
    }
    return 0;
}

int kept_record_write_numbers(struct kv *kv, const int64_t *numbers, size_t count)
{
    uint8_t encoded[KEPT_RECORD_NUMBER_MAX * sizeof *numbers];
    check(count <= KEPT_RECORD_NUMBER_MAX);
    for (size_t i = 0; i < count; i++) {
        endian_write_i64(encoded + i * sizeof *numbers, numbers[i]);
    }
    struct bytes stored;
    struct bytes written = bytes_make(encoded, count * sizeof *numbers);
    bool is_same = kv_get(kv, BYTES_LITERAL("t"), &stored) && bytes_equal(stored, written);
    return is_same ? 0 : kv_put(kv, BYTES_LITERAL("t"), written);
}
