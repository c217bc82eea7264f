/* Judges CreatePartitions; see growth.h. */
#include "log/controller/growth.h"

#include "log/base/error.h"

enum {
    GROWTH_PARTITION_COUNT_MAX = 10000, /* added to one topic by one request */
    GROWTH_TOTAL_MAX = 100000,          /* a directory's name has room for five digits */
};

/* Whether the new total makes sense; sets the result otherwise. */
static bool growth_accepts_count(struct decision *decision, const struct meta_topic *topic,
                                 int32_t wanted, struct controller_topic_result *result)
{
    int32_t count = topic->partition_count;
    if (wanted == count) {
        decision_refuse(decision, &result->error, &result->message, ERROR_INVALID_PARTITIONS,
                        "Topic already has %d partition(s).", count);
    } else if (wanted < count) {
        decision_refuse(decision, &result->error, &result->message, ERROR_INVALID_PARTITIONS,
                        "The topic %s currently has %d partition(s); %d would not be an increase.",
                        topic->name, count, wanted);
    } else if (wanted - count > GROWTH_PARTITION_COUNT_MAX || wanted > GROWTH_TOTAL_MAX) {
        decision_refuse(decision, &result->error, &result->message, ERROR_POLICY_VIOLATION,
                        "Excessively large number of partitions per request.");
    }
    return result->error == 0;
}

/* The caller's brokers, numbered from the first new partition on; NULL when the choice is ours. */
static const struct controller_assignment *
growth_number_assignments(struct decision *decision, const struct controller_grown_topic *grown,
                          int32_t first_index)
{
    if (grown->assignments == NULL) {
        return NULL;
    }
    struct controller_assignment *assignments =
        arena_array(decision->arena, struct controller_assignment, grown->assignment_count);
    for (int32_t i = 0; i < grown->assignment_count; i++) {
        assignments[i] = grown->assignments[i];
        assignments[i].partition = first_index + i;
    }
    return assignments;
}

static void growth_decide_topic(struct decision *decision,
                                const struct controller_grown_topic *grown,
                                struct controller_topic_result *result, bool is_validate_only)
{
    const struct meta_topic *topic = meta_find_topic(decision->meta, grown->name);
    if (topic == NULL) {
        decision_refuse(decision, &result->error, &result->message,
                        ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                        "This server does not host this topic-partition.");
        return;
    }
    if (!growth_accepts_count(decision, topic, grown->partition_count, result)) {
        return;
    }
    int32_t added = grown->partition_count - topic->partition_count;
    if (grown->assignments != NULL && grown->assignment_count != added) {
        decision_refuse(decision, &result->error, &result->message,
                        ERROR_INVALID_REPLICA_ASSIGNMENT,
                        "Attempted to add %d additional partition(s), but only %d assignment(s) "
                        "were specified.",
                        added, grown->assignment_count);
        return;
    }
    Meta__Partition **partitions;
    int32_t replication_factor = topic->partitions[0].replica_count;
    if (replication_factor > (int32_t)decision->broker_count) {
        decision_refuse(decision, &result->error, &result->message,
                        ERROR_INVALID_REPLICATION_FACTOR,
                        "A replication factor of %d cannot be reached: %d broker(s) are live.",
                        replication_factor, (int)decision->broker_count);
        return;
    }
    result->error =
        decision_assign(decision, topic->partition_count, added, replication_factor,
                        growth_number_assignments(decision, grown, topic->partition_count),
                        &partitions, &result->message);
    if (result->error != 0 || !decision_permit(decision, added, result) || is_validate_only) {
        return;
    }
    Meta__PartitionsAdded command_added = META__PARTITIONS_ADDED__INIT;
    command_added.id = decision_id(&topic->id);
    command_added.partitions = partitions;
    command_added.n_partitions = (size_t)added;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_PARTITIONS_ADDED;
    command.partitions_added = &command_added;
    decision_add(decision, &command);
}

static int growth_decide(struct decision *decision, struct controller_operation *head)
{
    struct controller_create_partitions *operation = (struct controller_create_partitions *)head;
    operation->results =
        arena_array(decision->arena, struct controller_topic_result, operation->count);
    for (size_t i = 0; i < operation->count; i++) {
        operation->results[i].name = operation->topics[i].name;
    }
    decision_refuse_repeated(decision, operation->results, operation->count);
    for (size_t i = 0; i < operation->count; i++) {
        if (operation->results[i].error == 0) {
            growth_decide_topic(decision, &operation->topics[i], &operation->results[i],
                                operation->is_validate_only);
        }
    }
    return 0;
}

static void growth_settle(struct controller_operation *head, int error)
{
    struct controller_create_partitions *operation = (struct controller_create_partitions *)head;
    decision_settle_topics(operation->results, operation->count, error);
}

const struct decision_kind growth_kind = {.decide = growth_decide, .settle = growth_settle};
