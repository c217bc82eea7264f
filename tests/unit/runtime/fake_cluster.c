/* Brokers for tests; see fake_cluster.h. */
#include "tests/unit/runtime/fake_cluster.h"

#include "log/base/error.h"
#include "log/base/list.h"
#include "log/base/memory.h"
#include "log/wire/batch.h"
#include "log/wire/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_PRODUCE = 0, KEY_FETCH = 1, KEY_LIST_OFFSETS = 2, KEY_METADATA = 3 };
enum { KEY_API_VERSIONS = 18, KEY_INIT_PRODUCER_ID = 22 };
enum { KEY_ADD_PARTITIONS_TO_TXN = 24, KEY_ADD_OFFSETS_TO_TXN = 25 };
enum { KEY_END_TXN = 26, KEY_TXN_OFFSET_COMMIT = 28 };

struct fake_connection {
    struct list_link link;
    struct fake_broker *broker;
    struct io_stream *stream;
    struct framer framer;
    struct list queue; /* requests not begun */
    struct fake_request *current;
    int write_count;
    bool is_breaking;
    bool is_closed;
};

struct fake_write {
    struct io_request request;
    struct fake_connection *connection;
    struct buffer data;
};

static void connection_free_if_done(struct fake_connection *connection)
{
    if (!connection->is_closed || connection->write_count > 0) {
        return;
    }
    framer_fini(&connection->framer);
    free(connection);
}

static void on_written(struct io_request *request, int64_t result)
{
    (void)result;
    struct fake_write *write = request->owner;
    struct fake_connection *connection = write->connection;
    connection->write_count--;
    buffer_fini(&write->data);
    free(write);
    connection_free_if_done(connection);
}

static void connection_write(struct fake_connection *connection, struct buffer *data)
{
    struct fake_write *write = memory_new(struct fake_write);
    write->request = (struct io_request){.done = on_written, .owner = write};
    write->connection = connection;
    write->data = *data;
    buffer_init(data);
    connection->write_count++;
    struct bytes part = buffer_bytes(&write->data);
    io_stream_write(connection->broker->io, &write->request, connection->stream, &part, 1);
}

static void connection_break(struct fake_connection *connection)
{
    if (!connection->is_breaking && !connection->is_closed) {
        connection->is_breaking = true;
        io_stream_close(connection->broker->io, connection->stream);
    }
}

static void request_free(struct fake_request *request)
{
    list_remove(&request->link);
    io_timer_stop(request->broker->io, &request->timer);
    arena_fini(&request->arena);
    free(request);
}

static void connection_advance(struct fake_connection *connection);

void fake_request_answer(struct fake_request *request, const void *response)
{
    struct fake_connection *connection = request->connection;
    struct fake_cluster *cluster = request->broker->cluster;
    if (connection != NULL && !connection->is_closed) {
        bool is_dropped =
            cluster->drop_chance > 0 && sim_random(cluster->sim, 1000000) < cluster->drop_chance;
        if (is_dropped) {
            connection_break(connection);
        } else if (response != NULL && !connection->is_breaking) {
            struct buffer frame = {0};
            frame_write_response(&frame, request->api, request->version, request->correlation_id,
                                 response);
            connection_write(connection, &frame);
        }
        connection->current = NULL;
        request_free(request);
        connection_advance(connection);
        return;
    }
    request_free(request);
}

static struct fake_topic *find_topic(struct fake_cluster *cluster, struct bytes name)
{
    return map_find(&cluster->topics, name);
}

static struct fake_partition *find_partition(struct fake_cluster *cluster, struct bytes name,
                                             int32_t index)
{
    struct fake_topic *topic = find_topic(cluster, name);
    return topic == NULL || index < 0 || index >= topic->partition_count
               ? NULL
               : &topic->partitions[index];
}

/* The error ordered for this request, or that of chance. */
static int take_fault(struct fake_cluster *cluster, int16_t key, bool *is_after)
{
    struct fake_fault *fault = &cluster->faults[key];
    *is_after = false;
    if (fault->count > 0) {
        fault->count--;
        *is_after = fault->is_after;
        return fault->error;
    }
    bool is_data = key == KEY_PRODUCE || key == KEY_FETCH || key == KEY_LIST_OFFSETS;
    if (is_data && cluster->error_chance > 0 &&
        sim_random(cluster->sim, 1000000) < cluster->error_chance) {
        return ERROR_NOT_LEADER;
    }
    return 0;
}

