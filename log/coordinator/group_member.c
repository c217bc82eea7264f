/* Members and promised ids of a group: who they are, when they die, what they are answered; see
 * group.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/group.h"

#include <stdlib.h>

enum { GROUP_NEW_MEMBER_TIMEOUT_MS = 300000 };

static uint64_t group_member_ns(int64_t timeout_ms)
{
    return timeout_ms <= 0 ? 0 : (uint64_t)timeout_ms * 1000000;
}

struct group_member *group_member_find(const struct group *group, struct bytes id)
{
    return (struct group_member *)map_find(&group->members, id);
}

int group_member_validate(const struct group *group, struct bytes id, struct bytes instance_id)
{
    if (!bytes_is_null(instance_id)) {
        const struct group_member *owner =
            (const struct group_member *)map_find(&group->instances, instance_id);
        if (owner == NULL) {
            return ERROR_UNKNOWN_MEMBER_ID;
        }
        return bytes_equal(owner->id, id) ? 0 : ERROR_FENCED_INSTANCE_ID;
    }
    return group_member_find(group, id) == NULL ? ERROR_UNKNOWN_MEMBER_ID : 0;
}

static void group_member_free_protocols(struct group_member *member)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        bytes_free(member->protocols[i].name);
        bytes_free(member->protocols[i].metadata);
    }
    free(member->protocols);
}

void group_member_set_protocols(struct group_member *member, const struct join_group_request *in)
{
    int32_t count = in->protocols.count;
    struct group_protocol *protocols =
        (struct group_protocol *)memory_zero((size_t)count, sizeof *protocols);
    for (int32_t i = 0; i < count; i++) {
        protocols[i].name = bytes_copy(in->protocols.items[i].name);
        protocols[i].metadata = bytes_copy(in->protocols.items[i].metadata);
    }
    group_member_free_protocols(member);
    member->protocols = protocols;
    member->protocol_count = count;
    member->session_timeout_ms = in->session_timeout_ms;
    /* Version 0 has no rebalance timeout: the session is all there is. */
    member->rebalance_timeout_ms =
        in->rebalance_timeout_ms < 0 ? in->session_timeout_ms : in->rebalance_timeout_ms;
}

bool group_member_has_same_protocols(const struct group_member *member,
                                     const struct join_group_request *in)
{
    if (member->protocol_count != in->protocols.count) {
        return false;
    }
    for (int32_t i = 0; i < member->protocol_count; i++) {
        if (!bytes_equal(member->protocols[i].name, in->protocols.items[i].name) ||
            !bytes_equal(member->protocols[i].metadata, in->protocols.items[i].metadata)) {
            return false;
        }
    }
    return true;
}

const struct group_protocol *group_member_protocol(const struct group_member *member,
                                                   struct bytes name)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        if (bytes_equal(member->protocols[i].name, name)) {
            return &member->protocols[i];
        }
    }
    return NULL;
}

static void group_member_on_session_end(struct io_timer *timer)
{
    struct group_member *member = (struct group_member *)timer->owner;
    struct group *group = member->group;
    trace(TRACE_INFO, "group.member_expired", TRACE_BYTES("group", group->id),
          TRACE_BYTES("member", member->id));
    group_rebalance_without(group, member, ERROR_UNKNOWN_MEMBER_ID, GROUP_CAUSE_SILENT,
                            "no heartbeat within session.timeout.ms");
}

bool group_member_knows(const struct group_member *member, int32_t generation)
{
    return generation == member->group->generation ||
           (member->former_epoch >= 0 && generation == member->former_epoch);
}

/* A member that waits for an answer is alive, except that a new one gets lost after a while when
 * its client went away while waiting. */
void group_member_touch(struct group_member *member)
{
    struct io *io = member->group->host->io;
    bool is_waiting = member->join != NULL || member->sync != NULL;
    int64_t timeout_ms = member->session_timeout_ms;
    if (member->is_new && member->join != NULL) {
        timeout_ms = GROUP_NEW_MEMBER_TIMEOUT_MS;
    } else if (is_waiting) {
        io_timer_stop(io, &member->session);
        return;
    }
    io_timer_start(io, &member->session, group_member_ns(timeout_ms));
}

struct group_member *group_member_add(struct group *group, struct bytes id,
                                      const struct coordinator_join *join)
{
    struct group_member *member = memory_new(struct group_member);
    member->group = group;
    member->id = bytes_copy(id);
    member->instance_id = bytes_copy(join->in->group_instance_id);
    member->client_id = bytes_copy(join->client_id);
    member->client_host = bytes_copy(join->client_host);
    member->is_new = true;
    member->former_epoch = -1;
    member->session = (struct io_timer){.fired = group_member_on_session_end, .owner = member};
    group_member_set_protocols(member, join->in);
    if (group->members.size == 0) {
        group_set_bytes(&group->protocol_type, join->in->protocol_type);
    }
    if (bytes_is_null(group->leader)) {
        group_set_bytes(&group->leader, id);
    }
    check(map_put(&group->members, id, member) == NULL);
    if (!bytes_is_null(member->instance_id)) {
        check(map_put(&group->instances, member->instance_id, member) == NULL);
    }
    return member;
}

