/* How far numbers lie from their mean: stddev, that of a sample, as in SQL.
 *
 * The summary is the count, the mean and the sum of squared distances from it, eight bytes each,
 * which keep their digits where sums of squares would not (Welford; merged as by Chan). */
#include "log/base/error.h"
#include "runtime/aggregate/aggregator.h"
#include "runtime/format/json_writer.h"

#include <math.h>

enum { SPREAD_SIZE = 24 };

struct spread {
    int64_t count;
    double mean;
    double squares;
};

static int read_spread(struct bytes summary, struct spread *out)
{
    *out = (struct spread){0};
    if (summary.size == 0) {
        return 0;
    }
    if (summary.size != SPREAD_SIZE) {
        return ERROR_CORRUPT;
    }
    *out = (struct spread){.count = endian_read_i64(summary.data),
                           .mean = summary_get_double(summary.data + 8),
                           .squares = summary_get_double(summary.data + 16)};
    bool is_good =
        out->count >= 0 && isfinite(out->mean) && isfinite(out->squares) && out->squares >= 0;
    return is_good ? 0 : ERROR_CORRUPT;
}

static int write_spread(const struct spread *spread, struct buffer *out)
{
    if (!isfinite(spread->mean) || !isfinite(spread->squares)) {
        return ERROR_TOO_LARGE;
    }
    summary_put_integer(out, spread->count);
    summary_put_double(out, spread->mean);
    summary_put_double(out, spread->squares);
    return 0;
}

static int spread_add(struct summary_parameter parameter, const struct summary_input *input,
                      struct bytes summary, struct buffer *out)
{
    (void)parameter;
    struct spread spread;
    double value = number_real(&input->number);
    int error = read_spread(summary, &spread);
    if (error != 0) {
        return error;
    }
    if (spread.count == INT64_MAX) {
        return ERROR_TOO_LARGE;
    }
    double distance = value - spread.mean;
    spread.count++;
    spread.mean += distance / (double)spread.count;
    spread.squares += distance * (value - spread.mean);
    return write_spread(&spread, out);
}

static int spread_subtract(struct summary_parameter parameter, const struct summary_input *input,
                           struct bytes summary, struct buffer *out)
{
    (void)parameter;
    struct spread spread;
    double value = number_real(&input->number);
    int error = read_spread(summary, &spread);
    if (error != 0 || spread.count <= 1) {
        return error;
    }
    double distance = value - spread.mean;
    spread.count--;
    spread.mean -= distance / (double)spread.count;
    spread.squares -= distance * (value - spread.mean);
    if (spread.count == 1 || spread.squares < 0) {
        spread.squares = 0;
    }
    return write_spread(&spread, out);
}

static int spread_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                        struct buffer *out)
{
    (void)parameter;
    struct spread spread, other;
    int error = read_spread(left, &spread);
    error = error == 0 ? read_spread(right, &other) : error;
    if (error != 0) {
        return error;
    }
    int64_t count = 0;
    if (__builtin_add_overflow(spread.count, other.count, &count)) {
        return ERROR_TOO_LARGE;
    }
    if (count > 0) {
        double distance = other.mean - spread.mean;
        double share = (double)other.count / (double)count;
        spread.squares += other.squares + distance * distance * (double)spread.count * share;
        spread.mean += distance * share;
        spread.count = count;
    }
    return write_spread(&spread, out);
}

static int tell_stddev(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                       struct buffer *json)
{
    (void)parameter;
    (void)span_ms;
    struct spread spread;
    int error = read_spread(summary, &spread);
    if (error != 0) {
        return error;
    }
    if (spread.count < 2) {
        buffer_add_string(json, "null");
        return 0;
    }
    return json_writer_double(json, sqrt(spread.squares / (double)(spread.count - 1)));
}

static const struct summary_kind aggregator_spread_kind = {.name = "spread",
                                                           .takes = SUMMARY_NUMBERS,
                                                           .full = "the squares pass a double",
                                                           .add = spread_add,
                                                           .subtract = spread_subtract,
                                                           .merge = spread_merge};

const struct aggregator aggregator_spread_rows[] = {{.name = "stddev",
                                                     .argument = AGGREGATOR_PATH,
                                                     .summary = &aggregator_spread_kind,
                                                     .tell = tell_stddev},
                                                    {0}};
