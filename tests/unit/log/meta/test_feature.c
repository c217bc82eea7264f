/* Shows that the table of features is sound and that a name finds its row. */
#include "log/meta/feature.h"
#include "tests/unit/unit.h"

static void the_rows_are_sound(void **state)
{
    (void)state;
    feature_check();
    assert_non_null(feature_next(NULL));
}

static void a_name_finds_its_row(void **state)
{
    (void)state;
    const struct feature *feature = feature_find(BYTES_LITERAL("metadata.version"));
    assert_non_null(feature);
    assert_int_equal(feature->highest, 30);
    assert_null(feature_find(BYTES_LITERAL("metadata")));
    assert_null(feature_find(BYTES_LITERAL("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rows_are_sound),
        cmocka_unit_test(a_name_finds_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
