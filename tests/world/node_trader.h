/* Transactional clients that send each request by hand: two ids, each with two players, so that one
 * is the other's zombie as soon as both took the id over.
 *
 * Owns:   the players: an identity, an open deal, what its next request is.
 * Keeps:  (1) a player has one request under way;
 *         (2) what was asked under an identity older than one the id is known to have is refused;
 *         (3) a commit is asked for only when every record and offset was acknowledged;
 *         (4) what may have been done and was not told is asked again as it was, or given up
 *             together with the identity: nobody can tell a late request of v1 from a new one;
 *         (5) with transactions v1 a batch for a partition that was not added is refused.
 * Thread: one. */
#pragma once

#include "tests/world/node_ledger.h"

struct node_world;

enum { NODE_TRADER_PLAYERS = 2 * NODE_LEDGER_IDS };

enum node_player_state {
    NODE_PLAYER_NEW,     /* without an identity */
    NODE_PLAYER_READY,   /* between two deals */
    NODE_PLAYER_OPEN,    /* in a deal */
    NODE_PLAYER_SPOILED, /* in one that can only be aborted */
    NODE_PLAYER_ENDING,  /* asked for the end and does not know */
};

struct node_player {
    struct node_world *world;
    int index;
    int id;
    int lane;
    enum node_player_state state;
    bool is_busy;
    int budget; /* requests it still sends by itself */
    int32_t timeout_ms;
    int64_t producer_id;
    int16_t producer_epoch;
    int deal;
    int32_t sequences[NODE_LEDGER_PARTITIONS];
    bool is_added[NODE_LEDGER_PARTITIONS]; /* by transactions v1 */
    bool is_group_added;
    int32_t batch_partition; /* of the batch under way, */
    int batch_count;         /* 0: none */
    bool is_tainted;         /* something of the deal may still come */
    bool is_commit;
    int end_count; /* times the end was asked for */
};

struct node_trader {
    struct node_world *world;
    bool is_made; /* the topic is there for certain */
    bool is_asking;
    bool is_ended;
    bool is_new[NODE_LEDGER_IDS];      /* it speaks transactions v2 */
    int haunted_life[NODE_LEDGER_IDS]; /* an InitProducerId may still come in this life */
    int64_t top_id[NODE_LEDGER_IDS];   /* the newest identity that was told */
    int16_t top_epoch[NODE_LEDGER_IDS];
    struct node_player players[NODE_TRADER_PLAYERS];
    int64_t committed_count;
    int64_t aborted_count;
    int64_t zombie_count; /* requests of zombies that were refused */
    int64_t batch_count;
};

void node_trader_init(struct node_trader *trader, struct node_world *world);
/* There is a new client: what was open is left to its timeout. */
void node_trader_reopen(struct node_trader *trader);
void node_trader_act(struct node_trader *trader);
/* No player begins anything by itself any more. */
void node_trader_end(struct node_trader *trader);
