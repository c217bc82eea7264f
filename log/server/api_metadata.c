/* Metadata (key 3): brokers, topics, leaders; makes unknown topics when the client and the broker
 * allow it.
 *
 * A topic is complete (logs open, coordinators told) before it is shown: the answer waits for its
 * creation. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/operations.h"
#include "log/server/server_state.h"

enum { METADATA_ID_VERSION = 12 }; /* topics may be asked for by id */

struct metadata {
    struct request *request;
    const struct metadata_request_topic **asked; /* each once; unused when all are wanted */
    size_t asked_count;
    struct controller_create_topics creation;
    struct controller_new_topic *missing;
};

static void metadata_fill_partition(const struct meta_partition *from,
                                    struct metadata_response_partition *to)
{
    *to = (struct metadata_response_partition){
        .error_code = from->leader < 0 ? error_code(ERROR_LEADER_NOT_AVAILABLE) : 0,
        .index = from->index,
        .leader_id = from->leader,
        .leader_epoch = from->leader_epoch,
        .replica_nodes = {.items = from->replicas, .count = from->replica_count},
        .isr_nodes = {.items = from->isr, .count = from->isr_count}};
}

static void metadata_fill_topic(struct request *request, const struct meta_topic *from,
                                struct metadata_response_topic *to)
{
    const struct metadata_request *asked = request_message(request, metadata_request);
    *to = (struct metadata_response_topic){
        .name = bytes_from_string(from->name),
        .topic_id = from->id,
        .is_internal = from->is_internal,
        .authorized_operations =
            operations_told(asked->include_topic_authorized_operations, OPERATIONS_OF_TOPIC)};
    to->partitions.count = from->partition_count;
    to->partitions.items =
        arena_array(&request->arena, struct metadata_response_partition, from->partition_count);
    for (int32_t i = 0; i < from->partition_count; i++) {
        metadata_fill_partition(&from->partitions[i], &to->partitions.items[i]);
    }
}

static bool metadata_has_id(const struct metadata_request_topic *asked)
{
    return !meta_uuid_equal(asked->topic_id, (struct wire_uuid){{0}});
}

/* The id counts when both are given; see KIP-516. */
static int metadata_find_asked(struct request *request, const struct metadata_request_topic *asked,
                               const struct meta_topic **out)
{
    struct meta *meta = request->server->parts.meta;
    bool is_by_id = bytes_is_null(asked->name) || metadata_has_id(asked);
    if (is_by_id && request->version < METADATA_ID_VERSION) {
        return ERROR_INVALID_REQUEST;
    }
    *out =
        is_by_id ? meta_find_topic_id(meta, asked->topic_id) : meta_find_topic(meta, asked->name);
    if (*out != NULL) {
        return 0;
    }
    if (!is_by_id && meta_refuse_topic_name(asked->name)[0] != 0) {
        return ERROR_INVALID_TOPIC;
    }
    return is_by_id ? ERROR_UNKNOWN_TOPIC_ID : ERROR_UNKNOWN_TOPIC_OR_PARTITION;
}

static void metadata_fill_asked(struct request *request, const struct metadata_request_topic *asked,
                                struct metadata_response_topic *answer)
{
    const struct meta_topic *topic = NULL;
    int error = metadata_find_asked(request, asked, &topic);
    if (error == 0) {
        metadata_fill_topic(request, topic, answer);
        return;
    }
    *answer = (struct metadata_response_topic){
        .error_code = error_code(error),
        .name = error == ERROR_UNKNOWN_TOPIC_ID ? (struct bytes){0} : asked->name,
        .topic_id = asked->topic_id,
        .authorized_operations = OPERATIONS_NOT_ASKED};
}

static bool metadata_wants_all(const struct request *request)
{
    const struct metadata_request *asked = request_message(request, metadata_request);
    return asked->topics.count < 0 || (request->version == 0 && asked->topics.count == 0);
}

