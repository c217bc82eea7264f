/* Coordinates groups, classic ones and consumer groups (KIP-848): who is a member, who reads what,
 * and how far they got.
 *
 * What must survive is written to the partitions of __consumer_offsets, in Kafka's own formats:
 * each group belongs to one partition, chosen by its name. What is written becomes state only when
 * the record is committed, by the function that also reads the log at start, so that reading it
 * again gives the same state. The coordinator knows neither logs nor replicas: its creator appends
 * for it and reads for it, and tells it which partitions this broker leads.
 *
 * Owns:   groups, members, offsets, their timers; the requests between call and `done`.
 * Keeps:  (1) replay(log up to the last commit) == live state, see coordinator_check_replay;
 *         (2) a commit, a leader's assignment and a deletion are answered after their records were
 *             committed and applied;
 *         (3) records are applied in the order of their appends, whatever the order of the answers;
 *         (4) in a generation of a classic group each member gets exactly what the leader gave it;
 *             in a consumer group a partition has at most one owner;
 *         (5) a group has at most one member per group.instance.id;
 *         (6) `done` comes exactly once and never inside a call.
 * Thread: the broker shard. */
#pragma once

#include "log/base/arena.h"
#include "log/coordinator/journal.h"
#include "log/wire/messages.h"

struct coordinator;

struct coordinator_options {
    int32_t session_timeout_min_ms;     /* group.min.session.timeout.ms */
    int32_t session_timeout_max_ms;     /* group.max.session.timeout.ms */
    int32_t initial_rebalance_delay_ms; /* group.initial.rebalance.delay.ms */
    int32_t group_size_max;             /* group.max.size */
    int32_t metadata_size_max;          /* offset.metadata.max.bytes */
    int64_t offsets_retention_ms;       /* offsets.retention.minutes */
    int64_t retention_check_ms;         /* offsets.retention.check.interval.ms */
    /* Of consumer groups. */
    int32_t history_size; /* group.history.size: rebalances that are remembered per group */
    int32_t consumer_session_timeout_ms;     /* group.consumer.session.timeout.ms */
    int32_t consumer_heartbeat_interval_ms;  /* group.consumer.heartbeat.interval.ms */
    int32_t consumer_assignment_interval_ms; /* group.consumer.assignment.interval.ms */
    int32_t consumer_group_size_max;         /* group.consumer.max.size */
    const char *consumer_assignors; /* group.consumer.assignors; the first is the default */
    bool can_upgrade;               /* group.consumer.migration.policy */
    bool can_downgrade;
};

struct coordinator_options coordinator_options_default(void);

/* What the coordinator knows of a topic. */
struct coordinator_topic {
    struct bytes name; /* borrowed */
    struct wire_uuid id;
    int32_t partition_count;
    bool is_internal;
};

/* What a group may have of its own; 0 stands for the broker's. */
struct coordinator_group_options {
    int32_t session_timeout_ms;    /* consumer.session.timeout.ms */
    int32_t heartbeat_interval_ms; /* consumer.heartbeat.interval.ms */
};

struct coordinator_events {
    /* Into a partition of __consumer_offsets. */
    journal_append_function *append;
    /* 0, or why offsets of this partition cannot be committed (ERROR_UNKNOWN_TOPIC_OR_PARTITION).
     * NULL accepts all. */
    int (*validate_partition)(void *owner, struct bytes topic, int32_t partition);
    /* The topics that there are; false when there is none of that name or id. NULL: none at all. */
    bool (*find_topic)(void *owner, struct bytes name, struct coordinator_topic *out);
    bool (*find_topic_id)(void *owner, struct wire_uuid id, struct coordinator_topic *out);
    void (*each_topic)(void *owner,
                       void (*each)(void *context, const struct coordinator_topic *topic),
                       void *context);
    /* NULL: no group has options of its own. */
    struct coordinator_group_options (*group_options)(void *owner, struct bytes group_id);
};

struct coordinator *coordinator_new(struct io *io, const struct coordinator_options *options,
                                    const struct coordinator_events *events, void *owner);
/* What waits is called back with COORDINATOR_NOT_AVAILABLE on a later turn. Appends that are under
 * way may come back later and find nobody; that is fine. */
void coordinator_free(struct coordinator *coordinator);
/* As unloading all partitions, with COORDINATOR_NOT_AVAILABLE, which is what requests get from now
 * on. Nothing is loaded or written any more. */
void coordinator_stop(struct coordinator *coordinator);

/* Its memory: __consumer_offsets. Records of unknown kinds are skipped, as KIP-915 wants; so are
 * those of groups that live elsewhere. */
struct journal *coordinator_journal(struct coordinator *coordinator);
/* Drops all committed offsets of a topic, in every group. At once for readers, and for good when
 * the tombstones are committed. */
void coordinator_on_topic_deleted(struct coordinator *coordinator, struct bytes topic);
/* group.consumer.assignment.interval.ms, which may change. */
void coordinator_set_assignment_interval(struct coordinator *coordinator, int32_t interval_ms);
/* A topic came, went or grew: consumer groups look again at their next heartbeat. */
void coordinator_on_topics_changed(struct coordinator *coordinator);

/* The head of a request that is answered later. The whole request belongs to the coordinator until
 * `done`; `arena` holds the answer and must live as long. */
struct coordinator_request {
    void (*done)(struct coordinator_request *request);
    void *owner;
    struct arena *arena;
    struct list_link link; /* the coordinator's */
};

/* Error codes in the answers are Kafka's. What the answers point to lives in the arena or in the
 * request. */
struct coordinator_join {
    struct coordinator_request request;
    int16_t version;
    struct bytes client_id;
    struct bytes client_host; /* "/127.0.0.1" */
    const struct join_group_request *in;
    struct join_group_response out;
};

