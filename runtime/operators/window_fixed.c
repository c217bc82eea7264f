/* Tumbling and hopping windows; see window_node.h. */
#include "runtime/operators/window_node.h"

/* The first window that a time lies in; none begins before the epoch. */
static int64_t first_start(const struct window_node_options *options, int64_t time_ms)
{
    int64_t earliest = time_ms - options->size_ms + options->advance_ms;
    return earliest <= 0 ? 0 : earliest / options->advance_ms * options->advance_ms;
}

static int window_fixed_place(struct window_node *it, struct node_context *context,
                              const struct record *record)
{
    const struct window_node_options *options = &it->options;
    int64_t start_ms = first_start(options, record->timestamp_ms);
    int error = 0;
    for (; error == 0 && start_ms <= record->timestamp_ms; start_ms += options->advance_ms) {
        struct window_node_content content;
        struct window_rows_entry row = {
            .key = record->key, .start_ms = start_ms, .end_ms = start_ms + options->size_ms};
        error = window_node_read(it, context, &row, &content);
        error = error == 0 ? window_node_add(it, context, record, &row, &content) : error;
    }
    return error;
}

/* The first: with the others it shares nothing. */
static void window_fixed_expect(struct window_node *it, const struct record *record)
{
    int64_t start_ms = first_start(&it->options, record->timestamp_ms);
    struct window_rows_entry row = {
        .key = record->key, .start_ms = start_ms, .end_ms = start_ms + it->options.size_ms};
    window_rows_expect(&it->rows, &row);
}

static int64_t window_fixed_linger(int64_t size_ms, int64_t grace_ms)
{
    (void)size_ms;
    return grace_ms;
}

const struct window_kind window_kind_fixed = {.name = "window",
                                              .place = window_fixed_place,
                                              .expect = window_fixed_expect,
                                              .linger = window_fixed_linger,
                                              .takes_nulls = true};
