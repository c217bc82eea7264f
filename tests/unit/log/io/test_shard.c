/* Shows that a shard runs its owner's code on its own thread, takes posts from others in order,
 * and that work of an io outside its shard is caught. */
#include "log/base/check.h"
#include "log/io/shard.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

enum { POST_COUNT = 10000 };

struct counter {
    struct shard *shard;
    pthread_t start_thread;
    pthread_t stop_thread;
    bool is_pipe_signal_blocked;
    int next; /* touched by the shard only, until it is joined */
    struct io_request requests[POST_COUNT];
};

static void on_start(void *owner, struct io *io)
{
    struct counter *counter = owner;
    sigset_t blocked;
    shard_check(io);
    counter->start_thread = pthread_self();
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    counter->is_pipe_signal_blocked = sigismember(&blocked, SIGPIPE) == 1;
}

static void on_stop(void *owner, struct io *io)
{
    (void)io;
    ((struct counter *)owner)->stop_thread = pthread_self();
}

static void on_post(struct io_request *request, int64_t result)
{
    struct counter *counter = request->owner;
    check(result == 0);
    check(request == &counter->requests[counter->next]);
    check(pthread_equal(pthread_self(), counter->start_thread));
    if (++counter->next == POST_COUNT) {
        shard_stop(counter->shard);
    }
}

static void posts_from_another_thread_run_in_order_on_the_shard(void **state)
{
    static const struct shard_events events = {.start = on_start, .stop = on_stop};
    struct counter *counter = test_calloc(1, sizeof *counter);
    (void)state;
    counter->shard = shard_thread_start(NULL, "a-name-that-is-cut", &events, counter);
    assert_false(pthread_equal(counter->start_thread, pthread_self()));
    for (int i = 0; i < POST_COUNT; i++) {
        counter->requests[i] = (struct io_request){.done = on_post, .owner = counter};
        io_post(shard_io(counter->shard), &counter->requests[i]);
    }
    shard_join(counter->shard);
    assert_int_equal(counter->next, POST_COUNT);
    assert_true(pthread_equal(counter->start_thread, counter->stop_thread));
    assert_true(counter->is_pipe_signal_blocked);
    test_free(counter);
}

static jmp_buf caught;

static void on_failure(const char *condition, const char *file, int line)
{
    (void)condition;
    (void)file;
    (void)line;
    longjmp(caught, 1);
}

static void another_threads_io_is_caught(void **state)
{
    static const struct shard_events events = {.start = on_start};
    struct counter *counter = test_calloc(1, sizeof *counter);
    volatile bool is_caught = false;
    (void)state;
    counter->shard = shard_thread_start(NULL, "shard", &events, counter);
    check_on_failure(on_failure);
    if (setjmp(caught) == 0) {
        shard_check(shard_io(counter->shard));
    } else {
        is_caught = true;
    }
    check_on_failure(NULL);
    shard_stop(counter->shard);
    shard_join(counter->shard);
    assert_true(is_caught);
    test_free(counter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(posts_from_another_thread_run_in_order_on_the_shard),
        cmocka_unit_test(another_threads_io_is_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
