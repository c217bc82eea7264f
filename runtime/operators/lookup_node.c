/* Streams joined with tables; see lookup_node.h. */
#include "runtime/operators/lookup_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/row_key.h"
#include "runtime/operators/kept_record.h"
#include "runtime/topology/outlet.h"

#include <stdlib.h>

enum { LOOKUP_RELEASE_MAX = 1000 }; /* records that one lets go on */

struct lookup_node {
    struct node node;
    struct lookup_node_options options;
    struct table_store table;
    char *waiting_store;
    struct kv *waiting;
    struct buffer row;
    struct buffer stored;
};

/* Numbers in the store of the waiting. */
enum { LOOKUP_TIME, LOOKUP_COUNT, LOOKUP_NUMBERS };

static struct lookup_node *lookup_node_of(struct node *node)
{
    return (struct lookup_node *)(void *)node;
}

static int lookup_start(struct node *node, struct node_context *context)
{
    struct lookup_node *it = lookup_node_of(node);
    table_store_open(&it->table, context);
    if (it->waiting_store != NULL) {
        it->waiting = context->store(context, it->waiting_store);
        check(it->waiting != NULL);
    }
    return 0;
}

static int fail_store(struct lookup_node *it, struct node_context *context, int error)
{
    return error == 0 ? 0
                      : node_fail(&it->node, context, error, "process",
                                  "the store %s cannot keep the record: %s", it->waiting_store,
                                  error_text(error));
}

/* What to look under; null: nothing. */
static int find_key(struct lookup_node *it, struct node_context *context,
                    const struct record *record, struct bytes *key)
{
    struct record mapped;
    *key = record->key;
    if (!it->options.has_mapper) {
        return 0;
    }
    int result = mapper_map(&it->options.mapper, &it->node, context, record, &mapped);
    *key = result == 1 ? mapped.key : (struct bytes){0};
    return result < 0 ? result : 0;
}

