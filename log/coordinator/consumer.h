/* The members of a consumer group (KIP-848): what each shall have, what it has, and the steps
 * between. Inside log/coordinator.
 *
 *            +------------------ nobody left ------------------+
 *            v                                                 |
 *          EMPTY --join--> ASSIGNING --targets--> RECONCILING <--> STABLE
 *            |                 ^                       |               |
 *            |                 +--- the group epoch was bumped --------+
 *            +--deleted--> DEAD (-- the log refused --> EMPTY)
 *
 * The state is no decision but an observation: ASSIGNING while the group epoch is ahead of the
 * targets', RECONCILING while a member is not at its target, STABLE otherwise. Since targets are
 * computed in the heartbeat that finds them missing, ASSIGNING lasts until somebody's next one.
 *
 * A member goes from what it has to its target in at most two steps:
 *
 *          STABLE ------- must give something up -------> UNREVOKED
 *           |  ^                                              | it says it did
 *           |  +---------- all is released ---- UNRELEASED <--+
 *           +----------------------------------------^  others still hold what it shall have
 *
 * Three epochs rise: the group's with each change of members, subscriptions or topics; the targets'
 * follows it; a member's follows the targets' once it gave up what it must.
 *
 * What is written: the live state changes first, and consumer_flush writes what differs from what
 * was written last, member by member. Answers wait until everything they were made of is committed.
 * When the log refuses a record, the group is made anew from its committed records as soon as
 * nothing of it is under way (group_reload).
 *
 * Owns:   members with their timers, owners, expressions, the texts written last.
 * Keeps:  (1) a partition has at most one owner: the member that was assigned it or that has not
 *             given it up yet; nobody is assigned what somebody else owns;
 *         (2) what a member is assigned is part of its target, except what it has not yet been told
 *             to give up;
 *         (3) member epoch <= targets' epoch <= group epoch; no epoch falls, except a member's when
 *             it joins anew or leaves for a while;
 *         (4) every static member is found by its instance id, and no two share one;
 *         (5) STABLE and UNRELEASED have nothing to give up, UNREVOKED has;
 *         (6) an expression is known exactly as long as a member subscribes with it;
 *         (7) with nothing under way, what is committed is what is live.
 * Thread: the broker shard.
 * Source: KIP-848, KIP-1082, KIP-1251, KIP-1010. */
#pragma once

#include "log/coordinator/deal.h"
#include "log/coordinator/group.h"
#include "log/coordinator/partition_set.h"

struct consumer;

enum consumer_state {
    CONSUMER_EMPTY,
    CONSUMER_ASSIGNING,
    CONSUMER_RECONCILING,
    CONSUMER_STABLE,
    CONSUMER_DEAD
};

/* Kafka's numbers, which are in the log. */
enum consumer_member_state {
    CONSUMER_MEMBER_STABLE = 0,
    CONSUMER_MEMBER_UNREVOKED = 1,
    CONSUMER_MEMBER_UNRELEASED = 2,
    CONSUMER_MEMBER_UNKNOWN = 127, /* of a version from the future: it must rejoin */
};

enum {
    CONSUMER_JOIN_EPOCH = 0,
    CONSUMER_LEAVE_EPOCH = -1,
    CONSUMER_AWAY_EPOCH = -2, /* a static member that will come back */
};

/* The records of a member. */
enum consumer_text {
    CONSUMER_TEXT_METADATA,
    CONSUMER_TEXT_TARGET,
    CONSUMER_TEXT_CURRENT,
    CONSUMER_TEXT_COUNT
};

struct consumer_member {
    struct consumer *consumer;
    struct bytes id;          /* owned, like all bytes of a member */
    struct bytes instance_id; /* null: a dynamic member */
    struct bytes rack_id;
    struct bytes client_id;
    struct bytes client_host;
    struct bytes dealer;  /* the one it asked for; null: none */
    struct bytes *topics; /* names, rising */
    int32_t topic_count;
    struct bytes regex; /* null: none */
    int32_t rebalance_timeout_ms;
    int32_t epoch;
    int32_t previous_epoch;
    enum consumer_member_state state;
    struct partition_set assigned;
    struct partition_set revoking; /* to be given up */
    struct partition_set target;
    /* A member that speaks the classic protocol; see consumer_classic.c. */
    bool is_classic;
    int32_t session_timeout_ms;
    struct group_protocol *protocols;
    int32_t protocol_count;
    struct io_timer join_timer;
    struct io_timer sync_timer;

    struct io_timer session;
    struct io_timer rebalance_timer;           /* runs in UNREVOKED */
    struct list_link dirty;                    /* in the consumer's list: its records may differ */
    struct bytes written[CONSUMER_TEXT_COUNT]; /* owned; null: no such record */
};

