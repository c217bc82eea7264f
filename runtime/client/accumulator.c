/* Records into parcels; see accumulator.h.
 *
 * The way of a record to its batch is hot: the topic is the last one or found by hash, the
 * partition is an index, and nothing is allocated but the growing memory of the open batch. */
#include "runtime/client/accumulator.h"

#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/memory.h"
#include "log/base/varint.h"

#include <stdlib.h>
#include <string.h>

enum { ACCUMULATOR_PARTITION_MAX = 1 << 20 };

/* A record of a topic whose partitions are not known yet, or a mark that a group of records begins
 * which is to share a batch. */
struct accumulator_parked {
    struct list_link link;
    uint64_t serial;
    size_t reserved_size; /* of a mark; 0: a record */
    int32_t partition;
    int64_t timestamp_ms;
    struct bytes key;
    struct bytes value;
    struct bytes partition_key;
    struct bytes headers;
    int32_t header_count;
    parcel_done *done;
    void *owner;
    size_t charged_size;
    uint64_t flush_number;
    uint64_t deadline;
};

void accumulator_init(struct accumulator *accumulator, struct io *io,
                      const struct producer_options *options)
{
    *accumulator = (struct accumulator){
        .io = io,
        .codec = options->codec,
        .batch_size = options->batch_size,
        .record_size_max = options->request_size_max < options->buffer_size
                               ? options->request_size_max
                               : options->buffer_size,
        .limit_size = options->buffer_size,
        .linger_ns = (uint64_t)options->linger_ns,
        .delivery_timeout_ns = (uint64_t)options->delivery_timeout_ms * 1000000u,
        .wake = UINT64_MAX,
    };
    map_init(&accumulator->topics);
    list_init(&accumulator->busy);
    list_init(&accumulator->waiting);
    list_init(&accumulator->outstanding);
}

static void accumulator_free_topic(void *value)
{
    struct accumulator_topic *topic = value;
    check(list_is_empty(&topic->parked));
    for (int32_t i = 0; i < topic->partition_capacity; i++) {
        struct accumulator_partition *partition = topic->partitions[i];
        if (partition != NULL) {
            check(list_is_empty(&partition->parcels));
            free(partition);
        }
    }
    free(topic->partitions);
    free(topic->name);
    free(topic);
}

void accumulator_fini(struct accumulator *accumulator)
{
    check(accumulator->pending_size == 0);
    for (size_t i = 0; i < ACCUMULATOR_SPARE_COUNT; i++) {
        buffer_fini(&accumulator->spares[i]);
    }
    map_fini(&accumulator->topics, accumulator_free_topic);
}

static struct accumulator_topic *accumulator_make_topic(struct accumulator *accumulator,
                                                        const char *name)
{
    struct accumulator_topic *topic = memory_new(struct accumulator_topic);
    topic->name = memory_string(name);
    topic->sticky = -1;
    topic->needs_metadata = true;
    list_init(&topic->parked);
    map_put(&accumulator->topics, bytes_from_string(name), topic);
    return topic;
}

static struct accumulator_topic *accumulator_get_topic(struct accumulator *accumulator,
                                                       const char *name)
{
    struct accumulator_topic *topic = accumulator->last_topic;
    if (topic != NULL && strcmp(topic->name, name) == 0) {
        return topic;
    }
    topic = map_find_string(&accumulator->topics, name);
    if (topic == NULL) {
        topic = accumulator_make_topic(accumulator, name);
    }
    accumulator->last_topic = topic;
    return topic;
}

static struct accumulator_partition *accumulator_make_partition(struct accumulator_topic *topic,
                                                                int32_t index)
{
    if (index >= topic->partition_capacity) {
        size_t capacity = (size_t)index + 1;
        topic->partitions = memory_resize(topic->partitions, capacity * sizeof *topic->partitions);
        memset(topic->partitions + topic->partition_capacity, 0,
               (capacity - (size_t)topic->partition_capacity) * sizeof *topic->partitions);
        topic->partition_capacity = (int32_t)capacity;
    }
    struct accumulator_partition *partition = memory_new(struct accumulator_partition);
    partition->topic = topic;
    partition->index = index;
    partition->producer_id = -1;
    list_init(&partition->parcels);
    topic->partitions[index] = partition;
    return partition;
}

static struct accumulator_partition *accumulator_get_partition(struct accumulator_topic *topic,
                                                               int32_t index)
{
    if (index < topic->partition_capacity && topic->partitions[index] != NULL) {
        return topic->partitions[index];
    }
    return accumulator_make_partition(topic, index);
}

