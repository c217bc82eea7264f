/* Shows which partitions a share has, and when a version on them is judged good, bad, or neither.
 */
#include "log/base/error.h"
#include "runtime/app/canary.h"
#include "tests/unit/unit.h"

#include <string.h>

static void shares_are_parts_of_a_whole(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",     "1",    "1/",     "/8",     "0/8",   "8/8",  "9/8",
                                        "-1/8", "1/8x", "1 / 8 ", "1/2000", "1.5/8", "one/8"};
    struct canary_share share;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(canary_share_parse(wrong[i], &share), ERROR_INVALID);
    }
    assert_int_equal(canary_share_parse("3/8", &share), 0);
    int count = 0;
    for (int32_t i = 0; i < 80; i++) {
        count += canary_share_has(share, i);
        assert_int_equal(canary_share_has(share, i), i % 8 < 3);
    }
    assert_int_equal(count, 30);
}

static void a_share_that_has_all_or_nothing_splits_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = {"1/8", "7/8", "1/2", "2/3", "3/1000", "999/1000"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct canary_share share;
        assert_int_equal(canary_share_parse(texts[i], &share), 0);
        int32_t in_count = 0;
        for (int32_t count = 0; count < 2500; count++) {
            bool is_split = in_count > 0 && in_count < count;
            assert_int_equal(canary_share_splits(share, count), is_split);
            in_count += canary_share_has(share, count);
        }
    }
}

static void percentiles_are_near_what_took_so_long(void **state)
{
    (void)state;
    struct canary_sample sample = {0};
    assert_int_equal(canary_sample_percentile(&sample, 0.99), 0);
    for (uint64_t span_ns = 1; span_ns < 20000000000; span_ns = span_ns * 3 / 2 + 1) {
        struct canary_sample one = {0};
        canary_sample_time(&one, 1, span_ns);
        uint64_t found = canary_sample_percentile(&one, 0.5);
        assert_true(found > span_ns || span_ns > 10000000000);
        assert_true(found <= span_ns + span_ns / 4 + 4);
    }
    canary_sample_time(&sample, 985, 985 * 1000); /* of a microsecond each */
    canary_sample_time(&sample, 15, 15 * 1000000);
    assert_in_range(canary_sample_percentile(&sample, 0.98), 1000, 1300);
    assert_in_range(canary_sample_percentile(&sample, 0.99), 1000000, 1300000);
    struct canary_sample sum = sample;
    canary_sample_add(&sum, &sample);
    assert_int_equal(canary_sample_percentile(&sum, 0.99), canary_sample_percentile(&sample, 0.99));
}

static enum canary_verdict judge(const struct canary_sample *trial,
                                 const struct canary_sample *rest, int64_t ran_ms, int64_t for_ms,
                                 const char *sentence)
{
    struct buffer why;
    buffer_init(&why);
    enum canary_verdict verdict = canary_judge(trial, rest, ran_ms, for_ms, &why);
    if (verdict == CANARY_WAIT) {
        assert_int_equal(why.size, 0);
    } else {
        assert_string_equal(buffer_string(&why), sentence);
    }
    buffer_fini(&why);
    return verdict;
}

static void errors_that_chance_explains_are_borne(void **state)
{
    (void)state;
    struct canary_sample trial = {.in_count = 1000, .error_count = 12};
    struct canary_sample rest = {.in_count = 7000, .error_count = 70};
    assert_int_equal(judge(&trial, &rest, 0, 0, ""), CANARY_WAIT);
    trial.error_count = 30;
    assert_int_equal(
        judge(&trial, &rest, 0, 0, "30 of 1000 records failed, of the other version 70 of 7000"),
        CANARY_ROLL_BACK);
    rest.error_count = 7000; /* everything fails, whatever runs */
    trial.error_count = 1000;
    assert_int_equal(judge(&trial, &rest, 0, 0, ""), CANARY_WAIT);
    trial = (struct canary_sample){.in_count = 4, .error_count = 4};
    rest.error_count = 0;
    assert_int_equal(judge(&trial, &rest, 0, 0, ""), CANARY_WAIT); /* too few to say */
}

static void alone_one_in_a_hundred_is_too_many(void **state)
{
    (void)state;
    struct canary_sample trial = {.in_count = 1000, .error_count = 10};
    struct canary_sample rest = {0};
    assert_int_equal(judge(&trial, &rest, 0, 0, ""), CANARY_WAIT);
    trial.error_count = 11;
    assert_int_equal(
        judge(&trial, &rest, 0, 0, "11 of 1000 records failed, of the other version 0 of 0"),
        CANARY_ROLL_BACK);
}

static void slow_versions_are_bad_when_enough_was_timed(void **state)
{
    (void)state;
    struct canary_sample trial = {.in_count = 999};
    struct canary_sample rest = {.in_count = 5000};
    canary_sample_time(&rest, 5000, (uint64_t)5000 * 10000);
    canary_sample_time(&trial, 999, (uint64_t)999 * 1000000);
    assert_int_equal(judge(&trial, &rest, 0, 0, ""), CANARY_WAIT);
    canary_sample_time(&trial, 1, 1000000);
    assert_int_equal(judge(&trial, &rest, 0, 0,
                           "99 of 100 records take up to 1.05 ms, of the other version 0.01 ms"),
                     CANARY_ROLL_BACK);
    struct canary_sample fair = {.in_count = 1000};
    canary_sample_time(&fair, 1000, (uint64_t)1000 * 90000); /* nine times, and nobody minds */
    assert_int_equal(judge(&fair, &rest, 0, 0, ""), CANARY_WAIT);
}

static void it_is_good_after_its_time_and_some_records(void **state)
{
    (void)state;
    struct canary_sample trial = {.in_count = 99};
    struct canary_sample rest = {.in_count = 800};
    assert_int_equal(judge(&trial, &rest, 60000, 60000, ""), CANARY_WAIT);
    trial.in_count = 100;
    assert_int_equal(judge(&trial, &rest, 59999, 60000, ""), CANARY_WAIT);
    assert_int_equal(judge(&trial, &rest, 1 << 30, 0, ""), CANARY_WAIT); /* by hand only */
    assert_int_equal(judge(&trial, &rest, 60000, 60000,
                           "0 of 100 records failed in 60 s, of the other version 0 of 800"),
                     CANARY_PROMOTE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_parts_of_a_whole),
        cmocka_unit_test(a_share_that_has_all_or_nothing_splits_nothing),
        cmocka_unit_test(percentiles_are_near_what_took_so_long),
        cmocka_unit_test(errors_that_chance_explains_are_borne),
        cmocka_unit_test(alone_one_in_a_hundred_is_too_many),
        cmocka_unit_test(slow_versions_are_bad_when_enough_was_timed),
        cmocka_unit_test(it_is_good_after_its_time_and_some_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
