/* A group's life and what does not move it: heartbeats, leaving, descriptions; see group.h. */
#include "log/coordinator/group.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/fsm.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/consumer.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct fsm_state group_states[] = {
    [GROUP_EMPTY] = {"Empty", FSM_TO(GROUP_PREPARING) | FSM_TO(GROUP_DEAD) |
                                  FSM_TO(GROUP_STABLE) /* load */},
    [GROUP_PREPARING] = {"PreparingRebalance", FSM_TO(GROUP_COMPLETING) | FSM_TO(GROUP_EMPTY)},
    [GROUP_COMPLETING] = {"CompletingRebalance",
                          FSM_TO(GROUP_STABLE) | FSM_TO(GROUP_PREPARING) | FSM_TO(GROUP_EMPTY)},
    [GROUP_STABLE] = {"Stable", FSM_TO(GROUP_PREPARING) | FSM_TO(GROUP_EMPTY)},
    [GROUP_DEAD] = {"Dead", FSM_TO(GROUP_EMPTY)},
};

static const struct fsm group_fsm = FSM("group", group_states);

const char *group_state_name(enum group_state state)
{
    return fsm_name(&group_fsm, state);
}

void group_move(struct group *group, enum group_state state)
{
    group->state = (enum group_state)fsm_move(&group_fsm, group->state, state);
    group->state_timestamp_ms = io_wall_clock(group->host->io);
    trace(TRACE_DEBUG, "group.moved", TRACE_BYTES("group", group->id),
          TRACE_STRING("state", group_state_name(state)),
          TRACE_INT("generation", group->generation));
}

void group_remember(struct group *group, enum group_cause cause, const struct group_member *member,
                    const char *detail)
{
    struct group_history_cause row = {
        .cause = cause,
        .at_ms = io_wall_clock(group->host->io),
        .detail = bytes_from_string(detail),
    };
    if (member != NULL) {
        row.member = member->id;
        row.client_id = member->client_id;
        row.client_host = member->client_host;
    }
    group_history_add(&group->history, &row);
}

void group_remember_end(struct group *group)
{
    group_history_end(&group->history, io_wall_clock(group->host->io),
                      group->consumer != NULL ? group->consumer->epoch : group->generation,
                      (int32_t)group_member_count(group));
}

void group_set_bytes(struct bytes *field, struct bytes value)
{
    struct bytes copy = bytes_copy(value);
    bytes_free(*field);
    *field = copy;
}

struct group *group_new(struct group_host *host, struct bytes id)
{
    struct group *group = memory_new(struct group);
    group->host = host;
    group->id = bytes_copy(id);
    group->protocol_type = bytes_copy(BYTES_LITERAL(""));
    group->state_timestamp_ms = -1;
    group->initial_remaining_ms = -1;
    map_init(&group->members);
    map_init(&group->instances);
    map_init(&group->promises);
    map_init(&group->unsynced);
    map_init(&group->records);
    group_history_init(&group->history, host->options.history_size);
    offset_table_init(&group->offsets);
    return group;
}

static void group_free_record(void *value)
{
    bytes_free(*(struct bytes *)value);
    free(value);
}

static void group_forget_generation(struct group *group)
{
    for (map_each (&group->unsynced, entry)) {
        map_remove(&group->unsynced, entry->key);
    }
    group_set_bytes(&group->protocol, (struct bytes){0});
    group_set_bytes(&group->leader, (struct bytes){0});
    group->is_assigning = false;
    group->initial_remaining_ms = -1;
    group->has_new_member = false;
}

/* Members and all that comes with them; offsets and what is committed stay. */
static void group_clear(struct group *group, int error)
{
    for (map_each (&group->members, entry)) {
        group_member_remove(group, (struct group_member *)entry->value, error);
    }
    for (map_each (&group->promises, entry)) {
        group_promise_remove(group, ((struct group_promise *)entry->value)->id);
    }
    io_timer_stop(group->host->io, &group->join_timer);
    io_timer_stop(group->host->io, &group->sync_timer);
    consumer_free(group->consumer);
    group->consumer = NULL;
}

