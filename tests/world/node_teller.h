/* Reads what transactions left: fetches of both isolation levels, offsets of the groups.
 *
 * Owns:   a lane, and where its own reading goes on.
 * Keeps:  every answer is judged by the ledger; see node_ledger.h.
 * Thread: one. */
#pragma once

#include "tests/world/node_ledger.h"

struct node_world;
struct client;

struct node_teller {
    struct node_world *world;
    int lane;
    bool is_waiting;
    int64_t next_offset;  /* of an audit's reading */
    int64_t start_offset; /* of the log, as it was told, */
    bool is_trimmed;      /* and it begins later now */
    int64_t read_count;
    int64_t high_watermarks[NODE_LEDGER_PARTITIONS]; /* of the last answers */
    int64_t stable_offsets[NODE_LEDGER_PARTITIONS];
};

void node_teller_init(struct node_teller *teller, struct node_world *world);
/* One question, answered when it is. */
void node_teller_act(struct node_teller *teller);
/* Reads everything with both levels and asks for the groups' offsets, on a quiet line; all of it is
 * there. */
void node_teller_audit(struct node_teller *teller, struct client *client);
/* As node_teller_audit, in a log in which nothing is open any more; false when something is. */
bool node_teller_settle(struct node_teller *teller, struct client *client);
