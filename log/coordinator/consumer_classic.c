/* Members of a consumer group that speak the classic protocol, while the group changes over; see
 * consumer.h.
 *
 * JoinGroup is a heartbeat that says everything: its subscription, and what it owns. The generation
 * it is told is its member epoch, and SyncGroup brings what it is assigned. Since the coordinator
 * cannot tell such a member anything unasked, Heartbeat answers REBALANCE_IN_PROGRESS when there is
 * a reason to join again: targets of a newer epoch, something to give up, something that others
 * have released. Whoever does not join, or does not ask for its share, within the rebalance timeout
 * is gone. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/consumer.h"

#include <stdlib.h>

enum { CONSUMER_CLASSIC_ID_VERSION = 4 };

int consumer_classic_read_subscription(struct bytes metadata, struct arena *arena,
                                       struct consumer_protocol_subscription *out)
{
    if (metadata.size < sizeof(int16_t) || endian_read_i16(metadata.data) < 0) {
        return ERROR_MALFORMED;
    }
    int16_t version = endian_read_i16(metadata.data);
    int16_t highest = consumer_protocol_subscription_schema.highest;
    struct wire_reader reader = {metadata.data + sizeof version, metadata.data + metadata.size};
    return wire_read(&reader, &consumer_protocol_subscription_schema,
                     version > highest ? highest : version, arena, out);
}

void consumer_classic_add_named(const struct group_host *host, struct bytes topic,
                                const int32_t *partitions, int32_t count, struct partition_set *out)
{
    struct coordinator_topic found;
    if (host->events->find_topic == NULL ||
        !host->events->find_topic(host->events_owner, topic, &found)) {
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        partition_set_add(out, found.id, partitions[i], 0);
    }
}

/* What it says it owns, by the ids that the topics have now. */
static void consumer_classic_read_owned(const struct group_host *host,
                                        const struct consumer_protocol_subscription *subscription,
                                        struct partition_set *out)
{
    for (int32_t i = 0; i < subscription->owned_partitions.count; i++) {
        const struct consumer_protocol_subscription_topic *topic =
            &subscription->owned_partitions.items[i];
        consumer_classic_add_named(host, topic->name, topic->partitions.items,
                                   topic->partitions.count, out);
    }
    partition_set_sort(out);
}

/* Joining ------------------------------------------------------------------------------------- */

static void consumer_classic_fail_join(struct coordinator_request *request, int error)
{
    struct coordinator_join *join = list_member(request, struct coordinator_join, request);
    struct bytes member_id = join->out.member_id;
    join->out = (struct join_group_response){
        .error_code = error_code(error),
        .generation_id = -1,
        .leader = BYTES_LITERAL(""),
        .member_id = member_id,
    };
}

/* Whether all members of its kind would share a protocol with it. */
static bool consumer_classic_supports(const struct consumer *consumer,
                                      const struct join_group_request *in)
{
    if (!bytes_equal_string(in->protocol_type, "consumer")) {
        return false;
    }
    for (int32_t i = 0; i < in->protocols.count; i++) {
        bool is_known = true;
        for (map_each (&consumer->members, entry)) {
            const struct consumer_member *member = (const struct consumer_member *)entry->value;
            bool has_name = !member->is_classic;
            for (int32_t j = 0; j < member->protocol_count; j++) {
                has_name =
                    has_name || bytes_equal(member->protocols[j].name, in->protocols.items[i].name);
            }
            is_known = is_known && has_name;
        }
        if (is_known) {
            return true;
        }
    }
    return false;
}

static int consumer_classic_judge(const struct consumer *consumer,
                                  const struct join_group_request *in)
{
    const struct coordinator_options *options = &consumer->group->host->options;
    if (!options->can_upgrade && !options->can_downgrade) {
        return ERROR_INCONSISTENT_GROUP_PROTOCOL;
    }
    if ((int64_t)consumer->members.size >= options->consumer_group_size_max &&
        consumer_member_find(consumer, in->member_id) == NULL) {
        return ERROR_GROUP_MAX_SIZE_REACHED;
    }
    return consumer_classic_supports(consumer, in) ? 0 : ERROR_INCONSISTENT_GROUP_PROTOCOL;
}

