/* Values by key and window; see kv_windows.h. */
#include "runtime/state/kv_windows.h"

#include "log/base/error.h"
#include "runtime/format/row_key.h"
#include "runtime/state/kv_sweep.h"

enum {
    ROW_SWEPT = 0,
    ROW_VALUE = 1,
    ROW_TIME = 2,
};

void kv_windows_init(struct kv_windows *windows)
{
    *windows = (struct kv_windows){0};
    buffer_init(&windows->row);
    buffer_init(&windows->other);
    buffer_init(&windows->key);
}

void kv_windows_fini(struct kv_windows *windows)
{
    buffer_fini(&windows->row);
    buffer_fini(&windows->other);
    buffer_fini(&windows->key);
}

void kv_windows_point(struct kv_windows *windows, struct kv *kv, int64_t retention_ms,
                      int64_t now_ms)
{
    check(retention_ms > 0);
    windows->kv = kv;
    windows->retention_ms = retention_ms;
    windows->now_ms = now_ms;
}

/* --- Rows ------------------------------------------------------------------------------------- */

static struct bytes value_row(struct buffer *out, struct bytes key, int64_t end_ms,
                              int64_t start_ms)
{
    buffer_clear(out);
    buffer_add_byte(out, ROW_VALUE);
    row_key_add(out, key);
    row_key_add_time(out, end_ms);
    row_key_add_time(out, start_ms);
    return buffer_bytes(out);
}

static struct bytes time_row(struct buffer *out, int64_t end_ms, struct bytes key, int64_t start_ms)
{
    buffer_clear(out);
    buffer_add_byte(out, ROW_TIME);
    row_key_add_time(out, end_ms);
    row_key_add(out, key);
    row_key_add_time(out, start_ms);
    return buffer_bytes(out);
}

/* Before all rows 2 of what ends then or later. */
static struct bytes time_bound(struct buffer *out, int64_t end_ms)
{
    buffer_clear(out);
    buffer_add_byte(out, ROW_TIME);
    row_key_add_time(out, end_ms);
    return buffer_bytes(out);
}

/* The parts of a row 1 or 2 but the value. */
static int read_parts(struct kv_windows *windows, struct bytes row, struct kv_windows_entry *out)
{
    struct bytes rest = bytes_make(row.data + 1, row.size - 1);
    bool is_by_time = row.data[0] == ROW_TIME;
    buffer_clear(&windows->key);
    int error = is_by_time ? row_key_take_time(&rest, &out->end_ms) : 0;
    error = error == 0 ? row_key_take(&rest, &windows->key) : error;
    error = error == 0 && !is_by_time ? row_key_take_time(&rest, &out->end_ms) : error;
    error = error == 0 ? row_key_take_time(&rest, &out->start_ms) : error;
    out->key = buffer_bytes(&windows->key);
    return error == 0 && rest.size == 0 ? 0 : ERROR_CORRUPT;
}

/* --- Time ------------------------------------------------------------------------------------- */

/* The first end that is there. */
static int64_t first_end(const struct kv_windows *windows)
{
    return windows->now_ms < INT64_MIN + windows->retention_ms
               ? INT64_MIN
               : windows->now_ms - windows->retention_ms + 1;
}

static int64_t later_of(int64_t left_ms, int64_t right_ms)
{
    return left_ms > right_ms ? left_ms : right_ms;
}

/* Both rows of a window, by its row 2. */
static int remove_row(void *owner, struct bytes row)
{
    struct kv_windows *windows = owner;
    struct kv_windows_entry entry;
    int error = read_parts(windows, row, &entry);
    error = error == 0 ? kv_put(windows->kv,
                                value_row(&windows->row, entry.key, entry.end_ms, entry.start_ms),
                                (struct bytes){0})
                       : error;
    return error == 0 ? kv_put(windows->kv, row, (struct bytes){0}) : error;
}

static int sweep(struct kv_windows *windows)
{
    const uint8_t first = ROW_TIME;
    int64_t before_ms = first_end(windows);
    const struct kv_sweep sweep = {.kv = windows->kv,
                                   .name = ROW_SWEPT,
                                   .span_ms = windows->retention_ms,
                                   .before_ms = before_ms,
                                   .from = bytes_make(&first, 1),
                                   .to = time_bound(&windows->other, before_ms),
                                   .remove = remove_row,
                                   .owner = windows};
    return kv_sweep(&sweep);
}

/* --- Putting and asking ----------------------------------------------------------------------- */

int kv_windows_put(struct kv_windows *windows, const struct kv_windows_entry *entry)
{
    struct bytes ignored;
    check(entry->start_ms <= entry->end_ms);
    if (entry->end_ms < first_end(windows)) {
        return 0;
    }
    int error = kv_sweep_judge(windows->kv, ROW_SWEPT);
    if (error != 0) {
        return error;
    }
    struct bytes row = value_row(&windows->row, entry->key, entry->end_ms, entry->start_ms);
    bool was_there = kv_get(windows->kv, row, &ignored);
    bool is_there = !bytes_is_null(entry->value);
    error = was_there || is_there ? kv_put(windows->kv, row, entry->value) : 0;
    if (error == 0 && was_there != is_there) { /* as long as the other one: it fits, too */
        error = kv_put(windows->kv,
                       time_row(&windows->other, entry->end_ms, entry->key, entry->start_ms),
                       is_there ? BYTES_LITERAL("") : (struct bytes){0});
    }
    error = error == 0 ? sweep(windows) : error;
    return error == 0 ? 1 : error;
}

