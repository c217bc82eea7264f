/* Removes the rows of a store that went by, where they stand in the order of their times.
 *
 * Who keeps such rows asks kv_sweep_judge before each write, and calls kv_sweep behind it. A row of
 * one byte says before which time all was removed; each sixteenth of the span that rows stay, those
 * that went by since are removed, the oldest first, at most a thousand by one write.
 *
 * Keeps:  (1) the row of that time is there as soon as any other is: so a store without it that is
 *             not empty was filled by something else, and is refused.
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/kv.h"

struct kv_sweep {
    struct kv *kv;
    uint8_t name;      /* of the row that says how far it is */
    int64_t span_ms;   /* how long rows stay */
    int64_t before_ms; /* the times that went by */
    struct bytes from; /* rows by time, up to before_ms */
    struct bytes to;
    /* Removes a row by time, borrowed, with what belongs to it. 0 or an error. */
    int (*remove)(void *owner, struct bytes row);
    void *owner;
};

/* 0, or ERROR_CORRUPT for a store that something else filled (1). `name` is that of the row. */
must_use int kv_sweep_judge(struct kv *kv, uint8_t name);
/* 0; ERROR_CORRUPT for a row of another form; or what `remove` or kv_put said. */
must_use int kv_sweep(const struct kv_sweep *sweep);
