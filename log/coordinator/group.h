/* One group: its offsets, and its members. Inside log/coordinator.
 *
 * A group is classic or a consumer group (KIP-848, see consumer.h) and may change from one to the
 * other. Offsets and the way to the log are common; the rest of this file is the classic group:
 * its members and the rebalances between them. A consumer group is EMPTY or DEAD here.
 *
 *      EMPTY --join--> PREPARING --all joined, or time is up--> COMPLETING --synced--> STABLE
 *        ^                |  ^                                      |                    |
 *        |                |  +----- a member joins or leaves -------+--------------------+
 *        +- nobody left --+
 *      any state -- deleted --> DEAD (-- the log refused --> EMPTY)
 *      any state -- it becomes a consumer group --> EMPTY
 *
 * In PREPARING, joins wait in their members; in COMPLETING, syncs do. A leader's sync is written to
 * the log first; the assignment is everybody's when it is committed.
 *
 * Owns:   members and their timers, the committed offsets.
 * Keeps:  (1) the leader, if there is one, is a member; a group in COMPLETING or STABLE has one;
 *         (2) every static member is found by its instance id, and no two share one;
 *         (3) a waiting join is only in PREPARING or waits for its replacement to be logged; a
 *             waiting sync only in COMPLETING;
 *         (4) an id that was promised (MEMBER_ID_REQUIRED) is no member;
 *         (5) in EMPTY and DEAD there are no members;
 *         (6) every member knows a protocol that all members know;
 *         (7) a member keeps the epoch of its consumer group only until a generation begins.
 * Thread: the broker shard.
 * Source: KIP-62, KIP-134, KIP-345, KIP-394, KIP-814. */
#pragma once

#include "log/base/check.h"
#include "log/base/map.h"
#include "log/coordinator/coordinator.h"
#include "log/coordinator/group_history.h"
#include "log/coordinator/group_log.h"
#include "log/coordinator/offset_table.h"

struct group;
struct consumer;

enum group_state {
    GROUP_EMPTY,
    GROUP_PREPARING,
    GROUP_COMPLETING,
    GROUP_STABLE,
    GROUP_DEAD,
    GROUP_STATE_COUNT
};

struct group_protocol {
    struct bytes name;     /* owned */
    struct bytes metadata; /* owned */
};

struct group_member {
    struct group *group;
    struct bytes id;          /* owned, like all bytes of a member */
    struct bytes instance_id; /* null: a dynamic member */
    struct bytes client_id;
    struct bytes client_host;
    int32_t rebalance_timeout_ms;
    int32_t session_timeout_ms;
    struct group_protocol *protocols; /* in the order of preference */
    int32_t protocol_count;
    struct bytes assignment;
    struct coordinator_join *join; /* waiting, or NULL */
    struct coordinator_sync *sync; /* waiting, or NULL */
    bool is_new;                   /* until its first rebalance here is over */
    int32_t former_epoch;          /* until then, of a consumer group that went down; else -1 */
    struct io_timer session;
};

/* An id that a client was told to come back with. */
struct group_promise {
    struct group *group;
    struct bytes id; /* owned */
    struct io_timer session;
};

struct group_host;

/* A batch on its way to the log; embedded by whoever writes, freed by its `done`. */
struct group_write {
    /* The records were applied, or why they were not committed. */
    void (*done)(struct group_host *host, struct group_write *write, int error);
    struct bytes group_id; /* owned by the write's maker; the group may be gone at the end */
};

/* What a group needs of the coordinator. */
struct group_host {
    struct io *io;
    struct coordinator_options options;
    int64_t rebalance_count;
    /* Both are the coordinator's. `write` empties the builder. `answer` calls back on a later turn.
     * `find` gives the group if it is still there. */
    void (*write)(struct group_host *host, struct bytes group_id, struct batch_builder *builder,
                  struct group_write *write);
    void (*answer)(struct group_host *host, struct coordinator_request *request);
    struct group *(*find)(struct group_host *host, struct bytes group_id);
    /* The topics, as in coordinator_events. */
    const struct coordinator_events *events;
    void *events_owner;
    int64_t topics_version; /* grows whenever a topic came, went or grew */
};

struct group {
    struct group_host *host;
    struct bytes id; /* owned */
    enum group_state state;
    int32_t generation;
    struct bytes protocol_type; /* owned; "" for a group that only commits */
    struct bytes protocol;      /* owned; null outside a generation */
    struct bytes leader;        /* owned: a member id, or null */
    int64_t state_timestamp_ms;
    struct map members;   /* id to struct group_member *, in the order of joining */
    struct map instances; /* instance id to struct group_member * */
    struct map promises;  /* id to struct group_promise * */
    struct map unsynced;  /* members of this generation that have not asked for their assignment */
    struct io_timer join_timer;
    struct io_timer sync_timer;
    int64_t initial_remaining_ms; /* of the first rebalance's waiting; -1: not the first */
    bool has_new_member;          /* since the last look of the first rebalance */
    bool is_assigning;            /* the leader's assignment of this generation is being written */
    int32_t underway_count;       /* writes that are not committed yet */
    struct offset_table offsets;
    struct bytes logged;       /* owned: the last committed group record, null when there is none */
    struct consumer *consumer; /* NULL: a classic group */
    struct map records;        /* of a consumer group, committed: key to struct bytes *, owned */
    struct group_history history;
    bool is_doubtful; /* the log refused a record of a consumer group; see group_reload */
};

