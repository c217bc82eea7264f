/* The changelog of one store of one task: its write-ahead log, a topic partition.
 *
 * A commit appends one group: a record per changed key (null for a removed one), then a marker
 * record that carries the position of the commit:
 *
 *     key "a"  value 1
 *     key "b"  (null)
 *     key "\0tidemill.commit"  value "commit 12\nstream_time ...\ninput ...\n"
 *
 * A commit is decided when the markers of all stores of the task are durable. A group that is cut
 * short, or that is whole here but not in another store, was never decided: reading the changelog
 * applies it not, and its keys are made dirty, so that the next commit writes them again with their
 * true values. So a plain reader of the topic, and compaction, come to the right contents too.
 *
 * Owns:   the fetcher while it restores; the last whole group, held back until it is known to be
 * decided. Keeps:  (1) contents applied are those of one decided commit. Thread: its client's
 * shard. */
#pragma once

#include "runtime/client/fetcher.h"
#include "runtime/client/producer.h"
#include "runtime/state/kv.h"
#include "runtime/state/state_position.h"

struct changelog;

/* Reads `topic`-`partition` from `offset` (0 from the start) to its end into `kv`, holding the last
 * whole group back. `done` comes on a later turn; then ask what was found. */
struct changelog *changelog_new(struct client *client, struct kv *kv, const char *topic,
                                int32_t partition);
void changelog_restore(struct changelog *changelog, int64_t offset,
                       void (*done)(void *owner, int error), void *owner);
/* The position of the last marker seen, commit 0 when there was none. */
const struct state_position *changelog_last_position(const struct changelog *changelog);
/* Ends the restore: the group held back is applied if its commit is at most `commit`, else
 * forgotten; keys of undecided groups become dirty. */
must_use int changelog_decide(struct changelog *changelog, int64_t commit);
/* Where the next record of the topic goes, as seen by the restore. */
int64_t changelog_end_offset(const struct changelog *changelog);
int64_t changelog_restored_count(const struct changelog *changelog);
/* Nothing may be restoring. */
void changelog_free(struct changelog *changelog);

/* Sends one commit's group: what kv_each_dirty tells, then the marker. `done` is called when the
 * marker was acknowledged, with its offset. ERROR_AGAIN when the producer is full: nothing is sent,
 * try again later. */
must_use int changelog_send(struct producer *producer, struct kv *kv, const char *topic,
                            int32_t partition, const struct state_position *position,
                            void (*done)(void *owner, int error, int32_t partition, int64_t offset),
                            void *owner);
