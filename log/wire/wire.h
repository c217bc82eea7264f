/* Reads and writes any Kafka message from its field table.
 *
 * Message shapes are data: log/wire/schema/ holds one Lua table per API, scripts/gen/wire.lua turns
 * them into structs and field tables (generated log/wire/messages.h), and this one codec walks the
 * tables.
 *
 * Owns:   nothing. What it reads lives in the caller's arena and borrows from the caller's frame.
 * Keeps:  (1) no read passes the end of the frame;
 *         (2) a length from the wire is compared with the bytes that remain before anything is
 *             allocated, and the arena's limit bounds the rest;
 *         (3) what was read, written and read again is the same message, unknown tags apart.
 * Thread: any. */
#pragma once

#include "log/base/arena.h"
#include "log/base/bytes.h"
#include "log/base/check.h"

struct wire_uuid {
    uint8_t octets[16];
};

/* Every generated array has this shape with a typed `items`. count -1 stands for null. */
struct wire_array {
    void *items;
    int32_t count;
};

enum wire_kind {
    WIRE_END,
    WIRE_BOOL,
    WIRE_INT8,
    WIRE_INT16,
    WIRE_INT32,
    WIRE_INT64,
    WIRE_UINT16,
    WIRE_UINT32,
    WIRE_FLOAT64,
    WIRE_UUID,
    WIRE_STRING,  /* struct bytes */
    WIRE_BYTES,   /* struct bytes */
    WIRE_RECORDS, /* struct bytes: record batches, borrowed from the frame */
    WIRE_ARRAY,   /* of structs, or of one primitive kind */
    WIRE_STRUCT,  /* embedded; a nullable one is a pointer, NULL for null (KIP-893) */
};

struct wire_field {
    const char *name;
    enum wire_kind kind;
    size_t offset;          /* in the generated struct */
    int16_t since, until;   /* the versions that carry the field */
    int16_t tag;            /* -1 when the field has a fixed place */
    int16_t nullable_since; /* INT16_MAX: never null */
    int64_t fallback;       /* the value when the version does not carry it; integers only */
    bool is_fallback_null;  /* the value when not carried is null */
    enum wire_kind element_kind;
    const struct wire_field *element; /* of an array of structs, or of a struct */
    size_t element_size;
};

struct wire_schema {
    const char *name;
    int16_t key; /* the API key; -1 for a stored record */
    bool is_request;
    int16_t lowest, highest;
    int16_t flexible; /* first flexible version; INT16_MAX for never */
    const struct wire_field *fields;
    size_t size; /* of the generated struct */
};

struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
};

/* ERROR_UNSUPPORTED for a version outside the schema's, ERROR_TRUNCATED, ERROR_MALFORMED, or
 * ERROR_NO_MEMORY at the arena's limit. Advances the reader past the message; does not insist that
 * it ends there. On error `out` holds nothing of use. */
must_use int wire_read(struct wire_reader *reader, const struct wire_schema *schema,
                       int16_t version, struct arena *arena, void *out);
/* Appends the message. A null in a place that this version cannot carry is written empty; a string
 * is cut at 32767 bytes, the longest that readers accept. */
void wire_write(struct buffer *out, const struct wire_schema *schema, int16_t version,
                const void *message);
/* Where records belong that were left out of a written message. */
struct wire_hole {
    size_t place; /* in the buffer, where the bytes would begin */
    size_t size;  /* never 0 */
};

struct wire_holes {
    struct wire_hole *items; /* the caller's, with room for every records field of the message */
    size_t count;
    size_t size; /* of all of them */
};

/* As wire_write, without the bytes of records: of these fields only the size is looked at, and
 * `holes` tells, in order, where who sends the message must put them in. */
void wire_write_around(struct buffer *out, const struct wire_schema *schema, int16_t version,
                       const void *message, struct wire_holes *holes);
/* The size wire_write would append. */
size_t wire_size(const struct wire_schema *schema, int16_t version, const void *message);
/* Sets every field to the value it has when no version carries it. */
void wire_set_defaults(const struct wire_schema *schema, void *message);
/* As one line of text, for traces and tests. */
void wire_print(struct buffer *out, const struct wire_schema *schema, int16_t version,
                const void *message);
/* Whether the fields that `version` carries are equal. */
bool wire_equal(const struct wire_schema *schema, int16_t version, const void *left,
                const void *right);
/* Fills a message with random content of bounded size, for tests and fuzzing. `random(owner)` gives
 * 64 random bits. */
void wire_fill(const struct wire_schema *schema, int16_t version, struct arena *arena,
               void *message, uint64_t (*random)(void *owner), void *owner);