static void answer_metadata(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct metadata_request *in = request->message;
    struct arena *arena = &request->arena;
    struct metadata_response out = {.controller_id = 1, .cluster_id = BYTES_LITERAL("fake")};
    out.brokers.count = cluster->broker_count;
    out.brokers.items =
        arena_array(arena, struct metadata_response_broker, (size_t)cluster->broker_count);
    for (int i = 0; i < cluster->broker_count; i++) {
        out.brokers.items[i] = (struct metadata_response_broker){
            .node_id = i + 1,
            .host = bytes_from_string(arena_printf(arena, "node%d", i + 1)),
            .port = FAKE_PORT,
        };
    }
    bool is_all = in->topics.count < 0;
    int32_t count = is_all ? (int32_t)cluster->topics.size : in->topics.count;
    out.topics.items = arena_array(arena, struct metadata_response_topic, (size_t)count);
    const struct map_entry *entry = NULL;
    for (int32_t i = 0; i < count; i++) {
        struct metadata_response_topic *row = &out.topics.items[out.topics.count++];
        struct fake_topic *topic;
        if (is_all) {
            entry = map_next(&cluster->topics, entry);
            topic = entry->value;
            row->name = entry->key;
        } else {
            row->name = in->topics.items[i].name;
            topic = find_topic(cluster, row->name);
        }
        if (topic == NULL && in->allow_auto_topic_creation && cluster->is_creating_topics) {
            topic = fake_cluster_add_topic(cluster, arena_string(arena, row->name), 4);
        }
        if (topic == NULL) {
            row->error_code = error_code(ERROR_UNKNOWN_TOPIC_OR_PARTITION);
            continue;
        }
        row->topic_id = topic->id;
        row->partitions.count = topic->partition_count;
        row->partitions.items =
            arena_array(arena, struct metadata_response_partition, (size_t)topic->partition_count);
        for (int32_t j = 0; j < topic->partition_count; j++) {
            row->partitions.items[j] = (struct metadata_response_partition){
                .index = j,
                .leader_id = topic->partitions[j].leader_id,
                .leader_epoch = topic->partitions[j].leader_epoch,
            };
        }
    }
    fake_request_answer(request, &out);
}

static void answer_versions(struct fake_cluster *cluster, struct fake_request *request)
{
    struct api_versions_response out = {0};
    out.finalized_features_epoch = -1;
    out.api_keys.items =
        arena_array(&request->arena, struct api_versions_response_api, FAKE_API_COUNT);
    for (int16_t key = 0; key < FAKE_API_COUNT; key++) {
        const struct frame_api *api = frame_api_find(key);
        if (api == NULL || cluster->version_max[key] == FAKE_API_MISSING) {
            continue;
        }
        int16_t highest =
            cluster->version_max[key] >= 0 ? cluster->version_max[key] : api->request->highest;
        out.api_keys.items[out.api_keys.count++] = (struct api_versions_response_api){
            .api_key = key,
            .min_version = api->request->lowest,
            .max_version = highest,
        };
    }
    fake_request_answer(request, &out);
}

static void answer_producer_id(struct fake_cluster *cluster, struct fake_request *request)
{
    bool is_after;
    int error = take_fault(cluster, KEY_INIT_PRODUCER_ID, &is_after);
    struct init_producer_id_response out = {
        .error_code = error_code(error),
        .producer_id = error == 0 ? cluster->next_producer_id++ : -1,
        .producer_epoch = error == 0 ? 0 : -1,
    };
    fake_request_answer(request, &out);
}

static struct fake_producer *get_producer(struct fake_partition *partition, int64_t id)
{
    for (size_t i = 0; i < partition->producer_count; i++) {
        if (partition->producers[i].id == id) {
            return &partition->producers[i];
        }
    }
    partition->producers = memory_resize(partition->producers, (partition->producer_count + 1) *
                                                                   sizeof *partition->producers);
    struct fake_producer *producer = &partition->producers[partition->producer_count++];
    *producer = (struct fake_producer){.id = id, .epoch = -1};
    return producer;
}