/* Where a record goes: where it wants to, by its key, or all to one partition until its batch is
 * full (KIP-480). */
static int32_t accumulator_choose_partition(struct accumulator *accumulator,
                                            struct accumulator_topic *topic,
                                            const struct producer_record *record)
{
    struct bytes key = record->partition_key.data != NULL ? record->partition_key : record->key;
    if (record->partition >= 0) {
        return record->partition;
    }
    if (key.data != NULL) {
        return hash_partition(key, topic->partition_count);
    }
    if (topic->sticky < 0 || topic->sticky >= topic->partition_count) {
        uint32_t chance;
        io_random(accumulator->io, &chance, sizeof chance);
        topic->sticky = (int32_t)(chance % (uint32_t)topic->partition_count);
    }
    return topic->sticky;
}

static void accumulator_wake_at(struct accumulator *accumulator, uint64_t when)
{
    if (when < accumulator->wake) {
        accumulator->wake = when;
    }
}

static uint64_t accumulator_deadline(const struct accumulator *accumulator, uint64_t now)
{
    return accumulator->delivery_timeout_ns == 0 ? UINT64_MAX
                                                 : now + accumulator->delivery_timeout_ns;
}

void accumulator_recycle(struct accumulator *accumulator, struct buffer *buffer)
{
    bool is_kept = buffer->capacity <= 2 * accumulator->batch_size;
    for (size_t i = 0; is_kept && buffer->data != NULL && i < ACCUMULATOR_SPARE_COUNT; i++) {
        if (accumulator->spares[i].data == NULL) {
            accumulator->spares[i] = *buffer;
            buffer_clear(&accumulator->spares[i]);
            buffer_init(buffer);
            return;
        }
    }
    buffer_fini(buffer);
}

static void accumulator_take_spare(struct accumulator *accumulator, struct buffer *out)
{
    for (size_t i = 0; i < ACCUMULATOR_SPARE_COUNT; i++) {
        if (accumulator->spares[i].data != NULL) {
            *out = accumulator->spares[i];
            buffer_init(&accumulator->spares[i]);
            return;
        }
    }
}

static struct parcel *accumulator_open_parcel(struct accumulator *accumulator,
                                              struct accumulator_partition *partition)
{
    uint64_t now = io_now(accumulator->io);
    struct parcel *parcel = parcel_new(accumulator->codec);
    parcel->partition = partition;
    parcel->serial = accumulator->next_serial++;
    parcel->flush_number = accumulator->flush_number;
    parcel->due = now + accumulator->linger_ns;
    parcel->deadline = accumulator_deadline(accumulator, now);
    accumulator_take_spare(accumulator, &parcel->builder.batch);
    list_add(&partition->parcels, &parcel->link);
    list_add(&accumulator->outstanding, &parcel->outstanding);
    if (!list_has(&partition->busy)) {
        list_add(&accumulator->busy, &partition->busy);
    }
    partition->open = parcel;
    accumulator_wake_at(accumulator, parcel->due);
    return parcel;
}

void accumulator_close_parcel(struct accumulator *accumulator, struct parcel *parcel)
{
    struct accumulator_partition *partition = parcel->partition;
    check(partition->open == parcel);
    partition->open = NULL;
    if (partition->topic->sticky == partition->index) {
        partition->topic->sticky = -1;
    }
    parcel_move(parcel, PARCEL_READY);
    accumulator_wake_at(accumulator, 0);
}

static size_t accumulator_headers_size(const struct producer_record *record)
{
    size_t size = record->headers_encoded.size;
    if (record->headers != NULL) {
        for (int32_t i = 0; i < record->header_count; i++) {
            const struct batch_header *header = &record->headers[i];
            int32_t value_size = header->value.data == NULL ? -1 : (int32_t)header->value.size;
            size += varint_size((int32_t)header->key.size) + header->key.size +
                    varint_size(value_size) + header->value.size;
        }
    }
    return size;
}

/* The most a record takes in a batch whose key, value and headers have this size. */
static size_t accumulator_size_max(size_t size)
{
    static const struct batch_builder empty;
    return batch_builder_size_with(&empty, 0, size, 0) - BATCH_HEADER_SIZE;
}

/* Closes the open batch when `size` more bytes would make it too large. */
static void accumulator_make_room(struct accumulator *accumulator,
                                  struct accumulator_partition *partition, size_t size)
{
    struct parcel *parcel = partition->open;
    if (parcel != NULL && batch_builder_size(&parcel->builder) + size > accumulator->batch_size) {
        accumulator_close_parcel(accumulator, parcel);
    }
}

