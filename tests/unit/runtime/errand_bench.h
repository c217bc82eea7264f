/* A command's world on a simulated machine, with an errand to a fake cluster of one broker.
 *
 * Owns:   the world, the cluster, the errand, what the command complains of. */
#pragma once

#include "log/base/trace.h"
#include "runtime/cli/errand.h"
#include "tests/unit/runtime/fake_cluster.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { ERRAND_BENCH_PATIENCE_S = 60 };

struct errand_bench {
    struct sim *sim;
    struct fake_cluster *cluster;
    struct command_world world;
    struct errand errand;
    char *errors;
    size_t errors_size;
    bool is_stopped;
    void (*on_wait)(struct errand_bench *bench); /* once, when the loop turns the next time */
};

static bool errand_bench_is_stopped(void *owner)
{
    return ((struct errand_bench *)owner)->is_stopped;
}

static void errand_bench_run(void *owner)
{
    struct errand_bench *bench = owner;
    if (bench->on_wait != NULL) {
        void (*on_wait)(struct errand_bench * bench) = bench->on_wait;
        bench->on_wait = NULL;
        on_wait(bench);
    }
    assert_true(bench->is_stopped || sim_run_until(bench->sim, errand_bench_is_stopped, bench,
                                                   ERRAND_BENCH_PATIENCE_S * UINT64_C(1000000000)));
    bench->is_stopped = false;
}

static void errand_bench_stop(void *owner)
{
    ((struct errand_bench *)owner)->is_stopped = true;
}

static inline int errand_bench_setup(void **state)
{
    static struct errand_bench bench;
    static const struct errand_flags flags = {.brokers = "node1:9092"};
    trace_set_stream(NULL);
    bench = (struct errand_bench){.sim = sim_new(7, 2)};
    bench.cluster = fake_cluster_new(bench.sim, 1);
    bench.world =
        (struct command_world){.io = sim_io(bench.sim, 0),
                               .run = errand_bench_run,
                               .stop = errand_bench_stop,
                               .owner = &bench,
                               .out = stdout,
                               .errors = open_memstream(&bench.errors, &bench.errors_size),
                               .input = -1};
    assert_int_equal(errand_open(&bench.errand, &bench.world, &flags, NULL, NULL), COMMAND_OK);
    *state = &bench;
    return 0;
}

static inline int errand_bench_teardown(void **state)
{
    struct errand_bench *bench = *state;
    errand_close(&bench->errand);
    fclose(bench->world.errors);
    free(bench->errors);
    fake_cluster_free(bench->cluster);
    sim_free(bench->sim);
    return 0;
}

/* What was complained of so far. */
static inline const char *errand_bench_errors(struct errand_bench *bench)
{
    fflush(bench->world.errors);
    return bench->errors;
}
