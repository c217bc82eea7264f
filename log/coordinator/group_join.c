/* The first half of a rebalance: members join, a protocol and a leader are chosen; see group.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/coordinator_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct group_joining {
    struct coordinator *coordinator;
    const struct join_group_request *request;
    const struct coordinator_client *client;
    coordinator_join_done *done;
    void *owner;
};

static void group_join_fail(const struct group_joining *joining, struct bytes member_id, int error)
{
    struct join_group_response response = {.error_code = error_code(error),
                                           .generation_id = -1,
                                           .protocol_type = {NULL, 0},
                                           .protocol_name = {NULL, 0},
                                           .leader = BYTES_LITERAL(""),
                                           .member_id = member_id};
    if (joining->client->version < 7) {
        response.protocol_name = BYTES_LITERAL("");
    }
    joining->done(joining->owner, &response);
}

/* --- The answer --- */

static void group_fill_members(const struct group *group, struct join_group_response *response)
{
    response->members.items =
        memory_zero(group->member_count, sizeof(struct join_group_response_member));
    for (struct list_link *link = group->members.head.next; link != &group->members.head;
         link = link->next) {
        const struct group_member *member = list_member(link, struct group_member, link);
        response->members.items[response->members.count++] = (struct join_group_response_member){
            .member_id = member->id,
            .group_instance_id = member->instance_id,
            .metadata = group_metadata(member, group->protocol)};
    }
}

static void group_answer_current(struct group_member *member, coordinator_join_done *done,
                                 void *owner, int error, bool skip_assignment)
{
    const struct group *group = member->group;
    struct join_group_response response = {.error_code = error_code(error),
                                           .generation_id = group->generation,
                                           .protocol_type = group->protocol_type,
                                           .protocol_name = group->protocol,
                                           .leader = group->leader_id,
                                           .skip_assignment = skip_assignment,
                                           .member_id = member->id};
    if (error != 0) {
        response.generation_id = -1;
        response.leader = BYTES_LITERAL("");
        response.protocol_name =
            member->join_version < 7 ? BYTES_LITERAL("") : (struct bytes){NULL, 0};
    } else if (bytes_equal(group->leader_id, member->id)) {
        group_fill_members(group, &response);
    }
    done(owner, &response);
    free(response.members.items);
}

void group_answer_join(struct group_member *member, int error)
{
    coordinator_join_done *done = member->join_done;
    if (done == NULL) {
        return;
    }
    member->join_done = NULL;
    group_touch(member);
    group_answer_current(member, done, member->join_owner, error, false);
}

/* --- Choosing --- */

static bool group_supports(const struct group *group, struct bytes protocol)
{
    for (struct list_link *link = group->members.head.next; link != &group->members.head;
         link = link->next) {
        if (bytes_is_null(group_metadata(list_member(link, struct group_member, link), protocol))) {
            return false;
        }
    }
    return true;
}

/* How many members would take this protocol before any other that all support. */
static int group_votes(const struct group *group, struct bytes protocol)
{
    int votes = 0;
    for (struct list_link *link = group->members.head.next; link != &group->members.head;
         link = link->next) {
        const struct group_member *member = list_member(link, struct group_member, link);
        for (int32_t i = 0; i < member->protocol_count; i++) {
            if (group_supports(group, member->protocols[i].name)) {
                votes += bytes_equal(member->protocols[i].name, protocol);
                break;
            }
        }
    }
    return votes;
}

static void group_choose_protocol(struct group *group)
{
    const struct group_member *first =
        list_member(group->members.head.next, struct group_member, link);
    struct bytes chosen = {NULL, 0};
    int most = 0;
    for (int32_t i = 0; i < first->protocol_count; i++) {
        struct bytes name = first->protocols[i].name;
        int votes = group_supports(group, name) ? group_votes(group, name) : 0;
        if (votes > most) {
            most = votes;
            chosen = name;
        }
    }
    check(!bytes_is_null(chosen));
    group_set(&group->protocol, chosen);
}

/* Whether somebody with these protocols could be a member beside those who are there. */
static bool group_is_compatible(const struct group *group, const struct join_group_request *request,
                                const struct group_member *except)
{
    if (group->member_count == (except == NULL ? 0u : 1u)) {
        return true;
    }
    if (!bytes_equal(group->protocol_type, request->protocol_type)) {
        return false;
    }
    for (int32_t i = 0; i < request->protocols.count; i++) {
        bool is_supported = true;
        for (struct list_link *link = group->members.head.next; link != &group->members.head;
             link = link->next) {
            const struct group_member *member = list_member(link, struct group_member, link);
            is_supported =
                is_supported &&
                (member == except ||
                 !bytes_is_null(group_metadata(member, request->protocols.items[i].name)));
        }
        if (is_supported) {
            return true;
        }
    }
    return false;
}

