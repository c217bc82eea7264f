/* What closes when nothing comes in: decisions about time, written down so that they can be
 * repeated.
 *
 * Windows close by the time of records, so the last ones before a pause would stay open for ever. A
 * node that says so (topology_node.idle_ms) is moved on after that long without a record at the
 * task's inputs, when these are drained and something is open: its time goes to where everything
 * open closes (`horizon`, `advance` in node.h). What comes for it later is late.
 *
 * That is an answer of the wall clock, and the same inputs would have others when they are
 * processed again. So it is made an input: the decision is a record of the topic <app>-clock, in
 * the task's partition, sent with what it causes, in the same transaction:
 *
 *     key    the node
 *     value  commit 3                  its number: 1, 2, 3 … of the task
 *            follows 0
 *            stream_time 1763983890000  where the node's time goes to
 *            input dpkg.raw 0 5137     of each input: the next record at that moment
 *
 * (the text of state_position.h). A task's position holds the number of the last decision in its
 * stores (`clock`), so one that runs need not read what it wrote. One that starts reads the topic
 * before it processes anything, and repeats the decisions with larger numbers: each when all inputs
 * have reached its places, and before any of them goes beyond. There are some after a crash at
 * least once, whose outputs had left before the commit, and when an application begins again from
 * the start of its inputs. An input that ends before such a place has lost the records up to it,
 * which counts as reached.
 *
 * Keeps:  (1) decisions wait in the order of their numbers, all larger than the last one made;
 *         (2) none is made while others wait to be repeated;
 *         (3) no record is processed that is not before the place of the first that waits.
 * Parts share the topic: what is for nodes of another part is passed over, and also, with a trace,
 * what is for a node that the application has no more. A decision that fails (its results cannot be
 * made, say) is undone like a timer, and not written down; the next record makes it due again.
 *
 * Owns:   the decisions that wait; the fetcher while it reads.
 * Thread: the task's shard. */
#pragma once

#include "runtime/client/fetcher.h"
#include "runtime/state/state_position.h"
#include "runtime/task/task_input.h"
#include "runtime/topology/topology_instance.h"

struct task;

struct task_clock_decision {
    char *node;
    struct state_position at;
};

struct task_clock {
    char *topic; /* NULL: the part has no such node */
    int64_t number;
    int64_t quiet_since_ms; /* of the wall clock */
    bool *is_asked;         /* by idler: since a record came, or a decision that reaches it */
    struct task_clock_decision *waiting;
    size_t waiting_count;
    size_t waiting_next;
    struct fetcher *fetcher; /* NULL when it does not read */
    int64_t end_offset;      /* to be read up to; -1 until the first fetch tells */
    bool is_ending;
    int error;
    /* Once, on a later turn. */
    void (*done)(struct task *task, int error);
};

/* Begins to read what was decided; false when there is nothing to be read, and no call. */
bool task_clock_restore(struct task *task, void (*done)(struct task *task, int error));
void task_clock_cancel(struct task *task);
/* The position is known: forgets what is in it. */
void task_clock_open(struct task *task);
void task_clock_fini(struct task_clock *clock);
/* Whether the head of the input waits for a decision that comes before it. */
bool task_clock_holds(const struct task *task, const struct task_input *input);
/* Repeats the first decision that waits if its time has come; true when something was done. */
bool task_clock_repeat(struct task *task);
/* A record was finished. */
void task_clock_on_record(struct task *task);
/* Decides what is due at this time of the wall clock; milliseconds until it is to be asked again.
 */
int64_t task_clock_tick(struct task *task, int64_t now_ms);
void task_clock_check(const struct task_clock *clock);
