/* One record on its way through a topology: a plain value of borrowed views.
 *
 * Owns:   nothing; the bytes belong to the fetched batch, to the arena of the record being
 *         processed, or to whoever forwards it, and are valid until the call that handed the record
 *         over returns.
 * Thread: the task's shard. */
#pragma once

#include "log/base/bytes.h"
#include "runtime/format/value.h"

/* The end of the year 9999. No record goes on with a later time: one would carry stream time to
 * where everything else is late, and sums with spans could overflow. */
#define RECORD_TIME_MAX_MS INT64_C(253402300799999)

struct record {
    const char *topic; /* where it was read */
    int32_t partition; /* when emitted: -1 lets the key decide */
    int64_t offset;
    int64_t timestamp_ms;         /* -1: the record has none */
    struct bytes key;             /* null: without a key */
    struct bytes value;           /* null: a tombstone */
    struct bytes headers_encoded; /* as on the wire, without their count */
    int32_t header_count;
    const struct value_format *value_format; /* how the value is seen; NULL: bytes */

    /* Of a table: the key had old_value and has value now; null is nothing. Both have the same
     * format. Of a stream old_value is null. */
    bool is_change;
    struct bytes old_value;
    bool is_past; /* of a table with history: another value is newer, which is also the old one */
    /* The key together with a window, both milliseconds: [start, end), of sessions and sliding
     * windows [start, end]. Not windowed: both 0. */
    bool is_windowed;
    int64_t window_start_ms;
    int64_t window_end_ms;
    int32_t lane; /* of a cogroup: which of its streams it came by, from 0 */
    /* When emitted: what chooses the partition instead of the key; null: the key. */
    struct bytes partition_key;
};

static inline bool record_has_possible_time(const struct record *record)
{
    return record->timestamp_ms >= -1 && record->timestamp_ms <= RECORD_TIME_MAX_MS;
}
