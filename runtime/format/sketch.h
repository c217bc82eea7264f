/* Quantiles of many values from few bytes: a DDSketch.
 *
 * A value v > 0 is counted in the bin ceil(log(v) / log(gamma)) with gamma = 1.01 / 0.99, so the
 * middle of a bin is within 1 % of everything in it; negative values are counted likewise by their
 * magnitude, and zeros apart. A latency of 1 us to 1 hour touches at most 1,100 bins; past
 * SKETCH_BINS_MAX of one sign the bins nearest to zero become one, which costs the lowest (of
 * negative values: the highest) quantiles their accuracy and nobody else's.
 *
 * Owns:   its bins.
 * Keeps:  (1) bins are sorted by index, none is empty, at most SKETCH_BINS_MAX of each sign;
 *         (2) the counts of all bins and the zeros add up to `count` <= SKETCH_COUNT_MAX;
 *         (3) the content depends on which values were added, not on their order nor on how they
 *             were spread over sketches that were merged; so does the encoded form.
 * Thread: the owner's.
 * Source: Masson, Rim, Lee: DDSketch, VLDB 12 (2019). */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

enum { SKETCH_BINS_MAX = 2048 };

#define SKETCH_COUNT_MAX (UINT64_C(1) << 53) /* exact as a double */

struct sketch_bin {
    int32_t index;
    uint64_t count;
};

struct sketch_bins {
    struct sketch_bin *bins;
    uint32_t count;
    uint32_t capacity;
};

struct sketch {
    struct sketch_bins positive;
    struct sketch_bins negative; /* by magnitude */
    uint64_t zero_count;
    uint64_t count;
    double min; /* exact; meaningless while count is 0 */
    double max;
};

/* A zeroed sketch is one, too. */
void sketch_init(struct sketch *sketch);
void sketch_fini(struct sketch *sketch);
/* Forgets the values, keeps the memory. */
void sketch_clear(struct sketch *sketch);
/* ERROR_INVALID for infinities and not-a-number, ERROR_TOO_LARGE past SKETCH_COUNT_MAX. */
must_use int sketch_add(struct sketch *sketch, double value);
/* Adds all values of `other`, which stays as it is. ERROR_TOO_LARGE past SKETCH_COUNT_MAX. */
must_use int sketch_merge(struct sketch *sketch, const struct sketch *other);
/* A value within 1 % of the one at rank floor(q * (count - 1)) in sorted order; q from 0 to 1, 0
 * and 1 give the exact ends. False when the sketch is empty. */
must_use bool sketch_quantile(const struct sketch *sketch, double q, double *out);
/* Appends some two bytes for each bin that is in use; see the drawing in sketch.c. */
void sketch_encode(const struct sketch *sketch, struct buffer *out);
/* Replaces the content by what sketch_encode wrote. ERROR_CORRUPT for anything else, and the sketch
 * is then empty. */
must_use int sketch_decode(struct sketch *sketch, struct bytes encoded);
/* Appends what an encoded sketch, empty for a new one, is with one more value: the bytes are read,
 * one count is changed, nothing is decoded. Errors as of sketch_add and sketch_decode. */
must_use int sketch_add_encoded(struct bytes encoded, double value, struct buffer *out);
void sketch_check(const struct sketch *sketch);
