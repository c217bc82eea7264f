/* The value with the smallest and with the largest time: first, last.
 *
 * Of equal times first keeps what came first and last what came last. The summary is the time,
 * eight bytes, and the value as JSON, as it was written. */
#include "log/base/error.h"
#include "runtime/aggregate/aggregator.h"

enum { EDGE_TIME_SIZE = 8 };

static bool is_bad(struct bytes summary)
{
    return summary.size > 0 && summary.size <= EDGE_TIME_SIZE;
}

/* `is_last` of the two that are compared by time, the left one having come first. */
static bool takes_right(bool is_last, int64_t left_ms, int64_t right_ms)
{
    return is_last ? right_ms >= left_ms : right_ms < left_ms;
}

static int add_value(bool is_last, const struct summary_input *input, struct bytes summary,
                     struct buffer *out)
{
    if (is_bad(summary)) {
        return ERROR_CORRUPT;
    }
    if (summary.size > 0 && !takes_right(is_last, endian_read_i64(summary.data), input->time_ms)) {
        buffer_add_bytes(out, summary);
        return 0;
    }
    summary_put_integer(out, input->time_ms);
    buffer_add_bytes(out, json_raw(input->json, input->token));
    return 0;
}

static int merge_edges(bool is_last, struct bytes left, struct bytes right, struct buffer *out)
{
    if (is_bad(left) || is_bad(right)) {
        return ERROR_CORRUPT;
    }
    bool is_right = left.size == 0 ||
                    (right.size > 0 &&
                     takes_right(is_last, endian_read_i64(left.data), endian_read_i64(right.data)));
    buffer_add_bytes(out, is_right ? right : left);
    return 0;
}

static int first_add(struct summary_parameter parameter, const struct summary_input *input,
                     struct bytes summary, struct buffer *out)
{
    (void)parameter;
    return add_value(false, input, summary, out);
}

static int last_add(struct summary_parameter parameter, const struct summary_input *input,
                    struct bytes summary, struct buffer *out)
{
    (void)parameter;
    return add_value(true, input, summary, out);
}

static int first_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                       struct buffer *out)
{
    (void)parameter;
    return merge_edges(false, left, right, out);
}

static int last_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                      struct buffer *out)
{
    (void)parameter;
    return merge_edges(true, left, right, out);
}

static int tell_edge(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                     struct buffer *json)
{
    (void)parameter;
    (void)span_ms;
    if (is_bad(summary)) {
        return ERROR_CORRUPT;
    }
    if (summary.size == 0) {
        buffer_add_string(json, "null");
    } else {
        buffer_add(json, summary.data + EDGE_TIME_SIZE, summary.size - EDGE_TIME_SIZE);
    }
    return 0;
}

static const struct summary_kind aggregator_edge_first = {
    .name = "first", .takes = SUMMARY_VALUES, .add = first_add, .merge = first_merge};
static const struct summary_kind aggregator_edge_last = {
    .name = "last", .takes = SUMMARY_VALUES, .add = last_add, .merge = last_merge};

const struct aggregator aggregator_edge_rows[] = {{.name = "first",
                                                   .argument = AGGREGATOR_PATH,
                                                   .summary = &aggregator_edge_first,
                                                   .tell = tell_edge},
                                                  {.name = "last",
                                                   .argument = AGGREGATOR_PATH,
                                                   .summary = &aggregator_edge_last,
                                                   .tell = tell_edge},
                                                  {0}};
