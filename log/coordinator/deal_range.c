/* Runs of neighbours in each topic; see deal.h.
 *
 * Members stand in one order: static ones by their instance id, then dynamic ones by their id, so
 * that a restart of a static member changes nothing. Of n members on p partitions the first p % n
 * get one more. */
#include "log/coordinator/deal.h"

#include <stdlib.h>

static int deal_range_compare(const void *left, const void *right)
{
    const struct deal_member *a = *(const struct deal_member *const *)left;
    const struct deal_member *b = *(const struct deal_member *const *)right;
    bool is_a_static = !bytes_is_null(a->instance_id);
    bool is_b_static = !bytes_is_null(b->instance_id);
    if (is_a_static != is_b_static) {
        return is_a_static ? -1 : 1;
    }
    int order = is_a_static ? bytes_compare(a->instance_id, b->instance_id) : 0;
    return order != 0 ? order : bytes_compare(a->id, b->id);
}

static void deal_range_topic(struct deal *deal, int32_t index, struct deal_member **sorted)
{
    const struct deal_topic *topic = &deal->topics[index];
    int32_t reader_count = 0;
    for (int32_t i = 0; i < deal->member_count; i++) {
        reader_count += deal_wants(sorted[i], index);
    }
    int32_t next = topic->first;
    int32_t rank = 0;
    for (int32_t i = 0; i < deal->member_count; i++) {
        if (!deal_wants(sorted[i], index)) {
            continue;
        }
        int32_t share =
            topic->partition_count / reader_count + (rank < topic->partition_count % reader_count);
        rank++;
        for (int32_t j = 0; j < share; j++) {
            deal->owners[next++] = (int32_t)(sorted[i] - deal->members);
        }
        sorted[i]->count += share;
    }
}

void deal_range(struct deal *deal)
{
    struct deal_member **sorted =
        arena_array(deal->arena, struct deal_member *, deal->member_count + 1);
    for (int32_t i = 0; i < deal->partition_count; i++) {
        deal->owners[i] = -1;
    }
    for (int32_t i = 0; i < deal->member_count; i++) {
        sorted[i] = &deal->members[i];
        sorted[i]->count = 0;
    }
    qsort(sorted, (size_t)deal->member_count, sizeof *sorted, deal_range_compare);
    for (int32_t i = 0; i < deal->topic_count; i++) {
        deal_range_topic(deal, i, sorted);
    }
}
