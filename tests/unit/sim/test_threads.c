/* Shows that a worker has turns of its own in virtual time, and gets its messages in order. */
#include "log/io/shard.h"
#include "log/io/worker.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

enum { MESSAGES = 5 };
static const uint64_t SECOND = 1000000000;

struct bench {
    struct sim *sim;
    struct io *io;
    struct worker *worker;
    struct worker_message messages[MESSAGES];
    int taken[MESSAGES];
    int taken_count;
    uint64_t waited_ns;
    struct io_request post;
    bool is_ended;
};

static void on_ended(struct io_request *request, int64_t result)
{
    struct bench *bench = request->owner;
    (void)result;
    worker_join(bench->worker);
    bench->is_ended = true;
}

static void post_end(struct bench *bench)
{
    bench->post = (struct io_request){.done = on_ended, .owner = bench};
    io_post(bench->io, &bench->post);
}

static void run_taker(struct worker *worker, void *owner)
{
    struct bench *bench = owner;
    while (bench->taken_count < MESSAGES) {
        struct worker_message *message = worker_take(worker, 3600 * 1000);
        bench->taken[bench->taken_count++] = (int)(message - bench->messages);
    }
    post_end(bench);
}

static void run_waiter(struct worker *worker, void *owner)
{
    struct bench *bench = owner;
    uint64_t before = io_now(bench->io);
    assert_null(worker_take(worker, 0));
    assert_int_equal(io_now(bench->io), before);
    assert_null(worker_take(worker, 2500));
    bench->waited_ns = io_now(bench->io) - before;
    post_end(bench);
}

static void bench_open(struct bench *bench, void (*run)(struct worker *worker, void *owner))
{
    *bench = (struct bench){.sim = sim_new(1, 1)};
    bench->io = sim_io(bench->sim, 0);
    bench->worker = worker_start(bench->io, "worker", run, bench);
}

static void messages_are_taken_in_order(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, run_taker);
    sim_run(bench.sim, sim_now(bench.sim) + SECOND);
    assert_int_equal(bench.taken_count, 0);
    for (int i = 0; i < MESSAGES; i++) {
        worker_put(bench.worker, &bench.messages[i]);
    }
    sim_run(bench.sim, sim_now(bench.sim) + SECOND);
    assert_true(bench.is_ended);
    for (int i = 0; i < MESSAGES; i++) {
        assert_int_equal(bench.taken[i], i);
    }
    sim_free(bench.sim);
}

static void patience_ends_in_virtual_time(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, run_waiter);
    sim_run(bench.sim, sim_now(bench.sim) + 10 * SECOND);
    assert_true(bench.is_ended);
    assert_true(bench.waited_ns == 2500000000);
    sim_free(bench.sim);
}

static void a_wake_ends_the_waiting_at_once(void **state)
{
    (void)state;
    struct bench bench;
    bench_open(&bench, run_waiter);
    sim_run(bench.sim, sim_now(bench.sim) + SECOND);
    worker_wake(bench.worker);
    sim_run(bench.sim, sim_now(bench.sim) + 10 * SECOND);
    assert_true(bench.is_ended);
    assert_true(bench.waited_ns < 1100000000);
    sim_free(bench.sim);
}

static void on_shard_start(void *owner, struct io *io)
{
    *(struct io **)owner = io;
}

static void a_shard_begins_before_the_call_returns(void **state)
{
    (void)state;
    static const struct shard_events events = {.start = on_shard_start};
    struct sim *sim = sim_new(1, 1);
    struct io *seen = NULL;
    struct shard *shard = shard_start(sim_io(sim, 0), "shard", &events, &seen);
    assert_ptr_equal(shard_io(shard), seen);
    shard_stop(shard);
    shard_join(shard);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_are_taken_in_order),
        cmocka_unit_test(patience_ends_in_virtual_time),
        cmocka_unit_test(a_wake_ends_the_waiting_at_once),
        cmocka_unit_test(a_shard_begins_before_the_call_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
