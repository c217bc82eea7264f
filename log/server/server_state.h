/* What the files of this folder share of the server; see server.h for the face.
 * Thread: the server's shard. */
#pragma once

#include "log/server/fetch_session_cache.h"
#include "log/server/request.h"
#include "log/server/server.h"
#include "log/server/telemetry.h"

enum { SERVER_LISTENER_MAX = 8, SERVER_PIECE_MAX = 16 };

struct server_api {
    const char *name;
    const struct wire_schema *request;
    int16_t lowest;
    int16_t highest;
    void (*handle)(struct request *request);
};

struct server_listener {
    struct server *server;
    struct io_listener *listener;
    char *advertised; /* "HOST:PORT"; NULL: the address the client dialled */
};

struct server_client {
    struct connection *connection;
    const struct server_listener *listener; /* where it came in */
    struct io_timer close_timer;            /* of one that came too soon after others */
    char *software_name;                    /* of ApiVersions; NULL when it did not say */
    char *software_version;
};

struct server {
    struct server_parts parts;
    struct server_options options;
    struct server_listener listeners[SERVER_LISTENER_MAX];
    size_t listener_count;
    struct map clients;   /* by the connection's address; found, iterated in order of arrival */
    struct list requests; /* being served or sent */
    struct list fetches;  /* waiting for data */
    struct list parked;   /* fetches waiting for memory */
    struct list joining;  /* produces waiting for their transaction */
    struct fetch_session_cache sessions;
    size_t held_size;                  /* bytes of all requests and their answers */
    size_t input_size;                 /* bytes of what is no request yet */
    uint8_t *pieces[SERVER_PIECE_MAX]; /* spare ones; see fetch_answer.h */
    size_t piece_count;
    bool is_paused;
    bool is_stopping;
    void (*stopped)(void *owner);
    void *stopped_owner;
    struct io_timer idle_timer;
    struct io_timer spare_timer; /* when connections have to go for the memory of their input */
    struct connection *spared;   /* is read from while all others are not; or NULL */
    struct io_timer stop_timer;
    struct throttle *throttle;
    struct telemetry *telemetry;
    struct request *serving; /* whose handler runs, until it answers; or NULL */
    uint64_t serving_ns;     /* since when */
#define SERVER_METRIC(field, kind, name, help) struct metric *field;
#include "log/server/server_metrics.def"
#undef SERVER_METRIC
    struct metric **api_requests;  /* one per row of apis.def, made at the first request */
    struct metric **api_latencies; /* as api_requests */
};

/* The row after `api`, the first for NULL, NULL at the end. */
const struct server_api *server_api_next(const struct server_api *api);
/* NULL when it is gone. */
struct server_client *server_find_client(const struct server *server,
                                         const struct connection *connection);
void server_update_pause(struct server *server);
void server_stop_if_done(struct server *server);
