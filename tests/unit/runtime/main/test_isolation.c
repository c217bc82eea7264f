/* Wants to show: whatever the child of `run --isolate` does, the parent goes on: one that dies,
 * hangs or sends garbage is seen, told of, followed by another or not, and questions are answered.
 *
 * The child is this program once more, as the program's is: what it plays stands in $CHILD. It
 * speaks the protocol by hand, with blocking reads and writes. */
#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/io/io_uv.h"
#include "runtime/main/isolated.h"
#include "runtime/main/isolation.h"
#include "tests/unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SECOND = 1000000000, PATIENCE_S = 20, CHILD_EXIT = 7, CHILD_ALARM_SECONDS = 60 };

/* --- The child -------------------------------------------------------------------------------- */

static void child_write(struct bytes bytes)
{
    while (bytes.size > 0) {
        ssize_t size = write(ISOLATION_DESCRIPTOR, bytes.data, bytes.size);
        if (size <= 0) {
            _exit(CHILD_EXIT);
        }
        bytes = bytes_make(bytes.data + size, bytes.size - (size_t)size);
    }
}

static void child_send(struct relay_frame frame)
{
    struct buffer out;
    buffer_init(&out);
    if (relay_write(&frame, &out) != 0) {
        _exit(CHILD_EXIT);
    }
    child_write(buffer_bytes(&out));
    buffer_fini(&out);
}

/* Nothing more, for ever; the stream stays open. */
__attribute__((noreturn)) static void child_hang(void)
{
    while (true) {
        pause();
    }
}

__attribute__((noreturn)) static void child_send_garbage(void)
{
    uint8_t garbage[64];
    memset(garbage, 0xff, sizeof garbage);
    child_write(bytes_make(garbage, sizeof garbage));
    child_hang();
}

static void child_answer(uint64_t number, const char *text)
{
    child_send((struct relay_frame){.kind = ISOLATION_ANSWER,
                                    .number = number,
                                    .status = 200,
                                    .parts = {bytes_from_string(text)},
                                    .part_count = 1});
}

static void child_be_strange(uint64_t number)
{
    child_answer(number + 1000, "of nobody's question");
    child_send((struct relay_frame){.kind = ISOLATION_ANSWER, .number = number}); /* no body */
    child_send((struct relay_frame){.kind = 200, .number = number});
    child_send((struct relay_frame){.kind = ISOLATION_STOP});
    child_send((struct relay_frame){.kind = ISOLATION_METRICS}); /* none */
}

static void child_on_question(const struct relay_frame *frame)
{
    char text[200] = "";
    for (size_t i = 0; i < frame->part_count; i++) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%.*s", i == 0 ? "" : " ",
                 BYTES_FORMAT(frame->parts[i]));
    }
    if (strstr(text, "/die") != NULL) {
        raise(SIGKILL);
    } else if (strstr(text, "/over") != NULL) {
        _exit(ISOLATION_EXIT_OVER);
    } else if (strstr(text, "/garbage") != NULL) {
        child_send_garbage();
    } else if (strstr(text, "/mute") != NULL) {
        return;
    } else if (strstr(text, "/strange") != NULL) {
        child_be_strange(frame->number);
    }
    child_answer(frame->number, text);
}

/* The metrics are what it was told at the start. */
static void child_on_frame(const struct relay_frame *frame, bool is_stubborn)
{
    char text[200];
    if (frame->kind == ISOLATION_QUESTION) {
        child_on_question(frame);
    } else if (frame->kind == ISOLATION_STOP && !is_stubborn) {
        _exit(COMMAND_OK);
    } else if (frame->kind == ISOLATION_START) {
        snprintf(text, sizeof text, "at %.*s in %.*s\n", BYTES_FORMAT(frame->parts[0]),
                 BYTES_FORMAT(frame->parts[1]));
        child_send((struct relay_frame){
            .kind = ISOLATION_METRICS, .parts = {bytes_from_string(text)}, .part_count = 1});
        child_send((struct relay_frame){.kind = ISOLATION_BEGUN});
    }
}

