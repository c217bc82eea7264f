/* A consumer group as a whole: its state, its way to the log, what others see; see consumer.h. */
#include "log/coordinator/consumer.h"

#include "log/base/error.h"
#include "log/base/fsm.h"
#include "log/base/memory.h"
#include "log/base/trace.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    CONSUMER_LIVE =
        FSM_TO(CONSUMER_ASSIGNING) | FSM_TO(CONSUMER_RECONCILING) | FSM_TO(CONSUMER_STABLE)
};

static const struct fsm_state consumer_states[] = {
    [CONSUMER_EMPTY] = {"Empty", CONSUMER_LIVE | FSM_TO(CONSUMER_DEAD)},
    [CONSUMER_ASSIGNING] = {"Assigning", CONSUMER_LIVE | FSM_TO(CONSUMER_EMPTY)},
    [CONSUMER_RECONCILING] = {"Reconciling", CONSUMER_LIVE | FSM_TO(CONSUMER_EMPTY)},
    [CONSUMER_STABLE] = {"Stable", CONSUMER_LIVE | FSM_TO(CONSUMER_EMPTY)},
    [CONSUMER_DEAD] = {"Dead", FSM_TO(CONSUMER_EMPTY)},
};

static const struct fsm consumer_fsm = FSM("consumer", consumer_states);

const char *consumer_state_name(enum consumer_state state)
{
    return fsm_name(&consumer_fsm, state);
}

static void consumer_move(struct consumer *consumer, enum consumer_state state)
{
    if (state == consumer->state) {
        return;
    }
    consumer->state = (enum consumer_state)fsm_move(&consumer_fsm, consumer->state, state);
    trace(TRACE_DEBUG, "consumer.moved", TRACE_BYTES("group", consumer->group->id),
          TRACE_STRING("state", consumer_state_name(state)), TRACE_INT("epoch", consumer->epoch));
}

void consumer_update_state(struct consumer *consumer)
{
    enum consumer_state state = CONSUMER_STABLE;
    if (consumer->state == CONSUMER_DEAD) {
        return;
    }
    if (consumer->members.size == 0) {
        state = CONSUMER_EMPTY;
    } else if (consumer->epoch > consumer->assignment_epoch) {
        state = CONSUMER_ASSIGNING;
    } else {
        for (map_each (&consumer->members, entry)) {
            const struct consumer_member *member = (const struct consumer_member *)entry->value;
            if (member->state != CONSUMER_MEMBER_STABLE ||
                member->epoch != consumer->assignment_epoch) {
                state = CONSUMER_RECONCILING;
            }
        }
    }
    consumer_move(consumer, state);
    if (state == CONSUMER_STABLE || state == CONSUMER_EMPTY) {
        group_remember_end(consumer->group);
    }
}

void consumer_set_dead(struct consumer *consumer, bool is_dead)
{
    consumer_move(consumer, is_dead ? CONSUMER_DEAD : CONSUMER_EMPTY);
}

struct consumer *consumer_new(struct group *group)
{
    struct consumer *consumer = memory_new(struct consumer);
    consumer->group = group;
    consumer->epoch = 1; /* a member at epoch 0 would be one that has not joined */
    consumer->assignment_epoch = 1;
    consumer->topics_version = -1;
    map_init(&consumer->members);
    map_init(&consumer->instances);
    map_init(&consumer->owners);
    map_init(&consumer->regexes);
    list_init(&consumer->dirty);
    batch_builder_init(&consumer->builder, COMPRESS_NONE);
    return consumer;
}

void consumer_free(struct consumer *consumer)
{
    if (consumer == NULL) {
        return;
    }
    for (map_each (&consumer->members, entry)) {
        consumer_member_remove((struct consumer_member *)entry->value);
    }
    check(consumer->regexes.size == 0); /* (6) */
    check(consumer->owners.size == 0);  /* (1) */
    check(list_is_empty(&consumer->dirty));
    map_fini(&consumer->members, NULL);
    map_fini(&consumer->instances, NULL);
    map_fini(&consumer->owners, NULL);
    map_fini(&consumer->regexes, NULL);
    batch_builder_fini(&consumer->builder);
    bytes_free(consumer->written_epoch);
    bytes_free(consumer->written_target);
    free(consumer);
}

/* Writing ------------------------------------------------------------------------------------ */

static void consumer_on_written(struct group_host *host, struct group_write *group_write, int error)
{
    struct consumer_write *write = (struct consumer_write *)(void *)group_write;
    struct group *group = host->find(host, write->write.group_id);
    if (group != NULL && group->consumer != NULL && group->consumer->last_write == write) {
        group->consumer->last_write = NULL;
    }
    struct list_link *link;
    while ((link = list_take(&write->answers)) != NULL) {
        struct consumer_answer *answer = list_member(link, struct consumer_answer, link);
        if (error != 0) {
            answer->fail(answer->request, error);
        }
        host->answer(host, answer->request);
    }
    bytes_free(write->write.group_id);
    free(write);
}

