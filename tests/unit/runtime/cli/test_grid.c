/* Shows a table of cells in columns, as JSON, and as Kafka's newer tools print it. */
#include "runtime/cli/grid.h"
#include "tests/unit/unit.h"

static const struct grid_column columns[] = {
    {"NAME", "name", false},
    {"LAG", "lag", true},
    {"HOST", "host", false},
};

enum form { FORM_COLUMNS, FORM_JSON, FORM_TABS };

static void expect(enum form form, int row_count, const char *text)
{
    struct grid grid;
    struct buffer out;
    buffer_init(&out);
    grid_init(&grid, columns, 3);
    for (int i = 0; i < row_count; i++) {
        grid_add(&grid, i == 0 ? BYTES_LITERAL("a \"long\" name") : BYTES_LITERAL("b"));
        if (i == 0) {
            grid_add_number(&grid, -7);
        } else {
            grid_add_nothing(&grid);
        }
        grid_add_string(&grid, i == 0 ? NULL : "here");
    }
    if (form == FORM_TABS) {
        grid_print_tabs(&grid, &out);
    } else {
        grid_print(&grid, form == FORM_JSON, &out);
    }
    assert_string_equal(buffer_string(&out), text);
    grid_fini(&grid);
    buffer_fini(&out);
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    expect(FORM_COLUMNS, 2,
           "NAME           LAG  HOST\n"
           "a \"long\" name  -7   -\n"
           "b              -    here\n");
    expect(FORM_COLUMNS, 0, "NAME  LAG  HOST\n");
}

static void json_has_numbers_strings_and_nulls(void **state)
{
    (void)state;
    expect(FORM_JSON, 2,
           "[{\"name\":\"a \\\"long\\\" name\",\"lag\":-7,\"host\":null},\n"
           " {\"name\":\"b\",\"lag\":null,\"host\":\"here\"}]\n");
    expect(FORM_JSON, 0, "[]\n");
}

static void tabs_follow_every_cell(void **state)
{
    (void)state;
    expect(FORM_TABS, 2,
           "NAME         \tLAG \tHOST\t\n"
           "a \"long\" name\t-7  \tNone\t\n"
           "b            \tNone\there\t\n");
    expect(FORM_TABS, 0, "NAME\tLAG\tHOST\t\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tabs_follow_every_cell),
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(json_has_numbers_strings_and_nulls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
