/* Produce (key 0): appends record batches to partitions.
 *
 * Transactional batches are appended when their partitions are part of the transaction
 * (produce_transaction.h). Every partition is judged and appended in the order of the request; with
 * acks = all the answer waits until a flush that was started after the append covers it, with acks
 * = 1 it does not, with acks = 0 there is none.
 *
 * Keeps:  (1) a base offset is answered only for bytes that are in the log, with acks = all on the
 *             disk;
 *         (2) each partition is answered once: by its append, by its flush, or by the request's
 *             timeout. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/produce_rules.h"
#include "log/server/produce_topic.h"
#include "log/server/produce_transaction.h"
#include "log/server/server_state.h"

struct produce_part {
    struct produce *produce;
    struct produce_response_partition *answer;
    struct log *log; /* while its flush is awaited */
    struct log_flush_wait wait;
};

struct produce {
    struct request *request;
    struct produce_response response;
    struct produce_part *parts;
    size_t part_count;
    size_t waiting_count;
    int16_t acks;
    int first_error; /* acks = 0 knows no other way than to close the connection */
    struct io_timer timer;
    struct produce_transaction transaction;
};

static void produce_fail(struct produce_part *part, int error, const char *message)
{
    part->answer->error_code = error_code(error);
    part->answer->base_offset = -1;
    part->answer->error_message =
        bytes_from_string(message == NULL && error == ERROR_FENCED ? error_text(error) : message);
    if (part->produce->first_error == 0) {
        part->produce->first_error = error;
    }
}

static void produce_answer(struct produce *produce)
{
    struct request *request = produce->request;
    io_timer_stop(request->server->parts.io, &produce->timer);
    if (produce->acks != 0) {
        request_answer(request, &produce->response);
    } else if (produce->first_error != 0) {
        request_refuse(request, error_text(produce->first_error));
    } else {
        request_answer_nothing(request);
    }
}

static void produce_on_flushed(struct log_flush_wait *wait, int error)
{
    struct produce_part *part = wait->owner;
    part->log = NULL;
    if (error != 0) {
        produce_fail(part, error == ERROR_NOT_FOUND ? ERROR_UNKNOWN_TOPIC_OR_PARTITION : error,
                     NULL);
    }
    if (--part->produce->waiting_count == 0) {
        produce_answer(part->produce);
    }
}

static void produce_on_timeout(struct io_timer *timer)
{
    struct produce *produce = timer->owner;
    for (size_t i = 0; i < produce->part_count; i++) {
        struct produce_part *part = &produce->parts[i];
        if (part->log != NULL) {
            log_wait_cancel(part->log, &part->wait);
            produce_fail(part, ERROR_REQUEST_TIMED_OUT, "the flush took longer than timeout.ms");
        }
    }
    produce_answer(produce);
}

static void produce_tell_wrong_records(struct produce_part *part, struct arena *arena,
                                       const struct produce_rules_verdict *verdict)
{
    int32_t count = verdict->wrong_record_count;
    part->answer->record_errors.items =
        arena_array(arena, struct produce_response_record_error, count);
    part->answer->record_errors.count = count;
    for (int32_t i = 0; i < count; i++) {
        part->answer->record_errors.items[i] =
            (struct produce_response_record_error){.batch_index = verdict->wrong_records[i],
                                                   .message = bytes_from_string(verdict->message)};
    }
}

static int produce_append(struct produce_part *part, struct replica *replica, struct batch *batch,
                          const struct produce_rules *rules)
{
    struct log_append result;
    /* The batch lies in the request's own frame, or in a copy of it: both are ours to write. */
    uint8_t *data = (uint8_t *)(uintptr_t)batch->bytes.data;
    int error = replica_append(replica, data, batch->bytes.size, LOG_ORIGIN_CLIENT, &result);
    if (error != 0) {
        produce_fail(part, error, NULL);
        return error;
    }
    part->answer->base_offset = result.base_offset;
    part->answer->log_append_time_ms =
        rules->is_append_time || result.is_duplicate ? result.timestamp_ms : -1;
    part->answer->log_start_offset = log_start_offset(replica_log(replica));
    if (part->produce->acks == -1) {
        part->log = replica_log(replica);
        part->wait = (struct log_flush_wait){
            .done = produce_on_flushed, .owner = part, .offset = result.last_offset + 1};
        part->produce->waiting_count++;
        log_wait_flushed(part->log, &part->wait);
    }
    return 0;
}

