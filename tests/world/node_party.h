/* Members of consumer groups: they come, get partitions, commit, give up, go, and come again.
 *
 * Owns:   the seats; who held a partition in which generation.
 * Keeps:  (1) in one generation a partition has one owner;
 *         (2) what is assigned was not assigned yet, what is revoked or lost was;
 *         (3) a commit is known to node_marks;
 *         (4) when everything is quiet each partition has exactly one owner.
 * Thread: one. */
#pragma once

#include "runtime/client/member.h"
#include "tests/world/node_marks.h"

struct node_world;

enum { NODE_PARTY_SEAT_COUNT = 5, NODE_PARTY_GROUP_COUNT = 2, NODE_PARTY_WHY_SIZE = 200 };

struct node_seat {
    struct node_world *world;
    int index;
    int group; /* of node_marks */
    struct member *member;
    bool is_closing;
    bool has_failed; /* out of the group for good */
    bool is_static;
    int life; /* counts the members that sat here */
    bool is_owner[NODE_MODEL_TOPIC_COUNT][NODE_MODEL_PARTITION_MAX];
    bool is_leaving[NODE_MODEL_TOPIC_COUNT][NODE_MODEL_PARTITION_MAX]; /* was told to give it up */
    bool must_give_up; /* `revoked` waits for its answer */
};

struct node_owner {
    int64_t who; /* seat and life, or seat alone for a static one; 0: nobody yet */
    int32_t generation;
};

struct node_party {
    struct node_world *world;
    struct node_seat seats[NODE_PARTY_SEAT_COUNT];
    struct node_owner owners[NODE_PARTY_GROUP_COUNT][NODE_MODEL_TOPIC_COUNT]
                            [NODE_MODEL_PARTITION_MAX];
    int64_t assigned_count;
    int64_t commit_count; /* under way */
    char why[NODE_PARTY_WHY_SIZE];
};

void node_party_init(struct node_party *party, struct node_world *world);
/* There is a new client; its seats are empty, and the dead are still members for a while. */
void node_party_reopen(struct node_party *party);
void node_party_act(struct node_party *party);
/* Each partition of each topic has one owner. */
bool node_party_is_settled(void *party);
const char *node_party_why(const struct node_party *party);
void node_party_check(const struct node_party *party);
