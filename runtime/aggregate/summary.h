/* What an aggregate keeps of the values of one key: bytes that only the file of its kind
 * understands.
 *
 * An empty summary has seen nothing. Every function appends a whole summary to `out` and reads only
 * what it is given; the bytes depend on the values and their order alone. Functions return 0,
 * ERROR_CORRUPT for bytes that the kind did not write, or ERROR_TOO_LARGE when the result does not
 * fit, which `full` says in words; after an error `out` holds rubbish behind what was there.
 *
 * Thread: any. */
#pragma once

#include "log/base/endian.h"
#include "runtime/format/number.h"

enum summary_takes { SUMMARY_NUMBERS, SUMMARY_SCALARS, SUMMARY_VALUES };

/* What a record says. */
struct summary_input {
    int64_t time_ms;
    const struct json *json;
    uint32_t token;       /* never null; JSON_ABSENT when no path was asked for */
    struct number number; /* SUMMARY_NUMBERS: the finite number; 1 when no path was asked for */
};

/* What an aggregator has beside the value. */
struct summary_parameter {
    double number; /* the script's; for a kind 0, unless it keeps as much as the number says */
    void *owner;   /* of an aggregator that is made for one step; else NULL */
};

struct summary_kind {
    const char *name; /* stored as part of the layout of accumulators: a constant for ever */
    enum summary_takes takes;
    const char *full; /* "the sum passes 64 bits"; NULL: never */
    /* What the call said that failed last: then functions may also return ERROR_INVALID, which
     * refuses the record, and ERROR_CANCELLED, which ends the task. NULL: see `full`. */
    const char *(*reason)(void *owner);
    int (*add)(struct summary_parameter parameter, const struct summary_input *input,
               struct bytes summary, struct buffer *out);
    /* Takes away what was added before. NULL: it cannot, so it fits no table. */
    int (*subtract)(struct summary_parameter parameter, const struct summary_input *input,
                    struct bytes summary, struct buffer *out);
    /* What the left has seen came before what the right has seen. */
    int (*merge)(struct summary_parameter parameter, struct bytes left, struct bytes right,
                 struct buffer *out);
};

static inline void summary_put_integer(struct buffer *out, int64_t value)
{
    endian_write_i64(buffer_reserve(out, sizeof value), value);
    out->size += sizeof value;
}

static inline void summary_put_double(struct buffer *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    summary_put_integer(out, (int64_t)bits);
}

static inline double summary_get_double(const uint8_t *at)
{
    double value;
    uint64_t bits = endian_read_u64(at);
    memcpy(&value, &bits, sizeof value);
    return value;
}
