/* Versions of keys; see history.h. */
#include "runtime/state/history.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "runtime/format/row_key.h"

enum {
    HISTORY_FORGET_MAX = 32, /* versions that one put forgets; it makes two at most */
    HISTORY_END_SIZE = 8,
};

static const uint8_t has_value = 1;

void history_init(struct history *history, struct kv *kv, int64_t span_ms)
{
    *history = (struct history){.kv = kv, .span_ms = span_ms};
    buffer_init(&history->row);
    buffer_init(&history->other);
    buffer_init(&history->stored);
    buffer_init(&history->key);
}

void history_fini(struct history *history)
{
    buffer_fini(&history->row);
    buffer_fini(&history->other);
    buffer_fini(&history->stored);
    buffer_fini(&history->key);
}

/* --- Rows ------------------------------------------------------------------------------------- */

static struct bytes make_version_row(struct buffer *row, struct bytes key, int64_t from_ms)
{
    buffer_clear(row);
    buffer_add_byte(row, 'v');
    row_key_add(row, key);
    row_key_add_time_down(row, from_ms);
    return buffer_bytes(row);
}

static struct bytes make_end_row(struct buffer *row, int64_t end_ms, struct bytes key,
                                 int64_t from_ms)
{
    buffer_clear(row);
    buffer_add_byte(row, 'x');
    row_key_add_time(row, end_ms);
    row_key_add(row, key);
    row_key_add_time(row, from_ms);
    return buffer_bytes(row);
}

static int read_version(struct bytes row, struct bytes stored, struct history_version *out)
{
    if (row.size < HISTORY_END_SIZE || stored.size < HISTORY_END_SIZE) {
        return ERROR_CORRUPT;
    }
    struct bytes time = bytes_make(row.data + row.size - HISTORY_END_SIZE, HISTORY_END_SIZE);
    if (row_key_take_time_down(&time, &out->from_ms) != 0) {
        return ERROR_CORRUPT;
    }
    out->to_ms = endian_read_i64(stored.data);
    out->value = stored.size == HISTORY_END_SIZE ? (struct bytes){0}
                                                 : bytes_make(stored.data + HISTORY_END_SIZE + 1,
                                                              stored.size - HISTORY_END_SIZE - 1);
    return 0;
}

int history_read_row(struct bytes row, struct bytes stored, struct buffer *key,
                     struct history_version *out)
{
    if (row.size == 0 || row.data[0] != 'v') {
        return 0;
    }
    struct bytes rest = bytes_make(row.data + 1, row.size - 1);
    int error = row_key_take(&rest, key);
    error = error == 0 ? read_version(row, stored, out) : error;
    return error == 0 ? 1 : error;
}

static int write_version(struct history *history, struct bytes key,
                         const struct history_version *version)
{
    uint8_t end[HISTORY_END_SIZE];
    endian_write_i64(end, version->to_ms);
    buffer_clear(&history->stored);
    buffer_add(&history->stored, end, sizeof end);
    if (!bytes_is_null(version->value)) {
        buffer_add_byte(&history->stored, has_value);
        buffer_add_bytes(&history->stored, version->value);
    }
    return kv_put(history->kv, make_version_row(&history->row, key, version->from_ms),
                  buffer_bytes(&history->stored));
}

/* Versions of the key from the newest that begins at or before a time, backwards. */
static struct kv_iterator *iterate_back(struct history *history, struct bytes key, int64_t from_ms)
{
    struct bytes first = make_version_row(&history->row, key, from_ms);
    struct bytes last = make_version_row(&history->other, key, INT64_MIN);
    buffer_add_byte(&history->other, 0); /* that one too */
    last.size++;
    return kv_iterate(history->kv, first, bytes_make(history->other.data, last.size));
}

/* 1 with the version that begins at or before a time, 0 or an error; the value in `other`. */
static int find_before(struct history *history, struct bytes key, int64_t time_ms,
                       struct history_version *out)
{
    struct bytes row;
    struct bytes stored;
    struct kv_iterator *iterator = iterate_back(history, key, time_ms);
    int result = kv_iterator_next(iterator, &row, &stored);
    if (result == 1) {
        buffer_clear(&history->other);
        buffer_add_bytes(&history->other, row);
        size_t row_size = row.size;
        buffer_add_bytes(&history->other, stored);
        result = read_version(
            bytes_make(history->other.data, row_size),
            bytes_make(history->other.data + row_size, history->other.size - row_size), out);
        result = result == 0 ? 1 : result;
    }
    kv_iterator_free(iterator);
    return result;
}

/* Where the oldest version of a key begins, all of which lie behind a time; INT64_MAX without. */
static int find_oldest(struct history *history, struct bytes key, int64_t *from_ms)
{
    struct bytes row;
    struct bytes stored;
    struct history_version version = {.from_ms = INT64_MAX};
    struct kv_iterator *iterator = iterate_back(history, key, INT64_MAX);
    int error = 0;
    while (error == 0 && kv_iterator_next(iterator, &row, &stored)) {
        error = read_version(row, stored, &version);
    }
    kv_iterator_free(iterator);
    *from_ms = version.from_ms;
    return error;
}

/* When a version is over; INT64_MAX: never. A removed key is as good as none. */
static int64_t end_of(const struct history_version *version)
{
    return version->to_ms == INT64_MAX && bytes_is_null(version->value) ? version->from_ms
                                                                        : version->to_ms;
}

