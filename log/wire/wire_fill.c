/* Random messages from field tables, for tests and fuzzing; see wire.h.
 *
 * Arrays get at most WIRE_FILL_ELEMENTS_MAX elements and views at most WIRE_FILL_SIZE_MAX bytes, so
 * that the deepest message stays small. What the version does not carry has its default, so that a
 * filled message equals what is read back. */
#include "log/wire/wire.h"
#include "log/wire/wire_field.h"

#include <string.h>

enum { WIRE_FILL_ELEMENTS_MAX = 3, WIRE_FILL_SIZE_MAX = 24 };

struct wire_fill {
    struct arena *arena;
    int16_t version;
    uint64_t (*random)(void *owner);
    void *owner;
};

static uint64_t wire_fill_below(const struct wire_fill *fill, uint64_t bound)
{
    return fill->random(fill->owner) % bound;
}

/* Extremes are what breaks; a quarter of the numbers are some. */
static uint64_t wire_fill_number(const struct wire_fill *fill)
{
    static const uint64_t extremes[] = {
        0,
        1,
        UINT64_MAX,
        INT8_MAX,
        (uint64_t)INT8_MIN,
        INT16_MAX,
        INT32_MAX,
        (uint64_t)INT32_MIN,
        UINT16_MAX,
        INT64_MAX,
        (uint64_t)INT64_MIN,
        UINT32_MAX,
    };
    if (wire_fill_below(fill, 4) == 0) {
        return extremes[wire_fill_below(fill, sizeof extremes / sizeof extremes[0])];
    }
    return fill->random(fill->owner);
}

static bool wire_fill_null(const struct wire_fill *fill, const struct wire_field *field)
{
    return wire_field_may_be_null(field, fill->version) && wire_fill_below(fill, 4) == 0;
}

static struct bytes wire_fill_view(const struct wire_fill *fill, const struct wire_field *field)
{
    if (wire_fill_null(fill, field)) {
        return (struct bytes){NULL, 0};
    }
    size_t size = wire_fill_below(fill, WIRE_FILL_SIZE_MAX + 1);
    uint8_t *data = arena_get(fill->arena, size + 1);
    for (size_t i = 0; i < size; i++) {
        uint64_t octet = fill->random(fill->owner);
        data[i] = field->kind == WIRE_STRING ? (uint8_t)('a' + octet % 26) : (uint8_t)octet;
    }
    return bytes_make(data, size);
}

static void wire_fill_value(const struct wire_fill *fill, const struct wire_field *field,
                            void *slot);

static struct wire_array wire_fill_array(const struct wire_fill *fill,
                                         const struct wire_field *field)
{
    if (wire_fill_null(fill, field)) {
        return (struct wire_array){NULL, -1};
    }
    struct wire_array array = {
        .count = (int32_t)wire_fill_below(fill, WIRE_FILL_ELEMENTS_MAX + 1),
    };
    if (array.count > 0) {
        array.items = arena_get(fill->arena, (size_t)array.count * field->element_size);
    }
    struct wire_field element = wire_field_element(field);
    for (int32_t i = 0; i < array.count; i++) {
        wire_fill_value(fill, &element, (uint8_t *)array.items + (size_t)i * field->element_size);
    }
    return array;
}

static void wire_fill_fields(const struct wire_fill *fill, const struct wire_field *fields,
                             void *message)
{
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        void *slot = wire_field_in(field, message);
        bool is_left_out = field->tag >= 0 && wire_fill_below(fill, 2) == 0;
        if (is_left_out || !wire_field_is_carried(field, fill->version)) {
            wire_field_set_default(field, slot);
        } else {
            wire_fill_value(fill, field, slot);
        }
    }
}

static void wire_fill_struct(const struct wire_fill *fill, const struct wire_field *field,
                             void *slot)
{
    if (!wire_field_is_pointer(field)) {
        wire_fill_fields(fill, field->element, slot);
        return;
    }
    void *pointee = NULL;
    if (!wire_fill_null(fill, field)) {
        pointee = arena_get(fill->arena, field->element_size);
        wire_fill_fields(fill, field->element, pointee);
    }
    *(void **)slot = pointee;
}

static void wire_fill_value(const struct wire_fill *fill, const struct wire_field *field,
                            void *slot)
{
    switch (field->kind) {
    case WIRE_UUID:
        for (size_t i = 0; i < sizeof(struct wire_uuid); i++) {
            ((uint8_t *)slot)[i] = (uint8_t)fill->random(fill->owner);
        }
        return;
    case WIRE_STRING:
    case WIRE_BYTES:
    case WIRE_RECORDS:
        *(struct bytes *)slot = wire_fill_view(fill, field);
        return;
    case WIRE_ARRAY:
        *(struct wire_array *)slot = wire_fill_array(fill, field);
        return;
    case WIRE_STRUCT:
        wire_fill_struct(fill, field, slot);
        return;
    case WIRE_BOOL:
    case WIRE_INT8:
    case WIRE_INT16:
    case WIRE_INT32:
    case WIRE_INT64:
    case WIRE_UINT16:
    case WIRE_UINT32:
    case WIRE_FLOAT64:
        wire_number_store(field->kind, slot, wire_fill_number(fill));
        return;
    case WIRE_END:
        return;
    }
}

void wire_fill(const struct wire_schema *schema, int16_t version, struct arena *arena,
               void *message, uint64_t (*random)(void *owner), void *owner)
{
    const struct wire_fill fill = {
        .arena = arena,
        .version = version,
        .random = random,
        .owner = owner,
    };
    wire_fill_fields(&fill, schema->fields, message);
}
