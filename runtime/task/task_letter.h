/* A record that failed, as a dead letter.
 *
 * Key, value, timestamp and headers are those of the record as it was read; added are Kafka
 * Streams' headers (KIP-1034) and ours:
 *
 *     __streams.errors.exception .message .stacktrace .topic .partition .offset
 *     tidemill.errors.app .node .kind .script .line
 *
 * A record that would be too large with them leaves its bytes behind and says so:
 *
 *     tidemill.errors.omitted
 *
 * Thread: the task's shard. */
#pragma once

#include "runtime/topology/node.h"

/* Makes `out` from the context's source and error; its bytes live in the context's arena. Without a
 * source (a timer failed), and when it is not to be whole, key and value are null. */
void task_letter_make(struct node_context *context, const char *application, bool is_whole,
                      struct record *out);
