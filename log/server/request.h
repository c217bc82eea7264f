/* One request on its way through the server: decoded, served, answered.
 *
 * Owns:   its frame, which the message borrows from, and an arena for the decoded message and
 *         everything the answer names; both die when it is answered, the answer's bytes when they
 *         were sent.
 * Keeps:  (1) each request is answered exactly once: request_answer, request_answer_nothing or
 *         request_refuse;
 *         (2) memory of all requests is counted in the server and bounded (see server.h).
 * Thread: the server's shard. */
#pragma once

#include "log/meta/client_match.h"
#include "log/net/connection.h"
#include "log/server/throttle.h"
#include "log/wire/frame.h"
#include "log/wire/messages.h"

struct server;

struct request {
    struct server *server;
    const struct frame_api *api;
    struct frame_request_header header;
    int16_t version;
    const void *message; /* the generated request struct */
    struct arena arena;
    uint64_t started_ns;
    struct metric *latency; /* of its API; NULL when that is not known */
    uint64_t spent_ns;      /* by its handler until it returned without an answer */
    int32_t throttle_ms;    /* how long its connection rests; told in the answer */
    struct buffer frame;    /* the message borrows from it */
    size_t held_size;       /* bytes counted in the server for this request */
    struct connection_slot slot;
    /* NULL, or called when the answer has left or never will, before the request is freed. The
     * arena is kept until then. */
    void (*sent)(struct request *request);
    void *sent_owner;
    struct list_link link; /* the server's list of requests */
    /* For a handler that waits: the client is gone, its answer has no reader. It still answers. */
    void (*lost)(void *waiter);
    void *waiter;
};

/* Encodes the generated response struct; the request may be gone when this returns. An answer of
 * more than a gigabyte is refused. */
void request_answer(struct request *request, const void *response);
/* As request_answer, without the records; request->slot.next brings them and all else. `holes`: see
 * wire_write_around. */
void request_answer_around(struct request *request, const void *response, struct wire_holes *holes);
/* Counts more memory for this request: what its answer holds while it leaves. */
void request_grow(struct request *request, size_t size);
/* Frees the frame early: nothing of the message that points into it is used any more. */
void request_release_frame(struct request *request);
/* Lets the connection rest for so long, counted from now (KIP-219): the answer leaves at once and
 * tells the time, the next request is taken when it is over. The longest of several counts. */
void request_throttle(struct request *request, int32_t throttle_ms);
/* Counts an amount for the client of this request and throttles it if that was too much. */
void request_record(struct request *request, enum quota_kind kind, double amount);
/* Whether partitions may be created or deleted (KIP-599): with `is_strict` not while earlier ones
 * are over the quota; without they may, and the client waits afterwards. */
bool request_permit(struct request *request, int32_t partition_count, bool is_strict);
/* Who this is, for quotas. */
struct throttle_client request_client(const struct request *request);
/* What is known of the client behind this connection; lives in the arena. */
void request_client_facts(struct request *request, struct client_match_facts *out);
/* No answer at all: acks = 0. */
void request_answer_nothing(struct request *request);
/* Closes the connection instead of answering: what Kafka does where the protocol has no error. */
void request_refuse(struct request *request, const char *reason);
/* The address a client of this connection is told to use for this broker. */
void request_advertised_address(struct request *request, struct bytes *host, int32_t *port);
/* "/127.0.0.1" as Kafka writes client hosts; lives in the request's arena. */
struct bytes request_client_host(struct request *request);

/* The generated request struct of a handler. */
#define request_message(request, type) ((const struct type *)(request)->message)
