/* How long things took: counts in buckets whose width grows with the value, so that every quantile
 * is right to one part in 64, from a nanosecond to hours, in constant memory.
 *
 * Owns:   its counts, inside the struct.
 * Keeps:  the counts add up to `count`; `largest` and `smallest` are exact.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"

enum {
    HISTOGRAM_STEPS = 64,  /* buckets per power of two */
    HISTOGRAM_POWERS = 40, /* above the first two: up to 2^46 */
    HISTOGRAM_SIZE = HISTOGRAM_STEPS * (HISTOGRAM_POWERS + 2),
};

struct histogram {
    uint64_t counts[HISTOGRAM_SIZE];
    uint64_t count;
    uint64_t smallest;
    uint64_t largest;
    double sum;
};

void histogram_add(struct histogram *histogram, uint64_t value);
/* The value that the part `quantile` (0.99) of all is not above; 0 while it is empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double quantile);
double histogram_mean(const struct histogram *histogram);
/* A line per power of two that has values, with a bar; values are nanoseconds. */
void histogram_print(const struct histogram *histogram, struct buffer *out);
/* "12.3 ms" */
void histogram_print_ns(uint64_t ns, struct buffer *out);
