/* What compaction has to know of the producers of a log: which transactions were aborted, which are
 * open, whose data is still there, and what must stay for the sake of their sequences.
 *
 * Owns:   an entry for each producer id that was announced or seen.
 * Keeps:  (1) an aborted range of a producer ends where its marker lies and holds all data of that
 *             transaction that was scanned;
 *         (2) ranges of a producer rise and do not overlap;
 *         (3) data of a transaction without a scanned marker is open, never taken for committed.
 * Thread: the owner's; off the shard while a pass works. */
#pragma once

#include "log/base/map.h"
#include "log/store/producer_state.h"

struct cleaner_producers {
    struct map entries;
};

void cleaner_producers_init(struct cleaner_producers *producers);
void cleaner_producers_fini(struct cleaner_producers *producers);
/* The producer lives: its last batch stays, or the markers of its epoch when it has no batch. */
void cleaner_producers_keep(struct cleaner_producers *producers,
                            const struct producer_state_entry *entry);
/* Takes the next batch into account, in the order of the log; of a control batch all bytes. */
void cleaner_producers_scan(struct cleaner_producers *producers, const struct batch *batch);
/* The first scanned offset of a transaction whose end was not scanned; INT64_MAX: there is none. */
int64_t cleaner_producers_open_offset(const struct cleaner_producers *producers);
/* Whether the batch is data of a transaction that was aborted. */
bool cleaner_producers_is_aborted(const struct cleaner_producers *producers,
                                  const struct batch *batch);
/* Whether the batch has to stay, at least empty, so that its producer's sequence is known; of a
 * control batch: whether it is all that is left of its producer. */
bool cleaner_producers_is_last(const struct cleaner_producers *producers,
                               const struct batch *batch);
/* Data of a transaction is still in the log, up to its marker. */
void cleaner_producers_see_data(struct cleaner_producers *producers, const struct batch *batch);
/* A marker: returns whether data of its transaction was seen before it, and forgets that. */
bool cleaner_producers_see_marker(struct cleaner_producers *producers, const struct batch *batch);
