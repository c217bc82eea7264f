/* Random requests that a node has something to do with: names of things that exist, small numbers,
 * short times, whole batches.
 *
 * wire_fill alone would ask for topics like "qxzv"; here every field whose name says what it is
 * gets a likely value half of the time. */
#pragma once

#include "tests/unit/log/server/node.h"

struct plausible {
    struct node *node;
    uint64_t state;
};

static inline uint64_t plausible_random(void *owner)
{
    struct plausible *plausible = owner;
    uint64_t value = (plausible->state += 0x9e3779b97f4a7c15u);
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static inline uint64_t plausible_below(struct plausible *plausible, uint64_t bound)
{
    return plausible_random(plausible) % bound;
}

static inline bool plausible_is_named(const struct wire_field *field, const char *part)
{
    return strstr(field->name, part) != NULL;
}

static inline struct bytes plausible_text(struct plausible *plausible,
                                          const struct wire_field *field)
{
    static const char *const names[] = {"t", "u", "g", "h", "", "retention.ms", "a b", "1"};
    static const char *const protocols[] = {"range", "consumer", "", "roundrobin"};
    static const char *const values[] = {"1", "delete", "", "compact", "x"};
    if (plausible_is_named(field, "protocol")) {
        return node_text(protocols[plausible_below(plausible, 4)]);
    }
    if (plausible_is_named(field, "value")) {
        return node_text(values[plausible_below(plausible, 5)]);
    }
    return node_text(names[plausible_below(plausible, 8)]);
}

/* What is sent to a number's field; most that count or wait have to be small. */
static inline void plausible_number(struct plausible *plausible, const struct wire_field *field,
                                    void *slot)
{
    static const uint64_t resources[] = {2, 4, 8};
    bool is_time = plausible_is_named(field, "_ms") && !plausible_is_named(field, "timestamp");
    uint64_t value = plausible_below(plausible, 4) - 1;
    if (is_time) {
        value = plausible_below(plausible, 2000) + 5000;
    } else if (plausible_is_named(field, "resource_type")) {
        value = resources[plausible_below(plausible, 3)];
    } else if (plausible_is_named(field, "bytes")) {
        value = plausible_below(plausible, 1000);
    } else if (plausible_is_named(field, "acks")) {
        value = plausible_below(plausible, 2) * 2 - 1; /* 0 is not answered */
    }
    memcpy(slot, &value,
           field->kind == WIRE_INT16   ? 2
           : field->kind == WIRE_INT8  ? 1
           : field->kind == WIRE_INT64 ? 8
                                       : 4);
}

static inline bool plausible_must_be_small(const struct wire_field *field)
{
    return plausible_is_named(field, "acks") || plausible_is_named(field, "count") ||
           (plausible_is_named(field, "_ms") && !plausible_is_named(field, "timestamp"));
}

static inline void plausible_fields(struct plausible *plausible, const struct wire_field *fields,
                                    void *message);

static inline void plausible_array(struct plausible *plausible, const struct wire_field *field,
                                   struct wire_array *array)
{
    for (int32_t i = 0; i < array->count; i++) {
        void *item = (uint8_t *)array->items + (size_t)i * field->element_size;
        if (field->element != NULL) {
            plausible_fields(plausible, field->element, item);
        } else if (field->element_kind == WIRE_STRING) {
            *(struct bytes *)item = plausible_text(plausible, field);
        } else if (field->element_kind == WIRE_INT32) {
            plausible_number(plausible, field, item);
        }
    }
}

static inline void plausible_field(struct plausible *plausible, const struct wire_field *field,
                                   void *slot)
{
    bool is_chance = plausible_below(plausible, 2) == 0;
    switch (field->kind) {
    case WIRE_STRING:
        if (is_chance && ((struct bytes *)slot)->data != NULL) {
            *(struct bytes *)slot = plausible_text(plausible, field);
        }
        return;
    case WIRE_RECORDS:
        if (is_chance) {
            *(struct bytes *)slot = node_batch_of(
                plausible->node, 1 + (int32_t)plausible_below(plausible, 3),
                (int64_t)plausible_below(plausible, 3), 0, (int32_t)plausible_below(plausible, 4));
        }
        return;
    case WIRE_INT8:
    case WIRE_INT16:
    case WIRE_INT32:
    case WIRE_INT64:
        if (is_chance || plausible_must_be_small(field)) {
            plausible_number(plausible, field, slot);
        }
        return;
    case WIRE_ARRAY:
        plausible_array(plausible, field, slot);
        return;
    case WIRE_STRUCT:
        if (field->nullable_since == INT16_MAX) {
            plausible_fields(plausible, field->element, slot);
        }
        return;
    case WIRE_BOOL:
    case WIRE_UINT16:
    case WIRE_UINT32:
    case WIRE_FLOAT64:
    case WIRE_UUID:
    case WIRE_BYTES:
    case WIRE_END:
        return;
    }
}

static inline void plausible_fields(struct plausible *plausible, const struct wire_field *fields,
                                    void *message)
{
    for (const struct wire_field *field = fields; field->kind != WIRE_END; field++) {
        plausible_field(plausible, field, (uint8_t *)message + field->offset);
    }
}

/* A request of this version; lives in the node's arena. */
static inline const void *plausible_request(struct plausible *plausible,
                                            const struct wire_schema *schema, int16_t version)
{
    void *message = arena_get(&plausible->node->arena, schema->size);
    wire_fill(schema, version, &plausible->node->arena, message, plausible_random, plausible);
    plausible_fields(plausible, schema->fields, message);
    return message;
}
