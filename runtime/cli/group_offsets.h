/* What a group has committed, and who reads what: the rows of group describe and group seek.
 *
 * Owns:   nothing; rows live in the errand's arena.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"

struct group_offsets_row {
    const char *topic;
    int32_t partition;
    int64_t offset;        /* -1: none is committed */
    int32_t leader_epoch;  /* committed with it; -1: none */
    struct bytes metadata; /* committed with it; may be null */
    /* Of the member it is assigned to; NULL: nobody. */
    const struct describe_groups_response_member *member;
};

struct group_offsets {
    const char *group;
    int32_t coordinator; /* node id */
    struct bytes state;
    const struct describe_groups_response_group *description;
    /* Of a consumer group (KIP-848), its members in the same order; NULL: a classic group. */
    const struct consumer_group_describe_response_group *consumer;
    struct group_offsets_row *rows; /* by topic and partition */
    size_t count;
};

/* 0, or an exit code after a complaint. */
must_use int group_offsets_read(struct errand *errand, const char *group,
                                struct group_offsets *out);
/* The row of a partition, added when it is new; rows are sorted again by group_offsets_sort. */
struct group_offsets_row *group_offsets_add(struct errand *errand, struct group_offsets *offsets,
                                            const char *topic, int32_t partition);
void group_offsets_sort(struct group_offsets *offsets);
/* What a member was given; false when its protocol is not the consumers'. */
bool group_offsets_assignment(struct errand *errand,
                              const struct describe_groups_response_member *member,
                              struct consumer_protocol_assignment *out);
