/* Which letters of one partition were sent back: what the group <app>-dlq-replay commits.
 *
 * The committed offset is the first letter that is left, as of every group; beyond it, where only
 * some were chosen, the commit's metadata names what was sent: "12-15,18-18".
 *
 * Owns:   its ranges.
 * Keeps:  (1) ranges are in order, apart from each other, and above the position;
 *         (2) what is below the position or inside of a range was sent.
 * Thread: the owner's. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

struct replay_marks_range {
    int64_t first;
    int64_t last;
};

struct replay_marks {
    int64_t position;
    struct replay_marks_range *ranges;
    size_t count;
};

/* Brokers take 4096 bytes of metadata (offset.metadata.max.bytes). */
enum { REPLAY_MARKS_SIZE_MAX = 4000 };

void replay_marks_init(struct replay_marks *marks);
void replay_marks_fini(struct replay_marks *marks);
/* What was committed: ERROR_MALFORMED, with nothing changed, for what is no list of ranges. */
must_use int replay_marks_read(struct replay_marks *marks, int64_t offset, struct bytes metadata);
bool replay_marks_has(const struct replay_marks *marks, int64_t offset);
/* All of first…last. What lies between two letters (a transaction's end) belongs to the second. */
void replay_marks_add(struct replay_marks *marks, int64_t first, int64_t last);
/* Appends the metadata: ERROR_TOO_LARGE when there are too many ranges. */
must_use int replay_marks_write(const struct replay_marks *marks, struct buffer *out);
void replay_marks_check(const struct replay_marks *marks);