/* --- The end of the join --- */

static void group_on_emptied(struct group_log *log, int error)
{
    (void)log;
    (void)error; /* nobody waits; the next generation says it again */
}

static void group_store_empty(struct group *group)
{
    struct group_log *log = group_log_new(group, group_on_emptied, NULL);
    group_log_add_group(log);
    group_log_send(log);
}

static void group_complete(struct group *group)
{
    io_timer_stop(group->coordinator->io, &group->rebalance_timer);
    group->is_delaying = false;
    group->generation++;
    if (group->member_count == 0) {
        group_set(&group->protocol, (struct bytes){NULL, 0});
        group_move(group, GROUP_EMPTY);
        group_store_empty(group);
        return;
    }
    group->coordinator->rebalance_count++;
    group_choose_protocol(group);
    group_move(group, GROUP_COMPLETING);
    for (list_each (&group->members, link)) {
        group_answer_join(list_member(link, struct group_member, link), 0);
    }
    for (list_each (&group->members, link)) {
        group_touch(list_member(link, struct group_member, link));
    }
}

void group_try_complete(struct group *group)
{
    if (group->state != GROUP_PREPARING || group->is_delaying || group->pending.size > 0) {
        return;
    }
    for (list_each (&group->members, link)) {
        if (list_member(link, struct group_member, link)->join_done == NULL) {
            return;
        }
    }
    group_complete(group);
}

/* Time is up: who is not here is out, except for static members, whose session still runs. */
static void group_end_wait(struct group *group)
{
    for (list_each (&group->members, link)) {
        struct group_member *member = list_member(link, struct group_member, link);
        if (member->join_done == NULL && bytes_is_null(member->instance_id)) {
            group_remove(member);
        }
    }
    bool has_anybody = false;
    for (list_each (&group->members, link)) {
        has_anybody =
            has_anybody || list_member(link, struct group_member, link)->join_done != NULL;
    }
    if (group->member_count > 0 && !has_anybody) {
        /* Static members alone, none of them here: their sessions decide. */
        io_timer_start(group->coordinator->io, &group->rebalance_timer,
                       (uint64_t)group->coordinator->options.session_timeout_min_ms * 1000000);
        return;
    }
    if (has_anybody && group_find(group, group->leader_id)->join_done == NULL) {
        for (list_each (&group->members, link)) {
            struct group_member *member = list_member(link, struct group_member, link);
            if (member->join_done != NULL) {
                group_set(&group->leader_id, member->id);
                break;
            }
        }
    }
    group_complete(group);
}

static uint64_t group_timeout_ns(const struct group *group)
{
    int32_t timeout_ms = 0;
    for (struct list_link *link = group->members.head.next; link != &group->members.head;
         link = link->next) {
        const struct group_member *member = list_member(link, struct group_member, link);
        if (member->rebalance_timeout_ms > timeout_ms) {
            timeout_ms = member->rebalance_timeout_ms;
        }
    }
    return (uint64_t)timeout_ms * 1000000;
}

static void group_on_rebalance_time(struct io_timer *timer)
{
    struct group *group = timer->owner;
    if (group->is_delaying) {
        group->is_delaying = false;
        io_timer_start(group->coordinator->io, timer, group_timeout_ns(group));
        group_try_complete(group);
        return;
    }
    group_end_wait(group);
}

void group_prepare(struct group *group)
{
    bool was_empty = group->state == GROUP_EMPTY;
    int64_t delay_ms = group->coordinator->options.initial_delay_ms;
    if (group->state == GROUP_COMPLETING) {
        for (list_each (&group->members, link)) {
            struct group_member *member = list_member(link, struct group_member, link);
            group_set(&member->assignment, BYTES_LITERAL(""));
            group_answer_sync(member, ERROR_REBALANCE_IN_PROGRESS);
        }
    }
    group->is_assigning = false;
    group_move(group, GROUP_PREPARING);
    group->is_delaying = was_empty && delay_ms > 0;
    io_timer_stop(group->coordinator->io, &group->rebalance_timer);
    group->rebalance_timer = (struct io_timer){.fired = group_on_rebalance_time, .owner = group};
    io_timer_start(group->coordinator->io, &group->rebalance_timer,
                   group->is_delaying ? (uint64_t)delay_ms * 1000000 : group_timeout_ns(group));
}

