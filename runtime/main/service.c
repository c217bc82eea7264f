/* See service.h. Values come from the file, then KAFKA_… variables, then flags; the last wins. */
#include "runtime/main/service.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/meta/broker_options.h"
#include "runtime/format/json_writer.h"
#include "runtime/main/explanation.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONFIG_SIZE_MAX = 1 << 20, STATUS_OK = 200, STATUS_UNAVAILABLE = 503 };

static void tell_warning(void *owner, const struct report *warning)
{
    struct service *service = owner;
    fprintf(service->world->errors, "tidemill: warning: %s%s%s\n", warning->place,
            warning->place[0] == '\0' ? "" : ": ", warning->text);
}

/* Kafka's own files have ten options without effect here, in which a warning that matters would be
 * overlooked. */
static void warn(void *owner, const struct report *warning)
{
    struct service *service = owner;
    if (!service->is_moot || service->is_telling_all) {
        tell_warning(service, warning);
        return;
    }
    service->moot_report = service->moot_count == 0 ? *warning : service->moot_report;
    service->moot_count++;
}

static void warn_of_moot(struct service *service)
{
    if (service->moot_count == 1) {
        tell_warning(service, &service->moot_report);
    } else if (service->moot_count > 1) {
        fprintf(service->world->errors,
                "tidemill: warning: %d options have no effect here, which nobody will miss: %s; "
                "'tidemill serve --check' tells why\n",
                service->moot_count, buffer_string(&service->moot));
    }
}

static int complain(struct service *service)
{
    const struct report *report = &service->report;
    command_fail(service->world, "%s%s%s", report->place, report->place[0] == '\0' ? "" : ": ",
                 report->text);
    return COMMAND_FAILED;
}

/* A mistake in values is told at once, and the others are looked for: a person mends them all.
 * Where only an option is named, the place where it was given is told too. */
static void refuse(void *owner, const struct report *mistake)
{
    struct service *service = owner;
    const char *given = map_find_string(&service->places, mistake->place);
    service->mistake_count++;
    command_fail(service->world, "%s%s%s%s%s", given == NULL ? "" : given,
                 given == NULL ? "" : ": ", mistake->place, mistake->place[0] == '\0' ? "" : ": ",
                 mistake->text);
}

static void put_value(void *owner, const char *name, const char *value, const char *place)
{
    struct service *service = owner;
    struct report mistake = {0};
    service->is_moot = broker_options_is_moot(name);
    int before = service->moot_count;
    int error = broker_options_put(&service->file, name, value, place, warn, service, &mistake);
    if (service->moot_count > before) {
        buffer_printf(&service->moot, "%s%s", service->moot.size > 0 ? ", " : "", name);
    }
    if (error != 0) {
        refuse(service, &mistake);
    } else {
        free(map_put(&service->places, bytes_from_string(name), memory_string(place)));
    }
}

static void read_config(struct service *service, const char *path)
{
    struct report mistake = {0};
    struct io *io = service->world->io;
    struct io_file *file;
    uint64_t size = 0;
    int error = io_file_open(io, path, IO_OPEN_READ, &file);
    if (error != 0) {
        report_add(&mistake, path, "%s", error_text(error));
        refuse(service, &mistake);
        return;
    }
    struct buffer text;
    buffer_init(&text);
    error = io_file_size(io, file, &size);
    if (error == 0 && size > CONFIG_SIZE_MAX) {
        error = ERROR_TOO_LARGE;
    }
    if (error == 0) {
        int64_t count = io_file_read(io, file, buffer_reserve(&text, (size_t)size), (size_t)size, 0,
                                     IO_READ_WAIT);
        error = count < 0 ? (int)count : 0;
        text.size = count < 0 ? 0 : (size_t)count;
    }
    io_file_close(io, file);
    if (error == ERROR_IS_DIRECTORY) {
        report_add(&mistake, path, "it is a directory; --config takes a file, a server.properties");
        refuse(service, &mistake);
    } else if (error != 0) {
        report_add(&mistake, path, "%s", error_text(error));
        refuse(service, &mistake);
    } else {
        broker_options_read_properties(buffer_bytes(&text), path, put_value, service);
    }
    buffer_fini(&text);
}

/* "NAME=VALUE" of a flag. What a person types is judged; a file may hold what other brokers know.
 */
