/* Shows that allocation answers also for nothing, zeroes when asked, and refuses what no machine
 * has by stopping. */
#include "log/base/check.h"
#include "log/base/memory.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static jmp_buf escape;

static void leave(const char *condition, const char *file, int line)
{
    (void)condition;
    (void)file;
    (void)line;
    longjmp(escape, 1);
}

static void nothing_is_allocated_too(void **state)
{
    (void)state;
    void *parts[] = {memory_alloc(0), memory_zero(0, 8), memory_zero(8, 0), memory_resize(NULL, 0)};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        assert_non_null(parts[i]);
        free(parts[i]);
    }
}

static void zeroed_memory_is_zero_and_growing_keeps_the_content(void **state)
{
    (void)state;
    uint8_t *memory = memory_zero(100, 3);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(memory[i], 0);
    }
    memset(memory, 7, 300);
    memory = memory_resize(memory, 30000);
    for (int i = 0; i < 300; i++) {
        assert_int_equal(memory[i], 7);
    }
    free(memory);
}

static void strings_are_copied(void **state)
{
    (void)state;
    char text[] = "mill";
    char *copy = memory_string(text);
    text[0] = 'p';
    assert_string_equal(copy, "mill");
    assert_null(memory_string(NULL));
    free(copy);
}

static void a_product_that_overflows_stops_the_process(void **state)
{
    (void)state;
    volatile size_t count = SIZE_MAX / 2;
    check_on_failure(leave);
    if (setjmp(escape) == 0) {
        free(memory_zero(count, 4));
        fail();
    }
    check_on_failure(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_allocated_too),
        cmocka_unit_test(zeroed_memory_is_zero_and_growing_keeps_the_content),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(a_product_that_overflows_stops_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
