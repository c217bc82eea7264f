/* One running task of a sink connector: partitions of topics into a plugin on its own thread.
 *
 * Owns:   the group membership "connect-NAME", the fetcher, the thread, the plugin's instance.
 * Keeps:  (1) an offset is committed only after the plugin said that everything below it is
 *             durable;
 *         (2) a sink that keeps its own offsets is read from exactly where it stands;
 *         (3) a rejected record is in the dead-letter topic before the flush that passes over it;
 *         (4) at most SINK_TASK_PENDING_MAX bytes (and one batch) are between log and plugin;
 *         (5) a partition that is given up was flushed and committed before.
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/member.h"
#include "runtime/client/producer.h"
#include "runtime/connect/task_life.h"
#include "runtime/plugin/tidemill.h"

enum { SINK_TASK_PENDING_MAX = 8 * 1024 * 1024 };

struct sink_task;

struct sink_task_options {
    const char *connector;
    const struct tidemill_kind *kind;
    const struct tidemill_option_value *values; /* outlive the task */
    const char *const *topics;
    size_t topic_count;
    const char *dead_letter_topic; /* NULL: a rejected record fails the task */
    const char *instance_id;       /* NULL: a dynamic member */
    bool is_from_latest;           /* where to begin without any offset; default: the earliest */
    const bool *later;             /* of each topic: from its first record all the same; or NULL */
};

struct sink_task *sink_task_new(struct client *client, struct client *fetch_client,
                                struct producer *producer, const struct sink_task_options *options,
                                const struct task_life_events *events, void *owner);
/* Flushes what was put, commits, leaves the group; frees the task before `closed`. */
void sink_task_close(struct sink_task *task, void (*closed)(void *owner), void *owner);
