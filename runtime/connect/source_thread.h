/* The plugin's side of a source task: polls, hands over what is emitted, holds it back when there
 * is too much, and tells the plugin what is durable.
 *
 * Owns:   the plugin's instance between open and close, and messages not yet told.
 * Keeps:  (1) `acked` is called outside of poll, in the order the shard told;
 *         (2) at most SOURCE_THREAD_PENDING_MAX bytes, and one call's, are with the shard.
 * Thread: the worker's, but for init and fini. */
#pragma once

#include "runtime/connect/source_message.h"
#include "runtime/connect/task_context.h"

enum { SOURCE_THREAD_PENDING_MAX = 16 * 1024 * 1024 };

struct source_thread {
    struct task_context *context;                                  /* its `task` is this thread */
    void (*on_bundle)(struct io_request *request, int64_t result); /* of the shard; a bundle */
    void *owner;                                                   /* of the shard */
    struct tidemill_saved_offset *saved;                           /* for open */
    size_t saved_count;

    struct list acked; /* of struct source_message, to be told outside of poll */
    size_t pending_size;
    bool is_stopping;
};

/* Fills the host's functions that are a source's. */
void source_thread_init(struct source_thread *thread, struct tidemill_host *host);
/* Runs until a STOP message or a failure, whose sentence is then in the context. */
void source_thread_run(struct source_thread *thread);
/* After it ended. */
void source_thread_fini(struct source_thread *thread);
