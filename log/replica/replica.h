/* The copies this broker holds and the roles it has for them.
 *
 * With one broker every copy leads and the high watermark is what its disk has flushed: what a
 * consumer sees survives a power failure, so nothing that was visible disappears.
 *
 * Owns:   one `struct replica` per log that the metadata gives to this broker; the waiters for its
 *         data.
 * Keeps:  (1) start offset <= last stable offset <= high watermark <= end offset;
 *         (2) the high watermark never falls while this process leads the partition;
 *         (3) whoever watches a replica is told after its high watermark or its start moved, and
 *             when it goes away;
 *         (4) clients are never given bytes at or above the limit of their isolation level.
 * Thread: the store's shard. */
#pragma once

#include "log/base/list.h"
#include "log/base/map.h"
#include "log/store/store.h"

struct replica_set;
struct replica;

/* Several places may watch one replica; embedded by the watcher. */
struct replica_watch {
    /* The high watermark or the last stable offset moved; `error` is 0, or why the replica is gone.
     * The watch was removed before the call. */
    void (*moved)(struct replica_watch *watch, int error);
    /* NULL: somebody waits. Else whether somebody does; if not, nothing is flushed for the watch's
     * sake, and an append is told at once, inside replica_append, the watch being removed. */
    const bool *is_awake;
    void (*appended)(struct replica_watch *watch);
    void *owner;
    struct list_link link; /* the replica's */
};

struct replica_set *replica_set_new(struct store *store);
/* Watchers get ERROR_SHUTDOWN. The store stays open. */
void replica_set_free(struct replica_set *set);

/* Starts to lead: opens the log or makes it. */
must_use int replica_set_add(struct replica_set *set, const char *topic, int32_t partition,
                             struct wire_uuid topic_id, int32_t leader_epoch,
                             const struct log_settings *settings);
/* Deletes the log; watchers and waiters get ERROR_UNKNOWN_TOPIC_OR_PARTITION. */
must_use int replica_set_remove(struct replica_set *set, const char *topic, int32_t partition);
/* NULL when this broker has no copy. `topic` need not end with NUL. */
struct replica *replica_set_find(struct replica_set *set, struct bytes topic, int32_t partition);
void replica_set_each(struct replica_set *set, void (*each)(void *owner, struct replica *replica),
                      void *owner);

/* What clients moved through a replica in this life of the process. */
struct replica_traffic {
    int64_t produced_size; /* bytes */
    int64_t produced_count;
    int64_t fetched_size;
    int64_t fetched_count; /* offsets from where the readers stood: gaps and markers count too */
};
/* Counted by who serves the clients. */
struct replica_traffic *replica_traffic(struct replica *replica);
struct log *replica_log(struct replica *replica);
int32_t replica_leader_epoch(const struct replica *replica);
int64_t replica_high_watermark(const struct replica *replica);
/* Where a reader of this isolation level must stop. */
int64_t replica_limit(const struct replica *replica, bool is_read_committed);
/* A client that claims an epoch (-1: none): 0, ERROR_FENCED_LEADER_EPOCH or
 * ERROR_UNKNOWN_LEADER_EPOCH (KIP-320). */
must_use int replica_check_epoch(const struct replica *replica, int32_t leader_epoch);
void replica_set_leader_epoch(struct replica *replica, int32_t leader_epoch);
/* As log_append with this replica's epoch. */
must_use int replica_append(struct replica *replica, uint8_t *data, size_t size,
                            enum log_origin origin, struct log_append *out);
/* As log_set_start_offset; watchers are told inside the call, so that nobody who hears of the new
 * start before it is answered can miss it. */
must_use int replica_set_start_offset(struct replica *replica, int64_t offset);
/* Who watches and waits wants to see new records at once: what is appended is flushed with the next
 * turn. */
void replica_watch_add(struct replica *replica, struct replica_watch *watch);
/* A watch that was not added may be removed. */
void replica_watch_remove(struct replica_watch *watch);
void replica_set_check(struct replica_set *set);
