/* An application as it is at this moment, as members of a JSON object.
 *
 * Thread: the application's shard. */
#pragma once

#include "runtime/app/app.h"

/* "guarantee":…, "tasks":3, "pending":…, "commits":…, "rollbacks":…, "counts":{"in":…} */
void app_view_write_totals(const struct app *app, struct buffer *out);
/* "tasks":[{"part":…,"partition":…,"state":…,"stream_time":…,"inputs":[…],"stores":[…]}],
 * "connectors": […]. Partitions that wait for the rest of their inputs have the state "waiting". */
void app_view_write_parts(const struct app *app, struct buffer *out);
/* "stores":[{"name":…,"kind":"persistent" or "memory" or "global","changelog":…,"partitions":[0]}],
 * with the partitions that are here. */
void app_view_write_stores(const struct app *app, struct buffer *out);
/* "changes":[{"what":"store","name":…,"fate":"kept","why":""}]: what becomes of inputs and stores
 * when the second takes the place of the first (runtime/topology/topology_diff.h). False when
 * something of it is refused; then `why` is filled. */
bool app_view_write_changes(const struct app *from, const struct app *to, struct buffer *out,
                            struct report *why);
/* "plan":"…", as topology_describe tells it. */
void app_view_write_plan(const struct app *app, struct buffer *out);
