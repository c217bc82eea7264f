/* One step of one member from what it has to what it shall have; see the drawing in consumer.h.
 *
 *  1. What it has and shall not have is to be given up; as long as the member says (or does not
 *     deny) that it has any of it, nothing is added and its epoch stays.
 *  2. Otherwise it gets what it shall have and nobody owns, and the targets' epoch.
 *  3. What others still own it waits for.
 *
 * Topics that it does not subscribe to any more are given up even before new targets are made. */
#include "log/base/error.h"
#include "log/coordinator/consumer.h"

/* The three parts of the next step. */
struct consumer_step {
    struct partition_set kept;
    struct partition_set revoked;
    struct partition_set added;
    bool is_waiting; /* for others to release something */
};

static void consumer_step_fini(struct consumer_step *step)
{
    partition_set_fini(&step->kept);
    partition_set_fini(&step->revoked);
    partition_set_fini(&step->added);
}

static bool consumer_reconcile_wants(const struct consumer_member *member, struct wire_uuid id)
{
    const struct group_host *host = member->consumer->group->host;
    struct coordinator_topic topic;
    return host->events->find_topic_id != NULL &&
           host->events->find_topic_id(host->events_owner, id, &topic) &&
           consumer_member_wants(member, topic.name);
}

/* Who owns it, or NULL. */
static const struct consumer_member *consumer_reconcile_owner(const struct consumer *consumer,
                                                              const struct partition_set_item *item)
{
    return (const struct consumer_member *)map_find(
        &consumer->owners, bytes_make(item, offsetof(struct partition_set_item, epoch)));
}

/* Of the target what the member subscribes to. */
static void consumer_reconcile_targets(const struct consumer_member *member,
                                       struct partition_set *out)
{
    const struct partition_set *target = &member->target;
    for (int32_t i = 0; i < target->count;) {
        int32_t end = partition_set_topic_end(target, i);
        if (consumer_reconcile_wants(member, target->items[i].topic)) {
            for (int32_t j = i; j < end; j++) {
                partition_set_add(out, target->items[j].topic, target->items[j].index, 0);
            }
        }
        i = end;
    }
}

static void consumer_reconcile_plan(const struct consumer_member *member,
                                    struct consumer_step *step)
{
    const struct consumer *consumer = member->consumer;
    struct partition_set target = {0};
    consumer_reconcile_targets(member, &target);
    for (int32_t i = 0; i < member->assigned.count; i++) {
        const struct partition_set_item *item = &member->assigned.items[i];
        bool is_kept = partition_set_find(&target, item->topic, item->index) != NULL;
        partition_set_add(is_kept ? &step->kept : &step->revoked, item->topic, item->index,
                          item->epoch);
    }
    for (int32_t i = 0; i < target.count; i++) {
        const struct partition_set_item *item = &target.items[i];
        if (partition_set_find(&member->assigned, item->topic, item->index) != NULL) {
            continue;
        }
        const struct consumer_member *owner = consumer_reconcile_owner(consumer, item);
        if (owner == NULL || owner == member) {
            partition_set_add(&step->added, item->topic, item->index, consumer->assignment_epoch);
        } else {
            step->is_waiting = true;
        }
    }
    partition_set_fini(&target);
}

/* Whether it must be taken to have something of the set. */
static bool consumer_reconcile_holds(const struct partition_set *owned,
                                     const struct partition_set *set)
{
    if (owned == NULL) {
        return true;
    }
    for (int32_t i = 0; i < owned->count; i++) {
        if (partition_set_find(set, owned->items[i].topic, owned->items[i].index) != NULL) {
            return true;
        }
    }
    return false;
}

/* 1. */
static void consumer_reconcile_revoke(struct consumer_member *member, struct partition_set *kept,
                                      struct partition_set *revoked)
{
    consumer_member_set_current(member, kept, revoked);
    member->previous_epoch = member->epoch;
    consumer_member_set_epoch(member, member->epoch, CONSUMER_MEMBER_UNREVOKED);
    consumer_member_start_rebalance_timer(member);
}