void group_after_removal(struct group *group)
{
    switch (group->state) {
    case GROUP_EMPTY:
        break;
    case GROUP_STABLE:
    case GROUP_COMPLETING:
        group_prepare(group);
        group_try_complete(group);
        break;
    case GROUP_PREPARING:
        group_try_complete(group);
        break;
    }
}

/* --- A request --- */

static void group_on_pending_end(struct io_timer *timer)
{
    struct group_pending *pending = timer->owner;
    struct group *group = pending->group;
    map_remove(&group->pending, pending->id);
    bytes_free(pending->id);
    free(pending);
    group_try_complete(group);
}

static void group_take_pending(struct group_pending *pending)
{
    io_timer_stop(pending->group->coordinator->io, &pending->timer);
    map_remove(&pending->group->pending, pending->id);
    bytes_free(pending->id);
    free(pending);
}

/* CLIENT-UUID, as Kafka makes it. */
static struct bytes group_make_id(struct coordinator *coordinator, struct bytes prefix, char *out,
                                  size_t size)
{
    uint8_t octets[16];
    io_random(coordinator->io, octets, sizeof octets);
    int used = snprintf(out, size, "%.*s-", (int)(prefix.size < 200 ? prefix.size : 200),
                        prefix.data == NULL ? "" : (const char *)prefix.data);
    for (size_t i = 0; i < sizeof octets; i++) {
        bool has_dash = i == 4 || i == 6 || i == 8 || i == 10;
        used += snprintf(out + used, size - (size_t)used, has_dash ? "-%02x" : "%02x", octets[i]);
    }
    return bytes_from_string(out);
}

/* KIP-394: a client that says who it is before it is counted cannot leave ghosts behind. */
static void group_require_id(const struct group_joining *joining, struct group *group)
{
    char text[300];
    struct bytes id =
        group_make_id(joining->coordinator, joining->client->client_id, text, sizeof text);
    struct group_pending *pending = memory_new(struct group_pending);
    pending->group = group;
    pending->id = bytes_copy(id);
    pending->timer = (struct io_timer){.fired = group_on_pending_end, .owner = pending};
    map_put(&group->pending, id, pending);
    io_timer_start(joining->coordinator->io, &pending->timer,
                   (uint64_t)joining->request->session_timeout_ms * 1000000);
    group_join_fail(joining, id, ERROR_MEMBER_ID_REQUIRED);
}

static void group_update(const struct group_joining *joining, struct group_member *member)
{
    const struct join_group_request *request = joining->request;
    member->session_timeout_ms = request->session_timeout_ms;
    member->rebalance_timeout_ms =
        joining->client->version == 0 ? request->session_timeout_ms : request->rebalance_timeout_ms;
    member->join_version = joining->client->version;
    group_set(&member->client_id, bytes_is_null(joining->client->client_id)
                                      ? BYTES_LITERAL("")
                                      : joining->client->client_id);
    group_set(&member->client_host, joining->client->host);
    group_set_protocols(member, request->protocols.items, request->protocols.count);
}

static void group_wait(const struct group_joining *joining, struct group_member *member)
{
    struct group *group = member->group;
    if (member->join_done != NULL) {
        group_answer_join(member, ERROR_REBALANCE_IN_PROGRESS);
    }
    if (group->state != GROUP_PREPARING) {
        group_prepare(group);
    }
    member->join_done = joining->done;
    member->join_owner = joining->owner;
    group_touch(member);
    group_try_complete(group);
}

static void group_join_new(const struct group_joining *joining, struct group *group,
                           struct bytes member_id)
{
    if (group->member_count >= (size_t)joining->coordinator->options.member_count_max) {
        group_join_fail(joining, member_id, ERROR_GROUP_MAX_SIZE_REACHED);
        return;
    }
    if (group->member_count == 0) {
        group_set(&group->protocol_type, joining->request->protocol_type);
    }
    struct group_member *member = group_add(group, member_id, joining->request->group_instance_id);
    group_update(joining, member);
    group_wait(joining, member);
}

static void group_on_replaced(struct group_log *log, int error)
{
    (void)log;
    (void)error; /* the member knows its new id; the log follows with the next generation */
}

/* KIP-345: a static member came back; its predecessor is fenced. Nothing moves while its
 * subscription is the same. */
