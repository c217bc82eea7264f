/* Runs of partitions; see range.h. */
#include "runtime/client/range.h"

#include <stdlib.h>

/* Static members keep their place by instance id, whatever their member id is. */
static int range_compare(const void *left, const void *right)
{
    const struct assignor_member *a = *(const struct assignor_member *const *)left;
    const struct assignor_member *b = *(const struct assignor_member *const *)right;
    bool is_static = !bytes_is_null(a->instance_id) && !bytes_is_null(b->instance_id);
    int order = is_static ? bytes_compare(a->instance_id, b->instance_id)
                          : (bytes_is_null(a->instance_id) - bytes_is_null(b->instance_id));
    return order != 0 ? order : bytes_compare(a->id, b->id);
}

static void range_deal_topic(struct assignor_member **takers, size_t taker_count,
                             const struct assignor_topic *topic)
{
    size_t count = (size_t)topic->partition_count;
    size_t next = 0;
    for (size_t i = 0; i < taker_count; i++) {
        size_t share = count / taker_count + (i < count % taker_count);
        for (size_t j = 0; j < share; j++) {
            takers[i]->assigned[takers[i]->assigned_count++] =
                (struct assignor_partition){.topic = topic->name, .partition = (int32_t)next++};
        }
    }
}

void range_deal(struct arena *arena, struct assignor_member *members, size_t member_count,
                const struct assignor_topic *topics, size_t topic_count,
                const struct assignor_lag *lag)
{
    (void)lag; /* who gets what is fixed by the names */
    size_t total = 0;
    for (size_t i = 0; i < topic_count; i++) {
        total += (size_t)topics[i].partition_count;
    }
    struct assignor_member **takers = arena_array(arena, struct assignor_member *, member_count);
    for (size_t i = 0; i < member_count; i++) {
        members[i].assigned = arena_array(arena, struct assignor_partition, total);
        members[i].assigned_count = 0;
    }
    for (size_t i = 0; i < topic_count; i++) {
        size_t taker_count = 0;
        for (size_t j = 0; j < member_count; j++) {
            if (assignor_wants(&members[j], topics[i].name)) {
                takers[taker_count++] = &members[j];
            }
        }
        qsort(takers, taker_count, sizeof(struct assignor_member *), range_compare);
        if (taker_count > 0) {
            range_deal_topic(takers, taker_count, &topics[i]);
        }
    }
}
