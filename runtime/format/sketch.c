/* A DDSketch; see sketch.h. Encoded, with every integer a zigzag varlong (log/base/varint.h):
 *
 *     version 1 (one byte)
 *     zeros
 *     positive bins, negative bins
 *     of each bin: index (of the first), or the distance from the one before; its count
 *     min, max (8 bytes each, big-endian; absent when nothing was counted) */
#include "runtime/format/sketch.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/varint.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GAMMA     (1.01 / 0.99)
#define LOG_GAMMA 0.020000666706669543 /* log(1.01 / 0.99) */

enum {
    VERSION = 1,
    INDEX_MAX = 40000, /* past that of every double that is not subnormal */
    CAPACITY_MIN = 16,
};

static int32_t index_of(double magnitude)
{
    return (int32_t)ceil(log(magnitude) / LOG_GAMMA);
}

/* The value that is within 1 % of both ends of the bin; infinite for the last bins of all. */
static double value_of(int32_t index)
{
    return exp(index * LOG_GAMMA) * (2 / (1 + GAMMA));
}

/* --- Bins of one sign ------------------------------------------------------------------------- */

static void reserve_bins(struct sketch_bins *bins, uint32_t count)
{
    if (count <= bins->capacity) {
        return;
    }
    uint32_t capacity = bins->capacity == 0 ? CAPACITY_MIN : bins->capacity;
    while (capacity < count) {
        capacity *= 2;
    }
    bins->bins = memory_resize(bins->bins, capacity * sizeof *bins->bins);
    bins->capacity = capacity;
}

