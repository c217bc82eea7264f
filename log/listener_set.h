/* Where a node listens, and what clients of each listener are told: `listeners`,
 * `advertised.listeners`, `listener.security.protocol.map` and `controller.listener.names`.
 *
 * A listener that asks for encryption or passwords is refused: a client must never get less safety
 * than the file says. An advertised address that nobody can dial is refused too: it is what every
 * client would dial next. A controller's listener has no clients here: it is left out, with a
 * warning.
 *
 * Owns:   its strings.
 * Thread: any. */
#pragma once

#include "log/broker.h"
#include "log/meta/broker_options.h"

struct listener_set {
    struct {
        char *address;    /* for io_listen: "HOST:PORT" */
        char *advertised; /* "HOST:PORT"; NULL: the address the client dialled */
    } items[BROKER_LISTEN_MAX];
    size_t count;
};

/* `listen`: what was asked for beside the options (at most BROKER_LISTEN_MAX, NULL at the end),
 * which then counts alone; `advertised`: one address for all, or NULL; `ears`: who hears what is
 * left out and every mistake, or NULL. ERROR_INVALID with the first one, whose place is the option
 * or the flag that it is in. */
must_use int listener_set_read(const char *const listen[BROKER_LISTEN_MAX], const char *advertised,
                               const struct broker_options *options,
                               const struct broker_options_ears *ears, struct listener_set *out,
                               struct report *report);
void listener_set_fini(struct listener_set *set);
