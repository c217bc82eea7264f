/* Who of a consumer group shall read what: one computation over topics and members. Inside
 * log/coordinator.
 *
 * The maker fills in topics (partitions are numbered through them, see deal_partition) and members
 * (their subscriptions and what they shall have so far), the dealer fills in owners. Dealers are
 * pure: the same input gives the same output.
 *
 * Keeps:  (1) every partition of a topic that somebody subscribes to has exactly one owner, who
 *             subscribes to the topic; no other partition has one;
 *         (2) uniform: no chain of hand-overs between members could even out their counts further
 *             (in a group where all subscribe to the same, counts differ by at most one); a
 *             partition changes hands only for that;
 *         (3) range: each topic is cut into runs of neighbours, in the order of the members, so
 *             that equal numbers of equally large topics meet in one member.
 * Owns:   its rows, in the arena of the maker.
 * Thread: any. */
#pragma once

#include "log/base/arena.h"
#include "log/wire/messages.h"

struct deal_topic {
    struct wire_uuid id;
    int32_t partition_count;
    int32_t first; /* the number of its partition 0; set by deal_start */
};

struct deal_member {
    struct bytes id;
    struct bytes instance_id; /* null: a dynamic member */
    int32_t *topics;          /* indexes of the topics it subscribes to, rising */
    int32_t topic_count;
    int32_t count; /* of partitions; the dealer's */
};

struct deal {
    struct deal_topic *topics; /* in the order of their ids */
    int32_t topic_count;
    struct deal_member *members;
    int32_t member_count;
    int32_t partition_count;
    /* By partition: the index of the member, or -1. Between deal_start and the dealer's call the
     * maker puts those in who had it so far. */
    int32_t *owners;
    struct arena *arena;
};

struct deal_method {
    const char *name; /* as clients and group.consumer.assignors know it */
    void (*run)(struct deal *deal);
};

/* NULL when there is none of that name. The last row has no name. */
const struct deal_method *deal_method_find(struct bytes name);
extern const struct deal_method deal_methods[];

/* Numbers the partitions and makes the row of owners, all -1. */
void deal_start(struct deal *deal);
/* The topic with this id; NULL when it is not part of the deal. */
const struct deal_topic *deal_find_topic(const struct deal *deal, struct wire_uuid id);
/* Whether the member subscribes to the topic. */
bool deal_wants(const struct deal_member *member, int32_t topic);
/* Asserts (1). */
void deal_check(const struct deal *deal);

/* deal_range.c, deal_uniform.c */
void deal_range(struct deal *deal);
void deal_uniform(struct deal *deal);
