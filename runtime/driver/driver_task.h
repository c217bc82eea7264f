/* One task of a driver: one part and one partition.
 *
 * Owns:   what was committed (stores, stream time, positions, decisions), and the running nodes and
 * stores between driver_task_open and driver_task_close. Thread: the driver's. */
#pragma once

#include "runtime/driver/driver_clock.h"
#include "runtime/driver/driver_topic.h"
#include "runtime/task/timetable.h"
#include "runtime/task/turn.h"

struct driver_trail;

struct driver_input {
    struct driver_topic *topic;
    struct node *source;
    size_t next; /* an index into the topic */
    size_t committed;
    int64_t position; /* behind the last record: its offset; of what was written here: how many */
    int64_t committed_position;
    const struct record *head; /* or NULL */
    int64_t time_ms;           /* of the head */
    struct decoded decoded;
};

struct driver_task {
    size_t part; /* index in the topology */
    int32_t partition;
    struct driver_input *inputs;
    size_t input_count;
    struct kv **committed; /* as many as the part has stores, in its order */
    size_t store_count;
    int64_t committed_stream_time_ms;
    struct driver_clock clock;  /* what it repeats */
    struct task_counts earlier; /* of runs that are over */

    struct turn turn; /* from here on: only while it runs */
    struct state *stores;
    struct topology_instance *instance;
    struct timetable_row *timers;
    size_t timer_count;
    int64_t quiet_since_ms; /* of the wall clock: when a record came last */
    bool *is_asked;         /* of the nodes that close what is open when nothing comes */
    bool is_running;
    struct driver_trail *trail; /* of what it processes now; NULL: nobody watches */
    /* Takes what a turn emitted. */
    void (*written)(void *owner, const struct turn_emit *emit);
    void *owner;
};

void driver_task_init(struct driver_task *task, const struct topology_part *part, int32_t partition,
                      struct driver_topic *(*find_topic)(void *owner, const char *name),
                      void (*written)(void *owner, const struct turn_emit *emit), void *owner);
void driver_task_fini(struct driver_task *task);
/* Makes the nodes and the stores as they were committed, and starts the nodes. False when they
 * fail; the turn's context tells why. So with all that follow. */
must_use bool driver_task_open(struct driver_task *task, const struct topology *topology,
                               const struct topology_part *part, const struct global_tables *global,
                               int64_t now_ms);
/* The nodes end. */
must_use bool driver_task_stop(struct driver_task *task, int64_t now_ms);
void driver_task_close(struct driver_task *task);
/* The input whose head is next; NULL when there is none, or all wait for a decision. */
struct driver_input *driver_task_choose(struct driver_task *task);
/* The node of this name that closes what is open when nothing comes, or NULL. */
/* Whether all inputs have reached the places of the decision that is next. */
bool driver_task_is_reached(const struct driver_task *task);
/* Whether records wait for that decision. */
bool driver_task_is_held(const struct driver_task *task);
/* Repeats the decision that is next, which has to be there. */
must_use bool driver_task_repeat(struct driver_task *task, int64_t now_ms);
must_use bool driver_task_process(struct driver_task *task, struct driver_input *input,
                                  int64_t now_ms);
/* Calls the timers that are due by the wall clock, and closes what waited for records long enough.
 * No record may be left to be read. */
must_use bool driver_task_tick(struct driver_task *task, int64_t now_ms);
/* When the next of them is due; INT64_MAX without one. */
int64_t driver_task_due_ms(const struct driver_task *task);
void driver_task_commit(struct driver_task *task);
