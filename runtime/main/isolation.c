/* See isolation.h. `tidemill run --isolate` is two processes:
 *
 *     parent                                    child
 *     broker, HTTP port, signals                applications: Lua, C plugins, connectors, stores
 *       |  starts and restarts  ------------->  the same program with the same arguments, and
 *       |                                       $TIDEMILL_ISOLATED and descriptor 3
 *       |  socketpair: frames  <------------->  judged, start, begun, stop, metrics,
 *       |                                       question, answer
 *       |  TCP on a loopback address  <-------  clients of the broker, as with --bootstrap
 *
 * A plugin that follows a stray pointer takes its process with it. With the broker in another one
 * the log stays up for everybody else, and what the applications did not commit is done again by
 * the next child, as after kill -9: transactions make that exactly once.
 *
 * The child is started by exec, not by fork alone: it begins without a thread, a lock, a loop or a
 * descriptor of the broker (all of ours close on exec). It reads the arguments as we did, so that
 * no option has to be told twice. It is in a process group of its own: Ctrl-C at a terminal reaches
 * only us.
 *
 *   1. The child confines itself (confinement.h), judges the applications, and says so. The first
 *      one does that before the broker starts: what is wrong ends both, and nothing was written.
 *      We never load a plugin, not even to look at it.
 *   2. The broker starts, with a port of its own for the child on a loopback address, IPv6 or IPv4,
 *      whichever the machine has; there clients are told what they dialled, not --advertise, which
 *      may not be reachable from here.
 *   3. The child is told the address and runs, and says when it has begun. It sends its metrics
 * every second. GET and POST /apps… come to us, go to it as numbered questions, and its answers go
 * back.
 *   4. It ends. If we did not ask for that, we say what it died of, answer the questions it owes
 *      with 503, and start another after a pause; the child has printed its last trace lines
 *      before it died of a signal of its own making. Exit code 3 says that no application runs any
 *      more: then the program ends as it does without --isolate.
 *   5. SIGTERM: the child is asked to end, which commits and closes, then the broker stops. A child
 *      that takes longer than half a minute is killed; one that still looks at the applications
 *      has nothing to commit and is killed at once. If we die, the kernel kills the child
 *      (PR_SET_PDEATHSIG), and if that were missed the closed stream ends it.
 *
 * The end of a child is seen as the end of its stream: it holds a second descriptor that only the
 * kernel closes. Whoever closes both is killed, so that waiting for it is short.
 *
 * What this does not protect:
 *   - applications from each other: one that crashes again and again makes all of them begin again
 *     again and again, with the pause in between. Those that matter to each other less run with
 *     `tidemill run --bootstrap` as processes of their own;
 *   - the files of the user that both run as. The child needs the stores and whatever connectors
 *     name; code that means harm can write the log's files. Landlock could forbid that only if it
 *     were known which files connectors will ask for;
 *   - memory and processor time of the machine. RLIMIT_AS would count the stores' maps, which are
 *     large and empty; RLIMIT_NPROC counts everything its user runs, other programs too. A control
 *     group around the service does both well. */
#include "runtime/main/isolation.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/io/io_uv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PAUSE_MS_MIN = 1000,
    PAUSE_MS_MAX = 60000,
    PATIENCE_MS = 30000,
    SIGNAL_CODE = 128,
    STATUS_UNAVAILABLE = 503,
    ARGUMENTS_SIZE_MAX = 4 << 20,
};

_Static_assert(2 + 2 * OPERATION_PARAMETER_COUNT <= RELAY_PART_MAX, "a question fits a frame");

/* --- Questions --- */

struct isolation_question {
    struct list_link link;
    uint64_t number;
    struct http_answer *answer;
};

static void isolation_refuse(struct http_answer *answer)
{
    struct buffer out;
    buffer_init(&out);
    http_refuse(&out, STATUS_UNAVAILABLE,
                "the process of the applications is not there; ask again when it has started anew");
    http_answer(answer, STATUS_UNAVAILABLE, &out);
}

static void isolation_refuse_all(struct isolation *isolation)
{
    struct list_link *link;
    while ((link = list_take(&isolation->questions)) != NULL) {
        struct isolation_question *question = list_member(link, struct isolation_question, link);
        isolation_refuse(question->answer);
        free(question);
    }
}

