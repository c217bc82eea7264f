/* Shows that quantiles are right to one part in 64 whatever the values, that the ends are exact,
 * and what a person sees. */
#include "runtime/cli/histogram.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    *state = test_calloc(1, sizeof(struct histogram));
    return 0;
}

static int tear_down(void **state)
{
    test_free(*state);
    return 0;
}

static void expect_near(uint64_t value, uint64_t wanted)
{
    assert_true(value >= wanted);
    assert_true(value <= wanted + wanted / 64 + 1);
}

static void quantiles_are_near_and_ends_exact(void **state)
{
    struct histogram *histogram = *state;
    for (uint64_t i = 1; i <= 100000; i++) {
        histogram_add(histogram, i * 1000);
    }
    assert_int_equal(histogram->count, 100000);
    assert_int_equal(histogram->smallest, 1000);
    assert_int_equal(histogram->largest, 100000000);
    expect_near(histogram_quantile(histogram, 0.5), 50000000);
    expect_near(histogram_quantile(histogram, 0.99), 99000000);
    assert_int_equal(histogram_quantile(histogram, 1), 100000000);
    expect_near(histogram_quantile(histogram, 0), 1000);
    assert_true(histogram_mean(histogram) > 50000000 && histogram_mean(histogram) < 50001000);
}

static void small_values_have_buckets_of_their_own(void **state)
{
    struct histogram *histogram = *state;
    for (uint64_t i = 0; i < 128; i++) {
        histogram_add(histogram, i);
    }
    for (uint64_t i = 0; i < 128; i++) {
        assert_int_equal(histogram_quantile(histogram, (double)(i + 1) / 128), i);
    }
}

static void every_power_of_two_keeps_its_precision(void **state)
{
    struct histogram *histogram = *state;
    for (unsigned power = 0; power < 46; power++) {
        memset(histogram, 0, sizeof *histogram);
        uint64_t value = ((uint64_t)1 << power) + ((uint64_t)1 << power) / 3;
        histogram_add(histogram, value);
        histogram_add(histogram, value * 4);
        expect_near(histogram_quantile(histogram, 0.5), value);
    }
}

static void an_empty_one_and_a_huge_value_do_no_harm(void **state)
{
    struct histogram *histogram = *state;
    assert_int_equal(histogram_quantile(histogram, 0.99), 0);
    assert_true(histogram_mean(histogram) == 0);
    histogram_add(histogram, UINT64_MAX);
    assert_int_equal(histogram->largest, UINT64_MAX);
    assert_int_equal(histogram->counts[HISTOGRAM_SIZE - 1], 1);
}

static void people_see_a_bar_per_power_of_two(void **state)
{
    struct histogram *histogram = *state;
    struct buffer out;
    buffer_init(&out);
    for (int i = 0; i < 4; i++) {
        histogram_add(histogram, 1500000);
    }
    histogram_add(histogram, 100);
    histogram_print(histogram, &out);
    assert_string_equal(buffer_string(&out),
                        "  up to 127 ns             1  ##########\n"
                        "  up to 2.1 ms             4  ########################################\n");
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(quantiles_are_near_and_ends_exact, set_up, tear_down),
        cmocka_unit_test_setup_teardown(small_values_have_buckets_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_power_of_two_keeps_its_precision, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_one_and_a_huge_value_do_no_harm, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(people_see_a_bar_per_power_of_two, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
