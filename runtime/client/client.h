/* A Kafka client on the io seam: connections, metadata and version negotiation.
 *
 * One code path for everything that talks to a log: processors, connectors, the command line and
 * the simulator's workload, beside an embedded broker ("loopback:broker") or across the network.
 *
 * Owns:   one connection per broker and lane, opened when it is needed and again after a failure;
 *         the picture of the cluster.
 * Keeps:  (1) each call is called back exactly once, never inside the call;
 *         (2) requests of one lane to one broker are sent in the order of the calls;
 *         (3) what a broker sends takes no more memory than the limits of net/framer and of the
 *             arena for its response.
 * Thread: its io's shard.
 *
 * A broker answers the requests of a connection one by one, so a fetch or a join that waits there
 * would hold up everything behind it. Whoever sends such requests takes a lane of its own. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"
#include "log/wire/frame.h"

struct client;
struct link;
struct peer_exchange;

struct client_options {
    const char *bootstrap;        /* "host:port,host:port" or "loopback:NAME"; copied */
    const char *client_id;        /* copied */
    int64_t request_timeout_ms;   /* default 30000 */
    int64_t metadata_max_age_ms;  /* default 300000 */
    int64_t retry_backoff_ms;     /* default 100, doubled up to retry_backoff_max_ms */
    int64_t retry_backoff_max_ms; /* default 1000 */
};

struct client_options client_options_default(void);
struct client *client_new(struct io *io, const struct client_options *options);
/* Calls still out get ERROR_CANCELLED; `closed` is called when the last connection is gone, then
 * the memory is freed. */
void client_close(struct client *client, void (*closed)(void *owner), void *owner);
struct io *client_io(struct client *client);

enum client_target {
    CLIENT_ANY = -1,        /* any broker that is connected or can be */
    CLIENT_CONTROLLER = -2, /* where topics are made */
    /* >= 0: that broker's node id */
};

enum { CLIENT_LANE_COMMON = 0 };
/* A number for client_call.lane; no connection is opened before it is used. */
int client_lane_open(struct client *client);
/* Ends the lane's connections; its calls get ERROR_CANCELLED on a later turn. */
void client_lane_close(struct client *client, int lane);

/* Embedded by the caller. */
struct client_call {
    /* in */
    int32_t target;
    int lane;
    int16_t api_key;
    int16_t version_max; /* highest version whose fields the caller fills; -1: the newest known */
    /* The generated struct. It and all it names stay untouched until `done`: the version, and so
     * the bytes, are known only when the connection stands. */
    const void *request;
    int64_t timeout_ms; /* 0: the client's */
    bool is_frame_kept; /* `frame` becomes the caller's, which ends it with buffer_fini */
    /* `error`: 0, ERROR_TIMEOUT, ERROR_CLOSED, ERROR_REFUSED, ERROR_UNSUPPORTED (the broker does
     * not offer a common version), ERROR_CANCELLED, ERROR_MALFORMED. With 0 `response` is the
     * generated response struct, valid until `done` returns. Error codes inside it are the caller's
     * matter. */
    void (*done)(struct client_call *call, int error, int16_t version, const void *response);
    void *owner;
    /* out, set before `done` */
    struct buffer frame; /* what strings, bytes and records of the response point into */
    /* the client's */
    struct list_link link;
    struct client *client;
    struct link *via;
    struct peer_exchange *exchange;
    uint64_t deadline;
    int error;
};
/* A produce request with acks = 0 is called back when it was sent, with a NULL response. */
void client_send(struct client *client, struct client_call *call);
/* After it `done` is not called; the answer is thrown away. */
void client_cancel(struct client *client, struct client_call *call);

struct client_partition {
    int32_t index;
    int32_t leader_id; /* -1: none */
    int32_t leader_epoch;
};
struct client_topic {
    const char *name;
    struct wire_uuid id;
    int error; /* of this topic, as last told */
    int32_t partition_count;
    const struct client_partition *partitions; /* by index */
};
/* What is known now; NULL when the topic was never asked for. Valid until the next turn of the
 * loop. */
const struct client_topic *client_find_topic(struct client *client, const char *name);

/* Embedded by the caller: asks for fresh metadata. */
struct client_refresh {
    const char *const *topics; /* names, valid until `done`; NULL: all topics of the cluster */
    size_t topic_count;
    bool may_create; /* allow_auto_topic_creation */
    /* 0 when a broker answered; what it said of each topic is in client_topic.error. Retried
     * inside until the client's request timeout has passed. */
    void (*done)(struct client_refresh *refresh, int error);
    void *owner;
    /* the client's */
    struct list_link link;
    uint64_t deadline;
};
void client_refresh_metadata(struct client *client, struct client_refresh *refresh);
/* After it `done` is not called. A refresh that is not under way may be cancelled too. */
void client_refresh_cancel(struct client_refresh *refresh);
/* Forgets what is known of a topic's leaders, so that the next use asks again (NOT_LEADER). */
void client_expire_topic(struct client *client, const char *name);
/* All topics known from a refresh with topics = NULL. */
void client_each_topic(struct client *client,
                       void (*each)(void *owner, const struct client_topic *topic), void *owner);
/* Brokers as last told by metadata. */
size_t client_broker_count(const struct client *client);
/* `address`: "host:port". */
void client_each_broker(struct client *client,
                        void (*each)(void *owner, int32_t node_id, const char *address),
                        void *owner);
/* Tells where a broker listens, from an answer other than metadata's (FindCoordinator). */
void client_add_broker(struct client *client, int32_t node_id, struct bytes host, int32_t port);
/* The finalized feature transaction.version as last told by a broker; 0 while unknown. */
int16_t client_transaction_version(const struct client *client);
/* Inside this folder: a broker told it. */
void client_set_transaction_version(struct client *client, int16_t version);
const struct client_options *client_get_options(const struct client *client);
void client_check(const struct client *client);
