/* The second half of a rebalance, and what members do between two: sync, heartbeat, leave; see
 * group.h. */
#include "log/base/error.h"
#include "log/coordinator/coordinator_state.h"

static void group_fill_sync(const struct group_member *member, int error,
                            struct sync_group_response *response)
{
    *response = (struct sync_group_response){.error_code = error_code(error),
                                             .protocol_type = member->group->protocol_type,
                                             .protocol_name = member->group->protocol,
                                             .assignment = member->assignment};
    if (error != 0) {
        response->assignment = BYTES_LITERAL("");
    }
}

void group_answer_sync(struct group_member *member, int error)
{
    coordinator_sync_done *done = member->sync_done;
    struct sync_group_response response;
    if (done == NULL) {
        return;
    }
    member->sync_done = NULL;
    group_touch(member);
    group_fill_sync(member, error, &response);
    done(member->sync_owner, &response);
}

static void group_fail_sync(coordinator_sync_done *done, void *owner, int error)
{
    struct sync_group_response response = {.error_code = error_code(error),
                                           .assignment = BYTES_LITERAL("")};
    done(owner, &response);
}

static void group_on_assigned(struct group_log *log, int error)
{
    struct group *group = log->group;
    int32_t generation = (int32_t)(intptr_t)log->operation;
    if (group->state != GROUP_COMPLETING || group->generation != generation ||
        !group->is_assigning) {
        return; /* another rebalance began meanwhile */
    }
    group->is_assigning = false;
    if (error != 0) {
        group_prepare(group);
        group_try_complete(group);
        return;
    }
    group_move(group, GROUP_STABLE);
    for (list_each (&group->members, link)) {
        group_answer_sync(list_member(link, struct group_member, link), 0);
    }
}

static void group_assign(struct group *group, const struct sync_group_request *request)
{
    for (list_each (&group->members, link)) {
        struct group_member *member = list_member(link, struct group_member, link);
        group_set(&member->assignment, BYTES_LITERAL(""));
        for (int32_t i = 0; i < request->assignments.count; i++) {
            const struct sync_group_request_assignment *row = &request->assignments.items[i];
            if (bytes_equal(row->member_id, member->id) && !bytes_is_null(row->assignment)) {
                group_set(&member->assignment, row->assignment);
            }
        }
    }
    struct group_log *log = group_log_new(group, group_on_assigned, NULL);
    log->operation = (void *)(intptr_t)group->generation;
    group->is_assigning = true;
    group_log_add_group(log);
    group_log_send(log);
}

static int group_validate_sync(const struct group *group, const struct sync_group_request *request,
                               struct group_member **member)
{
    int error = group_get(group, request->member_id, request->group_instance_id, member);
    if (error != 0) {
        return error;
    }
    if (request->generation_id != group->generation) {
        return ERROR_ILLEGAL_GENERATION;
    }
    if ((!bytes_is_null(request->protocol_type) &&
         !bytes_equal(request->protocol_type, group->protocol_type)) ||
        (!bytes_is_null(request->protocol_name) &&
         !bytes_equal(request->protocol_name, group->protocol))) {
        return ERROR_INCONSISTENT_GROUP_PROTOCOL;
    }
    return 0;
}

void coordinator_sync(struct coordinator *coordinator, const struct sync_group_request *request,
                      coordinator_sync_done *done, void *owner)
{
    struct group *group = NULL;
    struct group_member *member = NULL;
    struct sync_group_response response;
    int error = coordinator_find(coordinator, request->group_id, &group);
    if (error == 0) {
        error =
            group == NULL ? ERROR_UNKNOWN_MEMBER_ID : group_validate_sync(group, request, &member);
    }
    if (error != 0) {
        group_fail_sync(done, owner, error);
        return;
    }
    switch (group->state) {
    case GROUP_EMPTY:
        group_fail_sync(done, owner, ERROR_UNKNOWN_MEMBER_ID);
        break;
    case GROUP_PREPARING:
        group_fail_sync(done, owner, ERROR_REBALANCE_IN_PROGRESS);
        break;
    case GROUP_COMPLETING:
        group_answer_sync(member, ERROR_REBALANCE_IN_PROGRESS);
        member->sync_done = done;
        member->sync_owner = owner;
        group_touch(member);
        if (bytes_equal(member->id, group->leader_id) && !group->is_assigning) {
            group_assign(group, request);
        }
        break;
    case GROUP_STABLE:
        group_touch(member);
        group_fill_sync(member, 0, &response);
        done(owner, &response);
        break;
    }
}

int coordinator_heartbeat(struct coordinator *coordinator, const struct heartbeat_request *request)
{
    struct group *group = NULL;
    struct group_member *member = NULL;
    int error = coordinator_find(coordinator, request->group_id, &group);
    if (error == 0) {
        error = group == NULL
                    ? ERROR_UNKNOWN_MEMBER_ID
                    : group_get(group, request->member_id, request->group_instance_id, &member);
    }
    if (error != 0) {
        return error;
    }
    if (request->generation_id != group->generation) {
        return ERROR_ILLEGAL_GENERATION;
    }
    group_touch(member);
    return group->state == GROUP_PREPARING ? ERROR_REBALANCE_IN_PROGRESS : 0;
}

/* One who leaves by its instance id alone is a static member that an admin removes. */
static int group_leave(struct group *group, const struct leave_group_request_member *leaving)
{
    struct group_member *member = NULL;
    struct group_pending *pending = map_find(&group->pending, leaving->member_id);
    if (pending != NULL) {
        io_timer_stop(group->coordinator->io, &pending->timer);
        map_remove(&group->pending, pending->id);
        pending->timer.fired(&pending->timer);
        return 0;
    }
    if (!bytes_is_null(leaving->group_instance_id) && leaving->member_id.size == 0) {
        member = group_find_instance(group, leaving->group_instance_id);
        if (member == NULL) {
            return ERROR_UNKNOWN_MEMBER_ID;
        }
    } else {
        int error = group_get(group, leaving->member_id, leaving->group_instance_id, &member);
        if (error != 0) {
            return error;
        }
    }
    group_remove(member);
    return 0;
}

int coordinator_leave(struct coordinator *coordinator, struct bytes id,
                      const struct leave_group_request_member *members, int32_t count, int *errors)
{
    struct group *group = NULL;
    bool has_left = false;
    int error = coordinator_find(coordinator, id, &group);
    if (error != 0) {
        return error;
    }
    for (int32_t i = 0; i < count; i++) {
        errors[i] = group == NULL ? ERROR_UNKNOWN_MEMBER_ID : group_leave(group, &members[i]);
        has_left = has_left || errors[i] == 0;
    }
    if (has_left) {
        group_after_removal(group);
    }
    return 0;
}
