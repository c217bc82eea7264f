/* Consumer groups and their committed offsets, kept in __consumer_offsets.
 *
 * Whatever must survive is a record first: an operation appends records, and what they say holds
 * when they are durable. The state of groups is the fold of those records; members, timers and
 * waiting requests are added by the living.
 *
 * Owns:   the groups.
 * Keeps:  (1) replaying the log gives the same generations, assignments and offsets as are held;
 *         (2) an operation that needs a record is answered after the record is durable;
 *         (3) at most one member has a member id, and one an instance id, per group;
 *         (4) a commit is accepted only from the generation that owns the partitions, or from
 * nobody while the group is empty; (5) every request is answered exactly once. Thread: its io's
 * shard. Source: Kafka's group protocol (classic): KIP-62, KIP-345 (static members), KIP-394
 * (member ids), KIP-429 (cooperative). */
#pragma once

#include "log/base/arena.h"
#include "log/io/io.h"
#include "log/wire/batch.h"
#include "log/wire/messages.h"

struct coordinator;

/* Embedded in what waits for an append. */
struct coordinator_append {
    void (*done)(struct coordinator_append *append, int error);
    void *owner;
};

struct coordinator_events {
    /* Appends one batch to partition `partition` of __consumer_offsets; `done` comes when it is
     * durable, on a later turn, in the order of the appends of one partition. The bytes are
     * borrowed during the call. */
    void (*append)(void *owner, int32_t partition, uint8_t *data, size_t size,
                   struct coordinator_append *append);
};

struct coordinator_options {
    int32_t partition_count;           /* offsets.topic.num.partitions */
    int64_t session_timeout_min_ms;    /* group.min.session.timeout.ms */
    int64_t session_timeout_max_ms;    /* group.max.session.timeout.ms */
    int64_t initial_delay_ms;          /* group.initial.rebalance.delay.ms */
    int32_t member_count_max;          /* group.max.size */
    int32_t metadata_size_max;         /* offset.metadata.max.bytes */
    int64_t offsets_retention_ms;      /* offsets.retention.minutes */
    int64_t offsets_check_interval_ms; /* offsets.retention.check.interval.ms */
};

struct coordinator *coordinator_new(struct io *io, const struct coordinator_options *options,
                                    const struct coordinator_events *events, void *owner);
/* Waiting requests are answered with COORDINATOR_NOT_AVAILABLE; nothing may be appended any more.
 */
void coordinator_stop(struct coordinator *coordinator);
void coordinator_free(struct coordinator *coordinator);

/* --- The log --- */

/* The partition of __consumer_offsets that has a group. */
int32_t coordinator_partition(const struct coordinator *coordinator, struct bytes group);
/* Until a partition is loaded its groups answer COORDINATOR_LOAD_IN_PROGRESS. Batches come in log
 * order. */
must_use int coordinator_load(struct coordinator *coordinator, const struct batch *batch);
void coordinator_end_load(struct coordinator *coordinator, int32_t partition);
/* Topics that are gone: their offsets are removed in all groups. */
void coordinator_remove_topic(struct coordinator *coordinator, struct bytes topic);

/* --- Requests; the structs are borrowed until the call returns, the answers until `done` returns
 * --- */

struct coordinator_client {
    struct bytes client_id;
    struct bytes host;
    int16_t version; /* of the request */
};

typedef void coordinator_join_done(void *owner, const struct join_group_response *response);
void coordinator_join(struct coordinator *coordinator, const struct join_group_request *request,
                      const struct coordinator_client *client, coordinator_join_done *done,
                      void *owner);
typedef void coordinator_sync_done(void *owner, const struct sync_group_response *response);
void coordinator_sync(struct coordinator *coordinator, const struct sync_group_request *request,
                      coordinator_sync_done *done, void *owner);
/* An error. */
must_use int coordinator_heartbeat(struct coordinator *coordinator,
                                   const struct heartbeat_request *request);
/* The request names members in its list; the errors, one per member, go to `errors`. */
must_use int coordinator_leave(struct coordinator *coordinator, struct bytes group,
                               const struct leave_group_request_member *members, int32_t count,
                               int *errors);

struct coordinator_offset {
    struct bytes topic;
    int32_t partition;
    int64_t offset;
    int32_t leader_epoch;
    struct bytes metadata;
    int error; /* fetch and commit: of this partition; one that is set on entry is left out */
};

/* Fills the errors of the offsets, which must live until `done`. */
typedef void coordinator_commit_done(void *owner);
void coordinator_commit(struct coordinator *coordinator,
                        const struct offset_commit_request *request,
                        struct coordinator_offset *offsets, size_t count,
                        coordinator_commit_done *done, void *owner);
/* Fills offset, epoch, metadata (borrowed until the next turn) and error: -1 without a commit. */
must_use int coordinator_fetch(struct coordinator *coordinator, struct bytes group,
                               struct coordinator_offset *offsets, size_t count);
/* All offsets of a group, in the order of first commit; the array lives in the arena. */
must_use int coordinator_fetch_all(struct coordinator *coordinator, struct bytes group,
                                   struct arena *arena, struct coordinator_offset **out,
                                   size_t *count);
/* Fills the errors of the offsets; returns an error of the whole. */
must_use int coordinator_delete_offsets(struct coordinator *coordinator, struct bytes group,
                                        struct coordinator_offset *offsets, size_t count);
/* An error at once; or 0, and `done` comes later with an error, or with 0 when the group is gone
 * from the log too. */
typedef void coordinator_delete_done(void *owner, int error);
must_use int coordinator_delete_group(struct coordinator *coordinator, struct bytes group,
                                      coordinator_delete_done *done, void *owner);
/* The answer's arrays live in the arena; views borrow from the group until the next turn. Filters
 * that are empty let everything through. */
void coordinator_list(struct coordinator *coordinator, const struct list_groups_request *request,
                      struct arena *arena, struct list_groups_response *response);
void coordinator_describe(struct coordinator *coordinator, struct bytes group, int16_t version,
                          struct arena *arena, struct describe_groups_response_group *answer);

struct coordinator_stats {
    int64_t group_count;
    int64_t member_count;
    int64_t offset_count;
    int64_t rebalance_count;
};
void coordinator_read_stats(const struct coordinator *coordinator, struct coordinator_stats *out);
/* For metrics: every committed offset. */
void coordinator_each_offset(const struct coordinator *coordinator,
                             void (*each)(void *owner, struct bytes group,
                                          const struct coordinator_offset *offset),
                             void *owner);
/* Asserts the invariants. */
void coordinator_check(const struct coordinator *coordinator);
/* Asserts that `replayed`, fed with the whole log, holds what this one holds. */
void coordinator_check_replay(const struct coordinator *coordinator,
                              const struct coordinator *replayed);
