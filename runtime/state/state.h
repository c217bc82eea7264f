/* The state of one task: its stores, and how far they are.
 *
 * Persistent stores live in one LMDB environment per task. The changelog topics are the write-ahead
 * log, so LMDB is written only at checkpoints, in the background, in key order, together with the
 * position the contents belong to. A crash loses what was not checkpointed; the tail of the
 * changelog brings it back.
 *
 * Owns:   the directory, the environment, the stores.
 * Keeps:  (1) the environment holds exactly the contents of one commit, and that commit's position,
 *             atomically;
 *         (2) it never claims an offset that it does not hold;
 *         (3) what is being checkpointed is not changed meanwhile;
 *         (4) a directory is open once, in whatever thread or process: a member of a group that was
 *             expelled may have its stores open still when its heir comes.
 * Thread: the task's shard; a checkpoint writes on a thread of io_work.
 * A checkpoint that fails is made again with the next, also when the disk was full. */
#pragma once

#include "log/base/report.h"
#include "log/io/io.h"
#include "runtime/state/kv.h"
#include "runtime/state/state_position.h"

struct state;

struct state_store_options {
    const char *name;
    bool is_in_memory;
    bool has_changelog;
};

/* Opens `directory` (made when missing; NULL when no store is persistent). ERROR_BUSY, with the
 * report filled, while somebody else has it open: it is to be tried again. Contents that cannot be
 * read are thrown away, loudly, if the changelogs have everything; if they do not, that is an
 * error, and the files stay. Sound ones are never thrown away. */
must_use int state_open(struct io *io, const char *directory,
                        const struct state_store_options *stores, size_t store_count,
                        struct state **out, struct report *report);
/* No checkpoint may be running. Nothing is written. */
void state_close(struct state *state);
/* NULL when it was not declared. */
struct kv *state_store(struct state *state, const char *name);
size_t state_store_count(const struct state *state);
struct kv *state_store_at(struct state *state, size_t index);
/* Whether this store's contents are in the environment, and whether there is one at all. */
bool state_is_persistent(const struct state *state, size_t index);
bool state_has_directory(const struct state *state);
/* Whether the store was opened with the contents of state_position. Not in memory; not when it was
 * first declared, or declared again, after that checkpoint. */
bool state_is_kept(const struct state *state, size_t index);
/* What the persistent contents were opened with; commit 0 when there was nothing. In-memory stores
 * are always empty at the start. */
const struct state_position *state_position(const struct state *state);
/* Begins a savepoint in every store; undoes to it; see kv.h. */
void state_savepoint(struct state *state);
void state_rollback(struct state *state);
bool state_is_changed(const struct state *state);
/* Right after a commit (kv_mark_committed of every store): writes the contents in the background.
 * One at a time. */
void state_checkpoint(struct state *state, const struct state_position *position,
                      void (*done)(void *owner, int error), void *owner);
/* True when the environment cannot be used any more; the report says why and what to do. What was
 * read since may be wrong. */
bool state_has_failed(const struct state *state, struct report *report);
bool state_is_checkpointing(const struct state *state);
/* Bytes that the next checkpoint would write; the owner decides when it is worth it. */
size_t state_dirty_size(const struct state *state);
void state_check(const struct state *state);