/* KIP-98: the same batch again is answered with its first offset, a gap is refused. */
static int judge_sequence(struct fake_cluster *cluster, struct fake_partition *partition,
                          const struct batch *batch, int64_t *offset)
{
    struct fake_producer *producer = get_producer(partition, batch->producer_id);
    if (cluster->is_lenient && producer->epoch < 0) {
        producer->epoch = batch->producer_epoch;
        producer->next_sequence = batch->base_sequence;
    }
    if (batch->producer_epoch < producer->epoch) {
        return ERROR_INVALID_PRODUCER_EPOCH;
    }
    if (batch->producer_epoch > producer->epoch) {
        if (batch->base_sequence != 0) {
            return ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
        }
        *producer = (struct fake_producer){.id = producer->id, .epoch = batch->producer_epoch};
    }
    for (int i = 0; i < producer->last_count; i++) {
        if (producer->last[i].base_sequence == batch->base_sequence) {
            *offset = producer->last[i].base_offset;
            return ERROR_DUPLICATE;
        }
    }
    if (batch->base_sequence != producer->next_sequence) {
        return ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    if (producer->last_count == FAKE_BATCHES_REMEMBERED) {
        memmove(producer->last, producer->last + 1,
                sizeof producer->last - sizeof producer->last[0]);
        producer->last_count--;
    }
    producer->last[producer->last_count].base_sequence = batch->base_sequence;
    producer->last[producer->last_count++].base_offset = partition->next_offset;
    producer->next_sequence =
        (int32_t)(((uint32_t)batch->base_sequence + (uint32_t)batch->record_count) & INT32_MAX);
    return 0;
}

static void wake_waits(struct fake_cluster *cluster);

void fake_cluster_append(struct fake_cluster *cluster, struct fake_partition *partition,
                         struct bytes bytes)
{
    struct batch batch;
    check(batch_read_header(bytes, &batch, NULL) == 0);
    partition->batches = memory_resize(partition->batches,
                                       (partition->batch_count + 1) * sizeof *partition->batches);
    struct fake_batch *stored = &partition->batches[partition->batch_count++];
    *stored = (struct fake_batch){.base_offset = partition->next_offset};
    buffer_add_bytes(&stored->data, bytes);
    batch_set_base_offset(stored->data.data, partition->next_offset);
    batch_set_leader_epoch(stored->data.data, partition->leader_epoch);
    partition->next_offset += batch.last_offset_delta + 1;
    stored->next_offset = partition->next_offset;
    wake_waits(cluster);
}

static int append_records(struct fake_cluster *cluster, struct fake_broker *broker,
                          struct fake_partition *partition, struct bytes records, int64_t *offset)
{
    struct batch batch;
    if (partition == NULL) {
        return ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (partition->leader_id != broker->node_id) {
        return ERROR_NOT_LEADER;
    }
    if (batch_read_header(records, &batch, NULL) != 0 || batch.bytes.size != records.size ||
        batch_validate(&batch) != 0) {
        return ERROR_CORRUPT_MESSAGE;
    }
    if (records.size > (size_t)cluster->batch_size_max) {
        return ERROR_MESSAGE_TOO_LARGE;
    }
    *offset = partition->next_offset;
    if (batch.producer_id >= 0) {
        int error = judge_sequence(cluster, partition, &batch, offset);
        if (error != 0) {
            return error == ERROR_DUPLICATE ? 0 : error;
        }
    }
    fake_cluster_append(cluster, partition, records);
    return 0;
}

static void answer_produce(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct produce_request *in = request->message;
    struct arena *arena = &request->arena;
    struct produce_response out = {0};
    bool is_after;
    int fault = take_fault(cluster, KEY_PRODUCE, &is_after);
    out.topics.count = in->topics.count;
    out.topics.items = arena_array(arena, struct produce_response_topic, (size_t)in->topics.count);
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct produce_request_topic *topic = &in->topics.items[i];
        struct produce_response_topic *row = &out.topics.items[i];
        row->name = topic->name;
        row->partitions.count = topic->partitions.count;
        row->partitions.items =
            arena_array(arena, struct produce_response_partition, (size_t)topic->partitions.count);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct produce_request_partition *part = &topic->partitions.items[j];
            int64_t offset = -1;
            int error = fault;
            if (fault == 0 || is_after) {
                error = append_records(cluster, request->broker,
                                       find_partition(cluster, topic->name, part->index),
                                       part->records, &offset);
            }
            row->partitions.items[j] = (struct produce_response_partition){
                .index = part->index,
                .error_code = error_code(is_after && fault != 0 ? fault : error),
                .base_offset = error == 0 ? offset : -1,
                .log_append_time_ms = -1,
                .log_start_offset = 0,
            };
        }
    }
    if (is_after) {
        connection_break(request->connection);
    }
    fake_request_answer(request, in->acks == 0 ? NULL : &out);
}

