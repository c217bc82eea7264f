/* Digit by digit; see kv_sort.h. */
#include "runtime/state/kv_sort.h"

#include "log/base/check.h"
#include "log/base/memory.h"

#include <stdlib.h>

enum {
    DIGITS = sizeof(uint64_t), /* of one byte each */
    DIGIT_VALUES = 256,
    DIGITS_WORTH = 64, /* rows; fewer are compared */
    AHEAD = 8,         /* rows whose keys are on their way to the caches */
    CACHE_LINE = 64
};

void kv_sort_init(struct kv_sort *sort, struct bytes (*key_of)(const void *item))
{
    *sort = (struct kv_sort){.key_of = key_of};
}

void kv_sort_fini(struct kv_sort *sort)
{
    free(sort->rows);
    *sort = (struct kv_sort){0};
}

void kv_sort_add(struct kv_sort *sort, const void *item)
{
    if (sort->count == sort->capacity) {
        sort->capacity = sort->capacity == 0 ? 16 : sort->capacity * 2;
        sort->rows = memory_resize(sort->rows, sort->capacity * sizeof *sort->rows);
    }
    sort->rows[sort->count++] = (struct kv_sort_row){.item = item};
}

/* Of at most size_max bytes. */
static size_t shared_size_of(struct bytes a, struct bytes b, size_t size_max)
{
    size_t size = 0;
    while (size < size_max && size < a.size && size < b.size && a.data[size] == b.data[size]) {
        size++;
    }
    return size;
}

static uint64_t start_of(struct bytes key, size_t shared_size)
{
    uint64_t start = 0;
    for (size_t i = shared_size; i < shared_size + sizeof start; i++) {
        start = start << 8 | (i < key.size ? key.data[i] : 0);
    }
    return start;
}

static int compare_rows(const void *left, const void *right, void *owner)
{
    const struct kv_sort_row *a = left;
    const struct kv_sort_row *b = right;
    const struct kv_sort *sort = owner;
    return a->start != b->start ? (a->start < b->start ? -1 : 1)
                                : bytes_compare(sort->key_of(a->item), sort->key_of(b->item));
}

/* By one digit; rows that are alike in it stay as they are. */
static void deal(const struct kv_sort_row *from, struct kv_sort_row *to, size_t count, int digit)
{
    size_t places[DIGIT_VALUES] = {0};
    size_t place = 0;
    for (size_t i = 0; i < count; i++) {
        places[from[i].start >> 8 * digit & 0xff]++;
    }
    for (size_t i = 0; i < DIGIT_VALUES; i++) {
        size_t next = place + places[i];
        places[i] = place;
        place = next;
    }
    for (size_t i = 0; i < count; i++) {
        to[places[from[i].start >> 8 * digit & 0xff]++] = from[i];
    }
}

/* `differing` has the bits in which not all are alike. */
static void sort_by_starts(struct kv_sort *sort, uint64_t differing)
{
    struct kv_sort_row *other = memory_alloc(sort->capacity * sizeof *other);
    for (int digit = 0; digit < DIGITS; digit++) {
        if ((differing >> 8 * digit & 0xff) != 0) {
            struct kv_sort_row *rows = sort->rows;
            deal(rows, other, sort->count, digit);
            sort->rows = other;
            other = rows;
        }
    }
    free(other);
}

/* Behind sort_by_starts. */
static void sort_equal_starts(struct kv_sort *sort)
{
    size_t end = 0;
    for (size_t first = 0; first < sort->count; first = end) {
        for (end = first + 1; end < sort->count; end++) {
            if (sort->rows[end].start != sort->rows[first].start) {
                break;
            }
        }
        if (end - first > 1) {
            qsort_r(sort->rows + first, end - first, sizeof *sort->rows, compare_rows, sort);
        }
    }
}

static bool is_sorted(struct kv_sort *sort)
{
    for (size_t i = 1; i < sort->count; i++) {
        if (compare_rows(&sort->rows[i - 1], &sort->rows[i], sort) > 0) {
            return false;
        }
    }
    return true;
}

static struct bytes key_at(const struct kv_sort *sort, size_t index)
{
    return sort->key_of(sort->rows[index].item);
}

/* Keys lie where they lie: each is looked at once if what the first and the last have in common is
 * what all have. Returns what that is. */
static size_t find_starts(struct kv_sort *sort, size_t shared_size)
{
    size_t size = shared_size;
    for (size_t i = 0; i < sort->count; i++) {
        if (i + AHEAD < sort->count) {
            memory_prefetch(sort->rows[i + AHEAD].item);
            memory_prefetch((const uint8_t *)sort->rows[i + AHEAD].item + CACHE_LINE);
        }
        size = shared_size_of(key_at(sort, 0), key_at(sort, i), size);
        sort->rows[i].start = start_of(key_at(sort, i), shared_size);
    }
    return size;
}

void kv_sort_run(struct kv_sort *sort)
{
    if (sort->count < 2) {
        return;
    }
    uint64_t differing = 0;
    size_t guess = shared_size_of(key_at(sort, 0), key_at(sort, sort->count - 1), SIZE_MAX);
    size_t shared_size = find_starts(sort, guess);
    if (shared_size < guess) {
        find_starts(sort, shared_size);
    }
    for (size_t i = 0; i < sort->count; i++) {
        differing |= sort->rows[i].start ^ sort->rows[0].start;
    }
    if (is_sorted(sort)) {
        return;
    }
    if (sort->count < DIGITS_WORTH) {
        qsort_r(sort->rows, sort->count, sizeof *sort->rows, compare_rows, sort);
        return;
    }
    sort_by_starts(sort, differing);
    sort_equal_starts(sort);
}

void kv_sort_check(const struct kv_sort *sort)
{
    for (size_t i = 1; i < sort->count; i++) {
        check(bytes_compare(sort->key_of(sort->rows[i - 1].item),
                            sort->key_of(sort->rows[i].item)) <= 0); /* (1) */
    }
}
