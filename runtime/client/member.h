/* One member of a classic consumer group: joins, assigns, heartbeats, commits.
 *
 * Owns:   the membership and its generation.
 * Keeps:  (1) `assigned` and `revoked` (or `lost`) alternate per partition: what was assigned is
 *             revoked before anybody else gets it;
 *         (2) a commit carries a generation in which its partitions are this member's; one for
 *             partitions that were given up or lost since the call is refused, here or by the
 *             coordinator;
 *         (3) a dynamic member leaves the group when it is closed; a static one is expected back;
 *         (4) events never come inside a call.
 * Protocols offered: "cooperative-sticky" (KIP-429) and "range"; the leader runs the assignor here.
 * Thread: its client's shard. */
#pragma once

#include "runtime/client/client.h"

struct member;

struct member_partition {
    const char *topic;
    int32_t partition;
    int64_t offset;        /* committed, or -1 */
    struct bytes metadata; /* committed with it; may be null */
    bool is_warmup;        /* of `standby`: it will be assigned once it has caught up */
};

/* How far the state of a partition was read from its changelogs, in sums of offsets. */
struct member_position {
    const char *topic;
    int32_t partition;
    int64_t position;
    int64_t end; /* as it was told */
};

struct member_events {
    /* New partitions, with their committed offsets. */
    void (*assigned)(void *owner, const struct member_partition *partitions, size_t count);
    /* To be given up: commit, then call member_revoked. Until then the group waits. */
    void (*revoked)(void *owner, const struct member_partition *partitions, size_t count);
    /* Taken away without asking (session lost): nothing may be committed. */
    void (*lost)(void *owner, const struct member_partition *partitions, size_t count);
    /* All partitions of whose state it is to keep a copy from now on; after `assigned` of the same
     * deal. NULL: it keeps none. */
    void (*standby)(void *owner, const struct member_partition *partitions, size_t count);
    /* Asked before each join, for the leader to judge who can go on with what: a list in the
     * arena, of partitions that it has or keeps copies of, those of a topic together. What it does
     * not know is not in it. NULL: it has no state. */
    size_t (*positions)(void *owner, struct arena *arena, struct member_position **out);
    /* An error that retrying does not heal; the member is out of the group. */
    void (*failed)(void *owner, int error);
};

struct member_options {
    const char *group;
    const char *instance_id; /* NULL: dynamic */
    const char *const *topics;
    size_t topic_count;
    const int *units;     /* of each topic: those of one unit are dealt out together
                           * (assignor_unit.h); NULL: each topic by itself */
    const char *home;     /* where its state lies: members of one process have the same; NULL: it
                           * takes no part in copies */
    int32_t standby_wish; /* how many copies there should be of each partition's state */
    /* For when it is the leader (assignor_warmup.h). */
    int64_t acceptable_lag;        /* default 10000 */
    int32_t warmups_max;           /* default 2 */
    int64_t probing_interval_ms;   /* it deals anew this long after partitions were held; default
                                    * 600000 */
    int64_t session_timeout_ms;    /* default 45000 */
    int64_t heartbeat_interval_ms; /* default 3000 */
    int64_t rebalance_timeout_ms;  /* default 60000 */
};

struct member_options member_options_default(const char *group);
struct member *member_new(struct client *client, const struct member_options *options,
                          const struct member_events *events, void *owner);
/* The answer to `revoked`; may be given inside the event. */
void member_revoked(struct member *member);
/* What the coordinator calls this member, empty while it has no name; and its generation, -1
 * outside the group. Valid until the next turn. */
struct bytes member_id(const struct member *member);
int32_t member_generation(const struct member *member);
/* Grows when partitions were lost: as long as it stays, what was assigned and not revoked is ours.
 */
int64_t member_loss_count(const struct member *member);
/* It is on its way into the next generation, and keeps what it holds meanwhile. */
bool member_is_joining(const struct member *member);
/* Leaves the group, when the commits that are out are done. No more events come. */
void member_close(struct member *member, void (*closed)(void *owner), void *owner);

struct member_commit {
    /* in; borrowed until done */
    const struct member_partition *partitions;
    size_t count;
    void (*done)(struct member_commit *commit, int error);
    void *owner;
    /* the member's */
    struct list_link link;
    uint64_t deadline;
    int64_t loss_count; /* of the member, at the call */
};
/* `offset` is the next one to be read. ERROR_ILLEGAL_GENERATION, ERROR_UNKNOWN_MEMBER_ID or
 * ERROR_FENCED_INSTANCE_ID: the partitions are no longer this member's. */
void member_commit(struct member *member, struct member_commit *commit);
/* Asks the coordinator now whether it still knows this member, which heartbeats would find out in a
 * while: for who was refused in its name, since its heir may be at work already. */
void member_ask(struct member *member);
/* Joins again, so that the leader deals by the positions of now. False when it is on its way into a
 * generation already, which may not know of them: to be tried again. */
bool member_probe(struct member *member);
void member_check(const struct member *member);
