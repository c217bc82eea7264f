/* What leaves a log: old segments at the front, a cut at the end.
 *
 * Owns:   nothing; works on a log.
 * Keeps:  (1) only flushed segments are removed, whole, oldest first, and a new start offset is
 *             durable before the first of their files is touched: a crash between the renames then
 *             never looks like a hole in the log;
 *         (2) a recovery point above a cut is lowered, durably, before the cut, and the data of
 *             segments that are cut is gone, durably, before any other file of theirs;
 *         (3) the age of a segment is that of its largest record timestamp, but a timestamp in the
 *             future counts as the time of its append, so that one record cannot pin a log.
 * Thread: the shard's; waits for the disk. */
#pragma once

#include "log/store/log.h"

struct segment;

must_use int retention_set_start(struct log *log, int64_t offset);
must_use int retention_truncate(struct log *log, int64_t offset);
/* Bytes removed, or a negative error. */
must_use int64_t retention_apply(struct log *log);
/* Removes the oldest full segments of all logs that delete, until they have at most `size` bytes
 * together or nothing more can go. */
must_use int retention_apply_total(struct store *store, int64_t size);
/* How long ago the newest record of a segment was written; see (3). */
must_use int retention_age(struct segment *segment, int64_t now_ms, int64_t *age_ms);
/* Renames the segment's files away, to disappear later; not durable yet. */
must_use int retention_bury_segment(struct log *log, const struct segment *segment);
