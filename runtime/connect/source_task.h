/* One running task of a source connector: the plugin on its own thread, its records into a topic.
 *
 * Owns:   the thread, the plugin's instance, the records between plugin and log, the connector's
 *         offsets.
 * Keeps:  (1) a group of records and the offset that covers it reach the log in one batch, so that
 *             after any crash the source goes on exactly behind the last record in the log (topics
 *             with one partition; else at least once);
 *         (2) `acked` is told only what is durable, in order;
 *         (3) at most SOURCE_THREAD_PENDING_MAX bytes are between plugin and log;
 *         (4) after a failure nothing more is sent: the task is to be closed and started anew.
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/producer.h"
#include "runtime/connect/task_life.h"
#include "runtime/plugin/tidemill.h"

struct source_task;

struct source_task_options {
    const char *connector;
    const struct tidemill_kind *kind;
    const struct tidemill_option_value *values; /* outlive the task */
    const char *topic;
    const char *dead_letter_topic; /* NULL: a rejected record fails the task */
    int64_t checkpoint_interval_ms;
};

/* Borrows client and producer. */
struct source_task *source_task_new(struct client *client, struct client *fetch_client,
                                    struct producer *producer,
                                    const struct source_task_options *options,
                                    const struct task_life_events *events, void *owner);
/* Stops the plugin, waits for what was emitted, stores the offsets; frees the task before `closed`.
 */
void source_task_close(struct source_task *task, void (*closed)(void *owner), void *owner);