/* Puts a record that was admitted into its partition's open batch. */
static struct parcel *accumulator_add_to(struct accumulator *accumulator,
                                         struct accumulator_partition *partition,
                                         const struct producer_record *record, size_t size_max)
{
    accumulator_make_room(accumulator, partition, size_max);
    struct parcel *parcel = partition->open;
    if (parcel == NULL) {
        parcel = accumulator_open_parcel(accumulator, partition);
    }
    struct batch_builder *builder = &parcel->builder;
    size_t size_before = batch_builder_size(builder);
    if (record->body.data != NULL) {
        batch_builder_add_body(builder, record->timestamp_ms, record->body);
    } else if (record->headers_encoded.data != NULL) {
        batch_builder_add_encoded(builder, record->timestamp_ms, record->key, record->value,
                                  record->headers_encoded, record->header_count);
    } else {
        batch_builder_add(builder, record->timestamp_ms, record->key, record->value,
                          record->headers, record->header_count);
    }
    parcel_add_receipt(parcel, record->done, record->owner);
    size_t charge = batch_builder_size(builder) - size_before;
    parcel->charged_size += charge;
    accumulator->pending_size += charge;
    return parcel;
}

/* A copy behind the struct, or null. */
static struct bytes accumulator_copy(uint8_t **at, struct bytes view)
{
    if (view.data == NULL) {
        return view;
    }
    uint8_t *copy = *at;
    if (view.size > 0) {
        memcpy(copy, view.data, view.size);
    }
    *at += view.size;
    return bytes_make(copy, view.size);
}

static void accumulator_encode_headers(const struct producer_record *record, struct buffer *out)
{
    if (record->headers == NULL) {
        buffer_add_bytes(out, record->headers_encoded);
        return;
    }
    for (int32_t i = 0; i < record->header_count; i++) {
        const struct batch_header *header = &record->headers[i];
        out->size += varint_write(buffer_reserve(out, VARINT_SIZE_MAX), (int32_t)header->key.size);
        buffer_add_bytes(out, header->key);
        int32_t value_size = header->value.data == NULL ? -1 : (int32_t)header->value.size;
        out->size += varint_write(buffer_reserve(out, VARINT_SIZE_MAX), value_size);
        buffer_add_bytes(out, header->value);
    }
}

static void accumulator_add_parked(struct accumulator *accumulator, struct accumulator_topic *topic,
                                   struct accumulator_parked *parked)
{
    parked->serial = accumulator->next_serial++;
    accumulator->pending_size += parked->charged_size;
    list_add(&topic->parked, &parked->link);
    if (!list_has(&topic->waiting)) {
        list_add(&accumulator->waiting, &topic->waiting);
        accumulator_wake_at(accumulator, 0);
    }
}

static void accumulator_park_mark(struct accumulator *accumulator, struct accumulator_topic *topic,
                                  int32_t partition, size_t size)
{
    struct accumulator_parked *parked = memory_new(struct accumulator_parked);
    parked->reserved_size = size;
    parked->partition = partition;
    parked->flush_number = accumulator->flush_number;
    parked->deadline = accumulator_deadline(accumulator, io_now(accumulator->io));
    accumulator_add_parked(accumulator, topic, parked);
}

static void accumulator_park(struct accumulator *accumulator, struct accumulator_topic *topic,
                             const struct producer_record *record, size_t size_max)
{
    uint64_t now = io_now(accumulator->io);
    struct buffer headers = {0};
    accumulator_encode_headers(record, &headers);
    size_t size = record->key.size + record->value.size + record->partition_key.size + headers.size;
    struct accumulator_parked *parked = memory_alloc(sizeof *parked + size);
    uint8_t *at = (uint8_t *)(parked + 1);
    *parked = (struct accumulator_parked){
        .partition = record->partition,
        .timestamp_ms = record->timestamp_ms,
        .key = accumulator_copy(&at, record->key),
        .value = accumulator_copy(&at, record->value),
        .partition_key = accumulator_copy(&at, record->partition_key),
        .headers = accumulator_copy(&at, buffer_bytes(&headers)),
        .header_count = record->header_count,
        .done = record->done,
        .owner = record->owner,
        .charged_size = size_max,
        .flush_number = accumulator->flush_number,
        .deadline = accumulator_deadline(accumulator, now),
    };
    buffer_fini(&headers);
    accumulator_add_parked(accumulator, topic, parked);
}

int accumulator_validate(const struct accumulator *accumulator, int32_t partition, size_t size)
{
    if (accumulator_size_max(size) + BATCH_HEADER_SIZE > accumulator->record_size_max) {
        return ERROR_MESSAGE_TOO_LARGE;
    }
    bool is_possible =
        partition >= PRODUCER_PARTITION_BY_KEY && partition < ACCUMULATOR_PARTITION_MAX;
    return is_possible ? 0 : ERROR_INVALID;
}

