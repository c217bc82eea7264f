/* Windows in a store; see window_rows.h. */
#include "runtime/operators/window_rows.h"

#include "log/base/endian.h"
#include "log/base/error.h"

enum {
    ROW_TIME = 0,
    ROW_WINDOW = 1,
    ROW_PLACE = 2,
    TIME_SIZE = 8,
    ROW_SIZE_MIN = 1 + 2 * TIME_SIZE + 2,
};

static void add_time(struct buffer *row, int64_t time_ms)
{
    uint8_t encoded[TIME_SIZE];
    endian_write_u64(encoded, (uint64_t)time_ms ^ (1ull << 63));
    buffer_add(row, encoded, sizeof encoded);
}

static int64_t read_time(const uint8_t *at)
{
    return (int64_t)(endian_read_u64(at) ^ (1ull << 63));
}

static void add_key(struct buffer *row, struct bytes key)
{
    const uint8_t end[] = {0, 0};
    const uint8_t zero[] = {0, 255};
    for (size_t i = 0; i < key.size;) {
        size_t from = i;
        while (i < key.size && key.data[i] != 0) {
            i++;
        }
        buffer_add(row, key.data + from, i - from);
        if (i < key.size) {
            buffer_add(row, zero, sizeof zero);
            i++;
        }
    }
    buffer_add(row, end, sizeof end);
}

static struct bytes make_row(struct buffer *row, const struct window_rows_entry *window)
{
    buffer_clear(row);
    buffer_add_byte(row, ROW_WINDOW);
    add_time(row, window->end_ms);
    add_key(row, window->key);
    add_time(row, window->start_ms);
    return buffer_bytes(row);
}

static struct bytes make_place(struct buffer *row, const struct window_rows_entry *window)
{
    buffer_clear(row);
    buffer_add_byte(row, ROW_PLACE);
    add_key(row, window->key);
    add_time(row, window->end_ms);
    add_time(row, window->start_ms);
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
        if (stored.size != TIME_SIZE) {
            return ERROR_CORRUPT;
        }
        rows->time_ms = read_time(stored.data);
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
    add_time(&rows->row, time_ms);
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
    if (place.size < ROW_SIZE_MIN) {
        return ERROR_CORRUPT;
    }
    const uint8_t *times = place.data + place.size - 2 * TIME_SIZE;
    out->key = key;
    out->end_ms = read_time(times);
    out->start_ms = read_time(times + TIME_SIZE);
    return window_rows_get(rows, out) ? 1 : ERROR_CORRUPT;
}

static struct bytes make_bound(struct buffer *row, int64_t end_ms)
{
    buffer_clear(row);
    buffer_add_byte(row, ROW_WINDOW);
    add_time(row, end_ms);
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

/* The key between its times; false when it is not one of ours. */
static bool read_key(struct bytes encoded, struct buffer *key)
{
    const uint8_t *at = encoded.data;
    const uint8_t *end = encoded.data + encoded.size;
    buffer_clear(key);
    while (end - at >= 2 && (at[0] != 0 || at[1] == 255)) {
        buffer_add_byte(key, at[0]);
        at += at[0] == 0 ? 2 : 1;
    }
    return end - at == 2 && at[0] == 0 && at[1] == 0;
}

int window_rows_next_walked(struct window_rows *rows, struct kv_iterator *iterator,
                            struct window_rows_entry *out)
{
    struct bytes row;
    if (!kv_iterator_next(iterator, &row, &out->stored)) {
        return 0;
    }
    if (row.size < ROW_SIZE_MIN ||
        !read_key(bytes_make(row.data + 1 + TIME_SIZE, row.size - 1 - 2 * TIME_SIZE), &rows->key)) {
        return ERROR_CORRUPT;
    }
    out->end_ms = read_time(row.data + 1);
    out->start_ms = read_time(row.data + row.size - TIME_SIZE);
    out->key = buffer_bytes(&rows->key);
    return 1;
}

void window_rows_settle(struct window_rows *rows)
{
    struct bytes row;
    struct bytes ignored;
    struct kv_iterator *iterator = window_rows_walk(rows, INT64_MIN, INT64_MAX);
    rows->end_ms_min = INT64_MAX;
    if (kv_iterator_next(iterator, &row, &ignored) && row.size >= ROW_SIZE_MIN) {
        rows->end_ms_min = read_time(row.data + 1);
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
        end_ms = row.size >= ROW_SIZE_MIN ? read_time(row.data + 1) : end_ms;
    }
    kv_iterator_free(iterator);
    return end_ms;
}

static void check_row(const struct window_rows *rows, struct bytes row)
{
    check(row.size >= ROW_SIZE_MIN);
    check(rows->end_ms_min <= read_time(row.data + 1)); /* (2) */
}

void window_rows_check(const struct window_rows *rows)
{
    const uint8_t first = ROW_WINDOW;
    const uint8_t last = ROW_WINDOW + 1;
    struct bytes row;
    struct bytes stored;
    if (kv_get(rows->kv, bytes_make(time_row, sizeof time_row), &stored)) {
        check(read_time(stored.data) == rows->time_ms); /* (1) */
    }
    struct kv_iterator *iterator =
        kv_iterate(rows->kv, bytes_make(&first, 1), bytes_make(&last, 1));
    while (kv_iterator_next(iterator, &row, &stored)) {
        check_row(rows, row);
    }
    kv_iterator_free(iterator);
}
