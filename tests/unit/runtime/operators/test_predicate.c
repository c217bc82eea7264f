/* Shows what conditions mean, that null differs from absent and integers stay exact, and that what
 * is no condition is refused with its place. */
#include "log/base/error.h"
#include "runtime/operators/predicate.h"
#include "tests/unit/unit.h"

static const char value_text[] =
    "{\"level\":\"error\",\"ms\":17,\"big\":9007199254740993,\"x\":1.5,\"on\":true,\"off\":false,"
    "\"none\":null,\"list\":[1,{\"a\":\"b\"}],\"esc\":\"a\\u0062\",\"huge\":99999999999999999999}";

static int judge(const char *text, const struct record *record)
{
    struct predicate *predicate = NULL;
    struct report report = {{0}, {0}};
    int error = predicate_new(text, NULL, &report, &predicate);
    if (error != 0) {
        print_error("%s\n", report.text);
    }
    assert_int_equal(error, 0);
    int result = predicate_judge(predicate, record, NULL);
    assert_int_equal(predicate_judge(predicate, record, NULL), result);
    predicate_free(predicate);
    return result;
}

static void conditions_mean_what_they_say(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int result;
    } cases[] = {
        {"$.level == 'error'", 1},
        {"$.level==\"error\"", 1},
        {"$.level != 'error'", 0},
        {"$.level ~= 'warn'", 1},
        {"$.ms >= 17 and $.ms <= 17 and not ($.ms < 17 or $.ms > 17)", 1},
        {"$.ms > 16.5", 1},
        {"$.ms == 17.0", 1},
        {"$.x < 2 and $.x > 1", 1},
        {"$.big == 9007199254740993", 1},
        {"$.big == 9007199254740992", 0},
        {"$.big > 9007199254740992.0", 1},
        {"$.huge > 9223372036854775807", 1},
        {"$.on", 1},
        {"$.off", 0},
        {"not $.off", 1},
        {"not not $.on", 1},
        {"$.on == true and $.off == false", 1},
        {"$.none == null", 1},
        {"$.none == nil", 0},
        {"$.none != nil", 1},
        {"$.none", 0},
        {"$.absent == nil", 1},
        {"$.absent == null", 0},
        {"$.absent != nil", 0},
        {"$.absent > 1 or $.absent < 1", 0},
        {"$.absent <= nil", 0},
        {"$.level > 1", 0},
        {"$.level < 1", 0},
        {"$.level != 1", 1},
        {"$.level > 'a' and $.level < 'f'", 1},
        {"$.list[0] == 1 and $.list[1].a == 'b' and $.list[2] == nil", 1},
        {"$.list == $.list", 0},
        {"$.list", 1},
        {"$.esc == 'ab'", 1},
        {"'ab' == $.esc and $.esc == $.esc", 1},
        {"key == 'k' and topic == 't' and partition == 3 and offset == 9 and ts == -5", 1},
        {"key", 1},
        {"$.ms == 17 or $.level == 'x' and $.ms == 0", 1},
        {"($.ms == 17 or $.level == 'x') and $.ms == 0", 0},
        {"1 < 2", 1},
        {"-1 > -2", 1},
        {"1e3 == 1000", 1},
    };
    struct record record = {
        .topic = "t",
        .partition = 3,
        .offset = 9,
        .timestamp_ms = -5,
        .key = BYTES_LITERAL("k"),
    };
    record.value = bytes_from_string(value_text);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (judge(cases[i].text, &record) != cases[i].result) {
            fail_msg("%s", cases[i].text);
        }
    }
}

static void a_tombstone_has_no_members(void **state)
{
    (void)state;
    struct record record = {.topic = "t"};
    assert_int_equal(judge("$.a == nil and value == nil and key == nil", &record), 1);
    assert_int_equal(judge("$ == nil", &record), 1);
}

static void a_value_that_is_no_json_is_an_error_only_when_it_is_needed(void **state)
{
    (void)state;
    struct record record = {.topic = "t", .value = BYTES_LITERAL("{broken")};
    assert_int_equal(judge("topic == 'x' and $.a", &record), 0);
    assert_int_equal(judge("value == '{broken'", &record), 1);
    assert_int_equal(judge("$.a", &record), ERROR_MALFORMED);
    assert_int_equal(judge("not $.a", &record), ERROR_MALFORMED);
    assert_int_equal(judge("$.a == nil", &record), ERROR_MALFORMED);
}

static void what_is_no_condition_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = {
        "",      "$",         "and",          "$.a ==",   "== 1",      "$.a = 1", "($.a",
        "$.a)",  "$.a $.b",   "'open",        "foo == 1", "$. == 1",   "$.a ! 1", "$.a == 1 &&",
        "1.2.3", "keys == 1", "$.a == 'x' b", "not",      "$.a < < 1", "$[",      "$.a <> 2",
    };
    for (size_t i = 1; i < sizeof bad / sizeof *bad; i++) {
        struct predicate *predicate = NULL;
        struct report report = {{0}, {0}};
        if (i == 1) {
            continue; /* "$" alone is the whole value */
        }
        if (predicate_new(bad[i], "app.lua:9", &report, &predicate) == 0) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_string_equal(report.place, "app.lua:9");
        assert_false(report_is_empty(&report));
    }
    char deep[200] = {0};
    for (int i = 0; i < 100; i++) {
        deep[i] = '(';
    }
    struct predicate *predicate = NULL;
    struct report report = {{0}, {0}};
    assert_int_equal(predicate_new(deep, NULL, &report, &predicate), ERROR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_mean_what_they_say),
        cmocka_unit_test(a_tombstone_has_no_members),
        cmocka_unit_test(a_value_that_is_no_json_is_an_error_only_when_it_is_needed),
        cmocka_unit_test(what_is_no_condition_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
