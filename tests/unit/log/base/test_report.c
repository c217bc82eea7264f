/* Shows that a report keeps the first sentence, whole or cut, and that nobody needs to have one. */
#include "log/base/error.h"
#include "log/base/report.h"
#include "tests/unit/unit.h"

#include <string.h>

static void the_first_sentence_is_kept(void **state)
{
    (void)state;
    struct report report = {0};
    assert_true(report_is_empty(&report));
    assert_int_equal(report_add(&report, "app.lua:3", "no topic '%s'", "in"), ERROR_INVALID);
    assert_int_equal(report_add(&report, "app.lua:9", "no app"), ERROR_INVALID);
    assert_false(report_is_empty(&report));
    assert_string_equal(report.text, "no topic 'in'");
    assert_string_equal(report.place, "app.lua:3");
}

static void a_long_sentence_is_cut(void **state)
{
    (void)state;
    char text[REPORT_TEXT_SIZE * 2];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    struct report report = {0};
    assert_int_equal(report_add(&report, text, "%s", text), ERROR_INVALID);
    assert_int_equal(strlen(report.text), REPORT_TEXT_SIZE - 1);
    assert_int_equal(strlen(report.place), REPORT_PLACE_SIZE - 1);
}

static void place_and_report_may_be_missing(void **state)
{
    (void)state;
    struct report report = {0};
    assert_int_equal(report_add(NULL, NULL, "nobody listens"), ERROR_INVALID);
    assert_int_equal(report_add(&report, NULL, "somewhere"), ERROR_INVALID);
    assert_string_equal(report.place, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_sentence_is_kept),
        cmocka_unit_test(a_long_sentence_is_cut),
        cmocka_unit_test(place_and_report_may_be_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
