/* What went by; see kv_sweep.h. */
#include "runtime/state/kv_sweep.h"

#include "log/base/error.h"
#include "runtime/format/row_key.h"

enum {
    SWEEPS_IN_SPAN = 16,
    COUNT_MAX = 1000,
};

static bool is_empty(struct kv *kv)
{
    struct kv_iterator *iterator = kv_iterate(kv, (struct bytes){0}, (struct bytes){0});
    struct bytes row;
    struct bytes ignored;
    bool has_any = kv_iterator_next(iterator, &row, &ignored);
    kv_iterator_free(iterator);
    return !has_any;
}

int kv_sweep_judge(struct kv *kv, uint8_t name)
{
    struct bytes stored;
    return kv_get(kv, bytes_make(&name, 1), &stored) || is_empty(kv) ? 0 : ERROR_CORRUPT; /* (1) */
}

/* 1, 0 when that was done lately, or ERROR_CORRUPT. */
static int is_due(const struct kv_sweep *sweep)
{
    struct bytes stored;
    int64_t swept_ms = 0;
    if (!kv_get(sweep->kv, bytes_make(&sweep->name, 1), &stored)) {
        return 1;
    }
    if (row_key_take_time(&stored, &swept_ms) != 0 || stored.size > 0) {
        return ERROR_CORRUPT;
    }
    return sweep->before_ms - swept_ms > sweep->span_ms / SWEEPS_IN_SPAN;
}

static int write_done(const struct kv_sweep *sweep)
{
    struct buffer time;
    buffer_init(&time);
    row_key_add_time(&time, sweep->before_ms);
    int error = kv_put(sweep->kv, bytes_make(&sweep->name, 1), buffer_bytes(&time));
    buffer_fini(&time);
    return error;
}

int kv_sweep(const struct kv_sweep *sweep)
{
    struct bytes row;
    struct bytes ignored;
    int count = 0;
    int due = is_due(sweep);
    if (due != 1) {
        return due;
    }
    int error = 0;
    struct kv_iterator *iterator = kv_iterate(sweep->kv, sweep->from, sweep->to);
    while (error == 0 && count < COUNT_MAX && kv_iterator_next(iterator, &row, &ignored)) {
        error = sweep->remove(sweep->owner, row);
        count++;
    }
    kv_iterator_free(iterator);
    return error == 0 && count < COUNT_MAX ? write_done(sweep) : error;
}
