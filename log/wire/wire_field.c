/* What a field of a message holds: numbers, defaults and equality; see wire_field.h and wire.h. */
#include "log/wire/wire_field.h"

#include <string.h>

static const uint8_t wire_nothing[1];

size_t wire_number_size(enum wire_kind kind)
{
    switch (kind) {
    case WIRE_BOOL:
    case WIRE_INT8:
        return 1;
    case WIRE_INT16:
    case WIRE_UINT16:
        return 2;
    case WIRE_INT32:
    case WIRE_UINT32:
        return 4;
    case WIRE_INT64:
    case WIRE_FLOAT64:
        return 8;
    case WIRE_END:
    case WIRE_UUID:
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS:
    case WIRE_ARRAY:
    case WIRE_STRUCT:
        return 0;
    }
    return 0;
}

uint64_t wire_number_load(enum wire_kind kind, const void *slot)
{
    uint64_t bits = 0;
    switch (kind) {
    case WIRE_BOOL:
        return *(const bool *)slot;
    case WIRE_INT8:
        return (uint64_t) * (const int8_t *)slot;
    case WIRE_INT16:
        return (uint64_t) * (const int16_t *)slot;
    case WIRE_INT32:
        return (uint64_t) * (const int32_t *)slot;
    case WIRE_INT64:
        return (uint64_t) * (const int64_t *)slot;
    case WIRE_UINT16:
        return *(const uint16_t *)slot;
    case WIRE_UINT32:
        return *(const uint32_t *)slot;
    case WIRE_FLOAT64:
        memcpy(&bits, slot, sizeof bits);
        return bits;
    case WIRE_END:
    case WIRE_UUID:
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS:
    case WIRE_ARRAY:
    case WIRE_STRUCT:
        break;
    }
    check(wire_number_size(kind) != 0);
    return 0;
}

void wire_number_store(enum wire_kind kind, void *slot, uint64_t value)
{
    switch (kind) {
    case WIRE_BOOL:
        *(bool *)slot = value != 0;
        return;
    case WIRE_INT8:
        *(int8_t *)slot = (int8_t)value;
        return;
    case WIRE_INT16:
        *(int16_t *)slot = (int16_t)value;
        return;
    case WIRE_INT32:
        *(int32_t *)slot = (int32_t)value;
        return;
    case WIRE_INT64:
        *(int64_t *)slot = (int64_t)value;
        return;
    case WIRE_UINT16:
        *(uint16_t *)slot = (uint16_t)value;
        return;
    case WIRE_UINT32:
        *(uint32_t *)slot = (uint32_t)value;
        return;
    case WIRE_FLOAT64:
        memcpy(slot, &value, sizeof value);
        return;
    case WIRE_END:
    case WIRE_UUID:
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS:
    case WIRE_ARRAY:
    case WIRE_STRUCT:
        break;
    }
    check(wire_number_size(kind) != 0);
}

struct wire_field wire_field_element(const struct wire_field *array)
{
    return (struct wire_field){
        .name = array->name,
        .kind = array->element_kind,
        .since = array->since,
        .until = array->until,
        .tag = -1,
        .nullable_since = INT16_MAX,
        .element = array->element,
        .element_size = array->element_size,
    };
}

struct bytes wire_field_view(const struct wire_field *field, int16_t version, const void *slot)
{
    struct bytes view = *(const struct bytes *)slot;
    if (view.data == NULL) {
        return wire_field_may_be_null(field, version) ? view : bytes_make(wire_nothing, 0);
    }
    if (field->kind == WIRE_STRING && view.size > WIRE_STRING_SIZE_MAX) {
        view.size = WIRE_STRING_SIZE_MAX;
    }
    return view;
}

int32_t wire_field_count(const struct wire_field *field, int16_t version, const void *slot)
{
    int32_t count = ((const struct wire_array *)slot)->count;
    return count >= 0 ? count : wire_field_may_be_null(field, version) ? -1 : 0;
}

void wire_field_set_default(const struct wire_field *field, void *slot)
{
    switch (field->kind) {
    case WIRE_UUID:
        memset(slot, 0, sizeof(struct wire_uuid));
        return;
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS:
        *(struct bytes *)slot = bytes_make(field->is_fallback_null ? NULL : wire_nothing, 0);
        return;
    case WIRE_ARRAY:
        *(struct wire_array *)slot = (struct wire_array){NULL, field->is_fallback_null ? -1 : 0};
        return;
    case WIRE_STRUCT:
        if (wire_field_is_pointer(field)) {
            *(void **)slot = NULL;
        } else {
            wire_fields_set_defaults(field->element, slot);
        }
        return;
    case WIRE_BOOL:
    case WIRE_INT8:
    case WIRE_INT16:
    case WIRE_INT32:
    case WIRE_INT64:
    case WIRE_UINT16:
    case WIRE_UINT32:
    case WIRE_FLOAT64:
        wire_number_store(field->kind, slot, (uint64_t)field->fallback);
        return;
    case WIRE_END:
        return;
    }
}

