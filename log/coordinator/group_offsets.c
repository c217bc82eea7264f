/* Committed offsets: commit, fetch, delete; see coordinator.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>

struct group_commit {
    struct coordinator_offset *offsets; /* the caller's */
    size_t count;
    int64_t commit_ms;
    coordinator_commit_done *done;
    void *owner;
};

static void group_fail_commit(struct coordinator_offset *offsets, size_t count, int error)
{
    for (size_t i = 0; i < count; i++) {
        if (offsets[i].error == 0) {
            offsets[i].error = error;
        }
    }
}

/* Who may commit: nobody's commit while the group is empty, else the members of this generation. */
static int group_validate_commit(struct group *group, const struct offset_commit_request *request)
{
    struct group_member *member = NULL;
    int32_t generation = request->generation_id_or_member_epoch;
    if (generation < 0 && group->state == GROUP_EMPTY) {
        return 0;
    }
    int error = group_get(group, request->member_id, request->group_instance_id, &member);
    if (error != 0) {
        return error;
    }
    if (generation != group->generation) {
        return ERROR_ILLEGAL_GENERATION;
    }
    group_touch(member);
    return group->state == GROUP_COMPLETING ? ERROR_REBALANCE_IN_PROGRESS : 0;
}

static void group_on_committed(struct group_log *log, int error)
{
    struct group_commit *commit = log->operation;
    for (size_t i = 0; i < commit->count; i++) {
        const struct coordinator_offset *offset = &commit->offsets[i];
        if (offset->error != 0 || error != 0) {
            continue;
        }
        struct offset_commit_value value = {.offset = offset->offset,
                                            .leader_epoch = offset->leader_epoch,
                                            .metadata = offset->metadata,
                                            .commit_timestamp_ms = commit->commit_ms};
        group_apply_offset(log->group, offset->topic, offset->partition, &value);
    }
    if (error != 0) {
        group_fail_commit(commit->offsets, commit->count, ERROR_COORDINATOR_NOT_AVAILABLE);
    }
    commit->done(commit->owner);
    free(commit);
}

static void group_commit(struct group *group, struct coordinator_offset *offsets, size_t count,
                         coordinator_commit_done *done, void *owner)
{
    struct group_commit *commit = memory_new(struct group_commit);
    struct group_log *log = group_log_new(group, group_on_committed, NULL);
    *commit = (struct group_commit){.offsets = offsets,
                                    .count = count,
                                    .commit_ms = io_wall_clock(group->coordinator->io),
                                    .done = done,
                                    .owner = owner};
    log->operation = commit;
    for (size_t i = 0; i < count; i++) {
        if (offsets[i].error == 0) {
            group_log_add_offset(log, &offsets[i], commit->commit_ms);
        }
    }
    group_log_send(log);
}

void coordinator_commit(struct coordinator *coordinator,
                        const struct offset_commit_request *request,
                        struct coordinator_offset *offsets, size_t count,
                        coordinator_commit_done *done, void *owner)
{
    struct group *group = NULL;
    int error = coordinator_find(coordinator, request->group_id, &group);
    if (error == 0 && group == NULL) {
        if (request->generation_id_or_member_epoch >= 0) {
            error = ERROR_ILLEGAL_GENERATION;
        } else {
            group = coordinator_make(coordinator, request->group_id);
        }
    }
    if (error == 0) {
        error = group_validate_commit(group, request);
    }
    bool is_any = false;
    for (size_t i = 0; i < count; i++) {
        if (offsets[i].metadata.size > (size_t)coordinator->options.metadata_size_max &&
            offsets[i].error == 0) {
            offsets[i].error = ERROR_OFFSET_METADATA_TOO_LARGE;
        }
        is_any = is_any || offsets[i].error == 0;
    }
    if (error != 0 || !is_any) {
        group_fail_commit(offsets, count, error);
        done(owner);
        return;
    }
    group_commit(group, offsets, count, done, owner);
}

