/* What the owner of a task is told, of a source as of a sink: records, one failure, one end.
 *
 * Keeps:  (1) a failure is told once, and none after the close began;
 *         (2) a task that failed stays until its owner closes it.
 * Thread: the shard. */
#pragma once

#include "runtime/connect/task_context.h"

struct task_life_events {
    /* The task cannot go on; close it. The sentence is valid during the call. */
    void (*failed)(void *owner, const char *reason);
    /* So many more records are durable: in the topic, or flushed. Also while it closes. */
    void (*delivered)(void *owner, int64_t count);
};

/* Embedded in the task, which looks at the two booleans. */
struct task_life {
    const char *trace_event; /* of a failure */
    const char *connector;   /* borrowed */
    const struct task_life_events *events;
    void *owner;
    bool is_failed;
    bool is_closing;
    char reason[640];
    void (*closed)(void *owner);
    void *closed_owner;
};

void task_life_deliver(struct task_life *life, int64_t count);
void task_life_fail(struct task_life *life, const char *reason);
/* The plugin's thread ended: a failure, unless it was told to, with what the plugin said last. */
void task_life_end_thread(struct task_life *life, const struct task_context *context);
/* Once; `closed` is for the task to call when nothing is left of it. */
void task_life_begin_close(struct task_life *life, void (*closed)(void *owner), void *owner);