static void produce_serve(struct produce_part *part, struct bytes topic,
                          const struct produce_request_partition *asked)
{
    struct request *request = part->produce->request;
    struct server *server = request->server;
    struct produce_rules rules;
    struct replica *replica = replica_set_find(server->parts.replicas, topic, asked->index);
    if (replica == NULL) {
        produce_fail(part, ERROR_UNKNOWN_TOPIC_OR_PARTITION, NULL);
        return;
    }
    const struct meta_topic *found = meta_find_topic(server->parts.meta, topic);
    int error = found == NULL ? ERROR_UNKNOWN_TOPIC_OR_PARTITION
                              : produce_rules_of_topic(found, part->produce->acks, &rules);
    if (error == 0 && meta_is_internal_name(topic)) {
        error = ERROR_INVALID_TOPIC; /* the coordinator's log holds what it wrote itself */
    }
    if (error != 0) {
        produce_fail(part, error, NULL);
        return;
    }
    struct buffer changed;
    struct batch batch;
    struct produce_rules_verdict verdict;
    buffer_init(&changed);
    error = produce_rules_judge(&rules, asked->records, request->version,
                                io_wall_clock(server->parts.io), &request->arena, &batch, &changed,
                                &verdict);
    if (error != 0) {
        produce_fail(part, error, verdict.message);
        produce_tell_wrong_records(part, &request->arena, &verdict);
    } else {
        metric_add(server->produced_size, (double)batch.bytes.size);
        metric_add(server->produced_count, (double)batch.record_count);
        replica_traffic(replica)->produced_size += (int64_t)batch.bytes.size;
        replica_traffic(replica)->produced_count += batch.record_count;
        (void)produce_append(part, replica, &batch, &rules);
    }
    buffer_fini(&changed);
}

/* What can be said before the batch is looked at; 0 to go on. */
static int produce_refuse(const struct produce *produce, struct bytes name, size_t index,
                          const char **message)
{
    const struct produce_transaction_part *part = &produce->transaction.parts[index];
    if (bytes_is_null(name) && produce->request->version >= PRODUCE_TOPIC_ID_VERSION) {
        return ERROR_UNKNOWN_TOPIC_ID;
    }
    if (produce->acks < -1 || produce->acks > 1) {
        return ERROR_INVALID_REQUIRED_ACKS;
    }
    *message = part->message;
    return part->error;
}

static void produce_serve_topic(struct produce *produce, const struct produce_request_topic *asked,
                                struct produce_response_topic *answer)
{
    struct bytes name = produce_topic_name(produce->request, asked);
    *answer = (struct produce_response_topic){.name = asked->name, .topic_id = asked->topic_id};
    answer->partitions.count = asked->partitions.count;
    answer->partitions.items = arena_array(
        &produce->request->arena, struct produce_response_partition, asked->partitions.count);
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        size_t index = produce->part_count++;
        struct produce_part *part = &produce->parts[index];
        const char *message = NULL;
        int error = produce_refuse(produce, name, index, &message);
        part->produce = produce;
        part->answer = &answer->partitions.items[i];
        *part->answer = (struct produce_response_partition){
            .index = asked->partitions.items[i].index,
            .base_offset = -1,
            .log_append_time_ms = -1,
            .log_start_offset = -1,
            .current_leader = {.leader_id = -1, .leader_epoch = -1}};
        if (error == 0) {
            produce_serve(part, name, &asked->partitions.items[i]);
        } else {
            produce_fail(part, error, message);
        }
    }
}

/* Nothing of a transaction stands in the way any more. */
static void produce_begin(struct produce_transaction *transaction)
{
    struct produce *produce = transaction->owner;
    struct request *request = produce->request;
    const struct produce_request *asked = request_message(request, produce_request);
    produce->response.topics.count = asked->topics.count;
    produce->response.topics.items =
        arena_array(&request->arena, struct produce_response_topic, asked->topics.count);
    produce->waiting_count = 1; /* this call */
    for (int32_t i = 0; i < asked->topics.count; i++) {
        produce_serve_topic(produce, &asked->topics.items[i], &produce->response.topics.items[i]);
    }
    if (--produce->waiting_count == 0) {
        produce_answer(produce);
        return;
    }
    produce->timer = (struct io_timer){.fired = produce_on_timeout, .owner = produce};
    io_timer_start(request->server->parts.io, &produce->timer,
                   (uint64_t)(asked->timeout_ms < 0 ? 0 : asked->timeout_ms) * 1000000);
}

void api_produce(struct request *request)
{
    const struct produce_request *asked = request_message(request, produce_request);
    struct produce *produce = arena_new(&request->arena, struct produce);
    size_t part_count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        part_count += (size_t)asked->topics.items[i].partitions.count;
    }
    produce->request = request;
    produce->acks = asked->acks;
    produce->parts = arena_array(&request->arena, struct produce_part, part_count);
    produce_transaction_start(
        &produce->transaction, request,
        arena_array(&request->arena, struct produce_transaction_part, part_count), part_count,
        produce_begin, produce);
}

void api_produce_answer_unsupported(struct request *request)
{
    request_refuse(request, "Produce versions 0-2 are not served");
}
