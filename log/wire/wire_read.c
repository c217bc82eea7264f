/* Reading a message from its field table; see wire.h.
 *
 * Every function takes the reader, advances it past what it read and returns 0, ERROR_TRUNCATED,
 * ERROR_MALFORMED or ERROR_NO_MEMORY. A count or length is compared with the bytes that remain
 * before it is used: every element takes at least one byte (the generator sees to it), so a larger
 * count is a lie, and what a count may make us allocate is bounded by the arena's limit. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/varint.h"
#include "log/wire/wire.h"
#include "log/wire/wire_field.h"

#include <string.h>

/* What stays the same on the whole walk. */
struct wire_read {
    struct arena *arena;
    int16_t version;
    bool is_flexible;
};

static inline size_t wire_left(const struct wire_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

static int wire_read_number(struct wire_reader *reader, enum wire_kind kind, size_t size,
                            void *slot)
{
    if (wire_left(reader) < size) {
        return ERROR_TRUNCATED;
    }
    uint64_t value;
    switch (size) {
    case 1:
        value = kind == WIRE_BOOL ? reader->at[0] != 0 : (uint64_t)(int8_t)reader->at[0];
        break;
    case 2:
        value = endian_read_u16(reader->at);
        break;
    case 4:
        value = endian_read_u32(reader->at);
        break;
    default:
        value = endian_read_u64(reader->at);
        break;
    }
    wire_number_store(kind, slot, value);
    reader->at += size;
    return 0;
}

/* A length of -1 stands for null; flexible messages store length + 1. */
static int wire_read_length(struct wire_reader *reader, bool is_flexible, bool is_short,
                            int32_t *out)
{
    if (is_flexible) {
        uint32_t raw = 0;
        int error = varint_read_unsigned(&reader->at, reader->end, &raw);
        if (error != 0) {
            return error;
        }
        if (raw > INT32_MAX) {
            return ERROR_MALFORMED;
        }
        *out = (int32_t)raw - 1;
        return 0;
    }
    size_t size = is_short ? 2 : 4;
    if (wire_left(reader) < size) {
        return ERROR_TRUNCATED;
    }
    *out = is_short ? endian_read_i16(reader->at) : endian_read_i32(reader->at);
    reader->at += size;
    return *out < -1 ? ERROR_MALFORMED : 0;
}

static int wire_read_view(const struct wire_read *read, struct wire_reader *reader,
                          const struct wire_field *field, struct bytes *out)
{
    int32_t length = 0;
    bool is_string = field->kind == WIRE_STRING;
    int error = wire_read_length(reader, read->is_flexible, is_string, &length);
    if (error != 0) {
        return error;
    }
    if (length < 0) {
        *out = (struct bytes){NULL, 0};
        return wire_field_may_be_null(field, read->version) ? 0 : ERROR_MALFORMED;
    }
    if (is_string && length > WIRE_STRING_SIZE_MAX) {
        return ERROR_MALFORMED;
    }
    if ((size_t)length > wire_left(reader)) {
        return ERROR_TRUNCATED;
    }
    *out = bytes_make(reader->at, (size_t)length);
    reader->at += length;
    return 0;
}

static int wire_read_value(const struct wire_read *read, struct wire_reader *reader,
                           const struct wire_field *field, void *slot);

static int wire_read_elements(const struct wire_read *read, struct wire_reader *reader,
                              const struct wire_field *field, const struct wire_array *array)
{
    struct wire_field element = wire_field_element(field);
    for (int32_t i = 0; i < array->count; i++) {
        void *item = (uint8_t *)array->items + (size_t)i * field->element_size;
        int error = wire_read_value(read, reader, &element, item);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int wire_read_array(const struct wire_read *read, struct wire_reader *reader,
                           const struct wire_field *field, struct wire_array *out)
{
    int32_t count = 0;
    int error = wire_read_length(reader, read->is_flexible, false, &count);
    if (error != 0) {
        return error;
    }
    *out = (struct wire_array){NULL, count};
    if (count < 0) {
        return wire_field_may_be_null(field, read->version) ? 0 : ERROR_MALFORMED;
    }
    if (count > WIRE_ELEMENTS_MAX) {
        return ERROR_MALFORMED;
    }
    if ((size_t)count > wire_left(reader)) {
        return ERROR_TRUNCATED;
    }
    if (count == 0) {
        return 0;
    }
    out->items = arena_try(read->arena, (size_t)count * field->element_size);
    if (out->items == NULL) {
        return ERROR_NO_MEMORY;
    }
    return wire_read_elements(read, reader, field, out);
}

static int wire_read_tag(struct wire_reader *reader, uint32_t *tag, struct wire_reader *body)
{
    uint32_t size = 0;
    int error = varint_read_unsigned(&reader->at, reader->end, tag);
    if (error == 0) {
        error = varint_read_unsigned(&reader->at, reader->end, &size);
    }
    if (error == 0 && size > wire_left(reader)) {
        error = ERROR_TRUNCATED;
    }
    if (error == 0) {
        *body = (struct wire_reader){reader->at, reader->at + size};
        reader->at += size;
    }
    return error;
}

static int wire_read_tag_count(struct wire_reader *reader, uint32_t *out)
{
    int error = varint_read_unsigned(&reader->at, reader->end, out);
    return error == 0 && *out > WIRE_TAGS_MAX ? ERROR_MALFORMED : error;
}

int wire_skip_tags(struct wire_reader *reader)
{
    uint32_t count = 0;
    int error = wire_read_tag_count(reader, &count);
    for (uint32_t i = 0; error == 0 && i < count; i++) {
        uint32_t tag = 0;
        struct wire_reader body;
        error = wire_read_tag(reader, &tag, &body);
    }
    return error;
}

static const struct wire_field *wire_find_tag(const struct wire_field *fields, uint32_t tag,
                                              int16_t version)
{
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        if (wire_field_has_tag(field, version) && (uint32_t)field->tag == tag) {
            return field;
        }
    }
    return NULL;
}

/* Tags ascend and so are there once each; a known one fills its body (KIP-482). */
static int wire_read_tags(const struct wire_read *read, struct wire_reader *reader,
                          const struct wire_field *fields, void *out)
{
    uint32_t count = 0;
    int64_t previous = -1;
    int error = wire_read_tag_count(reader, &count);
    for (uint32_t i = 0; error == 0 && i < count; i++) {
        uint32_t tag = 0;
        struct wire_reader body;
        error = wire_read_tag(reader, &tag, &body);
        if (error != 0) {
            return error;
        }
        if ((int64_t)tag <= previous) {
            return ERROR_MALFORMED;
        }
        previous = tag;
        const struct wire_field *field = wire_find_tag(fields, tag, read->version);
        if (field != NULL) {
            error = wire_read_value(read, &body, field, wire_field_in(field, out));
            if (error == 0 && body.at != body.end) {
                error = ERROR_MALFORMED;
            }
        }
    }
    return error;
}

static int wire_read_fields(const struct wire_read *read, struct wire_reader *reader,
                            const struct wire_field *fields, void *out)
{
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        void *slot = wire_field_in(field, out);
        if (!wire_field_has_place(field, read->version)) {
            wire_field_set_default(field, slot);
            continue;
        }
        int error = wire_read_value(read, reader, field, slot);
        if (error != 0) {
            return error;
        }
    }
    return read->is_flexible ? wire_read_tags(read, reader, fields, out) : 0;
}

/* A nullable struct stands behind one byte: -1 for null, 1 for a value (KIP-893). */
static int wire_read_pointer(const struct wire_read *read, struct wire_reader *reader,
                             const struct wire_field *field, void **out)
{
    *out = NULL;
    if (wire_left(reader) < 1) {
        return ERROR_TRUNCATED;
    }
    int8_t mark = (int8_t)*reader->at++;
    if (mark < 0) {
        return 0;
    }
    *out = arena_try(read->arena, field->element_size);
    if (*out == NULL) {
        return ERROR_NO_MEMORY;
    }
    return wire_read_fields(read, reader, field->element, *out);
}

static int wire_read_value(const struct wire_read *read, struct wire_reader *reader,
                           const struct wire_field *field, void *slot)
{
    switch (field->kind) {
    case WIRE_UUID:
        if (wire_left(reader) < sizeof(struct wire_uuid)) {
            return ERROR_TRUNCATED;
        }
        memcpy(slot, reader->at, sizeof(struct wire_uuid));
        reader->at += sizeof(struct wire_uuid);
        return 0;
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS:
        return wire_read_view(read, reader, field, slot);
    case WIRE_ARRAY:
        return wire_read_array(read, reader, field, slot);
    case WIRE_STRUCT:
        return wire_field_is_pointer(field) ? wire_read_pointer(read, reader, field, slot)
                                            : wire_read_fields(read, reader, field->element, slot);
    case WIRE_BOOL:
    case WIRE_INT8:
    case WIRE_INT16:
    case WIRE_INT32:
    case WIRE_INT64:
    case WIRE_UINT16:
    case WIRE_UINT32:
    case WIRE_FLOAT64:
        return wire_read_number(reader, field->kind, wire_number_size(field->kind), slot);
    case WIRE_END:
        return 0;
    }
    return ERROR_MALFORMED;
}

int wire_read(struct wire_reader *reader, const struct wire_schema *schema, int16_t version,
              struct arena *arena, void *out)
{
    if (version < schema->lowest || version > schema->highest) {
        return ERROR_UNSUPPORTED;
    }
    const struct wire_read read = {
        .arena = arena,
        .version = version,
        .is_flexible = version >= schema->flexible,
    };
    return wire_read_fields(&read, reader, schema->fields, out);
}
