/* tidemill topic alter: changes settings of a topic, or gives it more partitions. */
#include "log/base/error.h"
#include "runtime/cli/config_change.h"
#include "runtime/cli/outcome.h"
#include "runtime/cli/replica_list.h"
#include "runtime/cli/topic_choice.h"

struct alter_values {
    struct errand_flags errand;
    struct topic_choice_flags choice;
    struct config_change change;
    int64_t partition_count;
    const char *replicas; /* of all partitions; those that are there stay where they are */
};

enum { TOPIC_RESOURCE = 2 };

static int alter_configs(struct outcome *outcome, const struct alter_values *values,
                         const char *topic)
{
    struct config_change change = values->change;
    if (config_change_is_empty(&change)) {
        return COMMAND_OK;
    }
    change.type = TOPIC_RESOURCE;
    change.name = topic;
    change.target = CLIENT_CONTROLLER;
    int code = config_change_apply(outcome->errand, &change);
    if (code == COMMAND_OK) {
        outcome_say(outcome, "%s the settings of topic %s.\n",
                    change.is_dry ? "Could change" : "Changed", topic);
    }
    return code;
}

/* Of the partitions that are new. */
static int read_replicas(struct errand *errand, const struct alter_values *values,
                         struct create_partitions_request_topic *row)
{
    const char *topic = arena_string(&errand->arena, row->name);
    const struct metadata_response *metadata;
    struct replica_list_set lists;
    row->assignments.count = -1;
    if (values->replicas == NULL) {
        return COMMAND_OK;
    }
    int code = replica_list_read(errand, "--place", values->replicas, &lists);
    if (code != COMMAND_OK) {
        return code;
    }
    int error = errand_read_metadata(errand, &topic, 1, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "looking for the topic");
    }
    int32_t first = metadata->topics.count == 1 ? metadata->topics.items[0].partitions.count : 0;
    row->assignments.items = arena_array(
        &errand->arena, struct create_partitions_request_assignment, (size_t)lists.count + 1);
    row->assignments.count = 0;
    for (int32_t i = first; i < lists.count; i++) {
        struct create_partitions_request_assignment *assignment =
            &row->assignments.items[row->assignments.count++];
        assignment->broker_ids.items = lists.items[i].nodes;
        assignment->broker_ids.count = lists.items[i].count;
    }
    return COMMAND_OK;
}

static int add_partitions(struct outcome *outcome, const struct alter_values *values,
                          const char *topic, const char **status)
{
    struct errand *errand = outcome->errand;
    struct create_partitions_request_topic row = {
        .name = bytes_from_string(topic),
        .count = (int32_t)values->partition_count,
    };
    int judged = read_replicas(errand, values, &row);
    if (judged != COMMAND_OK) {
        return judged;
    }
    struct create_partitions_request request = {.timeout_ms = 30000,
                                                .validate_only = values->change.is_dry};
    request.topics.items = &row;
    request.topics.count = 1;
    const void *found;
    int error = errand_call(errand, CLIENT_CONTROLLER, API_CREATE_PARTITIONS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, "adding partitions");
    }
    const struct create_partitions_response *response = found;
    for (int32_t i = 0; i < response->results.count; i++) {
        int16_t code = response->results.items[i].error_code;
        if (values->choice.may_miss && error_from_code(code) == ERROR_UNKNOWN_TOPIC_OR_PARTITION) {
            *status = "missing";
            return COMMAND_OK;
        }
        if (code != 0) {
            return errand_refuse(errand, topic, response->results.items[i].error_code,
                                 response->results.items[i].error_message);
        }
    }
    outcome_say(outcome, "Topic %s %s %lld partitions.\n", topic,
                values->change.is_dry ? "could have" : "has", (long long)values->partition_count);
    return COMMAND_OK;
}

static int alter_topics(struct outcome *outcome, const struct alter_values *values,
                        const struct flag_list *arguments)
{
    const char *const *names;
    size_t count;
    int code = topic_choice_names(outcome->errand, &values->choice, arguments, &names, &count);
    for (size_t i = 0; i < count && code == COMMAND_OK; i++) {
        const char *status = values->change.is_dry ? "valid" : "changed";
        code = alter_configs(outcome, values, names[i]);
        if (code == COMMAND_OK && values->partition_count > 0) {
            code = add_partitions(outcome, values, names[i], &status);
        }
        outcome_add(outcome, bytes_from_string(names[i]), code == COMMAND_OK ? status : "failed");
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct alter_values *values = given;
    struct outcome outcome;
    struct errand errand;
    if (values->partition_count < 0 || values->partition_count > INT32_MAX) {
        return command_misuse(world, "-p takes the new number of partitions");
    }
    if (arguments->count == 0 && values->choice.pattern == NULL) {
        return command_misuse(world, "name a topic, or -r REGEX");
    }
    if (values->partition_count == 0 && config_change_is_empty(&values->change)) {
        return command_misuse(world, "nothing to change; use -c NAME=VALUE, --unset NAME, "
                                     "--append, --subtract or -p N");
    }
    if (values->replicas != NULL && values->partition_count == 0) {
        return command_misuse(world, "--place is of new partitions; say how many with -p N");
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == 0) {
        outcome_open(&outcome, &errand, "topic");
        code = alter_topics(&outcome, values, arguments);
        outcome_close(&outcome, code);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    FLAG('c', "set", LIST, struct alter_values, change.set, "NAME=VALUE",
         "gives a setting a value"),
    FLAG(0, "unset", LIST, struct alter_values, change.unset, "NAME", "gives it the default again"),
    FLAG(0, "append", LIST, struct alter_values, change.append, "NAME=ITEM", "adds to a list"),
    FLAG(0, "subtract", LIST, struct alter_values, change.subtract, "NAME=ITEM",
         "takes from a list"),
    FLAG('p', "partitions", INT, struct alter_values, partition_count, "N",
         "the new number of partitions"),
    FLAG(0, "place", STRING, struct alter_values, replicas, "NODE:NODE,...",
         "with -p: the brokers of each partition, also of those that are there and stay"),
    FLAG('r', "regex", STRING, struct alter_values, choice.pattern, "REGEX",
         "topics whose names match"),
    FLAG(0, "if-exists", BOOL, struct alter_values, choice.may_miss, NULL,
         "do nothing when it is not there"),
    FLAG(0, "dry-run", BOOL, struct alter_values, change.is_dry, NULL,
         "only ask whether it would work"),
    ERRAND_OUTPUT_FLAG(struct alter_values),
    ERRAND_FLAGS(struct alter_values),
};

const struct command command_topic_alter = {
    .noun = "topic",
    .verb = "alter",
    .arguments = "TOPIC...",
    .summary = "changes settings or adds partitions",
    .examples = "tidemill topic alter logs -p 12\n"
                "tidemill topic alter logs -c retention.ms=86400000 --unset cleanup.policy\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct alter_values),
    .argument_max = -1,
    .run = run,
};
