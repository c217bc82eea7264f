/* Reads and writes the records of __transaction_state, in Kafka's formats; see transaction.h.
 *
 *     key    int16 version 0, the transactional id
 *     value  int16 version 0 or 1, then the fields; null forgets
 *
 * Values are written in version 1, as Kafka does once transaction.version is finalized. */
#include "log/base/endian.h"
#include "log/base/memory.h"
#include "log/coordinator/transaction.h"

#include <stdlib.h>

enum { TRANSACTION_LOG_KEY = 0, TRANSACTION_LOG_VALUE = 1 };

static void transaction_log_add(struct batch_builder *builder, int64_t now_ms, struct bytes id,
                                const struct transaction_log_value *value)
{
    struct transaction_log_key key = {.transactional_id = id};
    struct state_record_part name = {&transaction_log_key_schema, TRANSACTION_LOG_KEY, &key};
    struct state_record_part part = {&transaction_log_value_schema, TRANSACTION_LOG_VALUE, value};
    state_record_add(builder, now_ms, name, part);
}

/* Partitions by topic. */
static void transaction_log_fill(struct transaction_log_value *out,
                                 const struct transaction_partitions *partitions, int32_t *indexes)
{
    for (int32_t i = 0; i < partitions->count; i++) {
        const struct transaction_partition *partition = &partitions->items[i];
        struct transaction_log_value_topic *topic =
            out->partitions.count == 0 ? NULL : &out->partitions.items[out->partitions.count - 1];
        if (topic == NULL || !bytes_equal(topic->name, partition->topic)) {
            topic = &out->partitions.items[out->partitions.count++];
            topic->name = partition->topic;
            topic->indexes.items = indexes + i;
        }
        topic->indexes.items[topic->indexes.count++] = partition->index;
    }
}

void transaction_log_write(struct batch_builder *builder, int64_t now_ms, struct bytes id,
                           const struct transaction_value *value)
{
    size_t count = (size_t)value->partitions.count;
    struct transaction_log_value record = {
        .producer_id = value->producer_id,
        .producer_epoch = value->producer_epoch,
        .timeout_ms = value->timeout_ms,
        .state = (int8_t)value->state,
        .last_update_ms = value->last_update_ms,
        .start_ms = value->start_ms,
        .previous_producer_id = value->previous_producer_id,
        .next_producer_id = value->next_producer_id,
        .client_transaction_version = value->client_version,
    };
    int32_t *indexes = (int32_t *)memory_zero(count + 1, sizeof *indexes);
    record.partitions.items = (struct transaction_log_value_topic *)memory_zero(
        count + 1, sizeof *record.partitions.items);
    transaction_log_fill(&record, &value->partitions, indexes);
    if (value->state == TRANSACTION_EMPTY) {
        record.partitions.count = -1; /* as Kafka writes it */
    }
    transaction_log_add(builder, now_ms, id, &record);
    free(record.partitions.items);
    free(indexes);
}

void transaction_log_write_tombstone(struct batch_builder *builder, int64_t now_ms, struct bytes id)
{
    transaction_log_add(builder, now_ms, id, NULL);
}

int transaction_log_read(const struct batch_record *record, struct arena *arena, struct bytes *id,
                         struct transaction_log_value *out, bool *is_known)
{
    struct transaction_log_key key = {0};
    *is_known = record->key.size >= 2 && endian_read_i16(record->key.data) == TRANSACTION_LOG_KEY;
    if (!*is_known) {
        return 0;
    }
    int error = state_record_read(record->key, &transaction_log_key_schema, arena, &key);
    *id = key.transactional_id;
    *out = (struct transaction_log_value){.producer_id = -1};
    if (error == 0 && !bytes_is_null(record->value)) {
        error = state_record_read(record->value, &transaction_log_value_schema, arena, out);
    }
    return error;
}
