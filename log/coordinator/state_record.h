/* One record of a coordinator's topic: a key and a value, each an int16 with its version and then a
 * message. Inside log/coordinator.
 *
 * Owns:   nothing; what is read borrows from the record and lives in the arena.
 * Thread: any. */
#pragma once

#include "log/wire/batch.h"
#include "log/wire/messages.h"

/* A key or a value. A version from the future is read as the highest we know when that is flexible
 * already (KIP-915). ERROR_CORRUPT. */
must_use int state_record_read(struct bytes bytes, const struct wire_schema *schema,
                               struct arena *arena, void *out);

struct state_record_part {
    const struct wire_schema *schema;
    int16_t version;
    const void *message; /* NULL: a null value, the tombstone */
};

/* Appends a key or a value that is not null. */
void state_record_write(struct buffer *out, const struct wire_schema *schema, int16_t version,
                        const void *message);
void state_record_add(struct batch_builder *builder, int64_t now_ms, struct state_record_part key,
                      struct state_record_part value);
