/* Writing a message from its field table; see wire.h.
 *
 * Two walks: the first adds up the size, the second writes into memory reserved for exactly that.
 * They must agree, which is checked after every message. */
#include "log/base/endian.h"
#include "log/base/varint.h"
#include "log/wire/wire.h"
#include "log/wire/wire_field.h"

#include <string.h>

/* What stays the same on the whole walk. */
struct wire_format {
    int16_t version;
    bool is_flexible;
    struct wire_holes *holes; /* NULL: records are written as well */
};

static size_t wire_size_length(struct wire_format format, bool is_short, int64_t length)
{
    check(length < INT32_MAX);
    if (format.is_flexible) {
        return varint_size_unsigned((uint32_t)(length + 1));
    }
    return is_short ? 2 : 4;
}

static size_t wire_size_value(struct wire_format format, const struct wire_field *field,
                              const void *slot);

static size_t wire_size_array(struct wire_format format, const struct wire_field *field,
                              const struct wire_array *array)
{
    int32_t count = wire_field_count(field, format.version, array);
    size_t size = wire_size_length(format, false, count);
    size_t number_size = wire_number_size(field->element_kind);
    if (number_size != 0) {
        return size + (count > 0 ? (size_t)count * number_size : 0);
    }
    struct wire_field element = wire_field_element(field);
    for (int32_t i = 0; i < count; i++) {
        size += wire_size_value(format, &element, wire_array_item(array, field, i));
    }
    return size;
}

static bool wire_is_tag_sent(struct wire_format format, const struct wire_field *field,
                             const void *message)
{
    return wire_field_has_tag(field, format.version) &&
           !wire_field_is_default(field, format.version, wire_field_of(field, message));
}

static size_t wire_size_tags(struct wire_format format, const struct wire_field *fields,
                             const void *message)
{
    uint32_t count = 0;
    size_t size = 0;
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        if (!wire_is_tag_sent(format, field, message)) {
            continue;
        }
        size_t body = wire_size_value(format, field, wire_field_of(field, message));
        check(body <= INT32_MAX);
        size += varint_size_unsigned((uint32_t)field->tag) + varint_size_unsigned((uint32_t)body);
        size += body;
        count++;
    }
    return size + varint_size_unsigned(count);
}

static size_t wire_size_fields(struct wire_format format, const struct wire_field *fields,
                               const void *message)
{
    size_t size = 0;
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        if (wire_field_has_place(field, format.version)) {
            size += wire_size_value(format, field, wire_field_of(field, message));
        }
    }
    return format.is_flexible ? size + wire_size_tags(format, fields, message) : size;
}

static size_t wire_size_value(struct wire_format format, const struct wire_field *field,
                              const void *slot)
{
    switch (field->kind) {
    case WIRE_UUID:
        return sizeof(struct wire_uuid);
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS: {
        struct bytes view = wire_field_view(field, format.version, slot);
        check(view.size < INT32_MAX);
        int64_t length = view.data == NULL ? -1 : (int64_t)view.size;
        bool is_hole = field->kind == WIRE_RECORDS && format.holes != NULL;
        return wire_size_length(format, field->kind == WIRE_STRING, length) +
               (is_hole ? 0 : view.size);
    }
    case WIRE_ARRAY:
        return wire_size_array(format, field, slot);
    case WIRE_STRUCT:
        if (wire_field_is_pointer(field)) {
            const void *pointee = *(const void *const *)slot;
            return 1 + (pointee == NULL ? 0 : wire_size_fields(format, field->element, pointee));
        }
        return wire_size_fields(format, field->element, slot);
    case WIRE_BOOL:
    case WIRE_INT8:
    case WIRE_INT16:
    case WIRE_INT32:
    case WIRE_INT64:
    case WIRE_UINT16:
    case WIRE_UINT32:
    case WIRE_FLOAT64:
        return wire_number_size(field->kind);
    case WIRE_END:
        return 0;
    }
    return 0;
}

/* From here on each function writes at `at` and returns where it stopped. */

static uint8_t *wire_write_number(uint8_t *at, enum wire_kind kind, const void *slot)
{
    uint64_t value = wire_number_load(kind, slot);
    size_t size = wire_number_size(kind);
    switch (size) {
    case 1:
        *at = (uint8_t)value;
        break;
    case 2:
        endian_write_u16(at, (uint16_t)value);
        break;
    case 4:
        endian_write_u32(at, (uint32_t)value);
        break;
    default:
        endian_write_u64(at, value);
        break;
    }
    return at + size;
}

static uint8_t *wire_write_length(uint8_t *at, struct wire_format format, bool is_short,
                                  int32_t length)
{
    if (format.is_flexible) {
        return at + varint_write_unsigned(at, (uint32_t)(length + 1));
    }
    if (is_short) {
        endian_write_i16(at, (int16_t)length);
        return at + 2;
    }
    endian_write_i32(at, length);
    return at + 4;
}

/* The place is an address until the message is complete. */
static void wire_leave_hole(struct wire_holes *holes, const uint8_t *at, size_t size)
{
    holes->items[holes->count++] = (struct wire_hole){(size_t)(uintptr_t)at, size};
    holes->size += size;
}

