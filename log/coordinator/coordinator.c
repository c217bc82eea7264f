/* Finds groups, loads and expires them, lists and describes them; see coordinator.h. */
#include "log/coordinator/coordinator.h"

#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>
#include <string.h>

enum { COORDINATOR_ARENA_MAX = 64 * 1024 * 1024, COORDINATOR_INFLATED_MAX = 256 * 1024 * 1024 };

static void coordinator_on_expiry(struct io_timer *timer);

struct coordinator *coordinator_new(struct io *io, const struct coordinator_options *options,
                                    const struct coordinator_events *events, void *owner)
{
    struct coordinator *coordinator = memory_new(struct coordinator);
    coordinator->io = io;
    coordinator->options = *options;
    coordinator->events = events;
    coordinator->owner = owner;
    coordinator->is_loaded = memory_zero((size_t)options->partition_count, sizeof(bool));
    map_init(&coordinator->groups);
    coordinator->expiry_timer =
        (struct io_timer){.fired = coordinator_on_expiry, .owner = coordinator};
    io_timer_start(io, &coordinator->expiry_timer,
                   (uint64_t)options->offsets_check_interval_ms * 1000000);
    return coordinator;
}

void coordinator_stop(struct coordinator *coordinator)
{
    coordinator->is_stopped = true;
    io_timer_stop(coordinator->io, &coordinator->expiry_timer);
    for (map_each (&coordinator->groups, entry)) {
        struct group *group = entry->value;
        io_timer_stop(coordinator->io, &group->rebalance_timer);
        for (list_each (&group->members, link)) {
            struct group_member *member = list_member(link, struct group_member, link);
            group_answer_join(member, ERROR_COORDINATOR_NOT_AVAILABLE);
            group_answer_sync(member, ERROR_COORDINATOR_NOT_AVAILABLE);
            io_timer_stop(coordinator->io, &member->session_timer);
        }
        for (map_each (&group->pending, pending)) {
            io_timer_stop(coordinator->io, &((struct group_pending *)pending->value)->timer);
        }
    }
}

void coordinator_free(struct coordinator *coordinator)
{
    if (coordinator == NULL) {
        return;
    }
    io_timer_stop(coordinator->io, &coordinator->expiry_timer);
    for (map_each (&coordinator->groups, entry)) {
        group_free(entry->value);
    }
    map_fini(&coordinator->groups, NULL);
    free(coordinator->is_loaded);
    free(coordinator);
}

int32_t coordinator_partition(const struct coordinator *coordinator, struct bytes group)
{
    return (hash_java_string(group) & INT32_MAX) % coordinator->options.partition_count;
}

