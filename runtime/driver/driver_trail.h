/* The trail of one record through an application: which nodes it passed with what, what they wrote
 * to stores and topics, and where that went on.
 *
 * Nodes are watched by giving them other functions, which call their own, while a task processes
 * what the record caused; it costs nothing otherwise.
 *
 * Owns:   the rows, a tree of copies.
 * Keeps:  between two calls of the driver no node has functions of ours.
 * Thread: the driver's. */
#pragma once

#include "log/base/arena.h"
#include "runtime/driver/driver_task.h"

enum driver_trail_kind {
    DRIVER_TRAIL_RECORD, /* a task took the record, which was read from a topic */
    DRIVER_TRAIL_NODE,   /* a node was given the record */
    DRIVER_TRAIL_TIMER,  /* a timer of a node was due */
    DRIVER_TRAIL_WRITE,  /* the store `name`: key, value before and after, as its node reads them */
    DRIVER_TRAIL_EMIT,   /* to the topic `name` */
    DRIVER_TRAIL_LATE,   /* the same, because its window was closed: `text` */
    DRIVER_TRAIL_FAILURE /* why all that this task did with it was undone */
};

struct driver_trail_row {
    enum driver_trail_kind kind;
    const char *name;
    const struct topology_node *plan; /* of a node; the topology's */
    struct record record;
    struct bytes before;    /* null: there was nothing */
    struct bytes row_key;   /* of a write: as the store has it */
    struct bytes row_value; /* the same */
    const char *text;       /* or NULL */
    const char *place;      /* or NULL */
    struct driver_trail_row *parent;
    struct driver_trail_row *first; /* child */
    struct driver_trail_row *last;
    struct driver_trail_row *next; /* sibling */
};

struct driver_trail {
    struct arena arena;
    const struct topology *topology;
    struct driver_trail_row root;    /* its children are the tasks that read the record */
    struct driver_trail_row *open;   /* where rows are added */
    struct driver_trail_row *begun;  /* of the task that runs */
    struct driver_task *task;        /* that runs, or NULL */
    struct driver_trail_row **emits; /* rows of the turn's emits, by index */
    size_t emit_count;
    size_t emit_capacity;
    int late_count;
};

void driver_trail_init(struct driver_trail *trail, const struct topology *topology);
void driver_trail_fini(struct driver_trail *trail);
/* The task is about to process this record, which is told under `parent`. */
void driver_trail_begin(struct driver_trail *trail, struct driver_task *task,
                        const struct record *record, struct driver_trail_row *parent);
void driver_trail_end(struct driver_trail *trail);
/* A turn begins. */
void driver_trail_begin_turn(struct driver_trail *trail);
/* A turn ended, its emits are decided but not written yet. */
void driver_trail_end_turn(struct driver_trail *trail, const struct turn *turn);
/* The row of an emit of the turn that ended last. */
struct driver_trail_row *driver_trail_emit(const struct driver_trail *trail,
                                           const struct turn_emit *emit);
