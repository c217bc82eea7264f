/* A group with members changes from one protocol to the other (group.consumer.migration.policy).
 *
 *  up    A member joins a classic group with the consumer protocol. Its classic members become
 *        members of a consumer group at their generation, with what they were assigned as target
 *        and as what they have; whoever waits is told to join again.
 *  down  The last member that speaks the consumer protocol is gone. The others become a classic
 *        group with the group epoch as its generation, and rebalance. Until that is over each is
 *        known by the epoch it had: it owns what it had, so it may commit.
 *
 * Either way the records of the old kind go and those of the new come in one batch. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/consumer.h"

#include <stdlib.h>

/* Up ------------------------------------------------------------------------------------------ */

/* What the leader gave a classic member. Whoever has anything in user data has an assignor of its
 * own, whose memory would be lost. */
static int consumer_convert_read_assignment(const struct group_host *host, struct bytes assignment,
                                            struct arena *arena, struct partition_set *out)
{
    struct consumer_protocol_assignment read;
    if (assignment.size == 0) {
        return 0;
    }
    if (assignment.size < sizeof(int16_t) || endian_read_i16(assignment.data) < 0) {
        return ERROR_MALFORMED;
    }
    int16_t version = endian_read_i16(assignment.data);
    int16_t highest = consumer_protocol_assignment_schema.highest;
    struct wire_reader reader = {assignment.data + sizeof version,
                                 assignment.data + assignment.size};
    int error = wire_read(&reader, &consumer_protocol_assignment_schema,
                          version > highest ? highest : version, arena, &read);
    if (error != 0 || read.user_data.size > 0) {
        return error != 0 ? error : ERROR_UNSUPPORTED;
    }
    for (int32_t i = 0; i < read.assigned_partitions.count; i++) {
        const struct consumer_protocol_assignment_topic *topic = &read.assigned_partitions.items[i];
        consumer_classic_add_named(host, topic->name, topic->partitions.items,
                                   topic->partitions.count, out);
    }
    partition_set_sort(out);
    return 0;
}

static const struct group_protocol *consumer_convert_protocol(const struct group *group,
                                                              const struct group_member *member)
{
    const struct group_protocol *protocol =
        bytes_is_null(group->protocol) ? NULL : group_member_protocol(member, group->protocol);
    return protocol == NULL ? &member->protocols[0] : protocol;
}

/* Two members may not have the same; a leader of the classic protocol may say so. */
static void consumer_convert_own(struct consumer_member *member, struct partition_set *wanted,
                                 int32_t epoch)
{
    struct partition_set assigned = {0};
    struct partition_set none = {0};
    for (int32_t i = 0; i < wanted->count; i++) {
        const struct partition_set_item *item = &wanted->items[i];
        if (map_find(&member->consumer->owners,
                     bytes_make(item, offsetof(struct partition_set_item, epoch))) == NULL) {
            partition_set_add(&assigned, item->topic, item->index, epoch);
        }
    }
    partition_set_copy(&member->target, &assigned);
    for (int32_t i = 0; i < member->target.count; i++) {
        member->target.items[i].epoch = 0;
    }
    consumer_member_set_current(member, &assigned, &none);
}

static int consumer_convert_member(struct consumer *consumer, const struct group *group,
                                   const struct group_member *from, struct arena *arena)
{
    struct consumer_protocol_subscription subscription;
    struct partition_set assigned = {0};
    int error = consumer_classic_read_subscription(consumer_convert_protocol(group, from)->metadata,
                                                   arena, &subscription);
    if (error == 0) {
        error = consumer_convert_read_assignment(group->host, from->assignment, arena, &assigned);
    }
    if (error != 0) {
        partition_set_fini(&assigned);
        return error;
    }
    struct consumer_member *member = consumer_member_add(consumer, from->id);
    consumer_member_set_instance(member, from->instance_id);
    group_set_bytes(&member->rack_id, subscription.rack_id);
    group_set_bytes(&member->client_id, from->client_id);
    group_set_bytes(&member->client_host, from->client_host);
    member->rebalance_timeout_ms = from->rebalance_timeout_ms;
    consumer_member_set_topics(member, subscription.topics.items, subscription.topics.count);
    consumer_member_set_protocols(member, from->protocols, from->protocol_count,
                                  from->session_timeout_ms);
    consumer_convert_own(member, &assigned, group->generation);
    member->previous_epoch = group->generation;
    consumer_member_set_epoch(member, group->generation, CONSUMER_MEMBER_STABLE);
    partition_set_fini(&assigned);
    return 0;
}

