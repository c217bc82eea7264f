/* The child of `tidemill run --isolate`: applications without a broker of their own. See
 * isolation.c for the whole.
 *
 * Owns:   the stream to the parent, questions that are not answered yet, the second that passes
 *         between two copies of the metrics.
 * Keeps:  (1) no code of an application runs before the process is confined;
 *         (2) it ends when the parent has ended.
 * Thread: the main thread. */
#pragma once

#include "runtime/admin/relay.h"
#include "runtime/cli/command.h"
#include "runtime/main/operation.h"

enum { ISOLATED_PATH_SIZE = 4096 };

struct isolated {
    struct command_world *world;
    struct relay relay;
    struct operation_desk *desk;
    struct http_route routes[OPERATION_ROUTE_COUNT];
    struct io_timer metrics_timer;
    char broker[IO_ADDRESS_SIZE];             /* filled by isolated_wait, like the next */
    char state_directory[ISOLATED_PATH_SIZE]; /* of stores */
    bool is_started;
};

/* Whether this process is such a child. */
bool isolated_is_asked(void);
/* Gives up what it may not do and speaks to the parent: COMMAND_OK, or an exit code after a
 * complaint. */
must_use int isolated_open(struct isolated *isolated, struct command_world *world);
/* Tells the parent that the applications are sound and answers its questions from now on; false
 * when it asks to end instead of telling where the broker is. */
must_use bool isolated_wait(struct isolated *isolated, struct operation_desk *desk);
/* Tells the parent that the applications have begun. */
void isolated_tell_begun(struct isolated *isolated);
/* Ends the process at once: what plugins left behind for its end is not run, for it may be broken
 * or never return. `is_over`: no application runs any more. */
__attribute__((noreturn)) void isolated_end(struct isolated *isolated, int code, bool is_over);
