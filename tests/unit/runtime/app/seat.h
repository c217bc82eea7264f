/* A process with one application, on a machine of a simulated network beside a whole broker
 * (real_broker.h): started, stopped, killed, cut off. The memory of a killed process stays. */
#pragma once

#include "runtime/app/app.h"
#include "tests/sim/sim.h"
#include "tests/unit/runtime/real_broker.h"
#include "tests/unit/unit.h"

#include <stdio.h>

enum { SEAT_GRAVE_MAX = 65536 };

struct seat {
    struct sim *sim;
    int machine;
    const char *instance_id;
    int64_t commit_interval_ms; /* 0: the default */
    struct app *app;
    bool is_closed;
    bool is_cut;
    int failure_count;
    char reason[800];
};

/* So that a sanitizer of leaks finds what died with its process. */
static void *seat_graves[SEAT_GRAVE_MAX];
static int seat_grave_count;

static inline void seat_init(struct seat *seat, struct sim *sim, int number, const char *script)
{
    *seat = (struct seat){.sim = sim, .machine = REAL_BROKER_MACHINE + number};
    struct io *io = sim_io(sim, seat->machine);
    struct io_file *file;
    struct bytes part = bytes_from_string(script);
    assert_int_equal(io_file_open(io, "app.lua", IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    assert_int_equal(io_file_write(io, file, &part, 1, 0), 0);
    io_file_close(io, file);
}

static inline void seat_on_failed(void *owner, const char *reason, bool is_final)
{
    struct seat *seat = owner;
    (void)is_final;
    seat->failure_count++;
    snprintf(seat->reason, sizeof seat->reason, "%s", reason);
}

static inline void seat_start(struct seat *seat)
{
    static const struct app_events events = {.failed = seat_on_failed};
    struct report report = {0};
    struct app_options options = {.path = "app.lua",
                                  .client = client_options_default(),
                                  .instance_id = seat->instance_id,
                                  .commit_interval_ms = seat->commit_interval_ms};
    options.client.bootstrap = "node0:9092";
    options.client.request_timeout_ms = 3000;
    seat->reason[0] = 0;
    if (app_new(sim_io(seat->sim, seat->machine), &options, &events, seat, &seat->app, &report) !=
        0) {
        fail_msg("%s: %s", report.place, report.text);
    }
    app_start(seat->app, NULL);
}

static inline void seat_on_closed(void *owner)
{
    ((struct seat *)owner)->is_closed = true;
}

static inline bool seat_is_closed(void *owner)
{
    return ((struct seat *)owner)->is_closed;
}

static inline void seat_stop(struct seat *seat)
{
    struct app *app = seat->app;
    seat->app = NULL;
    seat->is_closed = false;
    app_close(app, seat_on_closed, seat);
    assert_true(sim_run_until(seat->sim, seat_is_closed, seat, 120ull * 1000000000));
}

/* As kill -9. */
static inline void seat_murder(struct seat *seat)
{
    assert_true(seat_grave_count < SEAT_GRAVE_MAX);
    seat_graves[seat_grave_count++] = seat->app;
    seat->app = NULL;
    sim_kill(seat->sim, seat->machine);
}

static inline void seat_cut(struct seat *seat)
{
    seat->is_cut = true;
    sim_cut(seat->sim, 0, seat->machine);
}

static inline void seat_mend(struct seat *seat)
{
    seat->is_cut = false;
    sim_mend(seat->sim, 0, seat->machine);
}
