/* The memory of a coordinator: an internal topic, whose records become state when they are
 * committed.
 *
 * Each name (a group, a transactional id) belongs to one partition, by its hash. What is written is
 * applied by the function that also reads the partition at start, so that reading it again gives
 * the same state. The journal knows no logs: its coordinator's creator appends for it, reads for
 * it, and tells it which partitions this broker leads.
 *
 * Owns:   the row of writes of each partition.
 * Keeps:  (1) records are applied in the order of their appends, whatever the order of the answers;
 *         (2) each write is settled exactly once: applied, refused by the log, or forsaken because
 *             the partition was left;
 *         (3) what a left partition still has under way comes back and finds nobody.
 * Thread: the broker shard. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"
#include "log/wire/batch.h"

struct journal;

enum journal_status { JOURNAL_AWAY, JOURNAL_LOADING, JOURNAL_ACTIVE };

/* One batch on its way into a partition. */
struct journal_append {
    /* Called once, not inside the call of `append`: 0 when the batch is committed (what acks=all
     * means), or why it is not. Set by the journal. */
    void (*done)(struct journal_append *append, int error);
    void *owner; /* the journal's */
};

/* Appends the batch, whose offsets may be patched in place. `data` stays untouched by the journal
 * until `done`. */
typedef void journal_append_function(void *owner, int32_t partition, struct journal_append *append,
                                     uint8_t *data, size_t size);

/* Who remembers. Each may be called inside journal_load_batch or when an append comes back. */
struct journal_keeper {
    /* There are so many partitions now, all of them away. */
    void (*resize)(void *owner, int32_t count);
    /* A committed record of a batch, markers too: 0, or why it cannot be read. */
    int (*apply)(void *owner, int32_t partition, const struct batch *batch,
                 const struct batch_record *record);
    /* A record that the log refused. */
    void (*lose)(void *owner, int32_t partition, const struct batch *batch,
                 const struct batch_record *record);
    /* A write for this name was settled; its maker is told next. */
    void (*settled)(void *owner, int32_t partition, struct bytes name);
    /* All was read: the partition is active. */
    void (*loaded)(void *owner, int32_t partition);
    /* The partition is away: forget what it held, and tell who waits. Before it, writes under way
     * were told the same error. */
    void (*left)(void *owner, int32_t partition, int error);
};

/* Both owners outlive the journal. */
struct journal *journal_new(const struct journal_keeper *keeper, void *keeper_owner,
                            journal_append_function *append, void *append_owner);
void journal_free(struct journal *journal);
/* Leaves all partitions with COORDINATOR_NOT_AVAILABLE, which is what names get from now on.
 * Nothing is loaded or written any more. */
void journal_stop(struct journal *journal);

/* 0 as long as the topic is not there. It changes only while no partition is loaded. */
void journal_set_partition_count(struct journal *journal, int32_t count);
int32_t journal_partition_count(const struct journal *journal);
/* Hash of the name modulo the partitions; -1 without the topic. */
int32_t journal_partition_of(const struct journal *journal, struct bytes name);
enum journal_status journal_status(const struct journal *journal, int32_t partition);
/* Where a name lives, if it can be asked for now; else -1 and NOT_COORDINATOR,
 * COORDINATOR_LOAD_IN_PROGRESS or COORDINATOR_NOT_AVAILABLE. */
int32_t journal_find(const struct journal *journal, struct bytes name, int *error);

/* This broker became leader of a partition: start, then its batches from the first to the last in
 * any pieces of whole batches, then end. Until then its names answer COORDINATOR_LOAD_IN_PROGRESS.
 * An empty partition is start and end. */
void journal_load_start(struct journal *journal, int32_t partition);
/* ERROR_CORRUPT or ERROR_INVALID_RECORD for batches that cannot be read. */
must_use int journal_load_batch(struct journal *journal, int32_t partition, struct bytes batches);
void journal_load_end(struct journal *journal, int32_t partition);
/* This broker leads the partition no more, or could not load it; what waits is answered
 * NOT_COORDINATOR. */
void journal_unload(struct journal *journal, int32_t partition);

/* Writes what the builder holds and empties it. `done`, if given, is told when it is settled. */
void journal_write(struct journal *journal, int32_t partition, struct bytes name,
                   struct batch_builder *builder,
                   void (*done)(void *keeper_owner, void *write, int error), void *write);
/* What a client is told when the log refused; `too_large` for a batch the log cannot hold. */
int journal_translate(int error, int too_large);
/* Asserts (1) of what is under way. */
void journal_check(const struct journal *journal);
