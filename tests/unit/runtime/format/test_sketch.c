/* Shows that quantiles of a sketch are within 1 % of the sorted values, that merging and order make
 * no difference, that bins are bounded, that only what was encoded is decoded, and that adding to
 * the encoded bytes comes to the same. */
#include "log/base/error.h"
#include "runtime/format/sketch.h"
#include "tests/unit/runtime/format/random_json.h"
#include "tests/unit/unit.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

enum { VALUE_COUNT = 5000 };

static const double quantiles[] = {0, 0.001, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 1};

static void add(struct sketch *sketch, double value)
{
    assert_int_equal(sketch_add(sketch, value), 0);
}

static double quantile(const struct sketch *sketch, double q)
{
    double value = 0;
    assert_true(sketch_quantile(sketch, q, &value));
    return value;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a > b) - (a < b);
}

static double uniform(uint64_t *seed)
{
    return (random_next(seed) + 0.5) / 4294967296.0;
}

static double draw_latency(uint64_t *seed)
{
    return exp(3 + 2 * (uniform(seed) + uniform(seed) + uniform(seed) + uniform(seed) - 2));
}

static double draw_wide(uint64_t *seed)
{
    return pow(10, 12 * uniform(seed) - 4);
}

static double draw_signed(uint64_t *seed)
{
    double value = floor(200 * uniform(seed)) - 100;
    return value == 0 ? 0 : value * uniform(seed);
}

static double draw_count(uint64_t *seed)
{
    return floor(5 * uniform(seed));
}

static void assert_equal(const struct sketch *left, const struct sketch *right)
{
    struct buffer first, second;
    buffer_init(&first);
    buffer_init(&second);
    sketch_encode(left, &first);
    sketch_encode(right, &second);
    assert_true(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    buffer_fini(&first);
    buffer_fini(&second);
}

static void quantiles_are_within_one_percent(void **state)
{
    (void)state;
    double (*const draws[])(uint64_t *) = {draw_latency, draw_wide, draw_signed, draw_count};
    for (size_t d = 0; d < sizeof draws / sizeof *draws; d++) {
        uint64_t seed = 7 + d;
        static double values[VALUE_COUNT];
        struct sketch sketch = {0};
        for (size_t i = 0; i < VALUE_COUNT; i++) {
            values[i] = draws[d](&seed);
            add(&sketch, values[i]);
        }
        sketch_check(&sketch);
        qsort(values, VALUE_COUNT, sizeof *values, compare);
        for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
            double exact = values[(size_t)(quantiles[i] * (VALUE_COUNT - 1))];
            double error = fabs(quantile(&sketch, quantiles[i]) - exact);
            assert_true(error <= 0.010000001 * fabs(exact));
        }
        assert_true(quantile(&sketch, 0) == values[0]);
        assert_true(quantile(&sketch, 1) == values[VALUE_COUNT - 1]);
        sketch_fini(&sketch);
    }
}

static void merged_sketches_are_the_sketch_of_everything(void **state)
{
    (void)state;
    double (*const draws[])(uint64_t *) = {draw_latency, draw_wide, draw_signed};
    for (size_t d = 0; d < sizeof draws / sizeof *draws; d++) {
        uint64_t seed = 70 + d;
        static double values[VALUE_COUNT];
        struct sketch whole = {0}, parts[3] = {0}, backwards = {0};
        for (size_t i = 0; i < VALUE_COUNT; i++) {
            values[i] = draws[d](&seed);
            add(&whole, values[i]);
            add(&parts[random_next(&seed) % 3], values[i]);
        }
        for (size_t i = VALUE_COUNT; i > 0; i--) {
            add(&backwards, values[i - 1]);
        }
        assert_int_equal(sketch_merge(&parts[2], &parts[0]), 0);
        assert_int_equal(sketch_merge(&parts[1], &parts[2]), 0);
        sketch_check(&parts[1]);
        assert_equal(&parts[1], &whole);
        assert_equal(&backwards, &whole);
        for (size_t i = 0; i < 3; i++) {
            sketch_fini(&parts[i]);
        }
        sketch_fini(&whole);
        sketch_fini(&backwards);
    }
}

