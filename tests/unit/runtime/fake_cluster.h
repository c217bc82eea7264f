/* A cluster of brokers in memory, behind simulated streams, that answers by the rules of the
 * protocol and fails on order.
 *
 * Brokers are the nodes 1..n of the world and listen on port 9092; node 0 is the client's. All
 * share their topics, so a leader moves by a single assignment. Requests of a connection are
 * answered one by one, as Kafka does.
 * Keeps:  an idempotent producer's batch is appended once and in sequence, or refused. */
#pragma once

#include "log/base/list.h"
#include "log/base/map.h"
#include "log/net/framer.h"
#include "log/wire/frame.h"
#include "log/wire/messages.h"
#include "tests/sim/sim.h"

enum { FAKE_PORT = 9092, FAKE_BATCHES_REMEMBERED = 5, FAKE_API_COUNT = 64, FAKE_API_MISSING = -2 };

struct fake_batch {
    int64_t base_offset;
    int64_t next_offset;
    struct buffer data;
};

struct fake_producer {
    int64_t id;
    int16_t epoch;
    int32_t next_sequence;
    struct {
        int32_t base_sequence;
        int64_t base_offset;
    } last[FAKE_BATCHES_REMEMBERED];
    int last_count;
};

struct fake_partition {
    int32_t index;
    int32_t leader_id;
    int32_t leader_epoch;
    int64_t start_offset;
    int64_t next_offset;
    bool is_open; /* a transaction that began at open_offset */
    int64_t open_offset;
    struct fake_batch *batches;
    size_t batch_count;
    struct fake_producer *producers;
    size_t producer_count;
    struct fetch_response_aborted_transaction aborted[8];
    int32_t aborted_count;
};

struct fake_topic {
    char *name;
    struct wire_uuid id;
    int32_t partition_count;
    struct fake_partition *partitions;
};

struct fake_fault {
    int count; /* how many requests more */
    int error;
    bool is_after; /* the request takes effect, then the connection is closed */
};

struct fake_connection;
struct fake_cluster;

struct fake_broker {
    struct fake_cluster *cluster;
    int32_t node_id;
    struct io *io;
    struct io_listener *listener;
    struct list connections;
};

struct fake_cluster {
    struct sim *sim;
    int broker_count;
    struct fake_broker *brokers;
    struct map topics;
    struct list waits; /* fetches */
    int64_t next_producer_id;
    struct fake_fault faults[FAKE_API_COUNT];
    uint32_t error_chance; /* per million produce and fetch requests: NOT_LEADER */
    uint32_t drop_chance;  /* per million requests: takes effect, then the connection breaks */
    int16_t version_max[FAKE_API_COUNT]; /* of an API; -1: as the schema; or FAKE_API_MISSING */
    uint64_t produce_delay_ns;
    bool is_lenient; /* an unknown producer may begin at any sequence, as in Apache Kafka */
    bool is_hanging_up_on_versions; /* as brokers from before ApiVersions 3 */
    bool is_creating_topics;        /* automatically, with four partitions */
    int32_t batch_size_max;
    int64_t request_count[FAKE_API_COUNT];
    int produce_in_flight_max; /* seen on one connection */
    struct map groups;
    struct map configs; /* of topics, by their name */
    int32_t coordinator_id;
    int32_t session_timeout_min_ms; /* of members; 0: any */
    int64_t next_member;
};

struct fake_cluster *fake_cluster_new(struct sim *sim, int broker_count);
void fake_cluster_free(struct fake_cluster *cluster);
struct fake_topic *fake_cluster_add_topic(struct fake_cluster *cluster, const char *name,
                                          int32_t partition_count);
/* Gives it more partitions, of the first broker. */
void fake_cluster_grow_topic(struct fake_topic *topic, int32_t partition_count);
struct fake_partition *fake_cluster_get(struct fake_cluster *cluster, const char *topic,
                                        int32_t partition);
/* The next `count` requests of an API fail. `error` 0 with is_after: only the connection breaks. */
void fake_cluster_fail(struct fake_cluster *cluster, int16_t api_key, int error, int count,
                       bool is_after);
void fake_cluster_move(struct fake_partition *partition, int32_t leader_id);
/* A transaction begins at the end, or the one that is open ends. */
void fake_cluster_set_open(struct fake_cluster *cluster, struct fake_partition *partition,
                           bool is_open);
/* Appends a batch as it is, its offsets set. */
void fake_cluster_append(struct fake_cluster *cluster, struct fake_partition *partition,
                         struct bytes batch);

/* For fake_group.c: a request that may be answered later. */
struct fake_request {
    struct list_link link;
    struct fake_connection *connection; /* NULL once it is gone */
    struct fake_broker *broker;
    const struct frame_api *api;
    int16_t version;
    int32_t correlation_id;
    struct arena arena;
    void *message;
    struct io_timer timer;
    void *owner;
};
/* Sends the answer and frees the request. */
void fake_request_answer(struct fake_request *request, const void *response);
void fake_topic_free(void *topic);
/* True when the API is an administrator's. */
bool fake_admin_handle(struct fake_cluster *cluster, struct fake_request *request);
/* True when the API belongs to groups; it is answered now or later. */
bool fake_group_handle(struct fake_cluster *cluster, struct fake_request *request);
void fake_group_free(void *group);
/* The committed offset, -1 when there is none. */
int64_t fake_group_committed(struct fake_cluster *cluster, const char *group, const char *topic,
                             int32_t partition);
int fake_group_member_count(struct fake_cluster *cluster, const char *group);
/* Forgets all members, as a coordinator whose sessions ran out. */
void fake_group_expel(struct fake_cluster *cluster, const char *group);
