/* Makes, deletes and changes topics, one question per name at a time.
 *
 * Owns:   which names are being asked about.
 * Keeps:  (1) what was acknowledged goes to the model;
 *         (2) a question without an answer leaves its topic in doubt until the next audit, for it
 *             may still be served by the same process.
 * Thread: one. */
#pragma once

#include "tests/world/node_model.h"

struct node_world;

enum { NODE_CLERK_RETENTION_MS = 4000 }; /* of topics that lose their beginning */

struct node_clerk {
    struct node_world *world;
    int lane;
    bool is_busy[NODE_MODEL_TOPIC_COUNT];
    int blocked_life[NODE_MODEL_TOPIC_COUNT]; /* a change may still come in this life */
    int64_t next_tag;
    int64_t done_count;
    int64_t failed_count;
};

void node_clerk_init(struct node_clerk *clerk, struct node_world *world);
/* There is a new client; what the dead one asked may still be served. */
void node_clerk_reopen(struct node_clerk *clerk);
void node_clerk_act(struct node_clerk *clerk);
/* Whether the audit's word about the topic is the last one. */
bool node_clerk_is_idle(const struct node_clerk *clerk, int topic);
/* What a topic with this tag was made with. */
int32_t node_clerk_partition_count(int64_t tag);
bool node_clerk_is_trimmed(int64_t tag);