static int mark_end(struct history *history, struct bytes key,
                    const struct history_version *version, bool is_there)
{
    int64_t end_ms = end_of(version);
    if (end_ms == INT64_MAX) {
        return 0;
    }
    return kv_put(history->kv, make_end_row(&history->row, end_ms, key, version->from_ms),
                  is_there ? BYTES_LITERAL("") : (struct bytes){0});
}

/* --- The time --------------------------------------------------------------------------------- */

int64_t history_time(struct history *history)
{
    struct bytes stored;
    return kv_get(history->kv, BYTES_LITERAL("t"), &stored) && stored.size == HISTORY_END_SIZE
               ? endian_read_i64(stored.data)
               : INT64_MIN;
}

static int observe(struct history *history, int64_t time_ms)
{
    uint8_t encoded[HISTORY_END_SIZE];
    endian_write_i64(encoded, time_ms);
    return kv_put(history->kv, BYTES_LITERAL("t"), bytes_make(encoded, sizeof encoded));
}

/* Before the first time that can be asked for. */
static bool is_too_old(const struct history *history, int64_t newest_ms, int64_t time_ms)
{
    return newest_ms >= INT64_MIN + history->span_ms && time_ms < newest_ms - history->span_ms;
}

/* A row "x" as a version to forget. */
static int forget_one(struct history *history, struct bytes end_row)
{
    int64_t time_ms = 0;
    struct bytes rest = bytes_make(end_row.data + 1, end_row.size - 1);
    buffer_clear(&history->key);
    int error = row_key_take_time(&rest, &time_ms);
    error = error == 0 ? row_key_take(&rest, &history->key) : error;
    error = error == 0 ? row_key_take_time(&rest, &time_ms) : error;
    error = error == 0
                ? kv_put(history->kv,
                         make_version_row(&history->row, buffer_bytes(&history->key), time_ms),
                         (struct bytes){0})
                : error;
    return error == 0 ? kv_put(history->kv, end_row, (struct bytes){0}) : error;
}

/* What ended before the span is removed, the oldest first. */
static int forget(struct history *history, int64_t newest_ms)
{
    if (newest_ms < INT64_MIN + history->span_ms) {
        return 0;
    }
    buffer_clear(&history->other);
    buffer_add_byte(&history->other, 'x');
    row_key_add_time(&history->other, newest_ms - history->span_ms);
    buffer_add_byte(&history->other, 255); /* times that equal it too */
    struct kv_iterator *iterator =
        kv_iterate(history->kv, BYTES_LITERAL("x"), buffer_bytes(&history->other));
    struct bytes row;
    struct bytes stored;
    int error = 0;
    for (int i = 0; i < HISTORY_FORGET_MAX && error == 0; i++) {
        if (!kv_iterator_next(iterator, &row, &stored)) {
            break;
        }
        error = forget_one(history, row);
    }
    kv_iterator_free(iterator);
    return error;
}

/* --- Putting and asking ----------------------------------------------------------------------- */

/* What held at the new version's time ends there. */
static int end_before(struct history *history, struct bytes key, struct history_version *before,
                      int64_t time_ms)
{
    int error = mark_end(history, key, before, false);
    if (error == 0 && before->from_ms < time_ms) {
        before->to_ms = time_ms;
        error = write_version(history, key, before);
        error = error == 0 ? mark_end(history, key, before, true) : error;
    }
    return error;
}

int history_put(struct history *history, struct bytes key, int64_t from_ms, struct bytes value,
                int64_t *to_ms)
{
    int64_t newest_ms = history_time(history);
    if (is_too_old(history, newest_ms, from_ms)) {
        return 0;
    }
    int error = from_ms > newest_ms ? observe(history, from_ms) : 0;
    newest_ms = from_ms > newest_ms ? from_ms : newest_ms;
    struct history_version version = {.from_ms = from_ms, .value = value};
    struct history_version before;
    int found = error == 0 ? find_before(history, key, from_ms, &before) : error;
    if (found == 1) {
        version.to_ms = before.to_ms;
        error = end_before(history, key, &before, from_ms);
    } else {
        error = found == 0 ? find_oldest(history, key, &version.to_ms) : found;
    }
    error = error == 0 ? write_version(history, key, &version) : error;
    error = error == 0 ? mark_end(history, key, &version, true) : error;
    error = error == 0 ? forget(history, newest_ms) : error;
    if (error == 0 && to_ms != NULL) {
        *to_ms = version.to_ms;
    }
    return error == 0 ? 1 : error;
}

int history_get(struct history *history, struct bytes key, int64_t as_of_ms,
                struct history_version *out)
{
    int found = find_before(history, key, as_of_ms, out);
    if (found != 1) {
        return found;
    }
    bool is_newest = out->to_ms == INT64_MAX;
    bool is_known = is_newest || !is_too_old(history, history_time(history), as_of_ms);
    return is_known && !bytes_is_null(out->value);
}

void history_check(struct history *history)
{
    struct bytes row;
    struct bytes stored;
    struct kv_iterator *iterator = kv_iterate(history->kv, BYTES_LITERAL("v"), BYTES_LITERAL("w"));
    struct history_version newer = {0};
    struct history_version version;
    buffer_clear(&history->key);
    while (kv_iterator_next(iterator, &row, &stored)) {
        check(read_version(row, stored, &version) == 0);
        struct bytes key = bytes_make(row.data, row.size - HISTORY_END_SIZE);
        bool is_same = bytes_equal(key, buffer_bytes(&history->key));
        check(version.to_ms == (is_same ? newer.from_ms : INT64_MAX));
        newer = version;
        buffer_clear(&history->key);
        buffer_add_bytes(&history->key, key);
    }
    kv_iterator_free(iterator);
}
