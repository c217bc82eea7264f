/* Mends a data directory that the broker does not open, as far as bytes allow: `tidemill log
 * repair`.
 *
 * Of a segment, everything that is no batch with a right CRC, rising offsets and a place behind the
 * batch before it is taken out; what lies behind damage is kept. A torn end is cut. Index files
 * that do not fit are removed: the broker builds them anew. A producer snapshot or leader-epoch
 * checkpoint that is damaged goes too: the first is replayed, the second written again from the
 * batches. A log that ends below its recovery point, because a file was cut, is taken as it is.
 *
 * Keeps:  (1) without is_applied nothing is changed;
 *         (2) no byte is lost: whatever is changed or removed was first copied, durably, to
 *             DIR/quarantined/LOG/;
 *         (3) before the first change the clean-shutdown marker is taken away and the log's
 *             recovery point set beyond every offset, durably: a broker that starts meanwhile takes
 *             the log offline and cuts nothing; when all is mended and synced the point is the
 *             log's end;
 *         (4) a segment is replaced by renaming: it is the old one or the mended one;
 *         (5) of a batch that is kept, what its CRC covers is kept byte for byte (salvage.h).
 * Thread: the main thread; waits for the disk. */
#pragma once

#include "log/io/io.h"

struct repair {
    struct io *io;
    struct buffer *out; /* one line per finding is appended */
    bool is_applied;
    int64_t log_count;
    int64_t problem_count; /* found */
    int64_t mended_count;  /* or that would be */
    int64_t lost_count;    /* offsets that no batch covers any more */
};

/* `path`: a data directory whose broker is stopped. ERROR_BUSY when it is not, ERROR_UNSUPPORTED
 * when it is an Apache Kafka's, whose broker stops at a folder that is none of its logs. Stops at
 * the first error of the disk. */
must_use int repair_directory(struct repair *repair, const char *path);