/* Known, new, or a static one that takes over from its former self, of whatever kind. */
static int consumer_classic_enter(struct consumer *consumer, const struct join_group_request *in,
                                  struct bytes id, struct consumer_member **out)
{
    struct consumer_member *known = consumer_member_find(consumer, id);
    struct consumer_member *former =
        bytes_is_null(in->group_instance_id)
            ? NULL
            : consumer_member_find_instance(consumer, in->group_instance_id);
    *out = known;
    if (former != NULL && former != known) {
        if (in->member_id.size > 0) {
            return ERROR_FENCED_INSTANCE_ID;
        }
        *out = consumer_member_replace(former, id);
    } else if (known == NULL && in->member_id.size > 0 && !bytes_is_null(in->group_instance_id)) {
        return ERROR_UNKNOWN_MEMBER_ID;
    } else if (known == NULL) {
        *out = consumer_member_add(consumer, id);
    }
    return 0;
}

static void consumer_classic_set_protocols(struct consumer_member *member,
                                           const struct join_group_request *in, struct arena *arena)
{
    struct group_protocol *protocols =
        arena_array(arena, struct group_protocol, in->protocols.count + 1);
    for (int32_t i = 0; i < in->protocols.count; i++) {
        protocols[i].name = in->protocols.items[i].name;
        protocols[i].metadata = in->protocols.items[i].metadata;
    }
    consumer_member_set_protocols(member, protocols, in->protocols.count, in->session_timeout_ms);
}

static void consumer_classic_on_no_sync(struct io_timer *timer)
{
    struct consumer_member *member = (struct consumer_member *)timer->owner;
    struct consumer *consumer = member->consumer;
    consumer_member_fence(member, GROUP_CAUSE_SLOW,
                          "never asked for its assignment (SyncGroup) within max.poll.interval.ms");
    consumer_flush(consumer, NULL);
    consumer_convert_down(consumer);
}

static void consumer_classic_on_no_join(struct io_timer *timer)
{
    struct consumer_member *member = (struct consumer_member *)timer->owner;
    struct consumer *consumer = member->consumer;
    consumer_member_fence(member, GROUP_CAUSE_SLOW,
                          "did not join again (JoinGroup) within max.poll.interval.ms");
    consumer_flush(consumer, NULL);
    consumer_convert_down(consumer);
}

/* It was told to join again. */
static void consumer_classic_expect_join(struct consumer_member *member)
{
    if (member->join_timer.private_state == NULL) {
        consumer_member_start_timer(member, &member->join_timer, consumer_classic_on_no_join,
                                    member->rebalance_timeout_ms);
    }
}

/* What the request says of the member; true when it reads other topics now. */
static bool consumer_classic_update(struct consumer_member *member,
                                    const struct coordinator_join *join,
                                    const struct consumer_protocol_subscription *subscription)
{
    const struct join_group_request *in = join->in;
    bool is_changed =
        consumer_member_set_topics(member, subscription->topics.items, subscription->topics.count);
    is_changed = consumer_member_set_regex(member, (struct bytes){0}) || is_changed;
    if (!bytes_is_null(in->group_instance_id)) {
        consumer_member_set_instance(member, in->group_instance_id);
    }
    if (!bytes_is_null(subscription->rack_id)) {
        group_set_bytes(&member->rack_id, subscription->rack_id);
    }
    group_set_bytes(&member->dealer, (struct bytes){0});
    group_set_bytes(&member->client_id, join->client_id);
    group_set_bytes(&member->client_host, join->client_host);
    member->rebalance_timeout_ms =
        in->rebalance_timeout_ms < 0 ? in->session_timeout_ms : in->rebalance_timeout_ms;
    consumer_classic_set_protocols(member, in, join->request.arena);
    consumer_member_mark(member);
    return is_changed;
}

static void consumer_classic_answer_join(struct consumer_member *member,
                                         struct coordinator_join *join)
{
    struct arena *arena = join->request.arena;
    struct io *io = member->consumer->group->host->io;
    join->out = (struct join_group_response){
        .generation_id = member->epoch,
        .protocol_type = BYTES_LITERAL("consumer"),
        .protocol_name = arena_copy(arena, member->protocols[0].name),
        .leader = BYTES_LITERAL(""), /* nobody leads: the coordinator assigns */
        .member_id = arena_copy(arena, member->id),
    };
    io_timer_stop(io, &member->join_timer);
    consumer_member_touch(member);
    consumer_member_start_timer(member, &member->sync_timer, consumer_classic_on_no_sync,
                                member->rebalance_timeout_ms);
    struct consumer_answer *answer = arena_new(arena, struct consumer_answer);
    answer->request = &join->request;
    answer->fail = consumer_classic_fail_join;
    consumer_flush(member->consumer, answer);
}

