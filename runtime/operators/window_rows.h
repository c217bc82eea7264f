/* Accumulators by key and window, in the store of one step, and the step's own time.
 *
 *     0                            the time: eight bytes
 *     1 end key start              a window: a timed value (runtime/format/timed.h)
 *     2 key end start              where to find it by its key: an empty value
 *
 * Keys and times are those of runtime/format/row_key.h, so rows are in the order of end, key,
 * start. Rows of the second kind exist only if asked for.
 *
 * Owns:   nothing of the store; a place to build keys.
 * Keeps:  (1) the time never goes back;
 *         (2) `end_ms_min` is at most the end of every window there is.
 * Thread: the task's shard. */
#pragma once

#include "log/base/bytes.h"
#include "runtime/state/kv.h"

struct window_rows {
    struct kv *kv;
    bool is_by_key;
    int64_t time_ms;         /* INT64_MIN: no record came yet */
    int64_t end_ms_min;      /* INT64_MAX: there is no window */
    uint64_t rollback_count; /* of the store, when it was looked at */
    struct buffer row;
    struct buffer other;
    struct buffer key; /* of the window that was walked to */
};

/* One window; `key` and `stored` are borrowed from where it was found. */
struct window_rows_entry {
    int64_t start_ms;
    int64_t end_ms;
    struct bytes key;
    struct bytes stored;
};

void window_rows_init(struct window_rows *rows, bool is_by_key);
void window_rows_fini(struct window_rows *rows);
/* Looks how far the step is. ERROR_CORRUPT when the store holds something else. */
must_use int window_rows_open(struct window_rows *rows, struct kv *kv);
/* The time becomes this if it is later; *before_ms is what it was. The first call of each record,
 * or of a look from outside (INT64_MIN): what an undone record left here is forgotten. */
must_use int window_rows_observe(struct window_rows *rows, int64_t time_ms, int64_t *before_ms);
/* A null value removes the window. ERROR_TOO_LARGE for a key that does not fit. */
must_use int window_rows_put(struct window_rows *rows, const struct window_rows_entry *row);
/* True with `stored` filled, borrowed until the next write. */
/* The row will be asked for soon (kv_expect). */
void window_rows_expect(struct window_rows *rows, const struct window_rows_entry *row);
bool window_rows_get(struct window_rows *rows, struct window_rows_entry *row);

/* Windows of a key by end and start, those with from <= end. A snapshot; `out->key` is the key that
 * was given, `stored` is valid until the next call. Negative when the store holds something else.
 */
struct kv_iterator *window_rows_find(struct window_rows *rows, struct bytes key,
                                     int64_t end_ms_from);
must_use int window_rows_next_found(struct window_rows *rows, struct kv_iterator *iterator,
                                    struct bytes key, struct window_rows_entry *out);
/* Windows of all keys by end, key and start, those with from <= end <= to. A snapshot; `out` is
 * valid until the next call. */
struct kv_iterator *window_rows_walk(struct window_rows *rows, int64_t end_ms_from,
                                     int64_t end_ms_to);
must_use int window_rows_next_walked(struct window_rows *rows, struct kv_iterator *iterator,
                                     struct window_rows_entry *out);
/* Reads one row of the store: 1 with the window, borrowed from the row and from here; 0 for other
 * rows; or ERROR_CORRUPT. */
must_use int window_rows_read(struct window_rows *rows, struct bytes row, struct bytes stored,
                              struct window_rows_entry *out);
/* Finds end_ms_min anew. */
void window_rows_settle(struct window_rows *rows);
/* The largest end of all windows; INT64_MIN when there is none. Looks at all of them. */
int64_t window_rows_end_max(struct window_rows *rows);
void window_rows_check(const struct window_rows *rows);
