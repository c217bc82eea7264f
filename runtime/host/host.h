/* Runs applications on a shard of their own, beside the broker's.
 *
 * Owns:   the shard and the applications on it.
 * Keeps:  (1) nothing of the applications is touched from another thread; what both sides say to
 *             each other is posted;
 *         (2) an application that failed for a passing reason is closed and started anew after a
 *             pause that doubles from one second to a minute; one whose script says stop stays
 *             closed and is told.
 * Thread: the shard of `io`, unless said otherwise. */
#pragma once

#include "log/base/report.h"
#include "log/io/io.h"
#include "runtime/app/app.h"

struct host;

enum { HOST_SCRIPT_MAX = 64 };

struct host_options {
    const char *scripts[HOST_SCRIPT_MAX];
    size_t script_count;
    const char *bootstrap;   /* "host:port" or "loopback:NAME" */
    const char *instance_id; /* of group members, so that a restart takes its partitions at once;
                              * NULL: none */
    const char *const *plugin_directories;
    size_t plugin_directory_count;
    int64_t commit_interval_ms; /* 0: the default */
    enum app_guarantee guarantee;
    struct script_limits limits; /* zeroes: the defaults */
};

struct host_events {
    /* An application stopped. `is_final`: by its own policy or script; then the others run, or none
     * does any more (host_is_over). Else it starts anew after a pause. The texts are valid during
     * the call. */
    void (*failed)(void *owner, const char *application, const char *reason, bool is_final);
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
