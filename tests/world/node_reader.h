/* Consumers: the project's own fetcher over everything, and single requests of every shape.
 *
 * Owns:   two fetchers, one per isolation level, and the positions they read from.
 * Keeps:  what a reader was given is right, in order, below the high watermark, and promised.
 * Thread: one. */
#pragma once

#include "runtime/client/fetcher.h"
#include "tests/world/node_model.h"

struct node_world;

enum { NODE_READER_COUNT = 2 };

struct node_reader_place {
    int64_t life; /* of the topic that is read; -1: not read */
    int64_t asked_at;
    int64_t next_offset;
};

struct node_reader {
    struct node_world *world;
    struct fetcher *fetcher;
    struct node_reader_place places[NODE_MODEL_TOPIC_COUNT][NODE_MODEL_PARTITION_MAX];
};

struct node_readers {
    struct node_world *world;
    struct node_reader items[NODE_READER_COUNT];
    int lanes[2]; /* of long polls and of quick questions */
    int64_t batch_count;
    int64_t fetch_count;
    int64_t time_count;
};

/* All of them anew, for the client there is now. */
void node_readers_init(struct node_readers *readers, struct node_world *world);
void node_readers_act(struct node_readers *readers);
/* The fetchers have taken everything that was promised. */
bool node_readers_are_done(void *readers);
void node_readers_check(const struct node_readers *readers);