int coordinator_fetch(struct coordinator *coordinator, struct bytes id,
                      struct coordinator_offset *offsets, size_t count)
{
    struct group *group = NULL;
    int error = coordinator_find(coordinator, id, &group);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < count; i++) {
        const struct group_offset *found =
            group == NULL ? NULL : group_find_offset(group, offsets[i].topic, offsets[i].partition);
        offsets[i].offset = found == NULL ? -1 : found->offset;
        offsets[i].leader_epoch = found == NULL ? -1 : found->leader_epoch;
        offsets[i].metadata = found == NULL ? BYTES_LITERAL("") : found->metadata;
        offsets[i].error = 0;
    }
    return 0;
}

int coordinator_fetch_all(struct coordinator *coordinator, struct bytes id, struct arena *arena,
                          struct coordinator_offset **out, size_t *count)
{
    struct group *group = NULL;
    int error = coordinator_find(coordinator, id, &group);
    *count = 0;
    *out = NULL;
    if (error != 0 || group == NULL) {
        return error;
    }
    *out = arena_array(arena, struct coordinator_offset, group->offsets.size);
    for (map_each (&group->offsets, entry)) {
        const struct group_offset *offset = entry->value;
        (*out)[(*count)++] = (struct coordinator_offset){.topic = offset->topic,
                                                         .partition = offset->partition,
                                                         .offset = offset->offset,
                                                         .leader_epoch = offset->leader_epoch,
                                                         .metadata = offset->metadata};
    }
    return 0;
}

static bool group_is_subscribed(const struct group *group, struct bytes topic)
{
    struct arena arena;
    bool is_found = false;
    arena_init(&arena, 1 << 20);
    for (struct list_link *link = group->members.head.next;
         link != &group->members.head && !is_found; link = link->next) {
        const struct group_member *member = list_member(link, struct group_member, link);
        struct bytes metadata = group_metadata(member, group->protocol);
        struct consumer_protocol_subscription subscription;
        if (metadata.size < 2) {
            continue;
        }
        int16_t version = (int16_t)(metadata.data[0] << 8 | metadata.data[1]);
        struct wire_reader reader = {metadata.data + 2, metadata.data + metadata.size};
        version = version > consumer_protocol_subscription_schema.highest
                      ? consumer_protocol_subscription_schema.highest
                      : version;
        if (wire_read(&reader, &consumer_protocol_subscription_schema, version, &arena,
                      &subscription) != 0) {
            is_found = true; /* what cannot be read may be subscribed to anything */
            continue;
        }
        for (int32_t i = 0; i < subscription.topics.count; i++) {
            is_found = is_found || bytes_equal(subscription.topics.items[i], topic);
        }
    }
    arena_fini(&arena);
    return is_found;
}

static void group_on_removed(struct group_log *log, int error)
{
    (void)log;
    (void)error; /* if the removal is lost the offsets come back with a restart and expire */
}

int coordinator_delete_offsets(struct coordinator *coordinator, struct bytes id,
                               struct coordinator_offset *offsets, size_t count)
{
    struct group *group = NULL;
    int error = coordinator_find(coordinator, id, &group);
    if (error != 0 || group == NULL) {
        return error != 0 ? error : ERROR_GROUP_ID_NOT_FOUND;
    }
    struct group_log *log = group_log_new(group, group_on_removed, NULL);
    for (size_t i = 0; i < count; i++) {
        if (offsets[i].error == 0 && group->member_count > 0 &&
            group_is_subscribed(group, offsets[i].topic)) {
            offsets[i].error = ERROR_GROUP_SUBSCRIBED_TO_TOPIC;
        }
        if (offsets[i].error == 0) {
            group_log_remove_offset(log, offsets[i].topic, offsets[i].partition);
            group_apply_offset(group, offsets[i].topic, offsets[i].partition, NULL);
        }
    }
    if (log->builder.record_count > 0) {
        group_log_send(log);
    } else {
        batch_builder_fini(&log->builder);
        free(log);
    }
    return 0;
}
