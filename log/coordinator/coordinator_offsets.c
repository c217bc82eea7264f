/* Requests about committed offsets; see coordinator.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/consumer.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>

enum { COORDINATOR_NOT_FOUND_VERSION = 9 }; /* of OffsetCommit */

/* A commit on its way to the log. */
struct coordinator_commitment {
    struct group_write write;
    struct coordinator_commit *request;
};

/* Calls `each` for every partition of the request that is accepted so far. */
static void coordinator_each_accepted(struct coordinator_commit *commit,
                                      void (*each)(void *owner, struct bytes topic,
                                                   const struct offset_commit_request_partition *in,
                                                   struct offset_commit_response_partition *out),
                                      void *owner)
{
    for (int32_t i = 0; i < commit->in->topics.count; i++) {
        const struct offset_commit_request_topic *topic = &commit->in->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            struct offset_commit_response_partition *out =
                &commit->out.topics.items[i].partitions.items[j];
            if (out->error_code == 0) {
                each(owner, topic->name, &topic->partitions.items[j], out);
            }
        }
    }
}

/* The shape of the answer, with one error for all. */
static void coordinator_shape_commit(struct coordinator_commit *commit, int error)
{
    struct arena *arena = commit->request.arena;
    int32_t topic_count = commit->in->topics.count;
    commit->out = (struct offset_commit_response){0};
    commit->out.topics.items =
        arena_array(arena, struct offset_commit_response_topic, topic_count + 1);
    commit->out.topics.count = topic_count;
    for (int32_t i = 0; i < topic_count; i++) {
        const struct offset_commit_request_topic *in = &commit->in->topics.items[i];
        struct offset_commit_response_topic *out = &commit->out.topics.items[i];
        int32_t count = in->partitions.count;
        out->name = in->name;
        out->topic_id = in->topic_id;
        out->partitions.items =
            arena_array(arena, struct offset_commit_response_partition, count + 1);
        out->partitions.count = count;
        for (int32_t j = 0; j < count; j++) {
            out->partitions.items[j].index = in->partitions.items[j].index;
            out->partitions.items[j].error_code = error_code(error);
        }
    }
}

static void coordinator_validate_partition(void *owner, struct bytes topic,
                                           const struct offset_commit_request_partition *in,
                                           struct offset_commit_response_partition *out)
{
    const struct coordinator *coordinator = (const struct coordinator *)owner;
    int error = 0;
    if (in->committed_metadata.size > (size_t)coordinator->host.options.metadata_size_max) {
        error = ERROR_OFFSET_METADATA_TOO_LARGE;
    } else if (topic.size == 0 || topic.size > INT16_MAX) {
        error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    } else if (coordinator->events->validate_partition != NULL) {
        error = coordinator->events->validate_partition(coordinator->owner, topic, in->index);
    }
    out->error_code = error_code(error);
}

/* What coordinator_add_offset needs. */
struct coordinator_commit_batch {
    struct batch_builder builder;
    struct group *group;
    int64_t now_ms;
    int64_t expire_timestamp_ms; /* versions 2 to 4 may ask for one; -1: the broker's retention */
};

static void coordinator_add_offset(void *owner, struct bytes topic,
                                   const struct offset_commit_request_partition *in,
                                   struct offset_commit_response_partition *out)
{
    (void)out;
    struct coordinator_commit_batch *batch = (struct coordinator_commit_batch *)owner;
    struct offset_commit_value value = {
        .offset = in->committed_offset,
        .leader_epoch = in->committed_leader_epoch,
        .metadata =
            bytes_is_null(in->committed_metadata) ? BYTES_LITERAL("") : in->committed_metadata,
        .commit_timestamp_ms = batch->now_ms,
        .expire_timestamp_ms = batch->expire_timestamp_ms,
    };
    offset_table_expect(&batch->group->offsets, topic, in->index);
    group_log_write_offset(&batch->builder, batch->now_ms, batch->group->id, topic, in->index,
                           &value);
}

static void coordinator_settle_offset(void *owner, struct bytes topic,
                                      const struct offset_commit_request_partition *in,
                                      struct offset_commit_response_partition *out)
{
    (void)out;
    offset_table_settle((struct offset_table *)owner, topic, in->index);
}

static void coordinator_fail_offset(void *owner, struct bytes topic,
                                    const struct offset_commit_request_partition *in,
                                    struct offset_commit_response_partition *out)
{
    (void)topic;
    (void)in;
    out->error_code = error_code(*(const int *)owner);
}

