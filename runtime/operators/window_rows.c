/* Windows in a store; see window_rows.h. */
#include "runtime/operators/window_rows.h"

#include "log/base/error.h"
#include "runtime/format/row_key.h"

enum {
    ROW_TIME = 0,
    ROW_WINDOW = 1,
    ROW_PLACE = 2,
};

static int take_tag(struct bytes *row)
{
    if (row->size == 0) {
        return ERROR_CORRUPT;
    }
    *row = bytes_make(row->data + 1, row->size - 1);
    return 0;
}

static struct bytes make_row(struct buffer *row, const struct window_rows_entry *window)
{
    buffer_clear(row);
    buffer_add_byte(row, ROW_WINDOW);
    row_key_add_time(row, window->end_ms);
    row_key_add(row, window->key);
    row_key_add_time(row, window->start_ms);
    return buffer_bytes(row);
}

static struct bytes make_place(struct buffer *row, const struct window_rows_entry *window)
{
    buffer_clear(row);
    buffer_add_byte(row, ROW_PLACE);
    row_key_add(row, window->key);
    row_key_add_time(row, window->end_ms);
    row_key_add_time(row, window->start_ms);
    return buffer_bytes(row);
}

void window_rows_init(struct window_rows *rows, bool is_by_key)
{
    *rows =
        (struct window_rows){.is_by_key = is_by_key, .time_ms = INT64_MIN, .end_ms_min = INT64_MAX};
    buffer_init(&rows->row);
    buffer_init(&rows->other);
    buffer_init(&rows->key);
}

void window_rows_fini(struct window_rows *rows)
{
    buffer_fini(&rows->row);
    buffer_fini(&rows->other);
    buffer_fini(&rows->key);
}

static const uint8_t time_row[] = {ROW_TIME};

int window_rows_open(struct window_rows *rows, struct kv *kv)
{
    struct bytes stored;
    rows->kv = kv;
    rows->rollback_count = kv_rollback_count(kv);
    rows->time_ms = INT64_MIN;
    if (kv_get(kv, bytes_make(time_row, sizeof time_row), &stored)) {
        int error = row_key_take_time(&stored, &rows->time_ms);
        if (error != 0 || stored.size > 0) {
            return ERROR_CORRUPT;
        }
    }
    window_rows_settle(rows);
    return 0;
}

int window_rows_observe(struct window_rows *rows, int64_t time_ms, int64_t *before_ms)
{
    if (rows->rollback_count != kv_rollback_count(rows->kv)) {
        int error = window_rows_open(rows, rows->kv);
        if (error != 0) {
            return error;
        }
    }
    *before_ms = rows->time_ms;
    if (time_ms <= rows->time_ms) {
        return 0;
    }
    rows->time_ms = time_ms;
    buffer_clear(&rows->row);
    row_key_add_time(&rows->row, time_ms);
    return kv_put(rows->kv, bytes_make(time_row, sizeof time_row), buffer_bytes(&rows->row));
}

int window_rows_put(struct window_rows *rows, const struct window_rows_entry *row)
{
    struct bytes key = make_row(&rows->row, row);
    struct bytes ignored;
    if (rows->is_by_key) {
        bool is_there = kv_get(rows->kv, key, &ignored);
        bool is_wanted = !bytes_is_null(row->stored);
        if (is_there != is_wanted) {
            int error = kv_put(rows->kv, make_place(&rows->other, row),
                               is_wanted ? BYTES_LITERAL("") : (struct bytes){0});
            if (error != 0) {
                return error;
            }
        }
    }
    if (!bytes_is_null(row->stored) && row->end_ms < rows->end_ms_min) {
        rows->end_ms_min = row->end_ms;
    }
    return kv_put(rows->kv, key, row->stored);
}

void window_rows_expect(struct window_rows *rows, const struct window_rows_entry *row)
{
    kv_expect(rows->kv, make_row(&rows->row, row));
}

bool window_rows_get(struct window_rows *rows, struct window_rows_entry *row)
{
    return kv_get(rows->kv, make_row(&rows->row, row), &row->stored);
}

struct kv_iterator *window_rows_find(struct window_rows *rows, struct bytes key,
                                     int64_t end_ms_from)
{
    struct window_rows_entry from = {.key = key, .end_ms = end_ms_from, .start_ms = INT64_MIN};
    struct window_rows_entry to = {.key = key, .end_ms = INT64_MAX, .start_ms = INT64_MAX};
    return kv_iterate(rows->kv, make_place(&rows->row, &from), make_place(&rows->other, &to));
}

