/* Shows that rates and delays are those of Kafka's quotas. */
#include "log/server/rate.h"
#include "tests/unit/unit.h"

static const struct rate_shape shape = {.window_count = 11, .window_ms = 1000};

/* 2000 within an empty row count as spread over ten windows. */
static void a_first_burst_is_spread(void **state)
{
    struct rate rate;
    (void)state;
    rate_init(&rate);
    rate_add(&rate, &shape, 2000, 5000);
    assert_true(rate_measure(&rate, &shape, 5000) == 200);
    assert_int_equal(rate_delay_ms(&rate, &shape, 200, 5000), 0);
    assert_int_equal(rate_delay_ms(&rate, &shape, 100, 5000), 10000);
    assert_int_equal(rate_delay_ms(&rate, &shape, 50, 5000), 30000);
}

/* Who waits as long as told is at the limit then. */
static void the_delay_brings_the_rate_to_the_limit(void **state)
{
    struct rate rate;
    (void)state;
    rate_init(&rate);
    int64_t now_ms = 0;
    double total = 0;
    for (int i = 0; i < 200; i++) {
        rate_add(&rate, &shape, 700, now_ms);
        total += 700;
        now_ms += 1 + rate_delay_ms(&rate, &shape, 1000, now_ms);
    }
    double overall = total / ((double)now_ms / 1000);
    assert_true(overall > 900);
    assert_true(overall < 1150); /* the first ten seconds are a present */
}

static void old_windows_count_no_more(void **state)
{
    struct rate rate;
    (void)state;
    rate_init(&rate);
    rate_add(&rate, &shape, 5000, 0);
    assert_true(rate_measure(&rate, &shape, 10999) > 400);
    assert_true(rate_measure(&rate, &shape, 11000) == 0);
    rate_add(&rate, &shape, 100, 50000);
    assert_true(rate_measure(&rate, &shape, 50000) == 10);
}

static void what_is_taken_back_does_not_count(void **state)
{
    struct rate rate;
    (void)state;
    rate_init(&rate);
    rate_add(&rate, &shape, 100, 0);
    rate_add(&rate, &shape, -100, 1);
    assert_true(rate_measure(&rate, &shape, 1) == 0);
}

/* 11 windows of a second: a bucket of 55 for a limit of 5 per second. */
static void a_bucket_allows_a_burst_and_then_makes_wait(void **state)
{
    struct rate_bucket bucket;
    (void)state;
    rate_bucket_init(&bucket);
    rate_bucket_take(&bucket, &shape, 5, 55, 1000);
    assert_int_equal(rate_bucket_delay_ms(&bucket, 5), 0);
    rate_bucket_take(&bucket, &shape, 5, 10, 1000);
    assert_int_equal(rate_bucket_delay_ms(&bucket, 5), 2000);
    rate_bucket_take(&bucket, &shape, 5, 0, 3000);
    assert_int_equal(rate_bucket_delay_ms(&bucket, 5), 0);
    rate_bucket_take(&bucket, &shape, 5, 0, 1000000);
    assert_true(bucket.tokens == 55);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_burst_is_spread),
        cmocka_unit_test(the_delay_brings_the_rate_to_the_limit),
        cmocka_unit_test(old_windows_count_no_more),
        cmocka_unit_test(what_is_taken_back_does_not_count),
        cmocka_unit_test(a_bucket_allows_a_burst_and_then_makes_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
