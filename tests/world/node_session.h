/* A client that follows partitions in a fetch session, and believes silence.
 *
 * Owns:   what it would know: each partition's place, and what it was told of it last.
 * Keeps:  (1) what it was told is right, as for any reader;
 *         (2) a partition it was told nothing of has no news: its watermark is as last told, and
 *             there is nothing to read;
 *         (3) a session is known as long as its broker lives and it follows something.
 * Thread: one. */
#pragma once

#include "tests/world/node_model.h"

struct node_world;
struct node_call;

struct node_session_place {
    int64_t life;   /* of the topic; -1: not followed */
    int64_t offset; /* as the broker was told */
    int64_t next_offset;
    int64_t told_watermark;
    int64_t known_watermark; /* when the question was sent */
    bool is_told;            /* by the answer that is being judged */
};

struct node_session {
    struct node_world *world;
    int lane;
    int32_t id; /* 0: none */
    int32_t epoch;
    int life; /* of the broker's process */
    bool is_asking;
    struct node_session_place places[NODE_MODEL_TOPIC_COUNT][NODE_MODEL_PARTITION_MAX];
    int64_t created_count;
    int64_t told_count;
    int64_t silence_count;
};

/* Anew, for the client there is now. */
void node_session_init(struct node_session *session, struct node_world *world);
void node_session_act(struct node_session *session);