void consumer_answer_later(struct consumer *consumer, struct consumer_answer *answer)
{
    struct group_host *host = consumer->group->host;
    answer->link = (struct list_link){0};
    if (consumer->last_write != NULL) {
        list_add(&consumer->last_write->answers, &answer->link);
    } else {
        host->answer(host, answer->request);
    }
}

void consumer_flush(struct consumer *consumer, struct consumer_answer *answer)
{
    struct group_host *host = consumer->group->host;
    consumer_update_state(consumer);
    consumer_log_write(consumer, &consumer->builder);
    if (consumer->builder.record_count > 0) {
        struct consumer_write *write = memory_new(struct consumer_write);
        list_init(&write->answers);
        write->write.done = consumer_on_written;
        write->write.group_id = bytes_copy(consumer->group->id);
        consumer->last_write = write;
        host->write(host, consumer->group->id, &consumer->builder, &write->write);
    }
    if (answer != NULL) {
        consumer_answer_later(consumer, answer);
    }
}

void consumer_bump(struct consumer *consumer)
{
    check(consumer->epoch < INT32_MAX);
    consumer->epoch++;
    consumer->group->host->rebalance_count++;
    trace(TRACE_INFO, "consumer.epoch_bumped", TRACE_BYTES("group", consumer->group->id),
          TRACE_INT("epoch", consumer->epoch));
}

/* Looking ------------------------------------------------------------------------------------ */

bool consumer_is_subscribed(const struct consumer *consumer, struct bytes topic)
{
    for (map_each (&consumer->members, entry)) {
        if (consumer_member_wants((const struct consumer_member *)entry->value, topic)) {
            return true;
        }
    }
    return false;
}

/* One topic of a set, under the name it has now; false when it is gone. */
struct consumer_described {
    struct wire_uuid id;
    struct bytes name;
    int32_t *partitions;
    int32_t count;
};

static int32_t consumer_describe_set(const struct consumer *consumer,
                                     const struct partition_set *set, struct arena *arena,
                                     struct consumer_described **out)
{
    const struct group_host *host = consumer->group->host;
    int32_t count = 0;
    *out = arena_array(arena, struct consumer_described, partition_set_topic_count(set) + 1);
    for (int32_t i = 0; i < set->count;) {
        int32_t end = partition_set_topic_end(set, i);
        struct consumer_described *topic = &(*out)[count];
        struct coordinator_topic found;
        if (host->events->find_topic_id != NULL &&
            host->events->find_topic_id(host->events_owner, set->items[i].topic, &found)) {
            topic->id = found.id;
            topic->name = arena_copy(arena, found.name);
            topic->partitions = arena_array(arena, int32_t, end - i);
            for (int32_t j = i; j < end; j++) {
                topic->partitions[topic->count++] = set->items[j].index;
            }
            count++;
        }
        i = end;
    }
    return count;
}

static struct bytes consumer_copy_or_null(struct arena *arena, struct bytes view)
{
    return bytes_is_null(view) ? view : arena_copy(arena, view);
}

static void consumer_describe_names(const struct consumer_member *member, struct arena *arena,
                                    struct consumer_group_describe_response_member *out)
{
    struct bytes *names = arena_array(arena, struct bytes, member->topic_count + 1);
    for (int32_t i = 0; i < member->topic_count; i++) {
        names[i] = arena_copy(arena, member->topics[i]);
    }
    out->subscribed_topic_names.items = names;
    out->subscribed_topic_names.count = member->topic_count;
}

