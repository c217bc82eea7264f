/* An idempotent producer that does on purpose what the project's own does only in need: it sends
 * batches again, long after they were answered and after restarts, and leaves gaps.
 *
 * Owns:   a producer id, and per partition the last batches it sent.
 * Keeps:  (1) one batch per partition is under way; one whose fate is open is sent again as it was
 *             until it is known;
 *         (2) a repeated batch is answered with its own offset;
 *         (3) a batch behind a gap is refused and never seen;
 *         (4) no producer id is given out twice.
 * Thread: one. */
#pragma once

#include "tests/world/node_model.h"

struct node_world;

enum {
    NODE_SCRIBE_LAST = 5, /* batches the broker knows again */
    NODE_SCRIBE_RECORD_MAX = 6,
    NODE_SCRIBE_PARTITIONS = 2, /* of each topic */
    NODE_SCRIBE_ID_MAX = 4096,
};

struct node_scroll {
    struct buffer batch; /* as sent */
    int64_t serials[NODE_SCRIBE_RECORD_MAX];
    int count;
    int32_t sequence;
    int64_t offset; /* -1: its fate is open */
};

struct node_desk {
    int64_t life;     /* of the topic; another life begins anew */
    int64_t asked_at; /* when it began */
    int64_t producer_id;
    int32_t next_sequence;
    struct node_scroll scrolls[NODE_SCRIBE_LAST]; /* the newest first */
    int scroll_count;
    bool is_busy;
    bool is_open; /* the fate of the newest is not known */
};

struct node_scribe {
    struct node_world *world;
    int lane;
    int64_t producer_id; /* -1: none yet */
    bool is_asking;
    int64_t ids[NODE_SCRIBE_ID_MAX];
    size_t id_count;
    struct node_desk desks[NODE_MODEL_TOPIC_COUNT][NODE_SCRIBE_PARTITIONS];
    int64_t written_count;
    int64_t repeated_count;
    int64_t refused_count;
};

void node_scribe_init(struct node_scribe *scribe, struct node_world *world);
/* There is a new client; every desk begins anew. */
void node_scribe_reopen(struct node_scribe *scribe);
void node_scribe_act(struct node_scribe *scribe);
