/* Printing a message from its field table, for traces and tests; see wire.h.
 *
 *      metadata_request v9 {topics=[{name="a"}] allow_auto_topic_creation=true}
 *
 * Only what the version carries is printed. Bytes are a size and, if they are few, their octets. */
#include "log/wire/wire.h"
#include "log/wire/wire_field.h"

#include <string.h>

enum { WIRE_PRINT_OCTETS_MAX = 32 };

static void wire_print_octets(struct buffer *out, const uint8_t *octets, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        buffer_printf(out, "%02x", octets[i]);
    }
}

static void wire_print_uuid(struct buffer *out, const struct wire_uuid *uuid)
{
    static const uint8_t group_sizes[] = {4, 2, 2, 2, 6};
    const uint8_t *at = uuid->octets;
    for (size_t i = 0; i < sizeof group_sizes; i++) {
        buffer_add_string(out, i == 0 ? "" : "-");
        wire_print_octets(out, at, group_sizes[i]);
        at += group_sizes[i];
    }
}

static void wire_print_string(struct buffer *out, struct bytes view)
{
    buffer_add_byte(out, '"');
    for (size_t i = 0; i < view.size; i++) {
        uint8_t octet = view.data[i];
        if (octet == '"' || octet == '\\') {
            buffer_printf(out, "\\%c", octet);
        } else if (octet < 0x20 || octet == 0x7f) {
            buffer_printf(out, "\\x%02x", octet);
        } else {
            buffer_add_byte(out, octet);
        }
    }
    buffer_add_byte(out, '"');
}

static void wire_print_view(struct buffer *out, const struct wire_field *field, int16_t version,
                            const void *slot)
{
    struct bytes view = wire_field_view(field, version, slot);
    if (view.data == NULL) {
        buffer_add_string(out, "null");
    } else if (field->kind == WIRE_STRING) {
        wire_print_string(out, view);
    } else {
        buffer_printf(out, "<%zu bytes", view.size);
        if (view.size > 0 && view.size <= WIRE_PRINT_OCTETS_MAX) {
            buffer_add_byte(out, ' ');
            wire_print_octets(out, view.data, view.size);
        }
        buffer_add_byte(out, '>');
    }
}

static void wire_print_value(struct buffer *out, const struct wire_field *field, int16_t version,
                             const void *slot);

static void wire_print_array(struct buffer *out, const struct wire_field *field, int16_t version,
                             const struct wire_array *array)
{
    int32_t count = wire_field_count(field, version, array);
    if (count < 0) {
        buffer_add_string(out, "null");
        return;
    }
    struct wire_field element = wire_field_element(field);
    buffer_add_byte(out, '[');
    for (int32_t i = 0; i < count; i++) {
        buffer_add_string(out, i == 0 ? "" : " ");
        wire_print_value(out, &element, version, wire_array_item(array, field, i));
    }
    buffer_add_byte(out, ']');
}

static void wire_print_fields(struct buffer *out, const struct wire_field *fields, int16_t version,
                              const void *message)
{
    const char *separator = "";
    buffer_add_byte(out, '{');
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        if (!wire_field_is_carried(field, version)) {
            continue;
        }
        buffer_printf(out, "%s%s=", separator, field->name);
        wire_print_value(out, field, version, wire_field_of(field, message));
        separator = " ";
    }
    buffer_add_byte(out, '}');
}

static void wire_print_struct(struct buffer *out, const struct wire_field *field, int16_t version,
                              const void *slot)
{
    const void *message = wire_field_is_pointer(field) ? *(const void *const *)slot : slot;
    if (message == NULL) {
        buffer_add_string(out, "null");
    } else {
        wire_print_fields(out, field->element, version, message);
    }
}

static void wire_print_value(struct buffer *out, const struct wire_field *field, int16_t version,
                             const void *slot)
{
    switch (field->kind) {
    case WIRE_BOOL:
        buffer_add_string(out, *(const bool *)slot ? "true" : "false");
        return;
    case WIRE_INT8:
    case WIRE_INT16:
    case WIRE_INT32:
    case WIRE_INT64:
    case WIRE_UINT16:
    case WIRE_UINT32:
        buffer_printf(out, "%lld", (long long)wire_number_load(field->kind, slot));
        return;
    case WIRE_FLOAT64:
        buffer_printf(out, "%.17g", *(const double *)slot);
        return;
    case WIRE_UUID:
        wire_print_uuid(out, slot);
        return;
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS:
        wire_print_view(out, field, version, slot);
        return;
    case WIRE_ARRAY:
        wire_print_array(out, field, version, slot);
        return;
    case WIRE_STRUCT:
        wire_print_struct(out, field, version, slot);
        return;
    case WIRE_END:
        return;
    }
}

void wire_print(struct buffer *out, const struct wire_schema *schema, int16_t version,
                const void *message)
{
    buffer_printf(out, "%s v%d ", schema->name, version);
    wire_print_fields(out, schema->fields, version, message);
}
