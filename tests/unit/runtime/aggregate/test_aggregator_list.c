/* Shows collected values: in order, up to the limit, merged, and not too large. */
#include "tests/unit/runtime/aggregate/aggregate_bench.h"

static void values_are_kept_up_to_the_limit(void **state)
{
    (void)state;
    static const char *const values[] = {"1", "\"a\"", "[ 2 ]", "{}", NULL};
    static const char *const none[] = {NULL};
    aggregate_bench_expect("collect", 3, values, "[1,\"a\",[ 2 ]]");
    aggregate_bench_expect("collect", 9, none, "[]");
}

static void parts_follow_each_other(void **state)
{
    (void)state;
    struct aggregate_bench bench;
    aggregate_bench_init(&bench, "collect", 3);
    aggregate_bench_add(&bench, "1");
    aggregate_bench_add(&bench, "2");
    for (int i = 3; i < 6; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(aggregate_bench_change(&bench, 1, text, 0, true), 0);
    }
    assert_int_equal(aggregate_bench_merge(&bench, 2, 1), 0);
    assert_string_equal(aggregate_bench_text_of(&bench, 2), "[3,4,5]");
    assert_int_equal(aggregate_bench_merge(&bench, 0, 1), 0);
    assert_string_equal(aggregate_bench_text(&bench), "[1,2,3]");
    assert_int_equal(aggregate_bench_merge(&bench, 1, 0), 0);
    assert_string_equal(aggregate_bench_text_of(&bench, 1), "[3,4,5]");
    aggregate_bench_damage(&bench);
    aggregate_bench_fini(&bench);
}

static void more_than_a_mebibyte_is_refused(void **state)
{
    (void)state;
    enum { SIZE = 600 * 1024 };
    struct aggregate_bench bench;
    char *text = malloc(SIZE + 1);
    assert_non_null(text);
    memset(text, '1', SIZE);
    text[SIZE] = 0;
    aggregate_bench_init(&bench, "collect", 3);
    aggregate_bench_add(&bench, text);
    assert_int_equal(aggregate_bench_change(&bench, 0, text, 0, true), ERROR_TOO_LARGE);
    assert_int_equal(aggregate_bench_merge(&bench, 1, 0), 0);
    assert_int_equal(aggregate_bench_merge(&bench, 1, 0), ERROR_TOO_LARGE);
    aggregate_bench_fini(&bench);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_kept_up_to_the_limit),
        cmocka_unit_test(parts_follow_each_other),
        cmocka_unit_test(more_than_a_mebibyte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