int window_rows_next_found(struct window_rows *rows, struct kv_iterator *iterator, struct bytes key,
                           struct window_rows_entry *out)
{
    struct bytes place;
    struct bytes ignored;
    if (!kv_iterator_next(iterator, &place, &ignored)) {
        return 0;
    }
    buffer_clear(&rows->key);
    out->key = key;
    int error = take_tag(&place);
    error = error == 0 ? row_key_take(&place, &rows->key) : error;
    error = error == 0 ? row_key_take_time(&place, &out->end_ms) : error;
    error = error == 0 ? row_key_take_time(&place, &out->start_ms) : error;
    return error == 0 && place.size == 0 && window_rows_get(rows, out) ? 1 : ERROR_CORRUPT;
}

static struct bytes make_bound(struct buffer *row, int64_t end_ms)
{
    buffer_clear(row);
    buffer_add_byte(row, ROW_WINDOW);
    row_key_add_time(row, end_ms);
    return buffer_bytes(row);
}

struct kv_iterator *window_rows_walk(struct window_rows *rows, int64_t end_ms_from,
                                     int64_t end_ms_to)
{
    const uint8_t last = ROW_WINDOW + 1;
    struct bytes to =
        end_ms_to == INT64_MAX ? bytes_make(&last, 1) : make_bound(&rows->other, end_ms_to + 1);
    return kv_iterate(rows->kv, make_bound(&rows->row, end_ms_from), to);
}

int window_rows_read(struct window_rows *rows, struct bytes row, struct bytes stored,
                     struct window_rows_entry *out)
{
    if (row.size > 0 && row.data[0] != ROW_WINDOW) {
        return 0;
    }
    buffer_clear(&rows->key);
    out->stored = stored;
    int error = take_tag(&row);
    error = error == 0 ? row_key_take_time(&row, &out->end_ms) : error;
    error = error == 0 ? row_key_take(&row, &rows->key) : error;
    error = error == 0 ? row_key_take_time(&row, &out->start_ms) : error;
    out->key = buffer_bytes(&rows->key);
    return error == 0 && row.size == 0 ? 1 : ERROR_CORRUPT;
}

int window_rows_next_walked(struct window_rows *rows, struct kv_iterator *iterator,
                            struct window_rows_entry *out)
{
    struct bytes row;
    struct bytes stored;
    return kv_iterator_next(iterator, &row, &stored) ? window_rows_read(rows, row, stored, out) : 0;
}

/* The end of a window, which its row begins with; INT64_MAX for what is no row. */
static int64_t end_of(struct bytes row)
{
    int64_t end_ms = INT64_MAX;
    return take_tag(&row) == 0 && row_key_take_time(&row, &end_ms) == 0 ? end_ms : INT64_MAX;
}

void window_rows_settle(struct window_rows *rows)
{
    struct bytes row;
    struct bytes ignored;
    struct kv_iterator *iterator = window_rows_walk(rows, INT64_MIN, INT64_MAX);
    rows->end_ms_min = INT64_MAX;
    if (kv_iterator_next(iterator, &row, &ignored)) {
        rows->end_ms_min = end_of(row);
    }
    kv_iterator_free(iterator);
}

int64_t window_rows_end_max(struct window_rows *rows)
{
    struct bytes row;
    struct bytes ignored;
    int64_t end_ms = INT64_MIN;
    struct kv_iterator *iterator = window_rows_walk(rows, INT64_MIN, INT64_MAX);
    while (kv_iterator_next(iterator, &row, &ignored)) {
        end_ms = end_of(row);
    }
    kv_iterator_free(iterator);
    return end_ms;
}

void window_rows_check(const struct window_rows *rows)
{
    const uint8_t first = ROW_WINDOW;
    const uint8_t last = ROW_WINDOW + 1;
    struct bytes row;
    struct bytes stored;
    if (kv_get(rows->kv, bytes_make(time_row, sizeof time_row), &stored)) {
        int64_t time_ms = 0;
        check(row_key_take_time(&stored, &time_ms) == 0);
        check(time_ms == rows->time_ms); /* (1) */
    }
    struct kv_iterator *iterator =
        kv_iterate(rows->kv, bytes_make(&first, 1), bytes_make(&last, 1));
    while (kv_iterator_next(iterator, &row, &stored)) {
        check(rows->end_ms_min <= end_of(row)); /* (2) */
    }
    kv_iterator_free(iterator);
}
