/* A set of partitions of topics, each with the epoch at which it came to its owner. Inside
 * log/coordinator.
 *
 * Owns:   its items.
 * Keeps:  items rise strictly by topic id, then partition; so sets are compared and merged in one
 *         walk.
 * Thread: the owner's. */
#pragma once

#include "log/wire/messages.h"

struct partition_set_item {
    struct wire_uuid topic;
    int32_t index;
    int32_t epoch;
};

struct partition_set {
    struct partition_set_item *items;
    int32_t count;
    int32_t capacity;
};

/* A zeroed set is empty. */
void partition_set_fini(struct partition_set *set);
void partition_set_clear(struct partition_set *set);
/* Items may come in any order; partition_set_sort brings them into order, and the later one of
 * equals is dropped. Items that come in order need no sorting. */
void partition_set_add(struct partition_set *set, struct wire_uuid topic, int32_t index,
                       int32_t epoch);
void partition_set_sort(struct partition_set *set);
void partition_set_copy(struct partition_set *out, const struct partition_set *set);
/* Gives the items of `from` to `to`; `from` is empty afterwards. */
void partition_set_move(struct partition_set *to, struct partition_set *from);
/* NULL when it is not there. */
const struct partition_set_item *partition_set_find(const struct partition_set *set,
                                                    struct wire_uuid topic, int32_t index);
/* Whether both hold the same partitions, whatever their epochs. */
bool partition_set_equal(const struct partition_set *left, const struct partition_set *right);
/* Whether every item of `part` is in `whole`. */
bool partition_set_contains(const struct partition_set *whole, const struct partition_set *part);
int partition_set_compare(const struct partition_set_item *left,
                          const struct partition_set_item *right);
/* The items of one topic begin at `first`; returns the index behind the last. */
int32_t partition_set_topic_end(const struct partition_set *set, int32_t first);
int32_t partition_set_topic_count(const struct partition_set *set);
/* "topic-id: 0 1 2; ..." with epochs if wanted. */
void partition_set_print(const struct partition_set *set, bool has_epochs, struct buffer *out);
void partition_set_check(const struct partition_set *set);
