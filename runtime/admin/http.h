/* The HTTP port: a table of routes, answered on the shard's thread.
 *
 * libmicrohttpd speaks HTTP on a thread of its own. A request is read there, suspended, posted to
 * the shard, answered by its route's handler, and resumed; nothing of the shard is touched from the
 * other thread.
 *
 * Owns:   the daemon, its thread and its connections.
 * Keeps:  (1) handlers run on the shard's thread only, one at a time;
 *         (2) a request is bounded: HTTP_BODY_SIZE_MAX bytes of body, HTTP_CONNECTION_MAX
 *             connections, HTTP_TIMEOUT_SECONDS of silence;
 *         (3) after `stopped` no handler runs and the port is free.
 * Thread: the shard of `io`. */
#pragma once

#include "log/base/report.h"
#include "log/io/io.h"

struct http;

enum {
    HTTP_BODY_SIZE_MAX = 1 << 20,
    HTTP_CONNECTION_MAX = 64,
    HTTP_TIMEOUT_SECONDS = 30,
};

struct http_request {
    const char *method;
    const char *path;   /* without the query */
    const char *suffix; /* of the path behind a route that ends in a slash; "" otherwise */
    struct bytes body;  /* empty when there is none */
    /* The value of a parameter of the query, or NULL. */
    const char *(*query)(const struct http_request *request, const char *name);
    void *private_state;
};

/* One request that is answered later; embedded by whoever asked, who is told by `give`. */
struct http_answer {
    void (*give)(struct http_answer *answer, unsigned status, struct buffer *body);
    const char *allow; /* with 405, the method that would do: a literal; NULL: none is told */
};

/* One of `handle` and `ask` says what happens. */
struct http_route {
    const char *method; /* "GET", which also answers HEAD */
    const char *path;   /* exact; one that ends in '/' takes everything below it */
    /* Appends the body and returns the status. *content_type is preset to application/json. */
    unsigned (*handle)(void *owner, const struct http_request *request, struct buffer *out,
                       const char **content_type);
    /* Whoever was asked calls http_answer once, here or on a later turn, whatever happens; until
     * then the request is valid and http_stop waits. */
    void (*ask)(void *owner, const struct http_request *request, struct http_answer *answer);
    void *owner;
};

/* `address` as for io_listen. The table is borrowed until `stopped`. ERROR_INVALID with a sentence
 * in the report. */
must_use int http_start(struct io *io, const char *address, const struct http_route *routes,
                        size_t route_count, struct http **out, struct report *report);
/* "HOST:PORT" as bound. */
const char *http_address(const struct http *http);
/* Requests under way are answered first. `stopped` is called on a later turn. */
void http_stop(struct http *http, void (*stopped)(void *owner), void *owner);
/* Takes what is in `body`, JSON, and answers with it; the body is empty afterwards. */
void http_answer(struct http_answer *answer, unsigned status, struct buffer *body);
/* Appends {"error_code":STATUS,"message":"..."} and returns the status, for handlers. */
__attribute__((format(printf, 3, 4))) unsigned http_refuse(struct buffer *out, unsigned status,
                                                           const char *format, ...);
