/* Shows that a pattern of topics matches whole names, leaves alone what belongs to the log or to an
 * application, and that what is no pattern is a sentence with its place. */
#include "log/base/error.h"
#include "runtime/topology/topic_pattern.h"
#include "tests/unit/unit.h"

#include <string.h>

static void it_matches_whole_names_and_leaves_alone_what_is_not_for_all(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_matched;
    } cases[] = {{"logs-a", true},
                 {"logs-", true},
                 {"xlogs-a", false},
                 {"logs", false},
                 {"logs-a-changelog", false},
                 {"logs-a-repartition", false},
                 {"logs-changelog-a", true},
                 {"__logs-a", false},
                 {"_logs-a", true}};
    struct report report = {0};
    struct topic_pattern *pattern = NULL;
    assert_int_equal(topic_pattern_new("_*logs-.*", NULL, &pattern, &report), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(topic_pattern_matches(pattern, cases[i].name), cases[i].is_matched);
    }
    topic_pattern_free(pattern);
}

static void what_is_no_pattern_is_a_sentence(void **state)
{
    (void)state;
    struct report report = {0};
    struct topic_pattern *pattern = NULL;
    assert_int_equal(topic_pattern_new("logs-(", "app.lua:7", &pattern, &report), ERROR_INVALID);
    assert_null(pattern);
    assert_string_equal(report.place, "app.lua:7");
    assert_non_null(strstr(report.text, "'logs-(' is no pattern of topics: "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_matches_whole_names_and_leaves_alone_what_is_not_for_all),
        cmocka_unit_test(what_is_no_pattern_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