/* 2. and 3. */
static void consumer_reconcile_advance(struct consumer_member *member, struct consumer_step *step)
{
    struct partition_set none = {0};
    for (int32_t i = 0; i < step->added.count; i++) {
        const struct partition_set_item *item = &step->added.items[i];
        partition_set_add(&step->kept, item->topic, item->index, item->epoch);
    }
    partition_set_sort(&step->kept);
    consumer_member_set_current(member, &step->kept, &none);
    member->previous_epoch = member->epoch;
    consumer_member_set_epoch(member, member->consumer->assignment_epoch,
                              step->is_waiting ? CONSUMER_MEMBER_UNRELEASED
                                               : CONSUMER_MEMBER_STABLE);
    consumer_member_start_rebalance_timer(member);
}

static void consumer_reconcile_next(struct consumer_member *member,
                                    const struct partition_set *owned)
{
    struct consumer_step step = {0};
    consumer_reconcile_plan(member, &step);
    if (step.revoked.count > 0 && consumer_reconcile_holds(owned, &step.revoked)) {
        consumer_reconcile_revoke(member, &step.kept, &step.revoked);
    } else if (step.added.count > 0 || step.revoked.count > 0 || member->revoking.count > 0 ||
               member->epoch != member->consumer->assignment_epoch ||
               member->state !=
                   (step.is_waiting ? CONSUMER_MEMBER_UNRELEASED : CONSUMER_MEMBER_STABLE)) {
        consumer_reconcile_advance(member, &step);
    }
    consumer_step_fini(&step);
}

/* The subscription changed and the targets did not (yet): topics it left are given up now. */
static void consumer_reconcile_leave_topics(struct consumer_member *member,
                                            const struct partition_set *owned)
{
    struct partition_set kept = {0};
    struct partition_set revoked = {0};
    partition_set_copy(&revoked, &member->revoking);
    for (int32_t i = 0; i < member->assigned.count; i++) {
        const struct partition_set_item *item = &member->assigned.items[i];
        partition_set_add(consumer_reconcile_wants(member, item->topic) ? &kept : &revoked,
                          item->topic, item->index, item->epoch);
    }
    partition_set_sort(&revoked);
    if (kept.count == member->assigned.count) {
        partition_set_fini(&kept);
        partition_set_fini(&revoked);
        return;
    }
    if (consumer_reconcile_holds(owned, &revoked)) {
        consumer_reconcile_revoke(member, &kept, &revoked);
    } else {
        struct partition_set none = {0};
        consumer_member_set_current(member, &kept, &none);
        member->previous_epoch = member->epoch;
        consumer_member_set_epoch(member, member->epoch, CONSUMER_MEMBER_STABLE);
        consumer_member_start_rebalance_timer(member);
        partition_set_fini(&revoked);
    }
}

int consumer_reconcile(struct consumer_member *member, bool has_subscription_changed,
                       const struct partition_set *owned)
{
    bool is_behind = member->epoch != member->consumer->assignment_epoch;
    switch (member->state) {
    case CONSUMER_MEMBER_STABLE:
        if (is_behind) {
            consumer_reconcile_next(member, owned);
        } else if (has_subscription_changed) {
            consumer_reconcile_leave_topics(member, owned);
        }
        return 0;
    case CONSUMER_MEMBER_UNREVOKED:
        if (!consumer_reconcile_holds(owned, &member->revoking)) {
            consumer_reconcile_next(member, owned);
        } else if (has_subscription_changed) {
            consumer_reconcile_leave_topics(member, owned);
        }
        return 0;
    case CONSUMER_MEMBER_UNRELEASED:
        consumer_reconcile_next(member, owned);
        return 0;
    case CONSUMER_MEMBER_UNKNOWN:
        if (owned == NULL || owned->count > 0) {
            return ERROR_FENCED_MEMBER_EPOCH;
        }
        consumer_reconcile_next(member, owned);
        return 0;
    }
    return 0;
}

bool consumer_reconcile_is_due(const struct consumer_member *member)
{
    struct consumer_step step = {0};
    if (member->state != CONSUMER_MEMBER_UNRELEASED) {
        return false;
    }
    consumer_reconcile_plan(member, &step);
    bool is_due = step.added.count > 0 || !step.is_waiting;
    consumer_step_fini(&step);
    return is_due;
}