__attribute__((noreturn)) static void child_speak(bool is_stubborn)
{
    static uint8_t arrived[1 << 16];
    size_t size = 0;
    child_send((struct relay_frame){.kind = ISOLATION_JUDGED});
    while (true) {
        ssize_t more = read(ISOLATION_DESCRIPTOR, arrived + size, sizeof arrived - size);
        struct relay_frame frame;
        int64_t used;
        if (more <= 0) {
            _exit(CHILD_EXIT);
        }
        size += (size_t)more;
        while ((used = relay_read(bytes_make(arrived, size), &frame)) > 0) {
            child_on_frame(&frame, is_stubborn);
            size -= (size_t)used;
            memmove(arrived, arrived + used, size);
        }
    }
}

/* What is left over by a test that failed ends by itself. */
__attribute__((noreturn)) static void child_play(const char *role)
{
    alarm(CHILD_ALARM_SECONDS);
    if (strncmp(role, "exit ", 5) == 0) {
        _exit(atoi(role + 5));
    } else if (strcmp(role, "crash") == 0) {
        raise(SIGKILL);
    } else if (strcmp(role, "garbage") == 0) {
        child_send_garbage();
    } else if (strcmp(role, "hang") == 0) {
        child_hang();
    }
    child_speak(strcmp(role, "stubborn") == 0);
}

/* --- The parent ------------------------------------------------------------------------------- */

struct bench {
    struct command_world world;
    struct isolation isolation;
    char *errors;
    size_t errors_size;
    int over_count;
    struct io_timer timer;
};

static void run_loop(void *owner)
{
    io_uv_run(owner);
}

static void stop_loop(void *owner)
{
    io_uv_stop(owner);
}

static int setup(void **state)
{
    static struct bench bench;
    trace_set_stream(NULL);
    struct io *io = io_uv_new();
    bench = (struct bench){
        .world = {.io = io, .run = run_loop, .stop = stop_loop, .owner = io, .out = stdout}};
    bench.world.errors = open_memstream(&bench.errors, &bench.errors_size);
    *state = &bench;
    return 0;
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    io_uv_free(bench->world.io);
    fclose(bench->world.errors);
    free(bench->errors);
    return 0;
}

static void on_over(void *owner)
{
    ((struct bench *)owner)->over_count++;
}

static int start(struct bench *bench, const char *role)
{
    assert_int_equal(setenv("CHILD", role, 1), 0);
    return isolation_start(&bench->isolation, &bench->world, on_over, bench);
}

static void start_and_run(struct bench *bench, const char *role)
{
    assert_int_equal(start(bench, role), COMMAND_OK);
    isolation_run(&bench->isolation, "broker:1", "stores");
}

static void assert_said(struct bench *bench, const char *text)
{
    fflush(bench->world.errors);
    assert_string_equal(bench->errors, text);
}

static void on_time(struct io_timer *timer)
{
    struct bench *bench = timer->owner;
    io_uv_stop(bench->world.io);
}

/* Turns the loop until the condition holds. */
static void await(struct bench *bench, bool (*condition)(struct bench *bench))
{
    struct io *io = bench->world.io;
    uint64_t end = io_now(io) + PATIENCE_S * (uint64_t)SECOND;
    while (!condition(bench)) {
        assert_true(io_now(io) < end);
        bench->timer = (struct io_timer){.fired = on_time, .owner = bench};
        io_timer_start(io, &bench->timer, SECOND / 100);
        io_uv_run(io);
        io_timer_stop(io, &bench->timer);
    }
}

static bool has_metrics(struct bench *bench)
{
    return bench->isolation.metrics.size > 0;
}

static bool has_restarted(struct bench *bench)
{
    return bench->isolation.restart_count == 1 && has_metrics(bench);
}

struct question {
    struct http_answer answer;
    unsigned status;
    char body[300];
};

static void on_given(struct http_answer *answer, unsigned status, struct buffer *body)
{
    struct question *question = (struct question *)(void *)answer;
    assert_int_equal(question->status, 0);
    question->status = status;
    snprintf(question->body, sizeof question->body, "%s", buffer_string(body));
    buffer_fini(body);
}

