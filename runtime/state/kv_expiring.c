/* Values that last for so long; see kv_expiring.h. */
#include "runtime/state/kv_expiring.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/row_key.h"
#include "runtime/state/kv_kind.h"
#include "runtime/state/kv_sweep.h"

#include <stdlib.h>

enum {
    ROW_VALUE = 0,
    ROW_TIME = 1,
    ROW_SWEPT = 2,
    TIME_SIZE = sizeof(int64_t),
};

struct kv_expiring {
    struct kv kv;
    struct kv *below; /* NULL: not pointed at anything yet */
    int64_t ttl_ms;
    int64_t now_ms;
    struct buffer row;
    struct buffer other;
    struct buffer value;
};

static struct kv_expiring *expiring_of(struct kv *kv)
{
    return (struct kv_expiring *)(void *)kv;
}

static struct bytes value_row(struct buffer *out, struct bytes key)
{
    buffer_clear(out);
    buffer_add_byte(out, ROW_VALUE);
    buffer_add_bytes(out, key);
    return buffer_bytes(out);
}

static struct bytes time_row(struct buffer *out, int64_t time_ms, struct bytes key)
{
    buffer_clear(out);
    buffer_add_byte(out, ROW_TIME);
    row_key_add_time(out, time_ms);
    buffer_add_bytes(out, key);
    return buffer_bytes(out);
}

/* Behind the first byte of a row 1. False for what is none. */
static bool read_time_row(struct bytes row, int64_t *time_ms, struct bytes *key)
{
    *key = bytes_make(row.data + 1, row.size - 1);
    return row_key_take_time(key, time_ms) == 0;
}

/* What is stored under a row 0. False for what was not written here. */
static bool read_stored(struct bytes stored, int64_t *time_ms, struct bytes *value)
{
    *value = stored;
    return row_key_take_time(value, time_ms) == 0;
}

static bool has_gone_by(int64_t time_ms, int64_t ttl_ms, int64_t now_ms)
{
    return time_ms <= now_ms - ttl_ms;
}

