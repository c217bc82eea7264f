/* Tenths of a span; see breaker.h. */
#include "runtime/host/breaker.h"

void breaker_begin(struct breaker *breaker, struct breaker_figures figures)
{
    *breaker = (struct breaker){.base = figures};
}

/* The place of a slice, 0 the oldest. */
static int place_of(const struct breaker *breaker, int index)
{
    return (breaker->first + index) % BREAKER_SLICES;
}

static void drop_slice(struct breaker *breaker)
{
    breaker->first = place_of(breaker, 1);
    breaker->count--;
}

static void begin_slice(struct breaker *breaker, int64_t now_ms, struct breaker_figures figures)
{
    if (breaker->count == BREAKER_SLICES) {
        drop_slice(breaker);
    }
    int place = place_of(breaker, breaker->count++);
    breaker->starts[place] = figures;
    breaker->times_ms[place] = now_ms;
}

static bool has_fallen(const struct breaker *breaker, struct breaker_figures figures)
{
    const struct breaker_figures *newest = &breaker->starts[place_of(breaker, breaker->count - 1)];
    return figures.in_count < newest->in_count || figures.failed_count < newest->failed_count;
}

bool breaker_is_tripped(struct breaker *breaker, double percent, int64_t span_ms, int64_t now_ms,
                        struct breaker_figures figures, struct breaker_figures *seen)
{
    if (breaker->count > 0 && has_fallen(breaker, figures)) { /* (1) */
        breaker_begin(breaker, (struct breaker_figures){0});
    }
    if (breaker->count == 0) {
        begin_slice(breaker, now_ms, breaker->base);
    }
    while (breaker->count > 1 && breaker->times_ms[place_of(breaker, 1)] <= now_ms - span_ms) {
        drop_slice(breaker); /* (3) */
    }
    int64_t newest_ms = breaker->times_ms[place_of(breaker, breaker->count - 1)];
    if (now_ms - newest_ms >= span_ms / 10) {
        begin_slice(breaker, now_ms, figures);
    }
    const struct breaker_figures *oldest = &breaker->starts[breaker->first];
    *seen = (struct breaker_figures){.in_count = figures.in_count - oldest->in_count,
                                     .failed_count = figures.failed_count - oldest->failed_count};
    return seen->failed_count >= BREAKER_FAILURES_MIN &&
           (double)seen->failed_count * 100 > percent * (double)seen->in_count;
}
