/* What one client fetches, again and again (KIP-227): partitions with their places, and what the
 * client was told of each. A fetch without a session has one of its own for as long as it lives.
 *
 * A partition is stirred, that is the next fetch looks at it, or quiet: there is nothing to read
 * and nothing to tell, and its replica is watched. Only a change of the replica or of what is asked
 * stirs it again. So a poll costs by what changed, not by how much is followed.
 *
 * Owns:   its topics and partitions: on the heap, found by topic and index; or in a request's arena
 *         (a passing session), where nothing is found again or removed.
 * Keeps:  (1) a partition's replica is known if and only if it is watched, so that no replica goes
 *             away unseen;
 *         (2) a quiet partition is watched;
 *         (3) at most one fetch is at work;
 *         (4) of a partition named twice what was said last counts;
 *         (5) each topic has partitions;
 *         (6) size counts every topic and partition.
 * Thread: the server's shard. */
#pragma once

#include "log/base/map.h"
#include "log/replica/replica.h"
#include "log/wire/messages.h"

struct fetch_session;
struct fetch_part;

struct fetch_session_topic {
    struct fetch_session *session;
    struct bytes name; /* null for an id that was never known */
    struct wire_uuid id;
    uint32_t number; /* among the topics that the session ever had */
    int32_t partition_count;
};

struct fetch_session_partition {
    struct fetch_session_topic *topic;
    struct replica *replica; /* NULL: not looked for yet, or gone */
    struct replica_watch watch;
    struct list_link link;   /* in the session's stirred ones */
    struct fetch_part *part; /* of the fetch that is at work; NULL */
    int64_t fetch_offset;
    int64_t told_high_watermark; /* -1: nothing that counts */
    int64_t told_start_offset;
    int32_t index;
    int32_t leader_epoch;  /* the client's; -1: none */
    int32_t fetched_epoch; /* of the record before fetch_offset; -1: none */
    int32_t size_max;
};

struct fetch_session {
    int32_t id; /* 0 while it is in no cache */
    int32_t epoch;
    bool uses_ids;
    bool is_of_follower;
    bool is_committed;   /* the isolation level it was last read with */
    bool is_awake;       /* a fetch is at work */
    bool is_gone;        /* freed when its fetch has ended */
    struct arena *arena; /* of a passing session; NULL: on the heap */
    struct map topics;
    struct map partitions;
    size_t partition_count;
    uint32_t topic_number;
    size_t size; /* bytes, about */
    struct list stirred;
    uint64_t created_ns;
    uint64_t used_ns;
    struct list_link link; /* the cache's */
    struct list queue;     /* fetches that wait for the one at work */
    struct io_timer turn;
    /* The fetch at work: a partition was stirred; `error`: its replica is gone, and why. */
    void (*moved)(void *owner, struct fetch_session_partition *partition, int error);
    void *owner;
};

/* `arena` NULL: one that may last. */
struct fetch_session *fetch_session_new(struct arena *arena, bool uses_ids);
/* Nobody may be at work in it. */
void fetch_session_free(struct fetch_session *session);
/* Adds and changes what the request names, then forgets what it says. */
void fetch_session_update(struct fetch_session *session, const struct fetch_request *asked);
/* As many bytes as the request may add. */
size_t fetch_session_growth(const struct fetch_request *asked);
/* The name that belongs to an id is known now. */
void fetch_session_set_name(struct fetch_session_topic *topic, struct bytes name);
void fetch_session_stir_all(struct fetch_session *session);
void fetch_session_begin(struct fetch_session *session,
                         void (*moved)(void *owner, struct fetch_session_partition *partition,
                                       int error),
                         void *owner);
void fetch_session_end(struct fetch_session *session);
/* Watches a replica that was looked for. */
void fetch_session_watch(struct fetch_session_partition *partition, struct replica *replica);
void fetch_session_unwatch(struct fetch_session_partition *partition);
/* What the client is about to be told: whether it is news to it. */
bool fetch_session_tell(struct fetch_session_partition *partition,
                        const struct fetch_response_partition *answer);
/* The fetch is done with a partition: there is nothing more in it for now; or there is. */
void fetch_session_settle(struct fetch_session_partition *partition, bool is_quiet);
/* Behind all others, since it had its turn. */
void fetch_session_put_last(struct fetch_session_partition *partition);
void fetch_session_check(const struct fetch_session *session);
