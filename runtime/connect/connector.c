/* Keeps a connector's task alive; see connector.h. What it is stands in its configuration. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/connect/connector_config.h"
#include "runtime/connect/sink_lookout.h"
#include "runtime/connect/sink_task.h"
#include "runtime/connect/source_task.h"
#include "runtime/topology/topic_pattern.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CONNECTOR_PAUSE_MIN_MS = 1000,
    CONNECTOR_PAUSE_MAX_MS = 300000,
    CONNECTOR_GOOD_MS = 60000,
    CONNECTOR_CHECKPOINT_MS = 5000,
};

struct connector {
    struct io *io;
    struct client *client;
    struct client *fetch_client; /* its answers may wait behind long polls */
    struct producer *producer;
    struct connector_config config;

    struct source_task *source;
    struct sink_task *sink;
    struct sink_lookout *lookout; /* NULL: it reads no pattern */
    enum connector_state state;
    bool is_task_closing;
    uint64_t started_ns;
    int64_t pause_ms;
    int64_t record_count;
    int64_t restart_count;
    char reason[640];
    struct io_timer timer;
    void (*closed)(void *owner);
    void *closed_owner;
};

static void connector_free(struct connector *connector)
{
    connector_config_fini(&connector->config);
    free(connector);
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
    sink_lookout_free(connector->lookout);
    connector->lookout = NULL;
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
    if (connector->state == CONNECTOR_RUNNING) {
        connector_start_task(connector); /* it did not fail: its topics changed */
        return;
    }
    connector->timer = (struct io_timer){.fired = connector_on_timer, .owner = connector};
    io_timer_start(connector->io, &connector->timer, (uint64_t)connector->pause_ms * 1000000);
}

static void connector_close_task(struct connector *connector)
{
    connector->is_task_closing = true;
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
    if (connector->source == NULL && connector->sink == NULL) {
        connector_on_task_closed(connector); /* it never began */
    } else if (!connector->is_task_closing) {
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

static void connector_on_delivered(void *owner, int64_t count)
{
    ((struct connector *)owner)->record_count += count;
}

static const struct task_life_events connector_task_events = {.failed = connector_on_failed,
                                                              .delivered = connector_on_delivered};

static void connector_start_source(struct connector *connector)
{
    struct source_task_options options = {.connector = connector->config.id,
                                          .kind = connector->config.kind,
                                          .values =
                                              plugin_options_values(connector->config.options),
                                          .topic = connector->config.topics[0],
                                          .dead_letter_topic = connector->config.dead_letter_topic,
                                          .checkpoint_interval_ms = CONNECTOR_CHECKPOINT_MS};
    connector->source =
        source_task_new(connector->client, connector->fetch_client, connector->producer, &options,
                        &connector_task_events, connector);
}

/* Without any topic there is nothing to do yet; the lookout says when there is. */
static void connector_start_sink(struct connector *connector)
{
    struct sink_task_options options = {.connector = connector->config.id,
                                        .kind = connector->config.kind,
                                        .values = plugin_options_values(connector->config.options),
                                        .topics = (const char *const *)connector->config.topics,
                                        .topic_count = connector->config.topic_count,
                                        .dead_letter_topic = connector->config.dead_letter_topic,
                                        .instance_id = connector->config.instance_id,
                                        .is_from_latest = connector->config.is_from_latest};
    if (connector->lookout != NULL) {
        options.topics = sink_lookout_topics(connector->lookout, &options.topic_count);
        options.later = sink_lookout_later(connector->lookout);
    }
    if (options.topic_count > TOPIC_PATTERN_COUNT_MAX) {
        char reason[256];
        snprintf(reason, sizeof reason,
                 "%zu topics match and a sink reads %d at most: narrow the pattern",
                 options.topic_count, TOPIC_PATTERN_COUNT_MAX);
        connector_on_failed(connector, reason);
    } else if (options.topic_count > 0) {
        connector->sink =
            sink_task_new(connector->client, connector->fetch_client, connector->producer, &options,
                          &connector_task_events, connector);
    }
}

static void connector_start_task(struct connector *connector)
{
    connector->state = CONNECTOR_RUNNING;
    connector->started_ns = io_now(connector->io);
    if (connector->config.is_source) {
        connector_start_source(connector);
    } else {
        connector_start_sink(connector);
    }
}

/* One that failed or is closing reads the topics of now when the next one starts. */
static void connector_on_topics_changed(void *owner)
{
    struct connector *connector = owner;
    if (connector->state != CONNECTOR_RUNNING || connector->is_task_closing) {
        return;
    }
    if (connector->sink == NULL) {
        connector_start_task(connector);
    } else {
        connector_close_task(connector);
    }
}

static void connector_start_lookout(struct connector *connector)
{
    const struct connector_config *config = &connector->config;
    struct sink_lookout_options options = {
        .connector = config->id,
        .pattern = config->topic_pattern,
        .left_alone = {config->left_alone, config->dead_letter_topic},
        .changed = connector_on_topics_changed,
        .owner = connector};
    connector->lookout = sink_lookout_new(connector->client, &options);
}

static void connector_connect(struct connector *connector,
                              const struct client_options *client_options)
{
    struct producer_options options = producer_options_default();
    struct client_options own = *client_options;
    own.client_id = connector->config.id;
    connector->client = client_new(connector->io, &own);
    connector->fetch_client = client_new(connector->io, &own);
    connector->producer = producer_new(connector->client, &options);
}

int connector_new(struct io *io, const char *const *plugin_directories, size_t directory_count,
                  const struct connector_definition *definition, struct connector **out,
                  struct report *report)
{
    struct connector *connector = memory_new(struct connector);
    connector->io = io;
    int error = connector_config_read(&connector->config, io, plugin_directories, directory_count,
                                      definition, report);
    if (error != 0) {
        free(connector);
        return error;
    }
    *out = connector;
    return 0;
}

void connector_start(struct connector *connector, const struct client_options *client_options)
{
    check(connector->state == CONNECTOR_NEW);
    connector_connect(connector, client_options);
    if (connector->config.topic_pattern != NULL) {
        connector_start_lookout(connector);
    }
    connector_start_task(connector);
}

void connector_close(struct connector *connector, void (*closed)(void *owner), void *owner)
{
    if (connector->state == CONNECTOR_NEW) {
        connector_free(connector);
        closed(owner);
        return;
    }
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
    return connector->config.name;
}

bool connector_is_source(const struct connector *connector)
{
    return connector->config.is_source;
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
    return connector->record_count;
}

int64_t connector_restart_count(const struct connector *connector)
{
    return connector->restart_count;
}
