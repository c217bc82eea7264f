/* From a definition to a kind and its parsed options; see connector_config.h. */
#include "runtime/connect/connector_config.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/connect/task_context.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static int connector_config_validate_name(const struct connector_definition *definition,
                                          struct report *report)
{
    const char *name = definition->name;
    size_t size = strlen(name);
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)name[i]) && strchr("._-", name[i]) == NULL) {
            return report_add(report, name,
                              "the connector name \"%s\" has a character other than "
                              "letters, digits, '.', '_' and '-'",
                              name);
        }
    }
    if (size == 0 || size > 200) {
        return report_add(report, name, "a connector name has 1 to 200 characters");
    }
    return 0;
}

static int connector_config_add_topics(struct connector_config *config, const char *value,
                                       struct report *report)
{
    while (value != NULL && *value != 0) {
        size_t size = strcspn(value, ", ");
        if (size > 0) {
            if (config->topic_count == CONNECTOR_CONFIG_TOPIC_MAX) {
                return report_add(report, config->name, "%s names more than %d topics",
                                  config->name, CONNECTOR_CONFIG_TOPIC_MAX);
            }
            config->topics[config->topic_count++] = bytes_to_string(bytes_make(value, size));
        }
        value += size + (value[size] != 0);
    }
    return 0;
}

/* Takes the framework's own settings; 1 when the setting is one of them. */
static int connector_config_take_setting(struct connector_config *config,
                                         const struct plugin_setting *setting,
                                         struct report *report)
{
    if (strcmp(setting->name, config->is_source ? "topic" : "topics") == 0 ||
        (!config->is_source && strcmp(setting->name, "topic") == 0)) {
        int error = connector_config_add_topics(config, setting->value, report);
        return error != 0 ? error : 1;
    }
    if (strcmp(setting->name, "errors.deadletterqueue.topic.name") == 0 ||
        strcmp(setting->name, "dead_letter_topic") == 0) {
        free(config->dead_letter_topic);
        config->dead_letter_topic = memory_string(setting->value);
        return 1;
    }
    if (!config->is_source && strcmp(setting->name, "from") == 0) {
        bool is_latest = setting->value != NULL && strcmp(setting->value, "latest") == 0;
        if (!is_latest && (setting->value == NULL || strcmp(setting->value, "earliest") != 0)) {
            return report_add(report, config->name, "%s: from is earliest or latest, not \"%s\"",
                              config->name, setting->value == NULL ? "" : setting->value);
        }
        config->is_from_latest = is_latest;
        return 1;
    }
    return 0;
}

/* What only the plugin can judge: options that do not fit together. */
static int connector_config_validate(struct connector_config *config, struct report *report)
{
    struct tidemill_host host = {0};
    struct task_context context = {.io = config->io};
    task_context_fill_host(&host);
    context.context = (struct tidemill_context){.size = sizeof(struct tidemill_context),
                                                .task_count = 1,
                                                .connector = config->name,
                                                .host = &host,
                                                .kind = config->kind,
                                                .values = plugin_options_values(config->options)};
    if (config->kind->validate == NULL || config->kind->validate(&context.context) == TIDEMILL_OK) {
        return 0;
    }
    return report_add(report, config->name, "%s: %s", config->name, context.failure);
}

static int connector_config_parse(struct connector_config *config,
                                  const struct connector_definition *definition,
                                  struct report *report)
{
    struct plugin_setting *rest = memory_zero(definition->setting_count, sizeof *rest);
    size_t rest_count = 0;
    int result = 0;
    for (size_t i = 0; i < definition->setting_count && result >= 0; i++) {
        result = connector_config_take_setting(config, &definition->settings[i], report);
        if (result == 0) {
            rest[rest_count++] = definition->settings[i];
        }
    }
    if (result >= 0) {
        result = plugin_options_parse(config->kind, rest, rest_count, &config->options, report);
    }
    free(rest);
    if (result == 0) {
        result = connector_config_validate(config, report);
    }
    if (result == 0 && config->topic_count == 0) {
        result = report_add(report, config->name, "the connector %s names no %s", config->name,
                            config->is_source ? "topic" : "topics");
    }
    if (result == 0 && config->is_source && config->topic_count > 1) {
        result = report_add(report, config->name, "the source %s writes to one topic, not %zu",
                            config->name, config->topic_count);
    }
    return result;
}

/* The library that has the kind: NAME.so holds kind NAME, a Connect class is looked for in all. */
struct connector_config_search {
    const char *type;
    enum tidemill_kind_type kind_type;
    const char *const *directories;
    size_t directory_count;
    struct plugin *found;
};

static void connector_config_search_library(void *data, const char *name, const char *path)
{
    (void)path;
    struct connector_config_search *search = data;
    struct plugin *plugin = NULL;
    struct report ignored = {0};
    if (search->found != NULL ||
        plugin_open(name, search->directories, search->directory_count, &plugin, &ignored) != 0) {
        return;
    }
    if (plugin_find_kind(plugin, search->kind_type, search->type) != NULL) {
        search->found = plugin;
    } else {
        plugin_close(plugin);
    }
}

static int connector_config_find_plugin(struct connector_config *config, const char *type,
                                        const char *const *directories, size_t directory_count,
                                        struct report *report)
{
    enum tidemill_kind_type kind_type = config->is_source ? TIDEMILL_SOURCE : TIDEMILL_SINK;
    struct connector_config_search search = {.type = type,
                                             .kind_type = kind_type,
                                             .directories = directories,
                                             .directory_count = directory_count};
    plugin_list(directories, directory_count, connector_config_search_library, &search);
    config->plugin = search.found;
    if (search.found != NULL) {
        config->kind = plugin_find_kind(search.found, kind_type, type);
        return 0;
    }
    /* Opening it by its name says what is wrong with it. */
    int error = plugin_open(type, directories, directory_count, &config->plugin, report);
    if (error == 0) {
        error = report_add(report, config->name, "the plugin %s has no %s", type,
                           config->is_source ? "source" : "sink");
    }
    return error;
}

void connector_config_fini(struct connector_config *config)
{
    for (size_t i = 0; i < config->topic_count; i++) {
        free(config->topics[i]);
    }
    plugin_options_free(config->options);
    plugin_close(config->plugin);
    free(config->dead_letter_topic);
    free(config->name);
}

int connector_config_read(struct connector_config *config, struct io *io,
                          const char *const *directories, size_t directory_count,
                          const struct connector_definition *definition, struct report *report)
{
    *config = (struct connector_config){.io = io,
                                        .name = memory_string(definition->name),
                                        .is_source = definition->is_source,
                                        .instance_id = definition->instance_id};
    int error = connector_config_validate_name(definition, report);
    if (error == 0) {
        error = connector_config_find_plugin(config, definition->type, directories, directory_count,
                                             report);
    }
    if (error == 0) {
        error = connector_config_parse(config, definition, report);
    }
    if (error != 0) {
        connector_config_fini(config);
    }
    return error;
}
