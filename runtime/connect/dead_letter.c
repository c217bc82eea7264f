/* Adds Kafka Connect's error headers to a record; see dead_letter.h. */
#include "runtime/connect/dead_letter.h"

#include <inttypes.h>

enum { DEAD_LETTER_HEADER_COUNT = 5 };

static struct batch_header dead_letter_header(const char *name, const char *value)
{
    return (struct batch_header){.key = bytes_from_string(name),
                                 .value = bytes_from_string(value == NULL ? "" : value)};
}

int dead_letter_send(struct producer *producer, struct arena *arena, const char *topic,
                     const char *connector, const struct tidemill_record *record,
                     const char *reason,
                     void (*done)(void *owner, int error, int32_t partition, int64_t offset),
                     void *owner)
{
    struct batch_header *headers =
        arena_array(arena, struct batch_header, record->header_count + DEAD_LETTER_HEADER_COUNT);
    size_t count = 0;
    for (; count < record->header_count; count++) {
        headers[count] = (struct batch_header){
            .key = bytes_make(record->headers[count].name.data, record->headers[count].name.size),
            .value =
                bytes_make(record->headers[count].value.data, record->headers[count].value.size)};
    }
    headers[count++] = dead_letter_header("__connect.errors.topic", record->topic);
    headers[count++] = dead_letter_header("__connect.errors.partition",
                                          arena_printf(arena, "%" PRId32, record->partition));
    headers[count++] = dead_letter_header("__connect.errors.offset",
                                          arena_printf(arena, "%" PRId64, record->offset));
    headers[count++] = dead_letter_header("__connect.errors.connector.name", connector);
    headers[count++] = dead_letter_header("__connect.errors.exception.message", reason);
    struct producer_record letter = {.topic = topic,
                                     .partition = PRODUCER_PARTITION_BY_KEY,
                                     .timestamp_ms = record->timestamp_ms,
                                     .key = bytes_make(record->key.data, record->key.size),
                                     .value = bytes_make(record->value.data, record->value.size),
                                     .headers = headers,
                                     .header_count = (int32_t)count,
                                     .done = done,
                                     .owner = owner};
    return producer_send(producer, &letter);
}
