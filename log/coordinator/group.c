/* Members, states and offsets of one group; see group.h. */
#include "log/coordinator/group.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>
#include <string.h>

static const struct fsm_state group_states[] = {
    [GROUP_EMPTY] = {"Empty", FSM_TO(GROUP_PREPARING) | FSM_TO(GROUP_STABLE)},
    [GROUP_PREPARING] = {"PreparingRebalance", FSM_TO(GROUP_COMPLETING) | FSM_TO(GROUP_EMPTY)},
    [GROUP_COMPLETING] = {"CompletingRebalance", FSM_TO(GROUP_STABLE) | FSM_TO(GROUP_PREPARING)},
    [GROUP_STABLE] = {"Stable", FSM_TO(GROUP_PREPARING) | FSM_TO(GROUP_EMPTY)},
};

static const struct fsm group_fsm = FSM("group", group_states);

const char *group_state_name(enum group_state state)
{
    return fsm_name(&group_fsm, state);
}

void group_move(struct group *group, enum group_state state)
{
    group->state = (enum group_state)fsm_move(&group_fsm, group->state, state);
    group->state_changed_ms = io_wall_clock(group->coordinator->io);
}

void group_set(struct bytes *place, struct bytes value)
{
    struct bytes copy = bytes_is_null(value) ? value : bytes_copy(value);
    bytes_free(*place);
    *place = copy;
}

struct group *group_new(struct coordinator *coordinator, struct bytes id, int32_t partition)
{
    struct group *group = memory_new(struct group);
    group->coordinator = coordinator;
    group->id = bytes_copy(id);
    group->partition = partition;
    group->state_changed_ms = io_wall_clock(coordinator->io);
    list_init(&group->members);
    map_init(&group->pending);
    map_init(&group->offsets);
    return group;
}

static void group_free_protocols(struct group_member *member)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        bytes_free(member->protocols[i].name);
        bytes_free(member->protocols[i].metadata);
    }
    free(member->protocols);
    member->protocols = NULL;
    member->protocol_count = 0;
}

static void group_free_member(struct group_member *member)
{
    io_timer_stop(member->group->coordinator->io, &member->session_timer);
    group_free_protocols(member);
    bytes_free(member->id);
    bytes_free(member->instance_id);
    bytes_free(member->client_id);
    bytes_free(member->client_host);
    bytes_free(member->assignment);
    free(member);
}

static void group_free_offset(void *value)
{
    struct group_offset *offset = value;
    bytes_free(offset->topic);
    bytes_free(offset->metadata);
    free(offset);
}

static void group_free_pending(void *value)
{
    struct group_pending *pending = value;
    io_timer_stop(pending->group->coordinator->io, &pending->timer);
    bytes_free(pending->id);
    free(pending);
}

void group_free(struct group *group)
{
    struct list_link *link;
    check(group->append_count == 0);
    while ((link = list_take(&group->members)) != NULL) {
        group_free_member(list_member(link, struct group_member, link));
    }
    io_timer_stop(group->coordinator->io, &group->rebalance_timer);
    map_fini(&group->pending, group_free_pending);
    map_fini(&group->offsets, group_free_offset);
    bytes_free(group->id);
    bytes_free(group->protocol_type);
    bytes_free(group->protocol);
    bytes_free(group->leader_id);
    free(group);
}

struct group_member *group_find(const struct group *group, struct bytes member_id)
{
    for (struct list_link *link = group->members.head.next; link != &group->members.head;
         link = link->next) {
        struct group_member *member = list_member(link, struct group_member, link);
        if (bytes_equal(member->id, member_id)) {
            return member;
        }
    }
    return NULL;
}

struct group_member *group_find_instance(const struct group *group, struct bytes instance_id)
{
    if (bytes_is_null(instance_id)) {
        return NULL;
    }
    for (struct list_link *link = group->members.head.next; link != &group->members.head;
         link = link->next) {
        struct group_member *member = list_member(link, struct group_member, link);
        if (bytes_equal(member->instance_id, instance_id)) {
            return member;
        }
    }
    return NULL;
}

