/* What one command does against a cluster: a client, and a way to wait for its answers in a row.
 *
 * Owns:   the client and an arena with the answers, until errand_close.
 * Keeps:  (1) calls return with an answer, an error, or ERROR_CANCELLED after a signal;
 *         (2) an answer stays valid until errand_close.
 * Thread: the main thread.
 * The loop turns inside the calls; commands need no state machines. */
#pragma once

#include "log/wire/messages.h"
#include "runtime/cli/command.h"
#include "runtime/client/client.h"

/* What a command makes of a client property. */
enum errand_property {
    ERRAND_PROPERTY_UNKNOWN, /* the name */
    ERRAND_PROPERTY_TAKEN,
    ERRAND_PROPERTY_WRONG, /* the value does not fit the name */
};

struct errand_flags {
    const char *brokers;
    const char *output;          /* "text", "json" or "kafka" */
    struct flag_list properties; /* -X name=value */
    const char *file;            /* -F: of properties */
};

/* The rows that every command has; `place` is the member of its values that is errand_flags. */
#define ERRAND_FLAGS_AT(type, place)                                                               \
    FLAG('b', "bootstrap", STRING, type, place.brokers, "HOST:PORT", "brokers to ask first"),      \
        FLAG('X', NULL, LIST, type, place.properties, "NAME=VALUE",                                \
             "a client property, such as request.timeout.ms=5000"),                                \
        FLAG('F', "properties", STRING, type, place.file, "FILE",                                  \
             "client properties, a NAME=VALUE each line")
#define ERRAND_OUTPUT_FLAG_AT(type, place)                                                         \
    FLAG('o', "output", STRING, type, place.output, "text|json|kafka",                             \
         "how to print; kafka: as its own tools do")
/* Of values that have a member `errand`. */
#define ERRAND_FLAGS(type)       ERRAND_FLAGS_AT(type, errand)
#define ERRAND_OUTPUT_FLAG(type) ERRAND_OUTPUT_FLAG_AT(type, errand)

struct errand {
    struct command_world *world;
    struct client *client;
    struct arena arena;
    const char *brokers;
    bool is_json;
    bool is_kafka;
    bool is_csv;       /* of commands that have it; they set it themselves */
    struct buffer out; /* for what the command prints */
};

/* Completes "host,host:port" with the port 9092: COMMAND_OK, or COMMAND_MISUSED after a complaint
 * about what is no HOST:PORT. */
must_use int errand_read_brokers(struct command_world *world, const char *brokers,
                                 struct buffer *out);

/* 0, or the exit code to return after a complaint. -X properties that `known` (of a command with
 * more of them) does not take are checked here. */
must_use int
errand_open(struct errand *errand, struct command_world *world, const struct errand_flags *flags,
            enum errand_property (*known)(void *owner, const char *name, const char *value),
            void *owner);
/* TAKEN or WRONG. */
enum errand_property errand_property_of(bool is_taken);
/* Prints `out` and ends the client. */
void errand_close(struct errand *errand);
/* Turns the loop until *is_done (then 0) or a signal (ERROR_CANCELLED). Whoever sets *is_done
 * calls errand_wake. */
must_use int errand_wait(struct errand *errand, const bool *is_done);
void errand_wake(struct errand *errand);
/* One request; retried while the broker answers ERROR_CLOSED, ERROR_REFUSED or not at all inside
 * the client. *response is the generated struct. */
must_use int errand_call(struct errand *errand, int32_t target, int16_t api_key,
                         int16_t version_max, const void *request, const void **response);
/* The node that coordinates a group. */
must_use int errand_find_coordinator(struct errand *errand, const char *group, int32_t *node_id);
/* The node that coordinates a transactional id. */
must_use int errand_find_transaction_coordinator(struct errand *errand, const char *id,
                                                 int32_t *node_id);
/* A moment before the next try: 0, or ERROR_CANCELLED after a signal. */
must_use int errand_pause(struct errand *errand);
/* Metadata of these topics; of all with `topics` NULL. */
must_use int errand_read_metadata(struct errand *errand, const char *const *topics, size_t count,
                                  const struct metadata_response **response);
/* Has topics made that are not there, where the cluster makes them by itself; waits until they have
 * leaders. Whether they are there now is for errand_read_metadata to tell. */
must_use int errand_make_topics(struct errand *errand, const char *const *topics, size_t count);
/* Complains of an error with the address and the next step; returns COMMAND_FAILED. */
int errand_fail(struct errand *errand, int error, const char *action);
/* Complains of a broker's answer; `message` may be null. Returns COMMAND_FAILED. */
int errand_refuse(struct errand *errand, const char *subject, int16_t code, struct bytes message);
/* The same of a topic, for commands with a flag -p: whoever wrote TOPIC:PARTITION is told of it. */
int errand_refuse_topic(struct errand *errand, const char *name, int16_t code);
