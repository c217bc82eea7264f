/* Shows that times as people write them are read exactly, with zones and fractions, and that what
 * is no time is refused. */
#include "log/base/error.h"
#include "runtime/format/calendar.h"
#include "tests/unit/unit.h"

static void iso_texts_are_read_with_zones_and_fractions(void **state)
{
    static const struct {
        const char *text;
        int64_t time_ms;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2025-10-10T13:55:36.123Z", 1760104536123},
        {"2025-10-10t13:55:36,1z", 1760104536100},
        {"2025-10-10 15:55:36.123999999+02:00", 1760104536123},
        {"2025-10-10T08:25:36-0530", 1760104536000},
        {"2024-02-29T23:59:60Z", 1709251200000}, /* a leap second */
        {"1969-12-31T23:59:59Z", -1000},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t time_ms = 0;
        assert_int_equal(calendar_parse_iso(bytes_from_string(rows[i].text), &time_ms), 0);
        assert_int_equal(time_ms, rows[i].time_ms);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const rows[] = {
        "",
        "yesterday",
        "2025-10-10",
        "2025-10-10T13:55:36", /* in which zone? */
        "2025-13-10T13:55:36Z",
        "2025-02-29T13:55:36Z",
        "2025-10-10T24:00:00Z",
        "2025-10-10T13:55:36.Z",
        "2025-10-10T13:55:36+25:00",
        "2025-10-10T13:55:36Z ",
        "-025-10-10T13:55:36Z",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t time_ms = 7;
        assert_int_equal(calendar_parse_iso(bytes_from_string(rows[i]), &time_ms), ERROR_MALFORMED);
        assert_int_equal(time_ms, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_texts_are_read_with_zones_and_fractions),
        cmocka_unit_test(what_is_no_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
