/* One broker with its HTTP port, as a process: what `serve` and everything that embeds a log start;
 * or the HTTP port alone, beside applications on somebody else's cluster.
 *
 * Owns:   the broker, the HTTP port, and the values of the configuration.
 * Keeps:  a service that was started is stopped with service_stop, which returns only when
 *         everything acknowledged is on disk and the directory is clean.
 * Thread: the main thread; the loop turns inside the calls. */
#pragma once

#include "log/base/map.h"
#include "log/broker.h"
#include "runtime/admin/http.h"
#include "runtime/cli/command.h"

struct service_flags {
    const char *data;
    struct flag_list listen;
    const char *advertise;
    const char *http;
    const char *config;
    struct flag_list set;
    const char *durability;
    bool is_verbose;
};

#define SERVICE_HTTP_DEFAULT "127.0.0.1:8080"

/* The rows of a command whose values have a member `service`. */
#define SERVICE_FLAGS(type)                                                                        \
    FLAG('d', "data", STRING, type, service.data, "DIR", "data directory (./tidemill-data)"),      \
        FLAG(0, "listen", LIST, type, service.listen, "HOST:PORT",                                 \
             "Kafka clients (default: :9092, every interface)"),                                   \
        FLAG(0, "advertise", STRING, type, service.advertise, "HOST:PORT",                         \
             "the address clients are told (default: what they dialled)"),                         \
        FLAG(0, "http", STRING, type, service.http, "HOST:PORT",                                   \
             "metrics and health (default: " SERVICE_HTTP_DEFAULT "; off: none)"),                 \
        FLAG('c', "config", STRING, type, service.config, "FILE", "a server.properties"),          \
        FLAG('s', "set", LIST, type, service.set, "NAME=VALUE", "a line of it"),                   \
        FLAG(0, "durability", STRING, type, service.durability, "fsync|interval|os",               \
             "when a record is safe (default: fsync, on disk)"),                                   \
        FLAG('v', "verbose", BOOL, type, service.is_verbose, NULL, "trace what happens")

enum { SERVICE_ROUTE_MAX = 16 };

struct service {
    struct command_world *world;
    struct map file;     /* values of the configuration */
    struct map places;   /* where each was given: the option's name to char * */
    int mistake_count;   /* in them */
    bool is_telling_all; /* also of what has no effect and nobody misses, one by one */
    bool is_moot;        /* the value that is put is such */
    struct buffer moot;  /* their names, */
    int moot_count;
    struct report moot_report; /* and what is to be said of the first */
    struct broker *broker;     /* NULL: none is embedded */
    struct http *http;         /* NULL: off */
    struct http_route routes[SERVICE_ROUTE_MAX];
    size_t route_count;
    struct report report; /* why it failed */
    bool is_ready;
    bool has_failed;
    bool is_over;       /* whoever is served has ended: service_wait returns */
    int stopping_count; /* parts that are not stopped yet */
    /* More of /metrics; NULL: none. */
    void (*write_more_metrics)(void *owner, struct buffer *out);
    void *more_owner;
};

/* Returns when clients can connect: 0, or an exit code after a complaint; then nothing is left.
 * `inner`: as for broker_start. */
must_use int service_start(struct service *service, struct command_world *world,
                           const struct service_flags *flags, const char *inner);
/* The HTTP port alone: 0, or an exit code after a complaint. */
must_use int service_start_http(struct service *service, struct command_world *world,
                                const struct service_flags *flags);
/* Reads and judges all values and looks at the data directory, and starts nothing: COMMAND_OK, or
 * an exit code after a complaint about each mistake. */
must_use int service_judge(struct command_world *world, const struct service_flags *flags);
/* Adds routes of others (before service_start) beside /metrics and /health. */
void service_add_route(struct service *service, const struct http_route *route);
void service_init(struct service *service);
/* "tidemill 0.1.0 ready: kafka …" on standard output, or one JSON object with the same. A service
 * manager that waits for it ($NOTIFY_SOCKET, sd_notify(3)) is told too. */
void service_print_ready(struct service *service, bool is_json);
/* Turns the loop until a signal asks to end or it is over (0), or the broker fails (COMMAND_FAILED,
 * after a complaint). */
must_use int service_wait(struct service *service);
void service_stop(struct service *service);
