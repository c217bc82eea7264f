/* Changes at a pace; see pace_node.h. */
#include "runtime/operators/pace_node.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/row_key.h"
#include "runtime/operators/kept_record.h"
#include "runtime/operators/table_store.h"
#include "runtime/topology/outlet.h"

#include <stdlib.h>

enum { PACE_RELEASE_MAX = 1000 };

enum { NUMBER_TIME, NUMBER_COUNT, NUMBERS };

enum { PACE_HAS_OLD = 1, PACE_HAS_VALUE = 2 };

enum {
    PACE_FLAGS = sizeof(int64_t),
    PACE_OLD_SIZE = PACE_FLAGS + 1,
    PACE_HEAD_SIZE = PACE_OLD_SIZE + sizeof(uint32_t),
};

struct pace_node {
    struct node node;
    struct pace_node_options options;
    struct kv *kv;
    int64_t numbers[NUMBERS];
    struct buffer row;
    struct buffer end;
    struct buffer key;
    struct buffer stored;
};

/* What is held of a key. */
struct pace_change {
    int64_t since_ms;
    struct kept_value old; /* null: nothing was there before */
    struct record record;  /* value, headers, time */
};

static struct pace_node *pace_node_of(struct node *node)
{
    return (struct pace_node *)(void *)node;
}

static int pace_start(struct node *node, struct node_context *context)
{
    struct pace_node *it = pace_node_of(node);
    it->kv = context->store(context, it->options.store);
    check(it->kv != NULL);
    return 0;
}

static int fail_store(struct pace_node *it, struct node_context *context, int error)
{
    return error == 0 ? 0
                      : node_fail(&it->node, context, error, "process",
                                  "the store %s cannot hold the change back: %s", it->options.store,
                                  error_text(error));
}

/* --- Rows ------------------------------------------------------------------------------------- */

static struct bytes make_held_row(struct buffer *row, const struct record *record)
{
    buffer_clear(row);
    buffer_add_byte(row, 'h');
    kept_record_add_key(row, record);
    return buffer_bytes(row);
}

static struct bytes make_due_row(struct buffer *row, int64_t since_ms, const struct record *record)
{
    buffer_clear(row);
    buffer_add_byte(row, 'd');
    row_key_add_time(row, since_ms);
    kept_record_add_key(row, record);
    return buffer_bytes(row);
}

/* Sets the key and the window; the key lies in `key`. */
static int take_key(struct bytes row, struct buffer *key, struct record *out)
{
    buffer_clear(key);
    int error = row_key_take(&row, key);
    out->key = buffer_bytes(key);
    out->is_windowed = row.size > 0;
    if (error == 0 && out->is_windowed) {
        error = row_key_take_time(&row, &out->window_end_ms);
        error = error == 0 ? row_key_take_time(&row, &out->window_start_ms) : error;
    }
    return error == 0 && row.size > 0 ? ERROR_CORRUPT : error;
}

/* Borrowed from `stored`. */
static int read_change(struct bytes stored, struct pace_change *out)
{
    if (stored.size < PACE_HEAD_SIZE) {
        return ERROR_CORRUPT;
    }
    uint8_t flags = stored.data[PACE_FLAGS];
    size_t old_size = endian_read_u32(stored.data + PACE_OLD_SIZE);
    struct bytes rest = bytes_make(stored.data + PACE_HEAD_SIZE, stored.size - PACE_HEAD_SIZE);
    if (rest.size < old_size) {
        return ERROR_CORRUPT;
    }
    out->since_ms = endian_read_i64(stored.data);
    out->old = (struct kept_value){0};
    int error = (flags & PACE_HAS_OLD) != 0
                    ? kept_value_read(bytes_make(rest.data, old_size), &out->old)
                    : 0;
    error = error == 0 ? kept_record_read(bytes_make(rest.data + old_size, rest.size - old_size),
                                          &out->record)
                       : error;
    if ((flags & PACE_HAS_VALUE) == 0) {
        out->record.value = (struct bytes){0};
    }
    return error;
}

