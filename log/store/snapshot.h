/* Files that keep what a log knew of its producers at an offset: %020d.snapshot.
 *
 * A start takes the newest that is whole and reads the batches behind it (producer_fold.h).
 *
 * Keeps:  (1) where a segment begins, and where a closed log ends, the snapshot is durable before
 *             the segment or the close is; that of a segment stays as long as the segment;
 *         (2) between, there is the newest alone, written without waiting for the disk. A power
 *             failure may damage or take it, and then the one where the segment begins is taken;
 *         (3) aborted transactions whose markers lie before a snapshot are durable before it is
 *             written;
 *         (4) its place, as the points file has it, is true until the log is cut below it, and then
 *             the file does not name it any more;
 *         (5) one beyond the end is gone durably before the log grows to it again.
 * Thread: the shard's; waits for the disk. */
#pragma once

#include "log/store/log_listing.h"

/* Where the log ends, durable. ERROR_NO_SPACE: nothing has changed. */
must_use int snapshot_write(struct log *log);
/* Where logs end that have much behind their newest one: some of them, who waited longest first.
 * Full disks and failures are dealt with. */
void snapshot_write_between(struct store *store);
/* Removes those beyond the log's end, of the listing too. */
must_use int snapshot_drop(struct log *log, struct log_listing *listing);
/* The newest is the one at `offset` (-1: none), as found when the log was opened; what lies beside
 * it between the beginnings of segments is of no use and is removed. */
must_use int snapshot_adopt(struct log *log, const struct log_listing *listing, int64_t offset);
/* The one where a segment begins, which leaves the log; the newest stays. */
must_use int snapshot_remove(struct log *log, const struct segment *segment);