void consumer_classic_join(struct group *group, struct coordinator_join *join)
{
    const struct join_group_request *in = join->in;
    struct consumer *consumer = group->consumer;
    struct consumer_protocol_subscription subscription;
    struct consumer_member *member = NULL;
    bool is_unknown = in->member_id.size == 0;
    int error = consumer_classic_judge(consumer, in);
    if (error == 0 && is_unknown) {
        join->out.member_id = group_make_member_id(group, join);
        if (join->version >= CONSUMER_CLASSIC_ID_VERSION && bytes_is_null(in->group_instance_id)) {
            error = ERROR_MEMBER_ID_REQUIRED;
        }
    }
    if (error == 0 && consumer_classic_read_subscription(in->protocols.items[0].metadata,
                                                         join->request.arena, &subscription) != 0) {
        error = ERROR_INCONSISTENT_GROUP_PROTOCOL;
    }
    if (error == 0) {
        error = consumer_classic_enter(consumer, in,
                                       is_unknown ? join->out.member_id : in->member_id, &member);
    }
    if (error != 0) {
        group_join_refuse(group->host, join, error);
        return;
    }
    struct partition_set owned = {0};
    consumer_classic_read_owned(group->host, &subscription, &owned);
    bool is_new = member->protocol_count == 0;
    bool is_changed = consumer_classic_update(member, join, &subscription);
    if (is_changed) {
        consumer_member_remember(member, is_new ? GROUP_CAUSE_JOINED : GROUP_CAUSE_SUBSCRIBED,
                                 "with group.protocol=classic");
    }
    consumer_target_refresh(consumer, is_changed, is_changed);
    consumer_target_update(consumer);
    error = consumer_reconcile(member, is_changed, &owned);
    if (error != 0) {
        consumer_member_set_epoch(member, member->epoch, CONSUMER_MEMBER_STABLE);
    }
    partition_set_fini(&owned);
    consumer_classic_answer_join(member, join);
    consumer_convert_down(consumer);
}

/* Sync, heartbeat, leave ---------------------------------------------------------------------- */

/* The member of a request, if it speaks the classic protocol in this generation. */
static int consumer_classic_find(struct consumer *consumer, struct bytes id,
                                 struct bytes instance_id, int32_t generation,
                                 struct consumer_member **out)
{
    struct consumer_member *member = consumer_member_find(consumer, id);
    if (!bytes_is_null(instance_id)) {
        struct consumer_member *owner = consumer_member_find_instance(consumer, instance_id);
        if (owner != NULL && owner != member) {
            return ERROR_FENCED_INSTANCE_ID;
        }
        member = owner;
    }
    if (member == NULL || !member->is_classic) {
        return ERROR_UNKNOWN_MEMBER_ID;
    }
    *out = member;
    return member->epoch == generation ? 0 : ERROR_ILLEGAL_GENERATION;
}

static void consumer_classic_fail_sync(struct coordinator_request *request, int error)
{
    struct coordinator_sync *sync = list_member(request, struct coordinator_sync, request);
    sync->out = (struct sync_group_response){
        .error_code = error_code(error),
        .assignment = BYTES_LITERAL(""),
    };
}

struct bytes consumer_classic_write_assignment(const struct consumer_member *member,
                                               const struct partition_set *set, struct arena *arena)
{
    const struct group_host *host = member->consumer->group->host;
    struct consumer_protocol_assignment assignment = {0};
    struct buffer out;
    int16_t version = consumer_protocol_assignment_schema.highest;
    if (member->protocol_count > 0 && member->protocols[0].metadata.size >= sizeof version) {
        int16_t asked = endian_read_i16(member->protocols[0].metadata.data);
        version = asked >= 0 && asked < version ? asked : version;
    }
    assignment.assigned_partitions.items = arena_array(
        arena, struct consumer_protocol_assignment_topic, partition_set_topic_count(set) + 1);
    for (int32_t i = 0; i < set->count;) {
        int32_t end = partition_set_topic_end(set, i);
        struct coordinator_topic found;
        if (host->events->find_topic_id != NULL &&
            host->events->find_topic_id(host->events_owner, set->items[i].topic, &found)) {
            struct consumer_protocol_assignment_topic *topic =
                &assignment.assigned_partitions.items[assignment.assigned_partitions.count++];
            topic->name = found.name;
            topic->partitions.items = arena_array(arena, int32_t, end - i);
            for (int32_t j = i; j < end; j++) {
                topic->partitions.items[topic->partitions.count++] = set->items[j].index;
            }
        }
        i = end;
    }
    buffer_init(&out);
    state_record_write(&out, &consumer_protocol_assignment_schema, version, &assignment);
    struct bytes copy = arena_copy(arena, buffer_bytes(&out));
    buffer_fini(&out);
    return copy;
}

