/* From a definition to a kind and its parsed options; see connector_config.h. */
#include "runtime/connect/connector_config.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/connect/task_context.h"
#include "runtime/topology/topic_pattern.h"

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
            return report_add(report, NULL,
                              "the name has a character other than letters, digits, '.', '_' "
                              "and '-'");
        }
    }
    if (size == 0 || size > 200) {
        return report_add(report, NULL, "a connector's name has 1 to 200 characters");
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
                return report_add(report, NULL, "names more than %d topics",
                                  CONNECTOR_CONFIG_TOPIC_MAX);
            }
            if (memchr(value, '*', size) != NULL || memchr(value, '?', size) != NULL) {
                return report_add(report, NULL,
                                  "'%.*s' is a pattern; topics are read by their names: list "
                                  "them, or give a regular expression (S.pattern, topics.regex)",
                                  (int)size, value);
            }
            config->topics[config->topic_count++] = bytes_to_string(bytes_make(value, size));
        }
        value += size + (value[size] != 0);
    }
    return 0;
}

static int connector_config_take_pattern(struct connector_config *config, const char *value,
                                         struct report *report)
{
    struct topic_pattern *pattern = NULL;
    if (topic_pattern_new(value == NULL ? "" : value, NULL, &pattern, report) != 0) {
        return ERROR_INVALID;
    }
    topic_pattern_free(pattern);
    free(config->topic_pattern);
    config->topic_pattern = memory_string(value);
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
    if (!config->is_source && strcmp(setting->name, "topics.regex") == 0) {
        int error = connector_config_take_pattern(config, setting->value, report);
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
            return report_add(report, NULL, "option 'from' is earliest or latest, not \"%s\"",
                              setting->value == NULL ? "" : setting->value);
        }
        config->is_from_latest = is_latest;
        return 1;
    }
    return 0;
}

/* What only the plugin can judge: options that do not fit together. */
static int connector_config_validate(struct connector_config *config, struct report *report)
{
    struct task_context context;
    task_context_init(&context, config->io, config->id, config->kind,
                      plugin_options_values(config->options));
    if (config->kind->validate == NULL || config->kind->validate(&context.context) == TIDEMILL_OK) {
        return 0;
    }
    return report_add(report, NULL, "%s", context.failure);
}

/* The framework's options first, so that a slip in their names is found, too. */
static int connector_config_report_unknown(const struct connector_config *config, const char *name,
                                           struct report *report)
{
    static const char *const common[] = {
        "topic", "topics", "topics.regex", "errors.deadletterqueue.topic.name", "dead_letter_topic",
        "from"};
    size_t common_count = sizeof common / sizeof common[0];
    size_t count = 0;
    const char **names =
        memory_zero(common_count + config->kind->option_count, sizeof(const char *));
    for (; count < common_count; count++) {
        names[count] = common[count];
    }
    for (size_t i = 0; i < config->kind->option_count; i++) {
        names[count++] = config->kind->options[i].name;
    }
    const char *nearest = text_nearest(name, names, count);
    free(names);
    return report_add(report, NULL, "option '%s' is unknown to the %s %s%s%s%s", name,
                      config->is_source ? "source" : "sink", config->kind->name,
                      nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest,
                      nearest == NULL ? "" : "'?");
}

static int connector_config_parse_options(struct connector_config *config,
                                          const struct plugin_setting *settings, size_t count,
                                          struct report *report)
{
    struct report inner = {0};
    for (size_t i = 0; i < count; i++) {
        if (plugin_options_find(config->kind, settings[i].name) == NULL) {
            return connector_config_report_unknown(config, settings[i].name, report);
        }
    }
    if (plugin_options_parse(config->kind, settings, count, &config->options, &inner) != 0) {
        return report_add(report, NULL, "option '%s' %s", inner.place, inner.text);
    }
    return connector_config_validate(config, report);
}

static int connector_config_validate_topics(const struct connector_config *config,
                                            struct report *report)
{
    if (config->topic_count == 0 && config->topic_pattern == NULL) {
        return report_add(report, NULL, "option '%s' must be given: where its records %s",
                          config->is_source ? "topic" : "topics",
                          config->is_source ? "go" : "come from");
    }
    if (config->is_source && config->topic_count > 1) {
        return report_add(report, NULL, "a source writes to one topic, not %zu",
                          config->topic_count);
    }
    if (config->topic_count > 0 && config->topic_pattern != NULL) {
        return report_add(report, NULL,
                          "a sink reads topics or a pattern (topics.regex), not both");
    }
    return 0;
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
        result = connector_config_parse_options(config, rest, rest_count, report);
    }
    free(rest);
    return result != 0 ? result : connector_config_validate_topics(config, report);
}

