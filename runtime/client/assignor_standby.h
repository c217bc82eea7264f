/* Deals out copies: which members keep the state of partitions that others process, so that one of
 * them goes on at once when the other is gone, or when it is to take them over.
 *
 * As many copies of each partition as the member that wishes for most says, or as there are homes
 * for. Members that have one, or the partition itself and are about to give it up, keep it, as far
 * as loads stay even, first those that have caught up; then those with the least load get one.
 * Who is next for a partition (assignor_warmup.h) and got no copy of it gets one beyond those, to
 * warm up; where there are too many, those go on first that are under way, the nearest to their end
 * before the others.
 *
 * Keeps:  (1) no two members of one home have the same state, as original or copy, with the
 *             exception (3);
 *         (2) the same input gives the same result, in whatever order members and topics come;
 *         (3) who gets a partition that another one still has to give up keeps a copy of it
 *             meanwhile, beside the others, if it is not of the same home, and if copies are wished
 *             for or it has one already;
 *         (4) the copies beyond those are at most `warmups_max`.
 * Thread: any. */
#pragma once

#include "runtime/client/assignor_lag.h"

/* After assignor_warmup_hold and before assignor_withhold: fills `standby` and `warmup` of every
 * member that the lags are of. */
void assignor_standby_deal(struct arena *arena, struct assignor_member *members,
                           const struct assignor_lag *lag, int32_t warmups_max);