struct group *group_new(struct group_host *host, struct bytes id);
/* Members that wait are answered with the error. */
void group_free(struct group *group, int error);
const char *group_state_name(enum group_state state);
/* Nothing that anybody could miss: it may be forgotten without a record. */
bool group_is_bare(const struct group *group);
/* No members and not being deleted, whatever its kind. */
bool group_is_empty(const struct group *group);
size_t group_member_count(const struct group *group);
/* A committed record of a consumer group; a null value removes it. */
void group_apply_record(struct group *group, struct bytes key, struct bytes value);
/* Makes members of the committed records, at the end of loading. */
void group_load(struct group *group);
/* As group_load, after the log refused something: whoever waits is told COORDINATOR_NOT_AVAILABLE.
 */
void group_reload(struct group *group);
/* It is being deleted; the deletion failed. */
void group_die(struct group *group);
void group_revive(struct group *group);
/* An empty group becomes one of the other kind; its offsets stay. */
void group_become_consumer(struct group *group);
void group_become_classic(struct group *group);
/* The members of a classic group are members of a consumer group from now on: who waits joins
 * again, and the builder gets the end of its record. */
void group_leave_classic(struct group *group, struct batch_builder *builder);
/* Members were added and it has its generation: writes what the builder holds and the group's
 * record in one batch, and rebalances. */
void group_enter_classic(struct group *group, struct batch_builder *builder);
/* "classic" or "consumer". */
const char *group_kind(const struct group *group);
/* The state as its kind names it. */
const char *group_current_state_name(const struct group *group);
/* Tombstones for all that says that there is a group. */
void group_write_deletion(const struct group *group, struct batch_builder *builder);

/* group_member.c */
struct group_member *group_member_find(const struct group *group, struct bytes id);
/* ERROR_FENCED_INSTANCE_ID when the instance is another member by now, ERROR_UNKNOWN_MEMBER_ID. */
must_use int group_member_validate(const struct group *group, struct bytes id,
                                   struct bytes instance_id);
struct group_member *group_member_add(struct group *group, struct bytes id,
                                      const struct coordinator_join *join);
void group_member_set_protocols(struct group_member *member, const struct join_group_request *in);
bool group_member_has_same_protocols(const struct group_member *member,
                                     const struct join_group_request *in);
const struct group_protocol *group_member_protocol(const struct group_member *member,
                                                   struct bytes name);
/* What it waits for is answered with the error. */
void group_member_remove(struct group *group, struct group_member *member, int error);
/* A static member came back under another id. */
void group_member_rename(struct group *group, struct group_member *member, struct bytes id);
/* Whether it may speak in this generation, or came here by a downgrade and has not joined since. */
bool group_member_knows(const struct group_member *member, int32_t generation);
/* Starts the session anew. */
void group_member_touch(struct group_member *member);
void group_member_answer_join(struct group_member *member, int error);
void group_member_answer_sync(struct group_member *member, int error);
void group_promise_add(struct group *group, struct bytes id, int32_t session_timeout_ms);
/* False when there was none. */
bool group_promise_remove(struct group *group, struct bytes id);

/* group_rebalance.c */
void group_rebalance(struct group *group);
/* A member or a promise went away, or a member joined. */
void group_rebalance_progress(struct group *group);
/* A member left or died. */
void group_rebalance_without(struct group *group, struct group_member *member, int error,
                             enum group_cause cause, const char *detail);
/* Whether every member would find a protocol of its own if these joined too. */
bool group_supports(const struct group *group, const struct join_group_request *in);
/* The protocol that most members prefer among those that all know. */
struct bytes group_select_protocol(const struct group *group);

/* group_join.c */
void group_join(struct group *group, struct coordinator_join *join);
/* Client or instance id, a dash, and a random UUID (version 4), as Kafka makes them. */
struct bytes group_make_member_id(const struct group *group, const struct coordinator_join *join);
/* Refuses: fills the answer and calls back. */
void group_join_refuse(struct group_host *host, struct coordinator_join *join, int error);

/* A cause of a rebalance, for the history. `member` may be NULL. */
void group_remember(struct group *group, enum group_cause cause, const struct group_member *member,
                    const char *detail);
/* The group is at rest. */
void group_remember_end(struct group *group);

/* group_sync.c */
void group_sync(struct group *group, struct coordinator_sync *sync);
void group_sync_refuse(struct group_host *host, struct coordinator_sync *sync, int error);
/* Adds the group as it is now to a batch. */
void group_add_metadata(const struct group *group, struct batch_builder *builder);
/* Writes the group as it is now. `write` may be NULL. */
void group_write_metadata(struct group *group, struct group_write *write);
/* Makes members of a record, at the end of loading. */
void group_restore(struct group *group, const struct group_metadata_value *value);

/* group.c */
void group_move(struct group *group, enum group_state state);
/* Sets an owned field. */
void group_set_bytes(struct bytes *field, struct bytes value);
must_use int group_heartbeat(struct group *group, const struct heartbeat_request *in);
/* One member leaves: 0, ERROR_UNKNOWN_MEMBER_ID or ERROR_FENCED_INSTANCE_ID. An empty id of a
 * static member stands for whatever id it has (an admin removes it). */
must_use int group_leave(struct group *group, struct bytes id, struct bytes instance_id);
/* Whether this commit is allowed now; a member's session starts anew. */
must_use int group_validate_commit(struct group *group, int16_t version,
                                   const struct offset_commit_request *in, bool is_transactional);
/* Whether a member of type "consumer" reads the topic; true when that cannot be known. */
bool group_is_subscribed(const struct group *group, struct bytes topic);
void group_describe(const struct group *group, struct arena *arena,
                    struct describe_groups_response_group *out);
void group_print(const struct group *group, struct buffer *out);
void group_check(const struct group *group);
