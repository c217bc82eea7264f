/* Records as a node is given them, live, for people who watch.
 *
 * A node is watched by giving it other functions, which note the record and call its own; one that
 * nobody watches costs nothing. What is noted may be undone afterwards, when the record fails.
 *
 * Owns:   the newest APP_TAP_LINE_COUNT records of each node that is watched, as lines of JSON.
 * Keeps:  (1) a tap ends when nobody asked for APP_TAP_IDLE_MS;
 *         (2) a task's nodes have their own functions again before it is closed.
 * Thread: the application's shard. */
#pragma once

#include "runtime/app/app.h"

enum { APP_TAP_LINE_COUNT = 500, APP_TAP_SIZE_MAX = 4 << 20, APP_TAP_IDLE_MS = 10000 };

/* Watches the node of this name, and appends what it was given behind the line `number` (-1: from
 * now on) as objects with commas (a record as in runtime/format/record_json.h):
 *     {"number":7,"partition":0,…}
 * `number` becomes that of the newest line; `lost` grows by those that were noted and made room.
 * False when the plan has no such node. */
bool app_tap_read(struct app *app, const char *node, int64_t *number, int64_t *lost,
                  struct buffer *out);
