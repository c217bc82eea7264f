/* See config_target.h. */
#include "runtime/cli/config_target.h"

#include "log/base/text.h"

#include <string.h>

enum {
    RESOURCE_TOPIC = 2,
    RESOURCE_BROKER = 4,
    SOURCE_TOPIC = 1,
    SOURCE_BROKER = 2,
    SOURCE_CLUSTER = 3
};

int config_target_read(struct command_world *world, const struct flag_list *arguments,
                       struct config_target *out)
{
    const char *kind = arguments->items[0], *name = arguments->items[1];
    int64_t number;
    *out = (struct config_target){.name = name, .node = CLIENT_ANY};
    if (strcmp(kind, "topic") == 0) {
        out->type = RESOURCE_TOPIC;
        out->is_topic = true;
        out->own_source = SOURCE_TOPIC;
        return COMMAND_OK;
    }
    if (strcmp(kind, "broker") != 0) {
        return command_misuse(world, "settings belong to a topic or a broker, not to a '%s'", kind);
    }
    out->type = RESOURCE_BROKER;
    out->own_source = SOURCE_BROKER;
    if (strcmp(name, "default") == 0) {
        out->name = "";
        out->own_source = SOURCE_CLUSTER;
        return COMMAND_OK;
    }
    if (text_parse_int64(name, &number) != 0 || number < 0 || number > INT32_MAX) {
        return command_misuse(world, "a broker is a number or 'default', not '%s'", name);
    }
    out->node = (int32_t)number;
    return COMMAND_OK;
}

int config_target_find(struct errand *errand, struct config_target *target)
{
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, target->is_topic ? &target->name : NULL,
                                     target->is_topic ? 1 : 0, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "looking for the cluster");
    }
    for (int32_t i = 0; target->is_topic && i < metadata->topics.count; i++) {
        if (metadata->topics.items[i].error_code != 0) {
            return errand_refuse(errand, target->name, metadata->topics.items[i].error_code,
                                 bytes_make(NULL, 0));
        }
    }
    for (int32_t i = 0; target->node >= 0 && i < metadata->brokers.count; i++) {
        if (metadata->brokers.items[i].node_id == target->node) {
            return COMMAND_OK;
        }
    }
    return target->node < 0 ? COMMAND_OK
                            : command_fail(errand->world,
                                           "there is no broker %s; 'tidemill cluster "
                                           "describe' lists them",
                                           target->name);
}
