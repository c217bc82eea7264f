/* One call of the nodes of a task: what it causes happens whole or not at all.
 *
 * Emits and store writes are staged. When the nodes succeed, the emits are there to be sent by
 * whoever runs them (a task, or a driver without a broker); when they fail, all is undone and the
 * policy of the application says what comes instead.
 *
 * Owns:   the emits, and the arena that they live in, until the next call begins.
 * Keeps:  each record has one outcome (task_count.def); who runs the turn counts it there when the
 *         record is finished.
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/state.h"
#include "runtime/task/global_tables.h"
#include "runtime/task/task_counts.h"
#include "runtime/topology/topology_instance.h"

struct turn_emit {
    const char *topic;
    struct record record;
    struct bytes body; /* its key, value and headers as on the wire when they are the source's */
    bool is_own;       /* of whoever runs the nodes, not of them */
};

enum turn_end {
    TURN_DONE,    /* the emits are to be sent: those of the nodes, or a dead letter */
    TURN_STOPPED, /* the policy is to stop; the context tells why */
    TURN_LOST     /* the failure is not the record's, or a store failed; error_text tells why */
};

struct turn {
    const struct topology *topology;
    struct state *stores;               /* the owner's; NULL: none */
    const struct global_tables *global; /* the owner's; NULL: none */
    struct node_context context;
    struct bytes source_body;
    struct arena arena;
    struct turn_emit *emits;
    size_t emit_count;
    size_t emit_capacity;
    int64_t *outcome; /* in `counts`: where the record will be counted; NULL until the end */
    struct task_counts counts;
    /* 0, or why this emit can never be sent. */
    int (*validate)(void *owner, const struct turn_emit *emit);
    void *owner;
};

void turn_init(struct turn *turn, const struct topology *topology,
               int (*validate)(void *owner, const struct turn_emit *emit), void *owner);
void turn_fini(struct turn *turn);
/* Begins a call with nothing staged. -1 instead of a time: context.read_wall_clock, set by the
 * owner, tells it to who asks. A timer has no `source` and no `decoded`; `body` is the source's
 * batch_record.body or null; `time_ms` of a record moves stream time on. */
void turn_begin(struct turn *turn, int64_t wall_clock_ms);
void turn_set_source(struct turn *turn, const struct record *source, struct bytes body,
                     struct decoded *decoded, int64_t time_ms);
/* A record of whoever runs the nodes; its text is constant or in the arena, the rest is copied. */
void turn_emit_own(struct turn *turn, const char *topic, const struct record *record);
/* Whether everything that was emitted can be sent, which is counted then; else an error, with the
 * context filled. */
must_use int turn_judge(struct turn *turn);
/* The nodes returned: judges, or undoes it all and does what the policy says. */
must_use enum turn_end turn_end(struct turn *turn, int error);