int accumulator_add(struct accumulator *accumulator, const struct producer_record *record)
{
    size_t size = record->key.size + record->value.size + accumulator_headers_size(record);
    size_t size_max = accumulator_size_max(size);
    int error = accumulator_validate(accumulator, record->partition, size);
    if (error != 0) {
        return error;
    }
    if (accumulator->pending_size + size_max > accumulator->limit_size) {
        return ERROR_AGAIN;
    }
    struct accumulator_topic *topic = accumulator_get_topic(accumulator, record->topic);
    struct producer_record stamped;
    if (record->timestamp_ms < 0) {
        stamped = *record;
        stamped.timestamp_ms = io_wall_clock(accumulator->io);
        record = &stamped;
    }
    if (topic->partition_count == 0) {
        accumulator_park(accumulator, topic, record, size_max);
        return 0;
    }
    int32_t index = accumulator_choose_partition(accumulator, topic, record);
    accumulator_add_to(accumulator, accumulator_get_partition(topic, index), record, size_max);
    return 0;
}

int accumulator_reserve(struct accumulator *accumulator, const char *topic_name, int32_t partition,
                        size_t size)
{
    if (partition < 0 || partition >= ACCUMULATOR_PARTITION_MAX) {
        return ERROR_INVALID;
    }
    if (accumulator->pending_size + size > accumulator->limit_size) {
        return ERROR_AGAIN;
    }
    struct accumulator_topic *topic = accumulator_get_topic(accumulator, topic_name);
    if (topic->partition_count == 0) {
        accumulator_park_mark(accumulator, topic, partition, size);
    } else {
        accumulator_make_room(accumulator, accumulator_get_partition(topic, partition), size);
    }
    return 0;
}

void accumulator_close_open(struct accumulator *accumulator)
{
    for (list_each (&accumulator->busy, link)) {
        struct accumulator_partition *partition =
            list_member(link, struct accumulator_partition, busy);
        if (partition->open != NULL) {
            accumulator_close_parcel(accumulator, partition->open);
        }
    }
}

static void accumulator_unpark(struct accumulator *accumulator, struct accumulator_topic *topic,
                               const struct accumulator_parked *parked)
{
    if (parked->reserved_size > 0) {
        accumulator_make_room(accumulator, accumulator_get_partition(topic, parked->partition),
                              parked->reserved_size);
        return;
    }
    struct producer_record record = {
        .topic = topic->name,
        .partition = parked->partition,
        .timestamp_ms = parked->timestamp_ms,
        .key = parked->key,
        .value = parked->value,
        .partition_key = parked->partition_key,
        .headers_encoded = parked->headers,
        .header_count = parked->header_count,
        .done = parked->done,
        .owner = parked->owner,
    };
    int32_t index = accumulator_choose_partition(accumulator, topic, &record);
    accumulator->pending_size -= parked->charged_size;
    struct parcel *parcel = accumulator_add_to(accumulator, accumulator_get_partition(topic, index),
                                               &record, parked->charged_size);
    if (parked->flush_number < parcel->flush_number) {
        parcel->flush_number = parked->flush_number;
        parcel->due = 0;
        accumulator_wake_at(accumulator, 0);
    }
}

void accumulator_set_partition_count(struct accumulator *accumulator,
                                     struct accumulator_topic *topic, int32_t count)
{
    topic->partition_count = count;
    if (count == 0) {
        return;
    }
    struct list_link *link;
    while ((link = list_take(&topic->parked)) != NULL) {
        struct accumulator_parked *parked = list_member(link, struct accumulator_parked, link);
        accumulator_unpark(accumulator, topic, parked);
        free(parked);
    }
    list_remove(&topic->waiting);
}

void accumulator_fail_parked(struct accumulator *accumulator, struct accumulator_topic *topic,
                             uint64_t now, uint64_t end_serial, int error)
{
    while (!list_is_empty(&topic->parked)) {
        struct accumulator_parked *parked =
            list_member(topic->parked.head.next, struct accumulator_parked, link);
        if (parked->deadline > now || parked->serial >= end_serial) {
            return;
        }
        list_remove(&parked->link);
        if (list_is_empty(&topic->parked)) {
            list_remove(&topic->waiting);
        }
        accumulator->pending_size -= parked->charged_size;
        if (parked->done != NULL) {
            parked->done(parked->owner, error, parked->partition, -1);
        }
        uint64_t flush_number = parked->flush_number;
        free(parked);
        accumulator->finished(accumulator->owner, flush_number, error);
    }
}

