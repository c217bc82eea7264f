/* Decides which compacted log is compacted next, and remembers how far each is.
 *
 * Owns:   the run that is under way, at most one, and cleaner-offset-checkpoint (Kafka's format).
 * Keeps:  (1) the log with the largest share of new bytes comes first, if that share is above its
 *             min.cleanable.dirty.ratio or a record waits longer than max.compaction.lag.ms;
 *         (2) nothing at or beyond the last stable offset, in the growing segment, or in a segment
 *             younger than min.compaction.lag.ms is compacted;
 *         (3) the checkpoint never says more than what was swapped, and is lowered, durably, before
 *             a log is cut below it; when it is lost, everything is looked at once more;
 *         (4) a log in which damage was found is left alone, and said so; the others go on.
 * Thread: the shard's; waits for the disk only to write the checkpoint and to learn ages. */
#pragma once

#include "log/store/cleaner_run.h"

struct cleaner {
    struct store *store;
    struct store_cleaner_options options;
    struct io_timer timer;
    struct cleaner_run *run;
    bool is_stale; /* the file knows logs that were deleted */
    struct store_cleaner_stats stats;
};

void cleaner_init(struct cleaner *cleaner, struct store *store);
/* Forgets the run; no file is touched. */
void cleaner_fini(struct cleaner *cleaner);
/* Reads the checkpoint into the logs and begins to work. */
must_use int cleaner_start(struct cleaner *cleaner);
void cleaner_set_options(struct cleaner *cleaner, const struct store_cleaner_options *options);
/* Begins no run any more and ends the one that is under way, soon. */
void cleaner_stop(struct cleaner *cleaner);
bool cleaner_is_idle(const struct cleaner *cleaner);
/* Before a log is cut. Durable when it returns 0. */
must_use int cleaner_lower(struct cleaner *cleaner, struct log *log, int64_t offset);
/* After a log was deleted, and before one of its name may be made. */
void cleaner_on_deleted(struct cleaner *cleaner, const struct log *log);
must_use int cleaner_before_create(struct cleaner *cleaner);
void cleaner_check(const struct cleaner *cleaner);
