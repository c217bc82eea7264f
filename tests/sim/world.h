/* What the files of the simulated world share; nothing outside this folder includes it.
 *
 * world.c events and clock, sim.c nodes and processes, disk.c the tree and what a crash leaves of
 * it, inode.c one file's content, pages.c sparse content, file.c the file operations,
 * stream.c the network, threads.c workers and shards. */
#pragma once

#include "log/base/error.h"
#include "log/base/list.h"
#include "log/base/map.h"
#include "log/base/memory.h"
#include "tests/sim/sim.h"

struct sim_disk;
struct sim_process;

/* Something that happens later. Freed after it ran, or unrun with its process. */
struct sim_event {
    uint64_t at_ns;
    uint64_t order; /* breaks ties: first scheduled, first run */
    struct sim_process *process;
    void (*run)(struct sim_event *event);
    void (*drop)(struct sim_event *event); /* when it will not run; may be NULL */
    void *subject;
    void *detail;
    int64_t number;
    size_t heap_index;
};

struct sim_process {
    struct io io; /* first: an io is its process */
    struct sim *sim;
    int node;
    bool is_dead;
    uint64_t last_post_ns;
    struct list streams;
    struct list listeners;
    struct sim_process *older; /* all processes, to free */
};

struct sim_node {
    struct sim_process *process;
    struct sim_disk *disk;
    struct sim_plan plan;
    uint64_t operation_count;
    int next_port;
};

struct sim {
    uint64_t now_ns;
    uint64_t order;
    uint64_t random_state;
    uint64_t trace_hash;
    struct sim_event **heap;
    size_t heap_size;
    size_t heap_capacity;
    int node_count;
    struct sim_node *nodes;
    struct sim_process *processes; /* the newest first */
    bool *cuts;                    /* [from * node_count + to] */
    struct map listeners;          /* canonical address -> struct io_listener */
    enum sim_verdict (*operation_hook)(void *owner, const struct sim_call *call);
    void *operation_owner;
    void (*event_hook)(void *owner);
    void *event_owner;
};

/* world.c */
struct sim_event *sim_event_add(struct sim_process *process, uint64_t delay_ns,
                                void (*run)(struct sim_event *event));
/* Unschedules and frees. */
void sim_event_cancel(struct sim *sim, struct sim_event *event);
void sim_events_free(struct sim *sim);
bool sim_event_step(struct sim *sim, uint64_t until_ns);
void sim_trace_mix(struct sim *sim, uint64_t value);
uint64_t sim_delay(struct sim *sim, struct sim_range range);
bool sim_chance(struct sim *sim, uint32_t per_million);
/* Later calls request->done(request, result), unless the process dies before. */
void sim_request_done(struct sim_process *process, struct io_request *request, int64_t result,
                      uint64_t delay_ns);

/* sim.c */
static inline struct sim_process *sim_process_of(struct io *io)
{
    return (struct sim_process *)(void *)io;
}

static inline struct sim_node *sim_node_of(struct sim_process *process)
{
    return &process->sim->nodes[process->node];
}

/* The answer of hook and plan. `error` is what the operation must return, or 0; a write that fails
 * with ERROR_IO or ERROR_NO_SPACE leaves a part behind. */
struct sim_permit {
    int error;
    enum sim_verdict verdict;
};
struct sim_permit sim_permit_get(struct sim_process *process, enum sim_operation operation,
                                 const char *path, uint64_t position, uint64_t size);
/* What an operation that took effect returns: `result`, or ERROR_CANCELLED after the process died
 * as the hook wanted. */
int64_t sim_permit_end(struct sim_process *process, struct sim_permit permit, int64_t result);

/* file.c, stream.c and threads.c: rows of the io's table. */
void sim_file_ops(struct io_ops *ops);
void sim_thread_ops(struct io_ops *ops);
void sim_stream_ops(struct io_ops *ops);
void sim_streams_end(struct sim_process *process);
void sim_streams_break(struct sim_process *process);
void sim_streams_free(struct sim_process *process);
void sim_streams_release(struct sim *sim, int left, int right);
