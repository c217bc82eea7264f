/* OffsetCommit (key 8). Offsets of partitions that are not there are refused one by one. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/server_state.h"

struct offset_commit {
    struct request *request;
    struct coordinator_offset *offsets;
    size_t count;
};

static void offset_commit_answer(void *owner)
{
    struct offset_commit *commit = owner;
    struct request *request = commit->request;
    const struct offset_commit_request *asked = request_message(request, offset_commit_request);
    struct offset_commit_response response = {0};
    size_t next = 0;
    response.topics.count = asked->topics.count;
    response.topics.items =
        arena_array(&request->arena, struct offset_commit_response_topic, asked->topics.count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct offset_commit_request_topic *from = &asked->topics.items[i];
        struct offset_commit_response_topic *to = &response.topics.items[i];
        to->name = from->name;
        to->partitions.count = from->partitions.count;
        to->partitions.items = arena_array(&request->arena, struct offset_commit_response_partition,
                                           from->partitions.count);
        for (int32_t j = 0; j < from->partitions.count; j++) {
            to->partitions.items[j] = (struct offset_commit_response_partition){
                .index = from->partitions.items[j].index,
                .error_code = error_code(commit->offsets[next++].error)};
        }
    }
    request_answer(request, &response);
}

static void offset_commit_gather(struct request *request, struct offset_commit *commit,
                                 const struct offset_commit_request_topic *topic)
{
    const struct meta_topic *found = meta_find_topic(request->server->parts.meta, topic->name);
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const struct offset_commit_request_partition *asked = &topic->partitions.items[i];
        bool is_known = found != NULL && meta_find_partition(found, asked->index) != NULL;
        commit->offsets[commit->count++] = (struct coordinator_offset){
            .topic = topic->name,
            .partition = asked->index,
            .offset = asked->committed_offset,
            .leader_epoch = asked->committed_leader_epoch,
            .metadata = bytes_is_null(asked->committed_metadata) ? BYTES_LITERAL("")
                                                                 : asked->committed_metadata,
            .error = is_known ? 0 : ERROR_UNKNOWN_TOPIC_OR_PARTITION};
    }
}

void api_offset_commit(struct request *request)
{
    const struct offset_commit_request *asked = request_message(request, offset_commit_request);
    struct offset_commit *commit = arena_new(&request->arena, struct offset_commit);
    size_t count = 0;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        count += (size_t)asked->topics.items[i].partitions.count;
    }
    commit->request = request;
    commit->offsets = arena_array(&request->arena, struct coordinator_offset, count);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        offset_commit_gather(request, commit, &asked->topics.items[i]);
    }
    coordinator_commit(request->server->parts.coordinator, asked, commit->offsets, commit->count,
                       offset_commit_answer, commit);
}