static bool expiring_get(struct kv *kv, struct bytes key, struct bytes *value)
{
    struct kv_expiring *it = expiring_of(kv);
    struct bytes stored;
    int64_t time_ms;
    return kv_get(it->below, value_row(&it->row, key), &stored) &&
           read_stored(stored, &time_ms, value) && !has_gone_by(time_ms, it->ttl_ms, it->now_ms);
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* Both rows of a key, by its row 1. */
static int remove_row(void *owner, struct bytes row)
{
    struct kv_expiring *it = owner;
    int64_t time_ms;
    struct bytes key;
    if (!read_time_row(row, &time_ms, &key)) {
        return ERROR_CORRUPT;
    }
    int error = kv_put(it->below, value_row(&it->row, key), (struct bytes){0});
    return error == 0 ? kv_put(it->below, row, (struct bytes){0}) : error;
}

static int sweep(struct kv_expiring *it)
{
    const uint8_t first = ROW_TIME;
    int64_t before_ms = it->now_ms - it->ttl_ms + 1;
    const struct kv_sweep sweep = {.kv = it->below,
                                   .name = ROW_SWEPT,
                                   .span_ms = it->ttl_ms,
                                   .before_ms = before_ms,
                                   .from = bytes_make(&first, 1),
                                   .to = time_row(&it->other, before_ms, (struct bytes){0}),
                                   .remove = remove_row,
                                   .owner = it};
    return kv_sweep(&sweep);
}

/* The row 1 of what is overwritten goes. */
static int forget_time(struct kv_expiring *it, struct bytes key)
{
    struct bytes stored;
    struct bytes ignored;
    int64_t time_ms;
    if (!kv_get(it->below, value_row(&it->row, key), &stored)) {
        return 0;
    }
    return read_stored(stored, &time_ms, &ignored)
               ? kv_put(it->below, time_row(&it->other, time_ms, key), (struct bytes){0})
               : ERROR_CORRUPT;
}

static int expiring_put(struct kv *kv, struct bytes key, struct bytes value)
{
    struct kv_expiring *it = expiring_of(kv);
    if (key.size + 1 + TIME_SIZE > KV_KEY_SIZE_MAX || value.size + TIME_SIZE > KV_VALUE_SIZE_MAX) {
        return ERROR_TOO_LARGE;
    }
    buffer_clear(&it->value); /* first: the value may be a view of what is changed */
    row_key_add_time(&it->value, it->now_ms);
    buffer_add_bytes(&it->value, value);
    int error = kv_sweep_judge(it->below, ROW_SWEPT);
    error = error == 0 ? forget_time(it, key) : error;
    if (error == 0 && bytes_is_null(value)) {
        error = kv_put(it->below, value_row(&it->row, key), (struct bytes){0});
    } else if (error == 0) {
        error = kv_put(it->below, value_row(&it->row, key), buffer_bytes(&it->value));
        error = error == 0
                    ? kv_put(it->below, time_row(&it->other, it->now_ms, key), BYTES_LITERAL(""))
                    : error;
    }
    return error == 0 ? sweep(it) : error;
}

/* --- Iteration -------------------------------------------------------------------------------- */

struct expiring_iterator {
    struct kv_iterator iterator;
    struct kv_iterator *below;
    int64_t ttl_ms;
    int64_t now_ms;
};

static bool iterator_next(struct kv_iterator *base, struct bytes *key, struct bytes *value)
{
    struct expiring_iterator *it = (struct expiring_iterator *)(void *)base;
    struct bytes row;
    struct bytes stored;
    while (kv_iterator_next(it->below, &row, &stored)) {
        int64_t time_ms;
        if (read_stored(stored, &time_ms, value) && !has_gone_by(time_ms, it->ttl_ms, it->now_ms)) {
            *key = bytes_make(row.data + 1, row.size - 1);
            return true;
        }
    }
    return false;
}

static void iterator_free(struct kv_iterator *base)
{
    kv_iterator_free(((struct expiring_iterator *)(void *)base)->below);
    free(base);
}

static struct kv_iterator *expiring_iterate(struct kv *kv, struct bytes from, struct bytes to)
{
    const uint8_t end = ROW_VALUE + 1;
    struct kv_expiring *it = expiring_of(kv);
    struct expiring_iterator *made = memory_new(struct expiring_iterator);
    made->iterator.next = iterator_next;
    made->iterator.free = iterator_free;
    made->ttl_ms = it->ttl_ms;
    made->now_ms = it->now_ms;
    made->below = kv_iterate(it->below, value_row(&it->row, from),
                             bytes_is_null(to) ? bytes_make(&end, 1) : value_row(&it->other, to));
    return &made->iterator;
}

/* --- Life ------------------------------------------------------------------------------------- */

/* (1) */
static void expiring_check(const struct kv *kv)
{
    const struct kv_expiring *it = (const struct kv_expiring *)(const void *)kv;
    struct kv_iterator *iterator = kv_iterate(it->below, (struct bytes){0}, (struct bytes){0});
    struct buffer other;
    struct bytes row;
    struct bytes stored;
    int64_t value_count = 0;
    buffer_init(&other);
    while (kv_iterator_next(iterator, &row, &stored)) {
        int64_t time_ms;
        struct bytes rest;
        struct bytes found;
        check(row.size > 0 && row.data[0] <= ROW_SWEPT);
        if (row.data[0] == ROW_VALUE) {
            struct bytes key = bytes_make(row.data + 1, row.size - 1);
            check(read_stored(stored, &time_ms, &rest));
            check(kv_get(it->below, time_row(&other, time_ms, key), &found));
        }
        value_count += row.data[0] == ROW_VALUE;
        value_count -= row.data[0] == ROW_TIME;
    }
    check(value_count == 0);
    kv_iterator_free(iterator);
    buffer_fini(&other);
}

static void expiring_free(struct kv *kv)
{
    struct kv_expiring *it = expiring_of(kv);
    buffer_fini(&it->row);
    buffer_fini(&it->other);
    buffer_fini(&it->value);
    kv_fini(kv);
    free(it);
}

struct kv *kv_new_expiring(void)
{
    static const struct kv_ops ops = {.get = expiring_get,
                                      .put = expiring_put,
                                      .count = kv_count_rows,
                                      .iterate = expiring_iterate,
                                      .judge = expiring_check,
                                      .free = expiring_free};
    struct kv_expiring *it = memory_new(struct kv_expiring);
    kv_init(&it->kv, &ops, "expiring");
    buffer_init(&it->row);
    buffer_init(&it->other);
    buffer_init(&it->value);
    return &it->kv;
}

void kv_expiring_point(struct kv *view, struct kv *below, int64_t ttl_ms, int64_t now_ms)
{
    struct kv_expiring *it = expiring_of(view);
    check(ttl_ms > 0);
    it->below = below;
    it->ttl_ms = ttl_ms;
    it->now_ms = now_ms;
}
