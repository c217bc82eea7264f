/* One member of a consumer group: what it says of itself, what it owns, when it dies; see
 * consumer.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/consumer.h"

#include <stdlib.h>

static int consumer_member_compare_names(const void *left, const void *right)
{
    return bytes_compare(*(const struct bytes *)left, *(const struct bytes *)right);
}

static void consumer_member_free_names(struct bytes *names, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        bytes_free(names[i]);
    }
    free(names);
}

struct consumer_member *consumer_member_find(const struct consumer *consumer, struct bytes id)
{
    return (struct consumer_member *)map_find(&consumer->members, id);
}

struct consumer_member *consumer_member_find_instance(const struct consumer *consumer,
                                                      struct bytes instance_id)
{
    return (struct consumer_member *)map_find(&consumer->instances, instance_id);
}

void consumer_member_mark(struct consumer_member *member)
{
    if (!list_has(&member->dirty)) {
        list_add(&member->consumer->dirty, &member->dirty);
    }
}

/* Owners ------------------------------------------------------------------------------------- */

static struct bytes consumer_member_place(const struct partition_set_item *item)
{
    return bytes_make(item, offsetof(struct partition_set_item, epoch));
}

static void consumer_member_release(struct consumer_member *member, const struct partition_set *set)
{
    for (int32_t i = 0; i < set->count; i++) {
        check(map_remove(&member->consumer->owners, consumer_member_place(&set->items[i])) ==
              member);
    }
}

static void consumer_member_own(struct consumer_member *member, const struct partition_set *set)
{
    for (int32_t i = 0; i < set->count; i++) {
        check(map_put(&member->consumer->owners, consumer_member_place(&set->items[i]), member) ==
              NULL); /* (1) */
    }
}

void consumer_member_set_current(struct consumer_member *member, struct partition_set *assigned,
                                 struct partition_set *revoking)
{
    consumer_member_release(member, &member->assigned);
    consumer_member_release(member, &member->revoking);
    partition_set_move(&member->assigned, assigned);
    partition_set_move(&member->revoking, revoking);
    consumer_member_own(member, &member->assigned);
    consumer_member_own(member, &member->revoking);
    consumer_member_mark(member);
}

void consumer_member_set_epoch(struct consumer_member *member, int32_t epoch,
                               enum consumer_member_state state)
{
    member->epoch = epoch;
    member->state = state;
    consumer_member_mark(member);
}

/* Expressions -------------------------------------------------------------------------------- */

static void consumer_member_drop_regex(struct consumer_member *member)
{
    struct consumer *consumer = member->consumer;
    if (bytes_is_null(member->regex)) {
        return;
    }
    struct consumer_regex *regex =
        (struct consumer_regex *)map_find(&consumer->regexes, member->regex);
    if (--regex->member_count == 0) {
        map_remove(&consumer->regexes, member->regex);
        consumer_log_write_regex_removal(consumer, regex);
        consumer_member_free_names(regex->topics, regex->topic_count);
        bytes_free(regex->text);
        bytes_free(regex->written);
        free(regex);
    }
    bytes_free(member->regex);
    member->regex = (struct bytes){0};
}

bool consumer_member_set_regex(struct consumer_member *member, struct bytes text)
{
    struct consumer *consumer = member->consumer;
    if (text.size == 0) {
        text = (struct bytes){0};
    }
    if (bytes_equal(member->regex, text)) {
        return false;
    }
    consumer_member_drop_regex(member);
    if (!bytes_is_null(text)) {
        struct consumer_regex *regex = (struct consumer_regex *)map_find(&consumer->regexes, text);
        if (regex == NULL) {
            regex = memory_new(struct consumer_regex);
            regex->text = bytes_copy(text);
            regex->is_dirty = true;
            map_put(&consumer->regexes, text, regex);
        }
        regex->member_count++;
        member->regex = bytes_copy(text);
    }
    consumer_member_mark(member);
    return true;
}

/* Fields ------------------------------------------------------------------------------------- */

bool consumer_member_set_topics(struct consumer_member *member, const struct bytes *names,
                                int32_t count)
{
    struct bytes *sorted = (struct bytes *)memory_zero((size_t)count + 1, sizeof *sorted);
    int32_t kept = 0;
    bool is_same = true;
    for (int32_t i = 0; i < count; i++) {
        sorted[i] = names[i];
    }
    qsort(sorted, (size_t)count, sizeof *sorted, consumer_member_compare_names);
    for (int32_t i = 0; i < count; i++) {
        if (kept == 0 || !bytes_equal(sorted[kept - 1], sorted[i])) {
            sorted[kept++] = sorted[i];
        }
    }
    is_same = kept == member->topic_count;
    for (int32_t i = 0; i < kept; i++) {
        is_same = is_same && bytes_equal(sorted[i], member->topics[i]);
    }
    if (is_same) {
        free(sorted);
        return false;
    }
    for (int32_t i = 0; i < kept; i++) {
        sorted[i] = bytes_copy(sorted[i]);
    }
    consumer_member_free_names(member->topics, member->topic_count);
    member->topics = sorted;
    member->topic_count = kept;
    consumer_member_mark(member);
    return true;
}