static void on_produce_due(struct io_timer *timer)
{
    struct fake_request *request = timer->owner;
    answer_produce(request->broker->cluster, request);
}

static bool request_is_committed(const struct fake_request *request)
{
    return ((const struct fetch_request *)request->message)->isolation_level == 1;
}

/* Fills one partition of an answer; returns the bytes of records. */
static size_t read_partition(struct fake_request *request, struct fake_partition *partition,
                             const struct fetch_request_partition *in, int fault, size_t limit,
                             struct fetch_response_partition *out)
{
    *out = (struct fetch_response_partition){.index = in->index,
                                             .high_watermark = -1,
                                             .last_stable_offset = -1,
                                             .log_start_offset = -1,
                                             .preferred_read_replica = -1};
    out->diverging_epoch.epoch = -1;
    out->diverging_epoch.end_offset = -1;
    out->current_leader.leader_id = -1;
    out->current_leader.leader_epoch = -1;
    out->snapshot_id.end_offset = -1;
    out->snapshot_id.epoch = -1;
    int error = fault;
    if (error == 0 && partition == NULL) {
        error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (error == 0 && partition->leader_id != request->broker->node_id) {
        error = ERROR_NOT_LEADER;
    }
    if (error == 0 && in->current_leader_epoch >= 0 &&
        in->current_leader_epoch != partition->leader_epoch) {
        error = in->current_leader_epoch < partition->leader_epoch ? ERROR_FENCED_LEADER_EPOCH
                                                                   : ERROR_UNKNOWN_LEADER_EPOCH;
    }
    if (error == 0 &&
        (in->fetch_offset < partition->start_offset || in->fetch_offset > partition->next_offset)) {
        error = ERROR_OFFSET_OUT_OF_RANGE;
    }
    out->error_code = error_code(error);
    if (error != 0) {
        return 0;
    }
    out->high_watermark = partition->next_offset;
    out->last_stable_offset = partition->is_open ? partition->open_offset : partition->next_offset;
    int64_t end_offset = request_is_committed(request) ? out->last_stable_offset : INT64_MAX;
    out->log_start_offset = partition->start_offset;
    out->aborted_transactions.items = partition->aborted;
    out->aborted_transactions.count = partition->aborted_count;
    struct buffer records = {0};
    for (size_t i = 0; i < partition->batch_count; i++) {
        const struct fake_batch *batch = &partition->batches[i];
        bool is_wanted = batch->next_offset > in->fetch_offset && batch->next_offset <= end_offset;
        bool has_room = records.size == 0 || records.size + batch->data.size <= limit;
        if (is_wanted && has_room) {
            buffer_add_bytes(&records, buffer_bytes(&batch->data));
        } else if (is_wanted) {
            /* The last one is cut off, as brokers may. */
            buffer_add(&records, batch->data.data, batch->data.size / 2);
            break;
        }
    }
    out->records = arena_copy(&request->arena, buffer_bytes(&records));
    buffer_fini(&records);
    return out->records.size;
}

/* Whether there was something to say, or `must` be said. */
static bool try_fetch(struct fake_cluster *cluster, struct fake_request *request, bool must)
{
    const struct fetch_request *in = request->message;
    struct arena *arena = &request->arena;
    struct fetch_response out = {0};
    bool is_after = false;
    int fault = must ? 0 : take_fault(cluster, KEY_FETCH, &is_after);
    size_t size = 0;
    bool has_errors = false;
    out.topics.count = in->topics.count;
    out.topics.items = arena_array(arena, struct fetch_response_topic, (size_t)in->topics.count);
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct fetch_request_topic *topic = &in->topics.items[i];
        struct fetch_response_topic *row = &out.topics.items[i];
        row->name = topic->name;
        row->partitions.count = topic->partitions.count;
        row->partitions.items =
            arena_array(arena, struct fetch_response_partition, (size_t)topic->partitions.count);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct fetch_request_partition *part = &topic->partitions.items[j];
            size_t limit = (size_t)part->partition_max_bytes;
            size_t left = (size_t)in->max_bytes > size ? (size_t)in->max_bytes - size : 0;
            struct fetch_response_partition *answer = &row->partitions.items[j];
            struct fake_partition *partition = find_partition(cluster, topic->name, part->index);
            size_t got = read_partition(request, partition, part, fault,
                                        limit < left ? limit : left, answer);
            if (size > 0 && got > left) {
                answer->records = bytes_make("", 0);
                got = 0;
            }
            size += got;
            has_errors = has_errors || answer->error_code != 0;
        }
    }
    if (!must && !has_errors && size < (size_t)in->min_bytes && in->max_wait_ms > 0) {
        return false;
    }
    if (is_after) {
        connection_break(request->connection);
    }
    fake_request_answer(request, &out);
    return true;
}

