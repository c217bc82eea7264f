/* Records that come after their window has closed go to a topic, with why in their headers:
 *
 *     tidemill.late.node     the step whose window it missed
 *     tidemill.late.window   "start,end" of that window, milliseconds
 *     tidemill.late.time     the time of the step by then
 *
 * A record that is late for some of its windows and in time for others is written once for each
 * that it missed. Thread: the task's shard. */
#pragma once

#include "runtime/topology/node.h"

struct late_window {
    int64_t start_ms;
    int64_t end_ms;
    int64_t time_ms; /* of the step: what closed the window */
};

/* Emits the record, with key and value as they are at this step; counts it in the context. */
must_use int late_emit(struct node *node, struct node_context *context, const char *topic,
                       const struct record *record, const struct late_window *window);
