/* As even as it can be, moving as little as it must (KIP-54, KIP-341).
 *
 * Everybody keeps what they hold, unless two claim it in the same generation; what nobody holds
 * goes to who has caught up with its state, or keeps a copy of it, and has no more than a fair
 * share, else to whoever has least; then partitions move from those with more to those with less
 * until no move makes it more even: first those that warm up there, so that it goes on being the
 * one that is next, then those with whose state the other has caught up.
 *
 * Keeps:  what is wanted has a holder, and none of its other takers has two partitions less.
 * Thread: any. */
#pragma once

#include "runtime/client/assignor.h"

void sticky_deal(struct arena *arena, struct assignor_member *members, size_t member_count,
                 const struct assignor_topic *topics, size_t topic_count,
                 const struct assignor_lag *lag);
