/* Producers of every kind: the project's own, idempotent and plain, with each acks and codec.
 *
 * Owns:   the producers.
 * Keeps:  each record's fate is told once; acknowledged ones go to the model.
 * Thread: one. */
#pragma once

#include "runtime/client/producer.h"

struct node_world;

enum { NODE_WRITER_COUNT = 4 };

struct node_writer {
    struct node_world *world;
    int index;
    struct producer *producer;
    struct producer_options options;
    int64_t pending_count; /* records whose fate is open */
};

struct node_writers {
    struct node_writer items[NODE_WRITER_COUNT];
    int64_t acked_count;
    int64_t failed_count;
};

void node_writers_init(struct node_writers *writers, struct node_world *world);
void node_writers_act(struct node_writers *writers);
/* Closes and opens one of them. */
int64_t node_writers_pending(const struct node_writers *writers);
void node_writers_check(const struct node_writers *writers);