struct consumer_regex {
    struct bytes text;    /* owned */
    struct bytes *topics; /* owned: the names it stands for, rising */
    int32_t topic_count;
    int32_t member_count;
    bool is_resolved;
    bool is_dirty;        /* its record may differ */
    int64_t timestamp_ms; /* when it began to stand for them */
    struct bytes written; /* owned */
};

/* A batch on its way, and who waits for it. */
struct consumer_write {
    struct group_write write;
    struct list answers; /* struct consumer_answer */
};

/* An answer that waits. Lives in the request's arena. */
struct consumer_answer {
    struct list_link link;
    struct coordinator_request *request;
    /* Makes it an error's. */
    void (*fail)(struct coordinator_request *request, int error);
};

struct consumer {
    struct group *group;
    enum consumer_state state;
    int32_t epoch;
    int64_t metadata_hash;
    int32_t assignment_epoch;
    int64_t assignment_timestamp_ms;
    int64_t topics_version; /* of the host, at the last look at the topics */
    struct map members;     /* id to struct consumer_member *, in the order of joining */
    struct map instances;   /* instance id to struct consumer_member * */
    struct map owners;      /* place to struct consumer_member * */
    struct map regexes;     /* text to struct consumer_regex * */
    struct list dirty;
    struct batch_builder builder; /* tombstones of members that are gone, until the next flush */
    struct bytes written_epoch;   /* owned, like the next */
    struct bytes written_target;
    struct consumer_write *last_write; /* the newest under way, or NULL */
};

/* consumer.c */
struct consumer *consumer_new(struct group *group);
void consumer_free(struct consumer *consumer);
const char *consumer_state_name(enum consumer_state state);
/* What holds of members and epochs now. */
void consumer_update_state(struct consumer *consumer);
/* Deletion, and its failure. */
void consumer_set_dead(struct consumer *consumer, bool is_dead);
/* Writes what changed; `answer`, if given, is called back when all of it is committed. */
void consumer_flush(struct consumer *consumer, struct consumer_answer *answer);
/* As consumer_flush without anything to write: waits for what is under way. */
void consumer_answer_later(struct consumer *consumer, struct consumer_answer *answer);
/* Bumps the group epoch. */
void consumer_bump(struct consumer *consumer);
bool consumer_is_subscribed(const struct consumer *consumer, struct bytes topic);
void consumer_describe(const struct consumer *consumer, struct arena *arena,
                       struct consumer_group_describe_response_group *out);
void consumer_check(const struct consumer *consumer);

/* consumer_member.c */
struct consumer_member *consumer_member_find(const struct consumer *consumer, struct bytes id);
struct consumer_member *consumer_member_find_instance(const struct consumer *consumer,
                                                      struct bytes instance_id);
struct consumer_member *consumer_member_add(struct consumer *consumer, struct bytes id);
/* Its records get tombstones at the next flush, its partitions are free. */
void consumer_member_remove(struct consumer_member *member);
/* Another id takes over everything (a static member that comes back). */
struct consumer_member *consumer_member_replace(struct consumer_member *member, struct bytes id);
void consumer_member_set_instance(struct consumer_member *member, struct bytes instance_id);
/* Names in any order. False when they are what they were. */
bool consumer_member_set_topics(struct consumer_member *member, const struct bytes *names,
                                int32_t count);
/* Null or empty: none. The expression is known afterwards, not necessarily resolved. */
bool consumer_member_set_regex(struct consumer_member *member, struct bytes regex);
/* NULL protocols: it speaks the consumer protocol. */
void consumer_member_set_protocols(struct consumer_member *member,
                                   const struct group_protocol *protocols, int32_t count,
                                   int32_t session_timeout_ms);
/* Sets what it has and what it has to give up; both sets are taken over. */
void consumer_member_set_current(struct consumer_member *member, struct partition_set *assigned,
                                 struct partition_set *revoking);
void consumer_member_set_epoch(struct consumer_member *member, int32_t epoch,
                               enum consumer_member_state state);
/* Its records may differ from what was written. */
void consumer_member_mark(struct consumer_member *member);
bool consumer_member_wants(const struct consumer_member *member, struct bytes topic);
/* Starts its session anew. */
void consumer_member_touch(struct consumer_member *member);
/* It gives up nothing within its rebalance timeout: it is gone. */
void consumer_member_start_rebalance_timer(struct consumer_member *member);
/* It is gone and the group goes on without it. `reason` goes into the history. */
void consumer_member_fence(struct consumer_member *member, enum group_cause cause,
                           const char *reason);
/* A cause of a rebalance, for the history. */
void consumer_member_remember(const struct consumer_member *member, enum group_cause cause,
                              const char *detail);
