/* Producers of every kind: the project's own, idempotent and plain, with each acks and codec.
 *
 * Owns:   the producers.
 * Keeps:  (1) each record's fate is told once; acknowledged ones go to the model;
 *         (2) offsets of a partition are told in their order.
 * Thread: one. */
#pragma once

#include "runtime/client/producer.h"
#include "tests/world/node_model.h"

struct node_world;

enum { NODE_WRITER_COUNT = 4 };

/* The last record of a partition whose fate was told. */
struct node_told {
    int64_t life; /* of the topic */
    int64_t offset;
    int64_t since; /* of the model's clock: what was asked before is not judged */
};

struct node_writer {
    struct node_world *world;
    int index;
    struct producer *producer;
    struct producer_options options;
    int64_t pending_count; /* records whose fate is open */
    struct node_told told[NODE_MODEL_TOPIC_COUNT][NODE_MODEL_PARTITION_MAX];
};

struct node_writers {
    struct node_writer items[NODE_WRITER_COUNT];
    int64_t acked_count;
    int64_t failed_count;
};

/* All of them anew, for the client there is now; those of a dead one are forgotten. */
void node_writers_init(struct node_writers *writers, struct node_world *world);
void node_writers_act(struct node_writers *writers);
int64_t node_writers_pending(const struct node_writers *writers);
void node_writers_check(const struct node_writers *writers);
