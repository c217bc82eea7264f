/* When too many records fail: the breaker of an application's policy of errors.
 *
 * Told how many records were finished and how many of them failed, ever, it says when of those of
 * the last span more failed than the share that the script allows, and BREAKER_FAILURES_MIN at
 * least, so that one bad record among few breaks nothing. The span slides in tenths; who looks more
 * seldom than that has what came since the last look before a span ago in view.
 *
 * Owns:   nothing.
 * Keeps:  (1) figures that fall (the application began anew) begin a new span;
 *         (2) it is tripped by failures after breaker_begin alone;
 *         (3) all but the oldest slice began within the span.
 * Thread: any, one at a time. */
#pragma once

#include "log/base/check.h"

#include <stdbool.h>
#include <stdint.h>

enum { BREAKER_SLICES = 12 /* tenths, and what reaches out of them */, BREAKER_FAILURES_MIN = 20 };

struct breaker_figures {
    int64_t in_count;
    int64_t failed_count;
};

struct breaker {
    struct breaker_figures starts[BREAKER_SLICES]; /* at the beginning of each slice, in turn */
    int64_t times_ms[BREAKER_SLICES];              /* of that */
    int first;
    int count;
    struct breaker_figures base; /* while there is none: what the next span begins with */
};

/* A new span begins, in which what came and failed up to here does not count. */
void breaker_begin(struct breaker *breaker, struct breaker_figures figures);
/* How many of how many failed in the span, in *seen; true when that is too many. `percent` is more
 * than 0, `span_ms` positive; times do not fall. */
must_use bool breaker_is_tripped(struct breaker *breaker, double percent, int64_t span_ms,
                                 int64_t now_ms, struct breaker_figures figures,
                                 struct breaker_figures *seen);
