/* Shows that a broken assertion is reported with its text and place, and a kept one is silent. */
#include "log/base/check.h"
#include "tests/unit/unit.h"

#include <string.h>

static jmp_buf escape;
static char seen_condition[64];
static char seen_file[256];
static int seen_line;

static void leave(const char *condition, const char *file, int line)
{
    strncpy(seen_condition, condition, sizeof seen_condition - 1);
    strncpy(seen_file, file, sizeof seen_file - 1);
    seen_line = line;
    longjmp(escape, 1);
}

static void a_broken_assertion_says_what_and_where(void **state)
{
    (void)state;
    volatile int expected_line = 0;
    volatile int count = 2;
    check_on_failure(leave);
    if (setjmp(escape) == 0) {
        expected_line = __LINE__ + 1;
        check(count == 3);
        fail();
    }
    check_on_failure(NULL);
    assert_string_equal(seen_condition, "count == 3");
    assert_non_null(strstr(seen_file, "test_check.c"));
    assert_int_equal(seen_line, expected_line);
}

static void a_kept_assertion_is_evaluated_once(void **state)
{
    (void)state;
    int count = 0;
    check(++count == 1);
    assert_int_equal(count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_broken_assertion_says_what_and_where),
        cmocka_unit_test(a_kept_assertion_is_evaluated_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