static void on_fetch_wait_over(struct io_timer *timer)
{
    struct fake_request *request = timer->owner;
    list_remove(&request->link);
    try_fetch(request->broker->cluster, request, true);
}

static void wake_waits(struct fake_cluster *cluster)
{
    for (list_each (&cluster->waits, link)) {
        struct fake_request *request = list_member(link, struct fake_request, link);
        io_timer_start(request->broker->io, &request->timer, 0);
    }
}

void fake_cluster_set_open(struct fake_cluster *cluster, struct fake_partition *partition,
                           bool is_open)
{
    partition->is_open = is_open;
    partition->open_offset = partition->next_offset;
    wake_waits(cluster);
}

static void answer_fetch(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct fetch_request *in = request->message;
    if (try_fetch(cluster, request, false)) {
        return;
    }
    list_add(&cluster->waits, &request->link);
    request->timer = (struct io_timer){.fired = on_fetch_wait_over, .owner = request};
    io_timer_start(request->broker->io, &request->timer, (uint64_t)in->max_wait_ms * 1000000u);
}

static void answer_list_offsets(struct fake_cluster *cluster, struct fake_request *request)
{
    const struct list_offsets_request *in = request->message;
    struct arena *arena = &request->arena;
    struct list_offsets_response out = {0};
    bool is_after;
    int fault = take_fault(cluster, KEY_LIST_OFFSETS, &is_after);
    out.topics.count = in->topics.count;
    out.topics.items =
        arena_array(arena, struct list_offsets_response_topic, (size_t)in->topics.count);
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct list_offsets_request_topic *topic = &in->topics.items[i];
        struct list_offsets_response_topic *row = &out.topics.items[i];
        row->name = topic->name;
        row->partitions.count = topic->partitions.count;
        row->partitions.items = arena_array(arena, struct list_offsets_response_partition,
                                            (size_t)topic->partitions.count);
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            const struct list_offsets_request_partition *part = &topic->partitions.items[j];
            struct fake_partition *partition = find_partition(cluster, topic->name, part->index);
            int error = fault;
            if (error == 0 && partition == NULL) {
                error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
            } else if (error == 0 && partition->leader_id != request->broker->node_id) {
                error = ERROR_NOT_LEADER;
            }
            int64_t offset = -1;
            if (error == 0) {
                offset =
                    part->timestamp_ms == -2 ? partition->start_offset : partition->next_offset;
            }
            row->partitions.items[j] = (struct list_offsets_response_partition){
                .index = part->index,
                .error_code = error_code(error),
                .timestamp_ms = -1,
                .offset = offset,
                .leader_epoch = -1,
            };
        }
    }
    fake_request_answer(request, &out);
}

static void request_run(struct fake_cluster *cluster, struct fake_request *request)
{
    cluster->request_count[request->api->key]++;
    switch (request->api->key) {
    case KEY_PRODUCE:
        request->timer = (struct io_timer){.fired = on_produce_due, .owner = request};
        io_timer_start(request->broker->io, &request->timer, cluster->produce_delay_ns);
        return;
    case KEY_FETCH:
        answer_fetch(cluster, request);
        return;
    case KEY_LIST_OFFSETS:
        answer_list_offsets(cluster, request);
        return;
    case KEY_METADATA:
        answer_metadata(cluster, request);
        return;
    case KEY_API_VERSIONS:
        answer_versions(cluster, request);
        return;
    case KEY_INIT_PRODUCER_ID:
        answer_producer_id(cluster, request);
        return;
    default:
        if (!fake_group_handle(cluster, request) && !fake_admin_handle(cluster, request)) {
            connection_break(request->connection);
            fake_request_answer(request, NULL);
        }
    }
}