static int write_change(struct pace_node *it, const struct record *record,
                        const struct pace_change *change)
{
    bool has_old = !bytes_is_null(change->old.value);
    bool has_value = !bytes_is_null(record->value);
    struct record written = *record;
    uint8_t head[PACE_HEAD_SIZE] = {0};
    endian_write_i64(head, change->since_ms);
    head[PACE_FLAGS] = (uint8_t)((has_old ? PACE_HAS_OLD : 0) | (has_value ? PACE_HAS_VALUE : 0));
    buffer_clear(&it->stored);
    buffer_add(&it->stored, head, sizeof head);
    if (has_old) {
        kept_value_write(&it->stored, &change->old);
    }
    endian_write_u32(it->stored.data + PACE_OLD_SIZE, (uint32_t)(it->stored.size - PACE_HEAD_SIZE));
    if (!has_value) {
        written.value = BYTES_LITERAL("");
        written.value_format = VALUE_BYTES;
    }
    kept_record_write(&it->stored, &written);
    return kv_put(it->kv, make_held_row(&it->row, record), buffer_bytes(&it->stored));
}

/* --- Holding ---------------------------------------------------------------------------------- */

static int hold(struct pace_node *it, struct node_context *context, const struct record *record)
{
    struct bytes stored;
    struct pace_change change = {.since_ms = record->timestamp_ms};
    if (kv_get(it->kv, make_held_row(&it->row, record), &stored)) {
        int error = read_change(arena_copy(context->arena, stored), &change);
        return error == 0 ? write_change(it, record, &change) : error;
    }
    change.old = (struct kept_value){.timestamp_ms = record->timestamp_ms,
                                     .value = record->old_value,
                                     .value_format = record->value_format};
    it->numbers[NUMBER_COUNT]++;
    int error = write_change(it, record, &change);
    return error == 0
               ? kv_put(it->kv, make_due_row(&it->row, change.since_ms, record), BYTES_LITERAL("."))
               : error;
}

/* --- Letting go ------------------------------------------------------------------------------- */

/* Both rows of a key leave the store; what was held goes on as a record like `template`. */
static int release_one(struct pace_node *it, struct node_context *context, struct bytes due,
                       const struct record *template)
{
    struct record made = *template;
    struct bytes stored;
    struct pace_change change;
    struct bytes key = bytes_make(due.data + 1 + sizeof(int64_t), due.size - 1 - sizeof(int64_t));
    int error = take_key(key, &it->key, &made);
    made.key = arena_copy(context->arena, made.key);
    error = error == 0 ? kv_put(it->kv, due, (struct bytes){0}) : error;
    if (error == 0 && !kv_get(it->kv, make_held_row(&it->row, &made), &stored)) {
        error = ERROR_CORRUPT; /* (2) */
    }
    error = error == 0 ? read_change(arena_copy(context->arena, stored), &change) : error;
    error = error == 0 ? kv_put(it->kv, make_held_row(&it->row, &made), (struct bytes){0}) : error;
    if (error != 0) {
        return fail_store(it, context, error);
    }
    it->numbers[NUMBER_COUNT]--;
    made.timestamp_ms = change.record.timestamp_ms;
    made.headers_encoded = change.record.headers_encoded;
    made.header_count = change.record.header_count;
    made.value = change.record.value;
    made.value_format = change.record.value_format;
    error = table_store_change(&it->node, context, &change.old, &made);
    return error == 0 ? node_forward(&it->node, context, &made) : error;
}