void group_free(struct group *group, int error)
{
    group_clear(group, error);
    map_fini(&group->members, NULL);
    map_fini(&group->instances, NULL);
    map_fini(&group->promises, NULL);
    map_fini(&group->unsynced, NULL);
    map_fini(&group->records, group_free_record);
    group_history_fini(&group->history);
    offset_table_fini(&group->offsets);
    bytes_free(group->id);
    bytes_free(group->protocol_type);
    bytes_free(group->protocol);
    bytes_free(group->leader);
    bytes_free(group->logged);
    free(group);
}

bool group_is_bare(const struct group *group)
{
    return (group->state == GROUP_EMPTY || group->state == GROUP_DEAD) &&
           group->promises.size == 0 && group->offsets.entries.size == 0 &&
           group->underway_count == 0 && bytes_is_null(group->logged) && group->records.size == 0 &&
           group_member_count(group) == 0;
}

bool group_is_empty(const struct group *group)
{
    return group->state == GROUP_EMPTY && group_member_count(group) == 0;
}

size_t group_member_count(const struct group *group)
{
    return group->consumer != NULL ? group->consumer->members.size : group->members.size;
}

/* What is committed -------------------------------------------------------------------------- */

void group_apply_record(struct group *group, struct bytes key, struct bytes value)
{
    struct bytes *former = (struct bytes *)map_find(&group->records, key);
    if (bytes_is_null(value)) {
        former = (struct bytes *)map_remove(&group->records, key);
        if (former != NULL) {
            group_free_record(former);
        }
    } else if (former != NULL) {
        group_set_bytes(former, value);
    } else {
        struct bytes *kept = memory_new(struct bytes);
        *kept = bytes_copy(value);
        map_put(&group->records, key, kept);
    }
}

static void group_load_classic(struct group *group)
{
    struct arena arena;
    struct group_metadata_value value;
    arena_init(&arena, 0);
    int error = group_log_read_metadata(group->logged, &arena, &value);
    check(error == 0); /* it was read when it was applied */
    group_restore(group, &value);
    arena_fini(&arena);
}

void group_load(struct group *group)
{
    if (group->records.size > 0) {
        group->consumer = consumer_new(group);
        consumer_log_restore(group->consumer);
    } else if (!bytes_is_null(group->logged)) {
        group_load_classic(group);
    }
}

void group_reload(struct group *group)
{
    enum group_state state = group->state == GROUP_DEAD ? GROUP_DEAD : GROUP_EMPTY;
    trace(TRACE_WARN, "group.reloaded", TRACE_BYTES("group", group->id));
    group_remember(group, GROUP_CAUSE_LOG, NULL,
                   "__consumer_offsets refused a record of the group");
    check(group->underway_count == 0);
    group->is_doubtful = false;
    group_clear(group, ERROR_COORDINATOR_NOT_AVAILABLE);
    group_forget_generation(group);
    group->state = state;
    group_load(group);
    if (group->consumer != NULL && state == GROUP_DEAD && group_member_count(group) == 0) {
        consumer_set_dead(group->consumer, true);
    } else if (group->consumer != NULL) {
        consumer_bump(group->consumer); /* targets may have been meant for others */
        consumer_update_state(group->consumer);
    }
}

void group_die(struct group *group)
{
    group_move(group, GROUP_DEAD);
    for (map_each (&group->promises, entry)) {
        group_promise_remove(group, ((struct group_promise *)entry->value)->id);
    }
    if (group->consumer != NULL) {
        consumer_set_dead(group->consumer, true);
    }
}

void group_revive(struct group *group)
{
    group_move(group, GROUP_EMPTY);
    if (group->consumer != NULL && group->consumer->state == CONSUMER_DEAD) {
        consumer_set_dead(group->consumer, false);
    }
}

void group_become_consumer(struct group *group)
{
    check(group_is_empty(group));
    group->consumer = consumer_new(group);
    for (map_each (&group->promises, entry)) {
        group_promise_remove(group, ((struct group_promise *)entry->value)->id);
    }
    if (!bytes_is_null(group->logged) || group->underway_count > 0) {
        group_log_write_group(&group->consumer->builder, io_wall_clock(group->host->io), group->id,
                              NULL);
    }
    group->generation = 0;
    group_set_bytes(&group->protocol_type, BYTES_LITERAL(""));
}

