/* Assignments: from the leader to the log, from the log to the members; see group.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/group.h"

#include <stdlib.h>

/* The leader's assignment on its way to the log. */
struct group_assignment {
    struct group_write write;
    int32_t generation;
};

void group_sync_refuse(struct group_host *host, struct coordinator_sync *sync, int error)
{
    sync->out = (struct sync_group_response){
        .error_code = error_code(error),
        .assignment = BYTES_LITERAL(""),
    };
    host->answer(host, &sync->request);
}

static struct bytes group_or_empty(struct bytes bytes)
{
    return bytes_is_null(bytes) ? BYTES_LITERAL("") : bytes;
}

static void group_fill_member_value(const struct group *group, const struct group_member *member,
                                    struct group_metadata_value_member *out)
{
    const struct group_protocol *protocol =
        bytes_is_null(group->protocol) ? NULL : group_member_protocol(member, group->protocol);
    *out = (struct group_metadata_value_member){
        .member_id = member->id,
        .group_instance_id = member->instance_id,
        .client_id = group_or_empty(member->client_id),
        .client_host = group_or_empty(member->client_host),
        .rebalance_timeout_ms = member->rebalance_timeout_ms,
        .session_timeout_ms = member->session_timeout_ms,
        .subscription = protocol == NULL ? BYTES_LITERAL("") : group_or_empty(protocol->metadata),
        .assignment = group_or_empty(member->assignment),
    };
}

void group_add_metadata(const struct group *group, struct batch_builder *builder)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct group_metadata_value value = {
        .protocol_type = group->protocol_type,
        .generation = group->generation,
        .protocol = group->protocol,
        .leader = group->leader,
        .current_state_timestamp_ms = group->state_timestamp_ms,
    };
    value.members.items =
        arena_array(&arena, struct group_metadata_value_member, group->members.size + 1);
    for (map_each (&group->members, entry)) {
        group_fill_member_value(group, (const struct group_member *)entry->value,
                                &value.members.items[value.members.count++]);
    }
    group_log_write_group(builder, io_wall_clock(group->host->io), group->id, &value);
    arena_fini(&arena);
}

void group_write_metadata(struct group *group, struct group_write *write)
{
    struct batch_builder builder;
    batch_builder_init(&builder, COMPRESS_NONE);
    group_add_metadata(group, &builder);
    group->host->write(group->host, group->id, &builder, write);
    batch_builder_fini(&builder);
}

static struct group_member *group_restore_member(struct group *group, struct bytes protocol,
                                                 const struct group_metadata_value_member *value)
{
    struct join_group_request_protocol only = {.name = protocol, .metadata = value->subscription};
    struct join_group_request in = {
        .session_timeout_ms = value->session_timeout_ms,
        .rebalance_timeout_ms = value->rebalance_timeout_ms,
        .group_instance_id = value->group_instance_id,
        .protocol_type = group->protocol_type,
        .protocols = {.items = &only, .count = 1},
    };
    struct coordinator_join join = {
        .in = &in, .client_id = value->client_id, .client_host = value->client_host};
    struct group_member *member = group_member_add(group, value->member_id, &join);
    group_set_bytes(&member->assignment, value->assignment);
    member->is_new = false;
    return member;
}

void group_restore(struct group *group, const struct group_metadata_value *value)
{
    group->generation = value->generation;
    group_set_bytes(&group->protocol_type, value->protocol_type);
    for (int32_t i = 0; i < value->members.count; i++) {
        const struct group_metadata_value_member *member = &value->members.items[i];
        bool is_known = group_member_find(group, member->member_id) != NULL ||
                        (!bytes_is_null(member->group_instance_id) &&
                         map_find(&group->instances, member->group_instance_id) != NULL);
        if (!is_known && !bytes_is_null(value->protocol)) {
            group_restore_member(group, value->protocol, member);
        }
    }
    if (group->members.size > 0) {
        group_set_bytes(&group->protocol, value->protocol);
        if (!bytes_is_null(value->leader) && group_member_find(group, value->leader) != NULL) {
            group_set_bytes(&group->leader, value->leader);
        }
        group_move(group, GROUP_STABLE);
    }
    group->state_timestamp_ms = value->current_state_timestamp_ms;
    for (map_each (&group->members, entry)) {
        group_member_touch((struct group_member *)entry->value);
    }
}

