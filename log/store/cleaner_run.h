/* One compaction of one log: passes over its segments, and a swap for each group of them.
 *
 * Owns:   the filter, a chunk, and the file that is being made.
 * Keeps:  (1) it goes chunk by chunk: read from the page cache or off the loop, judged off it,
 *             written here; between two chunks everybody else has their turn;
 *         (2) at each chunk the log may have changed: a run whose log was deleted or cut, whose
 *             segments left, or whose store is fenced or closes, ends; what was swapped stays;
 *         (3) groups are swapped from the front, so that what shadows a record is there as long as
 *             the record is missed;
 *         (4) it never touches the growing segment, nor one at or beyond the recovery point's;
 *         (5) reads and writes together do not exceed bytes_per_second.
 * Thread: the shard's. */
#pragma once

#include "log/store/log_state.h"
#include "log/store/store.h"

struct cleaner_run;

/* What is to be done to which log; embedded in the run. */
struct cleaner_target {
    struct log *log;
    int64_t dirty_offset; /* compacted below */
    int64_t end_offset;   /* the first that must not be compacted */
    int64_t clean_size;   /* bytes of segments below dirty_offset */
    int64_t dirty_size;   /* bytes of segments from there to end_offset */
    bool is_urgent;       /* a record waits longer than max.compaction.lag.ms */
};

struct cleaner_result {
    int error;            /* 0; ERROR_CANCELLED: the log went away or changed; ERROR_CORRUPT; … */
    int64_t clean_offset; /* compacted below */
    int64_t end_offset;   /* what was asked for */
    int64_t read_size;
    int64_t written_size;
    int64_t record_count;
    int64_t kept_count;
};

/* `ended` is called on a later turn, after which the run is gone. */
struct cleaner_run *
cleaner_run_start(struct store *store, const struct cleaner_target *target,
                  const struct store_cleaner_options *options,
                  void (*ended)(void *owner, const struct cleaner_result *result), void *owner);
struct log *cleaner_run_log(const struct cleaner_run *run);
/* It ends soon, with ERROR_CANCELLED. */
void cleaner_run_cancel(struct cleaner_run *run);
/* Forgets a run whose process is over: calls nobody, touches no file. */
void cleaner_run_forget(struct cleaner_run *run);