void group_become_classic(struct group *group)
{
    struct batch_builder builder;
    check(group_is_empty(group));
    batch_builder_init(&builder, COMPRESS_NONE);
    group_write_deletion(group, &builder);
    consumer_free(group->consumer);
    group->consumer = NULL;
    group->host->write(group->host, group->id, &builder, NULL);
    batch_builder_fini(&builder);
}

void group_leave_classic(struct group *group, struct batch_builder *builder)
{
    group_clear(group, ERROR_REBALANCE_IN_PROGRESS);
    group_forget_generation(group);
    group_remember(group, GROUP_CAUSE_CONVERTED, NULL,
                   "a member joined with group.protocol=consumer: a consumer group now");
    group_move(group, GROUP_EMPTY);
    group->generation = 0;
    group_set_bytes(&group->protocol_type, BYTES_LITERAL(""));
    group_log_write_group(builder, io_wall_clock(group->host->io), group->id, NULL);
}

void group_enter_classic(struct group *group, struct batch_builder *builder)
{
    group_set_bytes(&group->protocol, group_select_protocol(group));
    group_move(group, GROUP_STABLE);
    for (map_each (&group->members, entry)) {
        group_member_touch((struct group_member *)entry->value);
    }
    group_add_metadata(group, builder);
    group->host->write(group->host, group->id, builder, NULL);
    group_remember(group, GROUP_CAUSE_CONVERTED, NULL,
                   "the last member with group.protocol=consumer is gone: a classic group now");
    group_rebalance(group);
}

const char *group_kind(const struct group *group)
{
    return group->consumer != NULL ? "consumer" : "classic";
}

const char *group_current_state_name(const struct group *group)
{
    return group->consumer != NULL && group->state != GROUP_DEAD
               ? consumer_state_name(group->consumer->state)
               : group_state_name(group->state);
}

void group_write_deletion(const struct group *group, struct batch_builder *builder)
{
    int64_t now_ms = io_wall_clock(group->host->io);
    if (group->consumer == NULL || !bytes_is_null(group->logged)) {
        group_log_write_group(builder, now_ms, group->id, NULL);
    }
    for (map_each (&group->records, entry)) {
        batch_builder_add(builder, now_ms, entry->key, (struct bytes){0}, NULL, 0);
    }
    if (group->consumer != NULL) {
        consumer_log_write_deletion(group->consumer, builder);
    }
}

/* Requests ----------------------------------------------------------------------------------- */

