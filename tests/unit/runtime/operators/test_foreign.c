/* Shows that what the sides of a foreign-key join tell each other comes back as it was, and that
 * anything else is refused. */
#include "log/base/error.h"
#include "runtime/operators/foreign.h"
#include "tests/unit/unit.h"

static void subscriptions_come_back(void **state)
{
    (void)state;
    const struct foreign_subscription cases[] = {
        {FOREIGN_ADD, foreign_hash_of(BYTES_LITERAL("x")), BYTES_LITERAL("k")},
        {FOREIGN_REPLACE, foreign_hash_of(BYTES_LITERAL("")), BYTES_LITERAL("")},
        {FOREIGN_REMOVE_ALL, foreign_hash_of((struct bytes){0}), BYTES_LITERAL("\0\1")}};
    struct buffer text;
    buffer_init(&text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct foreign_subscription read;
        buffer_clear(&text);
        foreign_subscription_write(&text, &cases[i]);
        assert_int_equal(foreign_subscription_read(buffer_bytes(&text), &read), 0);
        assert_int_equal(read.action, cases[i].action);
        assert_true(foreign_hash_is_equal(read.hash, cases[i].hash));
        assert_true(bytes_equal(read.left_key, cases[i].left_key));
        assert_int_equal(foreign_subscription_read(bytes_make(text.data, 1), &read), ERROR_CORRUPT);
    }
    struct foreign_subscription read;
    assert_int_equal(foreign_subscription_read(BYTES_LITERAL("\4\0k"), &read), ERROR_CORRUPT);
    assert_int_equal(foreign_subscription_read(BYTES_LITERAL("\0\2k"), &read), ERROR_CORRUPT);
    assert_false(foreign_hash_is_equal(cases[1].hash, cases[2].hash));
    buffer_fini(&text);
}

static void answers_come_back(void **state)
{
    (void)state;
    struct foreign_answer told = {.hash = foreign_hash_of(BYTES_LITERAL("v")),
                                  .right = {7, BYTES_LITERAL("{}"), VALUE_JSON}};
    struct foreign_answer read;
    struct buffer text;
    buffer_init(&text);
    foreign_answer_write(&text, &told);
    assert_int_equal(foreign_answer_read(buffer_bytes(&text), &read), 0);
    assert_true(foreign_hash_is_equal(read.hash, told.hash));
    assert_int_equal(read.right.timestamp_ms, 7);
    assert_true(bytes_equal(read.right.value, told.right.value));
    assert_int_equal(foreign_answer_read(bytes_make(text.data, 5), &read), ERROR_CORRUPT);
    assert_int_equal(foreign_answer_read(bytes_make(text.data, 11), &read), ERROR_CORRUPT);
    buffer_clear(&text);
    told.right.value = (struct bytes){0};
    foreign_answer_write(&text, &told);
    assert_int_equal(foreign_answer_read(buffer_bytes(&text), &read), 0);
    assert_true(bytes_is_null(read.right.value));
    assert_false(read.is_still_nothing);
    buffer_clear(&text);
    told.is_still_nothing = true;
    foreign_answer_write(&text, &told);
    assert_int_equal(foreign_answer_read(buffer_bytes(&text), &read), 0);
    assert_true(read.is_still_nothing);
    assert_true(bytes_is_null(read.right.value));
    buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(subscriptions_come_back),
                                       cmocka_unit_test(answers_come_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
