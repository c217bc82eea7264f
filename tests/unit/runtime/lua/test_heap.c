/* Shows that the allocator counts, limits and keeps contents when blocks change their size. */
#include "runtime/lua/heap.h"
#include "tests/unit/unit.h"

#include <string.h>

static void contents_survive_any_change_of_size(void **state)
{
    (void)state;
    struct heap heap;
    heap_init(&heap, 0);
    unsigned char *blocks[64] = {NULL};
    size_t sizes[64] = {0};
    uint32_t random = 1;
    size_t used_size = 0;
    for (int step = 0; step < 20000; step++) {
        random = random * 1664525 + 1013904223;
        size_t index = (random >> 8) % 64;
        size_t size = (random >> 16) % (step % 3 == 0 ? 1000 : 200);
        unsigned char *block = heap_allocate(&heap, blocks[index], sizes[index], size);
        used_size = used_size - sizes[index] + size;
        assert_int_equal(heap.used_size, used_size);
        size_t kept = sizes[index] < size ? sizes[index] : size;
        for (size_t i = 0; i < kept; i++) {
            assert_int_equal(block[i], index);
        }
        if (size > 0) {
            memset(block, (int)index, size);
        }
        blocks[index] = size == 0 ? NULL : block;
        sizes[index] = size;
    }
    for (size_t i = 0; i < 64; i++) {
        heap_allocate(&heap, blocks[i], sizes[i], 0);
    }
    heap_fini(&heap);
}

static void growing_past_the_limit_fails_and_shrinking_never(void **state)
{
    (void)state;
    struct heap heap;
    heap_init(&heap, 1000);
    void *free_of_limit = heap_allocate(&heap, NULL, 0, 5000);
    assert_non_null(free_of_limit);
    heap.is_limited = true;
    assert_null(heap_allocate(&heap, NULL, 0, 1));
    free_of_limit = heap_allocate(&heap, free_of_limit, 5000, 900);
    assert_non_null(free_of_limit);
    assert_null(heap_allocate(&heap, free_of_limit, 900, 1001));
    assert_null(heap_allocate(&heap, NULL, 0, 101));
    void *last = heap_allocate(&heap, NULL, 8, 100); /* 8 is a type of Lua here */
    assert_non_null(last);
    assert_int_equal(heap.used_size, 1000);
    heap_allocate(&heap, last, 100, 0);
    heap_allocate(&heap, free_of_limit, 900, 0);
    heap_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_survive_any_change_of_size),
        cmocka_unit_test(growing_past_the_limit_fails_and_shrinking_never),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