int group_heartbeat(struct group *group, const struct heartbeat_request *in)
{
    if (group->state == GROUP_DEAD) {
        return ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    if (group->consumer != NULL) {
        return consumer_classic_heartbeat(group, in);
    }
    int error = group_member_validate(group, in->member_id, in->group_instance_id);
    if (error != 0) {
        return error;
    }
    struct group_member *member = group_member_find(group, in->member_id);
    if (!group_member_knows(member, in->generation_id)) {
        return ERROR_ILLEGAL_GENERATION;
    }
    group_member_touch(member);
    return group->state == GROUP_PREPARING ? ERROR_REBALANCE_IN_PROGRESS : 0;
}

static int group_leave_static(struct group *group, struct bytes id, struct bytes instance_id)
{
    struct group_member *member = (struct group_member *)map_find(&group->instances, instance_id);
    if (member == NULL) {
        return ERROR_UNKNOWN_MEMBER_ID;
    }
    if (id.size > 0 && !bytes_equal(id, member->id)) {
        return ERROR_FENCED_INSTANCE_ID;
    }
    group_rebalance_without(group, member, ERROR_UNKNOWN_MEMBER_ID, GROUP_CAUSE_LEFT, "left");
    return 0;
}

int group_leave(struct group *group, struct bytes id, struct bytes instance_id)
{
    if (group->state == GROUP_DEAD) {
        return ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    if (group->consumer != NULL) {
        return consumer_classic_leave(group, id, instance_id);
    }
    if (!bytes_is_null(instance_id)) {
        return group_leave_static(group, id, instance_id);
    }
    if (group_promise_remove(group, id)) {
        group_rebalance_progress(group);
        return 0;
    }
    struct group_member *member = group_member_find(group, id);
    if (member == NULL) {
        return ERROR_UNKNOWN_MEMBER_ID;
    }
    group_rebalance_without(group, member, ERROR_UNKNOWN_MEMBER_ID, GROUP_CAUSE_LEFT, "left");
    return 0;
}

enum { GROUP_CONSUMER_COMMIT_VERSION = 9 }; /* of OffsetCommit, the first with member epochs */

int group_validate_commit(struct group *group, int16_t version,
                          const struct offset_commit_request *in, bool is_transactional)
{
    bool is_member = in->member_id.size > 0 || !bytes_is_null(in->group_instance_id);
    int32_t generation = in->generation_id_or_member_epoch;
    if (group->state == GROUP_DEAD) {
        return ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    if (generation < 0 && !is_member && is_transactional) {
        return 0; /* a producer that knows nothing of the group (KIP-447: older than that) */
    }
    if (group->consumer != NULL) {
        /* A transaction's commit knows members of consumer groups, but not their error. */
        int error = consumer_validate_commit(
            group->consumer, is_transactional ? GROUP_CONSUMER_COMMIT_VERSION : version, in);
        return is_transactional && error == ERROR_STALE_MEMBER_EPOCH ? ERROR_ILLEGAL_GENERATION
                                                                     : error;
    }
    if (generation < 0 && group->state == GROUP_EMPTY) {
        return 0; /* an admin, or a consumer that assigns its partitions itself */
    }
    int error = group_member_validate(group, in->member_id, in->group_instance_id);
    if (error != 0) {
        return error;
    }
    struct group_member *member = group_member_find(group, in->member_id);
    if (!group_member_knows(member, generation)) {
        return ERROR_ILLEGAL_GENERATION;
    }
    group_member_touch(member);
    /* The member does not know yet what it may commit for (KIP-429). */
    bool is_early = group->state == GROUP_COMPLETING && !is_transactional;
    return is_early ? ERROR_REBALANCE_IN_PROGRESS : 0;
}

/* Reads the topics out of a subscription: 1 found, 0 not found, negative when it is unreadable. */
static int group_subscription_has(struct bytes metadata, struct bytes topic)
{
    struct arena arena;
    struct consumer_protocol_subscription subscription;
    if (metadata.size < 2) {
        return ERROR_TRUNCATED;
    }
    int16_t version = endian_read_i16(metadata.data);
    int16_t highest = consumer_protocol_subscription_schema.highest;
    struct wire_reader reader = {metadata.data + 2, metadata.data + metadata.size};
    arena_init(&arena, metadata.size * 64 + 4096);
    int result = wire_read(&reader, &consumer_protocol_subscription_schema,
                           version > highest ? highest : version, &arena, &subscription);
    for (int32_t i = 0; result == 0 && i < subscription.topics.count; i++) {
        result = bytes_equal(subscription.topics.items[i], topic) ? 1 : 0;
    }
    arena_fini(&arena);
    return result;
}

bool group_is_subscribed(const struct group *group, struct bytes topic)
{
    if (group->consumer != NULL) {
        return consumer_is_subscribed(group->consumer, topic);
    }
    if (!bytes_equal_string(group->protocol_type, "consumer")) {
        return group->members.size > 0;
    }
    for (map_each (&group->members, entry)) {
        const struct group_member *member = (const struct group_member *)entry->value;
        const struct group_protocol *protocol =
            bytes_is_null(group->protocol) ? &member->protocols[0]
                                           : group_member_protocol(member, group->protocol);
        if (protocol == NULL || group_subscription_has(protocol->metadata, topic) != 0) {
            return true;
        }
    }
    return false;
}

static void group_describe_member(const struct group *group, const struct group_member *member,
                                  struct arena *arena, struct describe_groups_response_member *out)
{
    const struct group_protocol *protocol = NULL;
    if (group->state == GROUP_STABLE) {
        protocol = group_member_protocol(member, group->protocol);
    }
    *out = (struct describe_groups_response_member){
        .member_id = arena_copy(arena, member->id),
        .client_id = arena_copy(arena, member->client_id),
        .client_host = arena_copy(arena, member->client_host),
        .member_metadata =
            protocol == NULL ? BYTES_LITERAL("") : arena_copy(arena, protocol->metadata),
        .member_assignment = bytes_is_null(member->assignment)
                                 ? BYTES_LITERAL("")
                                 : arena_copy(arena, member->assignment),
    };
    if (!bytes_is_null(member->instance_id)) {
        out->group_instance_id = arena_copy(arena, member->instance_id);
    }
}

void group_describe(const struct group *group, struct arena *arena,
                    struct describe_groups_response_group *out)
{
    out->group_state = bytes_from_string(group_state_name(group->state));
    out->protocol_type = arena_copy(arena, group->protocol_type);
    if (group->state == GROUP_STABLE) {
        out->protocol_data = arena_copy(arena, group->protocol);
    }
    out->members.items =
        arena_array(arena, struct describe_groups_response_member, group->members.size + 1);
    for (map_each (&group->members, entry)) {
        group_describe_member(group, (const struct group_member *)entry->value, arena,
                              &out->members.items[out->members.count++]);
    }
}

static int group_compare_records(const void *left, const void *right)
{
    return bytes_compare((*(struct map_entry *const *)left)->key,
                         (*(struct map_entry *const *)right)->key);
}

static void group_print_records(const struct group *group, struct buffer *out)
{
    struct map_entry **sorted =
        (struct map_entry **)memory_zero(group->records.size + 1, sizeof *sorted);
    size_t count = 0;
    for (map_each (&group->records, entry)) {
        sorted[count++] = entry;
    }
    qsort(sorted, count, sizeof *sorted, group_compare_records);
    for (size_t i = 0; i < count; i++) {
        group_log_print(sorted[i]->key, *(const struct bytes *)sorted[i]->value, out);
    }
    free(sorted);
}

void group_print(const struct group *group, struct buffer *out)
{
    size_t start = out->size;
    buffer_printf(out, "%.*s\n", BYTES_FORMAT(group->id));
    size_t empty_size = out->size;
    if (!bytes_is_null(group->logged)) {
        struct arena arena;
        struct group_metadata_value value;
        arena_init(&arena, 0);
        check(group_log_read_metadata(group->logged, &arena, &value) == 0);
        buffer_add_string(out, "  ");
        wire_print(out, &group_metadata_value_schema, group_metadata_value_schema.highest, &value);
        buffer_add_string(out, "\n");
        arena_fini(&arena);
    }
    group_print_records(group, out);
    offset_table_print(&group->offsets, out);
    if (out->size == empty_size) {
        out->size = start; /* nothing of it must survive */
    }
}

static void group_check_member(const struct group *group, const struct group_member *member)
{
    check(member->group == group);
    check(member->protocol_count > 0);
    if (!bytes_is_null(member->instance_id)) {
        check(map_find(&group->instances, member->instance_id) == member); /* (2) */
    }
    check(map_find(&group->promises, member->id) == NULL); /* (4) */
    if (member->join != NULL) {
        check(group->state == GROUP_PREPARING || group->state == GROUP_STABLE); /* (3) */
        check(group->state == GROUP_PREPARING || !bytes_is_null(member->instance_id));
    }
    if (member->sync != NULL) {
        check(group->state == GROUP_COMPLETING); /* (3) */
    }
    check(member->former_epoch < 0 || group->state == GROUP_PREPARING); /* (7) */
}

void group_check(const struct group *group)
{
    size_t static_count = 0;
    group_history_check(&group->history);
    if (group->consumer != NULL && !group->is_doubtful) {
        check(group->members.size == 0);
        check(group->promises.size == 0);
        consumer_check(group->consumer);
    }
    for (map_each (&group->members, entry)) {
        const struct group_member *member = (const struct group_member *)entry->value;
        group_check_member(group, member);
        static_count += !bytes_is_null(member->instance_id);
    }
    check(group->instances.size == static_count); /* (2) */
    if (!bytes_is_null(group->leader)) {
        check(group_member_find(group, group->leader) != NULL); /* (1) */
    }
    if (group->state == GROUP_COMPLETING || group->state == GROUP_STABLE) {
        check(!bytes_is_null(group->leader)); /* (1) */
        check(!bytes_is_null(group->protocol));
    }
    if (group->state == GROUP_EMPTY || group->state == GROUP_DEAD) {
        check(group->members.size == 0); /* (5) */
    } else if (group->members.size > 0) {
        struct bytes protocol = group_select_protocol(group);
        check(!bytes_is_null(protocol)); /* (6) */
    }
    check((group->state == GROUP_PREPARING) == (group->join_timer.private_state != NULL));
    offset_table_check(&group->offsets);
}
