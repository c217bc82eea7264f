/* The inside of a host, shared by its files. Inside runtime/host.
 *
 *     host.c          the shards: start, visits, end
 *     host_app.c      one application: read, started, supervised, replaced
 *     host_version.c  what the cluster has deployed
 *     host_canary.c   a version on a part of the tasks
 *     host_metrics.c  what is measured
 *     host_worker.c   the workers of further threads
 *
 * Shards share these files, never a variable without a post between: functions named host_shard_...
 * and host_worker_... run on the shard that leads, host_thread_... on that of a further thread, all
 * others on the owner's. */
#pragma once

#include "log/base/metric.h"
#include "log/io/shard.h"
#include "runtime/app/app_totals.h"
#include "runtime/host/breaker.h"
#include "runtime/host/deployment.h"
#include "runtime/host/host.h"
#include "runtime/host/host_worker.h"

enum {
    HOST_METRICS_MS = 1000,
    HOST_GOOD_MS = 60000, /* after so long a pause begins small again, and a version is good */
    HOST_REASON_SIZE = 1600,
};

/* One application, on the shard that leads. */
struct host_app {
    struct host *host;
    struct app_log *log;
    const char *script;        /* of a deployed one the name of its file, in `bundle` */
    char *name;                /* as its script said when it was read last; NULL: an empty place */
    struct app_bundle *bundle; /* what runs; NULL: the file at `script` */
    struct app_bundle *previous; /* what ran before it; NULL: nothing, or `bundle` proved good */
    struct canary_order *canary; /* the version on a part of the tasks; NULL: there is none */
    bool is_coming;              /* `bundle` waits for what runs to close: it never ran */
    int failure_count;           /* of `bundle` */
    bool is_removed;             /* its place becomes empty when it is closed */
    struct app *app;  /* the first worker; NULL while it waits to be started anew, or for good */
    struct app *next; /* takes its place when all workers are closed; NULL: nothing does */
    bool is_paused;
    bool is_broken; /* paused by the breaker */
    struct breaker breaker;
    struct breaker_figures figures; /* as it was told last */
    struct io_timer timer;
    bool is_failing; /* one worker has; what the others say of it is left out */
    bool is_closing; /* until all workers are closed */
    bool is_over;
    bool is_refused; /* an option of the process is, so that it is over as well */
    uint64_t started_ns;
    int64_t pause_ms; /* before the next start */
    int64_t restart_count;
    char reason[HOST_REASON_SIZE];
};

/* What the shard tells the owner. */
struct host_news {
    struct io_request post;
    struct host *host;
    char *application; /* of a failure or a notice */
    char *reason;      /* NULL: it had stopped, and was started anew */
    bool is_final;
    bool is_refused; /* what failed is an option of the process */
    bool is_notice;  /* `reason` is one, and nothing failed */
};

struct host {
    struct io *io;
    const struct host_options *options;
    const struct host_events *events;
    void *owner;
    char home[17];                                /* of a process without an instance id */
    struct shard *shard;                          /* of the first thread */
    struct host_thread *threads[HOST_THREAD_MAX]; /* the further ones, from 1 */
    size_t thread_count;
    struct buffer metrics; /* the newest text */
    void (*stopped)(void *owner);
    void *stopped_owner;
    size_t over_count; /* applications that are over, as far as told */
    bool is_refused;   /* by an option of the process, as far as told */
    const char *state_directory;
    struct io_request start_request; /* to the shard */
    struct io_request stop_request;  /* to the shard */
    struct io_request end_request;   /* back */

    /* the shard's */
    struct io *shard_io;
    struct host_app apps[HOST_SCRIPT_MAX];
    size_t app_count;
    struct deployment *deployment; /* NULL: not followed, or ended */
    bool is_unfollowing;
    struct report report; /* of the start; read by the owner after shard_start */
    int error;
    size_t visit_count; /* begun and not over */
    bool is_stopping;
    bool is_ended;
    struct metric_registry *registry; /* while a sample is taken */
    struct io_timer metrics_timer;
};

/* --- On any shard --- */

/* What is the same for all applications and workers. */
struct app_options host_shard_app_options(const struct host *host);

/* --- On the shard that leads --- */

/* A new row in an empty place. */
void host_shard_init_app(struct host_app *row, struct host *host, const char *script);
/* Events of its workers. */
void host_shard_on_failed(void *owner, const char *reason, bool is_final);
void host_shard_on_refused(void *owner, const char *reason);
void host_shard_on_noticed(void *owner, const char *text);
void host_shard_on_outdated(void *owner);
/* Closes it on a turn of its own, as the application is on the stack; then it begins anew after its
 * pause, unless it is over. */
void host_shard_fail(struct host_app *row);
/* Tells the owner of a failure; NULL: what had stopped was started anew. */
void host_shard_tell(struct host_app *row, const char *reason);
/* The last application is closed and the last visit over: the owner may end the shard. */
void host_shard_end_if_closed(struct host *host);
/* Its script with its connectors, judged; it is not started. */
must_use int host_shard_read_app(struct host_app *row, struct app **out, struct report *report);
/* The same as what runs in this place. */
must_use int host_shard_open_app(struct host_app *row, struct report *report);
void host_shard_start_app(struct host_app *row);
void host_shard_close(struct host_app *row);
/* One of its workers is closed; goes on when all are. */
void host_shard_on_part_closed(struct host_app *row);
/* The first of them is. */
void host_shard_on_closed(void *owner);
/* Of an application that never started. */
void host_shard_drop(struct app *app);

/* Follows what is deployed; and no longer: host_shard_end_if_closed is called then. */
void host_shard_follow(struct host *host);
void host_shard_unfollow(struct host *host);
/* After a failure of a version. */
void host_shard_roll_back(struct host_app *row);
/* Of what the cluster says; and of a task of the canary. */
void host_shard_on_canary(void *owner, const char *name, const struct canary_order *told);
void host_shard_on_canary_failed(void *owner, const char *reason);
/* Says so to all who follow. */
void host_shard_end_canary(struct host_app *row, enum canary_order_state state, const char *why);
void host_shard_free_canary(struct host_app *row);
/* Every second, with what its workers did: pauses it when too many of its records fail. */
void host_shard_watch_errors(struct host_app *row, const struct task_counts *counts);
/* Likewise. */
void host_shard_watch_canary(struct host_app *row, const struct app_totals *totals);

/* The place may be used again. */
void host_shard_empty(struct host_app *row);

void host_shard_on_metrics_time(struct io_timer *timer);
/* Begins a visit: its host is filled in. */
void host_shard_visit(struct host_visit *visit);

/* --- On the owner's shard --- */

/* A request whose owner is a host_news. */
void host_on_news(struct io_request *request, int64_t result);
