/* One application: a script with its connectors, and the tasks this process runs of it.
 *
 * What its tasks do between two commits counts once or not at all: outputs, changelog groups and
 * input offsets of all of them are one transaction of one producer. It begins here with the first
 * record that is processed, at its coordinator with the first that is sent. Every commit interval,
 * before partitions are given up, and at the end, nothing is processed while these steps are taken:
 *     (1) the group of every dirty task is appended to its changelogs, with the new positions;
 *     (2) the same positions are sent to the group's coordinator, in the name of our membership
 *         (TxnOffsetCommit, KIP-447), which holds them back until the transaction is decided;
 *     (3) when all of that and every output is acknowledged, the end is asked for (EndTxn). The
 *         commit is decided when the coordinator of the transaction has written that down;
 *     (4) when that is answered, stores are marked committed and may be checkpointed, the tasks'
 *         positions are where they would begin anew, and processing goes on.
 *
 * Crashes, of us or of what we talk to, by the step they come in:
 *     before (3) is decided: the transaction is aborted, by our heir of the same transactional id
 *         at once, else by its timeout of ten seconds, or, where commits are rarer than every five,
 *         of that and their interval. Nobody who reads what is committed ever saw it, changelogs
 *         included; work begins anew from the commit before.
 *     after it is decided, though we were not told: the markers are written, whoever is dead. An
 *         heir cannot begin too early: its offsets are not answered while a decision on them is
 *         not marked, and a restore waits for what is open in its changelog.
 *     after (4): nothing is under way.
 *
 * Who is kept out by what:
 *     a process that lost its partitions and does not know: by (2), since the group's coordinator
 *         knows the name and generation of who owns them; without (2) there is no (3). Offsets that
 *         were taken before the generation ended are the other side of it: who owns the partitions
 *         next waits for them to be decided.
 *     a process that died and came back, or was thought to be dead: by the epoch of its id, which
 *         its heir, or the timeout, has raised.
 *     The id is <app>-<instance>, of the instance id that no two processes share; without one it is
 *         a number that nobody had.
 *
 * At least once, for clusters without transactions, is: (1) outputs are flushed; (2) changelogs are
 * appended; when they are durable the commit is decided; (3) offsets are committed; (4) as above. A
 * crash between (1) and (2) repeats outputs; state is never counted twice.
 *
 * Owns:   the script, its connections, the group membership, the tasks, the connectors.
 * Keeps:  (1) a partition is processed only while it is assigned to this member;
 *         (2) partitions that are revoked were committed before; those that are lost are not;
 *         (3) after a failure that retrying does not heal everything is closed and told to the
 *             owner; what the same work done once more may heal is rolled back: the transaction is
 *             aborted, tasks that did something since the last commit begin anew from there;
 *         (4) whatever way the group deals, a task with stores runs in one place; a task whose
 *             partitions change is committed, closed and begun anew with those it has then;
 *         (5) exactly once: tasks run only while a transaction is open, and each that did something
 *             in it takes part in its commit, or it is aborted;
 *         (6) each commit sends at least one offset, so that the group judges it.
 * Thread: its io's shard. */
#pragma once

#include "runtime/app/app_bundle.h"
#include "runtime/app/app_log.h"
#include "runtime/app/canary.h"
#include "runtime/client/client.h"
#include "runtime/connect/connector.h"
#include "runtime/lua/script.h"
#include "runtime/task/task.h"

struct app;

enum app_guarantee { APP_AS_THE_SCRIPT_SAYS, APP_EXACTLY_ONCE, APP_AT_LEAST_ONCE };

