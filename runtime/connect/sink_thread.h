/* The plugin's side of a sink task: puts, flushes, and holds back what was rejected.
 *
 * Owns:   the plugin's instance between open and close, and what was put since the last flush.
 * Keeps:  (1) a flush happens only when every rejected record of before is a durable dead letter;
 *         (2) offsets told to the shard were flushed.
 * Thread: the worker's. */
#pragma once

#include "log/base/map.h"
#include "runtime/connect/bundle.h"
#include "runtime/connect/sink_command.h"
#include "runtime/connect/task_context.h"

struct sink_thread {
    struct task_context *context;
    void (*on_command)(struct io_request *request, int64_t result); /* of the shard */
    void (*on_letter)(struct io_request *request, int64_t result);  /* of the shard; a bundle */
    void *owner;                                                    /* of the shard */
    bool has_dead_letters;                                          /* else a reject is fatal */

    struct map
        next_offsets; /* "topic\0partition" -> struct sink_command_place, since the last flush */
    struct list deferred; /* commands that came while a letter was waited for */
    struct arena arena;
    int64_t put_count;   /* since the last flush */
    size_t letter_count; /* posted and not answered */
    bool is_assigned;    /* the plugin knows its partitions */
    bool is_stopping;
    bool is_failed;
};

/* Runs until a STOP command or a failure, whose sentence is then in the context. */
void sink_thread_run(struct sink_thread *thread);
