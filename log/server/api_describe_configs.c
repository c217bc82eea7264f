/* DescribeConfigs (key 32): every value of a topic, this broker, its logger, a group or a
 * subscription to client metrics, with where it comes from. */
#include "log/base/error.h"
#include "log/base/text.h"
#include "log/server/api.h"
#include "log/server/loggers.h"
#include "log/server/repetition.h"
#include "log/server/server_state.h"

#include <string.h>

static bool describe_configs_is_asked(const struct describe_configs_request_resource *asked,
                                      const char *name)
{
    if (asked->configuration_keys.count < 0) {
        return true;
    }
    for (int32_t i = 0; i < asked->configuration_keys.count; i++) {
        if (bytes_equal_string(asked->configuration_keys.items[i], name)) {
            return true;
        }
    }
    /* Old clients send an empty list for everything. */
    return asked->configuration_keys.count == 0;
}

static void describe_configs_fill_synonyms(struct arena *arena, const struct config_entry *from,
                                           struct describe_configs_response_config *to)
{
    to->synonyms.count = (int32_t)from->synonym_count;
    to->synonyms.items =
        arena_array(arena, struct describe_configs_response_synonym, from->synonym_count);
    for (size_t i = 0; i < from->synonym_count; i++) {
        const struct config_synonym *synonym = &from->synonyms[i];
        to->synonyms.items[i] =
            (struct describe_configs_response_synonym){.name = bytes_from_string(synonym->name),
                                                       .value = bytes_from_string(synonym->value),
                                                       .source = (int8_t)synonym->source};
    }
}

static void describe_configs_fill(struct request *request,
                                  const struct describe_configs_request_resource *asked,
                                  const struct config_entry *entries, size_t count,
                                  struct describe_configs_response_result *answer)
{
    const struct describe_configs_request *message =
        request_message(request, describe_configs_request);
    answer->configs.items =
        arena_array(&request->arena, struct describe_configs_response_config, count);
    for (size_t i = 0; i < count; i++) {
        const struct config_entry *entry = &entries[i];
        if (!describe_configs_is_asked(asked, entry->name)) {
            continue;
        }
        struct describe_configs_response_config *config =
            &answer->configs.items[answer->configs.count++];
        *config = (struct describe_configs_response_config){
            .name = bytes_from_string(entry->name),
            .value = bytes_from_string(entry->value),
            .read_only = entry->is_read_only,
            .config_source = (int8_t)entry->source,
            .is_sensitive = entry->is_sensitive,
            .config_type = entry->type,
            .documentation = bytes_from_string(message->include_documentation ? entry->doc : NULL)};
        if (message->include_synonyms) {
            describe_configs_fill_synonyms(&request->arena, entry, config);
        }
    }
}

static void describe_configs_topic(struct request *request,
                                   const struct describe_configs_request_resource *asked,
                                   struct describe_configs_response_result *answer)
{
    struct meta *meta = request->server->parts.meta;
    const struct meta_topic *topic = meta_find_topic(meta, asked->resource_name);
    if (topic == NULL) {
        bool is_wrong = meta_refuse_topic_name(asked->resource_name)[0] != 0;
        int error = is_wrong ? ERROR_INVALID_TOPIC : ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        answer->error_code = error_code(error);
        answer->error_message = bytes_from_string(error_text(error));
        return;
    }
    struct config_layers layers = meta_config_layers(meta, topic);
    struct config_entry *entries = NULL;
    size_t count = config_describe_topic(&layers, &request->arena, &entries);
    describe_configs_fill(request, asked, entries, count, answer);
}

/* Moves what comes from the dynamic values of all brokers to the front; how many there are. */
static size_t describe_configs_keep_common(struct config_entry *entries, size_t count)
{
    size_t kept_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].source == CONFIG_SOURCE_ALL_BROKERS) {
            entries[kept_count++] = entries[i];
        }
    }
    return kept_count;
}

