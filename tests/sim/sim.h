/* A seeded world: nodes with disks that lose what was not synced, streams that break, one clock.
 *
 * Behind every `struct io` it hands out stands one process on one node. Everything random comes
 * from the seed and nothing happens at the same time as something else, so a run can be repeated
 * exactly. A process that has workers (log/io/worker.h) is ended, never killed.
 * Owns:   the nodes, their disks, all streams and files, the events to come.
 * Keeps:  (1) virtual time moves only from event to event, never inside one;
 *         (2) events of a dead process vanish; its requests are never called back;
 *         (3) the same seed and the same calls give the same sim_trace_hash.
 * Thread: one.
 * A crash or kill starts a new process on the node: call sim_io again. The dead process' io stays
 * valid for the clean-up of its objects: every operation on it fails with ERROR_CANCELLED and
 * touches nothing; closing files and streams is fine and calls nobody back. */
#pragma once

#include "log/io/io.h"

struct sim;

enum {
    SIM_SECTOR_SIZE = 512,
    SIM_PAGE_SIZE = 4096,
};

/* The operations that can be hooked, counted and made to fail. */
enum sim_operation {
    SIM_FILE_OPEN,
    SIM_FILE_READ, /* also read_async */
    SIM_FILE_WRITE,
    SIM_FILE_SYNC, /* also sync_async, when it starts */
    SIM_FILE_TRUNCATE,
    SIM_FILE_ALLOCATE,
    SIM_FILE_LOCK,
    SIM_PATH_INFO,
    SIM_PATH_RENAME,
    SIM_PATH_REMOVE,
    SIM_DIR_MAKE,
    SIM_DIR_LIST,
    SIM_DIR_SYNC,
    SIM_OPERATION_COUNT,
};

struct sim_range {
    uint64_t min_ns;
    uint64_t max_ns;
};

/* How a node misbehaves. Chances are per million. */
struct sim_plan {
    uint32_t io_error[SIM_OPERATION_COUNT]; /* ERROR_IO */
    uint32_t no_space[SIM_OPERATION_COUNT]; /* ERROR_NO_SPACE */
    uint32_t read_again;                    /* ERROR_AGAIN for IO_READ_CACHED */
    uint32_t stream_break;                  /* per stream write */
    uint64_t disk_capacity;                 /* bytes; 0 for no limit */
    uint64_t stream_window;                 /* bytes under way before `done` waits */
    bool is_fragmenting;                    /* cut and join the bytes of streams at random */
    bool can_allocate;                      /* false: ERROR_UNSUPPORTED */
    struct sim_range read;
    struct sim_range sync;
    struct sim_range work;
    struct sim_range post;
    struct sim_range network; /* one way, of what this node sends */
};

/* No faults, short latencies, fragmentation on. */
struct sim_plan sim_plan_default(void);

/* Node count is fixed for life. */
struct sim *sim_new(uint64_t seed, int node_count);
void sim_free(struct sim *sim);
/* The io of the process that runs on the node now. */
struct io *sim_io(struct sim *sim, int node);
/* May be changed at any moment. */
struct sim_plan *sim_plan(struct sim *sim, int node);
/* Below `below`, which is not 0. */
uint64_t sim_random(struct sim *sim, uint64_t below);
uint64_t sim_now(struct sim *sim);

/* Runs one event; false when nothing is left. */
bool sim_step(struct sim *sim);
/* Runs every event up to the virtual time `until_ns` (see sim_now) and moves the clock there. */
void sim_run(struct sim *sim, uint64_t until_ns);
/* Runs until the condition holds; false when it does not within `limit_ns` from now or nothing
 * is left to happen. */
bool sim_run_until(struct sim *sim, bool (*condition)(void *owner), void *owner, uint64_t limit_ns);

/* The process dies and power is lost: each write, truncation and directory entry that was not
 * synced survives, or (a write) survives in part, or not. */
void sim_crash(struct sim *sim, int node);
/* Only the process dies; what it wrote stays in the page cache. */
void sim_kill(struct sim *sim, int node);
/* Every stream of the node is reset; bytes under way are lost. */
void sim_break_streams(struct sim *sim, int node);
/* A cut link holds everything sent from one node to the other, both ways, until it is mended. */
void sim_cut(struct sim *sim, int left, int right);
void sim_mend(struct sim *sim, int left, int right);

/* Flips one bit of a file, on the disk and in the page cache; false if there is no such byte. */
bool sim_corrupt(struct sim *sim, int node, const char *path, uint64_t position, int bit);
/* Bytes in use on the node's disk, in whole pages. */
uint64_t sim_disk_used(struct sim *sim, int node);

/* One call of a file or directory operation. */
struct sim_call {
    enum sim_operation operation;
    int node;
    uint64_t index;   /* counts the calls of the node since sim_new */
    const char *path; /* as first opened, for files */
    uint64_t position;
    uint64_t size;
};

enum sim_verdict {
    SIM_GO_ON,
    SIM_FAIL,           /* ERROR_IO */
    SIM_NO_SPACE,       /* ERROR_NO_SPACE */
    SIM_NO_DESCRIPTORS, /* ERROR_NO_DESCRIPTORS */
    SIM_CRASH,          /* power is lost before the operation */
    SIM_CRASH_AFTER,    /* power is lost when it took effect, before it returns */
    SIM_KILL,           /* the process dies before the operation, a write half done */
    SIM_KILL_AFTER,
};

/* Asked before each file or directory operation of a living process; NULL stops asking. */
void sim_on_operation(struct sim *sim,
                      enum sim_verdict (*hook)(void *owner, const struct sim_call *call),
                      void *owner);
/* Called after every event; for invariant checks. NULL stops it. */
void sim_on_event(struct sim *sim, void (*hook)(void *owner), void *owner);
uint64_t sim_operation_count(struct sim *sim, int node);
/* Depends on every event and operation so far. */
uint64_t sim_trace_hash(struct sim *sim);

const char *sim_operation_name(enum sim_operation operation);
