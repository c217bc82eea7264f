/* tidemill topic rm: deletes topics. */
#include "log/base/error.h"
#include "runtime/cli/outcome.h"
#include "runtime/cli/topic_choice.h"

struct rm_values {
    struct errand_flags errand;
    struct topic_choice_flags choice;
};

static int judge_topic(struct outcome *outcome, const struct rm_values *values,
                       const struct delete_topics_response_topic *topic)
{
    if (topic->error_code == 0) {
        outcome_say(outcome, "Deleted topic %.*s.\n", BYTES_FORMAT(topic->name));
        outcome_add(outcome, topic->name, "deleted");
        return COMMAND_OK;
    }
    int error = error_from_code(topic->error_code);
    if (values->choice.may_miss && error == ERROR_UNKNOWN_TOPIC_OR_PARTITION) {
        outcome_add(outcome, topic->name, "missing");
        return COMMAND_OK;
    }
    return outcome_refuse(outcome, topic->name, topic->error_code, topic->error_message);
}

static int delete_topics(struct outcome *outcome, const struct rm_values *values,
                         const struct flag_list *arguments)
{
    struct errand *errand = outcome->errand;
    struct delete_topics_request request;
    wire_set_defaults(&delete_topics_request_schema, &request);
    const char *const *names;
    size_t count;
    int code = topic_choice_names(errand, &values->choice, arguments, &names, &count);
    if (code != COMMAND_OK) {
        return code;
    }
    request.timeout_ms = 30000;
    /* By name in a list of structs from version 6 on, in a list of strings before. */
    request.topics.items =
        arena_array(&errand->arena, struct delete_topics_request_topic, count + 1);
    request.topic_names.items = arena_array(&errand->arena, struct bytes, count + 1);
    for (size_t i = 0; i < count; i++) {
        request.topics.items[i].name = bytes_from_string(names[i]);
        request.topic_names.items[i] = bytes_from_string(names[i]);
    }
    request.topics.count = request.topic_names.count = (int32_t)count;
    const void *found;
    int error = errand_call(errand, CLIENT_CONTROLLER, API_DELETE_TOPICS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, "deleting topics");
    }
    const struct delete_topics_response *response = found;
    for (int32_t i = 0; i < response->topics.count; i++) {
        int result = judge_topic(outcome, values, &response->topics.items[i]);
        code = result != COMMAND_OK ? result : code;
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct rm_values *values = given;
    struct outcome outcome;
    struct errand errand;
    if (arguments->count == 0 && values->choice.pattern == NULL) {
        return command_misuse(world, "name a topic, or -r REGEX");
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code == 0) {
        outcome_open(&outcome, &errand, "topic");
        code = delete_topics(&outcome, values, arguments);
        outcome_close(&outcome, code);
        errand_close(&errand);
    }
    return code;
}

static const struct flag flags[] = {
    FLAG(0, "if-exists", BOOL, struct rm_values, choice.may_miss, NULL,
         "do nothing when it is not there"),
    FLAG('r', "regex", STRING, struct rm_values, choice.pattern, "REGEX",
         "topics whose names match"),
    ERRAND_OUTPUT_FLAG(struct rm_values),
    ERRAND_FLAGS(struct rm_values),
};

const struct command command_topic_rm = {
    .noun = "topic",
    .verb = "rm",
    .arguments = "TOPIC...",
    .summary = "deletes topics with all their records",
    .examples = "tidemill topic rm old-logs\ntidemill topic rm -r 'test-.*' --if-exists\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct rm_values),
    .argument_max = -1,
    .run = run,
};
