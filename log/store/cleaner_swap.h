/* Puts a compacted file in the place of the segments it was made from, so that a crash at any
 * moment leaves the old ones or the new one, never both and never neither.
 *
 *     B.log.cleaned        being written; worthless
 *     B.log.swap           whole and durable; it counts from here on, whatever else is there
 *     B.log                in its place; the segments it replaces are gone, durably
 *     B.txnindex.cleaned   whole and durable before B.log.swap is, whenever one of the replaced
 *                          segments has a .txnindex; with a B.log.swap beside it, it counts
 *
 *     (1) the file is written and synced as .cleaned, so are its indexes;
 *     (2) B.log.cleaned becomes B.log.swap, the directory is synced: the moment of decision;
 *     (3) the files that are replaced are renamed away, the directory is synced: when the last
 *         rename is done, no old file can come back beside the new one;
 *     (4) B.txnindex.cleaned becomes B.txnindex, and if there is one the directory is synced: there
 *         never is a new B.log with rows of markers that it does not have, or without those that it
 *         has, which readers of transactions would not forgive;
 *     (5) B.log.swap becomes B.log, the directory is synced. The sparse indexes move along; they
 * are made anew where they do not arrive.
 *
 * Recovery: .cleaned is removed, but for a B.txnindex.cleaned beside a B.log.swap. A .swap says
 * itself what it replaces, for its last batch ends where the last of the replaced segments ended:
 * (3) to (5) are done again from their beginning, where (3) spares a B.txnindex without a
 * B.txnindex.cleaned, which is the new one.
 *
 * Keeps:  (1) offsets from the base of the first replaced segment to the end of the last are
 *             covered by exactly one file at each moment that a recovery can see;
 *         (2) what is replaced lies wholly below the recovery point that is on the disk, in files
 *             before that of the point, so a recovery never looks for a position in them.
 * Thread: the shard's; waits for the directory's syncs. */
#pragma once

#include "log/store/log_state.h"

/* `made`, at stage ".cleaned" and synced, replaces `count` segments from index `first` on and
 * belongs to the log then. On an error before the decision the log is as it was and `made` the
 * caller's; ERROR_NO_SPACE can be tried again. After it the store is fenced (ERROR_FENCED) and
 * `made` is gone. */
must_use int cleaner_swap(struct log *log, struct segment *made, int32_t first, int32_t count);
/* While a log is opened: does (3) to (5) for a file at stage ".swap". `segments` are the base
 * offsets of the .log files that are there. ERROR_CORRUPT when the file is not whole. Removes,
 * where cleaner_swap renames away: nobody reads. */
must_use int cleaner_swap_finish(struct log *log, int64_t base_offset, const int64_t *segments,
                                 size_t segment_count);