static void put_flag(struct service *service, const char *pair)
{
    struct report mistake = {0};
    const char *equals = strchr(pair, '=');
    if (equals == NULL) {
        report_add(&mistake, NULL, "--set takes NAME=VALUE, not '%s'", pair);
        refuse(service, &mistake);
        return;
    }
    char *name = bytes_to_string(bytes_make(pair, (size_t)(equals - pair)));
    if (broker_options_find(name) == NULL) {
        struct report reason = {0};
        broker_options_explain(name, &reason);
        report_add(&mistake, "--set", "%s", reason.text);
        refuse(service, &mistake);
    } else {
        put_value(service, name, equals + 1, "--set");
    }
    free(name);
}

/* One of the environment. */
static void put_variable(struct service *service, const char *pair)
{
    const char *equals = strchr(pair, '=');
    if (equals == NULL) {
        return;
    }
    char *name = bytes_to_string(bytes_make(pair, (size_t)(equals - pair)));
    struct buffer option;
    buffer_init(&option);
    if (broker_options_from_variable(name, &option) &&
        broker_options_find(buffer_string(&option)) != NULL) {
        put_value(service, buffer_string(&option), equals + 1, name);
    }
    buffer_fini(&option);
    free(name);
}

static void read_values(struct service *service, const struct service_flags *flags)
{
    if (flags->config != NULL) {
        read_config(service, flags->config);
    }
    for (char **variable = environ; *variable != NULL; variable++) {
        put_variable(service, *variable);
    }
    for (size_t i = 0; i < flags->set.count; i++) {
        put_flag(service, flags->set.items[i]);
    }
    if (flags->durability != NULL) {
        put_value(service, "durability", flags->durability, "--durability");
    }
    warn_of_moot(service);
}

static void on_ready(void *owner)
{
    struct service *service = owner;
    service->is_ready = true;
    service->world->stop(service->world->owner);
}

static void on_failed(void *owner, const struct report *report)
{
    struct service *service = owner;
    service->report = *report;
    service->has_failed = true;
    service->world->stop(service->world->owner);
}

static const struct broker_events events = {.ready = on_ready, .failed = on_failed};

static unsigned write_metrics(void *owner, const struct http_request *request, struct buffer *out,
                              const char **content_type)
{
    (void)request;
    struct service *service = owner;
    *content_type = "text/plain; version=0.0.4; charset=utf-8";
    if (service->broker != NULL) {
        broker_write_metrics(service->broker, out);
    }
    if (service->write_more_metrics != NULL) {
        service->write_more_metrics(service->more_owner, out);
    }
    return STATUS_OK;
}

static unsigned write_health(void *owner, const struct http_request *request, struct buffer *out,
                             const char **content_type)
{
    (void)request;
    (void)content_type;
    struct service *service = owner;
    int error = service->broker == NULL ? 0 : broker_status(service->broker);
    if (service->broker != NULL && error == 0 && !broker_has_room(service->broker)) {
        error = ERROR_NO_SPACE;
    }
    bool is_well = error == 0 && service->is_ready && !service->has_failed;
    int64_t damaged = service->broker == NULL ? 0 : broker_damaged_count(service->broker);
    buffer_printf(out, "{\"status\":\"%s\",\"version\":\"%s\"",
                  is_well && damaged > 0    ? "damaged"
                  : is_well                 ? "ok"
                  : error == ERROR_NO_SPACE ? "full"
                                            : "failed",
                  service->world->version);
    if (damaged > 0) {
        buffer_printf(out, ",\"damaged_partitions\":%lld", (long long)damaged);
    }
    if (error != 0) {
        buffer_printf(out, ",\"error\":\"%s\",\"message\":\"%s\"", error_name(error),
                      error_text(error));
    }
    buffer_add_string(out, "}\n");
    return is_well ? STATUS_OK : STATUS_UNAVAILABLE;
}

/* Whether to let it run: a start anew makes no room on a disk, and what is there can be read. */
static unsigned write_life(void *owner, const struct http_request *request, struct buffer *out,
                           const char **content_type)
{
    (void)request;
    (void)content_type;
    struct service *service = owner;
    int error = service->broker == NULL ? 0 : broker_status(service->broker);
    bool is_alive = error == 0 && !service->has_failed;
    buffer_printf(out, "{\"status\":\"%s\"}\n", is_alive ? "alive" : "failed");
    return is_alive ? STATUS_OK : STATUS_UNAVAILABLE;
}

static unsigned explain_group(void *owner, const struct http_request *request, struct buffer *out,
                              const char **content_type)
{
    (void)content_type;
    struct service *service = owner;
    if (service->broker == NULL) {
        return http_refuse(out, STATUS_UNAVAILABLE,
                           "there is no broker here; ask the coordinator's");
    }
    return explanation_write(service->broker, bytes_from_string(request->suffix), out);
}

