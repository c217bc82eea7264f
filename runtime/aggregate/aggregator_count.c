/* How many records: count. The summary is the count, eight bytes. */
#include "log/base/error.h"
#include "runtime/aggregate/aggregator.h"
#include "runtime/format/json_writer.h"

static int read_count(struct bytes summary, int64_t *count)
{
    *count = summary.size == sizeof *count ? endian_read_i64(summary.data) : 0;
    return (summary.size == 0 || summary.size == sizeof *count) && *count >= 0 ? 0 : ERROR_CORRUPT;
}

static int write_sum(struct bytes summary, int64_t more, struct buffer *out)
{
    int64_t count = 0;
    int error = read_count(summary, &count);
    if (error == 0 && __builtin_add_overflow(count, more, &count)) {
        error = ERROR_TOO_LARGE;
    }
    if (error == 0) {
        summary_put_integer(out, count < 0 ? 0 : count);
    }
    return error;
}

static int count_add(struct summary_parameter parameter, const struct summary_input *input,
                     struct bytes summary, struct buffer *out)
{
    (void)parameter;
    (void)input;
    return write_sum(summary, 1, out);
}

static int count_subtract(struct summary_parameter parameter, const struct summary_input *input,
                          struct bytes summary, struct buffer *out)
{
    (void)parameter;
    (void)input;
    return write_sum(summary, -1, out);
}

static int count_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                       struct buffer *out)
{
    (void)parameter;
    int64_t count = 0;
    int error = read_count(right, &count);
    return error == 0 ? write_sum(left, count, out) : error;
}

static int tell_count(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                      struct buffer *json)
{
    (void)parameter;
    (void)span_ms;
    int64_t count = 0;
    int error = read_count(summary, &count);
    if (error == 0) {
        json_writer_int64(json, count);
    }
    return error;
}

static const struct summary_kind aggregator_count_kind = {.name = "count",
                                                          .takes = SUMMARY_VALUES,
                                                          .full = "the count passes 64 bits",
                                                          .add = count_add,
                                                          .subtract = count_subtract,
                                                          .merge = count_merge};

const struct aggregator aggregator_count_rows[] = {{.name = "count",
                                                    .argument = AGGREGATOR_CONDITION_OR_NONE,
                                                    .summary = &aggregator_count_kind,
                                                    .tell = tell_count},
                                                   {0}};