int group_get(const struct group *group, struct bytes member_id, struct bytes instance_id,
              struct group_member **out)
{
    struct group_member *owner = group_find_instance(group, instance_id);
    struct group_member *member = group_find(group, member_id);
    if (!bytes_is_null(instance_id)) {
        if (owner == NULL) {
            return ERROR_UNKNOWN_MEMBER_ID;
        }
        if (owner != member) {
            return ERROR_FENCED_INSTANCE_ID;
        }
    }
    if (member == NULL) {
        return ERROR_UNKNOWN_MEMBER_ID;
    }
    *out = member;
    return 0;
}

struct group_member *group_add(struct group *group, struct bytes id, struct bytes instance_id)
{
    struct group_member *member = memory_new(struct group_member);
    check(group_find(group, id) == NULL);
    check(group_find_instance(group, instance_id) == NULL);
    member->group = group;
    member->id = bytes_copy(id);
    group_set(&member->instance_id, instance_id);
    group_set(&member->assignment, BYTES_LITERAL(""));
    list_add(&group->members, &member->link);
    group->member_count++;
    if (bytes_is_null(group->leader_id)) {
        group_set(&group->leader_id, id);
    }
    return member;
}

void group_remove(struct group_member *member)
{
    struct group *group = member->group;
    group_answer_join(member, ERROR_UNKNOWN_MEMBER_ID);
    group_answer_sync(member, ERROR_UNKNOWN_MEMBER_ID);
    list_remove(&member->link);
    group->member_count--;
    if (bytes_equal(group->leader_id, member->id)) {
        struct bytes next = {NULL, 0};
        if (!list_is_empty(&group->members)) {
            next = list_member(group->members.head.next, struct group_member, link)->id;
        }
        group_set(&group->leader_id, next);
    }
    group_free_member(member);
}

void group_set_protocols(struct group_member *member,
                         const struct join_group_request_protocol *protocols, int32_t count)
{
    struct group_protocol *copy = memory_zero((size_t)count, sizeof *copy);
    for (int32_t i = 0; i < count; i++) {
        copy[i].name = bytes_copy(protocols[i].name);
        copy[i].metadata = bytes_copy(protocols[i].metadata);
    }
    group_free_protocols(member);
    member->protocols = copy;
    member->protocol_count = count;
}

struct bytes group_metadata(const struct group_member *member, struct bytes protocol)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        if (bytes_equal(member->protocols[i].name, protocol)) {
            return member->protocols[i].metadata;
        }
    }
    return (struct bytes){NULL, 0};
}

bool group_has_same_protocols(const struct group_member *member,
                              const struct join_group_request_protocol *protocols, int32_t count)
{
    if (member->protocol_count != count) {
        return false;
    }
    for (int32_t i = 0; i < count; i++) {
        if (!bytes_equal(member->protocols[i].name, protocols[i].name) ||
            !bytes_equal(member->protocols[i].metadata, protocols[i].metadata)) {
            return false;
        }
    }
    return true;
}

static void group_on_session_end(struct io_timer *timer)
{
    struct group_member *member = timer->owner;
    struct group *group = member->group;
    /* Who waits for the join or the assignment is there, however long that takes. */
    if (member->join_done != NULL || member->sync_done != NULL) {
        group_touch(member);
        return;
    }
    group_remove(member);
    group_after_removal(group);
}

void group_touch(struct group_member *member)
{
    member->session_timer = (struct io_timer){.fired = group_on_session_end,
                                              .owner = member,
                                              .private_state = member->session_timer.private_state,
                                              .private_key = member->session_timer.private_key};
    io_timer_start(member->group->coordinator->io, &member->session_timer,
                   (uint64_t)member->session_timeout_ms * 1000000);
}

/* "topic" NUL partition. */
static struct bytes group_offset_key(struct bytes topic, int32_t partition, struct buffer *out)
{
    buffer_clear(out);
    buffer_add_bytes(out, topic);
    buffer_add_byte(out, 0);
    endian_write_i32(buffer_reserve(out, 4), partition);
    out->size += 4;
    return buffer_bytes(out);
}