void consumer_member_set_instance(struct consumer_member *member, struct bytes instance_id)
{
    if (bytes_equal(member->instance_id, instance_id)) {
        return;
    }
    if (!bytes_is_null(member->instance_id)) {
        map_remove(&member->consumer->instances, member->instance_id);
    }
    group_set_bytes(&member->instance_id, instance_id);
    if (!bytes_is_null(instance_id)) {
        check(map_put(&member->consumer->instances, instance_id, member) == NULL); /* (4) */
    }
    consumer_member_mark(member);
}

static void consumer_member_free_protocols(struct consumer_member *member)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        bytes_free(member->protocols[i].name);
        bytes_free(member->protocols[i].metadata);
    }
    free(member->protocols);
    member->protocols = NULL;
    member->protocol_count = 0;
}

void consumer_member_set_protocols(struct consumer_member *member,
                                   const struct group_protocol *protocols, int32_t count,
                                   int32_t session_timeout_ms)
{
    if (count == 0 && !member->is_classic) {
        return;
    }
    consumer_member_free_protocols(member);
    member->is_classic = count > 0;
    member->session_timeout_ms = session_timeout_ms;
    member->protocols =
        (struct group_protocol *)memory_zero((size_t)count + 1, sizeof *member->protocols);
    for (; member->protocol_count < count; member->protocol_count++) {
        member->protocols[member->protocol_count] = (struct group_protocol){
            .name = bytes_copy(protocols[member->protocol_count].name),
            .metadata = bytes_copy(protocols[member->protocol_count].metadata),
        };
    }
    if (!member->is_classic) {
        /* Nobody waits for its JoinGroup and SyncGroup any more. */
        io_timer_stop(member->consumer->group->host->io, &member->join_timer);
        io_timer_stop(member->consumer->group->host->io, &member->sync_timer);
    }
    consumer_member_start_rebalance_timer(member);
    consumer_member_mark(member);
}

static bool consumer_member_has_name(const struct bytes *names, int32_t count, struct bytes name)
{
    return count > 0 && bsearch(&name, names, (size_t)count, sizeof *names,
                                consumer_member_compare_names) != NULL;
}

bool consumer_member_wants(const struct consumer_member *member, struct bytes topic)
{
    const struct consumer_regex *regex = NULL;
    if (consumer_member_has_name(member->topics, member->topic_count, topic)) {
        return true;
    }
    if (!bytes_is_null(member->regex)) {
        regex = (const struct consumer_regex *)map_find(&member->consumer->regexes, member->regex);
    }
    return regex != NULL && consumer_member_has_name(regex->topics, regex->topic_count, topic);
}

/* Life --------------------------------------------------------------------------------------- */

void consumer_member_start_timer(struct consumer_member *member, struct io_timer *timer,
                                 void (*fired)(struct io_timer *timer), int64_t timeout_ms)
{
    timer->fired = fired;
    timer->owner = member;
    io_timer_start(member->consumer->group->host->io, timer,
                   timeout_ms <= 0 ? 0 : (uint64_t)timeout_ms * 1000000);
}

static void consumer_member_stop_timers(struct consumer_member *member)
{
    struct io *io = member->consumer->group->host->io;
    io_timer_stop(io, &member->session);
    io_timer_stop(io, &member->rebalance_timer);
    io_timer_stop(io, &member->join_timer);
    io_timer_stop(io, &member->sync_timer);
}

struct consumer_member *consumer_member_add(struct consumer *consumer, struct bytes id)
{
    struct consumer_member *member = memory_new(struct consumer_member);
    member->consumer = consumer;
    member->id = bytes_copy(id);
    member->client_id = bytes_copy(BYTES_LITERAL(""));
    member->client_host = bytes_copy(BYTES_LITERAL(""));
    member->rebalance_timeout_ms = -1;
    check(map_put(&consumer->members, id, member) == NULL);
    consumer_member_mark(member);
    return member;
}

static void consumer_member_free(struct consumer_member *member)
{
    consumer_member_free_names(member->topics, member->topic_count);
    consumer_member_free_protocols(member);
    partition_set_fini(&member->assigned);
    partition_set_fini(&member->revoking);
    partition_set_fini(&member->target);
    for (int i = 0; i < CONSUMER_TEXT_COUNT; i++) {
        bytes_free(member->written[i]);
    }
    bytes_free(member->id);
    bytes_free(member->instance_id);
    bytes_free(member->rack_id);
    bytes_free(member->client_id);
    bytes_free(member->client_host);
    bytes_free(member->dealer);
    free(member);
}

