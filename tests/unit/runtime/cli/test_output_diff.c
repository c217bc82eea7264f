/* Wants to show: each kind of difference is told as what it is, one difference does not hide that
 * the rest is equal, and what waits is bounded. */
#include "log/base/error.h"
#include "runtime/cli/output_diff.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The differences as text: "topic kind key expected>found" each. */
static void note(void *owner, const struct output_diff_row *row)
{
    static const char *const none = "-";
    const struct record *one = row->expected == NULL ? row->found : row->expected;
    char *left = row->expected == NULL ? NULL : bytes_to_string(row->expected->value);
    char *right = row->found == NULL ? NULL : bytes_to_string(row->found->value);
    buffer_printf(owner, "%s %s %.*s %s>%s\n", row->topic, output_diff_words[row->kind],
                  BYTES_FORMAT(one->key), left == NULL ? none : left, right == NULL ? none : right);
    free(left);
    free(right);
}

static int add(struct output_diff *diff, bool is_expected, const char *key, const char *value)
{
    const struct record record = {
        .topic = "out", .key = bytes_from_string(key), .value = bytes_from_string(value)};
    return output_diff_add(diff, &record, is_expected);
}

/* Each character of a text is a value of the key "k". */
static void assert_differences(const char *expected, const char *found, const char *text)
{
    struct buffer told;
    struct output_diff diff;
    buffer_init(&told);
    output_diff_init(&diff, 1 << 20, note, &told);
    for (size_t i = 0; i < strlen(expected) || i < strlen(found); i++) {
        if (i < strlen(expected)) {
            char value[2] = {expected[i], 0};
            assert_int_equal(add(&diff, true, "k", value), 0);
        }
        if (i < strlen(found)) {
            char value[2] = {found[i], 0};
            assert_int_equal(add(&diff, false, "k", value), 0);
        }
    }
    output_diff_finish(&diff);
    assert_string_equal(buffer_string(&told), text);
    assert_int_equal(output_diff_is_equal(&diff), text[0] == 0);
    assert_int_equal(diff.size, 0);
    output_diff_fini(&diff);
    buffer_fini(&told);
}

static void every_difference_is_told_as_what_it_is(void **state)
{
    (void)state;
    assert_differences("abc", "abc", "");
    assert_differences("abc", "ac", "out missing k b>-\n");
    assert_differences("ac", "abc", "out additional k ->b\n");
    assert_differences("abc", "axc", "out different k b>x\n");
    assert_differences("abc", "bac", "out out of order k b>b\n");
    assert_differences("abcd", "bcda", "out out of order k a>a\n");
    assert_differences("ab", "", "out missing k a>-\nout missing k b>-\n");
    assert_differences("abcdef", "axbcdf", "out additional k ->x\nout missing k e>-\n");
}

static void one_difference_does_not_make_the_rest_wait(void **state)
{
    (void)state;
    struct buffer told;
    struct output_diff diff;
    buffer_init(&told);
    output_diff_init(&diff, 1 << 20, note, &told);
    assert_int_equal(add(&diff, true, "k", "only here"), 0);
    for (int i = 0; i < 1000; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        assert_int_equal(add(&diff, true, "k", value), 0);
        assert_int_equal(add(&diff, false, "k", value), 0);
    }
    assert_string_equal(buffer_string(&told), "out missing k only here>-\n");
    assert_int_equal(diff.size, 0);
    assert_int_equal(diff.keys.size, 0);
    output_diff_fini(&diff);
    buffer_fini(&told);
}

static void records_without_a_key_have_no_order(void **state)
{
    (void)state;
    struct buffer told;
    struct output_diff diff;
    buffer_init(&told);
    output_diff_init(&diff, 1 << 20, note, &told);
    assert_int_equal(add(&diff, true, NULL, "a"), 0);
    assert_int_equal(add(&diff, true, NULL, "b"), 0);
    assert_int_equal(add(&diff, false, NULL, "b"), 0);
    assert_int_equal(add(&diff, false, NULL, "a"), 0);
    assert_int_equal(add(&diff, false, NULL, "c"), 0);
    output_diff_finish(&diff);
    assert_string_equal(buffer_string(&told), "out additional  ->c\n");
    output_diff_fini(&diff);
    buffer_fini(&told);
}

/* As read from a batch, and as a plugin writes them. */
static void no_headers_are_like_an_empty_list_of_them(void **state)
{
    (void)state;
    struct buffer told;
    struct output_diff diff;
    buffer_init(&told);
    output_diff_init(&diff, 1 << 20, note, &told);
    struct record record = {.topic = "out", .key = BYTES_LITERAL("k"), .value = BYTES_LITERAL("v")};
    assert_int_equal(output_diff_add(&diff, &record, true), 0);
    record.headers_encoded = BYTES_LITERAL("");
    assert_int_equal(output_diff_add(&diff, &record, false), 0);
    assert_int_equal(output_diff_add(&diff, &record, true), 0);
    record.headers_encoded = BYTES_LITERAL("\x02h\x02x");
    assert_int_equal(output_diff_add(&diff, &record, false), 0);
    output_diff_finish(&diff);
    assert_string_equal(buffer_string(&told), "out different k v>v\n");
    output_diff_fini(&diff);
    buffer_fini(&told);
}

static void what_waits_is_bounded(void **state)
{
    (void)state;
    struct buffer told;
    struct output_diff diff;
    int error = 0, count = 0;
    buffer_init(&told);
    output_diff_init(&diff, 4096, note, &told);
    while ((error = add(&diff, false, "k", "x")) == 0) {
        assert_true(++count < 1000);
    }
    assert_int_equal(error, ERROR_TOO_LARGE);
    assert_true(count > 5);
    output_diff_fini(&diff);
    buffer_fini(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_difference_is_told_as_what_it_is),
        cmocka_unit_test(one_difference_does_not_make_the_rest_wait),
        cmocka_unit_test(records_without_a_key_have_no_order),
        cmocka_unit_test(no_headers_are_like_an_empty_list_of_them),
        cmocka_unit_test(what_waits_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
