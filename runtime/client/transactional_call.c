/* The requests of a transactional producer, one at a time; see transactional.h. */
#include "log/base/error.h"
#include "runtime/client/transactional_state.h"

enum {
    TRANSACTIONAL_INIT_KEY = 22,
    TRANSACTIONAL_ADD_KEY = 24,
    TRANSACTIONAL_ADD_OFFSETS_KEY = 25,
    TRANSACTIONAL_END_KEY = 26,
    TRANSACTIONAL_OFFSETS_KEY = 28,
    TRANSACTIONAL_INIT_VERSION_MAX = 5,
    TRANSACTIONAL_ADD_VERSION_MAX = 3,
    TRANSACTIONAL_ADD_OFFSETS_VERSION_MAX = 4,
    /* The last ones of before transactions v2, and the first with it. */
    TRANSACTIONAL_END_VERSION_MARKED = 4,
    TRANSACTIONAL_END_VERSION_BUMPED = 5,
    TRANSACTIONAL_OFFSETS_VERSION_MARKED = 4,
    TRANSACTIONAL_OFFSETS_VERSION_BUMPED = 5,
};

/* Answers ------------------------------------------------------------------------------------ */

static int transactional_take_init(struct transactional *transactional,
                                   const struct init_producer_id_response *response)
{
    if (response->error_code != 0) {
        return error_from_code(response->error_code);
    }
    transactional->producer_id = response->producer_id;
    transactional->epoch = response->producer_epoch;
    return 0;
}

/* What was asked for is part of the transaction, or the first error. */
static int transactional_take_add(struct transactional *transactional,
                                  const struct add_partitions_to_txn_response *response)
{
    for (int32_t i = 0; i < response->topics.count; i++) {
        for (int32_t j = 0; j < response->topics.items[i].partitions.count; j++) {
            int16_t code = response->topics.items[i].partitions.items[j].error_code;
            int error = error_from_code(code);
            if (code != 0 && error != ERROR_OPERATION_NOT_ATTEMPTED) {
                return error;
            }
        }
    }
    const struct add_partitions_to_txn_request *request = &transactional->request.add;
    for (map_each (&transactional->parts, entry)) {
        struct transactional_part *part = entry->value;
        for (int32_t i = 0; i < request->topics.count && !part->is_added; i++) {
            part->is_added = bytes_equal_string(request->topics.items[i].name, part->topic) &&
                             request->topics.items[i].partitions.items[0] == part->partition;
        }
    }
    return 0;
}

static int transactional_take_offsets(const struct txn_offset_commit_response *response)
{
    for (int32_t i = 0; i < response->topics.count; i++) {
        for (int32_t j = 0; j < response->topics.items[i].partitions.count; j++) {
            int16_t code = response->topics.items[i].partitions.items[j].error_code;
            if (code != 0) {
                return error_from_code(code);
            }
        }
    }
    return 0;
}

static int transactional_take_end(struct transactional *transactional,
                                  const struct end_txn_response *response)
{
    if (response->error_code != 0) {
        return error_from_code(response->error_code);
    }
    if (transactional->is_bumped && response->producer_id >= 0) {
        transactional->producer_id = response->producer_id;
        transactional->epoch = response->producer_epoch;
    }
    return 0;
}

static int transactional_take(struct transactional *transactional, const void *response)
{
    switch (transactional->step) {
    case TRANSACTIONAL_INIT:
    case TRANSACTIONAL_BUMP:
        return transactional_take_init(transactional, response);
    case TRANSACTIONAL_ADD:
        return transactional_take_add(transactional, response);
    case TRANSACTIONAL_ADD_OFFSETS:
        return error_from_code(((const struct add_offsets_to_txn_response *)response)->error_code);
    case TRANSACTIONAL_OFFSETS:
        return transactional_take_offsets(response);
    case TRANSACTIONAL_END:
        return transactional_take_end(transactional, response);
    case TRANSACTIONAL_NOTHING:
        break;
    }
    check(false);
    return ERROR_INVALID;
}

static struct locator *transactional_locator(struct transactional *transactional)
{
    return transactional->step == TRANSACTIONAL_OFFSETS ? &transactional->group_locator
                                                        : &transactional->locator;
}

static void transactional_on_answer(struct client_call *call, int error, int16_t version,
                                    const void *response)
{
    struct transactional *transactional = call->owner;
    (void)version;
    transactional->is_calling = false;
    if (error == 0) {
        error = transactional_take(transactional, response);
    }
    if (locator_is_misplaced(error)) {
        locator_expire(transactional_locator(transactional));
    }
    transactional_on_step(transactional, error);
}

/* Requests ----------------------------------------------------------------------------------- */

static void transactional_fill_init(struct transactional *transactional)
{
    bool is_bump = transactional->step == TRANSACTIONAL_BUMP;
    transactional->request.init = (struct init_producer_id_request){
        .transactional_id = bytes_from_string(transactional->id),
        .transaction_timeout_ms = transactional->timeout_ms,
        .producer_id = is_bump ? transactional->producer_id : -1,
        .producer_epoch = is_bump ? transactional->epoch : -1,
    };
    transactional->call.api_key = TRANSACTIONAL_INIT_KEY;
    transactional->call.version_max = TRANSACTIONAL_INIT_VERSION_MAX;
}

