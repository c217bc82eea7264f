/* Tenths of a span; see breaker.h. */
#include "runtime/host/breaker.h"

void breaker_begin(struct breaker *breaker, struct breaker_figures figures)
{
    *breaker = (struct breaker){.base = figures};
}

static void begin_slice(struct breaker *breaker, int64_t now_ms, struct breaker_figures figures)
{
    if (breaker->count == BREAKER_SLICES) {
        breaker->first = (breaker->first + 1) % BREAKER_SLICES;
        breaker->count--;
    }
    breaker->starts[(breaker->first + breaker->count++) % BREAKER_SLICES] = figures;
    breaker->slice_ms = now_ms;
}

bool breaker_is_tripped(struct breaker *breaker, double percent, int64_t span_ms, int64_t now_ms,
                        struct breaker_figures figures, struct breaker_figures *seen)
{
    const struct breaker_figures *newest =
        &breaker->starts[(breaker->first + breaker->count + BREAKER_SLICES - 1) % BREAKER_SLICES];
    if (breaker->count > 0 && (figures.in_count < newest->in_count ||
                               figures.failed_count < newest->failed_count)) { /* (1) */
        breaker_begin(breaker, (struct breaker_figures){0});
    }
    if (breaker->count > 0 && now_ms - breaker->slice_ms >= span_ms) {
        breaker_begin(breaker, figures); /* nobody looked for so long */
    }
    if (breaker->count == 0) {
        begin_slice(breaker, now_ms, breaker->base);
    } else if (now_ms - breaker->slice_ms >= span_ms / BREAKER_SLICES) {
        begin_slice(breaker, now_ms, figures);
    }
    const struct breaker_figures *oldest = &breaker->starts[breaker->first];
    *seen = (struct breaker_figures){.in_count = figures.in_count - oldest->in_count,
                                     .failed_count = figures.failed_count - oldest->failed_count};
    return seen->failed_count >= BREAKER_FAILURES_MIN &&
           (double)seen->failed_count * 100 > percent * (double)seen->in_count;
}
