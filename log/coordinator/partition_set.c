/* Sorted rows of partitions; see partition_set.h. */
#include "log/coordinator/partition_set.h"

#include "log/base/check.h"
#include "log/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PARTITION_SET_CAPACITY_MIN = 4 };

void partition_set_fini(struct partition_set *set)
{
    free(set->items);
    *set = (struct partition_set){0};
}

void partition_set_clear(struct partition_set *set)
{
    set->count = 0;
}

void partition_set_add(struct partition_set *set, struct wire_uuid topic, int32_t index,
                       int32_t epoch)
{
    if (set->count == set->capacity) {
        check(set->capacity <= INT32_MAX / 2);
        set->capacity =
            set->capacity == 0 ? (int32_t)PARTITION_SET_CAPACITY_MIN : set->capacity * 2;
        set->items = (struct partition_set_item *)memory_resize(set->items, (size_t)set->capacity *
                                                                                sizeof *set->items);
    }
    set->items[set->count++] =
        (struct partition_set_item){.topic = topic, .index = index, .epoch = epoch};
}

int partition_set_compare(const struct partition_set_item *left,
                          const struct partition_set_item *right)
{
    int order = memcmp(left->topic.octets, right->topic.octets, sizeof left->topic.octets);
    return order != 0 ? order : (left->index > right->index) - (left->index < right->index);
}

static int partition_set_compare_items(const void *left, const void *right)
{
    return partition_set_compare((const struct partition_set_item *)left,
                                 (const struct partition_set_item *)right);
}

void partition_set_sort(struct partition_set *set)
{
    int32_t kept = 0;
    if (set->count == 0) {
        return;
    }
    qsort(set->items, (size_t)set->count, sizeof *set->items, partition_set_compare_items);
    for (int32_t i = 1; i < set->count; i++) {
        if (partition_set_compare(&set->items[kept], &set->items[i]) != 0) {
            set->items[++kept] = set->items[i];
        }
    }
    set->count = kept + 1;
}

void partition_set_copy(struct partition_set *out, const struct partition_set *set)
{
    partition_set_clear(out);
    for (int32_t i = 0; i < set->count; i++) {
        partition_set_add(out, set->items[i].topic, set->items[i].index, set->items[i].epoch);
    }
}

void partition_set_move(struct partition_set *to, struct partition_set *from)
{
    partition_set_fini(to);
    *to = *from;
    *from = (struct partition_set){0};
}

const struct partition_set_item *partition_set_find(const struct partition_set *set,
                                                    struct wire_uuid topic, int32_t index)
{
    struct partition_set_item wanted = {.topic = topic, .index = index};
    if (set->count == 0) {
        return NULL;
    }
    return (const struct partition_set_item *)bsearch(
        &wanted, set->items, (size_t)set->count, sizeof *set->items, partition_set_compare_items);
}

bool partition_set_equal(const struct partition_set *left, const struct partition_set *right)
{
    if (left->count != right->count) {
        return false;
    }
    for (int32_t i = 0; i < left->count; i++) {
        if (partition_set_compare(&left->items[i], &right->items[i]) != 0) {
            return false;
        }
    }
    return true;
}

bool partition_set_contains(const struct partition_set *whole, const struct partition_set *part)
{
    for (int32_t i = 0; i < part->count; i++) {
        if (partition_set_find(whole, part->items[i].topic, part->items[i].index) == NULL) {
            return false;
        }
    }
    return true;
}

int32_t partition_set_topic_end(const struct partition_set *set, int32_t first)
{
    int32_t end = first;
    while (end < set->count && memcmp(set->items[end].topic.octets, set->items[first].topic.octets,
                                      sizeof set->items[end].topic.octets) == 0) {
        end++;
    }
    return end;
}

int32_t partition_set_topic_count(const struct partition_set *set)
{
    int32_t count = 0;
    for (int32_t i = 0; i < set->count; i = partition_set_topic_end(set, i)) {
        count++;
    }
    return count;
}

void partition_set_print(const struct partition_set *set, bool has_epochs, struct buffer *out)
{
    for (int32_t i = 0; i < set->count;) {
        int32_t end = partition_set_topic_end(set, i);
        buffer_add_string(out, i == 0 ? "" : "; ");
        for (size_t j = 0; j < sizeof set->items[i].topic.octets; j++) {
            buffer_printf(out, "%02x", set->items[i].topic.octets[j]);
        }
        buffer_add_string(out, ":");
        for (; i < end; i++) {
            buffer_printf(out, " %" PRId32, set->items[i].index);
            if (has_epochs) {
                buffer_printf(out, "@%" PRId32, set->items[i].epoch);
            }
        }
    }
}

void partition_set_check(const struct partition_set *set)
{
    check(set->count <= set->capacity);
    for (int32_t i = 1; i < set->count; i++) {
        check(partition_set_compare(&set->items[i - 1], &set->items[i]) < 0);
    }
}
