/* Judges CreateTopics and auto-creation; see creation.h. Codes and order of the checks are those of
 * Kafka 4.3, asked from a real broker. */
#include "log/controller/creation.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CREATION_PARTITION_COUNT_MAX = 10000 }; /* of one request */

/* One topic on its way. */
struct creation {
    struct decision *decision;
    const struct controller_new_topic *topic;
    struct controller_topic_result *result;
    struct map configs; /* canonical values: name to char * */
    Meta__Partition **partitions;
};

#define CREATION_REFUSE(creation, code, ...)                                                       \
    decision_refuse((creation)->decision, &(creation)->result->error,                              \
                    &(creation)->result->message, code, __VA_ARGS__)

/* Metric names have no points, so Kafka takes "a.b" and "a_b" for the same. */
static char *creation_metric_name(struct decision *decision, struct bytes name)
{
    char *metric_name = decision_string(decision, name);
    for (char *at = metric_name; *at != 0; at++) {
        *at = *at == '.' ? '_' : *at;
    }
    return metric_name;
}

static bool creation_is_collision(const char *metric_name, const char *other)
{
    while (*metric_name != 0 && *metric_name == (*other == '.' ? '_' : *other)) {
        metric_name++;
        other++;
    }
    return *metric_name == *other;
}

/* The name of a topic that there is already, or NULL. */
static const char *creation_find_collision(struct creation *creation)
{
    const struct meta *meta = creation->decision->meta;
    const char *metric_name = creation_metric_name(creation->decision, creation->topic->name);
    if (strchr(metric_name, '_') == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < meta_topic_count(meta); i++) {
        if (creation_is_collision(metric_name, meta_topic_at(meta, i)->name)) {
            return meta_topic_at(meta, i)->name;
        }
    }
    return NULL;
}

static void creation_validate_name(struct creation *creation)
{
    struct bytes name = creation->topic->name;
    const struct meta *meta = creation->decision->meta;
    const char *reason = meta_refuse_topic_name(name);
    if (*reason != 0) {
        CREATION_REFUSE(creation, ERROR_INVALID_TOPIC, "Topic name '%.*s' is invalid: %s",
                        BYTES_FORMAT(name), reason);
        return;
    }
    if (bytes_equal_string(name, "__cluster_metadata")) {
        CREATION_REFUSE(creation, ERROR_INVALID_REQUEST,
                        "Creation of internal topic __cluster_metadata is prohibited.");
        return;
    }
    if (meta_find_topic(meta, name) != NULL) {
        CREATION_REFUSE(creation, ERROR_TOPIC_ALREADY_EXISTS, "Topic '%.*s' already exists.",
                        BYTES_FORMAT(name));
        return;
    }
    const char *collision = creation_find_collision(creation);
    if (collision != NULL) {
        CREATION_REFUSE(creation, ERROR_INVALID_TOPIC,
                        "Topic '%.*s' collides with existing topic: %s", BYTES_FORMAT(name),
                        collision);
    }
}

static void creation_put(struct creation *creation, const char *name, const char *value)
{
    free(map_put(&creation->configs, bytes_from_string(name), memory_string(value)));
}

/* Internal topics are compacted and small, whatever the defaults are. */
static void creation_put_internal(struct creation *creation)
{
    const struct broker_options *options = meta_broker_options(creation->decision->meta);
    bool is_offsets = bytes_equal_string(creation->topic->name, "__consumer_offsets");
    char size[32];
    snprintf(size, sizeof size, "%lld",
             (long long)(is_offsets ? options->offsets_topic_segment_bytes
                                    : options->transaction_state_log_segment_bytes));
    creation_put(creation, "cleanup.policy", "compact");
    creation_put(creation, "compression.type", "producer");
    creation_put(creation, "segment.bytes", size);
}

static void creation_read_configs(struct creation *creation)
{
    struct topic_options options = {0};
    struct report report = {0};
    if (meta_is_internal_name(creation->topic->name)) {
        creation_put_internal(creation);
    }
    for (int32_t i = 0; i < creation->topic->config_count; i++) {
        const struct controller_config *config = &creation->topic->configs[i];
        char *name = decision_string(creation->decision, config->name);
        if (bytes_is_null(config->value)) {
            CREATION_REFUSE(creation, ERROR_INVALID_CONFIG,
                            "Null value not supported for topic configs: %s", name);
            return;
        }
        if (!decision_is_plain(config->name) || !decision_is_plain(config->value)) {
            CREATION_REFUSE(creation, ERROR_INVALID_CONFIG,
                            "%.200s: names and values have at most %d bytes, and no NUL", name,
                            DECISION_VALUE_SIZE_MAX);
            break;
        }
        const struct option_row *row = topic_options_find(name);
        const char *value = decision_string(creation->decision, config->value);
        creation_put(creation, name,
                     row == NULL ? value
                                 : decision_canonical(creation->decision, row, value, &options));
    }
    if (creation->result->error != 0) {
        topic_options_fini(&options);
        return;
    }
    topic_options_copy(meta_topic_defaults(creation->decision->meta), &options);
    int error = topic_options_override(&options, &creation->configs, &report);
    topic_options_fini(&options);
    if (error != 0) {
        CREATION_REFUSE(creation, error, "%s", report.text);
    }
}

