/* Shows that what an arena hands out is zeroed, aligned, apart from all else, and never more than
 * its limit. */
#include "log/base/arena.h"
#include "tests/unit/unit.h"

#include <string.h>

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    struct arena arena;
    uint8_t *parts[COUNT];
    arena_init(&arena, 0);
    for (size_t i = 0; i < COUNT; i++) {
        parts[i] = arena_get(&arena, i * 7);
        assert_int_equal((uintptr_t)parts[i] % 16, 0);
        for (size_t j = 0; j < i * 7; j++) {
            assert_int_equal(parts[i][j], 0);
        }
        memset(parts[i], (int)i & 0xff, i * 7);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < i * 7; j++) {
            assert_int_equal(parts[i][j], i & 0xff);
        }
    }
    arena_fini(&arena);
}

static void nothing_is_handed_out_past_the_limit(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 64);
    assert_non_null(arena_try(&arena, 40));
    assert_null(arena_try(&arena, 17));
    assert_non_null(arena_try(&arena, 16));
    assert_null(arena_try(&arena, 1));
    assert_null(arena_try(&arena, SIZE_MAX));
    assert_null(arena_try(&arena, SIZE_MAX - 15));
    arena_clear(&arena);
    assert_non_null(arena_try(&arena, 64));
    arena_fini(&arena);
}

static void a_cleared_arena_hands_out_zeroes_again(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 0);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            uint8_t *memory = arena_get(&arena, 300);
            for (int j = 0; j < 300; j++) {
                assert_int_equal(memory[j], 0);
            }
            memset(memory, 0xff, 300);
        }
        arena_clear(&arena);
        assert_int_equal(arena.used_size, 0);
    }
    arena_fini(&arena);
}

static void copies_outlive_what_they_copy(void **state)
{
    (void)state;
    struct arena arena;
    char text[] = "orders";
    arena_init(&arena, 0);
    struct bytes copy = arena_copy(&arena, bytes_from_string(text));
    char *string = arena_string(&arena, bytes_make(text, 5));
    text[0] = 'x';
    assert_true(bytes_equal_string(copy, "orders"));
    assert_string_equal(string, "order");
    assert_string_equal(arena_printf(&arena, "%s-%d", string, 17), "order-17");
    assert_true(bytes_is_null(arena_copy(&arena, (struct bytes){NULL, 0})));
    assert_false(bytes_is_null(arena_copy(&arena, BYTES_LITERAL(""))));
    assert_string_equal(arena_string(&arena, (struct bytes){NULL, 0}), "");
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(nothing_is_handed_out_past_the_limit),
        cmocka_unit_test(a_cleared_arena_hands_out_zeroes_again),
        cmocka_unit_test(copies_outlive_what_they_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
