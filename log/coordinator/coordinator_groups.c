/* Requests about groups and their members, on their way to the group; see coordinator.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/consumer.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { COORDINATOR_PROTOCOL_MAX = 100 }; /* of a member; each is compared with all of the others' */

/* Strings that go to the log are as long as the log allows. */
static bool coordinator_fits_log(struct bytes text)
{
    return text.size <= INT16_MAX;
}

static int coordinator_validate_join(const struct coordinator *coordinator,
                                     const struct coordinator_join *join)
{
    const struct join_group_request *in = join->in;
    if (in->group_id.size == 0) {
        return ERROR_INVALID_GROUP_ID;
    }
    if (in->protocols.count > COORDINATOR_PROTOCOL_MAX) {
        return ERROR_INCONSISTENT_GROUP_PROTOCOL;
    }
    if (in->session_timeout_ms < coordinator->host.options.session_timeout_min_ms ||
        in->session_timeout_ms > coordinator->host.options.session_timeout_max_ms) {
        return ERROR_INVALID_SESSION_TIMEOUT;
    }
    bool fits =
        coordinator_fits_log(in->member_id) && coordinator_fits_log(in->group_instance_id) &&
        coordinator_fits_log(in->protocol_type) && coordinator_fits_log(join->client_id) &&
        join->client_id.size + 64 <= INT16_MAX && in->group_instance_id.size + 64 <= INT16_MAX;
    for (int32_t i = 0; i < in->protocols.count; i++) {
        fits = fits && coordinator_fits_log(in->protocols.items[i].name);
    }
    return fits ? 0 : ERROR_INVALID_REQUEST;
}

