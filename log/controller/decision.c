/* Commands, sentences and replicas of an operation; see decision.h. */
#include "log/controller/decision.h"

#include "log/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { DECISION_MESSAGE_SIZE = 512 };

void decision_add(struct decision *decision, const Meta__Command *command)
{
    if (decision->command_count == decision->command_capacity) {
        size_t capacity = decision->command_capacity == 0 ? 8 : decision->command_capacity * 2;
        struct bytes *commands = arena_array(decision->arena, struct bytes, capacity);
        for (size_t i = 0; i < decision->command_count; i++) {
            commands[i] = decision->commands[i];
        }
        decision->commands = commands;
        decision->command_capacity = capacity;
    }
    size_t size = meta__command__get_packed_size(command);
    uint8_t *data = (uint8_t *)arena_get(decision->arena, size + 1);
    check(meta__command__pack(command, data) == size);
    decision->commands[decision->command_count++] = bytes_make(data, size);
}

void decision_set_feature(struct decision *decision, const char *name, int32_t level)
{
    Meta__FeatureSet set = META__FEATURE_SET__INIT;
    set.name = (char *)name;
    set.level = level;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_FEATURE_SET;
    command.feature_set = &set;
    decision_add(decision, &command);
}

void decision_refuse(struct decision *decision, int *error, const char **message, int code,
                     const char *format, ...)
{
    char text[DECISION_MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    *error = code;
    *message = arena_string(decision->arena, bytes_from_string(text));
}

bool decision_has_broker(const struct decision *decision, int32_t broker)
{
    for (size_t i = 0; i < decision->broker_count; i++) {
        if (decision->brokers[i] == broker) {
            return true;
        }
    }
    return false;
}

bool decision_permit(struct decision *decision, int32_t partition_count,
                     struct controller_topic_result *result)
{
    struct controller_operation *operation = decision->operation;
    if (operation->permit == NULL || operation->permit(operation, partition_count)) {
        return true;
    }
    decision_refuse(decision, &result->error, &result->message, ERROR_THROTTLING_QUOTA_EXCEEDED,
                    "The controller mutation quota is used up; wait as long as throttle_time_ms "
                    "says and try again.");
    return false;
}

bool decision_is_plain(struct bytes text)
{
    return text.size <= DECISION_VALUE_SIZE_MAX &&
           (text.size == 0 || memchr(text.data, 0, text.size) == NULL);
}

char *decision_string(struct decision *decision, struct bytes text)
{
    return arena_string(decision->arena, text);
}

ProtobufCBinaryData decision_id(const struct wire_uuid *id)
{
    return (ProtobufCBinaryData){.len = sizeof id->octets, .data = (uint8_t *)id->octets};
}

const char *decision_canonical(struct decision *decision, const struct option_row *row,
                               const char *value, void *scratch)
{
    struct buffer text;
    if (option_parse(row, value, scratch, NULL) != 0) {
        return value;
    }
    buffer_init(&text);
    option_print(row, scratch, &text);
    char *canonical = arena_string(decision->arena, buffer_bytes(&text));
    buffer_fini(&text);
    return canonical;
}

static Meta__Partition *decision_partition(struct decision *decision, int32_t index,
                                           const int32_t *replicas, int32_t replica_count)
{
    Meta__Partition *partition = arena_new(decision->arena, Meta__Partition);
    meta__partition__init(partition);
    partition->index = index;
    partition->n_replicas = partition->n_isr = (size_t)replica_count;
    partition->replicas = arena_array(decision->arena, int32_t, replica_count);
    for (int32_t i = 0; i < replica_count; i++) {
        partition->replicas[i] = replicas[i];
    }
    partition->isr = partition->replicas;
    partition->leader = replicas[0];
    return partition;
}

/* Leaders go round the brokers, topic after topic; the copies stand on the brokers behind. */
static void decision_spread(struct decision *decision, int32_t index, int32_t replication_factor,
                            int32_t *replicas)
{
    size_t first = meta_topic_count(decision->meta) + (size_t)index;
    for (int32_t i = 0; i < replication_factor; i++) {
        replicas[i] = decision->brokers[(first + (size_t)i) % decision->broker_count];
    }
}

static int decision_validate_assignment(struct decision *decision,
                                        const struct controller_assignment *assignment,
                                        int32_t replication_factor, const char **message)
{
    int error = 0;
    if (assignment->broker_count == 0) {
        decision_refuse(decision, &error, message, ERROR_INVALID_REPLICA_ASSIGNMENT,
                        "The manual partition assignment includes an empty replica list.");
        return error;
    }
    for (int32_t i = 0; i < assignment->broker_count; i++) {
        int32_t broker = assignment->brokers[i];
        if (!decision_has_broker(decision, broker)) {
            decision_refuse(decision, &error, message, ERROR_INVALID_REPLICA_ASSIGNMENT,
                            "The manual partition assignment includes broker %d, but no such "
                            "broker is registered.",
                            broker);
            return error;
        }
        for (int32_t j = 0; j < i; j++) {
            if (assignment->brokers[j] == broker) {
                decision_refuse(decision, &error, message, ERROR_INVALID_REPLICA_ASSIGNMENT,
                                "The manual partition assignment includes the broker %d more than "
                                "once.",
                                broker);
                return error;
            }
        }
    }
    if (replication_factor > 0 && assignment->broker_count != replication_factor) {
        decision_refuse(decision, &error, message, ERROR_INVALID_REPLICA_ASSIGNMENT,
                        "The manual partition assignment includes a partition with %d replica(s), "
                        "but this is not consistent with previous partitions, which have %d "
                        "replica(s).",
                        assignment->broker_count, replication_factor);
    }
    return error;
}

/* Partitions as the caller wants them, in any order. */
static int decision_obey(struct decision *decision, int32_t first_index, int32_t count,
                         int32_t replication_factor,
                         const struct controller_assignment *assignments,
                         Meta__Partition **partitions, const char **message)
{
    for (int32_t i = 0; i < count; i++) {
        const struct controller_assignment *assignment = &assignments[i];
        int error = decision_validate_assignment(decision, assignment, replication_factor, message);
        if (error != 0) {
            return error;
        }
        replication_factor = assignment->broker_count;
        int32_t place = assignment->partition - first_index;
        if (place < 0 || place >= count || partitions[place] != NULL) {
            decision_refuse(decision, &error, message, ERROR_INVALID_REPLICA_ASSIGNMENT,
                            "partitions should be a consecutive 0-based integer sequence");
            return error;
        }
        partitions[place] = decision_partition(decision, assignment->partition, assignment->brokers,
                                               assignment->broker_count);
    }
    return 0;
}

int decision_assign(struct decision *decision, int32_t first_index, int32_t count,
                    int32_t replication_factor, const struct controller_assignment *assignments,
                    Meta__Partition ***out, const char **message)
{
    Meta__Partition **partitions = arena_array(decision->arena, Meta__Partition *, count);
    *out = partitions;
    if (assignments != NULL) {
        return decision_obey(decision, first_index, count, replication_factor, assignments,
                             partitions, message);
    }
    int32_t *replicas = arena_array(decision->arena, int32_t, replication_factor);
    for (int32_t i = 0; i < count; i++) {
        decision_spread(decision, first_index + i, replication_factor, replicas);
        partitions[i] = decision_partition(decision, first_index + i, replicas, replication_factor);
    }
    return 0;
}

void decision_refuse_repeated(struct decision *decision, struct controller_topic_result *results,
                              size_t count)
{
    struct map first;
    map_init(&first);
    for (size_t i = 0; i < count; i++) {
        struct controller_topic_result *result = &results[i];
        if (bytes_is_null(result->name)) {
            continue;
        }
        struct controller_topic_result *other = map_find(&first, result->name);
        if (other == NULL) {
            map_put(&first, result->name, result);
            continue;
        }
        result->is_repeated = true;
        decision_refuse(decision, &result->error, &result->message, ERROR_INVALID_REQUEST,
                        "Duplicate topic name.");
        other->error = result->error;
        other->message = result->message;
    }
    map_fini(&first, NULL);
}

void decision_settle_topics(struct controller_topic_result *results, size_t count, int error)
{
    for (size_t i = 0; error != 0 && results != NULL && i < count; i++) {
        if (results[i].error == 0) {
            results[i].error = error;
            results[i].message = error_text(error);
        }
    }
}