void consumer_member_remove(struct consumer_member *member)
{
    struct consumer *consumer = member->consumer;
    consumer_log_write_removal(consumer, member);
    consumer_member_stop_timers(member);
    consumer_member_release(member, &member->assigned);
    consumer_member_release(member, &member->revoking);
    consumer_member_drop_regex(member);
    if (!bytes_is_null(member->instance_id)) {
        map_remove(&consumer->instances, member->instance_id);
    }
    list_remove(&member->dirty);
    check(map_remove(&consumer->members, member->id) == member);
    consumer_member_free(member);
}

struct consumer_member *consumer_member_replace(struct consumer_member *member, struct bytes id)
{
    struct consumer *consumer = member->consumer;
    struct partition_set assigned = {0};
    struct partition_set none = {0};
    struct bytes instance_id = bytes_copy(member->instance_id);
    struct consumer_member *heir = consumer_member_add(consumer, id);
    heir->rack_id = bytes_copy(member->rack_id);
    heir->dealer = bytes_copy(member->dealer);
    heir->rebalance_timeout_ms = member->rebalance_timeout_ms;
    consumer_member_set_topics(heir, member->topics, member->topic_count);
    consumer_member_set_regex(heir, member->regex);
    consumer_member_set_protocols(heir, member->protocols, member->protocol_count,
                                  member->session_timeout_ms);
    partition_set_copy(&heir->target, &member->target);
    partition_set_copy(&assigned, &member->assigned);
    consumer_member_remove(member);
    consumer_member_set_instance(heir, instance_id);
    consumer_member_set_current(heir, &assigned, &none);
    bytes_free(instance_id);
    return heir;
}

void consumer_member_remember(const struct consumer_member *member, enum group_cause cause,
                              const char *detail)
{
    struct group *group = member->consumer->group;
    struct group_history_cause row = {
        .cause = cause,
        .at_ms = io_wall_clock(group->host->io),
        .member = member->id,
        .client_id = member->client_id,
        .client_host = member->client_host,
        .detail = bytes_from_string(detail),
    };
    group_history_add(&group->history, &row);
}

void consumer_member_fence(struct consumer_member *member, enum group_cause cause,
                           const char *reason)
{
    struct consumer *consumer = member->consumer;
    consumer_member_remember(member, cause, reason);
    trace(TRACE_INFO, "consumer.member_removed", TRACE_BYTES("group", consumer->group->id),
          TRACE_BYTES("member", member->id), TRACE_STRING("reason", reason));
    consumer_member_remove(member);
    if (!consumer_convert_is_down_due(consumer)) {
        consumer_target_refresh(consumer, true, true);
    } /* else its members go on in the generation that they know */
}

static void consumer_member_on_session_end(struct io_timer *timer)
{
    struct consumer_member *member = (struct consumer_member *)timer->owner;
    struct consumer *consumer = member->consumer;
    consumer_member_fence(member, GROUP_CAUSE_SILENT, "no heartbeat within its session timeout");
    consumer_flush(consumer, NULL);
    consumer_convert_down(consumer);
}

void consumer_member_touch(struct consumer_member *member)
{
    const struct group_host *host = member->consumer->group->host;
    int64_t timeout_ms = host->options.consumer_session_timeout_ms;
    if (member->is_classic) {
        timeout_ms = member->session_timeout_ms;
    } else if (host->events->group_options != NULL) {
        struct coordinator_group_options own =
            host->events->group_options(host->events_owner, member->consumer->group->id);
        timeout_ms = own.session_timeout_ms > 0 ? own.session_timeout_ms : timeout_ms;
    }
    consumer_member_start_timer(member, &member->session, consumer_member_on_session_end,
                                timeout_ms);
}

static void consumer_member_on_rebalance_end(struct io_timer *timer)
{
    struct consumer_member *member = (struct consumer_member *)timer->owner;
    struct consumer *consumer = member->consumer;
    check(member->state == CONSUMER_MEMBER_UNREVOKED);
    consumer_member_fence(member, GROUP_CAUSE_SLOW,
                          "did not give up partitions within max.poll.interval.ms");
    consumer_flush(consumer, NULL);
    consumer_convert_down(consumer);
}

void consumer_member_start_rebalance_timer(struct consumer_member *member)
{
    struct io *io = member->consumer->group->host->io;
    if (member->state == CONSUMER_MEMBER_UNREVOKED && !member->is_classic) {
        consumer_member_start_timer(member, &member->rebalance_timer,
                                    consumer_member_on_rebalance_end, member->rebalance_timeout_ms);
    } else {
        io_timer_stop(io, &member->rebalance_timer);
    }
}
