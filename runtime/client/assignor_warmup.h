/* Tasks with state stay where their state is until who is to get them has it, too (KIP-441).
 *
 * A deal has four steps. An assignor deals as if state were nothing: that is the goal, even and
 * sticky (sticky.h). If its takers have caught up with what they are to get, it is what is dealt.
 * Else everything stays where its owner has caught up, the rest goes to who has caught up and has
 * least, and partitions move between those that have caught up, where the goal sends them before
 * elsewhere, until that makes them no more even. Whom the goal gives what it has not caught up with
 * is `next` for it, if its move makes members more even.
 * Then copies are dealt (assignor_standby.h): those that are wished for, and for whoever is next
 * and has none a warm-up copy, a few at a time. Last, assignor_withhold takes what others still
 * own (KIP-429).
 *
 * Who is next joins again when it has caught up, and the leader does once in a while; the same
 * steps then find it caught up. So each deal comes closer to the goal, and when nothing is held the
 * goal is reached and stays.
 *
 * If nobody has caught up the member with the least lag gets the partition: it is the first that
 * can go on. As long as one member tells no positions, since its version, or program, does not know
 * of all this, nothing is held and the goal is dealt at once, as that one would if it dealt.
 *
 * So each deal that moves anything is more even than the one before, and partitions do not go to
 * and fro while there are deals for what others give up.
 *
 * Keeps:  (1) each partition has at most one taker, and one if somebody wants its topic;
 *         (2) its taker has caught up with it if anybody has that wants it; else nobody of them is
 *             less behind;
 *         (3) what is next for a member is another's, and the member has not caught up with it;
 *         (4) no member gets a copy of what it is given, and no two of one home the same state, but
 *             for what is withheld from the one for the other;
 *         (5) copies beyond those wished for are at most warmups_max, and what is being withheld;
 *         (6) even where lags allow: no partition could go to a member that wants it, has caught up
 *             with it, and has two less than its taker (where nothing is held it is the assignor
 *             that decides: sticky.h);
 *         (7) the same input gives the same output, in whatever order members and topics come;
 *         (8) sticky: a deal of what was dealt moves nothing, as long as nobody catches up or falls
 *             behind; if nothing is held it gives the same copies, too. What warms up nearly always
 *             goes on with that until it has caught up, unless the move came to be of no use;
 *         (9) if members catch up with what they copy, after as many deals as there are held
 *             partitions nothing is held.
 * (1) to (4) are asserted by assignor_warmup_check, (5) and (6) where they come about; the tests
 * show the others by chance. Thread: any. */
#pragma once

#include "runtime/client/assignor_lag.h"

/* Changes what was dealt to the members that the lags are of, and fills `next`. How many partitions
 * are held. */
size_t assignor_warmup_hold(struct arena *arena, struct assignor_member *members,
                            const struct assignor_lag *lag);
/* After copies were dealt, before assignor_withhold. */
void assignor_warmup_check(const struct assignor_lag *lag, struct arena *arena);
