/* The frame of every question in admin.h: where to send it, when to repeat it, how to end it.
 *
 * Owns:   the call, its arena, its timer, the request that is out.
 * Keeps:  one request at a time; `finish` runs exactly once, unless the call was cancelled.
 * Thread: its client's shard. Private to the admin files. */
#pragma once

#include "runtime/client/admin.h"
#include "runtime/client/backoff.h"
#include "runtime/client/locator.h"

enum { ADMIN_CALL_TARGET_GROUP = -3 }; /* beside enum client_target: the group's coordinator */

struct admin_call {
    struct client *client;
    struct io *io;
    struct arena arena; /* the question and whatever the answer needs */
    int32_t target;
    int16_t api_key;
    int16_t version_max;
    const void *request;
    struct bytes group; /* for ADMIN_CALL_TARGET_GROUP */
    struct locator locator;
    /* Looks at an answer: 0, or an error; those that heal repeat the question. May set `text`. */
    int (*judge)(struct admin_call *call, int16_t version, const void *response);
    /* Tells the asker; with 0 `response` is the answer. */
    void (*finish)(struct admin_call *call, int error, const void *response);
    /* Instead of sending `request`; for questions that are more than one request. */
    void (*begin)(struct admin_call *call);
    /* Stops what `begin` started. */
    void (*stop)(struct admin_call *call);
    const char *text; /* the broker's sentence */
    void *owner;
    void *state; /* the question's own, in the arena */
    struct client_call call;
    bool is_sent;
    struct io_timer timer;
    struct backoff backoff;
    uint64_t deadline;
};

/* An empty call; its fields are set before admin_call_start. */
struct admin_call *admin_call_new(struct client *client, void *owner);
/* Sends on the next turn. */
void admin_call_start(struct admin_call *call);
/* Ends it without a word. */
void admin_call_cancel(struct admin_call *call);
/* An error of a part of the question: repeats all of it or finishes. */
void admin_call_settle(struct admin_call *call, int error, const void *response);
/* What to say of an error. */
const char *admin_call_text(const struct admin_call *call, int error);
/* Remembers the broker's sentence, which may be null. */
void admin_call_set_text(struct admin_call *call, struct bytes text);
