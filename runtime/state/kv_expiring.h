/* A view of a store whose values last for so long: a key that was not written for that time is not
 * there.
 *
 *     0 key         the time of the last write, the value
 *     1 time key    nothing: what goes next stands first
 *     2             how far rows that went by were removed (kv_sweep.h)
 *
 * Times are in the form of runtime/format/row_key.h. Time is what the caller says, the task's
 * stream time: so a replay of the same records finds the same. What has gone by is never shown.
 *
 * Owns:   places to build rows. The store below is the caller's; nothing else is remembered.
 * Keeps:  (1) each row 0 has the row 1 of its time, and there is no other row 1.
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/kv.h"

/* Shows nothing until it is pointed at a store. It is read, written, counted, iterated and checked;
 * savepoints and commits are those of the store below. */
struct kv *kv_new_expiring(void);
/* `ttl_ms` is positive. Iterators that are open stay where they were pointed at. */
void kv_expiring_point(struct kv *view, struct kv *below, int64_t ttl_ms, int64_t now_ms);
