/* One logger and its level; see loggers.h. Kafka's FATAL and TRACE are the nearest that there is.
 */
#include "log/server/loggers.h"

#include "log/base/error.h"
#include "log/base/text.h"
#include "log/base/trace.h"

#include <inttypes.h>

static const struct {
    const char *name;
    enum trace_level level;
} loggers_levels[] = {
    {"ERROR", TRACE_ERROR}, {"WARN", TRACE_WARN},   {"INFO", TRACE_INFO},
    {"DEBUG", TRACE_DEBUG}, {"FATAL", TRACE_ERROR}, {"TRACE", TRACE_DEBUG},
};

enum { LOGGERS_LEVEL_COUNT = sizeof loggers_levels / sizeof *loggers_levels };

static const char LOGGERS_ROOT[] = "root";

static const char *loggers_level_name(enum trace_level level)
{
    size_t index = 0;
    while (loggers_levels[index].level != level) {
        index++;
    }
    return loggers_levels[index].name;
}

static bool loggers_find_level(struct bytes name, enum trace_level *out)
{
    for (size_t i = 0; i < LOGGERS_LEVEL_COUNT; i++) {
        if (bytes_equal_string(name, loggers_levels[i].name)) {
            *out = loggers_levels[i].level;
            return true;
        }
    }
    return false;
}

size_t loggers_describe(struct arena *arena, struct config_entry **out)
{
    *out = arena_new(arena, struct config_entry);
    **out = (struct config_entry){.name = LOGGERS_ROOT,
                                  .value = loggers_level_name(trace_get_level()),
                                  .source = CONFIG_SOURCE_LOGGER};
    return 1;
}

int loggers_judge_name(struct arena *arena, int32_t node_id, struct bytes name,
                       const char **message)
{
    int64_t asked = -1;
    char *text = arena_string(arena, name);
    if (name.size == 0) {
        *message = "Broker id must not be empty";
        return ERROR_INVALID_REQUEST;
    }
    if (text_parse_int64(text, &asked) != 0) {
        *message = arena_printf(arena, "Broker id must be an integer, but it is: %s", text);
        return ERROR_INVALID_REQUEST;
    }
    if (asked != node_id) {
        *message = arena_printf(arena, "Unexpected broker id, expected %" PRId32 " but received %s",
                                node_id, text);
        return ERROR_INVALID_REQUEST;
    }
    return 0;
}

static void loggers_refuse(struct controller_resource_result *result, int error,
                           const char *message)
{
    result->error = error;
    result->message = message;
}

static void loggers_judge(struct arena *arena, const struct controller_change *change,
                          enum trace_level *level, struct controller_resource_result *result)
{
    if (change->kind == CONTROLLER_CHANGE_APPEND || change->kind == CONTROLLER_CHANGE_SUBTRACT) {
        loggers_refuse(
            result, ERROR_INVALID_REQUEST,
            arena_printf(arena, "%s operation is not allowed for the BROKER_LOGGER resource",
                         change->kind == CONTROLLER_CHANGE_APPEND ? "APPEND" : "SUBTRACT"));
    } else if (!bytes_equal_string(change->name, LOGGERS_ROOT)) {
        loggers_refuse(result, ERROR_INVALID_CONFIG,
                       arena_printf(arena, "Logger %.*s does not exist! There is only root",
                                    BYTES_FORMAT(change->name)));
    } else if (change->kind == CONTROLLER_CHANGE_DELETE) {
        loggers_refuse(result, ERROR_INVALID_REQUEST,
                       "Removing the log level of the root logger is not allowed");
    } else if (change->kind != CONTROLLER_CHANGE_SET) {
        loggers_refuse(result, ERROR_INVALID_REQUEST, "Unknown kind of change");
    } else if (!loggers_find_level(change->value, level)) {
        loggers_refuse(result, ERROR_INVALID_CONFIG,
                       arena_printf(arena,
                                    "Cannot set the log level of root to %.*s as it is not a "
                                    "supported log level. Valid log levels are DEBUG, ERROR, "
                                    "FATAL, INFO, TRACE, WARN",
                                    BYTES_FORMAT(change->value)));
    }
}

void loggers_alter(struct arena *arena, int32_t node_id, const struct controller_resource *resource,
                   bool is_validate_only, struct controller_resource_result *result)
{
    enum trace_level level = trace_get_level();
    const char *message = NULL;
    int error = loggers_judge_name(arena, node_id, resource->name, &message);
    if (error != 0) {
        loggers_refuse(result, error, message);
        return;
    }
    for (int32_t i = 0; i < resource->change_count && result->error == 0; i++) {
        loggers_judge(arena, &resource->changes[i], &level, result);
    }
    if (result->error == 0 && !is_validate_only) {
        trace_set_level(level);
    }
}