static void coordinator_on_committed(struct group_host *host, struct group_write *write, int error)
{
    struct coordinator_commitment *commitment = (struct coordinator_commitment *)(void *)write;
    struct coordinator_commit *commit = commitment->request;
    int find_error = 0;
    struct group *group = host->find(host, write->group_id);
    if (group != NULL) {
        coordinator_each_accepted(commit, coordinator_settle_offset, &group->offsets);
        coordinator_release_group(
            coordinator_find_partition(coordinator_of(host), write->group_id, &find_error), group);
    }
    if (error != 0) {
        coordinator_each_accepted(commit, coordinator_fail_offset, &error);
    }
    bytes_free(write->group_id);
    free(commitment);
    host->answer(host, &commit->request);
}

/* The group of a commit: an unknown one comes into being when no generation is claimed. */
static struct group *coordinator_find_commit_group(struct coordinator *coordinator,
                                                   const struct coordinator_commit *commit,
                                                   int *error)
{
    const struct offset_commit_request *in = commit->in;
    struct coordinator_partition *partition =
        coordinator_find_partition(coordinator, in->group_id, error);
    if (partition == NULL) {
        return NULL;
    }
    struct group *group = (struct group *)map_find(&partition->groups, in->group_id);
    if (group == NULL && in->generation_id_or_member_epoch >= 0) {
        *error = commit->version >= COORDINATOR_NOT_FOUND_VERSION ? ERROR_GROUP_ID_NOT_FOUND
                                                                  : ERROR_ILLEGAL_GENERATION;
        return NULL;
    }
    if (group != NULL && group->is_doubtful) {
        *error = ERROR_COORDINATOR_NOT_AVAILABLE;
        return NULL;
    }
    if (group == NULL) {
        group = coordinator_make_group(coordinator, partition, in->group_id);
    }
    *error = group_validate_commit(group, commit->version, in, commit->is_transactional);
    return group;
}

static void coordinator_write_commit(struct coordinator *coordinator, struct group *group,
                                     struct coordinator_commit *commit)
{
    struct coordinator_commit_batch batch = {
        .group = group,
        .now_ms = io_wall_clock(coordinator->host.io),
    };
    int64_t retention_ms = commit->in->retention_time_ms;
    batch.expire_timestamp_ms = retention_ms < 0 || retention_ms > INT64_MAX - batch.now_ms
                                    ? -1
                                    : batch.now_ms + retention_ms;
    batch_builder_init(&batch.builder, COMPRESS_NONE);
    if (commit->is_transactional) {
        batch.builder.producer_id = commit->producer_id;
        batch.builder.producer_epoch = commit->producer_epoch;
        batch.builder.attributes = BATCH_TRANSACTIONAL;
    }
    coordinator_each_accepted(commit, coordinator_add_offset, &batch);
    if (batch.builder.record_count == 0) {
        coordinator->host.answer(&coordinator->host, &commit->request);
    } else {
        struct coordinator_commitment *commitment = memory_new(struct coordinator_commitment);
        commitment->write.done = coordinator_on_committed;
        commitment->write.group_id = bytes_copy(group->id);
        commitment->request = commit;
        coordinator->host.write(&coordinator->host, group->id, &batch.builder, &commitment->write);
    }
    batch_builder_fini(&batch.builder);
}

void coordinator_commit_offsets(struct coordinator *coordinator, struct coordinator_commit *commit)
{
    int error = 0;
    struct group *group = coordinator_find_commit_group(coordinator, commit, &error);
    coordinator_shape_commit(commit, error);
    if (error == 0) {
        coordinator_each_accepted(commit, coordinator_validate_partition, coordinator);
        coordinator_write_commit(coordinator, group, commit);
    } else {
        coordinator->host.answer(&coordinator->host, &commit->request);
    }
    if (group != NULL) {
        /* One that was made for a commit of which nothing was taken. */
        coordinator_release_group(
            coordinator_find_partition(coordinator, commit->in->group_id, &error), group);
    }
}

static void coordinator_fill_offset(const struct group *group, struct bytes topic, int32_t index,
                                    bool is_stable_required,
                                    struct offset_fetch_response_group_partition *out)
{
    const struct offset_table_entry *held =
        group == NULL ? NULL : offset_table_find(&group->offsets, topic, index);
    const struct offset_table_entry *entry =
        group == NULL ? NULL : offset_table_find_value(&group->offsets, topic, index);
    if (is_stable_required && held != NULL && offset_table_is_unstable(held)) {
        *out = (struct offset_fetch_response_group_partition){
            .index = index,
            .committed_offset = -1,
            .committed_leader_epoch = -1,
            .metadata = BYTES_LITERAL(""),
            .error_code = error_code(ERROR_UNSTABLE_OFFSET_COMMIT),
        };
        return;
    }
    *out = (struct offset_fetch_response_group_partition){
        .index = index,
        .committed_offset = entry == NULL ? -1 : entry->value.offset,
        .committed_leader_epoch = entry == NULL ? -1 : entry->value.leader_epoch,
        .metadata = entry == NULL ? BYTES_LITERAL("") : entry->value.metadata,
    };
}

