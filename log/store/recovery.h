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
 *             read, and only for producers with ids;
 *         (5) the producer state is what replaying the log gives;
 *         (6) index files of the segments that were walked are gone, to be rebuilt when they are
 *             needed;
 *         (7) aborted transactions whose markers lie below the place where the replay of (5) begins
 *             are those of the files, all others are told by the replay.
 * Thread: the shard's; waits for the disk. */
#pragma once

#include "log/store/log_points.h"
#include "log/store/store_state.h"

/* Opens the log in a directory of the store. `point` may be NULL. ERROR_NOT_FOUND when the
 * directory is an unfinished creation, which is removed. A damaged log is opened with a status. */
must_use int recovery_open_log(struct store *store, const char *name, const struct log_point *point,
                               bool is_clean, struct log **out);
/* Rebuilds the producer state from the newest good snapshot and the batches behind it. */
must_use int recovery_load_producers(struct log *log);
/* Tells a segment's aborted transactions anew, from the batches up to its end. */
must_use int recovery_rebuild_aborts(struct log *log, struct segment *segment);
/* Into `out`, from the oldest snapshot that is there; what recovery_load_producers must equal. The
 * aborted transactions of all segments into `aborts`. */
must_use int recovery_replay(struct log *log, struct producer_state *out,
                             struct aborted_index *aborts);
