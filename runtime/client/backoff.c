/* Growing waits; see backoff.h. */
#include "runtime/client/backoff.h"

uint64_t backoff_next(struct backoff *backoff, struct io *io)
{
    check(backoff->first_ms > 0);
    check(backoff->max_ms >= backoff->first_ms);
    int64_t wait_ms = backoff->first_ms;
    for (int i = 0; i < backoff->count && wait_ms < backoff->max_ms; i++) {
        wait_ms *= 2;
    }
    if (wait_ms > backoff->max_ms) {
        wait_ms = backoff->max_ms;
    }
    backoff->count++;
    uint64_t wait_ns = (uint64_t)wait_ms * 1000000u;
    uint32_t chance;
    io_random(io, &chance, sizeof chance);
    return wait_ns - wait_ns / 5 + (wait_ns / 5 * 2 / 1000u) * (chance % 1000u);
}
