/* Sessions: windows that grow and merge as records come; see window_node.h. */
#include "log/base/error.h"
#include "runtime/operators/window_node.h"

struct sessions {
    struct window_rows_entry *rows;
    struct window_node_content *contents;
    size_t count;
};

/* Those that the record touches, by end; the record's own session grows over them. */
static int find_sessions(struct window_node *it, struct node_context *context,
                         const struct record *record, struct window_rows_entry *merged,
                         struct sessions *out)
{
    int64_t gap_ms = it->options.size_ms;
    size_t capacity = 0;
    int result = 0;
    struct window_rows_entry row;
    struct kv_iterator *iterator =
        window_rows_find(&it->rows, record->key, record->timestamp_ms - gap_ms);
    while ((result = window_rows_next_found(&it->rows, iterator, record->key, &row)) == 1) {
        if (row.start_ms > record->timestamp_ms + gap_ms) {
            result = 0;
            break;
        }
        if (out->count == capacity) {
            struct sessions grown = {.count = out->count};
            capacity = capacity * 2 + 4;
            grown.rows = arena_array(context->arena, struct window_rows_entry, capacity);
            grown.contents = arena_array(context->arena, struct window_node_content, capacity);
            for (size_t i = 0; i < out->count; i++) {
                grown.rows[i] = out->rows[i];
                grown.contents[i] = out->contents[i];
            }
            *out = grown;
        }
        out->rows[out->count] = row;
        result = window_node_read(it, context, &row, &out->contents[out->count]);
        if (result != 0) {
            break;
        }
        out->count++;
        merged->start_ms = row.start_ms < merged->start_ms ? row.start_ms : merged->start_ms;
        merged->end_ms = row.end_ms > merged->end_ms ? row.end_ms : merged->end_ms;
    }
    kv_iterator_free(iterator);
    return result;
}

/* What the old sessions held is merged. They end, unless all that is new is one more record at the
 * same time. */
static int merge_sessions(struct window_node *it, struct node_context *context,
                          const struct record *record, const struct window_rows_entry *merged,
                          const struct sessions *sessions, struct window_node_content *out)
{
    bool is_new = merged->start_ms != merged->end_ms;
    int error = 0;
    for (size_t i = 0; error == 0 && i < sessions->count; i++) {
        error = it->fold->ops->merge(it->fold, &it->node, context, record->key, out->accumulator,
                                     sessions->contents[i].accumulator, &out->accumulator);
        out->accumulator = arena_copy(context->arena, out->accumulator);
    }
    for (size_t i = 0; error == 0 && is_new && i < sessions->count; i++) {
        struct window_node_content gone = {.time_ms = sessions->rows[i].end_ms};
        error =
            window_node_put(it, context, record, &sessions->rows[i], &sessions->contents[i], &gone);
    }
    return error;
}

static int window_session_place(struct window_node *it, struct node_context *context,
                                const struct record *record)
{
    struct window_rows_entry merged = {
        .key = record->key, .start_ms = record->timestamp_ms, .end_ms = record->timestamp_ms};
    struct sessions sessions = {0};
    struct window_node_content content = {.time_ms = merged.end_ms};
    int error = find_sessions(it, context, record, &merged, &sessions);
    if (error != 0) {
        return context->error_kind != NULL
                   ? error
                   : node_fail(&it->node, context, error, "process",
                               "the store %s holds something else than sessions",
                               it->options.store);
    }
    if (window_node_is_closed(it, merged.end_ms)) {
        return window_node_late(it, context, record, &merged);
    }
    error = merge_sessions(it, context, record, &merged, &sessions, &content);
    content.time_ms = merged.end_ms;
    return error == 0 ? window_node_add(it, context, record, &merged, &content) : error;
}

static int64_t window_session_linger(int64_t size_ms, int64_t grace_ms)
{
    return size_ms + grace_ms + 1;
}

/* Sessions that have closed may still grow together with one that is open, by records in between.
 * How far back such a chain may reach has no bound; this many gaps are kept. What was final is not
 * merged again: each record counts in one result. */
static int64_t window_session_retain(int64_t size_ms, bool is_final)
{
    return is_final ? 0 : 4 * size_ms;
}

const struct window_kind window_kind_session = {.name = "session",
                                                .place = window_session_place,
                                                .linger = window_session_linger,
                                                .retain = window_session_retain,
                                                .is_by_key = true,
                                                .must_merge = true,
                                                .takes_nulls = true,
                                                .takes_zero = true};
