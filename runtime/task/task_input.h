/* One input partition of a task: fetched batches turned into records, one head at a time.
 *
 * Owns:   the batch being read; the fetcher is told when it is done with.
 * Keeps:  (1) records come in the order of their offsets, none below the position;
 *         (2) the head's bytes stay valid until it is taken;
 *         (3) the nodes expect (node.h) each record of a batch a few records before it is the head,
 *             as long as that is of use to one of them.
 * Thread: the task's shard. */
#pragma once

#include "runtime/client/fetcher.h"
#include "runtime/format/record.h"
#include "runtime/topology/inlet.h"

enum { TASK_INPUT_AHEAD = 16 };

struct task_input {
    struct fetcher *fetcher;
    char *topic;
    int32_t partition;
    int64_t position;    /* the next record not yet finished; -1 before the first batch */
    struct node *source; /* where its records enter the task's nodes */
    bool is_added;
    bool is_ours; /* nobody else writes the topic: the application repartitions through it */
    bool has_batch;
    bool has_head;
    struct fetcher_batch fetched;
    struct batch_iterator iterator;
    int batch_result; /* 1: the iterator may give more; else what it gave, said behind `ahead` */
    bool looks_ahead; /* somebody has a use for it */
    struct batch_record ahead[TASK_INPUT_AHEAD]; /* read and not yet the head, in turn */
    unsigned ahead_first;
    unsigned ahead_count;
    struct record head;
    struct bytes head_body; /* batch_record.body */
    int64_t time_ms;        /* of the head, as its value may say it (runtime/topology/inlet.h) */
    uint64_t missed_ns;     /* when others first waited for a head; 0: not since the last one */
    struct decoded decoded; /* of the head's value */
    int placement_left;     /* keys to look at (task_placement.h) */
};

void task_input_init(struct task_input *input, struct fetcher *fetcher, const char *topic,
                     int32_t partition);
void task_input_fini(struct task_input *input);
/* Begins fetching at `offset`, or where FETCHER_OFFSET_... says. */
void task_input_start(struct task_input *input, int64_t offset);
/* 1 when there is a head, 0 when not now, or an error of the log or of a batch. */
must_use int task_input_fill(struct task_input *input);
/* The head was finished. */
void task_input_take(struct task_input *input);
/* The next record not yet finished, also before the first came; where the log begins is asked for
 * when reading begins, and 0 until that is answered: who reads on from there begins at the start.
 */
int64_t task_input_next(const struct task_input *input);
/* How many offsets were fetched from there on. */
int64_t task_input_pending_count(const struct task_input *input);
/* Nothing is fetched, and the log has nothing more as far as the broker told. */
bool task_input_is_drained(const struct task_input *input);