bool kv_windows_get(struct kv_windows *windows, struct kv_windows_entry *entry)
{
    return entry->end_ms >= first_end(windows) &&
           kv_get(windows->kv, value_row(&windows->row, entry->key, entry->end_ms, entry->start_ms),
                  &entry->value);
}

/* --- Iteration -------------------------------------------------------------------------------- */

/* What the buffer holds as an end that is part of what is asked for. */
static struct bytes including(struct buffer *row)
{
    buffer_add_byte(row, 0);
    return buffer_bytes(row);
}

/* Of nothing, for bounds that cross. */
static struct kv_iterator *iterate_nothing(struct kv_windows *windows)
{
    const uint8_t same = ROW_SWEPT;
    return kv_iterate(windows->kv, bytes_make(&same, 1), bytes_make(&same, 1));
}

struct kv_iterator *kv_windows_find(struct kv_windows *windows, struct bytes key,
                                    int64_t end_ms_from, int64_t end_ms_to)
{
    int64_t from_ms = later_of(end_ms_from, first_end(windows));
    if (from_ms > end_ms_to) {
        return iterate_nothing(windows);
    }
    struct bytes from = value_row(&windows->row, key, from_ms, INT64_MIN);
    value_row(&windows->other, key, end_ms_to, INT64_MAX);
    return kv_iterate(windows->kv, from, including(&windows->other));
}

struct kv_iterator *kv_windows_walk(struct kv_windows *windows, int64_t end_ms_from,
                                    int64_t end_ms_to)
{
    const uint8_t end = ROW_TIME + 1;
    int64_t from_ms = later_of(end_ms_from, first_end(windows));
    if (from_ms > end_ms_to) {
        return iterate_nothing(windows);
    }
    return kv_iterate(windows->kv, time_bound(&windows->row, from_ms),
                      end_ms_to == INT64_MAX ? bytes_make(&end, 1)
                                             : time_bound(&windows->other, end_ms_to + 1));
}

struct kv_iterator *kv_windows_iterate(struct kv_windows *windows)
{
    const uint8_t from = ROW_VALUE;
    const uint8_t to = ROW_VALUE + 1;
    return kv_iterate(windows->kv, bytes_make(&from, 1), bytes_make(&to, 1));
}

int kv_windows_read(struct kv_windows *windows, struct bytes row, struct bytes stored,
                    struct kv_windows_entry *out)
{
    if (row.size == 0 || row.data[0] > ROW_TIME) {
        return ERROR_CORRUPT;
    }
    if (row.data[0] != ROW_VALUE) {
        return 0;
    }
    int error = read_parts(windows, row, out);
    out->value = stored;
    return error == 0 ? out->end_ms >= first_end(windows) : error;
}

int kv_windows_next(struct kv_windows *windows, struct kv_iterator *iterator,
                    struct kv_windows_entry *out)
{
    struct bytes row;
    struct bytes stored;
    int result = 0;
    while (result == 0 && kv_iterator_next(iterator, &row, &stored)) {
        bool is_by_time = row.size > 0 && row.data[0] == ROW_TIME;
        int error = is_by_time ? read_parts(windows, row, out) : 0;
        if (error != 0) {
            return error;
        }
        result =
            is_by_time ? kv_windows_get(windows, out) : kv_windows_read(windows, row, stored, out);
    }
    return result;
}

/* (1) (2) */
void kv_windows_check(const struct kv_windows *windows)
{
    struct kv_windows reading;
    struct bytes row;
    struct bytes stored;
    int64_t more_values = 0;
    kv_windows_init(&reading);
    kv_windows_point(&reading, windows->kv, windows->retention_ms, windows->now_ms);
    struct kv_iterator *iterator = kv_iterate(windows->kv, (struct bytes){0}, (struct bytes){0});
    while (kv_iterator_next(iterator, &row, &stored)) {
        struct kv_windows_entry entry;
        check(row.size > 0);
        check(row.data[0] <= ROW_TIME);
        if (row.data[0] == ROW_SWEPT) {
            continue;
        }
        check(read_parts(&reading, row, &entry) == 0);
        check(entry.start_ms <= entry.end_ms);
        if (row.data[0] == ROW_VALUE) {
            check(kv_get(windows->kv,
                         time_row(&reading.other, entry.end_ms, entry.key, entry.start_ms),
                         &stored));
        }
        more_values += row.data[0] == ROW_VALUE ? 1 : -1;
    }
    check(more_values == 0);
    kv_iterator_free(iterator);
    kv_windows_fini(&reading);
}
