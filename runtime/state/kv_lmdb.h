/* The persistent kind of store: an overlay of what changed, and of what is written again and again,
 * over an LMDB database.
 *
 *     overlay   what the base does not hold yet, and a bounded part of what it does (kv_memory.h)
 *     base      everything else (LMDB)
 *
 * A checkpoint copies what changed (freeze), writes the copies in order on another thread, and then
 * (thaw) what was copied counts as clean. So a key that is counted all the time stays where it is,
 * and a checkpoint does not have it read, added and put in order again.
 *
 * Overlay values begin with one byte: 1 for a value, 0 for a removed key that the base may still
 * have.
 * Keeps:  (1) a read sees the overlay before the base;
 *         (2) what is clean in the overlay is what the base has;
 *         (3) the copies hold committed contents only;
 *         (4) iterators opened between two checkpoints share one snapshot of the base.
 * Memory: what changed since the last checkpoint, a copy of what is being written, and at most
 *         KV_MEMORY_CLEAN_SIZE_MAX of what is clean.
 * Thread: the task's shard, except kv_lmdb_write_frozen. */
#pragma once

#include "runtime/state/kv.h"

#include <lmdb.h>

struct kv *kv_new_lmdb(const char *name, MDB_env *environment, MDB_dbi database);
/* Right after kv_mark_committed, while no checkpoint runs. What an earlier, failed one did not
 * write is among what changed. */
void kv_lmdb_freeze(struct kv *kv);
/* Writes the copies in key order. Thread: any, while nobody thaws. An LMDB error. */
int kv_lmdb_write_frozen(struct kv *kv, MDB_txn *transaction);
/* After a successful write the frozen entries are clean; after a failed one they are changed. */
void kv_lmdb_thaw(struct kv *kv, bool is_written);
/* Bytes of keys and values that the next checkpoint would write, and one for each. */
size_t kv_lmdb_changed_size(const struct kv *kv);
/* 0, or the first LMDB error that reading the base met: what was read since may be wrong. */
int kv_lmdb_error(const struct kv *kv);
/* Whether iterators hold on to the environment's map. */
bool kv_lmdb_is_iterated(const struct kv *kv);
