/* ConsumerGroupHeartbeat: joining, staying, leaving; and what else depends on a member's epoch; see
 * consumer.h.
 *
 *  1. The request is judged by itself, then the member and its epoch.
 *  2. What it says of itself becomes its description; a change bumps the group epoch.
 *  3. Targets are made if the group epoch is ahead.
 *  4. The member makes one step towards its target.
 *  5. What changed is written; the answer waits for it. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/consumer.h"
#include "log/meta/meta.h"

#include <stdlib.h>
#include <string.h>

enum { CONSUMER_HEARTBEAT_OWN_ID_VERSION = 1, CONSUMER_HEARTBEAT_COMMIT_VERSION = 9 };

void consumer_heartbeat_refuse(struct group_host *host,
                               struct coordinator_consumer_heartbeat *heartbeat, int error,
                               const char *message)
{
    heartbeat->out = (struct consumer_group_heartbeat_response){
        .error_code = error_code(error),
        .error_message = bytes_from_string(message == NULL ? error_text(error) : message),
    };
    host->answer(host, &heartbeat->request);
}

static void consumer_heartbeat_fail(struct coordinator_request *request, int error)
{
    struct coordinator_consumer_heartbeat *heartbeat =
        list_member(request, struct coordinator_consumer_heartbeat, request);
    heartbeat->out = (struct consumer_group_heartbeat_response){
        .error_code = error_code(error),
        .error_message = bytes_from_string(error_text(error)),
    };
}

/* 1. ----------------------------------------------------------------------------------------- */

static bool consumer_heartbeat_is_leave(const struct consumer_group_heartbeat_request *in)
{
    return in->member_epoch == CONSUMER_LEAVE_EPOCH || in->member_epoch == CONSUMER_AWAY_EPOCH;
}

static bool consumer_heartbeat_is_empty(struct bytes text)
{
    return !bytes_is_null(text) && text.size == 0;
}

static const char *
consumer_heartbeat_judge_join(const struct coordinator_consumer_heartbeat *heartbeat)
{
    const struct consumer_group_heartbeat_request *in = heartbeat->in;
    if (in->rebalance_timeout_ms == -1) {
        return "RebalanceTimeoutMs must be provided in first request.";
    }
    if (in->topics.count != 0) {
        return "TopicPartitions must be empty when (re-)joining.";
    }
    if (in->subscribed_topic_names.count < 0 && bytes_is_null(in->subscribed_topic_regex)) {
        return heartbeat->version >= CONSUMER_HEARTBEAT_OWN_ID_VERSION
                   ? "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
                     "(re-)joining."
                   : "SubscribedTopicNames must be set in first request.";
    }
    return NULL;
}

static const char *consumer_heartbeat_judge(const struct coordinator_consumer_heartbeat *heartbeat)
{
    const struct consumer_group_heartbeat_request *in = heartbeat->in;
    bool must_have_id = heartbeat->version >= CONSUMER_HEARTBEAT_OWN_ID_VERSION ||
                        in->member_epoch != CONSUMER_JOIN_EPOCH;
    if (must_have_id && in->member_id.size == 0) {
        return "MemberId can't be empty.";
    }
    if (in->group_id.size == 0) {
        return "GroupId can't be empty.";
    }
    if (consumer_heartbeat_is_empty(in->instance_id)) {
        return "InstanceId can't be empty.";
    }
    if (consumer_heartbeat_is_empty(in->rack_id)) {
        return "RackId can't be empty.";
    }
    if (in->member_epoch == CONSUMER_JOIN_EPOCH) {
        return consumer_heartbeat_judge_join(heartbeat);
    }
    if (in->member_epoch == CONSUMER_AWAY_EPOCH && bytes_is_null(in->instance_id)) {
        return "InstanceId can't be null.";
    }
    return in->member_epoch < CONSUMER_AWAY_EPOCH ? "MemberEpoch is invalid." : NULL;
}

/* Strings that go into keys of the log are as long as it allows. */
static bool consumer_heartbeat_fits_log(const struct consumer_group_heartbeat_request *in)
{
    return in->member_id.size <= INT16_MAX && in->subscribed_topic_regex.size <= INT16_MAX;
}

