/* A store in memory that lies over another one, as kv_lmdb.c has it: it holds what is not below yet
 * and, as far as there is room, what is written again and again.
 *
 *     clean     as below; may be forgotten
 *     dirty     written since the last commit
 *     changed   of a commit, and not below
 *     frozen    a checkpoint is writing it; may be dirty and changed again meanwhile
 *
 *          written          committed            freeze
 *     clean ------> dirty -----------> changed --------> frozen
 *       ^ <----------'                    ^                | |
 *       |  rolled back                    '----------------' |
 *       |                                  was not written   |
 *       '----------------------------------------------------' was written
 *
 * A removed key is a value here, whatever the owner says it with: null values are not put. What is
 * only read is not added: to find it here costs as much as to find it in a map like LMDB's.
 * Keeps:  (1) only what is clean is forgotten, by a checkpoint or a rollback;
 *         (2) of it there is at most KV_MEMORY_CLEAN_SIZE_MAX;
 *         (3) what is clean is not iterated: it is below.
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/kv.h"

/* Bytes of memory, with all that an entry takes: 16 MiB are about a hundred thousand counters. A
 * checkpoint, which comes when 4 MiB of keys and values are changed, has more than that in hand. */
enum { KV_MEMORY_CLEAN_SIZE_MAX = 16 << 20 };

struct kv *kv_new_overlay(const char *name);
/* Right after kv_mark_committed. Appends copies of the changed entries (kv_entry_read_copy), in
 * order where that costs little. */
void kv_memory_freeze(struct kv *overlay, struct buffer *copies);
/* Whether what was frozen is below now. It is changed again when it is not. Values that are not
 * worth the room are forgotten at once. */
void kv_memory_thaw(struct kv *overlay, bool is_written, bool (*is_worth_room)(struct bytes value));
/* Bytes of keys and values of what is changed or dirty. */
size_t kv_memory_changed_size(const struct kv *overlay);
void kv_memory_each_clean(const struct kv *overlay,
                          void (*each)(void *owner, struct bytes key, struct bytes value),
                          void *owner);