static int32_t creation_default_partitions(const struct decision *decision,
                                           const struct controller_new_topic *topic)
{
    const struct broker_options *options = meta_broker_options(decision->meta);
    if (bytes_equal_string(topic->name, "__consumer_offsets")) {
        return options->offsets_topic_num_partitions;
    }
    if (bytes_equal_string(topic->name, "__transaction_state")) {
        return options->transaction_state_log_num_partitions;
    }
    return options->num_partitions;
}

/* Defaults and internal topics take the brokers that are there. */
static int32_t creation_default_replication(const struct creation *creation)
{
    const struct broker_options *options = meta_broker_options(creation->decision->meta);
    int32_t wanted = options->default_replication_factor;
    int32_t live = (int32_t)creation->decision->broker_count;
    if (bytes_equal_string(creation->topic->name, "__consumer_offsets")) {
        wanted = options->offsets_topic_replication_factor;
    } else if (bytes_equal_string(creation->topic->name, "__transaction_state")) {
        wanted = options->transaction_state_log_replication_factor;
    }
    return wanted < live ? wanted : live;
}

static void creation_place_assigned(struct creation *creation)
{
    const struct controller_new_topic *topic = creation->topic;
    struct controller_topic_result *result = creation->result;
    if (topic->replication_factor != -1) {
        CREATION_REFUSE(creation, ERROR_INVALID_REQUEST,
                        "A manual partition assignment was specified, but replication factor was "
                        "not set to -1.");
        return;
    }
    if (topic->partition_count != -1) {
        CREATION_REFUSE(creation, ERROR_INVALID_REQUEST,
                        "A manual partition assignment was specified, but numPartitions was not "
                        "set to -1.");
        return;
    }
    result->error = decision_assign(creation->decision, 0, topic->assignment_count, 0,
                                    topic->assignments, &creation->partitions, &result->message);
    if (result->error == 0) {
        result->partition_count = topic->assignment_count;
        result->replication_factor = (int16_t)creation->partitions[0]->n_replicas;
    }
}

static void creation_place_spread(struct creation *creation)
{
    const struct controller_new_topic *topic = creation->topic;
    struct controller_topic_result *result = creation->result;
    int32_t live = (int32_t)creation->decision->broker_count;
    int32_t partition_count = topic->partition_count;
    int32_t replication_factor = topic->replication_factor;
    if (replication_factor == 0 || replication_factor < -1) {
        CREATION_REFUSE(creation, ERROR_INVALID_REPLICATION_FACTOR,
                        "Replication factor must be larger than 0, or -1 to use the default "
                        "value.");
        return;
    }
    if (partition_count == 0 || partition_count < -1) {
        CREATION_REFUSE(creation, ERROR_INVALID_PARTITIONS,
                        "Number of partitions was set to an invalid non-positive value.");
        return;
    }
    if (partition_count == -1) {
        partition_count = creation_default_partitions(creation->decision, topic);
    }
    if (replication_factor == -1) {
        replication_factor = creation_default_replication(creation);
    } else if (meta_is_internal_name(topic->name) && replication_factor > live) {
        replication_factor = live;
    }
    if (replication_factor > live) {
        CREATION_REFUSE(creation, ERROR_INVALID_REPLICATION_FACTOR,
                        "A replication factor of %d cannot be reached: %d broker(s) are live.",
                        replication_factor, live);
        return;
    }
    result->partition_count = partition_count;
    result->replication_factor = (int16_t)replication_factor;
    result->error = decision_assign(creation->decision, 0, partition_count, replication_factor,
                                    NULL, &creation->partitions, &result->message);
}

static void creation_describe(struct creation *creation)
{
    struct config_layers layers = meta_config_layers(creation->decision->meta, NULL);
    struct config_entry *entries;
    layers.own = &creation->configs;
    creation->result->config_count =
        config_describe_topic(&layers, creation->decision->arena, &entries);
    creation->result->configs = entries;
}

