/* Metadata (key 3): brokers, topics, leaders; makes unknown topics when the client and the broker
 * allow it.
 *
 * A topic is complete (logs open, coordinators told) before it is shown: the answer waits for its
 * creation. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

#include <string.h>

enum { METADATA_NO_OPERATIONS = INT32_MIN };

struct metadata {
    struct request *request;
    struct controller_create_topics creation;
    struct controller_new_topic *missing;
};

static void metadata_fill_partition(struct request *request, const struct meta_partition *from,
                                    struct metadata_response_partition *to)
{
    (void)request;
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
    *to = (struct metadata_response_topic){.name = bytes_from_string(from->name),
                                           .topic_id = from->id,
                                           .is_internal = from->is_internal,
                                           .authorized_operations = METADATA_NO_OPERATIONS};
    to->partitions.count = from->partition_count;
    to->partitions.items =
        arena_array(&request->arena, struct metadata_response_partition, from->partition_count);
    for (int32_t i = 0; i < from->partition_count; i++) {
        metadata_fill_partition(request, &from->partitions[i], &to->partitions.items[i]);
    }
}

static void metadata_fill_asked(struct request *request, const struct metadata_request_topic *asked,
                                struct metadata_response_topic *answer)
{
    struct meta *meta = request->server->parts.meta;
    bool is_by_id = bytes_is_null(asked->name);
    const struct meta_topic *topic =
        is_by_id ? meta_find_topic_id(meta, asked->topic_id) : meta_find_topic(meta, asked->name);
    if (topic != NULL) {
        metadata_fill_topic(request, topic, answer);
        return;
    }
    int error = is_by_id ? ERROR_UNKNOWN_TOPIC_ID : ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    if (!is_by_id && meta_refuse_topic_name(asked->name)[0] != 0) {
        error = ERROR_INVALID_TOPIC;
    }
    *answer = (struct metadata_response_topic){.error_code = error_code(error),
                                               .name = asked->name,
                                               .topic_id = asked->topic_id,
                                               .authorized_operations = METADATA_NO_OPERATIONS};
}

static bool metadata_wants_all(const struct request *request)
{
    const struct metadata_request *asked = request_message(request, metadata_request);
    return asked->topics.count < 0 || (request->version == 0 && asked->topics.count == 0);
}

static void metadata_fill_topics(struct request *request, struct metadata_response *response)
{
    const struct metadata_request *asked = request_message(request, metadata_request);
    struct meta *meta = request->server->parts.meta;
    bool is_all = metadata_wants_all(request);
    size_t count = is_all ? meta_topic_count(meta) : (size_t)asked->topics.count;
    response->topics.count = (int32_t)count;
    response->topics.items = arena_array(&request->arena, struct metadata_response_topic, count);
    for (size_t i = 0; i < count; i++) {
        if (is_all) {
            metadata_fill_topic(request, meta_topic_at(meta, i), &response->topics.items[i]);
        } else {
            metadata_fill_asked(request, &asked->topics.items[i], &response->topics.items[i]);
        }
    }
}

static void metadata_answer(struct request *request)
{
    struct server *server = request->server;
    struct metadata_response_broker broker = {.node_id = server->parts.node_id};
    request_advertised_address(request, &broker.host, &broker.port);
    struct metadata_response response = {.brokers = {.items = &broker, .count = 1},
                                         .cluster_id =
                                             bytes_from_string(meta_cluster_id(server->parts.meta)),
                                         .controller_id = server->parts.node_id,
                                         .cluster_authorized_operations = METADATA_NO_OPERATIONS};
    metadata_fill_topics(request, &response);
    request_answer(request, &response);
}

static void metadata_on_created(struct controller_operation *operation)
{
    struct metadata *metadata = operation->owner;
    metadata_answer(metadata->request);
}

static size_t metadata_gather_missing(struct request *request, struct metadata *metadata)
{
    const struct metadata_request *asked = request_message(request, metadata_request);
    struct meta *meta = request->server->parts.meta;
    size_t count = 0;
    if (metadata_wants_all(request) || !asked->allow_auto_topic_creation ||
        !meta_broker_options(meta)->auto_create_topics_enable) {
        return 0;
    }
    metadata->missing =
        arena_array(&request->arena, struct controller_new_topic, asked->topics.count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        struct bytes name = asked->topics.items[i].name;
        if (!bytes_is_null(name) && meta_find_topic(meta, name) == NULL &&
            meta_refuse_topic_name(name)[0] == 0) {
            metadata->missing[count++] = (struct controller_new_topic){
                .name = name, .partition_count = -1, .replication_factor = -1};
        }
    }
    return count;
}

void api_metadata(struct request *request)
{
    struct metadata *metadata = arena_new(&request->arena, struct metadata);
    metadata->request = request;
    size_t count = metadata_gather_missing(request, metadata);
    if (count == 0) {
        metadata_answer(request);
        return;
    }
    metadata->creation = (struct controller_create_topics){
        .operation = {.done = metadata_on_created, .owner = metadata, .arena = &request->arena},
        .topics = metadata->missing,
        .count = count};
    controller_create_topics(request->server->parts.controller, &metadata->creation);
}