int consumer_heartbeat_validate(const struct group_host *host,
                                const struct coordinator_consumer_heartbeat *heartbeat,
                                const char **message)
{
    const struct consumer_group_heartbeat_request *in = heartbeat->in;
    struct arena *arena = heartbeat->request.arena;
    *message = consumer_heartbeat_judge(heartbeat);
    if (*message != NULL) {
        return ERROR_INVALID_REQUEST;
    }
    if (!consumer_heartbeat_fits_log(in)) {
        *message = "A member id or an expression is longer than 32767 bytes.";
        return ERROR_INVALID_REQUEST;
    }
    if (!bytes_is_null(in->server_assignor) &&
        consumer_target_find_dealer(host, in->server_assignor) == NULL) {
        *message =
            arena_printf(arena, "ServerAssignor %.*s is not supported. Supported assignors: %s.",
                         BYTES_FORMAT(in->server_assignor), host->options.consumer_assignors);
        return ERROR_UNSUPPORTED_ASSIGNOR;
    }
    if (in->subscribed_topic_regex.size > 0) {
        struct bytes sentence = {0};
        int error = consumer_target_validate_regex(in->subscribed_topic_regex, arena, &sentence);
        *message = arena_string(arena, sentence);
        return error;
    }
    return 0;
}

/* What a member says it owns; false when it does not say. */
static bool consumer_heartbeat_read_owned(const struct consumer_group_heartbeat_request *in,
                                          struct partition_set *out)
{
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct consumer_group_heartbeat_request_topic *topic = &in->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            partition_set_add(out, topic->topic_id, topic->partitions.items[j], 0);
        }
    }
    partition_set_sort(out);
    return in->topics.count >= 0;
}

/* A member whose last answer was lost comes with the epoch before; it may if it has nothing that it
 * should not have. */
static int consumer_heartbeat_judge_epoch(const struct consumer_member *member, int32_t epoch,
                                          const struct partition_set *owned, struct arena *arena,
                                          const char **message)
{
    if (epoch == CONSUMER_JOIN_EPOCH || epoch == member->epoch) {
        return 0;
    }
    if (epoch < member->epoch && epoch == member->previous_epoch && owned != NULL &&
        partition_set_contains(&member->assigned, owned)) {
        return 0;
    }
    *message =
        arena_printf(arena,
                     "The consumer group member has a %s member epoch (%d) than the one "
                     "known by the group coordinator (%d). The member must abandon all its "
                     "partitions and rejoin.",
                     epoch > member->epoch ? "greater" : "smaller", (int)epoch, (int)member->epoch);
    return ERROR_FENCED_MEMBER_EPOCH;
}

/* Members ---------------------------------------------------------------------------------------
 */

/* The member that the request speaks for, as the owner of its instance id if it has one. */
static int consumer_heartbeat_find(struct consumer *consumer,
                                   const struct consumer_group_heartbeat_request *in,
                                   struct arena *arena, struct consumer_member **out,
                                   const char **message)
{
    struct bytes id = in->member_id;
    if (bytes_is_null(in->instance_id)) {
        *out = consumer_member_find(consumer, id);
        if (*out == NULL) {
            *message = arena_printf(arena, "Member %.*s is not a member of group %.*s.",
                                    BYTES_FORMAT(id), BYTES_FORMAT(consumer->group->id));
            return ERROR_UNKNOWN_MEMBER_ID;
        }
        return 0;
    }
    *out = consumer_member_find_instance(consumer, in->instance_id);
    if (*out == NULL) {
        *message =
            arena_printf(arena, "Instance id %.*s is unknown.", BYTES_FORMAT(in->instance_id));
        return ERROR_UNKNOWN_MEMBER_ID;
    }
    if (!bytes_equal((*out)->id, id)) {
        *message =
            arena_printf(arena,
                         "Static member %.*s with instance id %.*s was fenced by "
                         "member %.*s.",
                         BYTES_FORMAT(id), BYTES_FORMAT(in->instance_id), BYTES_FORMAT((*out)->id));
        return ERROR_FENCED_INSTANCE_ID;
    }
    return 0;
}

static int consumer_heartbeat_judge_size(const struct consumer *consumer, struct bytes id,
                                         struct arena *arena, const char **message)
{
    int32_t limit = consumer->group->host->options.consumer_group_size_max;
    if ((int64_t)consumer->members.size < limit || consumer_member_find(consumer, id) != NULL) {
        return 0;
    }
    *message = arena_printf(
        arena, "The consumer group has reached its maximum capacity of %d members.", (int)limit);
    return ERROR_GROUP_MAX_SIZE_REACHED;
}

