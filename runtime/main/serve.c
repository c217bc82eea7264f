/* See serve.h. Ends with 0 after SIGTERM or SIGINT, when everything acknowledged is on disk. */
#include "runtime/main/serve.h"

#include "runtime/main/service.h"

struct serve_values {
    struct service_flags service;
};

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    (void)arguments;
    const struct serve_values *values = given;
    struct service service;
    service_init(&service);
    int code = service_start(&service, world, &values->service, NULL);
    if (code != 0) {
        return code;
    }
    service_print_ready(&service);
    code = service_wait(&service);
    service_stop(&service);
    world->is_interrupted = false; /* it was obeyed */
    return code;
}

static const struct flag flags[] = {
    SERVICE_FLAGS(struct serve_values),
};

const struct command serve_command = {
    .verb = "serve",
    .arguments = "",
    .summary = "runs a broker",
    .details =
        "Speaks the Kafka protocol on --listen; prints one line when it is ready. The names\n"
        "of server.properties are understood in --config and --set, and as variables\n"
        "(KAFKA_LOG_RETENTION_HOURS). Port 0 takes a free one.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct serve_values),
    .argument_max = 0,
    .run = run,
};
