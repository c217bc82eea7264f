/* One application: a script with its connectors, and the tasks this process runs of it.
 *
 * A commit of the application takes these steps, in this order, while nothing is processed:
 *     (1) every output is flushed to the log;
 *     (2) every dirty task appends its changelog groups, which carry the new positions; when all
 * are durable, the commit is decided: a restart goes on from these positions; (3) the positions are
 * committed to the group, for other members and for lag; (4) stores are marked committed and may be
 * checkpointed. A crash between (1) and (2) repeats outputs; state is never counted twice.
 *
 * Owns:   the script, its connections, the group membership, the tasks, the connectors.
 * Keeps:  (1) a partition is processed only while it is assigned to this member;
 *         (2) partitions that are revoked were committed before; those that are lost are not;
 *         (3) after a failure that retrying does not heal everything is closed and told to the
 *             owner;
 *         (4) whatever way the group deals, a task with stores runs in one place; a task whose
 *             partitions change is committed, closed and begun anew with those it has then.
 * Thread: its io's shard. */
#pragma once

#include "runtime/client/client.h"
#include "runtime/connect/connector.h"
#include "runtime/lua/script.h"
#include "runtime/task/task.h"

struct app;

struct app_options {
    const char *path;             /* of the script */
    struct client_options client; /* where the log is */
    const char *state_directory; /* below it: <app>/<part>-<partition>/; NULL: stores live in memory
                                  * and in their changelogs */
    const char *const *plugin_directories;
    size_t plugin_directory_count;
    const char *instance_id;    /* of group members (static membership); NULL: dynamic */
    int64_t commit_interval_ms; /* default 100 */
    struct script_limits limits;
};

struct app_events {
    /* The application cannot go on; close it. `is_final`: by its own policy or script, so that
     * starting it anew would change nothing. The sentence is valid during the call. */
    void (*failed)(void *owner, const char *reason, bool is_final);
};

/* Reads and judges the script with its connectors; nothing runs yet. ERROR_INVALID with the report
 * filled when something is wrong. */
must_use int app_new(struct io *io, const struct app_options *options,
                     const struct app_events *events, void *owner, struct app **out,
                     struct report *report);
/* Once. `state_directory`: below it are the stores, in <app>/<part>-<partition>/; NULL: they live
 * in memory and in their changelogs. Borrowed. */
void app_start(struct app *app, const char *state_directory);
/* Finishes what is being processed, commits, leaves the group, closes connectors; frees the app
 * before `closed`, which comes inside when the app never started. */
void app_close(struct app *app, void (*closed)(void *owner), void *owner);
const char *app_name(const struct app *app);
/* Sums over the tasks of now and before. */
void app_read_counts(const struct app *app, struct task_counts *out);
void app_each_connector(struct app *app,
                        void (*each)(void *owner, const struct connector *connector), void *owner);
size_t app_task_count(const struct app *app);
int64_t app_commit_count(const struct app *app);
void app_check(const struct app *app);
