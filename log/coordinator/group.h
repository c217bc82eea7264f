/* One consumer group: its members, its generation, its offsets.
 *
 *     Empty --join--> PreparingRebalance --all joined--> CompletingRebalance --assigned--> Stable
 *       ^                 ^      ^  |                          |                             |
 *       |                 |      |  +--nobody left--> Empty    |                             |
 *       |                 |      +-------join, leave, timeout--+                             |
 *       +--nobody left----+-------------------------join, leave, timeout---------------------+
 *
 * Owns:   members and offsets.
 * Keeps:  (1) Empty has no members; the other states have;
 *         (2) members have distinct ids, and distinct instance ids;
 *         (3) the leader is a member;
 *         (4) in CompletingRebalance and Stable every member supports `protocol`;
 *         (5) joins wait only in PreparingRebalance, syncs only in CompletingRebalance.
 * Thread: the coordinator's shard. */
#pragma once

#include "log/base/fsm.h"
#include "log/base/list.h"
#include "log/base/map.h"
#include "log/coordinator/coordinator.h"

enum group_state { GROUP_EMPTY, GROUP_PREPARING, GROUP_COMPLETING, GROUP_STABLE };

struct group_protocol {
    struct bytes name;     /* owned */
    struct bytes metadata; /* owned */
};

struct group_member {
    struct list_link link; /* in order of arrival */
    struct group *group;
    struct bytes id;          /* owned, as all below */
    struct bytes instance_id; /* null: dynamic */
    struct bytes client_id;
    struct bytes client_host;
    int32_t session_timeout_ms;
    int32_t rebalance_timeout_ms;
    struct group_protocol *protocols;
    int32_t protocol_count;
    struct bytes assignment; /* never null */
    int16_t join_version;
    struct io_timer session_timer;
    coordinator_join_done *join_done; /* waiting for the end of the join */
    void *join_owner;
    coordinator_sync_done *sync_done; /* waiting for the assignment */
    void *sync_owner;
};

struct group_offset {
    struct bytes topic;    /* owned */
    struct bytes metadata; /* owned, never null */
    int32_t partition;
    int64_t offset;
    int32_t leader_epoch;
    int64_t commit_ms;
};

/* A member id that was handed out and not used yet (KIP-394). */
struct group_pending {
    struct group *group;
    struct bytes id; /* owned */
    struct io_timer timer;
};

struct group {
    struct coordinator *coordinator;
    struct bytes id; /* owned */
    int32_t partition;
    enum group_state state;
    int64_t state_changed_ms; /* wall clock */
    int32_t generation;
    struct bytes protocol_type; /* owned; null for a group that only commits */
    struct bytes protocol;      /* owned; null in Empty and PreparingRebalance */
    struct bytes leader_id;     /* owned; null without members */
    struct list members;
    size_t member_count;
    struct map pending; /* member id -> struct group_pending */
    struct map offsets; /* topic NUL partition -> struct group_offset */
    struct io_timer rebalance_timer;
    uint64_t delay_until_ns; /* of the initial delay: no later than this */
    bool is_delaying;        /* the first members of an empty group are gathered */
    bool is_assigning;       /* the leader's assignment is being stored */
    int32_t append_count;    /* records on their way */
};

struct group *group_new(struct coordinator *coordinator, struct bytes id, int32_t partition);
void group_free(struct group *group);
const char *group_state_name(enum group_state state);
void group_move(struct group *group, enum group_state state);
struct group_member *group_find(const struct group *group, struct bytes member_id);
struct group_member *group_find_instance(const struct group *group, struct bytes instance_id);
/* 0 and the member, or ERROR_UNKNOWN_MEMBER_ID, ERROR_FENCED_INSTANCE_ID. */
must_use int group_get(const struct group *group, struct bytes member_id, struct bytes instance_id,
                       struct group_member **out);
struct group_member *group_add(struct group *group, struct bytes id, struct bytes instance_id);
/* Answers what the member waits for with ERROR_UNKNOWN_MEMBER_ID, chooses another leader. */
void group_remove(struct group_member *member);
void group_set(struct bytes *place, struct bytes value);
void group_set_protocols(struct group_member *member,
                         const struct join_group_request_protocol *protocols, int32_t count);
/* The member's metadata for a protocol; null when it does not support it. */
struct bytes group_metadata(const struct group_member *member, struct bytes protocol);
bool group_has_same_protocols(const struct group_member *member,
                              const struct join_group_request_protocol *protocols, int32_t count);
/* Restarts the member's session. */
void group_touch(struct group_member *member);

/* Begins a rebalance from any state with members. */
void group_prepare(struct group *group);
/* Ends the join when everybody is there. */
void group_try_complete(struct group *group);
void group_answer_join(struct group_member *member, int error);
void group_answer_sync(struct group_member *member, int error);
/* After members left or timed out. */
void group_after_removal(struct group *group);

struct group_offset *group_find_offset(const struct group *group, struct bytes topic,
                                       int32_t partition);
/* Stores (value not NULL) or removes an offset, as the log says. */
void group_apply_offset(struct group *group, struct bytes topic, int32_t partition,
                        const struct offset_commit_value *value);
/* What the log says of a generation. */
void group_apply(struct group *group, const struct group_metadata_value *value);
void group_check(const struct group *group);