struct coordinator_sync {
    struct coordinator_request request;
    const struct sync_group_request *in;
    struct sync_group_response out;
};

struct coordinator_consumer_heartbeat {
    struct coordinator_request request;
    int16_t version;
    struct bytes client_id;
    struct bytes client_host;
    const struct consumer_group_heartbeat_request *in;
    struct consumer_group_heartbeat_response out;
};

struct coordinator_commit {
    struct coordinator_request request;
    int16_t version;
    bool is_transactional; /* the offsets count when the producer's transaction commits */
    int64_t producer_id;
    int16_t producer_epoch;
    const struct offset_commit_request *in; /* topics by name; ids are resolved by the caller */
    struct offset_commit_response out;      /* topic ids are copied from the request */
    int32_t underway;                       /* the coordinator's */
};

struct coordinator_delete_groups {
    struct coordinator_request request;
    const struct delete_groups_request *in;
    struct delete_groups_response out;
    int32_t underway; /* the coordinator's */
};

struct coordinator_delete_offsets {
    struct coordinator_request request;
    const struct offset_delete_request *in;
    struct offset_delete_response out;
};

void coordinator_join_group(struct coordinator *coordinator, struct coordinator_join *join);
void coordinator_sync_group(struct coordinator *coordinator, struct coordinator_sync *sync);
void coordinator_consumer_heartbeat(struct coordinator *coordinator,
                                    struct coordinator_consumer_heartbeat *heartbeat);
/* Answered at once. */
int coordinator_heartbeat(struct coordinator *coordinator, const struct heartbeat_request *in);
/* Version 0-2 of the request names one member, later ones a list; the answer has the shape of its
 * version. */
void coordinator_leave_group(struct coordinator *coordinator, int16_t version,
                             const struct leave_group_request *in, struct arena *arena,
                             struct leave_group_response *out);
void coordinator_commit_offsets(struct coordinator *coordinator, struct coordinator_commit *commit);
/* One group of the request; older versions are brought into this shape by the caller (topics.count
 * -1 for all). Topic ids are copied; metadata is borrowed until the coordinator is called again.
 * When stable offsets are required, UNSTABLE_OFFSET_COMMIT stands for what a transaction holds. */
void coordinator_fetch_offsets(struct coordinator *coordinator,
                               const struct offset_fetch_request_group *in, bool is_stable_required,
                               struct arena *arena, struct offset_fetch_response_group *out);
void coordinator_list_groups(struct coordinator *coordinator, const struct list_groups_request *in,
                             struct arena *arena, struct list_groups_response *out);
/* One group. From version 6 on an unknown one is GROUP_ID_NOT_FOUND, before it is just Dead. */
void coordinator_describe_group(struct coordinator *coordinator, int16_t version, struct bytes id,
                                struct arena *arena, struct describe_groups_response_group *out);
/* One group; GROUP_ID_NOT_FOUND for an unknown or a classic one. */
void coordinator_describe_consumer_group(struct coordinator *coordinator, struct bytes id,
                                         struct arena *arena,
                                         struct consumer_group_describe_response_group *out);
void coordinator_delete_groups(struct coordinator *coordinator,
                               struct coordinator_delete_groups *request);
void coordinator_delete_offsets(struct coordinator *coordinator,
                                struct coordinator_delete_offsets *request);

/* The end of a producer's transaction in a partition of __consumer_offsets. */
struct coordinator_marker {
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t coordinator_epoch;
    bool is_commit;
};
/* `done` comes later, with 0 when the marker is durable and the offsets are what it says; not when
 * an error is returned. */
must_use int coordinator_write_marker(struct coordinator *coordinator, int32_t partition,
                                      const struct coordinator_marker *marker,
                                      void (*done)(void *owner, int error), void *owner);

/* Why a group rebalanced lately. What it points to lives in the arena. */
struct coordinator_cause {
    const char *kind; /* a word: joined, left, silent, slow, subscribed, rejoined, ... */
    int64_t at_ms;
    struct bytes member;
    struct bytes client_id;
    struct bytes client_host;
    struct bytes detail;
};

struct coordinator_rebalance {
    int64_t began_ms;
    int64_t ended_ms; /* -1: under way */
    int32_t generation;
    int32_t member_count;
    struct coordinator_cause *causes;
    int32_t cause_count;
    int64_t more_count; /* of causes that were not kept */
};

struct coordinator_explanation {
    const char *kind; /* "classic" or "consumer" */
    const char *state;
    int32_t generation; /* or group epoch */
    int32_t member_count;
    int64_t now_ms;
    struct coordinator_rebalance *rebalances; /* the newest first */
    int32_t rebalance_count;
};

/* 0, GROUP_ID_NOT_FOUND, or why it cannot be asked now. */
must_use int coordinator_explain_group(struct coordinator *coordinator, struct bytes id,
                                       struct arena *arena, struct coordinator_explanation *out);

struct coordinator_stats {
    int64_t group_count;
    int64_t member_count;
    int64_t offset_count;
    int64_t rebalance_count; /* generations that were completed */
    int64_t expired_offset_count;
};
void coordinator_read_stats(const struct coordinator *coordinator, struct coordinator_stats *out);
/* Appends what must survive of a partition as text, in the order of names. */
void coordinator_print(const struct coordinator *coordinator, int32_t partition,
                       struct buffer *out);
/* Asserts (1): `committed` are the committed batches of the partition from its start. */
void coordinator_check_replay(const struct coordinator *coordinator, int32_t partition,
                              struct bytes committed);
/* Asserts the invariants that need no log. */
void coordinator_check(const struct coordinator *coordinator);
