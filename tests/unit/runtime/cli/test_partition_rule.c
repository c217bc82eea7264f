/* Shows which partitions a rule means. */
#include "log/base/error.h"
#include "runtime/cli/partition_rule.h"
#include "tests/unit/unit.h"

static bool matches(const char *text, const char *topic, int32_t partition)
{
    struct partition_rule rule;
    assert_int_equal(partition_rule_parse(text, &rule), 0);
    bool is_match = partition_rule_matches(&rule, bytes_from_string(topic), partition);
    partition_rule_fini(&rule);
    return is_match;
}

static void a_name_alone_means_all_partitions(void **state)
{
    (void)state;
    assert_true(matches("a.*", "abc", 0));
    assert_true(matches("a.*:", "abc", INT32_MAX));
    assert_true(matches("", "abc", 7));
    assert_false(matches("a", "abc", 0));
    assert_false(matches("b|bc", "abc", 0));
}

static void ranges_leave_out_their_end(void **state)
{
    (void)state;
    assert_true(matches("a:1", "a", 1));
    assert_false(matches("a:1", "a", 2));
    assert_true(matches("a:1-3", "a", 2));
    assert_false(matches("a:1-3", "a", 3));
    assert_false(matches("a:1-3", "a", 0));
    assert_true(matches("a:2-", "a", 9));
    assert_false(matches("a:2-", "a", 1));
    assert_true(matches("a:-2", "a", 1));
    assert_false(matches("a:-2", "a", 2));
    assert_false(matches("a:2-1", "a", 1));
    assert_true(matches(":3", "a", 3));
}

static void what_is_no_rule_is_refused(void **state)
{
    static const char *const wrong[] = {"a:x", "a:-",     "a:1-x",       "a:x-1",
                                        "[",   "a:1-2-3", "a:9999999999"};
    struct partition_rule rule;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(partition_rule_parse(wrong[i], &rule), ERROR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_alone_means_all_partitions),
        cmocka_unit_test(ranges_leave_out_their_end),
        cmocka_unit_test(what_is_no_rule_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