void coordinator_join_group(struct coordinator *coordinator, struct coordinator_join *join)
{
    int error = 0;
    struct coordinator_partition *partition =
        coordinator_find_partition(coordinator, join->in->group_id, &error);
    join->out = (struct join_group_response){.generation_id = -1};
    if (error == 0) {
        error = coordinator_validate_join(coordinator, join);
    }
    if (error != 0) {
        group_join_refuse(&coordinator->host, join, error);
        return;
    }
    struct group *group = (struct group *)map_find(&partition->groups, join->in->group_id);
    if (group == NULL && join->in->member_id.size > 0) {
        group_join_refuse(&coordinator->host, join, ERROR_UNKNOWN_MEMBER_ID);
        return;
    }
    if (group != NULL && group->is_doubtful) {
        group_join_refuse(&coordinator->host, join, ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    group = coordinator_make_group(coordinator, partition, join->in->group_id);
    if (group->consumer != NULL && group_is_empty(group)) {
        group_become_classic(group);
    }
    if (group->consumer != NULL) {
        consumer_classic_join(group, join);
        return;
    }
    group_join(group, join);
    coordinator_release_group(partition, group);
}

/* The group of a member's request; UNKNOWN_MEMBER_ID when there is none. */
static struct group *coordinator_find_group(struct coordinator *coordinator, struct bytes group_id,
                                            int *error)
{
    struct coordinator_partition *partition =
        coordinator_find_partition(coordinator, group_id, error);
    struct group *group =
        partition == NULL ? NULL : (struct group *)map_find(&partition->groups, group_id);
    if (group_id.size == 0) {
        *error = ERROR_INVALID_GROUP_ID; /* offsets may be kept under it, but nobody is a member */
        return NULL;
    }
    if (partition != NULL && group == NULL) {
        *error = ERROR_UNKNOWN_MEMBER_ID;
    }
    if (group != NULL && group->is_doubtful) {
        *error = ERROR_COORDINATOR_NOT_AVAILABLE;
        return NULL;
    }
    return group;
}

void coordinator_sync_group(struct coordinator *coordinator, struct coordinator_sync *sync)
{
    int error = 0;
    struct group *group = coordinator_find_group(coordinator, sync->in->group_id, &error);
    if (group == NULL) {
        group_sync_refuse(&coordinator->host, sync, error);
    } else if (group->consumer != NULL) {
        consumer_classic_sync(group, sync);
    } else {
        group_sync(group, sync);
    }
}

int coordinator_heartbeat(struct coordinator *coordinator, const struct heartbeat_request *in)
{
    int error = 0;
    struct group *group = coordinator_find_group(coordinator, in->group_id, &error);
    return group == NULL ? error : group_heartbeat(group, in);
}

/* Errors that say something about the whole request, not about a member. */
static bool coordinator_is_general(int error)
{
    return error != 0 && error != ERROR_UNKNOWN_MEMBER_ID && error != ERROR_FENCED_INSTANCE_ID;
}

static int coordinator_leave_one(struct group *group, int error, struct bytes id,
                                 struct bytes instance_id)
{
    return group == NULL ? error : group_leave(group, id, instance_id);
}

void coordinator_leave_group(struct coordinator *coordinator, int16_t version,
                             const struct leave_group_request *in, struct arena *arena,
                             struct leave_group_response *out)
{
    enum { LIST_VERSION = 3 };
    int error = 0;
    struct group *group = coordinator_find_group(coordinator, in->group_id, &error);
    *out = (struct leave_group_response){0};
    if (version < LIST_VERSION) {
        error = coordinator_leave_one(group, error, in->member_id, (struct bytes){0});
        out->error_code = error_code(error);
        return;
    }
    if (coordinator_is_general(error)) {
        out->error_code = error_code(error);
        return;
    }
    out->members.items = arena_array(arena, struct leave_group_response_member, in->members.count);
    for (int32_t i = 0; i < in->members.count; i++) {
        const struct leave_group_request_member *member = &in->members.items[i];
        int result =
            coordinator_leave_one(group, error, member->member_id, member->group_instance_id);
        if (coordinator_is_general(result)) {
            *out = (struct leave_group_response){.error_code = error_code(result)};
            return;
        }
        out->members.items[out->members.count++] = (struct leave_group_response_member){
            .member_id = member->member_id,
            .group_instance_id = member->group_instance_id,
            .error_code = error_code(result),
        };
    }
}

static bool coordinator_has_name(const struct bytes *names, int32_t count, const char *name)
{
    for (int32_t i = 0; i < count; i++) {
        if (names[i].size == strlen(name) &&
            strncasecmp((const char *)names[i].data, name, names[i].size) == 0) {
            return true;
        }
    }
    return count <= 0;
}

void coordinator_list_groups(struct coordinator *coordinator, const struct list_groups_request *in,
                             struct arena *arena, struct list_groups_response *out)
{
    size_t count = 0;
    *out = (struct list_groups_response){0};
    for (int32_t i = 0; i < coordinator->partition_count; i++) {
        count += coordinator->partitions[i].groups.size;
    }
    out->groups.items = arena_array(arena, struct list_groups_response_group, count + 1);
    for (int32_t i = 0; i < coordinator->partition_count; i++) {
        const struct coordinator_partition *partition = &coordinator->partitions[i];
        if (journal_status(coordinator->journal, i) == JOURNAL_LOADING) {
            out->error_code = error_code(ERROR_COORDINATOR_LOAD_IN_PROGRESS);
            continue;
        }
        for (map_each (&partition->groups, entry)) {
            const struct group *group = (const struct group *)entry->value;
            const char *state = group_current_state_name(group);
            const char *kind = group_kind(group);
            if (coordinator_has_name(in->types_filter.items, in->types_filter.count, kind) &&
                coordinator_has_name(in->states_filter.items, in->states_filter.count, state)) {
                out->groups.items[out->groups.count++] = (struct list_groups_response_group){
                    .group_id = arena_copy(arena, group->id),
                    .protocol_type = group->consumer != NULL
                                         ? BYTES_LITERAL("consumer")
                                         : arena_copy(arena, group->protocol_type),
                    .group_state = bytes_from_string(state),
                    .group_type = bytes_from_string(kind),
                };
            }
        }
    }
}

void coordinator_describe_group(struct coordinator *coordinator, int16_t version, struct bytes id,
                                struct arena *arena, struct describe_groups_response_group *out)
{
    enum { NOT_FOUND_VERSION = 6 };
    int error = 0;
    struct coordinator_partition *partition = coordinator_find_partition(coordinator, id, &error);
    *out = (struct describe_groups_response_group){
        .error_code = error_code(error),
        .group_id = id,
        .group_state = bytes_from_string(error == 0 ? group_state_name(GROUP_DEAD) : ""),
        .protocol_type = BYTES_LITERAL(""),
        .protocol_data = BYTES_LITERAL(""),
        .authorized_operations = INT32_MIN,
    };
    struct group *group =
        partition == NULL ? NULL : (struct group *)map_find(&partition->groups, id);
    if (group != NULL && group->consumer == NULL) {
        group_describe(group, arena, out);
    } else if (error == 0 && version >= NOT_FOUND_VERSION) {
        out->error_code = error_code(ERROR_GROUP_ID_NOT_FOUND);
        out->error_message = bytes_from_string(arena_printf(
            arena, group == NULL ? "Group %.*s not found." : "Group %.*s is not a classic group.",
            BYTES_FORMAT(id)));
    }
}

void coordinator_describe_consumer_group(struct coordinator *coordinator, struct bytes id,
                                         struct arena *arena,
                                         struct consumer_group_describe_response_group *out)
{
    int error = 0;
    struct coordinator_partition *partition = coordinator_find_partition(coordinator, id, &error);
    const struct group *group =
        partition == NULL ? NULL : (const struct group *)map_find(&partition->groups, id);
    *out = (struct consumer_group_describe_response_group){
        .group_id = id,
        .group_state = BYTES_LITERAL(""),
        .assignor_name = BYTES_LITERAL(""),
        .authorized_operations = INT32_MIN,
    };
    if (error == 0 && id.size == 0) {
        error = ERROR_INVALID_GROUP_ID;
    } else if (error == 0 && (group == NULL || group->consumer == NULL)) {
        error = ERROR_GROUP_ID_NOT_FOUND;
        out->error_message = bytes_from_string(arena_printf(
            arena, group == NULL ? "Group %.*s not found." : "Group %.*s is not a consumer group.",
            BYTES_FORMAT(id)));
    }
    out->error_code = error_code(error);
    if (error == 0) {
        consumer_describe(group->consumer, arena, out);
    }
}

/* Explaining --------------------------------------------------------------------------------- */

static void coordinator_explain_rebalance(const struct group_history_rebalance *from,
                                          struct arena *arena, struct coordinator_rebalance *to)
{
    *to = (struct coordinator_rebalance){
        .began_ms = from->began_ms,
        .ended_ms = from->ended_ms,
        .generation = from->generation,
        .member_count = from->member_count,
        .causes = arena_array(arena, struct coordinator_cause, from->cause_count + 1),
        .cause_count = from->cause_count,
        .more_count = from->more_count,
    };
    for (int32_t i = 0; i < from->cause_count; i++) {
        const struct group_history_cause *cause = &from->causes[i];
        to->causes[i] = (struct coordinator_cause){
            .kind = group_history_cause_name(cause->cause),
            .at_ms = cause->at_ms,
            .member = arena_copy(arena, cause->member),
            .client_id = arena_copy(arena, cause->client_id),
            .client_host = arena_copy(arena, cause->client_host),
            .detail = arena_copy(arena, cause->detail),
        };
    }
}

int coordinator_explain_group(struct coordinator *coordinator, struct bytes id, struct arena *arena,
                              struct coordinator_explanation *out)
{
    int error = 0;
    struct coordinator_partition *partition = coordinator_find_partition(coordinator, id, &error);
    if (partition == NULL) {
        return error;
    }
    const struct group *group = (const struct group *)map_find(&partition->groups, id);
    if (group == NULL) {
        return ERROR_GROUP_ID_NOT_FOUND;
    }
    const struct group_history *history = &group->history;
    *out = (struct coordinator_explanation){
        .kind = group_kind(group),
        .state = group_current_state_name(group),
        .generation = group->consumer != NULL ? group->consumer->epoch : group->generation,
        .member_count = (int32_t)group_member_count(group),
        .now_ms = io_wall_clock(coordinator->host.io),
        .rebalances = arena_array(arena, struct coordinator_rebalance, history->count + 1),
        .rebalance_count = history->count,
    };
    for (int32_t i = 0; i < history->count; i++) {
        coordinator_explain_rebalance(group_history_at(history, i), arena, &out->rebalances[i]);
    }
    return 0;
}

/* Consumer groups ---------------------------------------------------------------------------- */

/* The group of a heartbeat. A join makes it, or makes an empty classic group one of the right kind.
 */
static struct group *coordinator_find_consumer(struct coordinator *coordinator,
                                               const struct consumer_group_heartbeat_request *in,
                                               struct arena *arena, int *error,
                                               const char **message)
{
    struct coordinator_partition *partition =
        coordinator_find_partition(coordinator, in->group_id, error);
    if (partition == NULL) {
        return NULL;
    }
    struct group *group = (struct group *)map_find(&partition->groups, in->group_id);
    bool is_join = in->member_epoch == CONSUMER_JOIN_EPOCH;
    if (group != NULL && (group->is_doubtful || group->state == GROUP_DEAD)) {
        *error = ERROR_COORDINATOR_NOT_AVAILABLE;
        return NULL;
    }
    if (is_join && (group == NULL || (group->consumer == NULL && group_is_empty(group)))) {
        group = coordinator_make_group(coordinator, partition, in->group_id);
        group_become_consumer(group);
    }
    if (is_join && group->consumer == NULL) {
        *error = consumer_convert_up(group, arena, message);
        return *error == 0 ? group : NULL;
    }
    if (group == NULL || group->consumer == NULL) {
        *error = ERROR_GROUP_ID_NOT_FOUND;
        *message = arena_printf(arena,
                                group == NULL ? "Consumer group %.*s not found."
                                              : "Group %.*s is not a consumer group.",
                                BYTES_FORMAT(in->group_id));
        return NULL;
    }
    return group;
}

void coordinator_consumer_heartbeat(struct coordinator *coordinator,
                                    struct coordinator_consumer_heartbeat *heartbeat)
{
    const char *message = NULL;
    int error = consumer_heartbeat_validate(&coordinator->host, heartbeat, &message);
    struct group *group = NULL;
    if (error == 0) {
        group = coordinator_find_consumer(coordinator, heartbeat->in, heartbeat->request.arena,
                                          &error, &message);
    }
    if (group == NULL) {
        consumer_heartbeat_refuse(&coordinator->host, heartbeat, error, message);
        return;
    }
    consumer_heartbeat(group, heartbeat);
    coordinator_release_group(
        coordinator_find_partition(coordinator, heartbeat->in->group_id, &error), group);
}

/* Deletion ----------------------------------------------------------------------------------- */

struct coordinator_deletion {
    struct group_write write;
    struct coordinator_delete_groups *request;
    int32_t index; /* of the result */
};

static bool coordinator_is_any(void *owner, const struct offset_table_entry *entry)
{
    (void)owner;
    (void)entry;
    return true;
}

static void coordinator_finish_deletion(struct group_host *host,
                                        struct coordinator_delete_groups *request)
{
    if (--request->underway == 0) {
        host->answer(host, &request->request);
    }
}

static void coordinator_on_deleted(struct group_host *host, struct group_write *write, int error)
{
    struct coordinator_deletion *deletion = (struct coordinator_deletion *)(void *)write;
    int find_error = 0;
    struct coordinator_partition *partition =
        coordinator_find_partition(coordinator_of(host), write->group_id, &find_error);
    struct group *group = host->find(host, write->group_id);
    if (group != NULL && error == 0) {
        coordinator_release_group(partition, group);
    } else if (group != NULL) {
        group_revive(group);
    }
    deletion->request->out.results.items[deletion->index].error_code = error_code(error);
    coordinator_finish_deletion(host, deletion->request);
    bytes_free(write->group_id);
    free(deletion);
}

/* Starts the deletion of a group; an error, or 0 when it is done or under way. */
static int coordinator_begin_deletion(struct coordinator *coordinator,
                                      struct coordinator_delete_groups *request, struct bytes id,
                                      int32_t index)
{
    int error = 0;
    struct coordinator_partition *partition = coordinator_find_partition(coordinator, id, &error);
    if (partition == NULL) {
        return error;
    }
    struct group *group = (struct group *)map_find(&partition->groups, id);
    if (group == NULL) {
        return ERROR_GROUP_ID_NOT_FOUND;
    }
    if (group->state == GROUP_DEAD) {
        return ERROR_COORDINATOR_NOT_AVAILABLE; /* its deletion may still fail: ask again */
    }
    if (!group_is_empty(group)) {
        return ERROR_NON_EMPTY_GROUP;
    }
    if (group->is_doubtful) {
        return ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    struct coordinator_deletion *deletion = memory_new(struct coordinator_deletion);
    deletion->write.done = coordinator_on_deleted;
    deletion->write.group_id = bytes_copy(id);
    deletion->request = request;
    deletion->index = index;
    request->underway++;
    group_die(group);
    check(coordinator_write_tombstones(coordinator, group, coordinator_is_any, NULL, true,
                                       &deletion->write));
    return 0;
}

void coordinator_delete_groups(struct coordinator *coordinator,
                               struct coordinator_delete_groups *request)
{
    int32_t count = request->in->group_names.count;
    struct map seen; /* a group is deleted, and answered, once */
    map_init(&seen);
    request->out = (struct delete_groups_response){0};
    request->out.results.items =
        arena_array(request->request.arena, struct delete_groups_response_result, count + 1);
    request->underway = 1; /* this call */
    for (int32_t i = 0; i < count; i++) {
        struct bytes id = request->in->group_names.items[i];
        if (map_put(&seen, id, request) != NULL) {
            continue;
        }
        int32_t index = request->out.results.count++;
        struct delete_groups_response_result *result = &request->out.results.items[index];
        result->group_id = id;
        result->error_code =
            error_code(coordinator_begin_deletion(coordinator, request, id, index));
    }
    map_fini(&seen, NULL);
    coordinator_finish_deletion(&coordinator->host, request);
}