static void coordinator_fetch_some(const struct group *group,
                                   const struct offset_fetch_request_group *in,
                                   bool is_stable_required, struct arena *arena,
                                   struct offset_fetch_response_group *out)
{
    out->topics.items =
        arena_array(arena, struct offset_fetch_response_group_topic, in->topics.count + 1);
    out->topics.count = in->topics.count;
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct offset_fetch_request_group_topic *asked = &in->topics.items[i];
        struct offset_fetch_response_group_topic *topic = &out->topics.items[i];
        int32_t count = asked->partition_indexes.count;
        topic->name = asked->name;
        topic->topic_id = asked->topic_id;
        topic->partitions.items =
            arena_array(arena, struct offset_fetch_response_group_partition, count + 1);
        topic->partitions.count = count;
        for (int32_t j = 0; j < count; j++) {
            coordinator_fill_offset(group, asked->name, asked->partition_indexes.items[j],
                                    is_stable_required, &topic->partitions.items[j]);
        }
    }
}

/* The topic in the answer, new or known. `room` bounds its partitions. */
static struct offset_fetch_response_group_topic *
coordinator_answer_topic(struct offset_fetch_response_group *out, struct map *known,
                         struct bytes name, size_t room, struct arena *arena)
{
    struct offset_fetch_response_group_topic *topic =
        (struct offset_fetch_response_group_topic *)map_find(known, name);
    if (topic == NULL) {
        topic = &out->topics.items[out->topics.count++];
        topic->name = arena_copy(arena, name);
        topic->partitions.items =
            arena_array(arena, struct offset_fetch_response_group_partition, room);
        map_put(known, name, topic);
    }
    return topic;
}

static void coordinator_fetch_all(const struct group *group, bool is_stable_required,
                                  struct arena *arena, struct offset_fetch_response_group *out)
{
    struct map known;  /* topic to its place in the answer */
    struct map counts; /* topic to its number of entries, as a pointer-sized count */
    map_init(&known);
    map_init(&counts);
    for (map_each (&group->offsets.entries, place)) {
        const struct offset_table_entry *entry = (const struct offset_table_entry *)place->value;
        size_t *count = (size_t *)map_find(&counts, entry->topic);
        if (count == NULL) {
            count = arena_new(arena, size_t);
            map_put(&counts, entry->topic, count);
        }
        ++*count;
    }
    out->topics.items =
        arena_array(arena, struct offset_fetch_response_group_topic, counts.size + 1);
    for (map_each (&group->offsets.entries, place)) {
        const struct offset_table_entry *entry = (const struct offset_table_entry *)place->value;
        if (offset_table_find_value(&group->offsets, entry->topic, entry->partition) == NULL) {
            continue;
        }
        struct offset_fetch_response_group_topic *topic = coordinator_answer_topic(
            out, &known, entry->topic, *(size_t *)map_find(&counts, entry->topic), arena);
        coordinator_fill_offset(group, entry->topic, entry->partition, is_stable_required,
                                &topic->partitions.items[topic->partitions.count++]);
    }
    map_fini(&known, NULL);
    map_fini(&counts, NULL);
}

void coordinator_fetch_offsets(struct coordinator *coordinator,
                               const struct offset_fetch_request_group *in, bool is_stable_required,
                               struct arena *arena, struct offset_fetch_response_group *out)
{
    int error = 0;
    struct coordinator_partition *partition =
        coordinator_find_partition(coordinator, in->group_id, &error);
    const struct group *group =
        partition == NULL ? NULL : (const struct group *)map_find(&partition->groups, in->group_id);
    *out = (struct offset_fetch_response_group){
        .group_id = in->group_id,
        .error_code = error_code(error),
    };
    if (error == 0 && group != NULL && group->consumer != NULL) {
        error = consumer_validate_fetch(group->consumer, in->member_id, in->member_epoch);
        out->error_code = error_code(error);
    }
    if (error != 0) {
        return;
    }
    if (in->topics.count >= 0) {
        coordinator_fetch_some(group, in, is_stable_required, arena, out);
    } else if (group != NULL) {
        coordinator_fetch_all(group, is_stable_required, arena, out);
    }
}

/* Deletion of single offsets ----------------------------------------------------------------- */

struct coordinator_offset_deletion {
    struct group_write write;
    struct coordinator_delete_offsets *request;
};

