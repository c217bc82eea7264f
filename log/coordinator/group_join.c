/* Becoming a member and coming back; see group.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/group.h"

#include <stdlib.h>

enum { GROUP_PROMISE_VERSION = 4, GROUP_SKIP_VERSION = 9 };

void group_join_refuse(struct group_host *host, struct coordinator_join *join, int error)
{
    struct bytes member_id = bytes_is_null(join->out.member_id)
                                 ? arena_copy(join->request.arena, join->in->member_id)
                                 : join->out.member_id;
    join->out = (struct join_group_response){
        .error_code = error_code(error),
        .generation_id = -1,
        .leader = BYTES_LITERAL(""),
        .member_id = member_id,
    };
    host->answer(host, &join->request);
}

struct bytes group_make_member_id(const struct group *group, const struct coordinator_join *join)
{
    uint8_t random[16];
    struct bytes prefix = join->in->group_instance_id;
    io_random(group->host->io, random, sizeof random);
    random[6] = (uint8_t)((random[6] & 0x0f) | 0x40);
    random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
    if (bytes_is_null(prefix)) {
        prefix = join->client_id;
    }
    struct buffer id;
    buffer_init(&id);
    buffer_printf(&id, "%.*s", BYTES_FORMAT(prefix));
    for (size_t i = 0; i < sizeof random; i++) {
        bool has_dash = i == 0 || i == 4 || i == 6 || i == 8 || i == 10;
        buffer_printf(&id, "%s%02x", has_dash ? "-" : "", random[i]);
    }
    struct bytes copy = arena_copy(join->request.arena, buffer_bytes(&id));
    buffer_fini(&id);
    return copy;
}

/* Whether one more fits (group.max.size). Who is in already always fits; during a rebalance those
 * who came first do. */
static bool group_has_room(const struct group *group, struct bytes id)
{
    int32_t limit = group->host->options.group_size_max;
    const struct group_member *member = group_member_find(group, id);
    int64_t count = 0;
    if (group->state != GROUP_PREPARING) {
        return member != NULL || (int64_t)group->members.size < limit;
    }
    if (member != NULL && member->join != NULL) {
        return true;
    }
    for (map_each (&group->members, entry)) {
        count += ((const struct group_member *)entry->value)->join != NULL;
    }
    return count < limit;
}

/* The member waits for the end of the rebalance. An older join of its own is let go. */
static void group_member_wait(struct group_member *member, struct coordinator_join *join)
{
    group_member_answer_join(member, ERROR_REBALANCE_IN_PROGRESS);
    member->join = join;
    group_member_touch(member);
}

static void group_join_rebalance(struct group *group)
{
    if (group->state == GROUP_PREPARING) {
        group_rebalance_progress(group);
    } else {
        group_rebalance(group);
    }
}

static void group_join_as_new(struct group *group, struct bytes id, struct coordinator_join *join)
{
    struct group_member *member = group_member_add(group, id, join);
    if (group->state == GROUP_PREPARING) {
        group->has_new_member = true;
    }
    group_member_wait(member, join);
    group_remember(group, GROUP_CAUSE_JOINED, member, NULL);
    group_join_rebalance(group);
}

static void group_join_again(struct group_member *member, struct coordinator_join *join)
{
    bool is_same = group_member_has_same_protocols(member, join->in);
    if (member->group->state != GROUP_PREPARING) {
        group_remember(member->group, is_same ? GROUP_CAUSE_REJOINED : GROUP_CAUSE_SUBSCRIBED,
                       member,
                       is_same ? "asked for a rebalance"
                               : "its subscription, what it owns, or its protocols changed");
    }
    group_member_set_protocols(member, join->in);
    group_member_wait(member, join);
    group_join_rebalance(member->group);
}

/* Nothing changed for this member: the generation as it is. */
static void group_join_unchanged(struct group_member *member, struct coordinator_join *join)
{
    member->join = join;
    group_member_answer_join(member, 0);
    group_member_touch(member);
}

/* A static member came back under a new id and nothing else changed: no rebalance, but the new id
 * must be in the log before anybody is told. */
struct group_replacement {
    struct group_write write;
    int32_t generation;
    struct bytes id;         /* owned */
    struct bytes old_id;     /* owned */
    struct bytes old_leader; /* owned */
    struct coordinator_join *join;
};

static void group_replacement_free(struct group_replacement *replacement)
{
    bytes_free(replacement->write.group_id);
    bytes_free(replacement->id);
    bytes_free(replacement->old_id);
    bytes_free(replacement->old_leader);
    free(replacement);
}

/* KIP-814: from version 9 on the leader learns the members and skips its assignment; before, it is
 * told that the leader is its former self, so that it does not assign. */
static void group_answer_replacement(struct group_member *member,
                                     const struct group_replacement *replacement)
{
    struct coordinator_join *join = member->join;
    bool is_leader = bytes_equal(member->id, member->group->leader);
    bool can_skip = join->version >= GROUP_SKIP_VERSION;
    group_member_answer_join(member, 0);
    if (is_leader && can_skip) {
        join->out.skip_assignment = true;
    } else if (is_leader) {
        join->out.leader = arena_copy(join->request.arena, replacement->old_leader);
        join->out.members.count = 0;
    }
    group_member_touch(member);
}

