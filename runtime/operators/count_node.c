/* Counting; see count_node.h. */
#include "runtime/operators/count_node.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/json_writer.h"
#include "runtime/format/timed.h"

#include <stdlib.h>

struct count_node {
    struct node node;
    char *store;
    struct buffer value;
    struct buffer stored;
};

/* What the store holds for the key; nothing is a count of 0. */
static int read_count(struct kv *kv, struct bytes key, int64_t *count, int64_t *time_ms)
{
    struct bytes stored;
    *count = 0;
    *time_ms = INT64_MIN;
    if (!kv_get(kv, key, &stored)) {
        return 0;
    }
    struct bytes value;
    int error = timed_read(stored, time_ms, &value);
    for (size_t i = 0; error == 0 && i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || i >= 18) {
            return ERROR_CORRUPT;
        }
        *count = *count * 10 + (value.data[i] - '0');
    }
    return error;
}

static int count_process(struct node *node, struct node_context *context,
                         const struct record *record)
{
    struct count_node *it = (struct count_node *)(void *)node;
    if (bytes_is_null(record->key)) {
        return node_fail(node, context, ERROR_INVALID, "process",
                         "a record without a key cannot be counted");
    }
    struct kv *kv = context->store(context, it->store);
    check(kv != NULL);
    int64_t count = 0;
    int64_t time_ms = 0;
    int error = read_count(kv, record->key, &count, &time_ms);
    if (error != 0) {
        return node_fail(node, context, error, "process",
                         "the store %s holds no count for this key", it->store);
    }
    struct record counted = *record;
    counted.timestamp_ms = record->timestamp_ms > time_ms ? record->timestamp_ms : time_ms;
    buffer_clear(&it->value);
    buffer_clear(&it->stored);
    json_writer_int64(&it->value, count + 1);
    timed_write(&it->stored, counted.timestamp_ms, buffer_bytes(&it->value));
    error = kv_put(kv, record->key, buffer_bytes(&it->stored));
    if (error != 0) {
        return node_fail(node, context, error, "process", "the key does not fit the store %s: %s",
                         it->store, error_text(error));
    }
    counted.value = arena_copy(context->arena, buffer_bytes(&it->value));
    counted.value_format = VALUE_JSON;
    return node_forward(node, context, &counted);
}

static void count_free(struct node *node)
{
    struct count_node *it = (struct count_node *)(void *)node;
    buffer_fini(&it->value);
    buffer_fini(&it->stored);
    free(it->store);
    node_fini(node);
    free(it);
}

static const struct node_ops count_ops = {.process = count_process, .free = count_free};

struct node *count_node_new(const char *name, const char *store)
{
    struct count_node *it = memory_new(struct count_node);
    node_init(&it->node, &count_ops, name);
    it->store = memory_string(store);
    buffer_init(&it->value);
    buffer_init(&it->stored);
    return &it->node;
}
