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
 * Following is a restore that does not end at the end: it keeps a store as the changelog says while
 * somebody else writes both. When that one is gone, changelog_finish makes it a restore of what is
 * left to be read. Who follows and hears nothing for half a day ends with an error, for the same
 * reason: it is to be opened anew.
 *
 * Owns:   the fetcher while it restores; not that of others, with which it follows.
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
/* As changelog_restore, but there is no end before changelog_finish: `done` comes with an error, or
 * after that. `fetcher` reads what is committed, is shared with others, and tells an error when an
 * offset is not there; whoever owns it calls changelog_step when it is ready. */
void changelog_follow(struct changelog *changelog, const struct state_position *opened,
                      struct fetcher *fetcher, void (*done)(void *owner, int error), void *owner);
/* Reads what is there. Not inside `done`. */
void changelog_step(struct changelog *changelog);
/* Reads no further when the store has the contents of this commit or a later one: to have all
 * stores of a task at one. INT64_MAX: on and on. */
void changelog_hold(struct changelog *changelog, int64_t commit);
/* Who follows reads to the end as it is from now on, with a fetcher of its own, and is done. */
void changelog_finish(struct changelog *changelog);
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
/* Offsets that are not read yet, up to the end as last told; -1: unknown. */
int64_t changelog_lag(const struct changelog *changelog);
/* How far it is read, and where it ends as last told, in offsets. False when one is unknown. */
bool changelog_reach(const struct changelog *changelog, int64_t *position, int64_t *end);
struct replay *changelog_replay(const struct changelog *changelog);
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
