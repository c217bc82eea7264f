/* Looks again and again; see settling.h. */
#include "runtime/main/settling.h"

enum {
    LOOK_AGAIN_MS = 2,
    LOOKS_MAX = 2500, /* five seconds and more */
};

struct settling {
    struct command_world *world;
    struct host *host;
    struct host_visit visit;
    struct io_timer timer;
    int look_count;
    bool is_looking; /* a visit is on its way */
    bool has_settled;
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
    if (settling->has_settled || ++settling->look_count == LOOKS_MAX) {
        settling->world->stop(settling->world->owner);
    } else {
        io_timer_start(settling->world->io, &settling->timer, UINT64_C(1000000) * LOOK_AGAIN_MS);
    }
}

static void look(struct settling *settling)
{
    settling->is_looking = true;
    settling->visit = (struct host_visit){.visit = on_visit, .done = on_visited, .owner = settling};
    host_visit(settling->host, &settling->visit);
}

static void on_timer(struct io_timer *timer)
{
    look(timer->owner);
}

static bool is_wanted(const struct settling *settling, const bool *is_over)
{
    return !settling->has_settled && settling->look_count < LOOKS_MAX &&
           !settling->world->is_interrupted && !*is_over;
}

void settling_await(struct command_world *world, struct host *host, const bool *is_over)
{
    struct settling settling = {.world = world, .host = host};
    settling.timer = (struct io_timer){.fired = on_timer, .owner = &settling};
    look(&settling);
    while (settling.is_looking || is_wanted(&settling, is_over)) {
        world->run(world->owner);
    }
    io_timer_stop(world->io, &settling.timer);
}