static uint8_t *wire_write_view(uint8_t *at, struct wire_format format,
                                const struct wire_field *field, const void *slot)
{
    struct bytes view = wire_field_view(field, format.version, slot);
    int32_t length = view.data == NULL ? -1 : (int32_t)view.size;
    at = wire_write_length(at, format, field->kind == WIRE_STRING, length);
    if (view.size == 0) {
        return at;
    }
    if (field->kind == WIRE_RECORDS && format.holes != NULL) {
        wire_leave_hole(format.holes, at, view.size);
        return at;
    }
    memcpy(at, view.data, view.size);
    return at + view.size;
}

static uint8_t *wire_write_value(uint8_t *at, struct wire_format format,
                                 const struct wire_field *field, const void *slot);

static uint8_t *wire_write_array(uint8_t *at, struct wire_format format,
                                 const struct wire_field *field, const struct wire_array *array)
{
    int32_t count = wire_field_count(field, format.version, array);
    at = wire_write_length(at, format, false, count);
    struct wire_field element = wire_field_element(field);
    for (int32_t i = 0; i < count; i++) {
        at = wire_write_value(at, format, &element, wire_array_item(array, field, i));
    }
    return at;
}

static uint8_t *wire_write_tags(uint8_t *at, struct wire_format format,
                                const struct wire_field *fields, const void *message)
{
    uint32_t count = 0;
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        count += wire_is_tag_sent(format, field, message);
    }
    at += varint_write_unsigned(at, count);
    for (const struct wire_field *field = fields; count > 0 && field->kind != WIRE_END; field++) {
        if (wire_is_tag_sent(format, field, message)) {
            const void *slot = wire_field_of(field, message);
            at += varint_write_unsigned(at, (uint32_t)field->tag);
            at += varint_write_unsigned(at, (uint32_t)wire_size_value(format, field, slot));
            at = wire_write_value(at, format, field, slot);
        }
    }
    return at;
}

static uint8_t *wire_write_fields(uint8_t *at, struct wire_format format,
                                  const struct wire_field *fields, const void *message)
{
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        if (wire_field_has_place(field, format.version)) {
            at = wire_write_value(at, format, field, wire_field_of(field, message));
        }
    }
    return format.is_flexible ? wire_write_tags(at, format, fields, message) : at;
}

static uint8_t *wire_write_pointer(uint8_t *at, struct wire_format format,
                                   const struct wire_field *field, const void *pointee)
{
    *at++ = pointee == NULL ? 0xff : 1;
    return pointee == NULL ? at : wire_write_fields(at, format, field->element, pointee);
}

static uint8_t *wire_write_value(uint8_t *at, struct wire_format format,
                                 const struct wire_field *field, const void *slot)
{
    switch (field->kind) {
    case WIRE_UUID:
        memcpy(at, slot, sizeof(struct wire_uuid));
        return at + sizeof(struct wire_uuid);
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS:
        return wire_write_view(at, format, field, slot);
    case WIRE_ARRAY:
        return wire_write_array(at, format, field, slot);
    case WIRE_STRUCT:
        return wire_field_is_pointer(field)
                   ? wire_write_pointer(at, format, field, *(const void *const *)slot)
                   : wire_write_fields(at, format, field->element, slot);
    case WIRE_BOOL:
    case WIRE_INT8:
    case WIRE_INT16:
    case WIRE_INT32:
    case WIRE_INT64:
    case WIRE_UINT16:
    case WIRE_UINT32:
    case WIRE_FLOAT64:
        return wire_write_number(at, field->kind, slot);
    case WIRE_END:
        return at;
    }
    return at;
}

static struct wire_format wire_format_of(const struct wire_schema *schema, int16_t version)
{
    check(version >= schema->lowest);
    check(version <= schema->highest);
    return (struct wire_format){version, version >= schema->flexible, NULL};
}

static void wire_append(struct buffer *out, struct wire_format format,
                        const struct wire_schema *schema, const void *message)
{
    size_t size = wire_size_fields(format, schema->fields, message);
    uint8_t *at = buffer_reserve(out, size);
    const uint8_t *end = wire_write_fields(at, format, schema->fields, message);
    check(end == at + size);
    out->size += size;
}

void wire_write(struct buffer *out, const struct wire_schema *schema, int16_t version,
                const void *message)
{
    wire_append(out, wire_format_of(schema, version), schema, message);
}

void wire_write_around(struct buffer *out, const struct wire_schema *schema, int16_t version,
                       const void *message, struct wire_holes *holes)
{
    struct wire_format format = wire_format_of(schema, version);
    format.holes = holes;
    holes->count = 0;
    holes->size = 0;
    wire_append(out, format, schema, message);
    for (size_t i = 0; i < holes->count; i++) {
        holes->items[i].place -= (size_t)(uintptr_t)out->data;
    }
}

size_t wire_size(const struct wire_schema *schema, int16_t version, const void *message)
{
    return wire_size_fields(wire_format_of(schema, version), schema->fields, message);
}
