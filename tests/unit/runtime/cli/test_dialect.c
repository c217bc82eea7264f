/* Shows how words of ours in a message become those of another tool. */
#include "runtime/cli/dialect.h"
#include "tests/unit/unit.h"

static void expect(const struct dialect *dialect, const char *text, const char *wanted)
{
    struct buffer out;
    buffer_init(&out);
    dialect_write(dialect, bytes_from_string(text), &out);
    assert_string_equal(buffer_string(&out), wanted);
    buffer_fini(&out);
}

static void an_empty_one_changes_nothing(void **state)
{
    const struct dialect empty = {0};
    (void)state;
    expect(&empty, "name another with -b HOST:PORT", "name another with -b HOST:PORT");
    expect(&empty, "", "");
}

static void whole_words_are_replaced(void **state)
{
    struct dialect dialect = {0};
    (void)state;
    dialect_add(&dialect, "-b", "--bootstrap-server");
    dialect_add(&dialect, "--by", "--shift-by");
    expect(&dialect, "-b HOST:PORT", "--bootstrap-server HOST:PORT");
    expect(&dialect, "with -b", "with --bootstrap-server");
    expect(&dialect, "'-b' (-b)", "'--bootstrap-server' (--bootstrap-server)");
    expect(&dialect, "--by takes", "--shift-by takes");
    expect(&dialect, "a-b -bc --b --by-hand x.-b -b.c", "a-b -bc --b --by-hand x.-b -b.c");
    dialect_fini(&dialect);
}

static void the_longest_counts_and_of_two_the_first(void **state)
{
    struct dialect dialect = {0};
    (void)state;
    dialect_add(&dialect, "-o", "--offset");
    dialect_add(&dialect, "-o OFFSET", "--partition N --offset OFFSET");
    dialect_add(&dialect, "-o", "--other");
    expect(&dialect, "-o OFFSET or -o", "--partition N --offset OFFSET or --offset");
    dialect_fini(&dialect);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_one_changes_nothing),
        cmocka_unit_test(whole_words_are_replaced),
        cmocka_unit_test(the_longest_counts_and_of_two_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
