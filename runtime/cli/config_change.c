/* See config_change.h. The operations are those of KIP-339, in its order. */
#include "runtime/cli/config_change.h"

#include <string.h>

typedef struct incremental_alter_configs_request_config alter_config;

enum { CHANGE_UNSET = 1, CHANGE_KINDS = 4 };

bool config_change_is_empty(const struct config_change *change)
{
    return change->set.count + change->unset.count + change->append.count +
               change->subtract.count ==
           0;
}

static int add_changes(struct errand *errand, const struct flag_list *list, int8_t operation,
                       alter_config *items, int32_t *count)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i], *equals = strchr(text, '=');
        if (operation != CHANGE_UNSET && equals == NULL) {
            return command_misuse(errand->world, "a change takes NAME=VALUE, not '%s'", text);
        }
        size_t size = equals == NULL ? strlen(text) : (size_t)(equals - text);
        items[(*count)++] = (alter_config){
            .name = bytes_make(text, size),
            .config_operation = operation,
            .value = bytes_from_string(operation == CHANGE_UNSET ? NULL : equals + 1),
        };
    }
    return COMMAND_OK;
}

int config_change_apply(struct errand *errand, const struct config_change *change)
{
    const struct flag_list *lists[CHANGE_KINDS] = {&change->set, &change->unset, &change->append,
                                                   &change->subtract};
    size_t count =
        change->set.count + change->unset.count + change->append.count + change->subtract.count;
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = change->type,
        .resource_name = bytes_from_string(change->name),
    };
    resource.configs.items = arena_array(&errand->arena, alter_config, count + 1);
    for (int8_t i = 0; i < CHANGE_KINDS; i++) {
        int code =
            add_changes(errand, lists[i], i, resource.configs.items, &resource.configs.count);
        if (code != COMMAND_OK) {
            return code;
        }
    }
    struct incremental_alter_configs_request request = {.validate_only = change->is_dry};
    request.resources.items = &resource;
    request.resources.count = 1;
    const void *found;
    int error =
        errand_call(errand, change->target, API_INCREMENTAL_ALTER_CONFIGS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, "changing settings");
    }
    const struct incremental_alter_configs_response *response = found;
    for (int32_t i = 0; i < response->resources.count; i++) {
        if (response->resources.items[i].error_code != 0) {
            const char *subject = change->name[0] == '\0' ? "all brokers" : change->name;
            return errand_refuse(errand, subject, response->resources.items[i].error_code,
                                 response->resources.items[i].error_message);
        }
    }
    return COMMAND_OK;
}
