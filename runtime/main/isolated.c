/* See isolated.h, and isolation.c for the whole. */
#include "runtime/main/isolated.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/io/io_uv.h"
#include "runtime/main/confinement.h"
#include "runtime/main/isolation.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { METRICS_MS = 1000, LAST_WORDS_SECONDS = 5, PARENT_IS_GONE = 1 };

/* --- Questions --- */

struct isolated_question {
    struct http_answer answer; /* first: this is what is given back */
    struct isolated *isolated;
    uint64_t number;
    struct http_request request;
    char *method;
    char *path;
    char *names[OPERATION_PARAMETER_COUNT];
    char *values[OPERATION_PARAMETER_COUNT];
    size_t parameter_count;
};

static void isolated_question_free(struct isolated_question *question)
{
    for (size_t i = 0; i < question->parameter_count; i++) {
        free(question->names[i]);
        free(question->values[i]);
    }
    free(question->method);
    free(question->path);
    free(question);
}

static const char *isolated_find_query(const struct http_request *request, const char *name)
{
    const struct isolated_question *question = request->private_state;
    for (size_t i = 0; i < question->parameter_count; i++) {
        if (strcmp(question->names[i], name) == 0) {
            return question->values[i];
        }
    }
    return NULL;
}

static void isolated_on_given(struct http_answer *answer, unsigned status, struct buffer *body)
{
    struct isolated_question *question = (struct isolated_question *)(void *)answer;
    struct relay *relay = &question->isolated->relay;
    struct relay_frame frame = {.kind = ISOLATION_ANSWER,
                                .number = question->number,
                                .status = status,
                                .parts = {buffer_bytes(body)},
                                .part_count = 1};
    if (relay_send(relay, &frame) != 0) {
        buffer_clear(body);
        frame.status = http_refuse(body, 413, "the answer is too large; ask for less with ?limit=");
        frame.parts[0] = buffer_bytes(body);
        check(relay_send(relay, &frame) == 0);
    }
    buffer_fini(body);
    isolated_question_free(question);
}

static const struct http_route *isolated_find_route(const struct isolated *isolated,
                                                    const struct isolated_question *question)
{
    const char *method = strcmp(question->method, "HEAD") == 0 ? "GET" : question->method;
    for (size_t i = 0; i < OPERATION_ROUTE_COUNT; i++) {
        const struct http_route *route = &isolated->routes[i];
        size_t size = strlen(route->path);
        bool is_below = route->path[size - 1] == '/';
        if (strcmp(route->method, method) == 0 &&
            (is_below ? strncmp(question->path, route->path, size)
                      : strcmp(question->path, route->path)) == 0) {
            return route;
        }
    }
    return NULL;
}

static void isolated_on_question(struct isolated *isolated, const struct relay_frame *frame)
{
    struct isolated_question *question = memory_new(struct isolated_question);
    question->answer.give = isolated_on_given;
    question->isolated = isolated;
    question->number = frame->number;
    question->method = relay_text(frame, 0);
    question->path = relay_text(frame, 1);
    for (size_t i = 2; i + 1 < frame->part_count; i += 2) {
        check(question->parameter_count < OPERATION_PARAMETER_COUNT);
        question->names[question->parameter_count] = relay_text(frame, i);
        question->values[question->parameter_count++] = relay_text(frame, i + 1);
    }
    const struct http_route *route = isolated_find_route(isolated, question);
    check(route != NULL); /* the parent has the same table */
    question->request = (struct http_request){.method = question->method,
                                              .path = question->path,
                                              .suffix = question->path + strlen(route->path),
                                              .query = isolated_find_query,
                                              .private_state = question};
    route->ask(route->owner, &question->request, &question->answer);
}

/* --- What the parent says --- */

static void isolated_on_start(struct isolated *isolated, const struct relay_frame *frame)
{
    char *broker = relay_text(frame, 0);
    char *state_directory = relay_text(frame, 1);
    snprintf(isolated->broker, sizeof isolated->broker, "%s", broker);
    snprintf(isolated->state_directory, sizeof isolated->state_directory, "%s", state_directory);
    free(broker);
    free(state_directory);
    isolated->is_started = true;
    isolated->world->stop(isolated->world->owner);
}

static void isolated_on_frame(void *owner, const struct relay_frame *frame)
{
    struct isolated *isolated = owner;
    switch (frame->kind) {
    case ISOLATION_START:
        isolated_on_start(isolated, frame);
        break;
    case ISOLATION_QUESTION:
        isolated_on_question(isolated, frame);
        break;
    case ISOLATION_STOP:
        isolated->world->is_interrupted = true;
        isolated->world->stop(isolated->world->owner);
        break;
    }
}

