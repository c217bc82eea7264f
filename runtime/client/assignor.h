/* Deals the partitions of a group's topics out to its members: the two ways we offer.
 *
 * Owns:   nothing; all lists live in the caller's arena or are borrowed.
 * Keeps:  (1) each partition goes to at most one member, and only to one that wants its topic;
 *         (2) the same input gives the same result, in whatever order members and topics come;
 *         (3) with assignor_withhold nobody gets what another member has not given up (KIP-429).
 * Thread: any. */
#pragma once

#include "log/base/arena.h"
#include "log/base/bytes.h"

struct assignor_partition {
    struct bytes topic;
    int32_t partition;
};

/* How far a member has read the changelogs of a partition's state: sums of offsets. */
struct assignor_position {
    struct bytes topic;
    int32_t partition;
    int64_t position;
    int64_t end; /* as it was told */
};

struct assignor_topic {
    struct bytes name;
    int32_t partition_count;
};

struct assignor_member {
    struct bytes id;
    struct bytes instance_id; /* null: dynamic */
    const struct bytes *topics;
    size_t topic_count;
    const struct assignor_partition *owned; /* what it holds, in its own words */
    size_t owned_count;
    int32_t generation; /* in which it got them; -1: unknown */
    struct bytes home; /* where its state lies, shared by the members of a process; null: nowhere */
    const struct assignor_partition *kept; /* of whose state it has a copy */
    size_t kept_count;
    int32_t standby_wish; /* how many copies there should be of each partition's state */
    bool tells_positions; /* false: it does not know of them */
    const struct assignor_position *positions; /* of what it owns and keeps, as far as it knows */
    size_t position_count;
    const struct assignor_partition *warming; /* those of `kept` that were `warmup` */
    size_t warming_count;
    /* out */
    struct assignor_partition *assigned;
    size_t assigned_count;
    struct assignor_partition
        *standby; /* of whose state it is to keep a copy (assignor_standby.h) */
    size_t standby_count;
    struct assignor_partition
        *next; /* what it will get once it has caught up (assignor_warmup.h) */
    size_t next_count;
    struct assignor_partition *warmup; /* those of `standby` that are `next` */
    size_t warmup_count;
};

struct assignor_lag;

/* `lag`: of these members and topics; NULL: nobody says anything. */
typedef void assignor_deal(struct arena *arena, struct assignor_member *members,
                           size_t member_count, const struct assignor_topic *topics,
                           size_t topic_count, const struct assignor_lag *lag);

struct assignor {
    const char *name;
    assignor_deal *deal;
};

/* In the order of preference; the last one has a NULL name. */
extern const struct assignor assignor_table[];
/* NULL when the name is not ours. */
const struct assignor *assignor_find(struct bytes name);
/* Takes from the assignments what another member still owns; how many partitions that were. */
size_t assignor_withhold(struct assignor_member *members, size_t member_count);
bool assignor_wants(const struct assignor_member *member, struct bytes topic);