/* Those held since before `end_ms`, oldest first, while more than `count_min` are held. */
static int release(struct pace_node *it, struct node_context *context, int64_t end_ms,
                   int64_t count_min, const struct record *template)
{
    struct bytes due;
    struct bytes nothing;
    buffer_clear(&it->row);
    buffer_add_byte(&it->row, 'd');
    buffer_clear(&it->end);
    buffer_add_byte(&it->end, 'd');
    row_key_add_time(&it->end, end_ms);
    struct kv_iterator *iterator =
        kv_iterate(it->kv, buffer_bytes(&it->row), buffer_bytes(&it->end));
    int error = 0;
    for (int i = 0; i < PACE_RELEASE_MAX && error == 0; i++) {
        if (it->numbers[NUMBER_COUNT] <= count_min || !kv_iterator_next(iterator, &due, &nothing)) {
            break;
        }
        error = due.size > 1 + sizeof(int64_t)
                    ? release_one(it, context, arena_copy(context->arena, due), template)
                    : fail_store(it, context, ERROR_CORRUPT);
    }
    kv_iterator_free(iterator);
    return error;
}

static int pace_process(struct node *node, struct node_context *context,
                        const struct record *record)
{
    struct pace_node *it = pace_node_of(node);
    struct record change = *record;
    if (bytes_is_null(record->key)) {
        return node_fail(node, context, ERROR_INVALID, "process",
                         "a record without a key cannot be held back");
    }
    if (record->is_past) {
        return 0; /* what is newer is known already */
    }
    int error = outlet_make_plain(node, context, &change);
    if (error != 0) {
        return error;
    }
    it->numbers[NUMBER_TIME] = -1;
    it->numbers[NUMBER_COUNT] = 0;
    error = kept_record_read_numbers(it->kv, it->numbers, NUMBERS);
    if (record->timestamp_ms > it->numbers[NUMBER_TIME]) {
        it->numbers[NUMBER_TIME] = record->timestamp_ms;
    }
    error = fail_store(it, context, error == 0 ? hold(it, context, &change) : error);
    int64_t end_ms = it->numbers[NUMBER_TIME] - it->options.every_ms + 1;
    error = error == 0 ? release(it, context, end_ms, 0, &change) : error;
    if (error == 0 && it->options.count_max > 0 &&
        it->numbers[NUMBER_COUNT] > it->options.count_max) {
        error = release(it, context, INT64_MAX, it->options.count_max, &change);
    }
    return error == 0
               ? fail_store(it, context, kept_record_write_numbers(it->kv, it->numbers, NUMBERS))
               : error;
}

/* What is held, as it will go on. */
static int pace_read_row(struct node *node, struct node_context *context, struct bytes row,
                         struct bytes stored, struct record *out)
{
    struct pace_node *it = pace_node_of(node);
    struct pace_change change;
    if (row.size == 0 || row.data[0] != 'h') {
        return 0;
    }
    int error = read_change(stored, &change);
    *out = change.record;
    out->partition = -1;
    out->offset = -1;
    error = error == 0 ? take_key(bytes_make(row.data + 1, row.size - 1), &it->key, out) : error;
    return error == 0 ? 1 : fail_store(it, context, error);
}

static void pace_free(struct node *node)
{
    struct pace_node *it = pace_node_of(node);
    buffer_fini(&it->row);
    buffer_fini(&it->end);
    buffer_fini(&it->key);
    buffer_fini(&it->stored);
    free((void *)(uintptr_t)it->options.store);
    node_fini(node);
    free(it);
}

static const struct node_ops pace_ops = {
    .process = pace_process, .start = pace_start, .free = pace_free, .read_row = pace_read_row};

struct node *pace_node_new(const char *name, const struct pace_node_options *options)
{
    struct pace_node *it = memory_new(struct pace_node);
    check(options->every_ms > 0);
    check(options->count_max >= 0);
    node_init(&it->node, &pace_ops, name);
    it->options = *options;
    it->options.store = memory_string(options->store);
    it->node.row_store = it->options.store;
    buffer_init(&it->row);
    buffer_init(&it->end);
    buffer_init(&it->key);
    buffer_init(&it->stored);
    return &it->node;
}