void consumer_member_start_timer(struct consumer_member *member, struct io_timer *timer,
                                 void (*fired)(struct io_timer *timer), int64_t timeout_ms);

/* consumer_reconcile.c */
/* One step towards the target, if one can be made. `owned` is what the member says it has, NULL
 * when it does not say. ERROR_FENCED_MEMBER_EPOCH when only joining anew helps. */
must_use int consumer_reconcile(struct consumer_member *member, bool has_subscription_changed,
                                const struct partition_set *owned);
/* Whether it waits for partitions that others have given up by now. */
bool consumer_reconcile_is_due(const struct consumer_member *member);

/* consumer_target.c */
/* Looks at topics and expressions again when the topics changed or `must_look`; bumps the group
 * epoch when `is_changed` or when what is subscribed to differs. */
void consumer_target_refresh(struct consumer *consumer, bool must_look, bool is_changed);
/* Whether the targets deal out everything that is subscribed to, once, to who wants it. */
bool consumer_target_is_whole(const struct consumer *consumer);
/* Takes the topics as they are now for what the targets were made for. */
void consumer_target_adopt(struct consumer *consumer);
/* Computes what everybody shall have, if the group epoch is ahead. */
void consumer_target_update(struct consumer *consumer);
/* The dealer of that name if the broker offers it (group.consumer.assignors), or NULL. */
const struct deal_method *consumer_target_find_dealer(const struct group_host *host,
                                                      struct bytes name);
/* The dealer that most members ask for, else the broker's first. */
const struct deal_method *consumer_target_dealer(const struct consumer *consumer);
/* 0, or ERROR_INVALID_REGULAR_EXPRESSION with a sentence. */
must_use int consumer_target_validate_regex(struct bytes text, struct arena *arena,
                                            struct bytes *message);

/* consumer_log.c */
/* Makes the live state of the committed records. */
void consumer_log_restore(struct consumer *consumer);
/* Adds the records that differ from what was written; a full builder is written at once. */
void consumer_log_write(struct consumer *consumer, struct batch_builder *builder);
void consumer_log_write_removal(struct consumer *consumer, const struct consumer_member *member);
void consumer_log_write_regex_removal(struct consumer *consumer,
                                      const struct consumer_regex *regex);
/* Asserts (7), and that what was written says what is live. */
void consumer_log_check(const struct consumer *consumer);
/* Tombstones for everything, also for what is under way. */
void consumer_log_write_deletion(struct consumer *consumer, struct batch_builder *builder);

/* consumer_classic.c: members that speak the classic protocol */
void consumer_classic_join(struct group *group, struct coordinator_join *join);
void consumer_classic_sync(struct group *group, struct coordinator_sync *sync);
must_use int consumer_classic_heartbeat(struct group *group, const struct heartbeat_request *in);
must_use int consumer_classic_leave(struct group *group, struct bytes id, struct bytes instance_id);
must_use int consumer_classic_read_subscription(struct bytes metadata, struct arena *arena,
                                                struct consumer_protocol_subscription *out);
/* Adds partitions of a topic under the id it has now; none when there is no such topic. */
void consumer_classic_add_named(const struct group_host *host, struct bytes topic,
                                const int32_t *partitions, int32_t count,
                                struct partition_set *out);
/* As SyncGroup brings it, in the version that the member speaks. */
struct bytes consumer_classic_write_assignment(const struct consumer_member *member,
                                               const struct partition_set *set,
                                               struct arena *arena);

/* consumer_convert.c */
/* A classic group with members becomes a consumer group: 0, or why not, with a sentence. */
must_use int consumer_convert_up(struct group *group, struct arena *arena, const char **message);
/* Whether all members speak the classic protocol, and may be a group of their own. */
bool consumer_convert_is_down_due(const struct consumer *consumer);
/* Then it becomes one, and `consumer` is gone. */
void consumer_convert_down(struct consumer *consumer);

/* consumer_heartbeat.c */
void consumer_heartbeat(struct group *group, struct coordinator_consumer_heartbeat *heartbeat);
void consumer_heartbeat_refuse(struct group_host *host,
                               struct coordinator_consumer_heartbeat *heartbeat, int error,
                               const char *message);
/* What can be said of a request without its group: 0, or an error with a sentence. */
must_use int consumer_heartbeat_validate(const struct group_host *host,
                                         const struct coordinator_consumer_heartbeat *heartbeat,
                                         const char **message);
/* Whether a member may commit (`partition` -1: anything) or fetch. */
must_use int consumer_validate_commit(struct consumer *consumer, int16_t version,
                                      const struct offset_commit_request *in);
must_use int consumer_validate_fetch(const struct consumer *consumer, struct bytes member_id,
                                     int32_t member_epoch);
