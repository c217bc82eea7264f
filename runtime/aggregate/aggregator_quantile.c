/* Quantiles within 1 %: quantile. The summary is a sketch (runtime/format/sketch.h), which all
 * quantiles of a path share. */
#include "log/base/error.h"
#include "runtime/aggregate/aggregator.h"
#include "runtime/format/json_writer.h"
#include "runtime/format/sketch.h"

static int quantile_add(struct summary_parameter parameter, const struct summary_input *input,
                        struct bytes summary, struct buffer *out)
{
    (void)parameter;
    return sketch_add_encoded(summary, number_real(&input->number), out);
}

static int quantile_merge(struct summary_parameter parameter, struct bytes left, struct bytes right,
                          struct buffer *out)
{
    (void)parameter;
    struct sketch sketches[2];
    sketch_init(&sketches[0]);
    sketch_init(&sketches[1]);
    int error = left.size == 0 ? 0 : sketch_decode(&sketches[0], left);
    error = error != 0 || right.size == 0 ? error : sketch_decode(&sketches[1], right);
    error = error == 0 ? sketch_merge(&sketches[0], &sketches[1]) : error;
    if (error == 0) {
        sketch_encode(&sketches[0], out);
    }
    sketch_fini(&sketches[0]);
    sketch_fini(&sketches[1]);
    return error;
}

static int tell_quantile(struct summary_parameter parameter, int64_t span_ms, struct bytes summary,
                         struct buffer *json)
{
    (void)span_ms;
    struct sketch sketch = {0};
    double value = 0;
    int error = summary.size == 0 ? 0 : sketch_decode(&sketch, summary);
    if (error == 0 && sketch_quantile(&sketch, parameter.number, &value)) {
        error = json_writer_double(json, value);
    } else if (error == 0) {
        buffer_add_string(json, "null");
    }
    sketch_fini(&sketch);
    return error;
}

static const struct summary_kind aggregator_quantile_kind = {.name = "sketch",
                                                             .takes = SUMMARY_NUMBERS,
                                                             .full = "the count passes 53 bits",
                                                             .add = quantile_add,
                                                             .merge = quantile_merge};

const struct aggregator aggregator_quantile_rows[] = {
    {.name = "quantile",
     .argument = AGGREGATOR_PATH,
     .parameter = {.name = "the quantile", .min = 0, .max = 1},
     .summary = &aggregator_quantile_kind,
     .tell = tell_quantile},
    {0}};