static int consumer_classic_judge_sync(struct consumer_member *member,
                                       const struct sync_group_request *in)
{
    if ((!bytes_is_null(in->protocol_type) && !bytes_equal_string(in->protocol_type, "consumer")) ||
        (!bytes_is_null(in->protocol_name) &&
         !bytes_equal(in->protocol_name, member->protocols[0].name))) {
        return ERROR_INCONSISTENT_GROUP_PROTOCOL;
    }
    if (member->consumer->assignment_epoch > member->epoch &&
        member->state != CONSUMER_MEMBER_UNREVOKED) {
        consumer_classic_expect_join(member);
        return ERROR_REBALANCE_IN_PROGRESS;
    }
    return 0;
}

void consumer_classic_sync(struct group *group, struct coordinator_sync *sync)
{
    const struct sync_group_request *in = sync->in;
    struct arena *arena = sync->request.arena;
    struct consumer_member *member = NULL;
    int error = consumer_classic_find(group->consumer, in->member_id, in->group_instance_id,
                                      in->generation_id, &member);
    if (error == 0) {
        error = consumer_classic_judge_sync(member, in);
    }
    if (error != 0) {
        group_sync_refuse(group->host, sync, error);
        return;
    }
    io_timer_stop(group->host->io, &member->sync_timer);
    consumer_member_touch(member);
    sync->out = (struct sync_group_response){
        .protocol_type = BYTES_LITERAL("consumer"),
        .protocol_name = arena_copy(arena, member->protocols[0].name),
        .assignment = consumer_classic_write_assignment(member, &member->assigned, arena),
    };
    struct consumer_answer *answer = arena_new(arena, struct consumer_answer);
    answer->request = &sync->request;
    answer->fail = consumer_classic_fail_sync;
    consumer_answer_later(group->consumer, answer);
}

int consumer_classic_heartbeat(struct group *group, const struct heartbeat_request *in)
{
    struct consumer *consumer = group->consumer;
    struct consumer_member *member = NULL;
    consumer_convert_down(consumer); /* a crash may have come in between */
    if (group->consumer == NULL) {
        return group_heartbeat(group, in);
    }
    int error = consumer_classic_find(consumer, in->member_id, in->group_instance_id,
                                      in->generation_id, &member);
    if (error != 0) {
        return error;
    }
    consumer_member_touch(member);
    consumer_target_refresh(consumer, false, false);
    consumer_target_update(consumer);
    consumer_flush(consumer, NULL);
    if (member->epoch < consumer->assignment_epoch || member->state == CONSUMER_MEMBER_UNREVOKED ||
        consumer_reconcile_is_due(member)) {
        consumer_classic_expect_join(member);
        return ERROR_REBALANCE_IN_PROGRESS;
    }
    return 0;
}

int consumer_classic_leave(struct group *group, struct bytes id, struct bytes instance_id)
{
    struct consumer *consumer = group->consumer;
    struct consumer_member *member = bytes_is_null(instance_id)
                                         ? consumer_member_find(consumer, id)
                                         : consumer_member_find_instance(consumer, instance_id);
    if (member == NULL) {
        return ERROR_UNKNOWN_MEMBER_ID;
    }
    if (!bytes_is_null(instance_id) && id.size > 0 && !bytes_equal(id, member->id)) {
        return ERROR_FENCED_INSTANCE_ID;
    }
    consumer_member_fence(member, GROUP_CAUSE_LEFT, "left");
    consumer_flush(consumer, NULL);
    consumer_convert_down(consumer);
    return 0;
}