static const char *find_query(const struct http_request *request, const char *name)
{
    (void)request;
    return strcmp(name, "limit") == 0 ? "5" : NULL;
}

static void ask(struct bench *bench, const char *path, struct question *question)
{
    struct http_route routes[OPERATION_ROUTE_COUNT];
    const struct http_request request = {.method = "GET", .path = path, .query = find_query};
    *question = (struct question){.answer = {.give = on_given}};
    isolation_make_routes(&bench->isolation, routes);
    routes[0].ask(routes[0].owner, &request, &question->answer);
}

static struct question *awaited;

static bool is_answered(struct bench *bench)
{
    (void)bench;
    return awaited->status != 0;
}

static void await_answer(struct bench *bench, struct question *question)
{
    awaited = question;
    await(bench, is_answered);
}

/* --- Before it has judged --- */

static void one_that_ends_at_once_ends_the_start(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(start(bench, "exit 7"), COMMAND_FAILED);
    assert_said(bench, "tidemill: the process of the applications ended with 7 while it looked at "
                       "them; nothing was started\n");
    assert_int_equal(bench->isolation.child, 0);
}

static void one_that_has_complained_is_not_complained_of(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(start(bench, "exit 1"), COMMAND_FAILED);
    assert_int_equal(start(bench, "exit 2"), COMMAND_MISUSED);
    assert_said(bench, "");
}

static void one_that_crashes_ends_the_start(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(start(bench, "crash"), COMMAND_FAILED);
    assert_said(bench, "tidemill: the process of the applications died of SIGKILL while it looked "
                       "at them; nothing was started\n");
}

/* It would never end by itself. */
static void one_that_sends_garbage_is_killed(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(start(bench, "garbage"), COMMAND_FAILED);
    assert_said(bench, "tidemill: the process of the applications died of SIGKILL while it looked "
                       "at them; nothing was started\n");
    assert_int_equal(bench->isolation.child, 0);
}

static void on_signal_time(struct io_timer *timer)
{
    struct bench *bench = timer->owner;
    bench->world.is_interrupted = true;
    io_uv_stop(bench->world.io);
}

/* It has nothing to commit, so that nobody waits for it. */
static void one_that_hangs_before_it_has_judged_ends_with_a_signal(void **state)
{
    struct bench *bench = *state;
    struct io *io = bench->world.io;
    uint64_t begun = io_now(io);
    bench->timer = (struct io_timer){.fired = on_signal_time, .owner = bench};
    io_timer_start(io, &bench->timer, SECOND / 10);
    assert_int_equal(start(bench, "hang"), COMMAND_FAILED);
    assert_true(io_now(io) - begun < PATIENCE_S * (uint64_t)SECOND);
    assert_int_equal(bench->isolation.child, 0);
    assert_said(bench, "");
}

/* --- Behind it --- */

static void it_is_told_where_to_run_and_ends_when_it_is_asked(void **state)
{
    struct bench *bench = *state;
    struct buffer out;
    buffer_init(&out);
    start_and_run(bench, "speak");
    isolation_await(&bench->isolation); /* before it says that it has begun it tells these: */
    isolation_write_metrics(&bench->isolation, &out);
    assert_non_null(strstr(buffer_string(&out), "at broker:1 in stores\n"));
    assert_non_null(strstr(buffer_string(&out), "tidemill_isolation_restarts_total 0\n"));
    assert_int_equal(isolation_stop(&bench->isolation), COMMAND_OK);
    assert_int_equal(bench->isolation.child, 0);
    assert_said(bench, "");
    buffer_fini(&out);
}

static void one_that_dies_before_it_has_begun_is_not_waited_for(void **state)
{
    struct bench *bench = *state;
    assert_int_equal(start(bench, "speak"), COMMAND_OK);
    assert_int_equal(kill(bench->isolation.child, SIGKILL), 0);
    isolation_run(&bench->isolation, "broker:1", "stores");
    isolation_await(&bench->isolation);
    assert_int_equal(bench->isolation.child, 0);
    assert_int_equal(isolation_stop(&bench->isolation), COMMAND_OK);
}

