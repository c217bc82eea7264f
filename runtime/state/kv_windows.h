/* Values by key and window of time in a store, of which those that ended long ago are not there.
 *
 *     0                  how far those that went by were removed (kv_sweep.h)
 *     1 key end start    the value
 *     2 end key start    nothing: what ended first stands first
 *
 * Keys and times are in the form of runtime/format/row_key.h. Who knows only where a window starts
 * says that it ends there, too. The value stands where the rows of its key stand together, as that
 * is what is asked for most; who walks over all keys by time finds it from there.
 *
 * Time is what the caller says, the task's stream time: so a replay of the same records finds the
 * same. A window that ended `retention_ms` before it, or earlier, is never shown.
 *
 * Owns:   places to build rows. The store is the caller's.
 * Keeps:  (1) each row 1 has its row 2, and there is no other row 2;
 *         (2) no window ends before it starts;
 *         (3) nothing is remembered outside the store, so that a rollback undoes all.
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/kv.h"

struct kv_windows {
    struct kv *kv; /* NULL: not pointed at anything yet */
    int64_t retention_ms;
    int64_t now_ms;
    struct buffer row;
    struct buffer other;
    struct buffer key; /* of the window that was read */
};

struct kv_windows_entry {
    struct bytes key;
    int64_t start_ms;
    int64_t end_ms;
    struct bytes value;
};

void kv_windows_init(struct kv_windows *windows);
void kv_windows_fini(struct kv_windows *windows);
/* `retention_ms` is positive. */
void kv_windows_point(struct kv_windows *windows, struct kv *kv, int64_t retention_ms,
                      int64_t now_ms);
/* A null value removes the window. 1; 0 when it ended too long ago to be put; or an error,
 * and then no window is changed: kv_put's, or kv_sweep's for a store that something else filled. */
must_use int kv_windows_put(struct kv_windows *windows, const struct kv_windows_entry *entry);
/* True with the entry's value, borrowed until the next write. */
bool kv_windows_get(struct kv_windows *windows, struct kv_windows_entry *entry);

/* Windows with from <= end <= to: of a key by end and start, and of all keys by end, key and start.
 */
struct kv_iterator *kv_windows_find(struct kv_windows *windows, struct bytes key,
                                    int64_t end_ms_from, int64_t end_ms_to);
struct kv_iterator *kv_windows_walk(struct kv_windows *windows, int64_t end_ms_from,
                                    int64_t end_ms_to);
/* All windows by key, end and start. */
struct kv_iterator *kv_windows_iterate(struct kv_windows *windows);
/* Of any of the three, while this is pointed at their store: 1 with the next window, valid until
 * the next call; 0 at the end; or ERROR_CORRUPT. They show the windows there were when they began.
 * A walk shows the values of now, and leaves out what has none any more. */
must_use int kv_windows_next(struct kv_windows *windows, struct kv_iterator *iterator,
                             struct kv_windows_entry *out);
/* Reads one row of the store: 1 with a window, borrowed from the row and from here; 0 for other
 * rows and what is not there any more; or ERROR_CORRUPT. */
must_use int kv_windows_read(struct kv_windows *windows, struct bytes row, struct bytes stored,
                             struct kv_windows_entry *out);
void kv_windows_check(const struct kv_windows *windows);
