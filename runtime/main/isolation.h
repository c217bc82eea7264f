/* The parent of `tidemill run --isolate`: keeps a child with the applications alive. See
 * isolation.c for the whole.
 *
 * Owns:   the child, the stream to it, the copy of its metrics, questions it was asked.
 * Keeps:  (1) there is one child at most, and none after isolation_stop;
 *         (2) a question is answered whatever happens to the child;
 *         (3) a child that ended unasked is followed by another after a pause that doubles from one
 *             second to a minute, and begins anew when one ran for a minute.
 * Thread: the main thread; the loop turns inside isolation_start, isolation_await and
 * isolation_stop.
 */
#pragma once

#include "log/base/list.h"
#include "runtime/admin/http.h"
#include "runtime/admin/relay.h"
#include "runtime/cli/command.h"
#include "runtime/main/operation.h"

#include <sys/types.h>

/* The kinds of frames, and what their parts are. */
enum isolation_frame {
    ISOLATION_JUDGED = 1, /* from the child: the applications are sound */
    ISOLATION_START,      /* to it: address of the broker, directory of stores */
    ISOLATION_BEGUN,      /* from it: they run, or said why not, or took too long */
    ISOLATION_QUESTION,   /* to it, numbered: method, path, then names and values of the query */
    ISOLATION_ANSWER,     /* from it, with the number and a status: the body */
    ISOLATION_METRICS,    /* from it, every second: Prometheus text */
    ISOLATION_STOP,       /* to it */
};

/* What the child knows from its birth: its end of the stream, the process that must live, and the
 * exit code that says that no application runs any more. */
enum { ISOLATION_DESCRIPTOR = 3, ISOLATION_EXIT_OVER = 3 };
#define ISOLATION_VARIABLE "TIDEMILL_ISOLATED"

struct isolation {
    struct command_world *world;
    void (*over)(void *owner); /* no application runs any more; no child follows */
    void *owner;
    pid_t child; /* 0: none */
    struct relay relay;
    bool is_judged;     /* the child is sound and waits, or runs */
    bool has_judged;    /* one was sound, ever */
    bool has_begun;     /* what one was told to run runs, or one ended */
    bool is_stopping;   /* no child follows */
    int end_code;       /* of the last child; 128 and the number of a signal */
    const char *broker; /* NULL: not known yet */
    const char *state_directory;
    uint64_t born_ns;
    int64_t pause_ms; /* before the next child */
    int64_t restart_count;
    int64_t patience_ms;   /* with one that was asked to end */
    struct io_timer timer; /* for the next child, or for the patience with the last one to end */
    struct buffer metrics;
    struct list questions;
    uint64_t question_number; /* of the last */
};

/* Starts a child and waits until it has judged the applications: COMMAND_OK, or an exit code after
 * a complaint or a signal; then nothing is left. */
must_use int isolation_start(struct isolation *isolation, struct command_world *world,
                             void (*over)(void *owner), void *owner);
/* The child shall run them, and every child after it. The texts are borrowed until
 * isolation_stop. */
void isolation_run(struct isolation *isolation, const char *broker, const char *state_directory);
/* Behind it: waits until they have begun (settling.h) or the child ended, not after a signal. */
void isolation_await(struct isolation *isolation);
/* The questions of runtime/main/operation.h, which the child answers. */
void isolation_make_routes(struct isolation *isolation,
                           struct http_route routes[OPERATION_ROUTE_COUNT]);
/* The child's, at most two seconds old, and how often one had to follow another. */
void isolation_write_metrics(const struct isolation *isolation, struct buffer *out);
/* Asks the child to commit and end, and waits; one that has not judged is ended: COMMAND_OK, or
 * COMMAND_FAILED after a complaint when it had to be killed. */
must_use int isolation_stop(struct isolation *isolation);
