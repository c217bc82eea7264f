/* Validates a connector's definition and keeps its task alive; see connector.h. */
#include "runtime/connect/connector.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/connect/sink_task.h"
#include "runtime/connect/source_task.h"
#include "runtime/connect/task_context.h"
#include "runtime/plugin/plugin.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECTOR_PAUSE_MIN_MS = 1000,
    CONNECTOR_PAUSE_MAX_MS = 300000,
    CONNECTOR_GOOD_MS = 60000,
    CONNECTOR_CHECKPOINT_MS = 5000,
    CONNECTOR_TOPIC_MAX = 256,
};

struct connector {
    struct io *io;
    struct client *client;
    struct client *fetch_client; /* its answers may wait behind long polls */
    struct producer *producer;
    char *name;
    bool is_source;
    const char *instance_id;
    struct plugin *plugin;
    const struct tidemill_kind *kind;
    struct plugin_options *options;
    char *topics[CONNECTOR_TOPIC_MAX];
    size_t topic_count;
    char *dead_letter_topic;
    bool is_from_latest;

    struct source_task *source;
    struct sink_task *sink;
    enum connector_state state;
    bool is_task_closing;
    uint64_t started_ns;
    int64_t pause_ms;
    int64_t earlier_count; /* records of tasks that are gone */
    int64_t restart_count;
    char reason[640];
    struct io_timer timer;
    void (*closed)(void *owner);
    void *closed_owner;
};

