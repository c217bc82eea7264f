/* The lives of the broker on its node: start, stop, death, and how its disk behaves meanwhile.
 *
 * Owns:   the broker of the process that runs; those of dead ones stay as they were.
 * Keeps:  (1) a start without faults succeeds;
 *         (2) a start that fails, and a broker that cannot go on, say why;
 *         (3) a clean stop ends in bounded time and leaves nothing to lose.
 * Thread: one. */
#pragma once

#include "log/base/map.h"
#include "log/broker.h"
#include "tests/sim/sim.h"
#include "tests/world/store_liar.h"

struct node_world;

struct node_process {
    struct node_world *world;
    struct broker *broker; /* NULL while none runs */
    struct map options;    /* as of server.properties */
    enum store_lie lie;
    int64_t memory_size_max; /* of requests; 0: the broker's own */
    int life;                /* counts the processes */
    bool may_limp;           /* serve after a start that met faults */
    bool is_ready;
    bool has_failed;
    bool is_stopping;
    bool is_gone;    /* died inside an operation, or stopped */
    bool was_faulty; /* its disk failed at least once */
    uint64_t end_at; /* the operation at which it dies; 0: none */
    enum sim_verdict end_verdict;
    bool has_lost_power; /* since the last audit */
    uint64_t start_count;
    uint64_t kill_count;
    uint64_t stop_count;
    uint64_t fence_count;
    uint64_t replay_count; /* partitions of coordinators that were read again and compared */
};

void node_process_init(struct node_process *process, struct node_world *world);
/* A broker that serves; dies and fails on the way there if chance wants it, and starts again. */
void node_process_start(struct node_process *process);
/* The process ends as it is, with the power if `is_power_lost`. */
void node_process_end(struct node_process *process, bool is_power_lost);
/* A clean stop; the process ends. False when it died on the way. */
bool node_process_stop(struct node_process *process);
/* Chooses how the disk and the network behave from now on. */
void node_process_set_faults(struct node_process *process, bool is_faulty);
/* Lets it die at one of the next operations. */
void node_process_doom(struct node_process *process, uint64_t operation_count);
/* Whether something is left that can serve. */
bool node_process_is_well(const struct node_process *process);
void node_process_check(struct node_process *process);
/* What coordinators remember is what their logs tell. Its reading of the disk meets no fault. */
void node_process_check_replay(struct node_process *process);
