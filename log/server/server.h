/* Serves the Kafka protocol: one handler per API, each in its own api_ file.
 *
 * Owns:   the listeners, the connections and the requests being served.
 * Keeps:  (1) the memory of requests, partial frames and waiting answers stays below
 *             memory_size_max: beyond it connections are not read from until answers have left, and
 *             when partial frames alone are too much the connections that are silent longest end;
 *         (2) an API or version outside apis.def is never served half: ApiVersions is answered with
 *             its version 0 body, anything else closes the connection, as Kafka does;
 *         (3) only this folder turns errors into wire codes.
 * Thread: its io's shard. */
#pragma once

#include "log/base/metric.h"
#include "log/controller/controller.h"
#include "log/coordinator/transactor.h"
#include "log/meta/meta.h"
#include "log/replica/replica.h"

struct server;

/* What the handlers work on; all outlive the server. */
struct server_parts {
    struct io *io;
    const char *path; /* the data directory */
    struct store *store;
    struct quorum *quorum;
    struct meta *meta;
    struct controller *controller;
    struct coordinator *coordinator;
    struct transactor *transactor;
    /* Writes a marker that a client brought (WriteTxnMarkers); its `done` comes later. */
    void (*write_marker)(void *owner, struct transactor_marker *marker);
    void *marker_owner;
    struct replica_set *replicas;
    struct metric_registry *metrics;
    int32_t node_id;
};

struct server_options {
    size_t frame_size_max;      /* bytes; socket.request.max.bytes */
    size_t memory_size_max;     /* bytes of all requests, whole or not, and answers */
    int64_t connection_idle_ms; /* connections.max.idle.ms */
};

struct server *server_new(const struct server_parts *parts, const struct server_options *options);
/* Also "loopback:NAME". `advertised`: "HOST:PORT" that clients of this listener are told, or NULL:
 * the address that the client dialled. */
must_use int server_listen(struct server *server, const char *address, const char *advertised,
                           struct report *report);
/* "HOST:PORT" of the first listener with a port. */
void server_address(const struct server *server, char out[IO_ADDRESS_SIZE]);
/* Of one of them, in the order in which they were added. */
void server_listener_address(const struct server *server, size_t index, char out[IO_ADDRESS_SIZE]);
/* Of the listener that was added last. */
void server_last_address(const struct server *server, char out[IO_ADDRESS_SIZE]);
/* Stops accepting, answers what is being served, closes; then `stopped` is called. */
void server_stop(struct server *server, void (*stopped)(void *owner), void *owner);
void server_free(struct server *server);
/* Appends all metrics of the registry and what clients pushed, as Prometheus text. */
void server_write_metrics(struct server *server, struct buffer *out);
void server_check(const struct server *server);
