/* What a log is after the process or the power went away.
 *
 *  clean       the marker is there, the last segment is as the recovery points say: believe it
 *  unclean     walk what was written since the recovery point, with CRCs
 *              whole to the end       -> that is the log
 *              damage at or after it  -> a torn tail: cut there, remove the segments that follow
 *              damage before it       -> durable data is gone: the log goes offline, nothing is cut
 *
 * Keeps:  (1) nothing below the recovery point is ever cut;
 *         (2) what is kept is durable before the log is used: it is written again and synced, for a
 *             sync that failed in the process before may have left pages that only look clean;
 *         (3) recovering twice gives the same bytes;
 *         (4) the work depends on the bytes since the recovery point; below it only headers are
 *             read, and only for producers with ids (producer_fold.h);
 *         (5) index files of the segments that were walked are gone, to be rebuilt when they are
 *             needed.
 * Thread: the shard's; waits for the disk. */
#pragma once

#include "log/store/log_points.h"
#include "log/store/store_state.h"

/* Opens the log in a directory of the store. `point` may be NULL. ERROR_NOT_FOUND when the
 * directory is an unfinished creation, which is removed. A damaged log is opened with a status. */
must_use int recovery_open_log(struct store *store, const char *name, const struct log_point *point,
                               bool is_clean, struct log **out);