static int connector_validate_name(const struct connector_definition *definition,
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

static int connector_add_topics(struct connector *connector, const char *value,
                                struct report *report)
{
    while (value != NULL && *value != 0) {
        size_t size = strcspn(value, ", ");
        if (size > 0) {
            if (connector->topic_count == CONNECTOR_TOPIC_MAX) {
                return report_add(report, connector->name, "%s names more than %d topics",
                                  connector->name, CONNECTOR_TOPIC_MAX);
            }
            connector->topics[connector->topic_count++] = bytes_to_string(bytes_make(value, size));
        }
        value += size + (value[size] != 0);
    }
    return 0;
}

/* Takes the framework's own settings; 1 when the setting is one of them. */
static int connector_take_setting(struct connector *connector, const struct plugin_setting *setting,
                                  struct report *report)
{
    if (strcmp(setting->name, connector->is_source ? "topic" : "topics") == 0 ||
        (!connector->is_source && strcmp(setting->name, "topic") == 0)) {
        int error = connector_add_topics(connector, setting->value, report);
        return error != 0 ? error : 1;
    }
    if (strcmp(setting->name, "errors.deadletterqueue.topic.name") == 0 ||
        strcmp(setting->name, "dead_letter_topic") == 0) {
        free(connector->dead_letter_topic);
        connector->dead_letter_topic = memory_string(setting->value);
        return 1;
    }
    if (!connector->is_source && strcmp(setting->name, "from") == 0) {
        bool is_latest = setting->value != NULL && strcmp(setting->value, "latest") == 0;
        if (!is_latest && (setting->value == NULL || strcmp(setting->value, "earliest") != 0)) {
            return report_add(report, connector->name, "%s: from is earliest or latest, not \"%s\"",
                              connector->name, setting->value == NULL ? "" : setting->value);
        }
        connector->is_from_latest = is_latest;
        return 1;
    }
    return 0;
}

/* What only the plugin can judge: options that do not fit together. */
static int connector_validate(struct connector *connector, struct report *report)
{
    struct tidemill_host host = {0};
    struct task_context context = {.io = connector->io};
    task_context_fill_host(&host);
    context.context =
        (struct tidemill_context){.size = sizeof(struct tidemill_context),
                                  .task_count = 1,
                                  .connector = connector->name,
                                  .host = &host,
                                  .kind = connector->kind,
                                  .values = plugin_options_values(connector->options)};
    if (connector->kind->validate == NULL ||
        connector->kind->validate(&context.context) == TIDEMILL_OK) {
        return 0;
    }
    return report_add(report, connector->name, "%s: %s", connector->name, context.failure);
}

static int connector_parse(struct connector *connector,
                           const struct connector_definition *definition, struct report *report)
{
    struct plugin_setting *rest = memory_zero(definition->setting_count, sizeof *rest);
    size_t rest_count = 0;
    int result = 0;
    for (size_t i = 0; i < definition->setting_count && result >= 0; i++) {
        result = connector_take_setting(connector, &definition->settings[i], report);
        if (result == 0) {
            rest[rest_count++] = definition->settings[i];
        }
    }
    if (result >= 0) {
        result =
            plugin_options_parse(connector->kind, rest, rest_count, &connector->options, report);
    }
    free(rest);
    if (result == 0) {
        result = connector_validate(connector, report);
    }
    if (result == 0 && connector->topic_count == 0) {
        result = report_add(report, connector->name, "the connector %s names no %s",
                            connector->name, connector->is_source ? "topic" : "topics");
    }
    if (result == 0 && connector->is_source && connector->topic_count > 1) {
        result = report_add(report, connector->name, "the source %s writes to one topic, not %zu",
                            connector->name, connector->topic_count);
    }
    return result;
}

/* The library that has the kind: NAME.so holds kind NAME, a Connect class is looked for in all. */
struct connector_search {
    const char *type;
    enum tidemill_kind_type kind_type;
    const char *const *directories;
    size_t directory_count;
    struct plugin *found;
};

static void connector_search_library(void *data, const char *name, const char *path)
{
    (void)path;
    struct connector_search *search = data;
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

static int connector_find_plugin(struct connector *connector, const char *type,
                                 const char *const *directories, size_t directory_count,
                                 struct report *report)
{
    enum tidemill_kind_type kind_type = connector->is_source ? TIDEMILL_SOURCE : TIDEMILL_SINK;
    struct connector_search search = {.type = type,
                                      .kind_type = kind_type,
                                      .directories = directories,
                                      .directory_count = directory_count};
    plugin_list(directories, directory_count, connector_search_library, &search);
    connector->plugin = search.found;
    if (search.found != NULL) {
        connector->kind = plugin_find_kind(search.found, kind_type, type);
        return 0;
    }
    /* Opening it by its name says what is wrong with it. */
    int error = plugin_open(type, directories, directory_count, &connector->plugin, report);
    if (error == 0) {
        error = report_add(report, connector->name, "the plugin %s has no %s", type,
                           connector->is_source ? "source" : "sink");
    }
    return error;
}

static void connector_free(struct connector *connector)
{
    for (size_t i = 0; i < connector->topic_count; i++) {
        free(connector->topics[i]);
    }
    plugin_options_free(connector->options);
    plugin_close(connector->plugin);
    free(connector->dead_letter_topic);
    free(connector->name);
    free(connector);
}

static int64_t connector_task_count(const struct connector *connector)
{
    if (connector->source != NULL) {
        return source_task_record_count(connector->source);
    }
    return connector->sink != NULL ? sink_task_record_count(connector->sink) : 0;
}

static void connector_start_task(struct connector *connector);

static void connector_on_timer(struct io_timer *timer)
{
    struct connector *connector = timer->owner;
    connector->restart_count++;
    connector_start_task(connector);
}

static void connector_on_fetch_client_closed(void *owner)
{
    struct connector *connector = owner;
    void (*closed)(void *closed_owner) = connector->closed;
    void *closed_owner = connector->closed_owner;
    connector_free(connector);
    closed(closed_owner);
}

static void connector_on_client_closed(void *owner)
{
    struct connector *connector = owner;
    client_close(connector->fetch_client, connector_on_fetch_client_closed, connector);
}

static void connector_on_producer_closed(void *owner)
{
    struct connector *connector = owner;
    client_close(connector->client, connector_on_client_closed, connector);
}

/* The task is gone; now its connections. */
static void connector_end(struct connector *connector)
{
    producer_close(connector->producer, connector_on_producer_closed, connector);
}

static void connector_on_task_closed(void *owner)
{
    struct connector *connector = owner;
    connector->source = NULL;
    connector->sink = NULL;
    connector->is_task_closing = false;
    if (connector->state == CONNECTOR_CLOSING) {
        connector_end(connector);
        return;
    }
    connector->timer = (struct io_timer){.fired = connector_on_timer, .owner = connector};
    io_timer_start(connector->io, &connector->timer, (uint64_t)connector->pause_ms * 1000000);
}

static void connector_close_task(struct connector *connector)
{
    connector->is_task_closing = true;
    connector->earlier_count += connector_task_count(connector);
    if (connector->source != NULL) {
        source_task_close(connector->source, connector_on_task_closed, connector);
    } else {
        sink_task_close(connector->sink, connector_on_task_closed, connector);
    }
}

/* Runs on a turn of its own: the task that failed is still on the stack. */
static void connector_on_failure_turn(struct io_timer *timer)
{
    struct connector *connector = timer->owner;
    if (!connector->is_task_closing) {
        connector_close_task(connector);
    }
}

static void connector_on_failed(void *owner, const char *reason)
{
    struct connector *connector = owner;
    if (connector->state == CONNECTOR_CLOSING) {
        return;
    }
    snprintf(connector->reason, sizeof connector->reason, "%s", reason);
    uint64_t ran_ns = io_now(connector->io) - connector->started_ns;
    bool was_good = ran_ns > (uint64_t)CONNECTOR_GOOD_MS * 1000000;
    int64_t doubled = connector->pause_ms * 2;
    connector->pause_ms = was_good || connector->pause_ms == 0 ? CONNECTOR_PAUSE_MIN_MS
                          : doubled > CONNECTOR_PAUSE_MAX_MS   ? CONNECTOR_PAUSE_MAX_MS
                                                               : doubled;
    connector->state = CONNECTOR_WAITING;
    connector->timer = (struct io_timer){.fired = connector_on_failure_turn, .owner = connector};
    io_timer_start(connector->io, &connector->timer, 0);
}

static void connector_start_task(struct connector *connector)
{
    static const struct source_task_events source_events = {.failed = connector_on_failed};
    static const struct sink_task_events sink_events = {.failed = connector_on_failed};
    connector->state = CONNECTOR_RUNNING;
    connector->started_ns = io_now(connector->io);
    if (connector->is_source) {
        struct source_task_options options = {.connector = connector->name,
                                              .kind = connector->kind,
                                              .values = plugin_options_values(connector->options),
                                              .topic = connector->topics[0],
                                              .dead_letter_topic = connector->dead_letter_topic,
                                              .checkpoint_interval_ms = CONNECTOR_CHECKPOINT_MS};
        connector->source =
            source_task_new(connector->client, connector->fetch_client, connector->producer,
                            &options, &source_events, connector);
        return;
    }
    struct sink_task_options options = {.connector = connector->name,
                                        .kind = connector->kind,
                                        .values = plugin_options_values(connector->options),
                                        .topics = (const char *const *)connector->topics,
                                        .topic_count = connector->topic_count,
                                        .dead_letter_topic = connector->dead_letter_topic,
                                        .instance_id = connector->instance_id,
                                        .is_from_latest = connector->is_from_latest};
    connector->sink = sink_task_new(connector->client, connector->fetch_client, connector->producer,
                                    &options, &sink_events, connector);
}

static void connector_connect(struct connector *connector,
                              const struct client_options *client_options)
{
    struct producer_options options = producer_options_default();
    struct client_options own = *client_options;
    own.client_id = connector->name;
    connector->client = client_new(connector->io, &own);
    connector->fetch_client = client_new(connector->io, &own);
    connector->producer = producer_new(connector->client, &options);
}

int connector_new(struct io *io, const struct client_options *client_options,
                  const char *const *plugin_directories, size_t directory_count,
                  const struct connector_definition *definition, struct connector **out,
                  struct report *report)
{
    struct connector *connector = memory_new(struct connector);
    connector->io = io;
    connector->name = memory_string(definition->name);
    connector->is_source = definition->is_source;
    connector->instance_id = definition->instance_id;
    int error = connector_validate_name(definition, report);
    if (error == 0) {
        error = connector_find_plugin(connector, definition->type, plugin_directories,
                                      directory_count, report);
    }
    if (error == 0) {
        error = connector_parse(connector, definition, report);
    }
    if (error != 0) {
        connector_free(connector);
        return error;
    }
    connector_connect(connector, client_options);
    connector_start_task(connector);
    *out = connector;
    return 0;
}

void connector_close(struct connector *connector, void (*closed)(void *owner), void *owner)
{
    connector->closed = closed;
    connector->closed_owner = owner;
    connector->state = CONNECTOR_CLOSING;
    if (connector->is_task_closing) {
        return;
    }
    io_timer_stop(connector->io, &connector->timer);
    if (connector->source == NULL && connector->sink == NULL) {
        connector_end(connector);
        return;
    }
    connector_close_task(connector);
}

const char *connector_name(const struct connector *connector)
{
    return connector->name;
}

bool connector_is_source(const struct connector *connector)
{
    return connector->is_source;
}

enum connector_state connector_state(const struct connector *connector)
{
    return connector->state;
}

const char *connector_reason(const struct connector *connector)
{
    return connector->reason;
}

int64_t connector_record_count(const struct connector *connector)
{
    bool is_counted = connector->is_task_closing;
    return connector->earlier_count + (is_counted ? 0 : connector_task_count(connector));
}

int64_t connector_restart_count(const struct connector *connector)
{
    return connector->restart_count;
}