/* A joining member: known, new, or a static one that takes over from its former self. */
static int consumer_heartbeat_enter(struct consumer *consumer,
                                    const struct consumer_group_heartbeat_request *in,
                                    struct bytes id, struct arena *arena,
                                    struct consumer_member **out, const char **message)
{
    struct consumer_member *former = bytes_is_null(in->instance_id)
                                         ? NULL
                                         : consumer_member_find_instance(consumer, in->instance_id);
    if (former != NULL && !bytes_equal(former->id, id)) {
        if (former->epoch != CONSUMER_AWAY_EPOCH && !former->is_classic) {
            *message = arena_printf(
                arena,
                "Static member %.*s with instance id %.*s cannot join the group "
                "because the instance id is owned by %.*s member.",
                BYTES_FORMAT(id), BYTES_FORMAT(in->instance_id), BYTES_FORMAT(former->id));
            return ERROR_UNRELEASED_INSTANCE_ID;
        }
        *out = consumer_member_find(consumer, id);
        if (*out != NULL) {
            consumer_member_fence(*out, GROUP_CAUSE_REPLACED,
                                  "its id came back with another group.instance.id");
        }
        *out = consumer_member_replace(former, id);
        return 0;
    }
    *out = consumer_member_find(consumer, id);
    if (*out == NULL) {
        *out = consumer_member_add(consumer, id);
    }
    return 0;
}

/* 2. ----------------------------------------------------------------------------------------- */

static bool consumer_heartbeat_set(struct bytes *field, struct bytes value)
{
    if (bytes_is_null(value) || bytes_equal(*field, value)) {
        return false;
    }
    group_set_bytes(field, value);
    return true;
}

/* True when it reads other topics now. */
static bool consumer_heartbeat_update(struct consumer_member *member,
                                      const struct coordinator_consumer_heartbeat *heartbeat)
{
    const struct consumer_group_heartbeat_request *in = heartbeat->in;
    bool is_changed = consumer_heartbeat_set(&member->rack_id, in->rack_id);
    is_changed = consumer_heartbeat_set(&member->dealer, in->server_assignor) || is_changed;
    is_changed = consumer_heartbeat_set(&member->client_id, heartbeat->client_id) || is_changed;
    is_changed = consumer_heartbeat_set(&member->client_host, heartbeat->client_host) || is_changed;
    if (in->rebalance_timeout_ms != -1 &&
        in->rebalance_timeout_ms != member->rebalance_timeout_ms) {
        member->rebalance_timeout_ms = in->rebalance_timeout_ms;
        is_changed = true;
    }
    if (!bytes_is_null(in->instance_id)) {
        consumer_member_set_instance(member, in->instance_id);
    }
    consumer_member_set_protocols(member, NULL, 0, 0);
    if (is_changed) {
        consumer_member_mark(member);
    }
    bool has_changed = in->subscribed_topic_names.count >= 0 &&
                       consumer_member_set_topics(member, in->subscribed_topic_names.items,
                                                  in->subscribed_topic_names.count);
    if (!bytes_is_null(in->subscribed_topic_regex)) {
        has_changed = consumer_member_set_regex(member, in->subscribed_topic_regex) || has_changed;
    }
    return has_changed;
}

/* 5. ----------------------------------------------------------------------------------------- */

static void consumer_heartbeat_fill_assignment(const struct consumer_member *member,
                                               struct arena *arena,
                                               struct consumer_group_heartbeat_response *out)
{
    const struct partition_set *assigned = &member->assigned;
    out->assignment = arena_new(arena, struct consumer_group_heartbeat_response_assignment);
    out->assignment->topics.items =
        arena_array(arena, struct consumer_group_heartbeat_response_topic,
                    partition_set_topic_count(assigned) + 1);
    for (int32_t i = 0; i < assigned->count;) {
        int32_t end = partition_set_topic_end(assigned, i);
        struct consumer_group_heartbeat_response_topic *topic =
            &out->assignment->topics.items[out->assignment->topics.count++];
        topic->topic_id = assigned->items[i].topic;
        topic->partitions.items = arena_array(arena, int32_t, end - i);
        for (; i < end; i++) {
            topic->partitions.items[topic->partitions.count++] = assigned->items[i].index;
        }
    }
}

static int32_t consumer_heartbeat_interval_ms(const struct consumer *consumer)
{
    const struct group_host *host = consumer->group->host;
    if (host->events->group_options != NULL) {
        struct coordinator_group_options own =
            host->events->group_options(host->events_owner, consumer->group->id);
        if (own.heartbeat_interval_ms > 0) {
            return own.heartbeat_interval_ms;
        }
    }
    return host->options.consumer_heartbeat_interval_ms;
}

