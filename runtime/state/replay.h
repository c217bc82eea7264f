/* The records of one changelog, read into its store.
 *
 *     key "a"  value 1
 *     key "b"  (null)                  removed
 *     key "\0tidemill.commit.0"        the marker of an even commit, .1 of an odd one;
 *              value "commit 12\nfollows 11\nstream_time ...\ninput ...\nchangelog ...\n"
 *
 * Which groups count is judged by accord.h, whose numbers are meant here.
 *
 * Owns:   the groups that are not applied yet; the keys whose newest record was forgotten.
 * Keeps:  (1) the store holds the contents of the accord's base, and nothing is dirty, until
 *             replay_decide;
 *         (2) after it the store holds the contents of the decided commit, and every key whose
 *             newest record in the changelog says something else is dirty;
 *         (3) before it, who opens a store with the base's contents and reads from
 *             replay_base_offset on comes to the same, unless something behind it was forgotten
 *             (replay_is_sound).
 * Thread: the task's shard. */
#pragma once

#include "runtime/state/accord.h"
#include "runtime/state/kv.h"

struct replay;

struct replay *replay_new(struct kv *kv);
void replay_free(struct replay *replay);
/* Before the first record: `opened` is what the store's contents were stored with, NULL when they
 * are not kept. 0 with *offset, the first to be read, or -1: from the start. Contents that are not
 * of this topic are thrown away. */
must_use int replay_open(struct replay *replay, const struct state_position *opened,
                         const char *topic_id, int64_t *offset);
/* The changelog does not reach to the offset asked for: the contents are thrown away, and it is to
 * be read from its start. Before the first record only. */
must_use int replay_rebuild(struct replay *replay);
/* ERROR_CORRUPT for a marker that is none. */
must_use int replay_read(struct replay *replay, int64_t offset, struct bytes key,
                         struct bytes value);
/* Comes to the contents of a commit that accord_choose gave. */
must_use int replay_decide(struct replay *replay, const struct state_position *decided);
const struct accord_log *replay_log(const struct replay *replay);
/* Behind the last record read. */
int64_t replay_end_offset(const struct replay *replay);
/* Behind the marker of the base; 0 when nothing was applied. */
int64_t replay_base_offset(const struct replay *replay);
/* The store says what the changelog says up to the base: no key's newest record was forgotten. */
bool replay_is_sound(struct replay *replay);
/* Changes that were read. */
int64_t replay_count(const struct replay *replay);
/* Whether the next commit has something to put right. */
bool replay_is_repairing(const struct replay *replay);
void replay_check(const struct replay *replay);

/* The key of a commit's marker. */
struct bytes replay_marker_key(int64_t commit);
