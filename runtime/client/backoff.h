/* How long to wait before the next try: doubling up to a limit, with a fifth of chance so that
 * many clients do not come back in step.
 *
 * Thread: the owner's. */
#pragma once

#include "log/io/io.h"

struct backoff {
    int64_t first_ms;
    int64_t max_ms;
    int count; /* tries since the last success */
};

/* The next wait, in nanoseconds. */
uint64_t backoff_next(struct backoff *backoff, struct io *io);

static inline void backoff_clear(struct backoff *backoff)
{
    backoff->count = 0;
}
