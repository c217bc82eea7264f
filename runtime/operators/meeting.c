/* Records that may meet; see meeting.h. */
#include "runtime/operators/meeting.h"

#include "log/base/error.h"
#include "runtime/format/row_key.h"

enum { MEETING_FORGET_MAX = 32 }; /* records that one forgets */

enum { NUMBER_TIME, NUMBER_NEWEST, NUMBER_COUNT = NUMBER_NEWEST + 2, NUMBERS };

void meeting_rows_init(struct meeting_rows *rows, int64_t retention_ms)
{
    check(retention_ms > 0);
    *rows = (struct meeting_rows){.retention_ms = retention_ms};
    buffer_init(&rows->row);
    buffer_init(&rows->end);
    buffer_init(&rows->stored);
}

void meeting_rows_fini(struct meeting_rows *rows)
{
    buffer_fini(&rows->row);
    buffer_fini(&rows->end);
    buffer_fini(&rows->stored);
}

static void begin_row(struct buffer *row, char kind, enum meeting_side side)
{
    buffer_clear(row);
    buffer_add_byte(row, (uint8_t)kind);
    buffer_add_byte(row, (uint8_t)side);
}

static struct bytes make_record_row(struct buffer *row, enum meeting_side side,
                                    const struct record *record, int64_t time_ms, int64_t number)
{
    begin_row(row, 'b', side);
    kept_record_add_key(row, record);
    row_key_add_time(row, time_ms);
    row_key_add_time(row, number);
    return buffer_bytes(row);
}

static struct bytes make_waiting_row(struct buffer *row, enum meeting_side side,
                                     const struct record *record, int64_t number)
{
    begin_row(row, 'p', side);
    row_key_add_time(row, record->timestamp_ms);
    kept_record_add_key(row, record);
    row_key_add_time(row, number);
    return buffer_bytes(row);
}

/* --- Numbers ---------------------------------------------------------------------------------- */

static int64_t max_of(int64_t left, int64_t right)
{
    return left > right ? left : right;
}

int meeting_rows_observe(struct meeting_rows *rows, enum meeting_side side,
                         const struct record *record)
{
    int64_t numbers[NUMBERS] = {INT64_MIN, INT64_MIN, INT64_MIN, 0};
    int error = kept_record_read_numbers(rows->kv, numbers, NUMBERS);
    rows->time_ms = max_of(numbers[NUMBER_TIME], record->timestamp_ms);
    rows->newest_ms[0] = numbers[NUMBER_NEWEST];
    rows->newest_ms[1] = numbers[NUMBER_NEWEST + 1];
    rows->count = numbers[NUMBER_COUNT];
    if (!bytes_is_null(record->key)) {
        rows->newest_ms[side] = max_of(rows->newest_ms[side], record->timestamp_ms);
    }
    return error;
}

int meeting_rows_close(struct meeting_rows *rows)
{
    const int64_t numbers[NUMBERS] = {rows->time_ms, rows->newest_ms[0], rows->newest_ms[1],
                                      rows->count};
    return kept_record_write_numbers(rows->kv, numbers, NUMBERS);
}

/* The first time of a side that can be met. */
static int64_t first_time(const struct meeting_rows *rows, enum meeting_side side)
{
    int64_t newest_ms = rows->newest_ms[side];
    return newest_ms < INT64_MIN + rows->retention_ms ? INT64_MIN
                                                      : newest_ms - rows->retention_ms + 1;
}

/* --- Records that can be met ------------------------------------------------------------------ */

/* A row "e" and what it stands for. */
static int forget_one(struct meeting_rows *rows, enum meeting_side side, struct bytes end,
                      struct bytes key)
{
    struct bytes rest = bytes_make(end.data + 2, end.size - 2);
    struct record record = {.key = key};
    int64_t time_ms = 0;
    int64_t number = 0;
    int error = row_key_take_time(&rest, &time_ms);
    error = error == 0 ? row_key_take_time(&rest, &number) : error;
    error = error == 0 ? kept_record_take_window(&rest, &record) : error;
    error = error == 0
                ? kv_put(rows->kv, make_record_row(&rows->row, side, &record, time_ms, number),
                         (struct bytes){0})
                : error;
    return error == 0 ? kv_put(rows->kv, end, (struct bytes){0}) : error;
}

