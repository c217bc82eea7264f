/* See config_target.h. */
#include "runtime/cli/config_target.h"

#include "log/base/text.h"

#include <string.h>

enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4, SOURCE_BROKER = 2, SOURCE_CLUSTER = 3 };

/* Kinds of things that have names, as DescribeConfigs numbers them and what was set on them. */
static const struct {
    const char *kind;
    int8_t type;
    int8_t own_source;
} named[] = {
    {"topic", RESOURCE_TOPIC, 1},
    {"client-metric", 16, 7},
    {"group", 32, 8},
};

int8_t config_target_listed(const char *kind)
{
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if (strcmp(kind, named[i].kind) == 0) {
            return named[i].type;
        }
    }
    return 0;
}

static int read_broker(struct command_world *world, const char *name, struct config_target *out)
{
    int64_t number;
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

int config_target_read(struct command_world *world, const struct flag_list *arguments,
                       struct config_target *out)
{
    const char *kind = arguments->items[0], *name = arguments->items[1];
    *out = (struct config_target){.name = name, .node = CLIENT_ANY};
    if (strcmp(kind, "broker") == 0) {
        return read_broker(world, name, out);
    }
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        if (strcmp(kind, named[i].kind) == 0) {
            out->type = named[i].type;
            out->is_topic = named[i].type == RESOURCE_TOPIC;
            out->own_source = named[i].own_source;
            return COMMAND_OK;
        }
    }
    return command_misuse(world,
                          "settings belong to a topic, broker, group or client-metric, not to a "
                          "'%s'",
                          kind);
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
