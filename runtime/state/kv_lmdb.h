/* The persistent kind of store: an overlay of what changed over an LMDB database.
 *
 *     active   what was written since the last freeze     (an in-memory store)
 *     frozen   what a checkpoint is writing, or nothing    (an in-memory store)
 *     base     everything else                             (LMDB)
 *
 * Overlay values begin with one byte: 1 for a value, 0 for a removed key that the base may still
 * have.
 * Keeps:  (1) a read sees active before frozen before base;
 *         (2) frozen holds committed contents only;
 *         (3) iterators opened between two checkpoints share one snapshot of the base.
 * Thread: the task's shard, except kv_lmdb_write_frozen. */
#pragma once

#include "runtime/state/kv.h"

#include <lmdb.h>

struct kv *kv_new_lmdb(const char *name, MDB_env *environment, MDB_dbi database);
/* Right after kv_mark_committed, while no checkpoint runs. What an earlier, failed one left is
 * added. */
void kv_lmdb_freeze(struct kv *kv);
/* Writes the frozen entries in key order. Thread: any, while nobody thaws. An LMDB error. */
int kv_lmdb_write_frozen(struct kv *kv, MDB_txn *transaction);
/* After a successful write the frozen entries are dropped; after a failed one they stay where they
 * are. */
void kv_lmdb_thaw(struct kv *kv, bool is_written);
/* Bytes of keys and values that the next checkpoint would write: the active ones, and what a failed
 * checkpoint left. */
size_t kv_lmdb_active_size(const struct kv *kv);
/* 0, or the first LMDB error that reading the base met: what was read since may be wrong. */
int kv_lmdb_error(const struct kv *kv);
/* Whether iterators hold on to the environment's map. */
bool kv_lmdb_is_iterated(const struct kv *kv);