static int forget(struct meeting_rows *rows, enum meeting_side side)
{
    struct bytes end;
    struct bytes key;
    begin_row(&rows->row, 'e', side);
    begin_row(&rows->end, 'e', side);
    row_key_add_time(&rows->end, first_time(rows, side));
    struct kv_iterator *iterator =
        kv_iterate(rows->kv, buffer_bytes(&rows->row), buffer_bytes(&rows->end));
    int error = 0;
    for (int i = 0; i < MEETING_FORGET_MAX && error == 0; i++) {
        if (!kv_iterator_next(iterator, &end, &key)) {
            break;
        }
        error = forget_one(rows, side, end, key);
    }
    kv_iterator_free(iterator);
    return error;
}

int meeting_rows_put(struct meeting_rows *rows, enum meeting_side side, const struct record *record,
                     int64_t *number)
{
    if (record->timestamp_ms < first_time(rows, side)) {
        return 0;
    }
    int error = forget(rows, side);
    if (error != 0) {
        return error;
    }
    *number = rows->count++;
    buffer_clear(&rows->stored);
    kept_record_write(&rows->stored, record);
    error =
        kv_put(rows->kv, make_record_row(&rows->row, side, record, record->timestamp_ms, *number),
               buffer_bytes(&rows->stored));
    begin_row(&rows->end, 'e', side);
    row_key_add_time(&rows->end, record->timestamp_ms);
    row_key_add_time(&rows->end, *number);
    kept_record_add_window(&rows->end, record);
    error = error == 0 ? kv_put(rows->kv, buffer_bytes(&rows->end), record->key) : error;
    return error == 0 ? 1 : error;
}

struct kv_iterator *meeting_rows_find(struct meeting_rows *rows, enum meeting_side side,
                                      const struct record *record, int64_t from_ms, int64_t to_ms)
{
    struct bytes from = make_record_row(&rows->row, side, record,
                                        max_of(from_ms, first_time(rows, side)), INT64_MIN);
    struct bytes to = make_record_row(&rows->end, side, record, to_ms, INT64_MAX);
    return kv_iterate(rows->kv, from, to);
}

int meeting_rows_next_found(struct meeting_rows *rows, struct kv_iterator *iterator,
                            struct meeting_row *out)
{
    struct bytes row;
    struct bytes stored;
    do { /* between those of a key may lie some of the key with a window, which are longer */
        if (!kv_iterator_next(iterator, &row, &stored)) {
            return 0;
        }
    } while (row.size != rows->end.size);
    if (row.size < sizeof(int64_t)) {
        return ERROR_CORRUPT;
    }
    struct bytes number = bytes_make(row.data + row.size - sizeof(int64_t), sizeof(int64_t));
    int error = row_key_take_time(&number, &out->number);
    error = error == 0 ? kept_record_read(stored, &out->record) : error;
    return error == 0 ? 1 : error;
}

/* --- Those that met nobody yet ---------------------------------------------------------------- */

int meeting_rows_wait(struct meeting_rows *rows, enum meeting_side side,
                      const struct record *record, int64_t number)
{
    buffer_clear(&rows->stored);
    kept_record_write(&rows->stored, record);
    return kv_put(rows->kv, make_waiting_row(&rows->row, side, record, number),
                  buffer_bytes(&rows->stored));
}

int meeting_rows_meet(struct meeting_rows *rows, enum meeting_side side,
                      const struct meeting_row *row)
{
    struct bytes stored;
    struct bytes waiting = make_waiting_row(&rows->row, side, &row->record, row->number);
    return kv_get(rows->kv, waiting, &stored) ? kv_put(rows->kv, waiting, (struct bytes){0}) : 0;
}

struct kv_iterator *meeting_rows_walk(struct meeting_rows *rows, enum meeting_side side,
                                      int64_t before_ms)
{
    begin_row(&rows->row, 'p', side);
    begin_row(&rows->end, 'p', side);
    row_key_add_time(&rows->end, before_ms);
    return kv_iterate(rows->kv, buffer_bytes(&rows->row), buffer_bytes(&rows->end));
}

int meeting_rows_next_walked(struct kv_iterator *iterator, struct buffer *key,
                             struct meeting_row *out)
{
    struct bytes row;
    struct bytes stored;
    int64_t time_ms = 0;
    if (!kv_iterator_next(iterator, &row, &stored)) {
        return 0;
    }
    struct bytes rest = bytes_make(row.data + 2, row.size - 2);
    buffer_clear(key);
    int error = row_key_take_time(&rest, &time_ms);
    error = error == 0 ? row_key_take(&rest, key) : error;
    error = error == 0 ? kept_record_take_window(&rest, &out->record) : error;
    error = error == 0 ? row_key_take_time(&rest, &out->number) : error;
    error = error == 0 ? kept_record_read(stored, &out->record) : error;
    out->record.key = buffer_bytes(key);
    return error == 0 ? 1 : error;
}
