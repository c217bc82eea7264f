/* tidemill topic alter: changes settings of a topic, or gives it more partitions. */
#include "log/base/error.h"
#include "runtime/cli/errand.h"

#include <string.h>

struct alter_values {
    struct errand_flags errand;
    struct flag_list set;
    struct flag_list unset;
    struct flag_list append;
    struct flag_list subtract;
    int64_t partition_count;
    bool is_dry;
};

enum { TOPIC_RESOURCE = 2 };

typedef struct incremental_alter_configs_request_config alter_config;

/* The operations are those of KIP-339, in its order. */
static bool add_changes(struct errand *errand, const struct flag_list *list, int8_t operation,
                        alter_config *items, int32_t *count)
{
    static const int8_t unset = 1;
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i], *equals = strchr(text, '=');
        if (operation != unset && equals == NULL) {
            command_misuse(errand->world, "a change takes NAME=VALUE, not '%s'", text);
            return false;
        }
        size_t size = equals == NULL ? strlen(text) : (size_t)(equals - text);
        items[(*count)++] = (alter_config){
            .name = bytes_make(text, size),
            .config_operation = operation,
            .value = bytes_from_string(operation == unset ? NULL : equals + 1),
        };
    }
    return true;
}

static int alter_configs(struct errand *errand, const struct alter_values *values,
                         const char *topic)
{
    const struct flag_list *lists[] = {&values->set, &values->unset, &values->append,
                                       &values->subtract};
    size_t count =
        values->set.count + values->unset.count + values->append.count + values->subtract.count;
    if (count == 0) {
        return COMMAND_OK;
    }
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = TOPIC_RESOURCE,
        .resource_name = bytes_from_string(topic),
    };
    resource.configs.items = arena_array(&errand->arena, alter_config, count);
    for (int8_t i = 0; i < 4; i++) {
        if (!add_changes(errand, lists[i], i, resource.configs.items, &resource.configs.count)) {
            return COMMAND_MISUSED;
        }
    }
    struct incremental_alter_configs_request request = {.validate_only = values->is_dry};
    request.resources.items = &resource;
    request.resources.count = 1;
    const void *found;
    int error =
        errand_call(errand, CLIENT_CONTROLLER, API_INCREMENTAL_ALTER_CONFIGS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, "changing settings");
    }
    const struct incremental_alter_configs_response *response = found;
    for (int32_t i = 0; i < response->resources.count; i++) {
        if (response->resources.items[i].error_code != 0) {
            return errand_refuse(errand, topic, response->resources.items[i].error_code,
                                 response->resources.items[i].error_message);
        }
    }
    buffer_printf(&errand->out, "%s the settings of topic %s.\n",
                  values->is_dry ? "Could change" : "Changed", topic);
    return COMMAND_OK;
}

static int add_partitions(struct errand *errand, const struct alter_values *values,
                          const char *topic)
{
    struct create_partitions_request_topic row = {
        .name = bytes_from_string(topic),
        .count = (int32_t)values->partition_count,
    };
    row.assignments.count = -1;
    struct create_partitions_request request = {.timeout_ms = 30000,
                                                .validate_only = values->is_dry};
    request.topics.items = &row;
    request.topics.count = 1;
    const void *found;
    int error = errand_call(errand, CLIENT_CONTROLLER, API_CREATE_PARTITIONS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, "adding partitions");
    }
    const struct create_partitions_response *response = found;
    for (int32_t i = 0; i < response->results.count; i++) {
        if (response->results.items[i].error_code != 0) {
            return errand_refuse(errand, topic, response->results.items[i].error_code,
                                 response->results.items[i].error_message);
        }
    }
    buffer_printf(&errand->out, "Topic %s %s %lld partitions.\n", topic,
                  values->is_dry ? "could have" : "has", (long long)values->partition_count);
    return COMMAND_OK;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct alter_values *values = given;
    struct errand errand;
    if (values->partition_count < 0 || values->partition_count > INT32_MAX) {
        return command_misuse(world, "-p takes the new number of partitions");
    }
    if (values->partition_count == 0 && values->set.count == 0 && values->unset.count == 0 &&
        values->append.count == 0 && values->subtract.count == 0) {
        return command_misuse(world, "nothing to change; use -c NAME=VALUE, --unset NAME, "
                                     "--append, --subtract or -p N");
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    for (size_t i = 0; i < arguments->count && code == COMMAND_OK; i++) {
        code = alter_configs(&errand, values, arguments->items[i]);
        if (code == COMMAND_OK && values->partition_count > 0) {
            code = add_partitions(&errand, values, arguments->items[i]);
        }
    }
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG('c', "set", LIST, struct alter_values, set, "NAME=VALUE", "gives a setting a value"),
    FLAG(0, "unset", LIST, struct alter_values, unset, "NAME", "gives it the default again"),
    FLAG(0, "append", LIST, struct alter_values, append, "NAME=ITEM", "adds to a list"),
    FLAG(0, "subtract", LIST, struct alter_values, subtract, "NAME=ITEM", "takes from a list"),
    FLAG('p', "partitions", INT, struct alter_values, partition_count, "N",
         "the new number of partitions"),
    FLAG(0, "dry-run", BOOL, struct alter_values, is_dry, NULL, "only ask whether it would work"),
    ERRAND_FLAGS(struct alter_values),
};

const struct command command_topic_alter = {
    .noun = "topic",
    .verb = "alter",
    .arguments = "TOPIC...",
    .summary = "changes settings or adds partitions",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct alter_values),
    .argument_min = 1,
    .argument_max = -1,
    .run = run,
};