/* Tells and frees the parcels at the front that are done. */
static void accumulator_tell_front(struct accumulator *accumulator,
                                   struct accumulator_partition *partition)
{
    while (!list_is_empty(&partition->parcels)) {
        struct parcel *parcel = list_member(partition->parcels.head.next, struct parcel, link);
        if (parcel->state != PARCEL_DONE) {
            return;
        }
        list_remove(&parcel->link);
        list_remove(&parcel->outstanding);
        accumulator->pending_size -= parcel->charged_size;
        if (list_is_empty(&partition->parcels)) {
            list_remove(&partition->busy);
        }
        parcel_tell(parcel, partition->index);
        accumulator_recycle(accumulator, &parcel->encoded);
        uint64_t flush_number = parcel->flush_number;
        int error = parcel->error;
        parcel_free(parcel);
        accumulator->finished(accumulator->owner, flush_number, error);
    }
}

void accumulator_finish(struct accumulator *accumulator, struct parcel *parcel, int error,
                        int64_t base_offset)
{
    struct accumulator_partition *partition = parcel->partition;
    if (parcel->state == PARCEL_IN_FLIGHT) {
        partition->in_flight_count--;
    }
    if (parcel->state == PARCEL_RETRY) {
        partition->retry_count--;
    }
    if (partition->open == parcel) {
        partition->open = NULL;
    }
    parcel_move(parcel, PARCEL_DONE);
    parcel->error = error;
    parcel->base_offset = base_offset;
    accumulator_tell_front(accumulator, partition);
}

void accumulator_insert_after(struct accumulator *accumulator, struct parcel *place,
                              struct parcel *parcel)
{
    check(parcel->state == PARCEL_RETRY);
    parcel->partition->retry_count++;
    list_insert_before(place->link.next, &parcel->link);
    list_add(&accumulator->outstanding, &parcel->outstanding);
}

uint64_t accumulator_oldest_flush(const struct accumulator *accumulator)
{
    uint64_t oldest = UINT64_MAX;
    for (list_each (&accumulator->outstanding, link)) {
        const struct parcel *parcel = list_member(link, struct parcel, outstanding);
        oldest = parcel->flush_number < oldest ? parcel->flush_number : oldest;
    }
    for (list_each (&accumulator->waiting, topic_link)) {
        const struct accumulator_topic *topic =
            list_member(topic_link, struct accumulator_topic, waiting);
        const struct accumulator_parked *first =
            list_member(topic->parked.head.next, struct accumulator_parked, link);
        oldest = first->flush_number < oldest ? first->flush_number : oldest;
    }
    return oldest;
}

static size_t accumulator_check_partition(const struct accumulator_partition *partition)
{
    size_t size = 0;
    int in_flight_count = 0;
    int retry_count = 0;
    bool was_unsent = false;
    for (list_each (&partition->parcels, link)) {
        const struct parcel *parcel = list_member(link, struct parcel, link);
        parcel_check(parcel);
        check(parcel->partition == partition);
        check(parcel->state != PARCEL_OPEN || partition->open == parcel);
        check(parcel->state != PARCEL_OPEN || link->next == &partition->parcels.head);
        check(!parcel->was_sent || !was_unsent);
        was_unsent = !parcel->was_sent && parcel->state != PARCEL_DONE;
        in_flight_count += parcel->state == PARCEL_IN_FLIGHT;
        retry_count += parcel->state == PARCEL_RETRY;
        size += parcel->charged_size;
    }
    check(in_flight_count == partition->in_flight_count);
    check(retry_count == partition->retry_count);
    check(list_is_empty(&partition->parcels) == !list_has(&partition->busy));
    return size;
}

void accumulator_check(const struct accumulator *accumulator)
{
    size_t size = 0;
    for (map_each (&accumulator->topics, entry)) {
        const struct accumulator_topic *topic = entry->value;
        for (int32_t i = 0; i < topic->partition_capacity; i++) {
            if (topic->partitions[i] != NULL) {
                size += accumulator_check_partition(topic->partitions[i]);
            }
        }
        for (list_each (&topic->parked, link)) {
            size += list_member(link, struct accumulator_parked, link)->charged_size;
        }
        check(list_is_empty(&topic->parked) == !list_has(&topic->waiting));
        check(list_is_empty(&topic->parked) || topic->partition_count == 0);
    }
    check(size == accumulator->pending_size);
    check(accumulator->pending_size <= accumulator->limit_size);
}