static void group_on_replacement_logged(struct group_host *host, struct group_write *write,
                                        int error)
{
    struct group_replacement *replacement = (struct group_replacement *)(void *)write;
    struct group *group = host->find(host, write->group_id);
    struct group_member *member = group == NULL ? NULL : group_member_find(group, replacement->id);
    /* If a rebalance began meanwhile, the join is a part of it. */
    if (member != NULL && member->join == replacement->join && group->state == GROUP_STABLE &&
        group->generation == replacement->generation) {
        if (error == 0) {
            group_answer_replacement(member, replacement);
        } else {
            group_member_answer_join(member, error);
            group_member_rename(group, member, replacement->old_id);
            group_member_touch(member);
        }
    }
    group_replacement_free(replacement);
}

static void group_log_replacement(struct group *group, struct group_member *member,
                                  struct bytes old_id, struct bytes old_leader)
{
    struct group_replacement *replacement = memory_new(struct group_replacement);
    replacement->write.done = group_on_replacement_logged;
    replacement->write.group_id = bytes_copy(group->id);
    replacement->generation = group->generation;
    replacement->id = bytes_copy(member->id);
    replacement->old_id = bytes_copy(old_id);
    replacement->old_leader = bytes_copy(old_leader);
    replacement->join = member->join;
    group_write_metadata(group, &replacement->write);
}

static void group_join_replace(struct group *group, struct group_member *member, struct bytes id,
                               struct coordinator_join *join)
{
    struct bytes old_id = arena_copy(join->request.arena, member->id);
    struct bytes old_leader = arena_copy(join->request.arena, group->leader);
    group_member_answer_join(member, ERROR_FENCED_INSTANCE_ID);
    group_member_answer_sync(member, ERROR_FENCED_INSTANCE_ID);
    group_member_rename(group, member, id);
    group_member_set_protocols(member, join->in);
    group_set_bytes(&member->client_id, join->client_id);
    group_set_bytes(&member->client_host, join->client_host);
    group_member_wait(member, join);
    if (group->state == GROUP_STABLE &&
        bytes_equal(group_select_protocol(group), group->protocol)) {
        group_log_replacement(group, member, old_id, old_leader);
    } else {
        group_remember(group, GROUP_CAUSE_REPLACED, member,
                       "a static member came back and changed the group's protocol");
        group_join_rebalance(group);
    }
}

/* Without an id. */
static void group_join_unknown(struct group *group, struct coordinator_join *join)
{
    struct bytes instance_id = join->in->group_instance_id;
    struct bytes id = group_make_member_id(group, join);
    if (!bytes_is_null(instance_id)) {
        struct group_member *member =
            (struct group_member *)map_find(&group->instances, instance_id);
        if (member != NULL) {
            group_join_replace(group, member, id, join);
        } else {
            group_join_as_new(group, id, join);
        }
    } else if (join->version >= GROUP_PROMISE_VERSION) {
        group_promise_add(group, id, join->in->session_timeout_ms);
        join->out.member_id = id;
        group_join_refuse(group->host, join, ERROR_MEMBER_ID_REQUIRED);
    } else {
        group_join_as_new(group, id, join);
    }
}

static void group_join_known(struct group *group, struct coordinator_join *join)
{
    const struct join_group_request *in = join->in;
    if (bytes_is_null(in->group_instance_id) && group_promise_remove(group, in->member_id)) {
        group_join_as_new(group, in->member_id, join);
        return;
    }
    int error = group_member_validate(group, in->member_id, in->group_instance_id);
    if (error != 0) {
        group_join_refuse(group->host, join, error);
        return;
    }
    struct group_member *member = group_member_find(group, in->member_id);
    bool is_same = group_member_has_same_protocols(member, in);
    bool is_leader = bytes_equal(member->id, group->leader);
    /* A leader that joins again wants a rebalance; in COMPLETING its answer may have been lost. */
    if (is_same && (group->state == GROUP_COMPLETING ||
                    (group->state == GROUP_STABLE && !is_leader && member->join == NULL))) {
        group_join_unchanged(member, join);
    } else {
        group_join_again(member, join);
    }
}

void group_join(struct group *group, struct coordinator_join *join)
{
    const struct join_group_request *in = join->in;
    if (group->state == GROUP_DEAD) {
        group_join_refuse(group->host, join, ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (!group_has_room(group, in->member_id)) {
        group_promise_remove(group, in->member_id);
        group_join_refuse(group->host, join, ERROR_GROUP_MAX_SIZE_REACHED);
        group_rebalance_progress(group);
        return;
    }
    if (!group_supports(group, in)) {
        group_join_refuse(group->host, join, ERROR_INCONSISTENT_GROUP_PROTOCOL);
        return;
    }
    if (in->member_id.size == 0) {
        group_join_unknown(group, join);
    } else {
        group_join_known(group, join);
    }
}