static void isolation_ask(void *owner, const struct http_request *request,
                          struct http_answer *answer)
{
    struct isolation *isolation = owner;
    if (!isolation->is_judged) {
        isolation_refuse(answer);
        return;
    }
    struct relay_frame frame = {
        .kind = ISOLATION_QUESTION,
        .number = ++isolation->question_number,
        .parts = {bytes_from_string(request->method), bytes_from_string(request->path)},
        .part_count = 2};
    for (size_t i = 0; i < OPERATION_PARAMETER_COUNT; i++) {
        const char *value = request->query(request, operation_parameters[i]);
        if (value != NULL) {
            frame.parts[frame.part_count++] = bytes_from_string(operation_parameters[i]);
            frame.parts[frame.part_count++] = bytes_from_string(value);
        }
    }
    struct isolation_question *question = memory_new(struct isolation_question);
    question->number = frame.number;
    question->answer = answer;
    list_add(&isolation->questions, &question->link);
    check(relay_send(&isolation->relay, &frame) == 0); /* HTTP's limits are smaller */
}

static void isolation_on_answer(struct isolation *isolation, const struct relay_frame *frame)
{
    for (list_each (&isolation->questions, link)) {
        struct isolation_question *question = list_member(link, struct isolation_question, link);
        if (question->number == frame->number && frame->part_count == 1) {
            struct buffer body;
            buffer_init(&body);
            buffer_add_bytes(&body, frame->parts[0]);
            list_remove(link);
            http_answer(question->answer, frame->status, &body);
            free(question);
            return;
        }
    }
}

void isolation_make_routes(struct isolation *isolation,
                           struct http_route routes[OPERATION_ROUTE_COUNT])
{
    operation_make_routes(NULL, routes);
    for (size_t i = 0; i < OPERATION_ROUTE_COUNT; i++) {
        routes[i].ask = isolation_ask;
        routes[i].owner = isolation;
    }
}

void isolation_write_metrics(const struct isolation *isolation, struct buffer *out)
{
    buffer_add_bytes(out, buffer_bytes(&isolation->metrics));
    buffer_printf(out,
                  "# HELP tidemill_isolation_restarts_total Processes of applications that had to "
                  "be followed by another.\n"
                  "# TYPE tidemill_isolation_restarts_total counter\n"
                  "tidemill_isolation_restarts_total %" PRId64 "\n",
                  isolation->restart_count);
}

/* --- A child begins --- */

/* What a process was started with, as /proc shows it: texts with their zeroes. */
static size_t isolation_read_arguments(struct buffer *out)
{
    size_t count = 0;
    int file = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t size = 1;
    while (file >= 0 && size > 0 && out->size < ARGUMENTS_SIZE_MAX) {
        size = read(file, buffer_reserve(out, 4096), 4096);
        out->size += size > 0 ? (size_t)size : 0;
    }
    if (file >= 0) {
        close(file);
    }
    for (size_t i = 0; i < out->size; i++) {
        count += out->data[i] == 0;
    }
    return count;
}

/* Ours, without what is said to us alone. The first text is `own`. */
static char **isolation_make_environment(char *own)
{
    static const char manager[] = "NOTIFY_SOCKET=";
    size_t count = 0, used = 0;
    while (environ[count] != NULL) {
        count++;
    }
    char **variables = memory_zero(count + 2, sizeof *variables);
    variables[used++] = own;
    for (size_t i = 0; i < count; i++) {
        if (strncmp(environ[i], manager, sizeof manager - 1) != 0) {
            variables[used++] = environ[i];
        }
    }
    return variables;
}

