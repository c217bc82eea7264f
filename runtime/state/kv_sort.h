/* Puts what has a key in the order of the keys.
 *
 * The eight bytes behind what all keys begin with decide nearly always. They lie beside each other
 * and are sorted by their digits, so that hardly a key is looked at twice; where they are equal,
 * the keys are compared.
 *
 * Owns:   the rows; items belong to who adds them.
 * Keeps:  (1) after kv_sort_run no row has a larger key than the one behind it.
 * Thread: any, one at a time. */
#pragma once

#include "log/base/bytes.h"

struct kv_sort_row {
    uint64_t start; /* of the key, behind what all begin with */
    const void *item;
};

struct kv_sort {
    struct bytes (*key_of)(const void *item);
    struct kv_sort_row *rows;
    size_t count;
    size_t capacity;
};

void kv_sort_init(struct kv_sort *sort, struct bytes (*key_of)(const void *item));
void kv_sort_fini(struct kv_sort *sort);
void kv_sort_add(struct kv_sort *sort, const void *item);
/* What is in order already costs one look at each. */
void kv_sort_run(struct kv_sort *sort);
void kv_sort_check(const struct kv_sort *sort);
