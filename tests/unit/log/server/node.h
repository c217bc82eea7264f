/* One node on the simulated io, and clients that speak frames to it.
 *
 * The node is a whole broker, so that what is tested is what a client would see; every invariant of
 * every part is asserted after each event. A request is a generated struct, an answer too; it lives
 * in the fixture's arena until the test ends.
 * Keeps:  an answer is read to its last byte. */
#pragma once

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/broker.h"
#include "log/net/peer.h"
#include "log/wire/batch.h"
#include "log/wire/frame.h"
#include "log/wire/messages.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { NODE_MS = 1000000, NODE_TIMEOUT_MS = 3600000 };

struct node {
    struct sim *sim;
    struct io *io;        /* the broker's */
    struct io *client_io; /* of another node */
    struct broker *broker;
    struct map file; /* settings: name to char * */
    int64_t memory_size_max;
    struct peer *peer; /* the usual client */
    struct arena arena;
    uint64_t event_count;
    bool is_ready;
    bool is_stopped;
};

/* A request on its way. */
struct node_call {
    struct node *node;
    const struct frame_api *api;
    int16_t version;
    bool is_answered;
    int error;            /* why there is no answer */
    const void *response; /* the generated struct */
};

/* Settings are set with node_set before the node starts. */
struct node *node_new(void);
/* In a world with `machine_count` more nodes, from 2 on. */
struct node *node_new_among(uint64_t seed, int machine_count);
void node_set(struct node *node, const char *name, const char *value);
/* Runs until it listens, and connects a client. */
void node_start(struct node *node);
void node_stop(struct node *node);
/* Stops it and starts it again on the same disk; the usual client is a new one. */
void node_restart(struct node *node);
/* Stops it first if need be. */
void node_free(struct node *node);
/* For cmocka: a started node, its end. */
int node_set_up(void **state);
int node_tear_down(void **state);

struct peer *node_connect(struct node *node);
/* Sends; the call lives as long as the node. `peer` NULL: the usual one. */
struct node_call *node_send(struct node *node, struct peer *peer, int16_t key, int16_t version,
                            const void *request);
/* Says it is of version `said`, which may be one that nobody knows. */
struct node_call *node_send_as(struct node *node, struct peer *peer, int16_t key, int16_t version,
                               int16_t said, const void *request);
/* Runs until the call is answered; what it was answered, or NULL when the connection ended. */
const void *node_wait(struct node_call *call);
/* Both. */
const void *node_ask(struct node *node, int16_t key, int16_t version, const void *request);
void node_run_ms(struct node *node, uint64_t ms);
/* Milliseconds of virtual time. */
uint64_t node_now_ms(struct node *node);
int64_t node_wall_ms(struct node *node);
/* A sample of the node's metrics; 0 when it is not there. */
double node_metric(struct node *node, const char *name);

/* Creates a topic with `configs`: name, value, ..., NULL. */
void node_make_topic(struct node *node, const char *name, int32_t partition_count,
                     const char *const *configs);
/* One batch of `count` records "k": value, all of one time. In the arena, the caller's to change.
 */
struct bytes node_batch(struct node *node, int32_t count, const char *value, int64_t timestamp_ms);
struct bytes node_batch_of(struct node *node, int32_t count, int64_t producer_id, int16_t epoch,
                           int32_t sequence);
/* Produces to one partition with acks = all. */
struct produce_response_partition node_produce(struct node *node, const char *topic,
                                               int32_t partition, struct bytes records);
/* Where the partition ends for readers of this isolation level. */
int64_t node_end_offset(struct node *node, const char *topic, int32_t partition,
                        int8_t isolation_level);
/* Makes __consumer_offsets. */
void node_find_coordinator(struct node *node);

#define node_text(text) bytes_from_string(text)
/* A row of a test group: a started node around the test. */
#define NODE_TEST(test) cmocka_unit_test_setup_teardown(test, node_set_up, node_tear_down)