static void connection_advance(struct fake_connection *connection)
{
    struct list_link *link;
    if (connection->is_closed || connection->is_breaking || connection->current != NULL ||
        (link = list_take(&connection->queue)) == NULL) {
        return;
    }
    connection->current = list_member(link, struct fake_request, link);
    request_run(connection->broker->cluster, connection->current);
}

static void refuse_versions(struct fake_connection *connection, int32_t correlation_id)
{
    struct api_versions_response out = {.error_code = error_code(ERROR_UNSUPPORTED_VERSION)};
    struct buffer frame = {0};
    frame_write_response(&frame, frame_api_find(KEY_API_VERSIONS), 0, correlation_id, &out);
    connection_write(connection, &frame);
}

static int on_frame(void *owner, struct bytes frame)
{
    struct fake_connection *connection = owner;
    struct fake_cluster *cluster = connection->broker->cluster;
    struct wire_reader reader = {frame.data, frame.data + frame.size};
    struct frame_request_header header;
    check(frame_read_request_header(&reader, &header) == 0);
    int16_t version_max = cluster->version_max[header.api_key];
    if (version_max >= 0 && header.api_version > version_max) {
        check(header.api_key == KEY_API_VERSIONS);
        if (cluster->is_hanging_up_on_versions) {
            return ERROR_CLOSED;
        }
        refuse_versions(connection, header.correlation_id);
        return 0;
    }
    struct fake_request *request = memory_new(struct fake_request);
    request->connection = connection;
    request->broker = connection->broker;
    request->api = frame_api_find(header.api_key);
    request->version = header.api_version;
    request->correlation_id = header.correlation_id;
    arena_init(&request->arena, 0);
    struct bytes copy =
        arena_copy(&request->arena, bytes_make(reader.at, (size_t)(reader.end - reader.at)));
    struct wire_reader body = {copy.data, copy.data + copy.size};
    request->message = arena_get(&request->arena, request->api->request->size);
    check(wire_read(&body, request->api->request, request->version, &request->arena,
                    request->message) == 0);
    check(body.at == body.end);
    list_add(&connection->queue, &request->link);
    int in_flight = connection->current != NULL && connection->current->api->key == KEY_PRODUCE;
    for (list_each (&connection->queue, link)) {
        in_flight += list_member(link, struct fake_request, link)->api->key == KEY_PRODUCE;
    }
    if (in_flight > cluster->produce_in_flight_max) {
        cluster->produce_in_flight_max = in_flight;
    }
    connection_advance(connection);
    return connection->is_breaking ? ERROR_CLOSED : 0;
}

static void on_data(void *owner, const uint8_t *data, size_t size)
{
    struct fake_connection *connection = owner;
    if (framer_feed(&connection->framer, data, size, on_frame, connection) != 0) {
        connection_break(connection);
    }
}

static void on_closed(void *owner, int reason)
{
    (void)reason;
    struct fake_connection *connection = owner;
    connection->is_closed = true;
    connection->stream = NULL;
    list_remove(&connection->link);
    struct list_link *link;
    while ((link = list_take(&connection->queue)) != NULL) {
        request_free(list_member(link, struct fake_request, link));
    }
    struct fake_request *current = connection->current;
    if (current != NULL) {
        current->connection = NULL;
        connection->current = NULL;
        if (current->api->key == KEY_FETCH || current->api->key == KEY_PRODUCE) {
            request_free(current);
        }
    }
    connection_free_if_done(connection);
}

static void on_accepted(void *owner, struct io_stream *stream)
{
    static const struct io_stream_events events = {.data = on_data, .closed = on_closed};
    struct fake_broker *broker = owner;
    struct fake_connection *connection = memory_new(struct fake_connection);
    connection->broker = broker;
    connection->stream = stream;
    framer_init(&connection->framer, 64 << 20);
    list_init(&connection->queue);
    list_add(&broker->connections, &connection->link);
    io_stream_watch(broker->io, stream, &events, connection);
}

