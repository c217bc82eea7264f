/* What comes of adding numbers up: sum, avg, rate.
 *
 * Integers are added exactly; doubles apart, with the part that was lost (Neumaier), so that the
 * order hardly matters and taking away what was added leaves nothing. The summary, eight bytes
 * each:
 *
 *     count  sum of integers                                          only integers were added
 *     count  sum of integers  count of doubles  sum of doubles  lost  */
#include "log/base/error.h"
#include "runtime/aggregate/aggregator.h"
#include "runtime/format/json_writer.h"

#include <math.h>

enum { TOTAL_SIZE = 16, TOTAL_SIZE_WITH_DOUBLES = 40 };

struct total {
    int64_t count;
    int64_t integer;
    int64_t real_count;
    double real;
    double lost;
};

static int read_total(struct bytes summary, struct total *out)
{
    const uint8_t *at = summary.data;
    *out = (struct total){0};
    if (summary.size == 0) {
        return 0;
    }
    if (summary.size != TOTAL_SIZE && summary.size != TOTAL_SIZE_WITH_DOUBLES) {
        return ERROR_CORRUPT;
    }
    out->count = endian_read_i64(at);
    out->integer = endian_read_i64(at + 8);
    if (summary.size == TOTAL_SIZE_WITH_DOUBLES) {
        out->real_count = endian_read_i64(at + 16);
        out->real = summary_get_double(at + 24);
        out->lost = summary_get_double(at + 32);
    }
    bool is_good = out->count >= 0 && out->real_count >= 0 && out->real_count <= out->count &&
                   isfinite(out->real) && isfinite(out->lost);
    return is_good ? 0 : ERROR_CORRUPT;
}

static int write_total(const struct total *total, struct buffer *out)
{
    if (!isfinite(total->real + total->lost + (double)total->integer)) {
        return ERROR_TOO_LARGE;
    }
    summary_put_integer(out, total->count);
    summary_put_integer(out, total->integer);
    if (total->real_count > 0) {
        summary_put_integer(out, total->real_count);
        summary_put_double(out, total->real);
        summary_put_double(out, total->lost);
    }
    return 0;
}

static void add_real(struct total *total, double real)
{
    double sum = total->real + real;
    total->lost +=
        fabs(total->real) >= fabs(real) ? (total->real - sum) + real : (real - sum) + total->real;
    total->real = sum;
}

static int total_add(struct summary_parameter parameter, const struct summary_input *input,
                     struct bytes summary, struct buffer *out)
{
    (void)parameter;
    struct total total;
    const struct number *number = &input->number;
    int error = read_total(summary, &total);
    if (error != 0) {
        return error;
    }
    if (total.count == INT64_MAX) {
        return ERROR_TOO_LARGE;
    }
    total.count++;
    if (!number->is_integer) {
        total.real_count++;
        add_real(&total, number->real);
    } else if (__builtin_add_overflow(total.integer, number->integer, &total.integer)) {
        return ERROR_TOO_LARGE;
    }
    return write_total(&total, out);
}

static int total_subtract(struct summary_parameter parameter, const struct summary_input *input,
                          struct bytes summary, struct buffer *out)
{
    (void)parameter;
    struct total total;
    const struct number *number = &input->number;
    int error = read_total(summary, &total);
    if (error != 0) {
        return error;
    }
    if (total.count == 0) {
        return 0;
    }
    total.count--;
    if (!number->is_integer) {
        total.real_count -= total.real_count > 0;
        add_real(&total, -number->real);
    } else if (__builtin_sub_overflow(total.integer, number->integer, &total.integer)) {
        return ERROR_TOO_LARGE;
    }
    if (total.real_count == 0) {
        total.real = total.lost = 0;
    }
    return write_total(&total, out);
}

static int total_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                       struct buffer *out)
{
    (void)parameter;
    struct total total, other;
    int error = read_total(left, &total);
    error = error == 0 ? read_total(right, &other) : error;
    if (error != 0) {
        return error;
    }
    if (__builtin_add_overflow(total.count, other.count, &total.count) ||
        __builtin_add_overflow(total.integer, other.integer, &total.integer)) {
        return ERROR_TOO_LARGE;
    }
    total.real_count += other.real_count;
    add_real(&total, other.real);
    total.lost += other.lost;
    return write_total(&total, out);
}

static double whole_of(const struct total *total)
{
    struct total whole = *total;
    add_real(&whole, (double)total->integer);
    return whole.real + whole.lost;
}

static int tell_sum(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                    struct buffer *json)
{
    (void)parameter;
    (void)span_ms;
    struct total total;
    int error = read_total(summary, &total);
    if (error != 0) {
        return error;
    }
    if (total.count == 0) {
        buffer_add_string(json, "null");
    } else if (total.real_count == 0) {
        json_writer_int64(json, total.integer);
    } else {
        return json_writer_double(json, whole_of(&total));
    }
    return 0;
}

static int tell_avg(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                    struct buffer *json)
{
    (void)parameter;
    (void)span_ms;
    struct total total;
    int error = read_total(summary, &total);
    if (error != 0) {
        return error;
    }
    if (total.count == 0) {
        buffer_add_string(json, "null");
        return 0;
    }
    return json_writer_double(json, whole_of(&total) / (double)total.count);
}

/* Windows without a length, as sessions of one record, have no rate. */
static int tell_rate(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                     struct buffer *json)
{
    (void)parameter;
    struct total total;
    int error = read_total(summary, &total);
    if (error != 0) {
        return error;
    }
    if (span_ms <= 0) {
        buffer_add_string(json, "null");
        return 0;
    }
    return json_writer_double(json, whole_of(&total) / ((double)span_ms / 1000));
}

static const struct summary_kind aggregator_total_kind = {.name = "total",
                                                          .takes = SUMMARY_NUMBERS,
                                                          .full = "the sum passes 64 bits",
                                                          .add = total_add,
                                                          .subtract = total_subtract,
                                                          .merge = total_merge};

const struct aggregator aggregator_total_rows[] = {{.name = "sum",
                                                    .argument = AGGREGATOR_PATH,
                                                    .summary = &aggregator_total_kind,
                                                    .tell = tell_sum},
                                                   {.name = "avg",
                                                    .argument = AGGREGATOR_PATH,
                                                    .summary = &aggregator_total_kind,
                                                    .tell = tell_avg},
                                                   {.name = "rate",
                                                    .argument = AGGREGATOR_PATH_OR_NONE,
                                                    .needs_window = true,
                                                    .summary = &aggregator_total_kind,
                                                    .tell = tell_rate},
                                                   {0}};
