/* Plays the task for tests: runs every part of a plan as its task 0, with stores in memory.
 *
 * A record that fails leaves nothing: its store writes are rolled back and its emits are dropped.
 * What is emitted to a topic that the plan reads (a repartition topic, say) is read again, as if
 * through the log; everything else waits to be looked at. */
#pragma once

#include "log/base/map.h"
#include "runtime/topology/topology_instance.h"

struct mill_output {
    char *topic;
    struct record record; /* its bytes are copies */
    bool is_new;          /* not yet read again */
};

struct mill_driver {
    const struct topology *topology;
    struct topology_instance **instances; /* by part */
    struct map stores;
    struct arena arena;
    struct decoded decoded;
    struct node_context context;
    struct mill_output *outputs; /* of all records so far, in order */
    size_t output_count;
    size_t staged_from; /* outputs from here belong to the record that is processed */
    int64_t wall_clock_ms;
    int64_t stream_time_ms;
    int64_t next_offset;
    int64_t emit_limit; /* emits of one record; 0: none */
    int64_t *timer_due_ms;
    int failures;
    struct buffer text;
};

void mill_driver_init(struct mill_driver *driver, const struct topology *topology);
void mill_driver_fini(struct mill_driver *driver);
/* Makes all nodes anew, with the stores as they are: as after a commit and a crash. */
void mill_driver_restart(struct mill_driver *driver);
/* 0 or what went wrong with this record; the context says more. Strings may be NULL. What it causes
 * in other parts happens before this returns; their failures are counted in `failures`. */
int mill_driver_send(struct mill_driver *driver, const char *topic, const char *key,
                     const char *value, int64_t timestamp_ms);
int mill_driver_send_record(struct mill_driver *driver, const struct record *record);
/* Moves the wall clock and runs the timers that are due. */
int mill_driver_advance(struct mill_driver *driver, int64_t span_ms);
/* Nothing came in for as long as anybody waits: what is open closes. */
int mill_driver_idle(struct mill_driver *driver);
/* Calls the stop functions. */
int mill_driver_stop(struct mill_driver *driver);
/* What was emitted to a topic: "key=value key=value" with - for null; valid until the next call. */
const char *mill_driver_text(struct mill_driver *driver, const char *topic);
/* The newest record of a topic; NULL when there is none. */
const struct record *mill_driver_last(const struct mill_driver *driver, const char *topic);
struct kv *mill_driver_store(struct mill_driver *driver, const char *name);