/* One row per partition: topics may stand there several times. */
static void transactional_fill_add(struct transactional *transactional)
{
    struct add_partitions_to_txn_request *request = &transactional->request.add;
    *request = (struct add_partitions_to_txn_request){
        .transactional_id = bytes_from_string(transactional->id),
        .producer_id = transactional->producer_id,
        .producer_epoch = transactional->epoch,
    };
    request->topics.items =
        arena_array(&transactional->arena, struct add_partitions_to_txn_request_own_topic,
                    transactional->parts.size);
    for (map_each (&transactional->parts, entry)) {
        struct transactional_part *part = entry->value;
        if (!part->is_added) {
            request->topics.items[request->topics.count++] =
                (struct add_partitions_to_txn_request_own_topic){
                    .name = bytes_from_string(part->topic),
                    .partitions = {.items = &part->partition, .count = 1}};
        }
    }
    transactional->call.api_key = TRANSACTIONAL_ADD_KEY;
    transactional->call.version_max = TRANSACTIONAL_ADD_VERSION_MAX;
}

static void transactional_fill_add_offsets(struct transactional *transactional)
{
    transactional->request.add_offsets = (struct add_offsets_to_txn_request){
        .transactional_id = bytes_from_string(transactional->id),
        .producer_id = transactional->producer_id,
        .producer_epoch = transactional->epoch,
        .group_id = bytes_from_string(transactional->reader.group),
    };
    transactional->call.api_key = TRANSACTIONAL_ADD_OFFSETS_KEY;
    transactional->call.version_max = TRANSACTIONAL_ADD_OFFSETS_VERSION_MAX;
}

static void transactional_fill_offsets(struct transactional *transactional)
{
    struct txn_offset_commit_request *request = &transactional->request.offsets;
    size_t count = transactional->offset_count;
    *request = (struct txn_offset_commit_request){
        .transactional_id = bytes_from_string(transactional->id),
        .group_id = bytes_from_string(transactional->reader.group),
        .producer_id = transactional->producer_id,
        .producer_epoch = transactional->epoch,
        .generation_id = transactional->reader.generation,
        .member_id = arena_copy(&transactional->arena, transactional->reader.member_id),
        .group_instance_id = arena_copy(&transactional->arena, transactional->reader.instance_id),
    };
    request->topics.items =
        arena_array(&transactional->arena, struct txn_offset_commit_request_topic, count);
    struct txn_offset_commit_request_partition *rows =
        arena_array(&transactional->arena, struct txn_offset_commit_request_partition, count);
    for (size_t i = 0; i < count; i++) {
        const struct member_partition *from = &transactional->offsets[i];
        rows[i] = (struct txn_offset_commit_request_partition){
            .index = from->partition,
            .committed_offset = from->offset,
            .committed_leader_epoch = -1,
            .committed_metadata = from->metadata,
        };
        request->topics.items[request->topics.count++] = (struct txn_offset_commit_request_topic){
            .name = bytes_from_string(from->topic), .partitions = {.items = &rows[i], .count = 1}};
    }
    transactional->call.api_key = TRANSACTIONAL_OFFSETS_KEY;
    transactional->call.version_max = transactional->is_bumped
                                          ? TRANSACTIONAL_OFFSETS_VERSION_BUMPED
                                          : TRANSACTIONAL_OFFSETS_VERSION_MARKED;
}

static void transactional_fill_end(struct transactional *transactional)
{
    transactional->request.end = (struct end_txn_request){
        .transactional_id = bytes_from_string(transactional->id),
        .producer_id = transactional->producer_id,
        .producer_epoch = transactional->epoch,
        .is_committed = transactional->state == TRANSACTIONAL_COMMITTING,
    };
    transactional->call.api_key = TRANSACTIONAL_END_KEY;
    transactional->call.version_max = transactional->is_bumped ? TRANSACTIONAL_END_VERSION_BUMPED
                                                               : TRANSACTIONAL_END_VERSION_MARKED;
}

static void transactional_fill(struct transactional *transactional)
{
    switch (transactional->step) {
    case TRANSACTIONAL_INIT:
    case TRANSACTIONAL_BUMP:
        transactional_fill_init(transactional);
        return;
    case TRANSACTIONAL_ADD:
        transactional_fill_add(transactional);
        return;
    case TRANSACTIONAL_ADD_OFFSETS:
        transactional_fill_add_offsets(transactional);
        return;
    case TRANSACTIONAL_OFFSETS:
        transactional_fill_offsets(transactional);
        return;
    case TRANSACTIONAL_END:
        transactional_fill_end(transactional);
        return;
    case TRANSACTIONAL_NOTHING:
        break;
    }
    check(false);
}

static void transactional_on_located(void *owner, int error)
{
    struct transactional *transactional = owner;
    transactional->is_calling = false;
    if (error != 0) {
        transactional_on_step(transactional, error);
    } else {
        transactional_call(transactional);
    }
}

void transactional_call(struct transactional *transactional)
{
    struct locator *locator = transactional_locator(transactional);
    check(!transactional->is_calling);
    transactional->is_calling = true;
    if (locator->node_id < 0) {
        locator_search(locator, transactional_on_located, transactional);
        return;
    }
    arena_clear(&transactional->arena);
    transactional->call = (struct client_call){
        .target = locator->node_id,
        .request = &transactional->request,
        .done = transactional_on_answer,
        .owner = transactional,
    };
    transactional_fill(transactional);
    client_send(transactional->client, &transactional->call);
}

void transactional_call_stop(struct transactional *transactional)
{
    bool is_searching =
        transactional->locator.is_searching || transactional->group_locator.is_searching;
    if (transactional->is_calling && !is_searching) {
        client_cancel(transactional->client, &transactional->call);
    }
    transactional->is_calling = false;
    locator_fini(&transactional->locator);
    locator_fini(&transactional->group_locator);
}