/* A topic that is asked for twice is answered once. */
static void metadata_gather_asked(struct request *request, struct metadata *metadata)
{
    const struct metadata_request *asked = request_message(request, metadata_request);
    struct map seen;
    map_init(&seen);
    metadata->asked = arena_array(&request->arena, const struct metadata_request_topic *,
                                  asked->topics.count < 0 ? 0 : asked->topics.count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        struct metadata_request_topic *topic = &asked->topics.items[i];
        bool is_by_id = bytes_is_null(topic->name) || metadata_has_id(topic);
        struct bytes key =
            is_by_id ? bytes_make(&topic->topic_id, sizeof topic->topic_id) : topic->name;
        if (map_put(&seen, key, topic) == NULL) {
            metadata->asked[metadata->asked_count++] = topic;
        }
    }
    map_fini(&seen, NULL);
}

static void metadata_fill_topics(const struct metadata *metadata,
                                 struct metadata_response *response)
{
    struct request *request = metadata->request;
    struct meta *meta = request->server->parts.meta;
    bool is_all = metadata_wants_all(request);
    size_t count = is_all ? meta_topic_count(meta) : metadata->asked_count;
    response->topics.count = (int32_t)count;
    response->topics.items = arena_array(&request->arena, struct metadata_response_topic, count);
    for (size_t i = 0; i < count; i++) {
        if (is_all) {
            metadata_fill_topic(request, meta_topic_at(meta, i), &response->topics.items[i]);
        } else {
            metadata_fill_asked(request, metadata->asked[i], &response->topics.items[i]);
        }
    }
}

static void metadata_answer(const struct metadata *metadata)
{
    struct request *request = metadata->request;
    const struct metadata_request *asked = request_message(request, metadata_request);
    struct server *server = request->server;
    struct metadata_response_broker broker = {
        .node_id = server->parts.node_id,
        .rack = bytes_from_string(meta_broker_options(server->parts.meta)->broker_rack)};
    request_advertised_address(request, &broker.host, &broker.port);
    struct metadata_response response = {
        .brokers = {.items = &broker, .count = 1},
        .cluster_id = bytes_from_string(meta_cluster_id(server->parts.meta)),
        .controller_id = server->parts.node_id,
        .cluster_authorized_operations =
            operations_told(asked->include_cluster_authorized_operations, OPERATIONS_OF_CLUSTER)};
    metadata_fill_topics(metadata, &response);
    request_answer(request, &response);
}

/* Topics that are made on the way count for the client's quota too, strictly and in silence: one
 * that is refused stays unknown, and the answer waits for nothing. So does Kafka. */
static bool metadata_permit(struct controller_operation *operation, int32_t partition_count)
{
    const struct request *request = ((struct metadata *)operation->owner)->request;
    struct throttle_client client = request_client(request);
    return throttle_take_mutations(request->server->throttle, &client, partition_count, true);
}

static void metadata_on_created(struct controller_operation *operation)
{
    metadata_answer(operation->owner);
}

static size_t metadata_gather_missing(struct request *request, struct metadata *metadata)
{
    const struct metadata_request *asked = request_message(request, metadata_request);
    size_t count = 0;
    if (metadata_wants_all(request) || !asked->allow_auto_topic_creation ||
        !meta_broker_options(request->server->parts.meta)->auto_create_topics_enable) {
        return 0;
    }
    metadata->missing =
        arena_array(&request->arena, struct controller_new_topic, metadata->asked_count);
    for (size_t i = 0; i < metadata->asked_count; i++) {
        const struct meta_topic *topic = NULL;
        int error = metadata_find_asked(request, metadata->asked[i], &topic);
        if (error == ERROR_UNKNOWN_TOPIC_OR_PARTITION) {
            metadata->missing[count++] = (struct controller_new_topic){
                .name = metadata->asked[i]->name, .partition_count = -1, .replication_factor = -1};
        }
    }
    return count;
}

void api_metadata(struct request *request)
{
    struct metadata *metadata = arena_new(&request->arena, struct metadata);
    metadata->request = request;
    metadata_gather_asked(request, metadata);
    size_t count = metadata_gather_missing(request, metadata);
    if (count == 0) {
        metadata_answer(metadata);
        return;
    }
    metadata->creation =
        (struct controller_create_topics){.operation = {.done = metadata_on_created,
                                                        .permit = metadata_permit,
                                                        .owner = metadata,
                                                        .arena = &request->arena},
                                          .topics = metadata->missing,
                                          .count = count};
    controller_create_topics(request->server->parts.controller, &metadata->creation);
}