struct app_options {
    const char *path;                /* of the script */
    const struct app_bundle *bundle; /* its files, instead of those at the path; NULL: from there */
    const struct app_bundle *canary; /* the version that runs on a part of the tasks, or NULL */
    struct canary_share canary_share;
    struct app_bundle *read;      /* gets a copy of every file that is read; NULL: none */
    bool keeps_files;             /* for app_files; then `read` is NULL */
    bool leaves_connectors;       /* another worker of the application runs them */
    struct app_log *log;          /* of what the script prints; outlives the app; NULL: none */
    struct client_options client; /* where the log is */
    const char *state_directory; /* below it: <app>/<part>-<partition>/; NULL: stores live in memory
                                  * and in their changelogs */
    const char *const *plugin_directories;
    size_t plugin_directory_count;
    const char *instance_id; /* of group members (static membership); NULL: dynamic */
    const char *home;        /* of this process and its state directory, in its groups; NULL: it
                              * takes no part in copies of stores */
    int32_t standby_count;   /* copies that other processes should keep of each store */
    /* Of who is to get a task with stores (runtime/client/assignor_warmup.h); 0: the default. */
    int64_t recovery_lag;        /* it gets it when it is not further behind; 10000 */
    int32_t warmup_count;        /* so many warm up at a time; 2 */
    int64_t probing_interval_ms; /* what waits for it is looked at anew after; 600000 */
    int64_t commit_interval_ms;  /* default 100 */
    int64_t session_timeout_ms;  /* of group members; 0: the default */
    int64_t task_idle_ms; /* task_options.idle_ms of all tasks, which are waited for together */
    enum app_guarantee guarantee;
    struct script_limits limits;
};

struct app_events {
    /* The application cannot go on; close it. `is_final`: by its own policy or script, so that
     * starting it anew would change nothing. The sentence is valid during the call. */
    void (*failed)(void *owner, const char *reason, bool is_final);
    /* As failed for good, but by an option of this process that the cluster refuses: the same
     * application may run well elsewhere. NULL: failed is told, and is final. */
    void (*refused)(void *owner, const char *reason);
    /* As failed, by the canary alone: without it the application goes on. NULL: failed is told.
     */
    void (*canary_failed)(void *owner, const char *reason);
    /* Something that its users should know, though it goes on, once for each application; it is in
     * the log already. NULL: nobody listens. The sentence is valid during the call. */
    void (*noticed)(void *owner, const char *text);
    /* Topics came or went that a stream of it reads by a pattern: another application of the same
     * script would read them, in its place. Told again as long as that is so. NULL: nobody listens.
     * It may be closed inside. */
    void (*outdated)(void *owner);
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
/* What it was read from, for another worker to be made of the same. */
const struct app_bundle *app_files(const struct app *app);
const struct topology *app_topology(const struct app *app);
/* Its plan and its connectors as text for people; appended to `out`. */
void app_describe(const struct app *app, struct buffer *out);
/* Its topics are there and its group is joined, or being joined. */
bool app_is_running(const struct app *app);
/* No record is processed and no timer called until it is said otherwise. What is under way is
 * committed, partitions stay ours, connectors go on. */
void app_pause(struct app *app, bool is_paused);
/* Sums over the tasks of now and before. */
void app_read_counts(const struct app *app, struct task_counts *out);
/* Records fetched and not finished. */
int64_t app_pending_count(const struct app *app);
/* Offsets of changelogs that are still to be read before all of its tasks run, as far as known. */
int64_t app_restoring_count(const struct app *app);
/* Copies of stores that are kept here for tasks that run elsewhere. */
struct app_standby_counts {
    int64_t count;
    int64_t warmup_count;  /* of them, whose tasks come here once they have caught up */
    int64_t unknown_count; /* of them, that were told nothing about their changelogs yet */
    int64_t lag;           /* offsets of changelogs that the others do not have */
};
struct app_standby_counts app_count_standby(const struct app *app);
void app_each_connector(struct app *app,
                        void (*each)(void *owner, const struct connector *connector), void *owner);
/* Whether a version can run on a part of the tasks of another one: it has the same inputs, stores
 * and tasks. ERROR_INVALID with the report filled. */
must_use int app_canary_fits(const struct topology *now, const struct topology *next,
                             struct report *report);
/* What tasks of the canary and the others did, since it was read. */
void app_read_canary(const struct app *app, struct canary_sample *trial,
                     struct canary_sample *rest);
/* NULL when it has no canary. */
const struct script *app_get_canary_script(const struct app *app);
/* 0 when it has none. */
int64_t app_canary_version(const struct app *app);
/* What it runs, to be measured. */
const struct script *app_get_script(const struct app *app);
size_t app_task_count(const struct app *app);
int64_t app_commit_count(const struct app *app);
/* How long commits took, and processing: the turns of its tasks. */
uint64_t app_commit_ns(const struct app *app);
uint64_t app_process_ns(const struct app *app);
/* Commits that failed and whose work was done again. */
int64_t app_rollback_count(const struct app *app);
void app_check(const struct app *app);
