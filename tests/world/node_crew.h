/* Members of one consumer group of the new protocol (KIP-848), by requests of their own.
 *
 * Each seat heartbeats, does as it is told at once, and now and then leaves, or is forgotten and
 * comes back as somebody else.
 *
 * Keeps:  (1) a partition is never given to a member while another one has it whose session lasts;
 *         (2) a member's epoch never falls while it stays;
 *         (3) what it is given exists or did;
 *         (4) when faults stop, each partition has one owner.
 * Thread: one. */
#pragma once

#include "log/io/io.h"
#include "tests/world/node_model.h"

struct node_world;

enum { NODE_CREW_SEAT_COUNT = 3 };

struct node_crew_seat {
    struct node_world *world;
    int index;
    int life; /* counts the members that sat here */
    char member_id[32];
    int32_t epoch;
    bool is_member; /* it means to stay */
    bool is_asking;
    bool is_leaving;
    uint64_t sent_ns;  /* of the heartbeat under way */
    uint64_t alive_ns; /* of the last one that was answered well: its session lasts from then on */
    struct io_timer timer;
    /* What it has, by topic and partition; of the topic with this id. */
    struct wire_uuid topic_ids[NODE_MODEL_TOPIC_COUNT];
    bool has[NODE_MODEL_TOPIC_COUNT][NODE_MODEL_PARTITION_MAX];
};

struct node_crew {
    struct node_world *world;
    struct node_crew_seat seats[NODE_CREW_SEAT_COUNT];
    bool is_over;
    int64_t beat_count;
    int64_t given_count;
    int64_t fenced_count;
    char why[100];
};

void node_crew_init(struct node_crew *crew, struct node_world *world);
/* The client is another one: everybody is forgotten. */
void node_crew_reopen(struct node_crew *crew);
/* Somebody comes, leaves, or is forgotten. */
void node_crew_act(struct node_crew *crew);
/* Each partition has an owner; `owner` is the crew. */
bool node_crew_is_settled(void *owner);
/* Nobody asks any more. */
void node_crew_end(struct node_crew *crew);