int coordinator_find(struct coordinator *coordinator, struct bytes id, struct group **out)
{
    *out = NULL;
    if (bytes_is_null(id)) {
        return ERROR_INVALID_GROUP_ID;
    }
    if (coordinator->is_stopped) {
        return ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    if (!coordinator->is_loaded[coordinator_partition(coordinator, id)]) {
        return ERROR_COORDINATOR_LOAD_IN_PROGRESS;
    }
    *out = map_find(&coordinator->groups, id);
    return 0;
}

struct group *coordinator_make(struct coordinator *coordinator, struct bytes id)
{
    struct group *group = group_new(coordinator, id, coordinator_partition(coordinator, id));
    map_put(&coordinator->groups, id, group);
    return group;
}

void coordinator_forget(struct coordinator *coordinator, struct group *group)
{
    map_remove(&coordinator->groups, group->id);
    group_free(group);
}

/* --- The log --- */

static struct group *coordinator_find_or_make(struct coordinator *coordinator, struct bytes id)
{
    struct group *group = map_find(&coordinator->groups, id);
    return group != NULL ? group : coordinator_make(coordinator, id);
}

static void coordinator_apply(struct coordinator *coordinator, const struct group_log_entry *entry)
{
    struct group *group;
    switch (entry->kind) {
    case GROUP_LOG_OFFSET:
        group = coordinator_find_or_make(coordinator, entry->offset_key.group);
        group_apply_offset(group, entry->offset_key.topic, entry->offset_key.partition,
                           entry->is_removal ? NULL : &entry->offset_value);
        break;
    case GROUP_LOG_GROUP:
        group = coordinator_find_or_make(coordinator, entry->group_key.group);
        if (entry->is_removal) {
            coordinator_forget(coordinator, group);
        } else {
            group_apply(group, &entry->group_value);
        }
        break;
    case GROUP_LOG_OTHER:
        break;
    }
}

int coordinator_load(struct coordinator *coordinator, const struct batch *batch)
{
    struct batch_iterator iterator;
    struct batch_record record;
    struct arena arena;
    if (batch_is_control(batch)) {
        return 0;
    }
    int result = batch_iterator_open(&iterator, batch, COORDINATOR_INFLATED_MAX);
    if (result != 0) {
        return result;
    }
    arena_init(&arena, COORDINATOR_ARENA_MAX);
    while ((result = batch_iterator_next(&iterator, &record)) == 1) {
        struct group_log_entry entry;
        result = group_log_read(&record, &arena, &entry);
        if (result != 0) {
            trace(TRACE_WARN, "coordinator.record_skipped", TRACE_INT("offset", record.offset),
                  TRACE_STRING("error", error_name(result)));
        } else {
            coordinator_apply(coordinator, &entry);
        }
        arena_clear(&arena);
    }
    arena_fini(&arena);
    batch_iterator_close(&iterator);
    return result;
}

/* Members that were there before a restart have their session time to say that they still are. */
void coordinator_end_load(struct coordinator *coordinator, int32_t partition)
{
    check(partition >= 0 && partition < coordinator->options.partition_count);
    coordinator->is_loaded[partition] = true;
    for (map_each (&coordinator->groups, entry)) {
        struct group *group = entry->value;
        if (group->partition != partition) {
            continue;
        }
        if (group->member_count == 0 && group->offsets.size == 0) {
            coordinator_forget(coordinator, group);
            continue;
        }
        for (list_each (&group->members, link)) {
            group_touch(list_member(link, struct group_member, link));
        }
    }
}

static void coordinator_on_removed(struct group_log *log, int error)
{
    (void)log;
    (void)error; /* what was not removed comes back with a restart and expires again */
}

static void coordinator_send_or_free(struct group_log *log)
{
    if (log->builder.record_count > 0) {
        group_log_send(log);
        return;
    }
    batch_builder_fini(&log->builder);
    free(log);
}

void coordinator_remove_topic(struct coordinator *coordinator, struct bytes topic)
{
    for (map_each (&coordinator->groups, entry)) {
        struct group *group = entry->value;
        struct group_log *log = group_log_new(group, coordinator_on_removed, NULL);
        for (map_each (&group->offsets, row)) {
            struct group_offset *offset = row->value;
            if (bytes_equal(offset->topic, topic)) {
                group_log_remove_offset(log, topic, offset->partition);
                group_apply_offset(group, topic, offset->partition, NULL);
            }
        }
        coordinator_send_or_free(log);
    }
}

/* --- Expiry --- */

/* The end of a removal: a group with nothing left is forgotten once its tombstone is on its way. */
static void coordinator_on_group_removed(struct group_log *log, int error)
{
    struct group *group = log->group;
    (void)error;
    if (group->append_count == 0 && group->member_count == 0 && group->offsets.size == 0 &&
        group->pending.size == 0 && group->state == GROUP_EMPTY) {
        coordinator_forget(group->coordinator, group);
    }
}

static void coordinator_expire(struct coordinator *coordinator, struct group *group, int64_t now_ms)
{
    int64_t retention_ms = coordinator->options.offsets_retention_ms;
    if (group->state != GROUP_EMPTY || group->append_count > 0 || group->pending.size > 0 ||
        now_ms - group->state_changed_ms < retention_ms) {
        return;
    }
    struct group_log *log = group_log_new(group, coordinator_on_group_removed, NULL);
    for (map_each (&group->offsets, row)) {
        struct group_offset *offset = row->value;
        if (now_ms - offset->commit_ms >= retention_ms) {
            group_log_remove_offset(log, offset->topic, offset->partition);
            group_apply_offset(group, offset->topic, offset->partition, NULL);
        }
    }
    if (group->offsets.size == 0) {
        group_log_remove_group(log);
    }
    coordinator_send_or_free(log);
}

static void coordinator_on_expiry(struct io_timer *timer)
{
    struct coordinator *coordinator = timer->owner;
    int64_t now_ms = io_wall_clock(coordinator->io);
    for (map_each (&coordinator->groups, entry)) {
        coordinator_expire(coordinator, entry->value, now_ms);
    }
    io_timer_start(coordinator->io, timer,
                   (uint64_t)coordinator->options.offsets_check_interval_ms * 1000000);
}

struct coordinator_deletion {
    coordinator_delete_done *done;
    void *owner;
};

static void coordinator_on_deleted(struct group_log *log, int error)
{
    struct coordinator_deletion *deletion = log->operation;
    coordinator_on_group_removed(log, error);
    deletion->done(deletion->owner, error == 0 ? 0 : ERROR_COORDINATOR_NOT_AVAILABLE);
    free(deletion);
}

int coordinator_delete_group(struct coordinator *coordinator, struct bytes id,
                             coordinator_delete_done *done, void *owner)
{
    struct group *group = NULL;
    int error = coordinator_find(coordinator, id, &group);
    if (error != 0) {
        return error;
    }
    if (group == NULL) {
        return ERROR_GROUP_ID_NOT_FOUND;
    }
    if (group->state != GROUP_EMPTY) {
        return ERROR_NON_EMPTY_GROUP;
    }
    struct group_log *log = group_log_new(group, coordinator_on_deleted, NULL);
    struct coordinator_deletion *deletion = memory_new(struct coordinator_deletion);
    *deletion = (struct coordinator_deletion){.done = done, .owner = owner};
    log->operation = deletion;
    for (map_each (&group->offsets, row)) {
        struct group_offset *offset = row->value;
        group_log_remove_offset(log, offset->topic, offset->partition);
        group_apply_offset(group, offset->topic, offset->partition, NULL);
    }
    group_log_remove_group(log);
    group_log_send(log);
    return 0;
}

/* --- Lists --- */

static bool coordinator_is_listed(const struct bytes *filter, int32_t count, const char *value)
{
    for (int32_t i = 0; i < count; i++) {
        if (filter[i].size == strlen(value) &&
            strncasecmp((const char *)filter[i].data, value, filter[i].size) == 0) {
            return true;
        }
    }
    return count <= 0;
}

void coordinator_list(struct coordinator *coordinator, const struct list_groups_request *request,
                      struct arena *arena, struct list_groups_response *response)
{
    response->groups.items =
        arena_array(arena, struct list_groups_response_group, coordinator->groups.size);
    for (map_each (&coordinator->groups, entry)) {
        const struct group *group = entry->value;
        const char *state = group_state_name(group->state);
        if (!coordinator_is_listed(request->states_filter.items, request->states_filter.count,
                                   state) ||
            !coordinator_is_listed(request->types_filter.items, request->types_filter.count,
                                   "classic")) {
            continue;
        }
        response->groups.items[response->groups.count++] = (struct list_groups_response_group){
            .group_id = group->id,
            .protocol_type =
                bytes_is_null(group->protocol_type) ? BYTES_LITERAL("") : group->protocol_type,
            .group_state = bytes_from_string(state),
            .group_type = BYTES_LITERAL("classic")};
    }
}

static void coordinator_describe_members(const struct group *group, struct arena *arena,
                                         struct describe_groups_response_group *answer)
{
    bool is_stable = group->state == GROUP_STABLE;
    answer->members.items =
        arena_array(arena, struct describe_groups_response_member, group->member_count);
    for (struct list_link *link = group->members.head.next; link != &group->members.head;
         link = link->next) {
        const struct group_member *member = list_member(link, struct group_member, link);
        answer->members.items[answer->members.count++] = (struct describe_groups_response_member){
            .member_id = member->id,
            .group_instance_id = member->instance_id,
            .client_id = member->client_id,
            .client_host = member->client_host,
            .member_metadata =
                is_stable ? group_metadata(member, group->protocol) : BYTES_LITERAL(""),
            .member_assignment = is_stable ? member->assignment : BYTES_LITERAL("")};
    }
}

void coordinator_describe(struct coordinator *coordinator, struct bytes id, int16_t version,
                          struct arena *arena, struct describe_groups_response_group *answer)
{
    struct group *group = NULL;
    int error = coordinator_find(coordinator, id, &group);
    *answer = (struct describe_groups_response_group){.error_code = error_code(error),
                                                      .group_id = id,
                                                      .group_state = BYTES_LITERAL(""),
                                                      .protocol_type = BYTES_LITERAL(""),
                                                      .protocol_data = BYTES_LITERAL(""),
                                                      .authorized_operations = INT32_MIN};
    if (error != 0) {
        return;
    }
    if (group == NULL) {
        /* An unknown group is Dead; version 6 says that it is not there (KIP-1043). */
        answer->group_state = BYTES_LITERAL("Dead");
        answer->error_code = version >= 6 ? error_code(ERROR_GROUP_ID_NOT_FOUND) : 0;
        return;
    }
    answer->group_state = bytes_from_string(group_state_name(group->state));
    if (!bytes_is_null(group->protocol_type)) {
        answer->protocol_type = group->protocol_type;
    }
    if (group->state == GROUP_STABLE) {
        answer->protocol_data = group->protocol;
    }
    coordinator_describe_members(group, arena, answer);
}

void coordinator_read_stats(const struct coordinator *coordinator, struct coordinator_stats *out)
{
    *out = (struct coordinator_stats){.group_count = (int64_t)coordinator->groups.size,
                                      .rebalance_count = coordinator->rebalance_count};
    for (map_each (&coordinator->groups, entry)) {
        const struct group *group = entry->value;
        out->member_count += (int64_t)group->member_count;
        out->offset_count += (int64_t)group->offsets.size;
    }
}

void coordinator_each_offset(const struct coordinator *coordinator,
                             void (*each)(void *owner, struct bytes group,
                                          const struct coordinator_offset *offset),
                             void *owner)
{
    for (map_each (&coordinator->groups, entry)) {
        const struct group *group = entry->value;
        for (map_each (&group->offsets, row)) {
            const struct group_offset *from = row->value;
            struct coordinator_offset offset = {.topic = from->topic,
                                                .partition = from->partition,
                                                .offset = from->offset,
                                                .leader_epoch = from->leader_epoch,
                                                .metadata = from->metadata};
            each(owner, group->id, &offset);
        }
    }
}

void coordinator_check(const struct coordinator *coordinator)
{
    for (map_each (&coordinator->groups, entry)) {
        const struct group *group = entry->value;
        check(bytes_equal(entry->key, group->id));
        check(group->partition == coordinator_partition(coordinator, group->id));
        group_check(group);
    }
}

static void coordinator_check_group(const struct group *live, const struct group *replayed)
{
    for (map_each (&live->offsets, entry)) {
        const struct group_offset *offset = entry->value;
        const struct group_offset *same =
            replayed == NULL ? NULL : group_find_offset(replayed, offset->topic, offset->partition);
        check(same != NULL);
        check(same->offset == offset->offset);
        check(same->leader_epoch == offset->leader_epoch);
        check(bytes_equal(same->metadata, offset->metadata));
    }
    if (live->state == GROUP_STABLE && live->append_count == 0) {
        check(replayed != NULL);
        check(replayed->generation == live->generation);
        check(replayed->member_count == live->member_count);
    }
}

void coordinator_check_replay(const struct coordinator *coordinator,
                              const struct coordinator *replayed)
{
    for (map_each (&coordinator->groups, entry)) {
        const struct group *live = entry->value;
        coordinator_check_group(live, map_find(&replayed->groups, live->id));
    }
}