/* Without its broker nothing can be committed. */
static void isolated_on_closed(void *owner)
{
    (void)owner;
    _exit(PARENT_IS_GONE);
}

static void isolated_on_metrics_time(struct io_timer *timer)
{
    struct isolated *isolated = timer->owner;
    if (isolated->desk->host == NULL) {
        return;
    }
    if (isolated->relay.sending_count == 0) { /* else the parent is busy: it has the last ones */
        struct buffer text;
        buffer_init(&text);
        host_write_metrics(isolated->desk->host, &text);
        const struct relay_frame frame = {
            .kind = ISOLATION_METRICS, .parts = {buffer_bytes(&text)}, .part_count = 1};
        (void)!relay_send(&isolated->relay, &frame);
        buffer_fini(&text);
    }
    io_timer_start(isolated->world->io, timer, (uint64_t)METRICS_MS * 1000000);
}

/* --- Start and end --- */

/* On whatever thread broke, perhaps with locks in its hands: prints what it can and dies of the
 * same signal; of another one when even that hangs. */
static void isolated_on_crash(int signal_number)
{
    alarm(LAST_WORDS_SECONDS);
    fprintf(stderr, "tidemill: an application crashed with SIG%s; what came before:\n",
            sigabbrev_np(signal_number));
    trace_print_recent(stderr);
    raise(signal_number);
}

static void isolated_watch_crashes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    struct sigaction action = {.sa_handler = isolated_on_crash,
                               .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaction(signals[i], &action, NULL);
    }
}

bool isolated_is_asked(void)
{
    struct stat info;
    const char *parent = getenv(ISOLATION_VARIABLE);
    return parent != NULL && atol(parent) == (long)getppid() &&
           fstat(ISOLATION_DESCRIPTOR, &info) == 0 && S_ISSOCK(info.st_mode);
}

int isolated_open(struct isolated *isolated, struct command_world *world)
{
    struct io_stream *stream;
    static const struct relay_events events = {.arrived = isolated_on_frame,
                                               .closed = isolated_on_closed};
    *isolated = (struct isolated){.world = world};
    pid_t parent = getppid();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent) {
        return COMMAND_FAILED; /* it died before it could be watched */
    }
    unsetenv(ISOLATION_VARIABLE);
    isolated_watch_crashes();
    if (confinement_enter() != 0) {
        fprintf(world->errors, "tidemill: warning: this machine filters no system calls; crashes "
                               "are kept apart, what a plugin asks of the system is not\n");
    }
    /* A second descriptor of the same stream, which stays open until the process is gone: so the
     * parent sees the end when there is nothing left to wait for. */
    int error = fcntl(ISOLATION_DESCRIPTOR, F_DUPFD_CLOEXEC, ISOLATION_DESCRIPTOR + 1) < 0
                    ? ERROR_IO
                    : io_uv_adopt(world->io, ISOLATION_DESCRIPTOR, &stream);
    if (error != 0) {
        return command_fail(world, "cannot speak to the parent of this process: %s",
                            error_text(error));
    }
    relay_open(&isolated->relay, world->io, stream, &events, isolated);
    return COMMAND_OK;
}

bool isolated_wait(struct isolated *isolated, struct operation_desk *desk)
{
    struct command_world *world = isolated->world;
    const struct relay_frame judged = {.kind = ISOLATION_JUDGED};
    isolated->desk = desk;
    operation_make_routes(desk, isolated->routes);
    (void)!relay_send(&isolated->relay, &judged);
    while (!isolated->is_started && !world->is_interrupted) {
        world->run(world->owner);
    }
    isolated->metrics_timer =
        (struct io_timer){.fired = isolated_on_metrics_time, .owner = isolated};
    io_timer_start(world->io, &isolated->metrics_timer, (uint64_t)METRICS_MS * 1000000);
    return isolated->is_started && !world->is_interrupted;
}

void isolated_tell_begun(struct isolated *isolated)
{
    const struct relay_frame begun = {.kind = ISOLATION_BEGUN};
    (void)!relay_send(&isolated->relay, &begun);
}

void isolated_end(struct isolated *isolated, int code, bool is_over)
{
    fflush(isolated->world->out);
    fflush(isolated->world->errors);
    _exit(is_over ? ISOLATION_EXIT_OVER : code);
}
