/* See serve.h. Ends with 0 after SIGTERM or SIGINT, when everything acknowledged is on disk.
 *
 * --memory is for the test suites of others: the log lives in "memory:" (log/io/io_uv_memory.h) and
 * ends with the process, nobody else's port is taken, and --until-eof ends a broker whose test
 * process has gone without saying so. */
#include "runtime/main/serve.h"

#include "log/base/error.h"
#include "log/io/worker.h"
#include "runtime/main/service.h"

#include <string.h>
#include <unistd.h>

#define SERVE_MEMORY_PATH "memory:"

struct serve_values {
    struct service_flags service;
    int64_t port;
    bool is_memory;
    bool is_until_eof;
    bool is_check;
    const char *output;
};

/* Waits for the end of standard input, on a thread: it may be anything that can be read. */
struct serve_input {
    struct service *service;
    int descriptor;
    struct io *io;
    struct io_request ended;
};

static void serve_on_input_ended(struct io_request *request, int64_t result)
{
    struct serve_input *input = request->owner;
    (void)result;
    input->service->is_over = true;
    input->service->world->stop(input->service->world->owner);
}

static void serve_read_input(struct worker *worker, void *owner)
{
    struct serve_input *input = owner;
    char ignored[256];
    (void)worker;
    while (read(input->descriptor, ignored, sizeof ignored) > 0) {}
    io_post(input->io, &input->ended);
}

/* What differs where the log is memory; a flag that was given wins. */
static void serve_choose_memory(struct service_flags *flags)
{
    flags->data = SERVE_MEMORY_PATH;
    flags->durability = flags->durability == NULL ? "os" : flags->durability;
    flags->http = flags->http == NULL ? "off" : flags->http;
}

static int serve_judge(struct command_world *world, struct serve_values *values)
{
    bool has_listen = values->service.listen.count > 0;
    if (values->port < -1 || values->port > UINT16_MAX) {
        return command_misuse(world, "--port takes 0 (a free one) to 65535, not %lld",
                              (long long)values->port);
    }
    if (values->port >= 0 && has_listen) {
        return command_misuse(world, "--port and --listen both say where to listen; leave one out");
    }
    if (values->is_memory && values->service.data != NULL) {
        return command_misuse(world, "--memory keeps no files; leave out --data %s",
                              values->service.data);
    }
    if (values->output != NULL && strcmp(values->output, "text") != 0 &&
        strcmp(values->output, "json") != 0) {
        return command_misuse(world, "-o takes text or json, not '%s'", values->output);
    }
    return COMMAND_OK;
}

static int serve(struct command_world *world, const struct serve_values *values)
{
    struct service service;
    struct serve_input input = {
        .service = &service,
        .descriptor = world->input,
        .io = world->io,
        .ended = {.done = serve_on_input_ended, .owner = &input},
    };
    service_init(&service);
    int code = service_start(&service, world, &values->service, NULL);
    if (code != 0) {
        return code;
    }
    service_print_ready(&service, values->output != NULL && strcmp(values->output, "json") == 0);
    struct worker *reader = values->is_until_eof
                                ? worker_start(world->io, "until-eof", serve_read_input, &input)
                                : NULL;
    code = service_wait(&service);
    bool has_reader = reader != NULL && !service.is_over;
    service_stop(&service);
    if (reader != NULL && !has_reader) {
        worker_join(reader);
    }
    /* A reader that still waits is left to the end of the process, which main makes short. */
    world->is_interrupted = has_reader;
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    struct serve_values values = *(const struct serve_values *)given;
    char address[IO_ADDRESS_SIZE];
    (void)arguments;
    int code = serve_judge(world, &values);
    if (code != COMMAND_OK) {
        return code;
    }
    const char *own = address;
    if (values.port >= 0 || (values.is_memory && values.service.listen.count == 0)) {
        /* Tests are nobody else's business: one address of this machine. */
        snprintf(address, sizeof address, "%s:%lld", values.is_memory ? "127.0.0.1" : "",
                 values.port < 0 ? 9092LL : (long long)values.port);
        values.service.listen = (struct flag_list){.items = &own, .count = 1};
    }
    if (values.is_memory) {
        serve_choose_memory(&values.service);
    }
    if (values.is_check) {
        code = service_judge(world, &values.service);
        if (code == COMMAND_OK) {
            fputs("the options are valid\n", world->out);
        }
        return code;
    }
    return serve(world, &values);
}

static const struct serve_values initial = {.port = -1};

static const struct flag flags[] = {
    FLAG(0, "port", INT, struct serve_values, port, "N",
         "the port for Kafka clients; 0: a free one"),
    FLAG(0, "memory", BOOL, struct serve_values, is_memory, NULL,
         "for tests: keep the log in memory, on 127.0.0.1, without HTTP"),
    FLAG(0, "until-eof", BOOL, struct serve_values, is_until_eof, NULL,
         "end when standard input ends"),
    FLAG(0, "check", BOOL, struct serve_values, is_check, NULL,
         "only say whether the options are valid, and the directory theirs"),
    FLAG('o', "output", STRING, struct serve_values, output, "text|json",
         "how to print the ready line"),
    SERVICE_FLAGS(struct serve_values),
};

const struct command serve_command = {
    .verb = "serve",
    .arguments = "",
    .summary = "runs a broker",
    .examples = "tidemill serve -c server.properties -d /var/lib/tidemill\n"
                "tidemill serve --listen 0.0.0.0:9092 --advertise broker1.example.org:9092\n"
                "tidemill serve -c server.properties --check\n"
                "tidemill serve --memory --port 0 --until-eof     # for a test\n",
    .details =
        "Speaks the Kafka protocol on --listen; prints one line when it is ready. The names\n"
        "of server.properties are understood in --config and --set, and as variables\n"
        "(KAFKA_LOG_RETENTION_HOURS). Port 0 takes a free one.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct serve_values),
    .initial = &initial,
    .argument_max = 0,
    .argument_hint = "a server.properties goes behind --config",
    .run = run,
};