static const char *consumer_convert_refuse(const struct group *group)
{
    const struct coordinator_options *options = &group->host->options;
    if (!options->can_upgrade) {
        return "online upgrade is disabled";
    }
    if (!bytes_equal_string(group->protocol_type, "consumer")) {
        return "the group does not use the consumer embedded protocol";
    }
    if ((int64_t)group->members.size > options->consumer_group_size_max) {
        return "the group size exceeds the consumer group maximum size";
    }
    return NULL;
}

static int consumer_convert_fail(const struct group *group, struct arena *arena, const char *reason,
                                 const char **message)
{
    *message =
        arena_printf(arena, "Cannot upgrade classic group %.*s to consumer group because %s.",
                     BYTES_FORMAT(group->id), reason);
    return ERROR_GROUP_ID_NOT_FOUND;
}

int consumer_convert_up(struct group *group, struct arena *arena, const char **message)
{
    const char *reason = consumer_convert_refuse(group);
    if (reason != NULL) {
        return consumer_convert_fail(group, arena, reason, message);
    }
    struct consumer *consumer = consumer_new(group);
    consumer->epoch = group->generation;
    consumer->assignment_epoch = group->generation;
    int error = 0;
    for (map_each (&group->members, entry)) {
        if (error == 0) {
            error = consumer_convert_member(consumer, group,
                                            (const struct group_member *)entry->value, arena);
        }
    }
    if (error != 0) {
        consumer_free(consumer);
        return consumer_convert_fail(
            group, arena,
            error == ERROR_UNSUPPORTED
                ? "an unsupported custom assignor is in use. Please refer to the documentation or "
                  "switch to a default assignor before re-attempting the upgrade"
                : "the embedded consumer protocol is malformed",
            message);
    }
    trace(TRACE_INFO, "group.upgraded", TRACE_BYTES("group", group->id),
          TRACE_INT("generation", group->generation));
    group_leave_classic(group, &consumer->builder);
    group->consumer = consumer;
    consumer_target_adopt(consumer);
    for (map_each (&consumer->members, entry)) {
        consumer_member_touch((struct consumer_member *)entry->value);
    }
    return 0;
}

/* Down ---------------------------------------------------------------------------------------- */

bool consumer_convert_is_down_due(const struct consumer *consumer)
{
    const struct coordinator_options *options = &consumer->group->host->options;
    if (!options->can_downgrade || consumer->members.size == 0 ||
        (int64_t)consumer->members.size > options->group_size_max) {
        return false;
    }
    for (map_each (&consumer->members, entry)) {
        if (!((const struct consumer_member *)entry->value)->is_classic) {
            return false;
        }
    }
    return true;
}

static void consumer_convert_down_member(struct group *group, const struct consumer_member *from,
                                         struct arena *arena)
{
    struct join_group_request in = {
        .session_timeout_ms = from->session_timeout_ms,
        .rebalance_timeout_ms = from->rebalance_timeout_ms,
        .group_instance_id = from->instance_id,
        .protocol_type = BYTES_LITERAL("consumer"),
    };
    struct join_group_request_protocol *protocols =
        arena_array(arena, struct join_group_request_protocol, from->protocol_count);
    for (int32_t i = 0; i < from->protocol_count; i++) {
        protocols[i].name = from->protocols[i].name;
        protocols[i].metadata = from->protocols[i].metadata;
    }
    in.protocols.items = protocols;
    in.protocols.count = from->protocol_count;
    struct coordinator_join join = {
        .in = &in, .client_id = from->client_id, .client_host = from->client_host};
    struct group_member *member = group_member_add(group, from->id, &join);
    group_set_bytes(&member->assignment,
                    consumer_classic_write_assignment(from, &from->assigned, arena));
    member->is_new = false;
    member->former_epoch = from->epoch;
}

void consumer_convert_down(struct consumer *consumer)
{
    struct group *group = consumer->group;
    struct batch_builder builder;
    struct arena arena;
    if (!consumer_convert_is_down_due(consumer)) {
        return;
    }
    trace(TRACE_INFO, "group.downgraded", TRACE_BYTES("group", group->id),
          TRACE_INT("generation", consumer->epoch));
    arena_init(&arena, 0);
    batch_builder_init(&builder, COMPRESS_NONE);
    group_write_deletion(group, &builder);
    for (map_each (&consumer->members, entry)) {
        consumer_convert_down_member(group, (const struct consumer_member *)entry->value, &arena);
    }
    group->generation = consumer->epoch;
    consumer_free(consumer);
    group->consumer = NULL;
    group_enter_classic(group, &builder);
    batch_builder_fini(&builder);
    arena_fini(&arena);
}