static void consumer_describe_member(const struct consumer_member *member, struct arena *arena,
                                     struct consumer_group_describe_response_member *out)
{
    struct consumer_described *topics = NULL;
    *out = (struct consumer_group_describe_response_member){
        .member_id = arena_copy(arena, member->id),
        .instance_id = consumer_copy_or_null(arena, member->instance_id),
        .rack_id = consumer_copy_or_null(arena, member->rack_id),
        .member_epoch = member->epoch,
        .client_id = arena_copy(arena, member->client_id),
        .client_host = arena_copy(arena, member->client_host),
        .subscribed_topic_regex =
            bytes_is_null(member->regex) ? BYTES_LITERAL("") : arena_copy(arena, member->regex),
        .member_type = member->is_classic ? 0 : 1,
    };
    consumer_describe_names(member, arena, out);
    int32_t count = consumer_describe_set(member->consumer, &member->assigned, arena, &topics);
    out->assignment.topic_partitions.items =
        arena_array(arena, struct consumer_group_describe_response_assignment_topic, count + 1);
    out->assignment.topic_partitions.count = count;
    for (int32_t i = 0; i < count; i++) {
        out->assignment.topic_partitions.items[i] =
            (struct consumer_group_describe_response_assignment_topic){
                .topic_id = topics[i].id,
                .name = topics[i].name,
                .partitions = {.items = topics[i].partitions, .count = topics[i].count}};
    }
    count = consumer_describe_set(member->consumer, &member->target, arena, &topics);
    out->target_assignment.topic_partitions.items =
        arena_array(arena, struct consumer_group_describe_response_target_topic, count + 1);
    out->target_assignment.topic_partitions.count = count;
    for (int32_t i = 0; i < count; i++) {
        out->target_assignment.topic_partitions.items[i] =
            (struct consumer_group_describe_response_target_topic){
                .topic_id = topics[i].id,
                .name = topics[i].name,
                .partitions = {.items = topics[i].partitions, .count = topics[i].count}};
    }
}

void consumer_describe(const struct consumer *consumer, struct arena *arena,
                       struct consumer_group_describe_response_group *out)
{
    out->group_state = bytes_from_string(consumer_state_name(consumer->state));
    out->group_epoch = consumer->epoch;
    out->assignment_epoch = consumer->assignment_epoch;
    out->assignor_name = bytes_from_string(consumer_target_dealer(consumer)->name);
    out->members.items = arena_array(arena, struct consumer_group_describe_response_member,
                                     consumer->members.size + 1);
    for (map_each (&consumer->members, entry)) {
        consumer_describe_member((const struct consumer_member *)entry->value, arena,
                                 &out->members.items[out->members.count++]);
    }
}

/* Checking ----------------------------------------------------------------------------------- */

static void consumer_check_owned(const struct consumer_member *member,
                                 const struct partition_set *set)
{
    partition_set_check(set);
    for (int32_t i = 0; i < set->count; i++) {
        struct bytes place = bytes_make(&set->items[i], offsetof(struct partition_set_item, epoch));
        check(map_find(&member->consumer->owners, place) == member); /* (1) */
    }
}

static void consumer_check_member(const struct consumer_member *member)
{
    const struct consumer *consumer = member->consumer;
    consumer_check_owned(member, &member->assigned);
    consumer_check_owned(member, &member->revoking);
    partition_set_check(&member->target);
    check(member->epoch <= consumer->assignment_epoch || member->epoch == 0); /* (3) */
    check((member->state == CONSUMER_MEMBER_UNREVOKED) == (member->revoking.count > 0) ||
          member->state == CONSUMER_MEMBER_UNKNOWN); /* (5) */
    if (member->epoch == consumer->assignment_epoch && member->epoch > 0 &&
        consumer->epoch == consumer->assignment_epoch) {
        check(partition_set_contains(&member->target, &member->assigned)); /* (2) */
    }
    if (!bytes_is_null(member->instance_id)) {
        check(map_find(&consumer->instances, member->instance_id) == member); /* (4) */
    }
    if (!bytes_is_null(member->regex)) {
        check(map_find(&consumer->regexes, member->regex) != NULL); /* (6) */
    }
    check(member->is_classic == (member->protocol_count > 0));
}

void consumer_check(const struct consumer *consumer)
{
    size_t static_count = 0;
    size_t owned_count = 0;
    int32_t regex_users = 0;
    int32_t regex_members = 0;
    check(consumer->assignment_epoch <= consumer->epoch); /* (3) */
    check((consumer->state == CONSUMER_EMPTY || consumer->state == CONSUMER_DEAD) ==
          (consumer->members.size == 0));
    for (map_each (&consumer->members, entry)) {
        const struct consumer_member *member = (const struct consumer_member *)entry->value;
        consumer_check_member(member);
        static_count += !bytes_is_null(member->instance_id);
        owned_count += (size_t)member->assigned.count + (size_t)member->revoking.count;
        regex_users += !bytes_is_null(member->regex);
    }
    for (map_each (&consumer->regexes, entry)) {
        const struct consumer_regex *regex = (const struct consumer_regex *)entry->value;
        check(regex->member_count > 0); /* (6) */
        regex_members += regex->member_count;
    }
    check(regex_users == regex_members);
    check(consumer->instances.size == static_count); /* (4) */
    check(consumer->owners.size == owned_count);     /* (1) */
    check(consumer->group->state == GROUP_EMPTY || consumer->group->state == GROUP_DEAD);
    consumer_log_check(consumer); /* (7) */
}
