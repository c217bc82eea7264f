/* tidemill topic create: makes topics. */
#include "log/base/error.h"
#include "runtime/cli/outcome.h"
#include "runtime/cli/replica_list.h"

#include <string.h>

struct create_values {
    struct errand_flags errand;
    int64_t partition_count;
    int64_t replica_count;
    const char *replicas;
    struct flag_list configs;
    bool may_exist;
    bool is_compacted;
    bool is_dry;
};

enum { PARTITION_COUNT_MAX = 1000000 };

static bool read_configs(struct errand *errand, const struct create_values *values,
                         struct create_topics_request_topic *topic)
{
    size_t count = values->configs.count;
    topic->configs.items =
        arena_array(&errand->arena, struct create_topics_request_config, count + 1);
    for (size_t i = 0; i < count; i++) {
        const char *text = values->configs.items[i];
        const char *equals = strchr(text, '=');
        if (equals == NULL) {
            command_misuse(errand->world, "-c takes NAME=VALUE, not '%s'", text);
            return false;
        }
        topic->configs.items[topic->configs.count++] = (struct create_topics_request_config){
            .name = bytes_make(text, (size_t)(equals - text)),
            .value = bytes_from_string(equals + 1),
        };
    }
    if (values->is_compacted) {
        topic->configs.items[topic->configs.count++] = (struct create_topics_request_config){
            .name = BYTES_LITERAL("cleanup.policy"),
            .value = BYTES_LITERAL("compact"),
        };
    }
    return true;
}

static int read_replicas(struct errand *errand, const struct create_values *values,
                         struct create_topics_request_topic *topic)
{
    struct replica_list_set lists = {0};
    int code = values->replicas == NULL
                   ? COMMAND_OK
                   : replica_list_read(errand, "--place", values->replicas, &lists);
    topic->assignments.items = arena_array(&errand->arena, struct create_topics_request_assignment,
                                           (size_t)lists.count + 1);
    for (int32_t i = 0; i < lists.count; i++) {
        struct create_topics_request_assignment *assignment = &topic->assignments.items[i];
        assignment->partition_index = i;
        assignment->broker_ids.items = lists.items[i].nodes;
        assignment->broker_ids.count = lists.items[i].count;
    }
    topic->assignments.count = lists.count;
    return code;
}

static int judge_topic(struct outcome *outcome, const struct create_values *values,
                       const struct create_topics_response_topic *topic)
{
    if (topic->error_code == 0) {
        outcome_say(outcome,
                    values->is_dry ? "Topic %.*s can be created.\n" : "Created topic %.*s.\n",
                    BYTES_FORMAT(topic->name));
        outcome_add(outcome, topic->name, values->is_dry ? "valid" : "created");
        return COMMAND_OK;
    }
    if (values->may_exist && error_from_code(topic->error_code) == ERROR_TOPIC_ALREADY_EXISTS) {
        outcome_add(outcome, topic->name, "exists");
        return COMMAND_OK;
    }
    return outcome_refuse(outcome, topic->name, topic->error_code, topic->error_message);
}

static int create_topics(struct outcome *outcome, const struct create_values *values,
                         const struct flag_list *arguments)
{
    struct errand *errand = outcome->errand;
    struct create_topics_request request;
    wire_set_defaults(&create_topics_request_schema, &request);
    request.validate_only = values->is_dry;
    request.timeout_ms = 30000;
    request.topics.items =
        arena_array(&errand->arena, struct create_topics_request_topic, arguments->count);
    for (size_t i = 0; i < arguments->count; i++) {
        struct create_topics_request_topic *topic = &request.topics.items[i];
        topic->name = bytes_from_string(arguments->items[i]);
        topic->partition_count = (int32_t)values->partition_count;
        topic->replication_factor = (int16_t)values->replica_count;
        if (!read_configs(errand, values, topic)) {
            return COMMAND_MISUSED;
        }
        int code = read_replicas(errand, values, topic);
        if (code != COMMAND_OK) {
            return code;
        }
    }
    request.topics.count = (int32_t)arguments->count;
    const void *found;
    int error = errand_call(errand, CLIENT_CONTROLLER, API_CREATE_TOPICS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, "creating topics");
    }
    const struct create_topics_response *response = found;
    int code = COMMAND_OK;
    for (int32_t i = 0; i < response->topics.count; i++) {
        int result = judge_topic(outcome, values, &response->topics.items[i]);
        code = result != COMMAND_OK ? result : code;
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct create_values *values = given;
    struct outcome outcome;
    struct errand errand;
    if (values->partition_count == 0 || values->partition_count < -1 ||
        values->partition_count > PARTITION_COUNT_MAX) {
        return command_misuse(world, "-p takes a number from 1 on");
    }
    if (values->replica_count == 0 || values->replica_count < -1 ||
        values->replica_count > INT16_MAX) {
        return command_misuse(world, "-r takes a number from 1 on");
    }
    if (values->replicas != NULL && (values->partition_count > 0 || values->replica_count > 0)) {
        return command_misuse(world, "--place says how many partitions and replicas there are; "
                                     "leave out -p and -r");
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == 0) {
        outcome_open(&outcome, &errand, "topic");
        code = create_topics(&outcome, values, arguments);
        outcome_close(&outcome, code);
        errand_close(&errand);
    }
    return code;
}

static const struct create_values initial = {.partition_count = -1, .replica_count = -1};

static const struct flag flags[] = {
    FLAG('p', "partitions", INT, struct create_values, partition_count, "N",
         "partitions (default: the broker's)"),
    FLAG('r', "replicas", INT, struct create_values, replica_count, "N",
         "copies of each partition (default: the broker's)"),
    FLAG(0, "place", STRING, struct create_values, replicas, "NODE:NODE,...",
         "the brokers of each partition (default: the controller chooses)"),
    FLAG('c', "config", LIST, struct create_values, configs, "NAME=VALUE",
         "a setting, such as retention.ms=86400000"),
    FLAG(0, "compact", BOOL, struct create_values, is_compacted, NULL,
         "short for -c cleanup.policy=compact"),
    FLAG(0, "if-not-exists", BOOL, struct create_values, may_exist, NULL,
         "do nothing when it is there"),
    FLAG(0, "dry-run", BOOL, struct create_values, is_dry, NULL, "only ask whether it would work"),
    ERRAND_OUTPUT_FLAG(struct create_values),
    ERRAND_FLAGS(struct create_values),
};

const struct command command_topic_create = {
    .noun = "topic",
    .verb = "create",
    .arguments = "TOPIC...",
    .summary = "makes topics",
    .examples = "tidemill topic create logs -p 12 -c retention.ms=86400000\n"
                "tidemill topic create users --compact --if-not-exists\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct create_values),
    .initial = &initial,
    .argument_min = 1,
    .argument_max = -1,
    .run = run,
};