void wire_fields_set_defaults(const struct wire_field *fields, void *message)
{
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        wire_field_set_default(field, wire_field_in(field, message));
    }
}

void wire_set_defaults(const struct wire_schema *schema, void *message)
{
    wire_fields_set_defaults(schema->fields, message);
}

static bool wire_fields_are_default(const struct wire_field *fields, int16_t version,
                                    const void *message)
{
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        if (wire_field_is_carried(field, version) &&
            !wire_field_is_default(field, version, wire_field_of(field, message))) {
            return false;
        }
    }
    return true;
}

bool wire_field_is_default(const struct wire_field *field, int16_t version, const void *slot)
{
    switch (field->kind) {
    case WIRE_UUID:
        return memcmp(slot, &(struct wire_uuid){{0}}, sizeof(struct wire_uuid)) == 0;
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS: {
        struct bytes view = wire_field_view(field, version, slot);
        return field->is_fallback_null ? view.data == NULL : view.data != NULL && view.size == 0;
    }
    case WIRE_ARRAY:
        return wire_field_count(field, version, slot) == (field->is_fallback_null ? -1 : 0);
    case WIRE_STRUCT:
        if (wire_field_is_pointer(field)) {
            return *(void *const *)slot == NULL;
        }
        return wire_fields_are_default(field->element, version, slot);
    case WIRE_BOOL:
    case WIRE_INT8:
    case WIRE_INT16:
    case WIRE_INT32:
    case WIRE_INT64:
    case WIRE_UINT16:
    case WIRE_UINT32:
    case WIRE_FLOAT64:
        return wire_number_load(field->kind, slot) == (uint64_t)field->fallback;
    case WIRE_END:
        return true;
    }
    return true;
}

static bool wire_fields_equal(const struct wire_field *fields, int16_t version, const void *left,
                              const void *right)
{
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        if (wire_field_is_carried(field, version) &&
            !wire_field_equal(field, version, wire_field_of(field, left),
                              wire_field_of(field, right))) {
            return false;
        }
    }
    return true;
}

static bool wire_arrays_equal(const struct wire_field *field, int16_t version, const void *left,
                              const void *right)
{
    int32_t count = wire_field_count(field, version, left);
    if (count != wire_field_count(field, version, right)) {
        return false;
    }
    struct wire_field element = wire_field_element(field);
    for (int32_t i = 0; i < count; i++) {
        if (!wire_field_equal(&element, version, wire_array_item(left, field, i),
                              wire_array_item(right, field, i))) {
            return false;
        }
    }
    return true;
}

static bool wire_structs_equal(const struct wire_field *field, int16_t version, const void *left,
                               const void *right)
{
    if (wire_field_is_pointer(field)) {
        left = *(const void *const *)left;
        right = *(const void *const *)right;
        if (left == NULL || right == NULL) {
            return left == right;
        }
    }
    return wire_fields_equal(field->element, version, left, right);
}

bool wire_field_equal(const struct wire_field *field, int16_t version, const void *left,
                      const void *right)
{
    switch (field->kind) {
    case WIRE_UUID:
        return memcmp(left, right, sizeof(struct wire_uuid)) == 0;
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS:
        return bytes_equal(wire_field_view(field, version, left),
                           wire_field_view(field, version, right));
    case WIRE_ARRAY:
        return wire_arrays_equal(field, version, left, right);
    case WIRE_STRUCT:
        return wire_structs_equal(field, version, left, right);
    case WIRE_BOOL:
    case WIRE_INT8:
    case WIRE_INT16:
    case WIRE_INT32:
    case WIRE_INT64:
    case WIRE_UINT16:
    case WIRE_UINT32:
    case WIRE_FLOAT64:
        return wire_number_load(field->kind, left) == wire_number_load(field->kind, right);
    case WIRE_END:
        return true;
    }
    return true;
}

bool wire_equal(const struct wire_schema *schema, int16_t version, const void *left,
                const void *right)
{
    return wire_fields_equal(schema->fields, version, left, right);
}