void group_member_answer_join(struct group_member *member, int error)
{
    struct coordinator_join *join = member->join;
    struct group *group = member->group;
    if (join == NULL) {
        return;
    }
    member->join = NULL;
    if (error != 0) {
        group_join_refuse(group->host, join, error);
        return;
    }
    struct arena *arena = join->request.arena;
    bool is_leader = bytes_equal(member->id, group->leader);
    join->out = (struct join_group_response){
        .generation_id = group->generation,
        .protocol_type = arena_copy(arena, group->protocol_type),
        .protocol_name = arena_copy(arena, group->protocol),
        .leader = arena_copy(arena, group->leader),
        .member_id = arena_copy(arena, member->id),
    };
    if (is_leader) {
        join->out.members.items =
            arena_array(arena, struct join_group_response_member, group->members.size);
        for (map_each (&group->members, entry)) {
            const struct group_member *other = (const struct group_member *)entry->value;
            struct join_group_response_member *out =
                &join->out.members.items[join->out.members.count++];
            out->member_id = arena_copy(arena, other->id);
            if (!bytes_is_null(other->instance_id)) {
                out->group_instance_id = arena_copy(arena, other->instance_id);
            }
            out->metadata =
                arena_copy(arena, group_member_protocol(other, group->protocol)->metadata);
        }
    }
    group->host->answer(group->host, &join->request);
}

void group_member_answer_sync(struct group_member *member, int error)
{
    struct coordinator_sync *sync = member->sync;
    struct group *group = member->group;
    if (sync == NULL) {
        return;
    }
    member->sync = NULL;
    if (error != 0) {
        group_sync_refuse(group->host, sync, error);
        return;
    }
    struct arena *arena = sync->request.arena;
    sync->out = (struct sync_group_response){
        .protocol_type = arena_copy(arena, group->protocol_type),
        .protocol_name = arena_copy(arena, group->protocol),
        .assignment = bytes_is_null(member->assignment) ? BYTES_LITERAL("")
                                                        : arena_copy(arena, member->assignment),
    };
    group->host->answer(group->host, &sync->request);
}

/* The next member in line leads, if there is one. */
static void group_member_pass_leadership(struct group *group)
{
    struct map_entry *entry = map_next(&group->members, NULL);
    struct bytes leader =
        entry == NULL ? (struct bytes){0} : ((struct group_member *)entry->value)->id;
    group_set_bytes(&group->leader, leader);
}

void group_member_remove(struct group *group, struct group_member *member, int error)
{
    io_timer_stop(group->host->io, &member->session);
    group_member_answer_join(member, error);
    group_member_answer_sync(member, error);
    check(map_remove(&group->members, member->id) == member);
    map_remove(&group->unsynced, member->id);
    if (!bytes_is_null(member->instance_id)) {
        map_remove(&group->instances, member->instance_id);
    }
    if (bytes_equal(member->id, group->leader)) {
        group_member_pass_leadership(group);
    }
    group_member_free_protocols(member);
    bytes_free(member->id);
    bytes_free(member->instance_id);
    bytes_free(member->client_id);
    bytes_free(member->client_host);
    bytes_free(member->assignment);
    free(member);
}

void group_member_rename(struct group *group, struct group_member *member, struct bytes id)
{
    check(map_remove(&group->members, member->id) == member);
    if (map_remove(&group->unsynced, member->id) != NULL) {
        map_put(&group->unsynced, id, member);
    }
    if (bytes_equal(member->id, group->leader)) {
        group_set_bytes(&group->leader, id);
    }
    group_set_bytes(&member->id, id);
    check(map_put(&group->members, id, member) == NULL);
}

static void group_promise_on_end(struct io_timer *timer)
{
    struct group_promise *promise = (struct group_promise *)timer->owner;
    struct group *group = promise->group;
    group_promise_remove(group, promise->id);
    group_rebalance_progress(group);
}

void group_promise_add(struct group *group, struct bytes id, int32_t session_timeout_ms)
{
    struct group_promise *promise = memory_new(struct group_promise);
    promise->group = group;
    promise->id = bytes_copy(id);
    promise->session = (struct io_timer){.fired = group_promise_on_end, .owner = promise};
    check(map_put(&group->promises, id, promise) == NULL);
    io_timer_start(group->host->io, &promise->session, group_member_ns(session_timeout_ms));
}

bool group_promise_remove(struct group *group, struct bytes id)
{
    struct group_promise *promise = (struct group_promise *)map_remove(&group->promises, id);
    if (promise == NULL) {
        return false;
    }
    io_timer_stop(group->host->io, &promise->session);
    bytes_free(promise->id);
    free(promise);
    return true;
}