/* The library that has the kind: NAME.so holds kind NAME, a Connect class is looked for in all. */
struct connector_config_search {
    const char *type;
    enum tidemill_kind_type kind_type;
    const char *const *directories;
    size_t directory_count;
    struct plugin *found;
    char **names; /* of the kinds of this type that are there */
    size_t name_count;
};

static void connector_config_add_names(struct connector_config_search *search,
                                       const struct plugin *plugin)
{
    for (size_t i = 0; i < plugin_kind_count(plugin); i++) {
        const struct tidemill_kind *kind = plugin_kind(plugin, i);
        if (kind->type == search->kind_type) {
            search->names =
                memory_resize(search->names, (search->name_count + 1) * sizeof *search->names);
            search->names[search->name_count++] = memory_string(kind->name);
        }
    }
}

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
        connector_config_add_names(search, plugin);
        plugin_close(plugin);
    }
}

/* No library has the kind: opening the one of its name says what is wrong with it. */
static int connector_config_report_missing(const struct connector_config *config,
                                           const struct connector_config_search *search,
                                           struct report *report)
{
    const char *role = config->is_source ? "source" : "sink";
    struct plugin *plugin = NULL;
    struct report inner = {0};
    int error =
        plugin_open(search->type, search->directories, search->directory_count, &plugin, &inner);
    plugin_close(plugin);
    if (error == 0) {
        return report_add(report, NULL, "the plugin '%s' has no %s", search->type, role);
    }
    if (error != ERROR_NOT_FOUND) {
        return report_add(report, NULL, "%s%s%s", inner.place, inner.place[0] == 0 ? "" : " ",
                          inner.text);
    }
    const char *nearest =
        text_nearest(search->type, (const char *const *)search->names, search->name_count);
    struct buffer known;
    buffer_init(&known);
    for (size_t i = 0; i < search->name_count; i++) {
        buffer_printf(&known, "%s%s", i > 0 ? ", " : "", search->names[i]);
    }
    error = report_add(report, NULL,
                       "type '%s' is no known %s%s%s%s; known: %s; %s (--plugins DIR adds a place)",
                       search->type, role, nearest == NULL ? "" : ", did you mean '",
                       nearest == NULL ? "" : nearest, nearest == NULL ? "" : "'?",
                       search->name_count == 0 ? "none" : buffer_string(&known), inner.text);
    buffer_fini(&known);
    return error;
}

static int connector_config_find_plugin(struct connector_config *config, const char *type,
                                        const char *const *directories, size_t directory_count,
                                        struct report *report)
{
    struct connector_config_search search = {.type = type,
                                             .kind_type = config->is_source ? TIDEMILL_SOURCE
                                                                            : TIDEMILL_SINK,
                                             .directories = directories,
                                             .directory_count = directory_count};
    int error = 0;
    plugin_list(directories, directory_count, connector_config_search_library, &search);
    config->plugin = search.found;
    if (search.found != NULL) {
        config->kind = plugin_find_kind(search.found, search.kind_type, type);
    } else {
        error = connector_config_report_missing(config, &search, report);
    }
    for (size_t i = 0; i < search.name_count; i++) {
        free(search.names[i]);
    }
    free(search.names);
    return error;
}

void connector_config_fini(struct connector_config *config)
{
    for (size_t i = 0; i < config->topic_count; i++) {
        free(config->topics[i]);
    }
    free(config->topic_pattern);
    free(config->left_alone);
    plugin_options_free(config->options);
    plugin_close(config->plugin);
    free(config->dead_letter_topic);
    free(config->name);
    free(config->id);
}

static char *connector_config_make_id(const struct connector_definition *definition)
{
    struct buffer id;
    buffer_init(&id);
    if (definition->application != NULL) {
        buffer_printf(&id, "%s:", definition->application);
    }
    buffer_add_string(&id, definition->name);
    char *text = memory_string(buffer_string(&id));
    buffer_fini(&id);
    return text;
}

int connector_config_read(struct connector_config *config, struct io *io,
                          const char *const *directories, size_t directory_count,
                          const struct connector_definition *definition, struct report *report)
{
    *config = (struct connector_config){.io = io,
                                        .name = memory_string(definition->name),
                                        .id = connector_config_make_id(definition),
                                        .is_source = definition->is_source,
                                        .left_alone = memory_string(definition->left_alone),
                                        .instance_id = definition->instance_id};
    struct report inner = {0};
    int error = connector_config_validate_name(definition, &inner);
    if (error == 0) {
        error = connector_config_find_plugin(config, definition->type, directories, directory_count,
                                             &inner);
    }
    if (error == 0) {
        error = connector_config_parse(config, definition, &inner);
    }
    if (error != 0) {
        report_add(report, NULL, "connector %s: %s", definition->name, inner.text);
        connector_config_fini(config);
    }
    return error;
}
