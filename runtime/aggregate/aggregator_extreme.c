/* The smallest and the largest number: min, max.
 *
 * Numbers are compared exactly, so an integer stays one. The summary is one byte, 1 for an integer
 * and 2 for a double, and its eight bytes. */
#include "log/base/error.h"
#include "runtime/aggregate/aggregator.h"

#include <math.h>

enum { EXTREME_INTEGER = 1, EXTREME_DOUBLE = 2, EXTREME_SIZE = 9 };

static int read_extreme(struct bytes summary, struct number *out)
{
    if (summary.size != EXTREME_SIZE) {
        return ERROR_CORRUPT;
    }
    *out = summary.data[0] == EXTREME_INTEGER
               ? number_from_integer(endian_read_i64(summary.data + 1))
               : number_from_double(summary_get_double(summary.data + 1));
    bool is_good = out->is_integer || (summary.data[0] == EXTREME_DOUBLE && isfinite(out->real));
    return is_good ? 0 : ERROR_CORRUPT;
}

static void write_extreme(const struct number *number, struct buffer *out)
{
    buffer_add_byte(out, number->is_integer ? EXTREME_INTEGER : EXTREME_DOUBLE);
    if (number->is_integer) {
        summary_put_integer(out, number->integer);
    } else {
        summary_put_double(out, number->real);
    }
}

/* `sign` is 1 for the largest, -1 for the smallest. Of equals the first one stays. */
static int add_number(int sign, const struct number *number, struct bytes summary,
                      struct buffer *out)
{
    struct number kept = *number;
    if (summary.size > 0) {
        int error = read_extreme(summary, &kept);
        if (error != 0) {
            return error;
        }
    }
    write_extreme(number_compare(number, &kept) == sign ? number : &kept, out);
    return 0;
}

static int merge_extremes(int sign, struct bytes left, struct bytes right, struct buffer *out)
{
    struct number number;
    if (right.size == 0 && left.size == 0) {
        return 0;
    }
    int error = read_extreme(right.size == 0 ? left : right, &number);
    return error == 0 ? add_number(sign, &number, left, out) : error;
}

static int min_add(struct summary_parameter parameter, const struct summary_input *input,
                   struct bytes summary, struct buffer *out)
{
    (void)parameter;
    return add_number(-1, &input->number, summary, out);
}

static int max_add(struct summary_parameter parameter, const struct summary_input *input,
                   struct bytes summary, struct buffer *out)
{
    (void)parameter;
    return add_number(1, &input->number, summary, out);
}

static int min_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                     struct buffer *out)
{
    (void)parameter;
    return merge_extremes(-1, left, right, out);
}

static int max_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                     struct buffer *out)
{
    (void)parameter;
    return merge_extremes(1, left, right, out);
}

static int tell_extreme(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                        struct buffer *json)
{
    (void)parameter;
    (void)span_ms;
    struct number number;
    if (summary.size == 0) {
        buffer_add_string(json, "null");
        return 0;
    }
    int error = read_extreme(summary, &number);
    return error == 0 ? number_write(json, &number) : error;
}

static const struct summary_kind aggregator_extreme_min = {
    .name = "min", .takes = SUMMARY_NUMBERS, .add = min_add, .merge = min_merge};
static const struct summary_kind aggregator_extreme_max = {
    .name = "max", .takes = SUMMARY_NUMBERS, .add = max_add, .merge = max_merge};

const struct aggregator aggregator_extreme_rows[] = {{.name = "min",
                                                      .argument = AGGREGATOR_PATH,
                                                      .summary = &aggregator_extreme_min,
                                                      .tell = tell_extreme},
                                                     {.name = "max",
                                                      .argument = AGGREGATOR_PATH,
                                                      .summary = &aggregator_extreme_max,
                                                      .tell = tell_extreme},
                                                     {0}};
