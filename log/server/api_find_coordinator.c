/* FindCoordinator (key 10): this broker coordinates everything there is to coordinate.
 *
 * The first question makes __consumer_offsets or __transaction_state, as in Kafka, and is answered
 * when it can be used. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

enum { FIND_COORDINATOR_GROUP = 0, FIND_COORDINATOR_TRANSACTION = 1 };

struct find_coordinator {
    struct request *request;
    struct controller_create_topics creation;
    struct controller_new_topic topic;
};

/* Where a coordinator's memory is; empty for a kind that is not there. */
static struct bytes find_coordinator_topic(int8_t key_type)
{
    switch (key_type) {
    case FIND_COORDINATOR_GROUP:
        return BYTES_LITERAL("__consumer_offsets");
    case FIND_COORDINATOR_TRANSACTION:
        return BYTES_LITERAL("__transaction_state");
    }
    return (struct bytes){0};
}

static int find_coordinator_judge(int8_t key_type)
{
    return find_coordinator_topic(key_type).size > 0 ? 0 : ERROR_INVALID_REQUEST;
}

static void find_coordinator_answer(struct request *request)
{
    const struct find_coordinator_request *asked =
        request_message(request, find_coordinator_request);
    bool is_list = request->version >= 4;
    int32_t count = is_list ? asked->coordinator_keys.count : 1;
    int error = find_coordinator_judge(asked->key_type);
    struct find_coordinator_response response = {.error_code = error_code(error), .node_id = -1};
    struct bytes host = BYTES_LITERAL("");
    int32_t port = -1;
    if (error == 0) {
        request_advertised_address(request, &host, &port);
        response.node_id = request->server->parts.node_id;
    }
    response.host = host;
    response.port = port;
    response.error_message = bytes_from_string(error == 0 ? NULL : error_text(error));
    response.coordinators.items =
        arena_array(&request->arena, struct find_coordinator_response_coordinator, count);
    for (int32_t i = 0; is_list && i < count; i++) {
        response.coordinators.items[response.coordinators.count++] =
            (struct find_coordinator_response_coordinator){.key = asked->coordinator_keys.items[i],
                                                           .node_id = response.node_id,
                                                           .host = host,
                                                           .port = port,
                                                           .error_code = error_code(error),
                                                           .error_message = response.error_message};
    }
    request_answer(request, &response);
}

static void find_coordinator_on_created(struct controller_operation *operation)
{
    struct find_coordinator *find = operation->owner;
    find_coordinator_answer(find->request);
}

void api_find_coordinator(struct request *request)
{
    const struct find_coordinator_request *asked =
        request_message(request, find_coordinator_request);
    struct bytes name = find_coordinator_topic(asked->key_type);
    struct server *server = request->server;
    if (find_coordinator_judge(asked->key_type) != 0 ||
        meta_find_topic(server->parts.meta, name) != NULL) {
        find_coordinator_answer(request);
        return;
    }
    struct find_coordinator *find = arena_new(&request->arena, struct find_coordinator);
    find->request = request;
    find->topic = (struct controller_new_topic){
        .name = name, .partition_count = -1, .replication_factor = -1};
    find->creation = (struct controller_create_topics){
        .operation = {.done = find_coordinator_on_created, .owner = find, .arena = &request->arena},
        .topics = &find->topic,
        .count = 1};
    controller_create_topics(server->parts.controller, &find->creation);
}
