/* A named connector: its definition, its running task, and its supervision.
 *
 * Owns:   its connections (one for long polls, one for the rest), the plugin library, the parsed
 *         options, the task. A failed task is closed and started anew after a pause that doubles
 *         from one second to five minutes and falls back after a minute of good running.
 *         A sink by pattern has no task while no topic matches; when others match (sink_lookout.h)
 *         its task is closed, which flushes and commits, and the next one begins at once.
 * Keeps:  (1) at most one task runs;
 *         (2) after connector_close's callback nothing of it is left.
 * Thread: its client's shard. */
#pragma once

#include "log/base/report.h"
#include "runtime/client/producer.h"
#include "runtime/plugin/plugin_options.h"

struct connector;

/* What a person wrote; borrowed during connector_new. A name is unique in its application: what a
 * connector leaves in the cluster (source offsets, marks, the sink's group "connect-ID", a sink's
 * own offsets) bears its id, APPLICATION:NAME, so that two applications never share a position.
 * Framework options beside the plugin's own: source: topic, errors.deadletterqueue.topic.name;
 * sink: topics or topics.regex, errors.deadletterqueue.topic.name, from (earliest | latest) */
struct connector_definition {
    const char *application; /* NULL: the id is the name, as in Kafka Connect */
    const char *name;        /* letters, digits, '.', '_' and '-' */
    const char *type;        /* the kind's name, or its Kafka Connect class */
    bool is_source;
    const struct plugin_setting *settings;
    size_t setting_count;
    const char *instance_id; /* of a sink's group member; NULL: dynamic; outlives the connector */
    const char *left_alone;  /* a topic that no pattern matches, or NULL */
};

enum connector_state { CONNECTOR_NEW, CONNECTOR_RUNNING, CONNECTOR_WAITING, CONNECTOR_CLOSING };

/* Judges the definition; nothing runs yet. The report's sentence names the connector and the
 * option. */
must_use int connector_new(struct io *io, const char *const *plugin_directories,
                           size_t directory_count, const struct connector_definition *definition,
                           struct connector **out, struct report *report);
/* Once. */
void connector_start(struct connector *connector, const struct client_options *client_options);
/* Also of one that never started. `closed` may then come inside. */
void connector_close(struct connector *connector, void (*closed)(void *owner), void *owner);
const char *connector_name(const struct connector *connector);
bool connector_is_source(const struct connector *connector);
enum connector_state connector_state(const struct connector *connector);
/* Of the last failure; "" when there was none. */
const char *connector_reason(const struct connector *connector);
/* Records delivered since connector_new. */
int64_t connector_record_count(const struct connector *connector);
/* Tasks started after a failure. */
int64_t connector_restart_count(const struct connector *connector);