static void creation_add_command(struct creation *creation)
{
    struct decision *decision = creation->decision;
    size_t config_count = 0;
    Meta__Config **configs =
        arena_array(decision->arena, Meta__Config *, creation->configs.size + 1);
    for (map_each (&creation->configs, entry)) {
        Meta__Config *config = arena_new(decision->arena, Meta__Config);
        meta__config__init(config);
        config->name = decision_string(decision, entry->key);
        config->value = (char *)entry->value;
        configs[config_count++] = config;
    }
    do {
        io_random(decision->io, creation->result->id.octets, sizeof creation->result->id.octets);
        meta_tame_uuid(&creation->result->id);
    } while (meta_find_topic_id(decision->meta, creation->result->id) != NULL);
    Meta__TopicCreated created = META__TOPIC_CREATED__INIT;
    created.name = decision_string(decision, creation->topic->name);
    created.id = decision_id(&creation->result->id);
    created.partitions = creation->partitions;
    created.n_partitions = (size_t)creation->result->partition_count;
    created.configs = configs;
    created.n_configs = config_count;
    Meta__Command command = META__COMMAND__INIT;
    command.kind_case = META__COMMAND__KIND_TOPIC_CREATED;
    command.topic_created = &created;
    decision_add(decision, &command);
}

static void creation_decide_topic(struct creation *creation, bool is_validate_only)
{
    creation_validate_name(creation);
    if (creation->result->error == 0) {
        creation_read_configs(creation);
    }
    if (creation->result->error == 0) {
        if (creation->topic->assignment_count > 0) {
            creation_place_assigned(creation);
        } else {
            creation_place_spread(creation);
        }
    }
    if (creation->result->error == 0 &&
        decision_permit(creation->decision, creation->result->partition_count, creation->result)) {
        creation_describe(creation);
        if (!is_validate_only) {
            creation_add_command(creation);
        }
    }
}

/* Also among the names of the request itself "a.b" collides with "a_b": the first one counts. */
static void creation_refuse_rivals(struct decision *decision,
                                   struct controller_create_topics *operation)
{
    struct map first;
    map_init(&first);
    for (size_t i = 0; i < operation->count; i++) {
        struct controller_topic_result *result = &operation->results[i];
        struct bytes key = bytes_from_string(creation_metric_name(decision, result->name));
        struct controller_topic_result *other = map_find(&first, key);
        if (result->error == 0 && other == NULL) {
            map_put(&first, key, result);
        } else if (result->error == 0) {
            decision_refuse(decision, &result->error, &result->message, ERROR_INVALID_TOPIC,
                            "Topic '%.*s' collides with topic %.*s of the same request.",
                            BYTES_FORMAT(result->name), BYTES_FORMAT(other->name));
        }
    }
    map_fini(&first, NULL);
}

/* Every topic counts for one partition at least, so that the limit bounds the topics too; one that
 * leaves its partitions to the broker's default for as many as that. */
static bool creation_is_excessive(const struct decision *decision,
                                  const struct controller_create_topics *operation)
{
    int64_t total = 0;
    for (size_t i = 0; i < operation->count; i++) {
        const struct controller_new_topic *topic = &operation->topics[i];
        int32_t count = topic->partition_count == -1 ? creation_default_partitions(decision, topic)
                                                     : topic->partition_count;
        total += topic->assignment_count > 0 ? topic->assignment_count : count > 0 ? count : 1;
    }
    return total > CREATION_PARTITION_COUNT_MAX;
}

static void creation_refuse_all(struct decision *decision,
                                struct controller_create_topics *operation)
{
    for (size_t i = 0; i < operation->count; i++) {
        decision_refuse(decision, &operation->results[i].error, &operation->results[i].message,
                        ERROR_POLICY_VIOLATION,
                        "Excessively large number of partitions per request.");
    }
}

static int creation_decide(struct decision *decision, struct controller_operation *head)
{
    struct controller_create_topics *operation = (struct controller_create_topics *)head;
    operation->results =
        arena_array(decision->arena, struct controller_topic_result, operation->count);
    for (size_t i = 0; i < operation->count; i++) {
        operation->results[i].name = operation->topics[i].name;
    }
    if (creation_is_excessive(decision, operation)) {
        creation_refuse_all(decision, operation);
        return 0;
    }
    decision_refuse_repeated(decision, operation->results, operation->count);
    creation_refuse_rivals(decision, operation);
    for (size_t i = 0; i < operation->count; i++) {
        struct creation creation = {
            .decision = decision, .topic = &operation->topics[i], .result = &operation->results[i]};
        if (creation.result->error == 0) {
            map_init(&creation.configs);
            creation_decide_topic(&creation, operation->is_validate_only);
            map_fini(&creation.configs, free);
        }
    }
    return 0;
}

static void creation_settle(struct controller_operation *head, int error)
{
    struct controller_create_topics *operation = (struct controller_create_topics *)head;
    decision_settle_topics(operation->results, operation->count, error);
}

const struct decision_kind creation_kind = {.decide = creation_decide, .settle = creation_settle};
