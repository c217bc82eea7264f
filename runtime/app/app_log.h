/* The newest lines of an application: what its script prints, why it failed, which version runs.
 *
 * It outlives the application, so that a start after a failure does not forget why.
 *
 * Owns:   APP_LOG_LINE_COUNT lines, once there is one.
 * Keeps:  lines are numbered from 1, without gaps; the oldest make room.
 * Thread: the application's shard. */
#pragma once

#include "log/io/io.h"

enum { APP_LOG_LINE_COUNT = 500, APP_LOG_LINE_SIZE = 500 }; /* longer lines are cut */

struct app_log;

struct app_log *app_log_new(struct io *io);
void app_log_free(struct app_log *log);
/* Calls `added` after each line; NULL: no longer. */
void app_log_on_add(struct app_log *log, void (*added)(void *owner), void *owner);
bool app_log_is_empty(const struct app_log *log);
/* Gives all lines away as a log of their own, which another shard may own from then on. */
struct app_log *app_log_take(struct app_log *log);
/* Adds the lines of another log, with their times. */
void app_log_append(struct app_log *log, const struct app_log *other);
/* `kind`: "print", "failure", "warning", "version", "state"; a constant. */
void app_log_add(struct app_log *log, const char *kind, const char *text);
/* Appends the lines behind `number` (0: all that are left), `count_max` of the newest at most, as
 * JSON: "lines":[{"number":7,"at":1764000000000,"kind":"print","text":"…"}],"last":7 */
void app_log_write(const struct app_log *log, int64_t number, int64_t count_max,
                   struct buffer *out);