static void coordinator_on_offsets_deleted(struct group_host *host, struct group_write *write,
                                           int error)
{
    struct coordinator_offset_deletion *deletion =
        (struct coordinator_offset_deletion *)(void *)write;
    deletion->request->out.error_code = error_code(error);
    bytes_free(write->group_id);
    host->answer(host, &deletion->request->request);
    free(deletion);
}

static int coordinator_validate_offset_deletion(const struct group *group)
{
    if (group == NULL) {
        return ERROR_GROUP_ID_NOT_FOUND;
    }
    if (group->state == GROUP_DEAD) {
        return ERROR_COORDINATOR_NOT_AVAILABLE; /* its deletion may still fail: ask again */
    }
    bool is_consumer =
        group->consumer != NULL || bytes_equal_string(group->protocol_type, "consumer");
    return group_is_empty(group) || is_consumer ? 0 : ERROR_NON_EMPTY_GROUP;
}

static int coordinator_judge_offset_deletion(const struct coordinator *coordinator,
                                             struct bytes topic, int32_t partition,
                                             bool is_subscribed)
{
    int error = 0;
    if (coordinator->events->validate_partition != NULL) {
        error = coordinator->events->validate_partition(coordinator->owner, topic, partition);
    }
    return error == 0 && is_subscribed ? ERROR_GROUP_SUBSCRIBED_TO_TOPIC : error;
}

static void coordinator_shape_offset_deletion(const struct coordinator *coordinator,
                                              struct coordinator_delete_offsets *request,
                                              const struct group *group)
{
    struct arena *arena = request->request.arena;
    int32_t topic_count = request->in->topics.count;
    request->out.topics.items =
        arena_array(arena, struct offset_delete_response_topic, topic_count + 1);
    request->out.topics.count = topic_count;
    for (int32_t i = 0; i < topic_count; i++) {
        const struct offset_delete_request_topic *in = &request->in->topics.items[i];
        struct offset_delete_response_topic *out = &request->out.topics.items[i];
        bool is_subscribed = !group_is_empty(group) && group_is_subscribed(group, in->name);
        out->name = in->name;
        out->partitions.items =
            arena_array(arena, struct offset_delete_response_partition, in->partitions.count + 1);
        out->partitions.count = in->partitions.count;
        for (int32_t j = 0; j < in->partitions.count; j++) {
            out->partitions.items[j].index = in->partitions.items[j].index;
            out->partitions.items[j].error_code = error_code(coordinator_judge_offset_deletion(
                coordinator, in->name, in->partitions.items[j].index, is_subscribed));
        }
    }
}

/* The entries that the request names and may delete, by their address. */
static void coordinator_gather_named(const struct coordinator_delete_offsets *request,
                                     const struct group *group, struct map *out)
{
    for (int32_t i = 0; i < request->out.topics.count; i++) {
        const struct offset_delete_response_topic *topic = &request->out.topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            struct offset_table_entry *entry =
                offset_table_find(&group->offsets, topic->name, topic->partitions.items[j].index);
            if (entry != NULL && topic->partitions.items[j].error_code == 0) {
                map_put(out, bytes_make(&entry, sizeof entry), entry);
            }
        }
    }
}

static bool coordinator_is_named(void *owner, const struct offset_table_entry *entry)
{
    return map_find((const struct map *)owner, bytes_make(&entry, sizeof entry)) != NULL;
}

void coordinator_delete_offsets(struct coordinator *coordinator,
                                struct coordinator_delete_offsets *request)
{
    int error = 0;
    struct bytes group_id = request->in->group_id;
    struct coordinator_partition *partition =
        coordinator_find_partition(coordinator, group_id, &error);
    struct group *group =
        partition == NULL ? NULL : (struct group *)map_find(&partition->groups, group_id);
    request->out = (struct offset_delete_response){0};
    if (error == 0) {
        error = group_id.size == 0 ? ERROR_INVALID_GROUP_ID
                                   : coordinator_validate_offset_deletion(group);
    }
    if (error != 0) {
        request->out.error_code = error_code(error);
        coordinator->host.answer(&coordinator->host, &request->request);
        return;
    }
    coordinator_shape_offset_deletion(coordinator, request, group);
    struct coordinator_offset_deletion *deletion = memory_new(struct coordinator_offset_deletion);
    deletion->write.done = coordinator_on_offsets_deleted;
    deletion->write.group_id = bytes_copy(group_id);
    deletion->request = request;
    struct map named;
    map_init(&named);
    coordinator_gather_named(request, group, &named);
    if (!coordinator_write_tombstones(coordinator, group, coordinator_is_named, &named, false,
                                      &deletion->write)) {
        coordinator_on_offsets_deleted(&coordinator->host, &deletion->write, 0);
    }
    map_fini(&named, NULL);
}
