/* The changelog of one store of one task: its write-ahead log, a topic partition. What its records
 * mean is in replay.h, which of them count in accord.h.
 *
 * A restore reads what is committed, to the end that the first fetch tells: while a transaction
 * below that end is not decided it waits, for that may be the newest commit.
 *
 * Local contents are gone on from where they end, if they came from this very topic: its id is the
 * one they were stored with (of clusters without ids: the topic still reaches to where they end).
 * Contents of another topic, made anew under the same name, are thrown away before the first record
 * is read, so the two never mix; and the contents of a topic that lost records in front of or at
 * that place are read anew. So are contents older than half a day when the topic went on without
 * them: what removed a key may be gone from it after delete.retention.ms, and the key would come
 * back.
 *
 * It reads in short turns, so that whatever else runs on the shard goes on meanwhile.
 *
 * Owns:   the fetcher while it restores.
 * Keeps:  (1) `done` is called once, on a later turn;
 *         (2) nothing is read from the topic before its id was asked for.
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/fetcher.h"
#include "runtime/client/producer.h"
#include "runtime/state/replay.h"

struct changelog;

struct changelog *changelog_new(struct client *client, struct kv *kv, const char *topic,
                                int32_t partition);
/* `opened`: what the store's contents were stored with; NULL when they are not kept. */
void changelog_restore(struct changelog *changelog, const struct state_position *opened,
                       void (*done)(void *owner, int error), void *owner);
/* Before changelog_restore: who is told, during a call, that there is something to read, and by
 * changelog_progress how much. */
void changelog_on_begun(struct changelog *changelog, void (*begun)(void *owner), void *owner);
/* `done` comes with ERROR_CANCELLED. */
void changelog_cancel(struct changelog *changelog);
struct changelog_progress {
    int64_t done_count;  /* offsets that were read, */
    int64_t total_count; /* of so many; -1 until the first fetch tells */
    int64_t elapsed_ms;  /* since reading began */
    const char *reason;  /* why it is read from its start; NULL: on from local contents */
};
/* While it restores, and how it ended until it is freed. By offsets: what compaction took is passed
 * over faster. */
struct changelog_progress changelog_progress(const struct changelog *changelog);
const struct replay *changelog_replay(const struct changelog *changelog);
/* Ends the restore; see replay_decide. */
must_use int changelog_decide(struct changelog *changelog, const struct state_position *decided);
/* Nothing may be restoring. */
void changelog_free(struct changelog *changelog);
void changelog_check(const struct changelog *changelog);

/* One commit's group on its way: what kv_each_dirty tells, then the marker. Embedded by the caller,
 * who writes nothing to the store and keeps the position until the marker is with the producer. */
struct changelog_append {
    struct producer *producer;
    struct kv *kv;
    const char *topic;
    int32_t partition;
    const struct state_position *position;
    /* The marker's fate, and its offset. */
    void (*done)(void *owner, int error, int32_t partition, int64_t offset);
    void *owner;
    size_t sent_count; /* changes that are with the producer; 0 at first */
};

/* Hands over what there is room for: 0 when all of it is with the producer and `done` will be
 * called; ERROR_AGAIN when it is full, to be called again; or an error after which the group stays
 * cut short and nothing is called. A group that fits a batch is never cut. */
must_use int changelog_append_step(struct changelog_append *append);
