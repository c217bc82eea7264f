/* OffsetCommit and OffsetFetch; see offsets.h. */
#include "runtime/client/offsets.h"

#include "log/base/error.h"

#include <string.h>

enum {
    OFFSETS_COMMIT_KEY = 8,
    OFFSETS_FETCH_KEY = 9,
    OFFSETS_VERSION_MAX = 9, /* from 10 on topics have ids instead of names */
    OFFSETS_FETCH_VERSION_GROUPS = 8,
};

static struct offset_commit_request_topic *offsets_commit_topic(struct offsets_commit *commit,
                                                                struct bytes name)
{
    struct offset_commit_request *request = &commit->request;
    for (int32_t i = 0; i < request->topics.count; i++) {
        if (bytes_equal(request->topics.items[i].name, name)) {
            return &request->topics.items[i];
        }
    }
    struct offset_commit_request_topic *topic = &request->topics.items[request->topics.count++];
    topic->name = name;
    size_t count = 0;
    for (size_t i = 0; i < commit->count; i++) {
        count += bytes_equal_string(name, commit->partitions[i].topic);
    }
    topic->partitions.items =
        arena_array(&commit->arena, struct offset_commit_request_partition, count);
    return topic;
}

static void offsets_fill_commit(struct offsets_commit *commit)
{
    commit->request = (struct offset_commit_request){
        .group_id = commit->identity.group,
        .generation_id_or_member_epoch = commit->identity.generation,
        .member_id = commit->identity.member_id,
        .group_instance_id = commit->identity.instance_id,
        .retention_time_ms = -1,
    };
    commit->request.topics.items =
        arena_array(&commit->arena, struct offset_commit_request_topic, commit->count);
    for (size_t i = 0; i < commit->count; i++) {
        const struct member_partition *partition = &commit->partitions[i];
        struct offset_commit_request_topic *topic =
            offsets_commit_topic(commit, bytes_from_string(partition->topic));
        topic->partitions.items[topic->partitions.count++] =
            (struct offset_commit_request_partition){
                .index = partition->partition,
                .committed_offset = partition->offset,
                .committed_leader_epoch = -1,
                .committed_metadata =
                    partition->metadata.data == NULL ? BYTES_LITERAL("") : partition->metadata,
            };
    }
}

static void offsets_on_committed(struct client_call *call, int error, int16_t version,
                                 const void *response)
{
    (void)version;
    struct offsets_commit *commit = call->owner;
    const struct offset_commit_response *answer = response;
    for (int32_t i = 0; error == 0 && i < answer->topics.count; i++) {
        const struct offset_commit_response_topic *topic = &answer->topics.items[i];
        for (int32_t j = 0; error == 0 && j < topic->partitions.count; j++) {
            error = error_from_code(topic->partitions.items[j].error_code);
        }
    }
    arena_fini(&commit->arena);
    commit->done(commit, error);
}

void offsets_commit_start(struct client *client, struct offsets_commit *commit)
{
    commit->client = client;
    arena_init(&commit->arena, 0);
    offsets_fill_commit(commit);
    commit->call = (struct client_call){
        .target = commit->coordinator_id,
        .api_key = OFFSETS_COMMIT_KEY,
        .version_max = OFFSETS_VERSION_MAX,
        .request = &commit->request,
        .done = offsets_on_committed,
        .owner = commit,
    };
    client_send(client, &commit->call);
}

void offsets_commit_stop(struct offsets_commit *commit)
{
    client_cancel(commit->client, &commit->call);
    arena_fini(&commit->arena);
}

static struct offset_fetch_request_group_topic *offsets_fetch_topic(struct offsets_fetch *fetch,
                                                                    struct bytes name)
{
    struct offset_fetch_request_group *group = &fetch->group_request;
    for (int32_t i = 0; i < group->topics.count; i++) {
        if (bytes_equal(group->topics.items[i].name, name)) {
            return &group->topics.items[i];
        }
    }
    struct offset_fetch_request_group_topic *topic = &group->topics.items[group->topics.count++];
    topic->name = name;
    size_t count = 0;
    for (size_t i = 0; i < fetch->count; i++) {
        count += bytes_equal_string(name, fetch->partitions[i].topic);
    }
    topic->partition_indexes.items = arena_array(&fetch->arena, int32_t, count);
    return topic;
}

