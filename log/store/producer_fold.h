/* What a log's batches tell of its producers: sequences, open and aborted transactions.
 *
 * A fold begins with the newest good snapshot, or where the log begins, and applies the batches
 * behind it: their headers, and only those of producers with ids.
 *
 * Keeps:  (1) the producer state is what replaying the log gives;
 *         (2) aborted transactions whose markers lie below the place where the fold begins are
 *             those of the files, all others are told by the fold.
 * Thread: the shard's; waits for the disk. */
#pragma once

#include "log/store/log_listing.h"
#include "log/store/log_points.h"

/* Fills the producer state of a log that is opened and whose end is known. `point` may be NULL;
 * snapshots that have to go leave the listing too. */
must_use int producer_fold_open(struct log *log, struct log_listing *listing,
                                const struct log_point *point);
/* Fills the producer state anew, of a log that was cut. */
must_use int producer_fold_load(struct log *log);
/* Tells a segment's aborted transactions anew, from the batches up to its end. */
must_use int producer_fold_aborts(struct log *log, struct segment *segment);
/* Into `out`, from the oldest snapshot that is there; what the log's own state must equal. The
 * aborted transactions of all segments into `aborts`. */
must_use int producer_fold_replay(struct log *log, struct producer_state *out,
                                  struct aborted_index *aborts);
