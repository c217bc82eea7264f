/* Appends and walks; see driver_topic.h. */
#include "runtime/driver/driver_topic.h"

#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

struct driver_topic *driver_topic_new(const char *name)
{
    struct driver_topic *topic = memory_new(struct driver_topic);
    topic->name = memory_string(name);
    return topic;
}

static void driver_record_free(struct driver_record *row)
{
    bytes_free(row->record.key);
    bytes_free(row->record.value);
    bytes_free(row->record.headers_encoded);
    free(row);
}

void driver_topic_free(struct driver_topic *topic)
{
    for (size_t i = 0; i < topic->count; i++) {
        driver_record_free(topic->records[i]);
    }
    free(topic->records);
    free(topic->name);
    free(topic);
}

struct driver_record *driver_topic_append(struct driver_topic *topic, const struct record *record,
                                          bool is_output, bool keeps_offset, enum driver_fate fate)
{
    struct driver_record *row = memory_new(struct driver_record);
    *row = (struct driver_record){
        .record = {.topic = topic->name,
                   .partition = record->partition,
                   .offset = keeps_offset ? record->offset : topic->next_offset++,
                   .timestamp_ms = record->timestamp_ms,
                   .key = bytes_copy(record->key),
                   .value = bytes_copy(record->value),
                   .headers_encoded = bytes_copy(record->headers_encoded),
                   .header_count = record->header_count},
        .fate = fate,
        .is_output = is_output,
    };
    topic->records = memory_resize(topic->records, (topic->count + 1) * sizeof *topic->records);
    topic->records[topic->count++] = row;
    return row;
}

void driver_topic_forget(struct driver_topic *topic, size_t count)
{
    if (count == 0) {
        return;
    }
    check(count <= topic->count);
    for (size_t i = 0; i < count; i++) {
        driver_record_free(topic->records[i]);
    }
    topic->count -= count;
    memmove(topic->records, topic->records + count, topic->count * sizeof(*topic->records));
    topic->taken = topic->taken > count ? topic->taken - count : 0;
}

void driver_topic_decide(struct driver_topic *topic, enum driver_fate fate)
{
    for (size_t i = 0; i < topic->count; i++) {
        if (topic->records[i]->fate == DRIVER_OPEN) {
            topic->records[i]->fate = fate;
        }
    }
}

const struct record *driver_topic_next(const struct driver_topic *topic, int32_t partition,
                                       size_t *index)
{
    for (; *index < topic->count; ++*index) {
        const struct driver_record *row = topic->records[*index];
        if (row->record.partition == partition && row->fate != DRIVER_UNDONE) {
            return row->fate == DRIVER_COMMITTED ? &row->record : NULL;
        }
    }
    return NULL;
}

const struct record *driver_topic_take(struct driver_topic *topic)
{
    while (topic->taken < topic->count && topic->records[topic->taken]->fate != DRIVER_OPEN) {
        const struct driver_record *row = topic->records[topic->taken++];
        if (row->is_output && row->fate == DRIVER_COMMITTED) {
            return &row->record;
        }
    }
    return NULL;
}
