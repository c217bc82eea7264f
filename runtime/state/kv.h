/* A named key-value store of one task: ordered by key bytes, with savepoints.
 *
 * Reads see all writes so far. Writes are staged: since the last savepoint (undone when the record
 * that made them fails) and since the last commit (what the changelog is told).
 *
 * Owns:   copies of keys and values.
 * Keeps:  (1) after kv_rollback the contents are those at kv_savepoint;
 *         (2) kv_each_dirty tells each key changed or touched since the last kv_mark_committed
 *             once, with its newest value, in the order of first change;
 *         (3) iteration is in key order and sees a snapshot: writes during it are allowed and not
 *             seen.
 * Thread: the task's shard. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

struct kv;
struct kv_iterator;

/* True with *value borrowed until the next write to this store. */
bool kv_get(struct kv *kv, struct bytes key, struct bytes *value);
/* The key will be asked for a few keys from now. It changes nothing, but what will be read then
 * comes to the caches meanwhile. */
void kv_expect(struct kv *kv, struct bytes key);
/* A null value removes the key. ERROR_TOO_LARGE for a key over KV_KEY_SIZE_MAX or a value over
 * KV_VALUE_SIZE_MAX; ERROR_INVALID for an empty key in a persistent store. */
must_use int kv_put(struct kv *kv, struct bytes key, struct bytes value);
/* The key is told by kv_each_dirty as if it had changed, also when it is not there. */
must_use int kv_touch(struct kv *kv, struct bytes key);
/* Removes every key. */
must_use int kv_clear(struct kv *kv);
/* Begins a savepoint; the one before it is forgotten (its writes stay staged). */
void kv_savepoint(struct kv *kv);
void kv_rollback(struct kv *kv);
/* Whether anything was written since the savepoint, also what was there already. */
bool kv_is_changed(const struct kv *kv);
/* How often it was rolled back: who remembers something of the contents looks again when this is
 * another number. */
uint64_t kv_rollback_count(const struct kv *kv);
/* Live keys. */
int64_t kv_count(struct kv *kv);

/* A change is one record of the changelog, of at most a megabyte. */
enum { KV_KEY_SIZE_MAX = 500, KV_VALUE_SIZE_MAX = 1000 * 1000 };

/* Keys from <= key < to; null bounds are open. */
struct kv_iterator *kv_iterate(struct kv *kv, struct bytes from, struct bytes to);
/* Views are borrowed until the next call. */
bool kv_iterator_next(struct kv_iterator *iterator, struct bytes *key, struct bytes *value);
void kv_iterator_free(struct kv_iterator *iterator);

/* For the commit: `value` is null for a removed key. */
void kv_each_dirty(struct kv *kv, void (*each)(void *owner, struct bytes key, struct bytes value),
                   void *owner);
void kv_mark_committed(struct kv *kv);
const char *kv_name(const struct kv *kv);
void kv_check(const struct kv *kv);

/* A store that lives in memory only; tests of operators use it too. */
struct kv *kv_new_memory(const char *name);
void kv_free(struct kv *kv);