struct group_offset *group_find_offset(const struct group *group, struct bytes topic,
                                       int32_t partition)
{
    struct buffer key;
    buffer_init(&key);
    struct group_offset *offset =
        map_find(&group->offsets, group_offset_key(topic, partition, &key));
    buffer_fini(&key);
    return offset;
}

void group_apply_offset(struct group *group, struct bytes topic, int32_t partition,
                        const struct offset_commit_value *value)
{
    struct buffer buffer;
    buffer_init(&buffer);
    struct bytes key = group_offset_key(topic, partition, &buffer);
    struct group_offset *offset = map_find(&group->offsets, key);
    if (value == NULL) {
        if (map_remove(&group->offsets, key) != NULL) {
            group_free_offset(offset);
        }
        buffer_fini(&buffer);
        return;
    }
    if (offset == NULL) {
        offset = memory_new(struct group_offset);
        offset->topic = bytes_copy(topic);
        offset->partition = partition;
        map_put(&group->offsets, key, offset);
    }
    group_set(&offset->metadata,
              bytes_is_null(value->metadata) ? BYTES_LITERAL("") : value->metadata);
    offset->offset = value->offset;
    offset->leader_epoch = value->leader_epoch;
    offset->commit_ms = value->commit_timestamp_ms;
    buffer_fini(&buffer);
}

static void group_load_member(struct group *group, const struct group_metadata_value *value,
                              const struct group_metadata_value_member *from)
{
    struct group_member *member = group_add(group, from->member_id, from->group_instance_id);
    struct join_group_request_protocol protocol = {.name = value->protocol,
                                                   .metadata = from->subscription};
    member->session_timeout_ms = from->session_timeout_ms;
    member->rebalance_timeout_ms = from->rebalance_timeout_ms;
    group_set(&member->client_id, from->client_id);
    group_set(&member->client_host, from->client_host);
    group_set(&member->assignment, from->assignment);
    if (!bytes_is_null(value->protocol)) {
        group_set_protocols(member, &protocol, 1);
    }
}

void group_apply(struct group *group, const struct group_metadata_value *value)
{
    struct list_link *link;
    while ((link = list_take(&group->members)) != NULL) {
        group_free_member(list_member(link, struct group_member, link));
    }
    group->member_count = 0;
    group_set(&group->leader_id, (struct bytes){NULL, 0});
    group->generation = value->generation;
    group_set(&group->protocol_type, value->protocol_type);
    group_set(&group->protocol, value->protocol);
    for (int32_t i = 0; i < value->members.count; i++) {
        group_load_member(group, value, &value->members.items[i]);
    }
    group_set(&group->leader_id, value->leader);
    enum group_state state = value->members.count > 0 ? GROUP_STABLE : GROUP_EMPTY;
    if (state != group->state) {
        group_move(group, state);
    }
    if (value->current_state_timestamp_ms >= 0) {
        group->state_changed_ms = value->current_state_timestamp_ms;
    }
}

void group_check(const struct group *group)
{
    size_t member_count = 0;
    check((group->state == GROUP_EMPTY) == (group->member_count == 0));
    check(group->member_count == 0 || group_find(group, group->leader_id) != NULL);
    for (struct list_link *link = group->members.head.next; link != &group->members.head;
         link = link->next) {
        struct group_member *member = list_member(link, struct group_member, link);
        member_count++;
        check(group_find(group, member->id) == member);
        check(bytes_is_null(member->instance_id) ||
              group_find_instance(group, member->instance_id) == member);
        check(member->join_done == NULL || group->state == GROUP_PREPARING);
        check(member->sync_done == NULL || group->state == GROUP_COMPLETING);
        if (group->state == GROUP_COMPLETING || group->state == GROUP_STABLE) {
            check(!bytes_is_null(group_metadata(member, group->protocol)));
        }
    }
    check(member_count == group->member_count);
}