/* Standard output is our own: what a plugin prints goes where complaints go. */
static int isolation_spawn(int descriptor, char **arguments, char **environment, pid_t *out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    check(posix_spawn_file_actions_init(&actions) == 0);
    check(posix_spawnattr_init(&attributes) == 0);
    check(posix_spawn_file_actions_adddup2(&actions, descriptor, ISOLATION_DESCRIPTOR) == 0);
    check(posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0);
    check(posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO) == 0);
    check(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP) == 0);
    check(posix_spawnattr_setpgroup(&attributes, 0) == 0);
    int error = posix_spawn(out, "/proc/self/exe", &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* The child with its end of the pair; 0 or errno. */
static int isolation_make_child(struct isolation *isolation, int descriptor)
{
    char own[64];
    struct buffer text;
    buffer_init(&text);
    snprintf(own, sizeof own, ISOLATION_VARIABLE "=%ld", (long)getpid());
    size_t count = isolation_read_arguments(&text);
    char **arguments = memory_zero(count + 1, sizeof *arguments);
    char *at = (char *)text.data;
    for (size_t i = 0; i < count; i++) {
        arguments[i] = at;
        at += strlen(at) + 1;
    }
    char **environment = isolation_make_environment(own);
    int error = count == 0 ? ENOENT
                           : isolation_spawn(descriptor, arguments, environment, &isolation->child);
    free(environment);
    free(arguments);
    buffer_fini(&text);
    return error;
}

static void isolation_on_frame(void *owner, const struct relay_frame *frame);
static void isolation_on_closed(void *owner);

/* False after a complaint. */
static bool isolation_begin(struct isolation *isolation)
{
    static const struct relay_events events = {.arrived = isolation_on_frame,
                                               .closed = isolation_on_closed};
    struct io *io = isolation->world->io;
    struct io_stream *stream;
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        command_fail(isolation->world, "cannot speak to a process of our own: %s", strerror(errno));
        return false;
    }
    isolation->is_judged = false;
    isolation->born_ns = io_now(io);
    int error = isolation_make_child(isolation, pair[1]);
    close(pair[1]);
    if (error != 0 || io_uv_adopt(io, pair[0], &stream) != 0) {
        close(pair[0]);
        isolation->child = 0;
        command_fail(isolation->world, "cannot start a process for the applications: %s",
                     strerror(error));
        return false;
    }
    relay_open(&isolation->relay, io, stream, &events, isolation);
    return true;
}

static void isolation_tell_start(struct isolation *isolation)
{
    const struct relay_frame frame = {.kind = ISOLATION_START,
                                      .parts = {bytes_from_string(isolation->broker),
                                                bytes_from_string(isolation->state_directory)},
                                      .part_count = 2};
    check(relay_send(&isolation->relay, &frame) == 0);
}

static void isolation_on_judged(struct isolation *isolation)
{
    isolation->is_judged = isolation->has_judged = true;
    if (isolation->broker != NULL) {
        isolation_tell_start(isolation);
    }
    isolation->world->stop(isolation->world->owner);
}

static void isolation_on_frame(void *owner, const struct relay_frame *frame)
{
    struct isolation *isolation = owner;
    switch (frame->kind) {
    case ISOLATION_JUDGED:
        isolation_on_judged(isolation);
        break;
    case ISOLATION_BEGUN:
        isolation->has_begun = true;
        isolation->world->stop(isolation->world->owner);
        break;
    case ISOLATION_ANSWER:
        isolation_on_answer(isolation, frame);
        break;
    case ISOLATION_METRICS:
        buffer_clear(&isolation->metrics);
        if (frame->part_count == 1) {
            buffer_add_bytes(&isolation->metrics, frame->parts[0]);
        }
        break;
    }
}

/* --- A child ends --- */

static void isolation_on_pause_end(struct io_timer *timer);

/* "died of SIGSEGV", "ended with 1" */
static void isolation_describe_end(int code, struct buffer *out)
{
    const char *name = code > SIGNAL_CODE ? sigabbrev_np(code - SIGNAL_CODE) : NULL;
    if (name != NULL) {
        buffer_printf(out, "died of SIG%s", name);
    } else if (code > SIGNAL_CODE) {
        buffer_printf(out, "died of signal %d", code - SIGNAL_CODE);
    } else {
        buffer_printf(out, "ended with %d", code);
    }
}

static void isolation_pause(struct isolation *isolation)
{
    struct io *io = isolation->world->io;
    uint64_t lived_ms = (io_now(io) - isolation->born_ns) / 1000000;
    bool is_first = isolation->pause_ms == 0 || lived_ms > PAUSE_MS_MAX;
    int64_t doubled_ms = 2 * isolation->pause_ms;
    isolation->pause_ms = is_first                    ? PAUSE_MS_MIN
                          : doubled_ms > PAUSE_MS_MAX ? PAUSE_MS_MAX
                                                      : doubled_ms;
    isolation->restart_count++;
    isolation->timer = (struct io_timer){.fired = isolation_on_pause_end, .owner = isolation};
    io_timer_start(io, &isolation->timer, (uint64_t)isolation->pause_ms * 1000000);
}

static void isolation_on_pause_end(struct io_timer *timer)
{
    struct isolation *isolation = timer->owner;
    if (!isolation_begin(isolation)) {
        isolation_pause(isolation);
    }
}

static void isolation_reap(struct isolation *isolation)
{
    int status = 0;
    kill(isolation->child, SIGKILL); /* no more than what is left of it; see the top */
    while (waitpid(isolation->child, &status, 0) < 0 && errno == EINTR) {}
    isolation->end_code =
        WIFSIGNALED(status) ? SIGNAL_CODE + WTERMSIG(status) : WEXITSTATUS(status);
    isolation->child = 0;
    isolation->is_judged = false;
    buffer_clear(&isolation->metrics);
    isolation_refuse_all(isolation);
}