/* All that a member says when it joins or lost track: it is told everything. */
static bool consumer_heartbeat_is_full(const struct consumer_group_heartbeat_request *in)
{
    return in->member_epoch == CONSUMER_JOIN_EPOCH ||
           (in->rebalance_timeout_ms != -1 &&
            (in->subscribed_topic_names.count >= 0 || !bytes_is_null(in->subscribed_topic_regex)) &&
            in->topics.count >= 0);
}

static void consumer_heartbeat_answer(struct consumer *consumer,
                                      struct coordinator_consumer_heartbeat *heartbeat)
{
    struct consumer_answer *answer = arena_new(heartbeat->request.arena, struct consumer_answer);
    answer->request = &heartbeat->request;
    answer->fail = consumer_heartbeat_fail;
    consumer_flush(consumer, answer);
}

static int consumer_heartbeat_stay(struct consumer *consumer, struct consumer_member *member,
                                   struct coordinator_consumer_heartbeat *heartbeat,
                                   const struct partition_set *owned)
{
    const struct consumer_group_heartbeat_request *in = heartbeat->in;
    struct arena *arena = heartbeat->request.arena;
    struct partition_set before = {0};
    partition_set_copy(&before, &member->assigned);
    bool is_new = bytes_is_null(member->written[CONSUMER_TEXT_METADATA]);
    bool is_changed = consumer_heartbeat_update(member, heartbeat); /* 2. */
    if (is_changed) {
        consumer_member_remember(member, is_new ? GROUP_CAUSE_JOINED : GROUP_CAUSE_SUBSCRIBED,
                                 is_new ? NULL : "reads other topics");
    }
    consumer_target_refresh(consumer, is_changed, is_changed);
    consumer_target_update(consumer);                          /* 3. */
    int error = consumer_reconcile(member, is_changed, owned); /* 4. */
    check(error == 0);                                         /* it was asked before */
    consumer_member_touch(member);
    heartbeat->out = (struct consumer_group_heartbeat_response){
        .member_id = arena_copy(arena, member->id),
        .member_epoch = member->epoch,
        .heartbeat_interval_ms = consumer_heartbeat_interval_ms(consumer),
    };
    if (consumer_heartbeat_is_full(in) || !partition_set_equal(&before, &member->assigned)) {
        consumer_heartbeat_fill_assignment(member, arena, &heartbeat->out);
    }
    partition_set_fini(&before);
    return 0;
}

/* A static member that will be back keeps everything but its epoch. */
static void consumer_heartbeat_go_away(struct consumer_member *member)
{
    struct partition_set assigned = {0};
    struct partition_set none = {0};
    partition_set_copy(&assigned, &member->assigned);
    consumer_member_set_current(member, &assigned, &none);
    consumer_member_set_epoch(member, CONSUMER_AWAY_EPOCH, CONSUMER_MEMBER_STABLE);
    consumer_member_start_rebalance_timer(member);
}

static int consumer_heartbeat_leave(struct consumer *consumer,
                                    struct coordinator_consumer_heartbeat *heartbeat,
                                    const char **message)
{
    const struct consumer_group_heartbeat_request *in = heartbeat->in;
    struct consumer_member *member = NULL;
    int error = consumer_heartbeat_find(consumer, in, heartbeat->request.arena, &member, message);
    if (error != 0) {
        return error;
    }
    if (in->member_epoch == CONSUMER_AWAY_EPOCH) {
        consumer_heartbeat_go_away(member);
    } else {
        consumer_member_fence(member, GROUP_CAUSE_LEFT, "left");
    }
    heartbeat->out = (struct consumer_group_heartbeat_response){.member_id = in->member_id,
                                                                .member_epoch = in->member_epoch};
    return 0;
}

/* An id for a member that brings none (version 0), as Kafka makes them. */
static struct bytes consumer_heartbeat_make_id(const struct group_host *host, struct arena *arena)
{
    struct wire_uuid uuid;
    char text[META_UUID_TEXT_SIZE];
    io_random(host->io, uuid.octets, sizeof uuid.octets);
    meta_tame_uuid(&uuid);
    meta_print_uuid(uuid, text);
    return arena_copy(arena, bytes_from_string(text));
}

