/* An application as it is at this moment, as members of a JSON object. What differs between the
 * workers of an application is gathered from each, on its shard, and written once.
 *
 * Thread: the application's shard. */
#pragma once

#include "runtime/app/app_totals.h"

/* Which partitions of which stores are open; all zeroes when empty. */
struct app_view_place {
    size_t store; /* its number in the topology */
    int32_t partition;
};
struct app_view_places {
    struct app_view_place *items;
    size_t count;
};

/* "guarantee":…, "tasks":3, "standby":0, "pending":…, "commits":…, "rollbacks":…, "counts":{"in":…}
 */
void app_view_write_totals(const struct app *app, const struct app_totals *totals,
                           struct buffer *out);
/* Adds one object a task, with commas:
 * {"part":…,"partition":…,"thread":0,"state":…,"stream_time":…,"inputs":[…],"restoring":[…]}
 * A task of the version on a part of the tasks says "canary":true.
 * Partitions that wait for the rest of their inputs have the state "waiting". A copy of the stores
 * of a task that runs elsewhere has the state "standby" and a "lag": offsets of changelogs that it
 * does not have, -1 while that is unknown. */
void app_view_add_parts(const struct app *app, size_t thread, struct buffer *out);
/* "connectors": […] */
void app_view_write_connectors(const struct app *app, struct buffer *out);
void app_view_add_places(const struct app *app, struct app_view_places *places);
/* "stores":[{"name":…,"kind":"persistent" or "memory" or "global","changelog":…,"partitions":[0]}],
 * with the partitions of the places, which are sorted for it. */
void app_view_write_stores(const struct app *app, struct app_view_places *places,
                           struct buffer *out);
void app_view_places_fini(struct app_view_places *places);
/* "changes":[{"what":"store","name":…,"fate":"kept","why":""}]: what becomes of inputs and stores
 * when the second takes the place of the first (runtime/topology/topology_diff.h). False when
 * something of it is refused; then `why` is filled. */
bool app_view_write_changes(const struct app *from, const struct app *to, struct buffer *out,
                            struct report *why);
/* "plan":"…", as topology_describe tells it. */
void app_view_write_plan(const struct app *app, struct buffer *out);