static void isolation_on_closed(void *owner)
{
    struct isolation *isolation = owner;
    struct command_world *world = isolation->world;
    isolation_reap(isolation);
    isolation->has_begun = isolation->broker != NULL;
    io_timer_stop(world->io, &isolation->timer);
    world->stop(world->owner);
    if (isolation->is_stopping || !isolation->has_judged) {
        return; /* whoever waits looks at it */
    }
    if (isolation->end_code == ISOLATION_EXIT_OVER) {
        isolation->is_stopping = true;
        isolation->over(isolation->owner);
        return;
    }
    struct buffer end;
    buffer_init(&end);
    isolation_describe_end(isolation->end_code, &end);
    isolation_pause(isolation);
    fprintf(world->errors,
            "tidemill: the process of the applications %s; another starts in %" PRId64 " s\n",
            buffer_string(&end), isolation->pause_ms / 1000);
    buffer_fini(&end);
}

/* --- Start and stop --- */

/* Of the first child, which did not come to say that all is well. */
static int isolation_judge_end(struct isolation *isolation)
{
    struct buffer end;
    int code = isolation->end_code;
    if (code == COMMAND_FAILED || code == COMMAND_MISUSED) {
        return code; /* it has complained */
    }
    buffer_init(&end);
    isolation_describe_end(code, &end);
    command_fail(isolation->world,
                 "the process of the applications %s while it looked at them; nothing was started",
                 buffer_string(&end));
    buffer_fini(&end);
    return COMMAND_FAILED;
}

int isolation_start(struct isolation *isolation, struct command_world *world,
                    void (*over)(void *owner), void *owner)
{
    *isolation = (struct isolation){
        .world = world, .over = over, .owner = owner, .patience_ms = PATIENCE_MS};
    buffer_init(&isolation->metrics);
    list_init(&isolation->questions);
    if (!isolation_begin(isolation)) {
        return COMMAND_FAILED;
    }
    while (!isolation->is_judged && isolation->child != 0 && !world->is_interrupted) {
        world->run(world->owner);
    }
    if (isolation->is_judged) {
        return COMMAND_OK;
    }
    if (isolation->child == 0) {
        return isolation_judge_end(isolation);
    }
    (void)!isolation_stop(isolation);
    return COMMAND_FAILED;
}

void isolation_run(struct isolation *isolation, const char *broker, const char *state_directory)
{
    isolation->broker = broker;
    isolation->state_directory = state_directory;
    if (isolation->is_judged) {
        isolation_tell_start(isolation);
    }
}

void isolation_await(struct isolation *isolation)
{
    while (!isolation->has_begun && !isolation->world->is_interrupted) {
        isolation->world->run(isolation->world->owner);
    }
}

static void isolation_on_patience_end(struct io_timer *timer)
{
    struct isolation *isolation = timer->owner;
    kill(isolation->child, SIGKILL);
}

int isolation_stop(struct isolation *isolation)
{
    struct command_world *world = isolation->world;
    const struct relay_frame stop = {.kind = ISOLATION_STOP};
    bool is_late = false, has_work = isolation->is_judged;
    isolation->is_stopping = true;
    io_timer_stop(world->io, &isolation->timer);
    if (isolation->child != 0 && !has_work) {
        kill(isolation->child, SIGKILL); /* it may hang in a plugin */
    }
    if (isolation->child != 0) {
        isolation->timer =
            (struct io_timer){.fired = isolation_on_patience_end, .owner = isolation};
        io_timer_start(world->io, &isolation->timer, (uint64_t)isolation->patience_ms * 1000000);
        check(relay_send(&isolation->relay, &stop) == 0);
        while (isolation->child != 0) {
            world->run(world->owner);
        }
        is_late = has_work && isolation->end_code != COMMAND_OK &&
                  isolation->end_code != ISOLATION_EXIT_OVER;
    }
    buffer_fini(&isolation->metrics);
    if (!is_late) {
        return COMMAND_OK;
    }
    struct buffer end;
    buffer_init(&end);
    isolation_describe_end(isolation->end_code, &end);
    command_fail(world, "the process of the applications was asked to end, but %s",
                 buffer_string(&end));
    buffer_fini(&end);
    return COMMAND_FAILED;
}
