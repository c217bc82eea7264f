/* The decisions about time that one task of a driver repeats: they were made elsewhere, and
 * runtime/task/task_clock.h tells what they are.
 *
 * Owns:   copies of them.
 * Keeps:  they wait in the order of their numbers; of two with one number the first counts.
 * Thread: the driver's. */
#pragma once

#include "runtime/state/state_position.h"

struct driver_decision {
    const char *node;
    int32_t partition; /* of the task */
    int64_t made_ms;   /* by the wall clock */
    /* Its number (commit), where the node's time goes to (stream_time_ms), and the places of the
     * inputs: of records that are fed the offset of the next one, of what the application writes
     * itself how many were read. */
    struct state_position at;
};

struct driver_clock {
    struct driver_decision *rows;
    size_t count;
    size_t next;
    size_t committed; /* a crash goes back to this one */
};

void driver_clock_fini(struct driver_clock *clock);
/* Copies it; false when one with this number or a larger one is there. */
bool driver_clock_add(struct driver_clock *clock, const struct driver_decision *decision);
/* The first that waits, or NULL. */
const struct driver_decision *driver_clock_next(const struct driver_clock *clock);
/* Where that one has its place in an input of the task; -1 when it has none, or nothing waits. */
int64_t driver_clock_place(const struct driver_clock *clock, const char *topic, int32_t partition);
