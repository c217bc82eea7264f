/* One record on its way through a topology: a plain value of borrowed views.
 *
 * Owns:   nothing; the bytes belong to the fetched batch, to the arena of the record being
 *         processed, or to whoever forwards it, and are valid until the call that handed the record
 *         over returns.
 * Thread: the task's shard. */
#pragma once

#include "log/base/bytes.h"
#include "runtime/format/value.h"

struct record {
    const char *topic; /* where it was read */
    int32_t partition; /* when emitted: -1 lets the key decide */
    int64_t offset;
    int64_t timestamp_ms;
    struct bytes key;             /* null: without a key */
    struct bytes value;           /* null: a tombstone */
    struct bytes headers_encoded; /* as on the wire, without their count */
    int32_t header_count;
    enum value_format value_format; /* how scripts and predicates see the value */
};