static int join_record(struct lookup_node *it, struct node_context *context,
                       const struct record *record)
{
    struct kept_value left;
    struct kept_value right = {0};
    struct bytes key;
    struct record made = *record;
    int found = find_key(it, context, record, &key);
    if (found == 0 && !bytes_is_null(key)) {
        found = table_store_get(&it->table, &it->node, context, key, record->timestamp_ms, &right);
    }
    if (found < 0 || (found == 0 && !it->options.keeps_unmatched)) {
        return found;
    }
    int error = outlet_make_plain(&it->node, context, &made);
    left = table_store_kept(&made);
    int result = error == 0
                     ? joiner_join(&it->options.joiner, &it->node, context, &left, &right, &made)
                     : error;
    return result == 1 ? node_forward(&it->node, context, &made) : result;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

static int put_waiting(struct lookup_node *it, struct node_context *context,
                       const struct record *record, int64_t number)
{
    struct record plain = *record;
    int error = outlet_make_plain(&it->node, context, &plain);
    if (error != 0) {
        return error;
    }
    buffer_clear(&it->row);
    buffer_add_byte(&it->row, 'r');
    row_key_add_time(&it->row, record->timestamp_ms);
    kept_record_add_key(&it->row, record);
    row_key_add_time(&it->row, number);
    buffer_clear(&it->stored);
    kept_record_write(&it->stored, &plain);
    return fail_store(it, context,
                      kv_put(it->waiting, buffer_bytes(&it->row), buffer_bytes(&it->stored)));
}

/* A row as the record it was; the rest is that of `template`. */
static int read_waiting(struct lookup_node *it, struct node_context *context, struct bytes row,
                        struct bytes stored, struct record *record)
{
    struct bytes rest = bytes_make(row.data + 1, row.size - 1);
    int64_t time_ms = 0;
    buffer_clear(&it->row);
    int error = row_key_take_time(&rest, &time_ms);
    error = error == 0 ? row_key_take(&rest, &it->row) : error;
    error = error == 0 ? kept_record_take_window(&rest, record) : error;
    error = error == 0 ? kept_record_read(arena_copy(context->arena, stored), record) : error;
    record->key = arena_copy(context->arena, buffer_bytes(&it->row));
    return fail_store(it, context, error);
}

/* Those whose time came go on. */
static int release(struct lookup_node *it, struct node_context *context,
                   const struct record *template, int64_t time_ms)
{
    struct bytes row;
    struct bytes stored;
    buffer_clear(&it->row);
    buffer_add_byte(&it->row, 'r');
    row_key_add_time(&it->row, time_ms - it->options.grace_ms + 1);
    struct kv_iterator *iterator =
        kv_iterate(it->waiting, BYTES_LITERAL("r"), buffer_bytes(&it->row));
    int error = 0;
    for (int i = 0; i < LOOKUP_RELEASE_MAX && error == 0; i++) {
        if (!kv_iterator_next(iterator, &row, &stored)) {
            break;
        }
        struct record record = *template;
        error = read_waiting(it, context, row, stored, &record);
        error = error == 0 ? fail_store(it, context, kv_put(it->waiting, row, (struct bytes){0}))
                           : error;
        error = error == 0 ? join_record(it, context, &record) : error;
    }
    kv_iterator_free(iterator);
    return error;
}

static int wait_and_release(struct lookup_node *it, struct node_context *context,
                            const struct record *record)
{
    int64_t numbers[LOOKUP_NUMBERS] = {record->timestamp_ms, 0};
    int error =
        fail_store(it, context, kept_record_read_numbers(it->waiting, numbers, LOOKUP_NUMBERS));
    if (record->timestamp_ms > numbers[LOOKUP_TIME]) {
        numbers[LOOKUP_TIME] = record->timestamp_ms;
    }
    error = error == 0 ? put_waiting(it, context, record, numbers[LOOKUP_COUNT]++) : error;
    error = error == 0 ? fail_store(it, context,
                                    kept_record_write_numbers(it->waiting, numbers, LOOKUP_NUMBERS))
                       : error;
    return error == 0 ? release(it, context, record, numbers[LOOKUP_TIME]) : error;
}

static int lookup_process(struct node *node, struct node_context *context,
                          const struct record *record)
{
    struct lookup_node *it = lookup_node_of(node);
    bool has_key = !bytes_is_null(record->key);
    bool can_match = has_key || it->options.has_mapper || it->options.keeps_unmatched;
    if (bytes_is_null(record->value) || !can_match) {
        return 0;
    }
    return it->waiting != NULL && has_key ? wait_and_release(it, context, record)
                                          : join_record(it, context, record);
}

static bool lookup_expect(struct node *node, const struct record *record)
{
    struct lookup_node *it = lookup_node_of(node);
    bool is_told = !it->options.has_mapper && !it->table.has_history && it->waiting == NULL;
    if (is_told && !bytes_is_null(record->key)) {
        kv_expect(it->table.kv, record->key);
    }
    return is_told;
}

static void lookup_free(struct node *node)
{
    struct lookup_node *it = lookup_node_of(node);
    if (it->options.has_mapper) {
        mapper_free(&it->options.mapper);
    }
    table_store_fini(&it->table);
    buffer_fini(&it->row);
    buffer_fini(&it->stored);
    free(it->waiting_store);
    node_fini(node);
    free(it);
}

static const struct node_ops lookup_ops = {.process = lookup_process,
                                           .expect = lookup_expect,
                                           .start = lookup_start,
                                           .free = lookup_free,
                                           .read_row = node_hide_row};

struct node *lookup_node_new(const char *name, const struct lookup_node_options *options)
{
    struct lookup_node *it = memory_new(struct lookup_node);
    node_init(&it->node, &lookup_ops, name);
    it->options = *options;
    it->waiting_store = memory_string(options->waiting_store);
    it->node.row_store = it->waiting_store;
    table_store_init(&it->table, &options->table);
    buffer_init(&it->row);
    buffer_init(&it->stored);
    return &it->node;
}
