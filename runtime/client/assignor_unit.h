/* Deals out topics that belong together: the partitions of one index of all topics of a unit go to
 * one member, as the input of one task.
 *
 * The assignors know nothing of it: each unit is shown to them as one topic, with as many
 * partitions as the largest of its topics, and what they give is spread over the topics again.
 * Keeps:  (1) a partition of a unit has one taker, also while it moves: nobody gets a part of what
 *             another member still owns a part of;
 *         (2) the same input gives the same result.
 * Thread: any. */
#pragma once

#include "runtime/client/assignor.h"

enum { ASSIGNOR_UNIT_NONE = -1 };

/* What else a deal goes by, and what came of it. */
struct assignor_unit_terms {
    int64_t acceptable_lag; /* who is not further behind with a state can take it over */
    int32_t warmups_max;    /* copies at a time beyond those that are wished for */
    /* out */
    size_t withheld_count; /* partitions that another member has to give up first */
    size_t held_count;     /* of units: that wait for who is next to catch up */
};

/* Deals in the steps of assignor_warmup.h. `units`: of each topic the number of its unit, or
 * ASSIGNOR_UNIT_NONE. */
void assignor_unit_deal(const struct assignor *assignor, struct arena *arena,
                        struct assignor_member *members, size_t member_count,
                        const struct assignor_topic *topics, const int *units, size_t topic_count,
                        struct assignor_unit_terms *terms);
