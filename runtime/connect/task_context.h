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
    struct tidemill_host host;       /* what it points to */
    struct io *io;                   /* the shard's, for io_post */
    struct worker *worker;
    void *task;        /* a source's thread; else the sink task */
    char failure[512]; /* what the plugin said last through host->fail */
};

/* Of one task of a connector, with what both kinds of tasks offer the plugin; emit, reject and wake
 * are the source task's. The context stays where it is; name, kind and values are borrowed. */
void task_context_init(struct task_context *context, struct io *io, const char *connector,
                       const struct tidemill_kind *kind,
                       const struct tidemill_option_value *values);
static inline struct task_context *task_context_of(struct tidemill_context *context)
{
    return (struct task_context *)(void *)context;
}