static void questions_go_to_it_and_answers_come_back(void **state)
{
    struct bench *bench = *state;
    struct question first, second;
    start_and_run(bench, "speak");
    ask(bench, "/apps", &first);
    ask(bench, "/apps/strange", &second);
    await_answer(bench, &second); /* what nobody understands is passed over */
    assert_int_equal(first.status, 200);
    assert_string_equal(first.body, "GET /apps limit 5");
    assert_int_equal(second.status, 200);
    assert_string_equal(second.body, "GET /apps/strange limit 5");
    assert_int_equal(bench->isolation.metrics.size, 0); /* its last ones */
    assert_int_equal(isolation_stop(&bench->isolation), COMMAND_OK);
    ask(bench, "/apps", &first); /* of nobody */
    assert_int_equal(first.status, 503);
}

static void assert_followed(struct bench *bench, const char *path)
{
    struct question mute, last;
    start_and_run(bench, "speak");
    ask(bench, "/apps/mute", &mute);
    ask(bench, path, &last);
    await_answer(bench, &last);
    assert_int_equal(last.status, 503);
    assert_int_equal(mute.status, 503); /* it will not be answered any more */
    ask(bench, "/apps", &last);         /* between two */
    assert_int_equal(last.status, 503);
    await(bench, has_restarted);
    ask(bench, "/apps", &last);
    await_answer(bench, &last);
    assert_int_equal(last.status, 200);
    assert_int_equal(isolation_stop(&bench->isolation), COMMAND_OK);
    assert_said(bench, "tidemill: the process of the applications died of SIGKILL; another starts "
                       "in 1 s\n");
}

static void one_that_dies_is_followed_by_another(void **state)
{
    assert_followed(*state, "/apps/die");
}

static void one_that_sends_garbage_is_followed_by_another(void **state)
{
    assert_followed(*state, "/apps/garbage");
}

static bool is_over(struct bench *bench)
{
    return bench->over_count > 0;
}

static void none_follows_when_no_application_runs_any_more(void **state)
{
    struct bench *bench = *state;
    struct question question;
    start_and_run(bench, "speak");
    ask(bench, "/apps/over", &question);
    await(bench, is_over);
    assert_int_equal(question.status, 503);
    assert_int_equal(bench->isolation.child, 0);
    assert_int_equal(isolation_stop(&bench->isolation), COMMAND_OK);
    assert_int_equal(bench->over_count, 1);
    assert_said(bench, "");
}

static void one_that_does_not_end_is_killed(void **state)
{
    struct bench *bench = *state;
    struct question question;
    start_and_run(bench, "stubborn");
    ask(bench, "/apps/mute", &question);
    await(bench, has_metrics);
    bench->isolation.patience_ms = 200;
    assert_int_equal(isolation_stop(&bench->isolation), COMMAND_FAILED);
    assert_int_equal(question.status, 503);
    assert_said(bench, "tidemill: the process of the applications was asked to end, but died of "
                       "SIGKILL\n");
}

int main(void)
{
#define ISOLATION_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        ISOLATION_TEST(one_that_ends_at_once_ends_the_start),
        ISOLATION_TEST(one_that_has_complained_is_not_complained_of),
        ISOLATION_TEST(one_that_crashes_ends_the_start),
        ISOLATION_TEST(one_that_sends_garbage_is_killed),
        ISOLATION_TEST(one_that_hangs_before_it_has_judged_ends_with_a_signal),
        ISOLATION_TEST(it_is_told_where_to_run_and_ends_when_it_is_asked),
        ISOLATION_TEST(one_that_dies_before_it_has_begun_is_not_waited_for),
        ISOLATION_TEST(questions_go_to_it_and_answers_come_back),
        ISOLATION_TEST(one_that_dies_is_followed_by_another),
        ISOLATION_TEST(one_that_sends_garbage_is_followed_by_another),
        ISOLATION_TEST(none_follows_when_no_application_runs_any_more),
        ISOLATION_TEST(one_that_does_not_end_is_killed),
    };
    if (isolated_is_asked()) {
        child_play(getenv("CHILD"));
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
