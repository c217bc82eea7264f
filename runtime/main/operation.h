/* What people ask of applications over HTTP.
 *
 *     GET  /apps                      all of this process: state, counts
 *     GET  /apps/NAME                 one: its partitions and connectors too
 *     GET  /apps/NAME/plan            its topology
 *     GET  /apps/NAME/stores          its stores
 *     GET  /apps/NAME/stores/STORE    rows: ?key= or ?from=&to= or ?prefix=, ?limit=
 *     GET  /apps/NAME/logs            what it printed, what happened: ?after=, ?limit=
 *     GET  /apps/NAME/tap/NODE        what a node is given from now on: ?after= its "last"
 *     POST /apps/NAME/pause           processing stands still
 *     POST /apps/NAME/resume          and goes on
 *     POST /apps/NAME/reload          its file, read anew, takes its place if it is sound;
 *                                     ?dry=1 only tells what that would change
 *
 * Each question is a visit of the host (runtime/host/host.h), which builds the answer on the shards
 * of the applications: figures are sums over the threads, and what lies on one of them is found.
 *
 * Owns:   questions that are not answered yet; each frees itself.
 * Keeps:  a question is answered whatever happens: host_stop answers what was asked before.
 * Thread: the main thread, but for the visits. */
#pragma once

#include "runtime/admin/http.h"
#include "runtime/host/host.h"

enum { OPERATION_ROUTE_COUNT = 3, OPERATION_LIMIT_DEFAULT = 1000, OPERATION_LIMIT_MAX = 100000 };

struct operation_desk {
    struct host *host; /* NULL: no application runs (any more) */
};

enum { OPERATION_PARAMETER_COUNT = 7 };
/* Every name that a query may hold. */
extern const char *const operation_parameters[OPERATION_PARAMETER_COUNT];
/* The routes; the desk outlives them. */
void operation_make_routes(struct operation_desk *desk,
                           struct http_route routes[OPERATION_ROUTE_COUNT]);
