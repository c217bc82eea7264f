/* AddOffsetsToTxn (key 25): the partition that holds a group's offsets becomes part of a
 * transaction. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { ADD_OFFSETS_FENCED_VERSION = 2 };

struct add_offsets {
    struct request *request;
    struct transactor_add add;
    struct transactor_partition partition;
};

static void add_offsets_answer(struct request *request, int error)
{
    if (error == ERROR_PRODUCER_FENCED && request->version < ADD_OFFSETS_FENCED_VERSION) {
        error = ERROR_INVALID_PRODUCER_EPOCH;
    }
    struct add_offsets_to_txn_response response = {.error_code = error_code(error)};
    request_answer(request, &response);
}

static void add_offsets_on_done(struct coordinator_request *done)
{
    const struct add_offsets *offsets = done->owner;
    add_offsets_answer(offsets->request, offsets->add.error);
}

void api_add_offsets_to_txn(struct request *request)
{
    const struct add_offsets_to_txn_request *asked =
        request_message(request, add_offsets_to_txn_request);
    struct server_parts *parts = &request->server->parts;
    struct add_offsets *offsets = arena_new(&request->arena, struct add_offsets);
    offsets->request = request;
    offsets->partition = (struct transactor_partition){
        .topic = BYTES_LITERAL("__consumer_offsets"),
        .index = journal_partition_of(coordinator_journal(parts->coordinator), asked->group_id),
    };
    if (offsets->partition.index < 0) {
        add_offsets_answer(request, ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    offsets->add = (struct transactor_add){
        .request = {.done = add_offsets_on_done, .owner = offsets, .arena = &request->arena},
        .claim = {.transactional_id = asked->transactional_id,
                  .producer_id = asked->producer_id,
                  .producer_epoch = asked->producer_epoch},
        .partitions = &offsets->partition,
        .count = 1,
    };
    transactor_add_partitions(parts->transactor, &offsets->add);
}
