/* Runs applications on shards of their own, beside the broker's.
 *
 * There are as many shards as threads were asked for. Each application has a worker on every one: a
 * struct app, which is a member of the application's group of its own, so that its partitions are
 * dealt to threads as they are to processes. The first thread leads: it has the list of
 * applications, reads scripts, decides what runs, and tells the others (host_worker.h). The names
 * of members are those of the process (instance_id) and "<instance_id>-1", "-2" and so on for the
 * further threads, so a restart with as many threads takes its partitions at once; transactional
 * ids follow from them.
 *
 * An application is what its workers are together: it has failed when one has, is closed when all
 * are, and starts anew, is paused, and gets its next version as one. Its connectors run on the
 * first thread alone; global tables are read by every worker; stores of its tasks lie in
 * directories that its workers share, where a lock (runtime/state/state.h) makes the heir of a
 * partition wait. The limits of a script hold for each worker.
 *
 * Owns:   the shards and the applications on them.
 * Keeps:  (1) nothing of the applications is touched from another thread; what sides say to each
 *             other is posted;
 *         (2) an application that failed for a passing reason is closed and started anew after a
 *             pause that doubles from one second to a minute; one whose script says stop stays
 *             closed and is told; several workers that fail of the same are one failure;
 *         (3) a visit is over before host_stop's callback;
 *         (4) of a deployed application runs what the cluster says is current, or what ran before
 *             if that cannot be used; a version that fails within its first minute, for good or
 *             three times, makes the one before it current again. An option of the process
 *             that the cluster refuses is no failure of a version: it ends the process
 *             (host_is_over).
 * Thread: the shard of `io`, unless said otherwise. */
#pragma once

#include "log/base/report.h"
#include "log/io/io.h"
#include "runtime/app/app.h"
#include "runtime/app/canary_order.h"

struct host;

enum { HOST_SCRIPT_MAX = 64, HOST_THREAD_MAX = 64 };

struct host_options {
    const char *scripts[HOST_SCRIPT_MAX];
    size_t script_count;
    bool is_following;     /* what the cluster has deployed runs too (runtime/host/deployment.h) */
    const char *bootstrap; /* "host:port" or "loopback:NAME" */
    const char *instance_id; /* of group members, so that a restart takes its partitions at once;
                              * NULL: none */
    int32_t standby_count;   /* copies that other processes should keep of each store */
    int64_t recovery_lag;    /* these three as in struct app_options */
    int32_t warmup_count;
    int64_t probing_interval_ms;
    size_t thread_count; /* at most HOST_THREAD_MAX; 0: one */
    const char *const *plugin_directories;
    size_t plugin_directory_count;
    int64_t commit_interval_ms; /* 0: the default */
    int64_t session_timeout_ms; /* 0: the default */
    int64_t task_idle_ms;       /* task_options.idle_ms */
    enum app_guarantee guarantee;
    struct script_limits limits; /* zeroes: the defaults */
};

struct host_events {
    /* An application stopped. `is_final`: by its own policy or script; then the others run, or none
     * does any more (host_is_over). Else it starts anew after a pause. The texts are valid during
     * the call. */
    void (*failed)(void *owner, const char *application, const char *reason, bool is_final);
    /* Something that its users should know, though the application goes on. */
    void (*noticed)(void *owner, const char *application, const char *text);
};

/* Judges all scripts and connectors: ERROR_INVALID with the report filled when one is wrong.
 * Nothing runs yet. The options are borrowed until host_stop's callback. */
must_use int host_new(struct io *io, const struct host_options *options,
                      const struct host_events *events, void *owner, struct host **out,
                      struct report *report);
/* Runs them. `state_directory`: of the stores of all applications; borrowed like the options. */
void host_start(struct host *host, const char *state_directory);
/* No application will run again. */
bool host_is_over(const struct host *host);
/* Also of one that never started. Closes the applications, ends the shard, frees the host before
 * `stopped`. */
void host_stop(struct host *host, void (*stopped)(void *owner), void *owner);
/* Appends Prometheus text, at most a second old. */
void host_write_metrics(const struct host *host, struct buffer *out);

/* A look at the applications, on their shards in turn; embedded by whoever asks, who leaves it
 * alone until `done`. */
struct host_visit {
    /* On each further thread, the first of which is 1, before the first thread is visited; NULL:
     * only that one is. The result is as below. */
    bool (*visit_thread)(struct host_visit *visit, struct host *host, size_t thread);
    /* On the first thread. False: not at the end yet, and called again when others had their turn;
     * what was found the time before may be gone. */
    bool (*visit)(struct host_visit *visit, struct host *host);
    void (*done)(struct host_visit *visit); /* on the owner's shard */
    void *owner;
    struct host *host; /* filled by host_visit, like what follows */
    size_t thread;
    struct io_request request;
};

/* Not after host_stop. */
void host_visit(struct host *host, struct host_visit *visit);

size_t host_thread_count(const struct host *host);
/* Below: inside visit_thread, on that thread. The worker of the application at a place
 * (host_app_index); NULL while there is none. */
struct app *host_thread_app_at(struct host *host, size_t thread, size_t index);
/* Its place, by its name; HOST_SCRIPT_MAX when it has no worker there. */
size_t host_thread_find(struct host *host, size_t thread, const char *name);

/* Below: the first thread, inside a visit. */

struct host_app;

enum host_app_state {
    HOST_APP_STARTING,
    HOST_APP_RUNNING,
    HOST_APP_PAUSED,
    HOST_APP_CLOSING, /* after a failure, or for its next version */
    HOST_APP_WAITING, /* for the pause after a failure to end */
    HOST_APP_STOPPED, /* for good */
};

/* Places, some of which may be empty: NULL. */
size_t host_app_count(const struct host *host);
struct host_app *host_app_at(struct host *host, size_t index);
/* NULL when there is none of that name. */
struct host_app *host_app_find(struct host *host, const char *name);
size_t host_app_index(const struct host_app *row);
const char *host_app_name(const struct host_app *row);
const char *host_app_script(const struct host_app *row);
/* Of a deployed one, from 1; 0: it runs from a file of this machine. */
int64_t host_app_version(const struct host_app *row);
enum host_app_state host_app_state(const struct host_app *row);
/* "running" */
const char *host_app_state_name(enum host_app_state state);
/* Its worker of the first thread; NULL while it is not there: it waits, or has stopped. */
struct app *host_app_running(const struct host_app *row);
/* Of the last failure; "" when there was none. */
const char *host_app_reason(const struct host_app *row);
/* What its script printed and what happened to it. */
const struct app_log *host_app_log(const struct host_app *row);
int64_t host_app_restart_count(const struct host_app *row);
/* The version that runs on a part of its tasks; NULL: none does. */
const struct canary_order *host_app_canary(const struct host_app *row);
/* Its script as the file is now, judged: NULL with the report filled when something is wrong, when
 * it names another application, or when one is on its way already. */
struct app *host_app_read_next(struct host_app *row, struct report *report);
/* What was read is not used. */
void host_app_drop_next(struct host_app *row, struct app *next);
/* It takes the place of what runs, which commits and closes first; stores go on by their names. One
 * that had stopped is started anew. */
void host_app_use_next(struct host_app *row, struct app *next);
/* Processing stands still, also after a failure and a new start, until it is said otherwise; what
 * is under way is committed. */
void host_app_pause(struct host_app *row, bool is_paused);
