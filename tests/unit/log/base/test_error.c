/* Shows that the table of errors is sound: names and Kafka codes are told apart, and codes come
 * back as the rows they were made from. */
#include "log/base/error.h"
#include "tests/unit/unit.h"

#include <errno.h>
#include <string.h>

static void zero_is_success(void **state)
{
    (void)state;
    assert_string_equal(error_name(0), "NONE");
    assert_string_equal(error_text(0), "success");
    assert_int_equal(error_code(0), 0);
    assert_int_equal(error_from_code(0), 0);
    assert_false(error_is_retriable(0));
}

static void every_row_has_its_own_name_and_a_text(void **state)
{
    (void)state;
    for (int i = 1; i <= (int)ERROR_COUNT; i++) {
        assert_true(strlen(error_name(-i)) > 0);
        assert_true(strlen(error_text(-i)) > 0);
        for (int j = 1; j < i; j++) {
            assert_string_not_equal(error_name(-i), error_name(-j));
        }
    }
}

static void every_kafka_code_names_one_row(void **state)
{
    (void)state;
    for (int error = ERROR_UNKNOWN_SERVER; error >= -(int)ERROR_COUNT; error--) {
        assert_int_equal(error_from_code(error_code(error)), error);
    }
    for (int16_t code = -1; code <= 133; code++) {
        assert_int_equal(error_code(error_from_code(code)), code);
    }
}

static void an_unknown_code_is_an_unknown_server_error(void **state)
{
    (void)state;
    assert_int_equal(error_from_code(INT16_MAX), ERROR_UNKNOWN_SERVER);
    assert_int_equal(error_from_code(INT16_MIN), ERROR_UNKNOWN_SERVER);
}

static void a_local_error_is_told_as_a_code_that_kafka_knows(void **state)
{
    (void)state;
    for (int error = -1; error > ERROR_UNKNOWN_SERVER; error--) {
        assert_int_equal(error_code(error_from_code(error_code(error))), error_code(error));
    }
}

static void numbers_outside_the_table_are_answered(void **state)
{
    (void)state;
    const int outside[] = {1, -(int)ERROR_COUNT - 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
        assert_string_equal(error_name(outside[i]), "UNKNOWN");
        assert_int_equal(error_code(outside[i]), -1);
    }
}

static void what_the_system_says_is_translated(void **state)
{
    (void)state;
    assert_int_equal(error_from_errno(0), 0);
    assert_int_equal(error_from_errno(ENOSPC), ERROR_NO_SPACE);
    assert_int_equal(error_from_errno(ENOENT), ERROR_NOT_FOUND);
    assert_int_equal(error_from_errno(EISDIR), ERROR_IS_DIRECTORY);
    assert_int_equal(error_from_errno(EIO), ERROR_IO);
    assert_int_equal(error_from_errno(99999), ERROR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_is_success),
        cmocka_unit_test(every_row_has_its_own_name_and_a_text),
        cmocka_unit_test(every_kafka_code_names_one_row),
        cmocka_unit_test(an_unknown_code_is_an_unknown_server_error),
        cmocka_unit_test(a_local_error_is_told_as_a_code_that_kafka_knows),
        cmocka_unit_test(numbers_outside_the_table_are_answered),
        cmocka_unit_test(what_the_system_says_is_translated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
