/* Deals out copies: which members keep the state of partitions that others process, so that one of
 * them goes on at once when the other is gone.
 *
 * As many copies of each partition as the member that wishes for most says, or as there are homes
 * for. Members that have one, or the partition itself and are about to give it up, keep it, as far
 * as loads stay even; then those with the least load get one.
 *
 * Keeps:  (1) no two members of one home have the same state, as original or copy, with the
 *             exception (3);
 *         (2) the same input gives the same result, in whatever order members and topics come;
 *         (3) who gets a partition that another one still has to give up keeps a copy of it
 *             meanwhile, beside the others, if it is not of the same home.
 * Thread: any. */
#pragma once

#include "runtime/client/assignor.h"

/* After a deal and before assignor_withhold: fills `standby` of every member. */
void assignor_standby_deal(struct arena *arena, struct assignor_member *members,
                           size_t member_count, const struct assignor_topic *topics,
                           size_t topic_count);