/* Where the index is or would go. */
static uint32_t search_bin(const struct sketch_bins *bins, int32_t index)
{
    uint32_t low = 0;
    uint32_t high = bins->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (bins->bins[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The lowest bins become one until the limit is kept. */
static void collapse_bins(struct sketch_bins *bins)
{
    if (bins->count <= SKETCH_BINS_MAX) {
        return;
    }
    uint32_t extra = bins->count - SKETCH_BINS_MAX;
    for (uint32_t i = 0; i < extra; i++) {
        bins->bins[extra].count += bins->bins[i].count;
    }
    memmove(bins->bins, bins->bins + extra, SKETCH_BINS_MAX * sizeof *bins->bins);
    bins->count = SKETCH_BINS_MAX;
}

static void add_to_bin(struct sketch_bins *bins, int32_t index, uint64_t count)
{
    uint32_t at = search_bin(bins, index);
    if (at < bins->count && bins->bins[at].index == index) {
        bins->bins[at].count += count;
        return;
    }
    reserve_bins(bins, bins->count + 1);
    memmove(bins->bins + at + 1, bins->bins + at, (bins->count - at) * sizeof *bins->bins);
    bins->bins[at] = (struct sketch_bin){index, count};
    bins->count++;
    collapse_bins(bins);
}

/* From the highest down, so that both lists are merged in the place of the first. */
static void merge_bins(struct sketch_bins *bins, const struct sketch_bins *other)
{
    uint32_t left = bins->count;
    uint32_t right = other->count;
    uint32_t total = left + right;
    if (right == 0) {
        return;
    }
    reserve_bins(bins, total);
    uint32_t at = total;
    while (left > 0 || right > 0) {
        int32_t left_index = left > 0 ? bins->bins[left - 1].index : INT32_MIN;
        int32_t right_index = right > 0 ? other->bins[right - 1].index : INT32_MIN;
        struct sketch_bin merged = {0};
        if (left_index >= right_index) {
            merged = bins->bins[--left];
        }
        if (right_index >= left_index) {
            const struct sketch_bin *bin = &other->bins[--right];
            merged = (struct sketch_bin){bin->index, merged.count + bin->count};
        }
        bins->bins[--at] = merged;
    }
    bins->count = total - at;
    memmove(bins->bins, bins->bins + at, bins->count * sizeof *bins->bins);
    collapse_bins(bins);
}

/* --- Values ----------------------------------------------------------------------------------- */

void sketch_init(struct sketch *sketch)
{
    *sketch = (struct sketch){0};
}

void sketch_fini(struct sketch *sketch)
{
    free(sketch->positive.bins);
    free(sketch->negative.bins);
    *sketch = (struct sketch){0};
}

void sketch_clear(struct sketch *sketch)
{
    sketch->positive.count = 0;
    sketch->negative.count = 0;
    sketch->zero_count = 0;
    sketch->count = 0;
    sketch->min = 0;
    sketch->max = 0;
}

static void widen(struct sketch *sketch, double min, double max)
{
    bool is_first = sketch->count == 0;
    sketch->min = is_first || min < sketch->min ? min : sketch->min;
    sketch->max = is_first || max > sketch->max ? max : sketch->max;
}

int sketch_add(struct sketch *sketch, double value)
{
    if (!isfinite(value)) {
        return ERROR_INVALID;
    }
    if (sketch->count == SKETCH_COUNT_MAX) {
        return ERROR_TOO_LARGE;
    }
    value += 0.0; /* no negative zero */
    widen(sketch, value, value);
    sketch->count++;
    if (fabs(value) < DBL_MIN) {
        sketch->zero_count++;
    } else if (value > 0) {
        add_to_bin(&sketch->positive, index_of(value), 1);
    } else {
        add_to_bin(&sketch->negative, index_of(-value), 1);
    }
    return 0;
}

int sketch_merge(struct sketch *sketch, const struct sketch *other)
{
    check(sketch != other);
    if (other->count > SKETCH_COUNT_MAX - sketch->count) {
        return ERROR_TOO_LARGE;
    }
    if (other->count == 0) {
        return 0;
    }
    widen(sketch, other->min, other->max);
    sketch->count += other->count;
    sketch->zero_count += other->zero_count;
    merge_bins(&sketch->positive, &other->positive);
    merge_bins(&sketch->negative, &other->negative);
    return 0;
}

/* The middle of the bin that holds this rank, counted from the most negative value. */
static double value_at(const struct sketch *sketch, uint64_t rank)
{
    uint64_t passed = 0;
    for (uint32_t i = sketch->negative.count; i > 0; i--) {
        passed += sketch->negative.bins[i - 1].count;
        if (passed > rank) {
            return -value_of(sketch->negative.bins[i - 1].index);
        }
    }
    passed += sketch->zero_count;
    if (passed > rank) {
        return 0;
    }
    for (uint32_t i = 0; i < sketch->positive.count; i++) {
        passed += sketch->positive.bins[i].count;
        if (passed > rank) {
            return value_of(sketch->positive.bins[i].index);
        }
    }
    return sketch->max;
}

bool sketch_quantile(const struct sketch *sketch, double q, double *out)
{
    check(q >= 0 && q <= 1);
    if (sketch->count == 0) {
        return false;
    }
    uint64_t rank = (uint64_t)(q * (double)(sketch->count - 1));
    if (rank == 0) {
        *out = sketch->min;
    } else if (rank == sketch->count - 1) {
        *out = sketch->max;
    } else {
        *out = fmin(fmax(value_at(sketch, rank), sketch->min), sketch->max);
    }
    return true;
}

/* --- Encoded ---------------------------------------------------------------------------------- */

static void put_integer(struct buffer *out, int64_t value)
{
    out->size += varlong_write(buffer_reserve(out, VARLONG_SIZE_MAX), value);
}

static void put_double(struct buffer *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    endian_write_u64(buffer_reserve(out, sizeof bits), bits);
    out->size += sizeof bits;
}

static void put_bins(struct buffer *out, const struct sketch_bins *bins)
{
    int32_t before = 0;
    for (uint32_t i = 0; i < bins->count; i++) {
        put_integer(out, bins->bins[i].index - before);
        put_integer(out, (int64_t)bins->bins[i].count);
        before = bins->bins[i].index;
    }
}

void sketch_encode(const struct sketch *sketch, struct buffer *out)
{
    buffer_add_byte(out, VERSION);
    put_integer(out, (int64_t)sketch->zero_count);
    put_integer(out, sketch->positive.count);
    put_integer(out, sketch->negative.count);
    put_bins(out, &sketch->positive);
    put_bins(out, &sketch->negative);
    if (sketch->count > 0) {
        put_double(out, sketch->min);
        put_double(out, sketch->max);
    }
}

struct reading {
    const uint8_t *at;
    const uint8_t *end;
    bool is_bad;
};

/* Nearly all have one byte or two; what is left to varlong_read is the rest. Nothing here takes the
 * address of the reading, so that a loop keeps it in registers. */
static inline int read_integer(struct reading *reading, int64_t *out)
{
    const uint8_t *at = reading->at;
    if (reading->end - at < 2 || (at[0] & at[1] & 0x80) != 0) {
        int64_t value = 0;
        int error = varlong_read(&at, reading->end, &value);
        reading->at = at;
        *out = value;
        return error;
    }
    uint64_t is_long = at[0] >> 7;
    uint64_t bits = (at[0] & 0x7fu) | (at[1] * is_long) << 7;
    reading->at = at + 1 + is_long;
    *out = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
    return 0;
}

/* Something else than `min` to `max` makes the reading bad and gives `min`. */
static inline int64_t get_integer(struct reading *reading, int64_t min, int64_t max)
{
    int64_t value = 0;
    if (read_integer(reading, &value) != 0 || value < min || value > max) {
        reading->is_bad = true;
        return min;
    }
    return value;
}

static double get_double(struct reading *reading)
{
    double value = 0;
    if (reading->end - reading->at < (ptrdiff_t)sizeof value) {
        reading->is_bad = true;
        return 0;
    }
    uint64_t bits = endian_read_u64(reading->at);
    memcpy(&value, &bits, sizeof value);
    reading->at += sizeof value;
    reading->is_bad |= !isfinite(value);
    return value;
}

static void get_bins(struct reading *reading, struct sketch *sketch, struct sketch_bins *bins,
                     int64_t count)
{
    reserve_bins(bins, (uint32_t)count);
    int64_t index = 0;
    for (int64_t i = 0; i < count && !reading->is_bad; i++) {
        index += get_integer(reading, i == 0 ? -INDEX_MAX : 1, 2 * INDEX_MAX);
        int64_t in_bin = get_integer(reading, 1, (int64_t)(SKETCH_COUNT_MAX - sketch->count));
        reading->is_bad |= index > INDEX_MAX;
        bins->bins[bins->count++] = (struct sketch_bin){(int32_t)index, (uint64_t)in_bin};
        sketch->count += (uint64_t)in_bin;
    }
}

int sketch_decode(struct sketch *sketch, struct bytes encoded)
{
    struct reading reading = {encoded.data, encoded.data + encoded.size, false};
    sketch_clear(sketch);
    if (encoded.size == 0 || *reading.at++ != VERSION) {
        return ERROR_CORRUPT;
    }
    sketch->zero_count = (uint64_t)get_integer(&reading, 0, (int64_t)SKETCH_COUNT_MAX);
    sketch->count = sketch->zero_count;
    int64_t positive_count = get_integer(&reading, 0, SKETCH_BINS_MAX);
    int64_t negative_count = get_integer(&reading, 0, SKETCH_BINS_MAX);
    if (reading.end - reading.at < 2 * (positive_count + negative_count)) {
        reading.is_bad = true;
    } else {
        get_bins(&reading, sketch, &sketch->positive, positive_count);
        get_bins(&reading, sketch, &sketch->negative, negative_count);
    }
    if (sketch->count > 0) {
        sketch->min = get_double(&reading);
        sketch->max = get_double(&reading);
    }
    if (reading.is_bad || reading.at != reading.end || sketch->min > sketch->max) {
        sketch_clear(sketch);
        return ERROR_CORRUPT;
    }
    return 0;
}

/* --- One more value -------------------------------------------------------------------------- */

/* Where a value belongs among encoded bins. */
struct splice {
    int32_t index;
    bool is_found;       /* a bin of this index is there */
    bool is_last;        /* no bin of its sign has this index or a higher one */
    int64_t before;      /* index of the bin below; 0: none */
    int64_t after;       /* index of the bin at the place */
    uint64_t in_bin;     /* count of the bin at the place */
    const uint8_t *at;   /* the first byte that will not stay */
    const uint8_t *rest; /* the first byte behind it that stays */
};

/* As get_bins, but keeps nothing. `splice` is NULL for the sign without the value. */
static uint64_t pass_bins(struct reading *reading, int64_t count, uint64_t total,
                          struct splice *splice)
{
    struct reading it = *reading;
    int64_t index = 0;
    int64_t wanted = splice == NULL ? INT64_MAX : splice->index;
    for (int64_t i = 0; i < count && !it.is_bad; i++) {
        const uint8_t *start = it.at;
        int64_t before = index;
        index += get_integer(&it, i == 0 ? -INDEX_MAX : 1, 2 * INDEX_MAX);
        const uint8_t *behind_index = it.at;
        uint64_t in_bin = (uint64_t)get_integer(&it, 1, (int64_t)(SKETCH_COUNT_MAX - total));
        total += in_bin;
        if (index >= wanted) {
            wanted = INT64_MAX;
            splice->is_found = index == splice->index;
            splice->before = before;
            splice->after = index;
            splice->in_bin = in_bin;
            splice->at = splice->is_found ? behind_index : start;
            splice->rest = splice->is_found ? it.at : behind_index;
        }
    }
    if (wanted != INT64_MAX) {
        splice->is_last = true;
        splice->before = index;
        splice->at = splice->rest = it.at;
    }
    it.is_bad |= index > INDEX_MAX || total > SKETCH_COUNT_MAX;
    *reading = it;
    return total;
}

static void put_spliced(struct buffer *out, const struct splice *splice)
{
    if (splice->is_found) {
        put_integer(out, (int64_t)splice->in_bin + 1);
        return;
    }
    put_integer(out, splice->index - splice->before);
    put_integer(out, 1);
    if (!splice->is_last) {
        put_integer(out, splice->after - splice->index);
    }
}

static int add_to_whole(struct bytes encoded, double value, struct buffer *out)
{
    struct sketch sketch = {0};
    int error = encoded.size == 0 ? 0 : sketch_decode(&sketch, encoded);
    error = error == 0 ? sketch_add(&sketch, value) : error;
    if (error == 0) {
        sketch_encode(&sketch, out);
    }
    sketch_fini(&sketch);
    return error;
}

/* A value of the usual kind changes the count of one bin, or adds one: all other bytes are copied
 * as they are, once they were read and found to be right. */
int sketch_add_encoded(struct bytes encoded, double value, struct buffer *out)
{
    struct reading reading = {encoded.data, encoded.data + encoded.size, false};
    if (encoded.size == 0 || *reading.at++ != VERSION || !isfinite(value) ||
        fabs(value) < DBL_MIN) {
        return add_to_whole(encoded, value, out);
    }
    struct splice splice = {.index = index_of(fabs(value))};
    bool is_positive = value > 0;
    int64_t zero_count = get_integer(&reading, 0, (int64_t)SKETCH_COUNT_MAX);
    int64_t counts[2] = {get_integer(&reading, 0, SKETCH_BINS_MAX),
                         get_integer(&reading, 0, SKETCH_BINS_MAX)};
    const uint8_t *bins = reading.at;
    uint64_t total =
        pass_bins(&reading, counts[0], (uint64_t)zero_count, is_positive ? &splice : NULL);
    total = pass_bins(&reading, counts[1], total, is_positive ? NULL : &splice);
    const uint8_t *ends = reading.at;
    double min = get_double(&reading);
    double max = get_double(&reading);
    int64_t *count = &counts[is_positive ? 0 : 1];
    if (reading.is_bad || reading.at != reading.end || min > max || total == 0 ||
        total == SKETCH_COUNT_MAX || (!splice.is_found && *count == SKETCH_BINS_MAX)) {
        return add_to_whole(encoded, value, out);
    }
    *count += !splice.is_found;
    buffer_reserve(out, encoded.size + 4 * VARLONG_SIZE_MAX);
    buffer_add_byte(out, VERSION);
    put_integer(out, zero_count);
    put_integer(out, counts[0]);
    put_integer(out, counts[1]);
    buffer_add(out, bins, (size_t)(splice.at - bins));
    put_spliced(out, &splice);
    buffer_add(out, splice.rest, (size_t)(ends - splice.rest));
    put_double(out, value < min ? value : min);
    put_double(out, value > max ? value : max);
    return 0;
}

static uint64_t check_bins(const struct sketch_bins *bins)
{
    uint64_t count = 0;
    check(bins->count <= SKETCH_BINS_MAX); /* (1) */
    for (uint32_t i = 0; i < bins->count; i++) {
        check(i == 0 || bins->bins[i - 1].index < bins->bins[i].index);
        check(bins->bins[i].count > 0);
        count += bins->bins[i].count;
    }
    return count;
}

void sketch_check(const struct sketch *sketch)
{
    uint64_t count = check_bins(&sketch->positive) + check_bins(&sketch->negative);
    check(count + sketch->zero_count == sketch->count); /* (2) */
    check(sketch->count <= SKETCH_COUNT_MAX);
    check(sketch->min <= sketch->max);
}