/* Fills the place of version 8 and later, and the one before. */
static void offsets_fill_fetch(struct offsets_fetch *fetch)
{
    struct offset_fetch_request *request = &fetch->request;
    struct offset_fetch_request_group *group = &fetch->group_request;
    *group = (struct offset_fetch_request_group){.group_id = fetch->group, .member_epoch = -1};
    *request =
        (struct offset_fetch_request){.group_id = fetch->group, .require_stable = fetch->is_stable};
    request->groups.items = group;
    request->groups.count = 1;
    if (fetch->partitions == NULL) {
        group->topics.count = -1;
        request->topics.count = -1;
        return;
    }
    group->topics.items =
        arena_array(&fetch->arena, struct offset_fetch_request_group_topic, fetch->count);
    for (size_t i = 0; i < fetch->count; i++) {
        struct offset_fetch_request_group_topic *topic =
            offsets_fetch_topic(fetch, bytes_from_string(fetch->partitions[i].topic));
        topic->partition_indexes.items[topic->partition_indexes.count++] =
            fetch->partitions[i].partition;
    }
    size_t count = (size_t)group->topics.count;
    request->topics.items = arena_array(&fetch->arena, struct offset_fetch_request_topic, count);
    request->topics.count = group->topics.count;
    for (size_t i = 0; i < count; i++) {
        request->topics.items[i].name = group->topics.items[i].name;
        request->topics.items[i].partition_indexes.items =
            group->topics.items[i].partition_indexes.items;
        request->topics.items[i].partition_indexes.count =
            group->topics.items[i].partition_indexes.count;
    }
}

/* What was read, gathered in an array of the arena that grows by doubling. */
struct offsets_list {
    struct arena *arena;
    struct member_partition *items;
    size_t count;
    size_t capacity;
};

static void offsets_gather(struct offsets_list *list, struct bytes topic, int32_t index,
                           int64_t offset, struct bytes metadata)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity * 2 + 16;
        struct member_partition *items =
            arena_array(list->arena, struct member_partition, capacity);
        if (list->count > 0) {
            memcpy(items, list->items, list->count * sizeof *items);
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = (struct member_partition){
        .topic = arena_string(list->arena, topic),
        .partition = index,
        .offset = offset,
        .metadata = metadata,
    };
}

must_use static int offsets_read_group(struct offsets_list *list,
                                       const struct offset_fetch_response_group *group)
{
    int error = error_from_code(group->error_code);
    for (int32_t i = 0; error == 0 && i < group->topics.count; i++) {
        const struct offset_fetch_response_group_topic *topic = &group->topics.items[i];
        for (int32_t j = 0; error == 0 && j < topic->partitions.count; j++) {
            const struct offset_fetch_response_group_partition *row = &topic->partitions.items[j];
            error = error_from_code(row->error_code);
            offsets_gather(list, topic->name, row->index, row->committed_offset, row->metadata);
        }
    }
    return error;
}

must_use static int offsets_read_old(struct offsets_list *list,
                                     const struct offset_fetch_response *response)
{
    int error = error_from_code(response->error_code);
    for (int32_t i = 0; error == 0 && i < response->topics.count; i++) {
        const struct offset_fetch_response_topic *topic = &response->topics.items[i];
        for (int32_t j = 0; error == 0 && j < topic->partitions.count; j++) {
            const struct offset_fetch_response_partition *row = &topic->partitions.items[j];
            error = error_from_code(row->error_code);
            offsets_gather(list, topic->name, row->index, row->committed_offset, row->metadata);
        }
    }
    return error;
}

static void offsets_on_fetched(struct client_call *call, int error, int16_t version,
                               const void *response)
{
    struct offsets_fetch *fetch = call->owner;
    const struct offset_fetch_response *answer = response;
    struct arena arena = fetch->arena;
    struct offsets_list list = {.arena = &arena};
    if (error == 0 && version < OFFSETS_FETCH_VERSION_GROUPS) {
        error = offsets_read_old(&list, answer);
    } else if (error == 0) {
        error = answer->groups.count < 1 ? ERROR_MALFORMED
                                         : offsets_read_group(&list, &answer->groups.items[0]);
    }
    fetch->done(fetch, error, list.items, error == 0 ? list.count : 0);
    arena_fini(&arena);
}

void offsets_fetch_start(struct client *client, struct offsets_fetch *fetch)
{
    fetch->client = client;
    arena_init(&fetch->arena, 0);
    offsets_fill_fetch(fetch);
    fetch->call = (struct client_call){
        .target = fetch->coordinator_id,
        .api_key = OFFSETS_FETCH_KEY,
        .version_max = OFFSETS_VERSION_MAX,
        .request = &fetch->request,
        .done = offsets_on_fetched,
        .owner = fetch,
    };
    client_send(client, &fetch->call);
}

void offsets_fetch_stop(struct offsets_fetch *fetch)
{
    client_cancel(fetch->client, &fetch->call);
    arena_fini(&fetch->arena);
}
