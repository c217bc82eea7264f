/* The context a plugin sees of one task, and what the host keeps behind it.
 *
 * Owns:   the metrics rows and the text of the last failure.
 * Thread: filled on the shard before the thread starts; then the thread's, except for what is
 * marked. */
#pragma once

#include "log/io/io.h"
#include "log/io/worker.h"
#include "runtime/plugin/tidemill.h"

struct task_context {
    struct tidemill_context context; /* first, so that the plugin's pointer is ours */
    struct io *io;                   /* the shard's, for io_post */
    struct worker *worker;
    void *task;        /* a source's thread; else the sink task */
    char failure[512]; /* what the plugin said last through host->fail */
};

/* What both kinds of tasks offer; emit, reject and wake are the source task's. */
void task_context_fill_host(struct tidemill_host *host);
static inline struct task_context *task_context_of(struct tidemill_context *context)
{
    return (struct task_context *)(void *)context;
}