void service_add_route(struct service *service, const struct http_route *route)
{
    check(service->route_count < SERVICE_ROUTE_MAX);
    service->routes[service->route_count++] = *route;
}

void service_init(struct service *service)
{
    *service = (struct service){0};
    map_init(&service->file);
    map_init(&service->places);
    service_add_route(service, &(struct http_route){.method = "GET",
                                                    .path = "/metrics",
                                                    .handle = write_metrics,
                                                    .owner = service});
    service_add_route(service, &(struct http_route){.method = "GET",
                                                    .path = "/groups/",
                                                    .handle = explain_group,
                                                    .owner = service});
    service_add_route(
        service, &(struct http_route){
                     .method = "GET", .path = "/health", .handle = write_health, .owner = service});
    service_add_route(service, &(struct http_route){.method = "GET",
                                                    .path = "/health/live",
                                                    .handle = write_life,
                                                    .owner = service});
}

/* A port that nobody asked for may be taken: then there is none. */
static int start_http(struct service *service, const char *address)
{
    bool is_asked = address != NULL;
    address = is_asked ? address : SERVICE_HTTP_DEFAULT;
    if (strcmp(address, "off") == 0 || strcmp(address, "none") == 0) {
        return 0;
    }
    int error = http_start(service->world->io, address, service->routes, service->route_count,
                           &service->http, &service->report);
    if (error == 0 || is_asked) {
        return error;
    }
    warn(service->world, &service->report);
    service->report = (struct report){0};
    return 0;
}

static int wait_for_start(struct service *service)
{
    struct command_world *world = service->world;
    while (!service->is_ready && !service->has_failed && !world->is_interrupted) {
        world->run(world->owner);
    }
    return service->is_ready ? 0 : ERROR_CANCELLED;
}

static int start_parts(struct service *service, const struct service_flags *flags,
                       const struct broker_settings *settings)
{
    int error = broker_start(service->world->io, settings, &events, service, &service->broker,
                             &service->report);
    if (error == 0) {
        error = wait_for_start(service);
    }
    if (error == 0) {
        error = start_http(service, flags->http);
    }
    return error;
}

static void warn_of_service(void *owner, const struct report *warning)
{
    struct service *service = owner;
    struct report placed = {0};
    const char *given = map_find_string(&service->places, warning->place);
    report_add(&placed, given != NULL ? given : "", "%s%s%s", warning->place,
               warning->place[0] == '\0' ? "" : ": ", warning->text);
    tell_warning(service, &placed);
}

/* All that can be judged before anything starts; every mistake is told. */
static int read_settings(struct service *service, const struct service_flags *flags,
                         struct broker_settings *out)
{
    struct broker_options_ears ears = {.warn = warn_of_service, .refuse = refuse, .owner = service};
    struct report mistake = {0};
    read_values(service, flags);
    if (flags->listen.count > BROKER_LISTEN_MAX) {
        report_add(&mistake, NULL, "--listen may be given %d times at most", BROKER_LISTEN_MAX);
        refuse(service, &mistake);
    }
    *out = (struct broker_settings){
        .path = flags->data,
        .advertised = flags->advertise,
        .file = &service->file,
    };
    for (size_t i = 0; i < flags->listen.count && i < BROKER_LISTEN_MAX; i++) {
        out->listen[i] = flags->listen.items[i];
    }
    int error = broker_judge(out, &ears, NULL);
    return service->mistake_count == 0 ? error : ERROR_INVALID;
}

int service_start(struct service *service, struct command_world *world,
                  const struct service_flags *flags, const char *inner)
{
    service->world = world;
    if (flags->is_verbose) {
        trace_set_level(TRACE_INFO);
    }
    struct broker_settings settings;
    int error = read_settings(service, flags, &settings);
    if (error != 0) {
        service_stop(service);
        return COMMAND_MISUSED;
    }
    settings.inner = inner;
    error = start_parts(service, flags, &settings);
    if (error == 0) {
        return 0;
    }
    int code = COMMAND_FAILED;
    if (!report_is_empty(&service->report)) {
        code = complain(service);
    } else if (!world->is_interrupted) {
        command_fail(world, "%s", error_text(error));
    }
    service_stop(service);
    return code;
}

int service_start_http(struct service *service, struct command_world *world,
                       const struct service_flags *flags)
{
    service->world = world;
    if (start_http(service, flags->http) != 0) {
        int code = complain(service);
        service_stop(service);
        return code;
    }
    service->is_ready = true;
    return 0;
}