/* One value in every bin of a range that is wider than the limit, in any order and halves. */
static void bins_are_bounded_and_the_high_quantiles_stay_right(void **state)
{
    (void)state;
    enum { BINS = 3 * SKETCH_BINS_MAX };
    struct sketch sketch = {0}, odd = {0}, backwards = {0};
    for (int i = 0; i < BINS; i++) {
        double value = exp((i - 1000) * 0.0200006);
        add(&sketch, value);
        if (i % 2 == 1) {
            add(&odd, value);
        }
    }
    for (int i = BINS - 1; i >= 0; i--) {
        if (i % 2 == 0) {
            add(&backwards, exp((i - 1000) * 0.0200006));
        }
    }
    sketch_check(&sketch);
    assert_int_equal(sketch.count, BINS);
    assert_true(sketch.positive.count <= SKETCH_BINS_MAX);
    assert_int_equal(sketch_merge(&odd, &backwards), 0);
    assert_equal(&odd, &sketch);
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        if (quantiles[i] > 0.7) {
            double exact = exp(((int)(quantiles[i] * (BINS - 1)) - 1000) * 0.0200006);
            assert_true(fabs(quantile(&sketch, quantiles[i]) - exact) <= 0.010000001 * exact);
        }
    }
    sketch_fini(&sketch);
    sketch_fini(&odd);
    sketch_fini(&backwards);
}

static void odd_values_are_counted_or_refused(void **state)
{
    (void)state;
    double value = 0;
    struct sketch sketch;
    sketch_init(&sketch);
    assert_false(sketch_quantile(&sketch, 0.5, &value));
    assert_int_equal(sketch_add(&sketch, NAN), ERROR_INVALID);
    assert_int_equal(sketch_add(&sketch, INFINITY), ERROR_INVALID);
    assert_int_equal(sketch_add(&sketch, -INFINITY), ERROR_INVALID);
    assert_int_equal(sketch.count, 0);
    const double odd[] = {DBL_MAX, -DBL_MAX, DBL_MIN, -DBL_MIN, 5e-324, -0.0, 0.0};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        add(&sketch, odd[i]);
    }
    sketch_check(&sketch);
    assert_int_equal(sketch.zero_count, 3);
    assert_true(quantile(&sketch, 0) == -DBL_MAX);
    assert_true(quantile(&sketch, 0.5) == 0);
    assert_true(quantile(&sketch, 1) == DBL_MAX);
    sketch_clear(&sketch);
    add(&sketch, 12.5);
    assert_true(quantile(&sketch, 0.5) == 12.5);
    sketch_fini(&sketch);
}

static void a_sketch_is_decoded_as_it_was_encoded(void **state)
{
    (void)state;
    for (int count = 0; count < 300; count += 20) {
        uint64_t seed = 5;
        struct sketch sketch = {0}, again = {0};
        struct buffer encoded;
        buffer_init(&encoded);
        add(&again, 3); /* decoding replaces */
        for (int i = 0; i < count; i++) {
            add(&sketch, draw_signed(&seed));
        }
        sketch_encode(&sketch, &encoded);
        assert_int_equal(sketch_decode(&again, buffer_bytes(&encoded)), 0);
        sketch_check(&again);
        assert_equal(&sketch, &again);
        for (size_t cut = 0; cut < encoded.size; cut++) {
            assert_int_equal(sketch_decode(&again, bytes_make(encoded.data, cut)), ERROR_CORRUPT);
            assert_int_equal(again.count, 0);
        }
        sketch_fini(&sketch);
        sketch_fini(&again);
        buffer_fini(&encoded);
    }
}