/* Joins or stays. */
static int consumer_heartbeat_take(struct consumer *consumer,
                                   struct coordinator_consumer_heartbeat *heartbeat,
                                   const struct partition_set *owned, const char **message)
{
    const struct consumer_group_heartbeat_request *in = heartbeat->in;
    struct arena *arena = heartbeat->request.arena;
    struct consumer_member *member = NULL;
    struct bytes id = in->member_id.size > 0
                          ? in->member_id
                          : consumer_heartbeat_make_id(consumer->group->host, arena);
    int error = consumer_heartbeat_judge_size(consumer, id, arena, message);
    if (error == 0) {
        error = in->member_epoch == CONSUMER_JOIN_EPOCH
                    ? consumer_heartbeat_enter(consumer, in, id, arena, &member, message)
                    : consumer_heartbeat_find(consumer, in, arena, &member, message);
    }
    if (error == 0) {
        error = consumer_heartbeat_judge_epoch(member, in->member_epoch, owned, arena, message);
    }
    if (error == 0 && member->state == CONSUMER_MEMBER_UNKNOWN &&
        (owned == NULL || owned->count > 0)) {
        *message = "The consumer group member is in a unknown state. The member must abandon all "
                   "its partitions and rejoin.";
        error = ERROR_FENCED_MEMBER_EPOCH;
    }
    return error != 0 ? error : consumer_heartbeat_stay(consumer, member, heartbeat, owned);
}

void consumer_heartbeat(struct group *group, struct coordinator_consumer_heartbeat *heartbeat)
{
    struct consumer *consumer = group->consumer;
    const char *message = NULL;
    int error = 0;
    if (consumer_heartbeat_is_leave(heartbeat->in)) {
        error = consumer_heartbeat_leave(consumer, heartbeat, &message);
    } else {
        struct partition_set owned = {0};
        bool has_owned = consumer_heartbeat_read_owned(heartbeat->in, &owned);
        error = consumer_heartbeat_take(consumer, heartbeat, has_owned ? &owned : NULL, &message);
        partition_set_fini(&owned);
    }
    if (error != 0) {
        consumer_heartbeat_refuse(group->host, heartbeat, error, message);
        consumer_flush(consumer, NULL); /* it may have been made for this member */
    } else {
        consumer_heartbeat_answer(consumer, heartbeat);
    }
    consumer_convert_down(consumer);
}

/* Offsets ------------------------------------------------------------------------------------ */

/* KIP-1251: an old epoch will do for partitions that the member has had since. */
static bool consumer_heartbeat_had(const struct consumer_member *member, struct bytes name,
                                   int32_t index, int32_t epoch)
{
    const struct group_host *host = member->consumer->group->host;
    struct coordinator_topic topic;
    if (host->events->find_topic == NULL ||
        !host->events->find_topic(host->events_owner, name, &topic)) {
        return true; /* refused for itself, later */
    }
    const struct partition_set_item *item = partition_set_find(&member->assigned, topic.id, index);
    if (item == NULL) {
        item = partition_set_find(&member->revoking, topic.id, index);
    }
    return item != NULL && epoch >= item->epoch;
}

int consumer_validate_commit(struct consumer *consumer, int16_t version,
                             const struct offset_commit_request *in)
{
    int32_t epoch = in->generation_id_or_member_epoch;
    if (epoch < 0 && consumer->members.size == 0) {
        return 0; /* an admin */
    }
    struct consumer_member *member = consumer_member_find(consumer, in->member_id);
    if (member == NULL) {
        return ERROR_UNKNOWN_MEMBER_ID;
    }
    if (!member->is_classic && version < CONSUMER_HEARTBEAT_COMMIT_VERSION) {
        return ERROR_UNSUPPORTED_VERSION;
    }
    bool is_fresh = epoch <= member->epoch;
    for (int32_t i = 0; is_fresh && epoch < member->epoch && i < in->topics.count; i++) {
        const struct offset_commit_request_topic *topic = &in->topics.items[i];
        for (int32_t j = 0; is_fresh && j < topic->partitions.count; j++) {
            is_fresh = consumer_heartbeat_had(member, topic->name, topic->partitions.items[j].index,
                                              epoch);
        }
    }
    if (!is_fresh) {
        return member->is_classic ? ERROR_ILLEGAL_GENERATION : ERROR_STALE_MEMBER_EPOCH;
    }
    if (member->is_classic) {
        consumer_member_touch(member);
    }
    return 0;
}

int consumer_validate_fetch(const struct consumer *consumer, struct bytes member_id, int32_t epoch)
{
    if (bytes_is_null(member_id) && epoch < 0) {
        return 0;
    }
    const struct consumer_member *member = consumer_member_find(consumer, member_id);
    if (member == NULL) {
        return ERROR_UNKNOWN_MEMBER_ID;
    }
    if (epoch == member->epoch) {
        return 0;
    }
    return member->is_classic ? ERROR_ILLEGAL_GENERATION : ERROR_STALE_MEMBER_EPOCH;
}
