/* What reading, writing, comparing, printing and filling share about one field of a message.
 *
 * Owns:   nothing. Inside log/wire only.
 * Keeps:  numbers of every kind travel as 64 bits, sign-extended when the kind is signed, so that
 *         loading what was stored gives the same 64 bits.
 * Thread: any. */
#pragma once

#include "log/wire/wire.h"

/* Kafka 4.4 refuses more than this; we do too. */
enum { WIRE_ELEMENTS_MAX = 1000000, WIRE_TAGS_MAX = 10000, WIRE_STRING_SIZE_MAX = INT16_MAX };

static inline bool wire_field_is_carried(const struct wire_field *field, int16_t version)
{
    return field->since <= version && version <= field->until;
}

/* A tagged field has no place of its own among the others. */
static inline bool wire_field_has_place(const struct wire_field *field, int16_t version)
{
    return field->tag < 0 && wire_field_is_carried(field, version);
}

static inline bool wire_field_has_tag(const struct wire_field *field, int16_t version)
{
    return field->tag >= 0 && wire_field_is_carried(field, version);
}

static inline bool wire_field_may_be_null(const struct wire_field *field, int16_t version)
{
    return version >= field->nullable_since;
}

/* A nullable struct is behind a pointer; the generator allows it in all versions or in none. */
static inline bool wire_field_is_pointer(const struct wire_field *field)
{
    return field->kind == WIRE_STRUCT && field->nullable_since != INT16_MAX;
}

static inline const void *wire_field_of(const struct wire_field *field, const void *message)
{
    return (const uint8_t *)message + field->offset;
}

static inline void *wire_field_in(const struct wire_field *field, void *message)
{
    return (uint8_t *)message + field->offset;
}

static inline const void *wire_array_item(const struct wire_array *array,
                                          const struct wire_field *field, int32_t index)
{
    return (const uint8_t *)array->items + (size_t)index * field->element_size;
}

/* The elements of an array of primitives as fields that are never null. */
struct wire_field wire_field_element(const struct wire_field *array);
/* The bytes a number takes on the wire; 0 for what is no number. */
size_t wire_number_size(enum wire_kind kind);
uint64_t wire_number_load(enum wire_kind kind, const void *slot);
void wire_number_store(enum wire_kind kind, void *slot, uint64_t value);
/* The view as it is sent: null becomes empty where null cannot be sent, and a string is cut at the
 * largest size that a reader accepts. */
struct bytes wire_field_view(const struct wire_field *field, int16_t version, const void *slot);
/* The count as it is sent: -1 only where null can be sent. */
int32_t wire_field_count(const struct wire_field *field, int16_t version, const void *slot);
/* Whether the slot holds the value that stands for "not sent". */
bool wire_field_is_default(const struct wire_field *field, int16_t version, const void *slot);
void wire_field_set_default(const struct wire_field *field, void *slot);
bool wire_field_equal(const struct wire_field *field, int16_t version, const void *left,
                      const void *right);
/* Sets every field of one struct. */
void wire_fields_set_defaults(const struct wire_field *fields, void *message);
/* Reads over the tagged fields of a struct that knows none, as in a header. */
must_use int wire_skip_tags(struct wire_reader *reader);
