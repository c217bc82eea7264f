/* Reads partitions from one offset to another in the order in which a task would take their
 * records: always the oldest of those that are next. Of transactions only what is committed is
 * seen; one that is still open is waited for.
 *
 * Owns:   a fetcher, and of each partition at most one batch outside of it.
 * Keeps:  (1) records of a partition come in their order; a record is chosen when every partition
 *             that has more has its next one at hand;
 *         (2) of equal times the first range is first.
 * Thread: the main thread. Turns the loop inside its calls. */
#pragma once

#include "runtime/cli/topic_sweep.h"
#include "runtime/format/record.h"

struct slice_reader;

/* `time_ms` tells by which time a record is ordered; NULL: its own. The ranges are borrowed. */
struct slice_reader *slice_reader_new(struct errand *errand, const struct topic_sweep_range *ranges,
                                      size_t count,
                                      int64_t (*time_ms)(void *owner, const struct record *record),
                                      void *owner);
void slice_reader_free(struct slice_reader *reader);
/* The next record whose time is at most `until_ms`: 1, valid until the next call; 0 when there is
 * none; or an error. */
must_use int slice_reader_next(struct slice_reader *reader, int64_t until_ms, struct record *out,
                               int64_t *time_ms);