/* This broker, or with an empty name what was set for all of them. */
static void describe_configs_broker(struct request *request,
                                    const struct describe_configs_request_resource *asked,
                                    struct describe_configs_response_result *answer)
{
    struct server *server = request->server;
    char *name = arena_string(&request->arena, asked->resource_name);
    int64_t node_id = -1;
    if (name[0] != 0 &&
        (text_parse_int64(name, &node_id) != 0 || node_id != server->parts.node_id)) {
        answer->error_code = error_code(ERROR_INVALID_REQUEST);
        answer->error_message = bytes_from_string(
            arena_printf(&request->arena, "there is no broker \"%s\" here; this one is %d", name,
                         (int)server->parts.node_id));
        return;
    }
    struct config_layers layers = meta_config_layers(server->parts.meta, NULL);
    struct config_entry *entries = NULL;
    if (name[0] == 0) {
        layers.broker = NULL;
    }
    size_t count = config_describe_broker(&layers, &request->arena, &entries);
    if (name[0] == 0) {
        count = describe_configs_keep_common(entries, count);
    }
    describe_configs_fill(request, asked, entries, count, answer);
}

static void describe_configs_logger(struct request *request,
                                    const struct describe_configs_request_resource *asked,
                                    struct describe_configs_response_result *answer)
{
    const char *message = NULL;
    struct config_entry *entries = NULL;
    int error = loggers_judge_name(&request->arena, request->server->parts.node_id,
                                   asked->resource_name, &message);
    answer->error_code = error_code(error);
    answer->error_message = bytes_from_string(message);
    if (error == 0) {
        size_t count = loggers_describe(&request->arena, &entries);
        describe_configs_fill(request, asked, entries, count, answer);
    }
}

/* Also of one on which nothing is set: it has the defaults. */
static void describe_configs_plain(struct request *request,
                                   const struct describe_configs_request_resource *asked,
                                   struct describe_configs_response_result *answer)
{
    struct meta *meta = request->server->parts.meta;
    bool is_group = asked->resource_type == CONTROLLER_RESOURCE_GROUP;
    if (asked->resource_name.size == 0) {
        answer->error_code = error_code(ERROR_INVALID_REQUEST);
        answer->error_message =
            bytes_from_string(is_group ? "Group name must not be empty"
                                       : "Client metrics subscription name must not be empty");
        return;
    }
    const struct meta_resource *resource =
        meta_find_resource(meta, asked->resource_type, asked->resource_name);
    struct config_layers layers = meta_config_layers(meta, NULL);
    struct config_entry *entries = NULL;
    layers.own = resource == NULL ? NULL : &resource->configs;
    size_t count = is_group ? config_describe_group(&layers, &request->arena, &entries)
                            : config_describe_client_metrics(&layers, &request->arena, &entries);
    describe_configs_fill(request, asked, entries, count, answer);
}

static void describe_configs_serve(struct request *request,
                                   const struct describe_configs_request_resource *asked,
                                   struct describe_configs_response_result *answer)
{
    answer->resource_type = asked->resource_type;
    answer->resource_name = asked->resource_name;
    switch ((enum controller_resource_kind)asked->resource_type) {
    case CONTROLLER_RESOURCE_TOPIC:
        describe_configs_topic(request, asked, answer);
        return;
    case CONTROLLER_RESOURCE_BROKER:
        describe_configs_broker(request, asked, answer);
        return;
    case CONTROLLER_RESOURCE_LOGGER:
        describe_configs_logger(request, asked, answer);
        return;
    case CONTROLLER_RESOURCE_CLIENT_METRICS:
    case CONTROLLER_RESOURCE_GROUP:
        describe_configs_plain(request, asked, answer);
        return;
    }
    answer->error_code = error_code(ERROR_INVALID_REQUEST);
    answer->error_message = bytes_from_string(
        arena_printf(&request->arena, "Unsupported resource type: %d", asked->resource_type));
}

void api_describe_configs(struct request *request)
{
    const struct describe_configs_request *message =
        request_message(request, describe_configs_request);
    struct describe_configs_response response = {0};
    int32_t count = message->resources.count;
    struct repetition repetition;
    struct buffer key;
    repetition_init(&repetition);
    buffer_init(&key);
    response.results.items =
        arena_array(&request->arena, struct describe_configs_response_result, count);
    for (int32_t i = 0; i < count; i++) {
        const struct describe_configs_request_resource *asked = &message->resources.items[i];
        if (repetition_is_first(&repetition,
                                repetition_key(&key, asked->resource_name, asked->resource_type))) {
            describe_configs_serve(request, asked,
                                   &response.results.items[response.results.count++]);
        }
    }
    buffer_fini(&key);
    repetition_fini(&repetition);
    request_answer(request, &response);
}