static void group_join_static(const struct group_joining *joining, struct group *group,
                              struct group_member *member)
{
    char text[300];
    struct bytes id =
        group_make_id(joining->coordinator, joining->request->group_instance_id, text, sizeof text);
    bool was_leader = bytes_equal(group->leader_id, member->id);
    bool is_same = group_has_same_protocols(member, joining->request->protocols.items,
                                            joining->request->protocols.count);
    group_answer_join(member, ERROR_FENCED_INSTANCE_ID);
    group_answer_sync(member, ERROR_FENCED_INSTANCE_ID);
    group_set(&member->id, id);
    if (was_leader) {
        group_set(&group->leader_id, id);
    }
    group_update(joining, member);
    if (group->state != GROUP_STABLE || !is_same) {
        group_wait(joining, member);
        return;
    }
    struct group_log *log = group_log_new(group, group_on_replaced, NULL);
    group_log_add_group(log);
    group_log_send(log);
    group_touch(member);
    group_answer_current(member, joining->done, joining->owner, 0, was_leader);
}

static void group_join_known(const struct group_joining *joining, struct group_member *member)
{
    struct group *group = member->group;
    bool is_same = group_has_same_protocols(member, joining->request->protocols.items,
                                            joining->request->protocols.count);
    bool is_leader = bytes_equal(group->leader_id, member->id);
    bool is_current = is_same && (group->state == GROUP_COMPLETING ||
                                  (group->state == GROUP_STABLE && !is_leader));
    group_update(joining, member);
    if (is_current) {
        /* The answer to its join was lost, or it comes back without a reason to rebalance. */
        group_touch(member);
        group_answer_current(member, joining->done, joining->owner, 0, false);
        return;
    }
    group_wait(joining, member);
}

static void group_join(const struct group_joining *joining, struct group *group)
{
    const struct join_group_request *request = joining->request;
    struct group_member *owner = group_find_instance(group, request->group_instance_id);
    struct group_pending *pending = map_find(&group->pending, request->member_id);
    bool is_unknown = request->member_id.size == 0;
    if (!group_is_compatible(group, request,
                             is_unknown ? owner : group_find(group, request->member_id))) {
        group_join_fail(joining, request->member_id, ERROR_INCONSISTENT_GROUP_PROTOCOL);
        return;
    }
    if (is_unknown && owner != NULL) {
        group_join_static(joining, group, owner);
    } else if (is_unknown && bytes_is_null(request->group_instance_id) &&
               joining->client->version >= 4) {
        group_require_id(joining, group);
    } else if (is_unknown) {
        char text[300];
        struct bytes prefix = bytes_is_null(request->group_instance_id)
                                  ? joining->client->client_id
                                  : request->group_instance_id;
        group_join_new(joining, group,
                       group_make_id(joining->coordinator, prefix, text, sizeof text));
    } else if (pending != NULL) {
        group_take_pending(pending);
        group_join_new(joining, group, request->member_id);
    } else {
        struct group_member *member = NULL;
        int error = group_get(group, request->member_id, request->group_instance_id, &member);
        if (error != 0) {
            group_join_fail(joining, request->member_id, error);
        } else {
            group_join_known(joining, member);
        }
    }
}

static int group_validate_join(const struct group_joining *joining)
{
    const struct join_group_request *request = joining->request;
    const struct coordinator_options *options = &joining->coordinator->options;
    if (request->session_timeout_ms < options->session_timeout_min_ms ||
        request->session_timeout_ms > options->session_timeout_max_ms) {
        return ERROR_INVALID_SESSION_TIMEOUT;
    }
    if (request->protocol_type.size == 0 || request->protocols.count <= 0) {
        return ERROR_INCONSISTENT_GROUP_PROTOCOL;
    }
    return 0;
}

void coordinator_join(struct coordinator *coordinator, const struct join_group_request *request,
                      const struct coordinator_client *client, coordinator_join_done *done,
                      void *owner)
{
    struct group_joining joining = {.coordinator = coordinator,
                                    .request = request,
                                    .client = client,
                                    .done = done,
                                    .owner = owner};
    struct group *group = NULL;
    int error = coordinator_find(coordinator, request->group_id, &group);
    if (error == 0) {
        error = group_validate_join(&joining);
    }
    if (error == 0 && group == NULL && request->member_id.size > 0) {
        error = ERROR_UNKNOWN_MEMBER_ID;
    }
    if (error != 0) {
        group_join_fail(&joining, request->member_id, error);
        return;
    }
    if (group == NULL) {
        group = coordinator_make(coordinator, request->group_id);
    }
    group_join(&joining, group);
}
