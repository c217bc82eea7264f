/* The topics of a sink by pattern, as the cluster has them by now.
 *
 * It looks at once and then every ten seconds, or as often as the client's metadata is renewed if
 * that is sooner. What a sink reads is fixed when its task starts, so who is told of a change
 * closes the task and starts another.
 *
 * Owns:   the pattern, the names found.
 * Keeps:  (1) the names are sorted and match the pattern; none is one of those left alone, nor the
 *             topic of source offsets;
 *         (2) `changed` comes only when the names are others than before, on a turn of its own;
 *         (3) a topic came later when the first look that was answered did not find it.
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/client.h"

struct sink_lookout;

struct sink_lookout_options {
    const char *connector;
    const char *pattern;       /* judged before (runtime/topology/topic_pattern.h) */
    const char *left_alone[2]; /* names, or NULL */
    void (*changed)(void *owner);
    void *owner;
};

/* The names are copied. */
struct sink_lookout *sink_lookout_new(struct client *client,
                                      const struct sink_lookout_options *options);
/* No call comes after it. NULL is fine. */
void sink_lookout_free(struct sink_lookout *lookout);
/* Valid until the next turn. */
const char *const *sink_lookout_topics(const struct sink_lookout *lookout, size_t *count);
/* Of each topic, whether it came later; as long as the list above. */
const bool *sink_lookout_later(const struct sink_lookout *lookout);
