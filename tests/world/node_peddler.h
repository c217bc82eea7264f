/* An idempotent producer that writes into the topic of the transactions, between them: keyed
 * records that count as soon as they are there.
 *
 * Owns:   a producer id, and per partition the batch it sent last.
 * Keeps:  (1) one batch per partition is under way; one whose fate is open is sent again as it was
 *             until it is known;
 *         (2) its last batch, sent again however late, is answered with its own offset, also when
 *             compaction left nothing of its records.
 * Thread: one. */
#pragma once

#include "tests/world/node_ledger.h"

struct node_world;

struct node_pitch {
    struct buffer batch; /* as sent */
    int deal;            /* -1: nothing was sent yet */
    int count;
    int32_t sequence; /* of the next batch */
    bool is_open;     /* the fate of the batch is not known */
    bool is_busy;
};

struct node_peddler {
    struct node_world *world;
    int lane;
    int64_t producer_id; /* -1: none yet */
    bool is_asking;
    struct node_pitch pitches[NODE_LEDGER_PARTITIONS];
    int64_t written_count;
    int64_t repeated_count;
};

void node_peddler_init(struct node_peddler *peddler, struct node_world *world);
/* There is a new client; what was under way is asked again. */
void node_peddler_reopen(struct node_peddler *peddler);
void node_peddler_act(struct node_peddler *peddler);
