/* What groups have committed, as their members were told; and a group without members.
 *
 * Each commit has a number of its own, as offset and in its metadata.
 * Owns:   per group and partition the last acknowledged number and those with an open fate.
 * Keeps:  (1) what is found is the last acknowledged number, or one asked for and not refused, or
 *             one that was acknowledged so late that it may have been sent twice: the first copy
 * may come behind what was acknowledged since (Kafka's clients have that, too); (2) nothing is
 * found only where nothing was acknowledged, or where the topic or the group may have been deleted
 * since; (3) a number of a topic that is gone may come back for one that is made again: that it was
 * forgotten is not waited for. Thread: one. */
#pragma once

#include "tests/world/node_model.h"

struct node_world;
struct node_call;
struct client;

enum {
    NODE_MARKS_LONELY = 2, /* the first groups have no members */
    NODE_MARKS_GROUP_COUNT = 4,
    NODE_MARKS_OPEN_MAX = 32,
    NODE_MARKS_LATE_NS = 1000000000, /* an answer after that may be of a second try */
};

struct node_mark {
    int64_t acked; /* -1: none */
    int64_t ghost; /* of a topic that is gone: forgotten, which may be lost; -1: none */
    int64_t asked_at;
    struct {
        int64_t number;
        uint64_t asked_ns;
    } open[NODE_MARKS_OPEN_MAX]; /* asked for, and not known to be refused, or to come again */
    int open_count;
    int pending_count; /* of them unanswered */
};

struct node_marks {
    struct node_world *world;
    int lane;
    int64_t last_number;
    struct node_mark items[NODE_MARKS_GROUP_COUNT][NODE_MODEL_TOPIC_COUNT]
                          [NODE_MODEL_PARTITION_MAX];
    int busy_count[NODE_MARKS_LONELY];
    bool is_deleting[NODE_MARKS_LONELY];
    bool is_doubtful[NODE_MARKS_LONELY]; /* a deletion may come in this life of the broker */
    int64_t acked_count;
    int64_t judged_count;
    int64_t deleted_count;
};

void node_marks_init(struct node_marks *marks, struct node_world *world);
/* There is a new client; what the dead one asked may still be served. */
void node_marks_reopen(struct node_marks *marks);
const char *node_marks_group(int group);
/* A number to commit. */
int64_t node_marks_ask(struct node_marks *marks, int group, int topic, int32_t partition);
void node_marks_acked(struct node_marks *marks, int group, int topic, int32_t partition,
                      int64_t number, int64_t asked_at);
/* `is_refused`: it will not come. */
void node_marks_failed(struct node_marks *marks, int group, int topic, int32_t partition,
                       int64_t number, bool is_refused);
/* What a reader found who asked when `known` was acknowledged; -1: nothing. */
void node_marks_judge(struct node_marks *marks, int group, int topic, int32_t partition,
                      int64_t known, int64_t found);
/* An audit found this: it is the truth from now on. */
void node_marks_adopt(struct node_marks *marks, int group, int topic, int32_t partition,
                      int64_t found);
void node_marks_end_audit(struct node_marks *marks);
/* All of a group; `call` is sent by the caller. */
const void *node_marks_fetch_request(struct node_call *call, int group);
/* Commits, reads, and deletes a group without members. */
void node_marks_act(struct node_marks *marks);
