/* Shows that the rows of groups and of client metrics are sound. */
#include "log/meta/client_metrics_options.h"
#include "log/meta/group_options.h"
#include "tests/unit/unit.h"

static void the_rows_are_sound(void **state)
{
    struct group_options group = {0};
    struct client_metrics_options metrics = {0};
    (void)state;
    option_check(group_options_rows, group_options_row_count);
    option_check(client_metrics_options_rows, client_metrics_options_row_count);
    option_set_defaults(group_options_rows, group_options_row_count, &group);
    option_set_defaults(client_metrics_options_rows, client_metrics_options_row_count, &metrics);
    assert_int_equal(group.consumer_session_timeout_ms, 45000);
    assert_int_equal(metrics.interval_ms, 300000);
    option_fini(client_metrics_options_rows, client_metrics_options_row_count, &metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_rows_are_sound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
