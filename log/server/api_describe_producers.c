/* DescribeProducers (key 61, KIP-664): what partitions remember of idempotent producers. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/repetition.h"
#include "log/server/server_state.h"

struct describe_producers {
    struct describe_producers_response_active_producer *items;
    int32_t count;
};

static void describe_producers_count(void *owner, const struct log_producer *producer)
{
    (void)producer;
    ((struct describe_producers *)owner)->count++;
}

static void describe_producers_add(void *owner, const struct log_producer *producer)
{
    struct describe_producers *producers = owner;
    producers->items[producers->count++] = (struct describe_producers_response_active_producer){
        .producer_id = producer->producer_id,
        .producer_epoch = producer->epoch,
        .last_sequence = producer->last_sequence,
        .last_timestamp_ms = producer->last_timestamp_ms,
        .coordinator_epoch = producer->coordinator_epoch,
        .current_transaction_start_offset = producer->transaction_start_offset};
}

static void describe_producers_serve(struct request *request, struct bytes topic, int32_t index,
                                     struct describe_producers_response_partition *answer)
{
    struct replica *replica = replica_set_find(request->server->parts.replicas, topic, index);
    struct describe_producers producers = {0};
    *answer = (struct describe_producers_response_partition){.index = index};
    if (replica == NULL) {
        bool is_wrong = meta_refuse_topic_name(topic)[0] != 0;
        int error = is_wrong ? ERROR_INVALID_TOPIC : ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        answer->error_code = error_code(error);
        answer->error_message = bytes_from_string(error_text(error));
        return;
    }
    log_each_producer(replica_log(replica), describe_producers_count, &producers);
    producers.items = arena_array(
        &request->arena, struct describe_producers_response_active_producer, producers.count);
    producers.count = 0;
    log_each_producer(replica_log(replica), describe_producers_add, &producers);
    answer->active_producers.items = producers.items;
    answer->active_producers.count = producers.count;
}

/* A partition that is named twice is described once: it may remember many producers. */
static void describe_producers_serve_topic(struct request *request, struct repetition *repetition,
                                           const struct describe_producers_request_topic *asked,
                                           struct describe_producers_response_topic *answer)
{
    struct buffer key;
    buffer_init(&key);
    answer->name = asked->name;
    answer->partitions.items =
        arena_array(&request->arena, struct describe_producers_response_partition,
                    asked->partition_indexes.count);
    for (int32_t i = 0; i < asked->partition_indexes.count; i++) {
        int32_t index = asked->partition_indexes.items[i];
        if (repetition_is_first(repetition, repetition_key(&key, asked->name, index))) {
            describe_producers_serve(request, asked->name, index,
                                     &answer->partitions.items[answer->partitions.count++]);
        }
    }
    buffer_fini(&key);
}

void api_describe_producers(struct request *request)
{
    const struct describe_producers_request *message =
        request_message(request, describe_producers_request);
    struct describe_producers_response response = {0};
    struct repetition repetition;
    repetition_init(&repetition);
    response.topics.count = message->topics.count;
    response.topics.items = arena_array(&request->arena, struct describe_producers_response_topic,
                                        message->topics.count);
    for (int32_t i = 0; i < message->topics.count; i++) {
        describe_producers_serve_topic(request, &repetition, &message->topics.items[i],
                                       &response.topics.items[i]);
    }
    repetition_fini(&repetition);
    request_answer(request, &response);
}