struct fake_cluster *fake_cluster_new(struct sim *sim, int broker_count)
{
    struct fake_cluster *cluster = memory_new(struct fake_cluster);
    cluster->sim = sim;
    cluster->broker_count = broker_count;
    cluster->brokers = memory_zero((size_t)broker_count, sizeof *cluster->brokers);
    cluster->next_producer_id = 1000;
    cluster->batch_size_max = 1 << 20;
    cluster->coordinator_id = 1;
    list_init(&cluster->waits);
    map_init(&cluster->topics);
    map_init(&cluster->groups);
    map_init(&cluster->configs);
    for (int i = 0; i < FAKE_API_COUNT; i++) {
        bool is_transactional = i == KEY_ADD_PARTITIONS_TO_TXN || i == KEY_ADD_OFFSETS_TO_TXN ||
                                i == KEY_END_TXN || i == KEY_TXN_OFFSET_COMMIT;
        cluster->version_max[i] = is_transactional ? FAKE_API_MISSING : -1;
    }
    for (int i = 0; i < broker_count; i++) {
        struct fake_broker *broker = &cluster->brokers[i];
        broker->cluster = cluster;
        broker->node_id = i + 1;
        broker->io = sim_io(sim, i + 1);
        list_init(&broker->connections);
        check(io_listen(broker->io, ":9092", on_accepted, broker, &broker->listener) == 0);
    }
    return cluster;
}

static bool is_quiet(void *owner)
{
    struct fake_cluster *cluster = owner;
    for (int i = 0; i < cluster->broker_count; i++) {
        if (!list_is_empty(&cluster->brokers[i].connections)) {
            return false;
        }
    }
    return true;
}

void fake_topic_free(void *value)
{
    struct fake_topic *topic = value;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct fake_partition *partition = &topic->partitions[i];
        for (size_t j = 0; j < partition->batch_count; j++) {
            buffer_fini(&partition->batches[j].data);
        }
        free(partition->batches);
        free(partition->producers);
    }
    free(topic->partitions);
    free(topic->name);
    free(topic);
}

void fake_cluster_free(struct fake_cluster *cluster)
{
    for (int i = 0; i < cluster->broker_count; i++) {
        struct fake_broker *broker = &cluster->brokers[i];
        io_listener_close(broker->io, broker->listener);
        for (list_each (&broker->connections, link)) {
            connection_break(list_member(link, struct fake_connection, link));
        }
    }
    check(is_quiet(cluster) || sim_run_until(cluster->sim, is_quiet, cluster, 10000000000));
    /* Connects that were given up still end in their own time. */
    sim_run(cluster->sim, sim_now(cluster->sim) + 5000000000);
    map_fini(&cluster->groups, fake_group_free);
    map_fini(&cluster->topics, fake_topic_free);
    map_fini(&cluster->configs, free);
    free(cluster->brokers);
    free(cluster);
}

struct fake_topic *fake_cluster_add_topic(struct fake_cluster *cluster, const char *name,
                                          int32_t partition_count)
{
    struct fake_topic *topic = memory_new(struct fake_topic);
    topic->name = memory_string(name);
    topic->id.octets[15] = (uint8_t)(cluster->topics.size + 1);
    topic->partition_count = partition_count;
    topic->partitions = memory_zero((size_t)partition_count, sizeof *topic->partitions);
    for (int32_t i = 0; i < partition_count; i++) {
        topic->partitions[i].index = i;
        topic->partitions[i].leader_id = 1 + i % cluster->broker_count;
    }
    map_put(&cluster->topics, bytes_from_string(name), topic);
    return topic;
}

void fake_cluster_grow_topic(struct fake_topic *topic, int32_t partition_count)
{
    topic->partitions =
        memory_resize(topic->partitions, (size_t)partition_count * sizeof *topic->partitions);
    for (int32_t i = topic->partition_count; i < partition_count; i++) {
        topic->partitions[i] = (struct fake_partition){.index = i, .leader_id = 1};
    }
    topic->partition_count = partition_count;
}

struct fake_partition *fake_cluster_get(struct fake_cluster *cluster, const char *topic,
                                        int32_t partition)
{
    struct fake_partition *found = find_partition(cluster, bytes_from_string(topic), partition);
    check(found != NULL);
    return found;
}

void fake_cluster_fail(struct fake_cluster *cluster, int16_t api_key, int error, int count,
                       bool is_after)
{
    cluster->faults[api_key] =
        (struct fake_fault){.count = count, .error = error, .is_after = is_after};
}

void fake_cluster_move(struct fake_partition *partition, int32_t leader_id)
{
    partition->leader_id = leader_id;
    partition->leader_epoch++;
}
