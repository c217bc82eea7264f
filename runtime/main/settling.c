/* Looks again and again; see settling.h. */
#include "runtime/main/settling.h"

#include "log/base/memory.h"

#include <stdlib.h>

static const uint64_t LOOK_AGAIN_NS = UINT64_C(2000000);
static const uint64_t PATIENCE_NS = UINT64_C(5000000000);

struct settling {
    struct command_world *world;
    struct host *host;
    struct host_visit visit;
    struct io_timer look_timer;
    struct io_timer patience_timer;
    bool is_looking; /* a visit is on its way */
    bool has_settled;
    bool is_out_of_patience;
    bool is_left; /* nobody waits; it ends with the visit */
};

static bool on_visit(struct host_visit *visit, struct host *host)
{
    struct settling *settling = visit->owner;
    bool has_settled = true;
    for (size_t i = 0; i < host_app_count(host); i++) {
        const struct host_app *row = host_app_at(host, i);
        has_settled = has_settled && (row == NULL || host_app_state(row) != HOST_APP_STARTING);
    }
    settling->has_settled = has_settled;
    return true;
}

static void on_visited(struct host_visit *visit)
{
    struct settling *settling = visit->owner;
    settling->is_looking = false;
    if (settling->is_left) {
        free(settling);
    } else if (settling->has_settled) {
        settling->world->stop(settling->world->owner);
    } else {
        io_timer_start(settling->world->io, &settling->look_timer, LOOK_AGAIN_NS);
    }
}

static void look(struct settling *settling)
{
    settling->is_looking = true;
    settling->visit = (struct host_visit){.visit = on_visit, .done = on_visited, .owner = settling};
    host_visit(settling->host, &settling->visit);
}

static void on_look_time(struct io_timer *timer)
{
    look(timer->owner);
}

static void on_patience_end(struct io_timer *timer)
{
    struct settling *settling = timer->owner;
    settling->is_out_of_patience = true;
    settling->world->stop(settling->world->owner);
}

/* A visit does not end while a script or a plugin keeps the applications' thread. */
static void leave(struct settling *settling)
{
    io_timer_stop(settling->world->io, &settling->look_timer);
    io_timer_stop(settling->world->io, &settling->patience_timer);
    if (settling->is_looking) {
        settling->is_left = true;
    } else {
        free(settling);
    }
}

void settling_await(struct command_world *world, struct host *host, const bool *is_over)
{
    struct settling *settling = memory_new(struct settling);
    settling->world = world;
    settling->host = host;
    settling->look_timer = (struct io_timer){.fired = on_look_time, .owner = settling};
    settling->patience_timer = (struct io_timer){.fired = on_patience_end, .owner = settling};
    io_timer_start(world->io, &settling->patience_timer, PATIENCE_NS);
    look(settling);
    while ((settling->is_looking || !settling->has_settled) && !settling->is_out_of_patience &&
           !world->is_interrupted && !*is_over) {
        world->run(world->owner);
    }
    leave(settling);
}
