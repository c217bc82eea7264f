/* IncrementalAlterConfigs (key 44, KIP-339): sets, removes, appends to and subtracts from single
 * values. Loggers are this broker's own; all else is decided by the controller. */
#include "log/base/error.h"
#include "log/server/api.h"
#include "log/server/loggers.h"
#include "log/server/server_state.h"

struct incremental_alter_configs {
    struct request *request;
    struct controller_alter_configs operation;
};

static void incremental_alter_configs_on_done(struct controller_operation *operation)
{
    struct incremental_alter_configs *alteration = operation->owner;
    struct request *request = alteration->request;
    struct incremental_alter_configs_response response = {0};
    size_t count = alteration->operation.count;
    response.resources.count = (int32_t)count;
    response.resources.items =
        arena_array(&request->arena, struct incremental_alter_configs_response_resource, count);
    for (size_t i = 0; i < count; i++) {
        const struct controller_resource *resource = &alteration->operation.resources[i];
        struct controller_resource_result *result = &alteration->operation.results[i];
        if (operation->error == 0 && result->error == 0 &&
            resource->kind == CONTROLLER_RESOURCE_LOGGER) {
            loggers_alter(&request->arena, request->server->parts.node_id, resource,
                          alteration->operation.is_validate_only, result);
        }
        response.resources.items[i] = (struct incremental_alter_configs_response_resource){
            .error_code = error_code(operation->error != 0 ? operation->error : result->error),
            .error_message = bytes_from_string(operation->error != 0 ? NULL : result->message),
            .resource_type = resource->kind,
            .resource_name = resource->name};
    }
    request_answer(request, &response);
}

void api_incremental_alter_configs(struct request *request)
{
    const struct incremental_alter_configs_request *asked =
        request_message(request, incremental_alter_configs_request);
    struct incremental_alter_configs *alteration =
        arena_new(&request->arena, struct incremental_alter_configs);
    int32_t count = asked->resources.count;
    struct controller_resource *resources =
        arena_array(&request->arena, struct controller_resource, count);
    for (int32_t i = 0; i < count; i++) {
        const struct incremental_alter_configs_request_resource *from = &asked->resources.items[i];
        struct controller_change *changes =
            arena_array(&request->arena, struct controller_change, from->configs.count);
        for (int32_t j = 0; j < from->configs.count; j++) {
            changes[j] =
                (struct controller_change){.name = from->configs.items[j].name,
                                           .value = from->configs.items[j].value,
                                           .kind = from->configs.items[j].config_operation};
        }
        resources[i] = (struct controller_resource){.kind = from->resource_type,
                                                    .name = from->resource_name,
                                                    .changes = changes,
                                                    .change_count = from->configs.count};
    }
    alteration->request = request;
    alteration->operation =
        (struct controller_alter_configs){.operation = {.done = incremental_alter_configs_on_done,
                                                        .owner = alteration,
                                                        .arena = &request->arena},
                                          .resources = resources,
                                          .count = (size_t)count,
                                          .is_incremental = true,
                                          .is_validate_only = asked->validate_only};
    controller_alter_configs(request->server->parts.controller, &alteration->operation);
}
