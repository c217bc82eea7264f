/* Topic by topic, each member gets a run of neighbouring partitions; the first ones get one more
 * when it does not divide. Topics with equally many partitions are dealt alike, so that their
 * partitions of one number meet at one member.
 * Thread: any. */
#pragma once

#include "runtime/client/assignor.h"

void range_deal(struct arena *arena, struct assignor_member *members, size_t member_count,
                const struct assignor_topic *topics, size_t topic_count,
                const struct assignor_lag *lag);