/* The assignment is committed: everybody who asked gets its share. */
static void group_on_assigned(struct group_host *host, struct group_write *write, int error)
{
    struct group_assignment *assignment = (struct group_assignment *)(void *)write;
    struct group *group = host->find(host, write->group_id);
    if (group != NULL && group->state == GROUP_COMPLETING &&
        group->generation == assignment->generation && group->is_assigning) {
        group->is_assigning = false;
        if (error != 0) {
            for (map_each (&group->members, entry)) {
                group_member_answer_sync((struct group_member *)entry->value, error);
            }
            group_remember(group, GROUP_CAUSE_LOG, NULL, "the assignment could not be written");
            group_rebalance(group);
        } else {
            group_move(group, GROUP_STABLE);
            group_remember_end(group);
            for (map_each (&group->members, entry)) {
                struct group_member *member = (struct group_member *)entry->value;
                if (member->sync != NULL) {
                    group_member_answer_sync(member, 0);
                    group_member_touch(member);
                }
            }
        }
    }
    bytes_free(write->group_id);
    free(assignment);
}

/* What the leader says; a member that it forgot has nothing. */
static void group_share_out(struct group *group, const struct sync_group_request *in)
{
    for (map_each (&group->members, entry)) {
        struct group_member *member = (struct group_member *)entry->value;
        group_set_bytes(&member->assignment, BYTES_LITERAL(""));
    }
    for (int32_t i = 0; i < in->assignments.count; i++) {
        struct group_member *member = group_member_find(group, in->assignments.items[i].member_id);
        if (member != NULL) {
            group_set_bytes(&member->assignment, in->assignments.items[i].assignment);
        }
    }
}

static void group_assign(struct group *group, const struct sync_group_request *in)
{
    group_share_out(group, in);
    struct group_assignment *assignment = memory_new(struct group_assignment);
    assignment->write.done = group_on_assigned;
    assignment->write.group_id = bytes_copy(group->id);
    assignment->generation = group->generation;
    group->is_assigning = true;
    group_write_metadata(group, &assignment->write);
}

static int group_validate_sync(const struct group *group, const struct sync_group_request *in)
{
    if (group->state == GROUP_DEAD) {
        return ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    int error = group_member_validate(group, in->member_id, in->group_instance_id);
    if (error != 0) {
        return error;
    }
    if (in->generation_id != group->generation) {
        return group_member_knows(group_member_find(group, in->member_id), in->generation_id)
                   ? ERROR_REBALANCE_IN_PROGRESS
                   : ERROR_ILLEGAL_GENERATION;
    }
    if ((!bytes_is_null(in->protocol_type) &&
         !bytes_equal(in->protocol_type, group->protocol_type)) ||
        (!bytes_is_null(in->protocol_name) && !bytes_equal(in->protocol_name, group->protocol))) {
        return ERROR_INCONSISTENT_GROUP_PROTOCOL;
    }
    return group->state == GROUP_PREPARING ? ERROR_REBALANCE_IN_PROGRESS : 0;
}

void group_sync(struct group *group, struct coordinator_sync *sync)
{
    const struct sync_group_request *in = sync->in;
    int error = group_validate_sync(group, in);
    if (error != 0) {
        group_sync_refuse(group->host, sync, error);
        return;
    }
    struct group_member *member = group_member_find(group, in->member_id);
    map_remove(&group->unsynced, member->id);
    if (group->unsynced.size == 0) {
        io_timer_stop(group->host->io, &group->sync_timer);
    }
    group_member_answer_sync(member, ERROR_REBALANCE_IN_PROGRESS); /* an older one of its own */
    member->sync = sync;
    if (group->state == GROUP_STABLE) {
        group_member_answer_sync(member, 0);
        group_member_touch(member);
        return;
    }
    group_member_touch(member);
    if (bytes_equal(member->id, group->leader) && !group->is_assigning) {
        group_assign(group, in);
    }
}