static void a_sketch_of_latencies_is_small(void **state)
{
    (void)state;
    uint64_t seed = 3;
    struct sketch sketch = {0};
    struct buffer encoded;
    buffer_init(&encoded);
    for (int i = 0; i < 100000; i++) {
        add(&sketch, draw_latency(&seed));
    }
    sketch_encode(&sketch, &encoded);
    assert_in_range(encoded.size, 1, 1024);
    buffer_fini(&encoded);
    sketch_fini(&sketch);
}

static void anything_else_is_corrupt(void **state)
{
    (void)state;
    static const struct bytes bad[] = {
        BYTES_LITERAL(""),
        BYTES_LITERAL("\2\0\0\0"),                                   /* another version */
        BYTES_LITERAL("\1\0\0\0x"),                                  /* more behind it */
        BYTES_LITERAL("\1\1\0\0"),                                   /* fewer than no zeros */
        BYTES_LITERAL("\1\2\0\0\x40\0\0\0\0\0\0\0\x3f\0\0\0\0\0\0"), /* no whole maximum */
        BYTES_LITERAL("\1\2\0\0\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), /* minimum past the maximum */
        BYTES_LITERAL("\1\2\0\0\0\0\0\0\0\0\0\0\x7f\xf0\0\0\0\0\0\0"),     /* infinite */
        BYTES_LITERAL("\1\0\2\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),     /* an empty bin */
        BYTES_LITERAL("\1\0\4\0\2\2\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), /* the same bin twice */
        BYTES_LITERAL("\1\0\xfe\xff\xff\xff\x0f\0"),                       /* too many bins */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sketch sketch = {0};
        assert_int_equal(sketch_decode(&sketch, bad[i]), ERROR_CORRUPT);
        sketch_check(&sketch);
        sketch_fini(&sketch);
    }
}

/* What sketch_add_encoded must come to: decoded, added to, encoded. */
static int add_by_decoding(struct bytes encoded, double value, struct buffer *out)
{
    struct sketch sketch = {0};
    int error = encoded.size == 0 ? 0 : sketch_decode(&sketch, encoded);
    error = error == 0 ? sketch_add(&sketch, value) : error;
    if (error == 0) {
        sketch_encode(&sketch, out);
    }
    sketch_fini(&sketch);
    return error;
}

static double draw_few(uint64_t *seed)
{
    return draw_signed(seed) > 0 ? draw_count(seed) : -draw_wide(seed);
}

static double draw_every_bin(uint64_t *seed)
{
    return exp((random_next(seed) % (SKETCH_BINS_MAX + 100)) * 0.0200006);
}

static void adding_to_an_encoded_sketch_is_decoding_adding_and_encoding(void **state)
{
    (void)state;
    double (*const draws[])(uint64_t *) = {draw_latency, draw_wide, draw_signed,
                                           draw_count,   draw_few,  draw_every_bin};
    static const int counts[] = {2000, 2000, 2000, 2000, 2000, 8000}; /* the last: past the limit */
    for (size_t d = 0; d < sizeof draws / sizeof *draws; d++) {
        uint64_t seed = 11 + d;
        struct buffer encoded, expected, added;
        buffer_init(&encoded);
        buffer_init(&expected);
        buffer_init(&added);
        for (int i = 0; i < counts[d]; i++) {
            double value = draws[d](&seed);
            buffer_clear(&expected);
            buffer_clear(&added);
            buffer_add_string(&added, "front");
            assert_int_equal(add_by_decoding(buffer_bytes(&encoded), value, &expected), 0);
            assert_int_equal(sketch_add_encoded(buffer_bytes(&encoded), value, &added), 0);
            buffer_remove(&added, strlen("front"));
            assert_true(bytes_equal(buffer_bytes(&added), buffer_bytes(&expected)));
            buffer_clear(&encoded);
            buffer_add_bytes(&encoded, buffer_bytes(&added));
        }
        buffer_fini(&encoded);
        buffer_fini(&expected);
        buffer_fini(&added);
    }
}

/* A damaged sketch is refused, or is still one and then takes the value as any other. */
static void assert_same_add(struct bytes encoded, double value)
{
    struct buffer expected, added;
    struct sketch left = {0}, right = {0};
    buffer_init(&expected);
    buffer_init(&added);
    int error = add_by_decoding(encoded, value, &expected);
    assert_int_equal(sketch_add_encoded(encoded, value, &added), error);
    if (error == 0) {
        assert_int_equal(sketch_decode(&left, buffer_bytes(&expected)), 0);
        assert_int_equal(sketch_decode(&right, buffer_bytes(&added)), 0);
        sketch_check(&right);
        assert_equal(&left, &right);
    }
    sketch_fini(&left);
    sketch_fini(&right);
    buffer_fini(&expected);
    buffer_fini(&added);
}

static void adding_to_damaged_bytes_fails_as_decoding_them_does(void **state)
{
    (void)state;
    static const double values[] = {3, 0, -3, 1e300, -1e-300, INFINITY, NAN};
    uint64_t seed = 17;
    struct sketch sketch = {0};
    struct buffer encoded;
    buffer_init(&encoded);
    for (int i = 0; i < 400; i++) {
        add(&sketch, draw_signed(&seed));
    }
    sketch_encode(&sketch, &encoded);
    for (size_t at = 0; at < encoded.size; at++) {
        const double *value = &values[at % (sizeof values / sizeof *values)];
        uint8_t *copy = malloc(at); /* so that the sanitizer sees a read behind it */
        memcpy(copy, encoded.data, at);
        assert_same_add(bytes_make(copy, at), *value);
        free(copy);
        for (unsigned bit = 0; bit < 8; bit++) {
            encoded.data[at] ^= (uint8_t)(1u << bit);
            assert_same_add(buffer_bytes(&encoded), *value);
            assert_same_add(buffer_bytes(&encoded), 3);
            encoded.data[at] ^= (uint8_t)(1u << bit);
        }
    }
    buffer_fini(&encoded);
    sketch_fini(&sketch);
}

static void counts_have_an_end(void **state)
{
    (void)state;
    struct sketch half = {.zero_count = SKETCH_COUNT_MAX / 2, .count = SKETCH_COUNT_MAX / 2};
    struct sketch whole = half;
    assert_int_equal(sketch_merge(&whole, &half), 0);
    assert_int_equal(sketch_merge(&whole, &half), ERROR_TOO_LARGE);
    assert_int_equal(sketch_add(&whole, 1), ERROR_TOO_LARGE);
    sketch_check(&whole);
    struct buffer encoded;
    buffer_init(&encoded);
    sketch_encode(&whole, &encoded);
    struct bytes view = buffer_bytes(&encoded);
    struct buffer added;
    buffer_init(&added);
    assert_int_equal(sketch_add_encoded(view, 1, &added), ERROR_TOO_LARGE);
    assert_int_equal(added.size, 0);
    buffer_fini(&added);
    buffer_fini(&encoded);
    sketch_fini(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_one_percent),
        cmocka_unit_test(merged_sketches_are_the_sketch_of_everything),
        cmocka_unit_test(bins_are_bounded_and_the_high_quantiles_stay_right),
        cmocka_unit_test(odd_values_are_counted_or_refused),
        cmocka_unit_test(a_sketch_is_decoded_as_it_was_encoded),
        cmocka_unit_test(a_sketch_of_latencies_is_small),
        cmocka_unit_test(anything_else_is_corrupt),
        cmocka_unit_test(adding_to_an_encoded_sketch_is_decoding_adding_and_encoding),
        cmocka_unit_test(adding_to_damaged_bytes_fails_as_decoding_them_does),
        cmocka_unit_test(counts_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