/* A part of the ready line; null where nothing is there. */
static void put_json(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, ",\"%s\":", name);
    if (text == NULL || json_writer_string(out, bytes_from_string(text)) != 0) {
        buffer_add_string(out, "null");
    }
}

/* A datagram, as sd_notify(3) says; whoever is not there is not told. */
static void tell_manager(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t size = path == NULL ? 0 : strlen(path);
    if (size == 0 || size >= sizeof address.sun_path) {
        return;
    }
    memcpy(address.sun_path, path, size);
    if (path[0] == '@') {
        address.sun_path[0] = '\0'; /* a name without a file */
    }
    int descriptor = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor >= 0) {
        (void)!sendto(descriptor, state, strlen(state), MSG_NOSIGNAL,
                      (const struct sockaddr *)&address,
                      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
        close(descriptor);
    }
}

/* The first has its place in the line for whoever reads it with a pattern; the others follow. */
static void put_listeners(const struct service *service, bool is_json, struct buffer *out)
{
    char address[IO_ADDRESS_SIZE];
    size_t count = broker_listener_count(service->broker);
    buffer_add_string(out, is_json ? ",\"listeners\":[" : count > 1 ? "; also kafka " : "");
    for (size_t i = is_json ? 0 : 1; i < count; i++) {
        broker_listener_address(service->broker, i, address);
        buffer_printf(out, is_json ? "%s\"%s\"" : "%s%s", i > (is_json ? 0 : 1) ? ", " : "",
                      address);
    }
    buffer_add_string(out, is_json ? "]" : "");
}

void service_print_ready(struct service *service, bool is_json)
{
    struct command_world *world = service->world;
    char address[IO_ADDRESS_SIZE];
    const char *http = service->http == NULL ? NULL : http_address(service->http);
    struct buffer out;
    buffer_init(&out);
    broker_address(service->broker, address);
    if (is_json) {
        buffer_printf(&out, "{\"version\":\"%s\",\"pid\":%ld", world->version, (long)getpid());
        put_json(&out, "kafka", address);
        buffer_printf(&out, ",\"port\":%s", strrchr(address, ':') + 1);
        put_json(&out, "http", http);
        put_json(&out, "data", broker_path(service->broker));
        put_listeners(service, true, &out);
        buffer_add_string(&out, "}\n");
    } else {
        buffer_printf(&out, "tidemill %s ready: kafka %s, http %s, data %s", world->version,
                      address, http == NULL ? "off" : http, broker_path(service->broker));
        put_listeners(service, false, &out);
        buffer_add_string(&out, "\n");
    }
    command_print(world, &out);
    buffer_fini(&out);
    fflush(world->out);
    tell_manager("READY=1");
}

int service_judge(struct command_world *world, const struct service_flags *flags)
{
    struct service service;
    struct broker_settings settings;
    service_init(&service);
    service.world = world;
    service.is_telling_all = true;
    int code = read_settings(&service, flags, &settings) == 0 ? COMMAND_OK : COMMAND_MISUSED;
    if (code == COMMAND_OK && broker_judge_directory(world->io, &settings, &service.report) != 0) {
        code = complain(&service);
    }
    map_fini(&service.file, free);
    map_fini(&service.places, free);
    buffer_fini(&service.moot);
    return code;
}

int service_wait(struct service *service)
{
    struct command_world *world = service->world;
    while (!world->is_interrupted && !service->has_failed && !service->is_over) {
        world->run(world->owner);
    }
    return service->has_failed ? complain(service) : COMMAND_OK;
}

static void on_stopped(void *owner)
{
    struct service *service = owner;
    service->stopping_count--;
    service->world->stop(service->world->owner);
}

static void wait_for_stop(struct service *service)
{
    while (service->stopping_count > 0) {
        service->world->run(service->world->owner);
    }
}

void service_stop(struct service *service)
{
    if (service->is_ready) {
        tell_manager("STOPPING=1");
    }
    if (service->http != NULL) {
        service->stopping_count++;
        http_stop(service->http, on_stopped, service);
        wait_for_stop(service); /* its handlers look at the broker */
        service->http = NULL;
    }
    if (service->broker != NULL) {
        service->stopping_count++;
        broker_stop(service->broker, on_stopped, service);
        wait_for_stop(service);
        service->broker = NULL;
    }
    map_fini(&service->file, free);
    map_fini(&service->places, free);
    buffer_fini(&service->moot);
}
