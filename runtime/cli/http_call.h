/* One call of an HTTP port, for commands that ask what the Kafka protocol has no words for.
 *
 * Owns:   the connection, until the call returns.
 * Keeps:  an answer is bounded: HTTP_CALL_SIZE_MAX bytes, HTTP_CALL_TIMEOUT_SECONDS.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"

enum { HTTP_CALL_SIZE_MAX = 16 << 20, HTTP_CALL_TIMEOUT_SECONDS = 10 };

struct http_call {
    unsigned status; /* 200 */
    struct bytes body;
};

/* `address` is "HOST:PORT", `method` "GET" or "POST", without a body. What is in `out` lives in the
 * errand's arena. ERROR_REFUSED and the like when nobody listens, ERROR_MALFORMED for an answer
 * that is not HTTP. */
must_use int http_call(struct errand *errand, const char *address, const char *method,
                       const char *path, struct http_call *out);
/* Appends a name as a part of a path: everything but letters, digits and -._~ in percent signs. */
void http_call_add_name(struct buffer *path, const char *name);
