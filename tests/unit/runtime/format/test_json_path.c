/* Shows that paths lead where they say and that what is no path is refused with a sentence. */
#include "log/base/error.h"
#include "runtime/format/json_path.h"
#include "tests/unit/unit.h"

static void paths_lead_to_values(void **state)
{
    (void)state;
    const struct {
        const char *path;
        const char *value; /* NULL: absent */
    } cases[] = {
        {"$", "{\"a\":{\"b\":[1,{\"c d\":2}]},\"n\":null}"},
        {"$.a.b[0]", "1"},
        {"$.a.b[1]['c d']", "2"},
        {"$['a'].b[1][\"c d\"]", "2"},
        {"$.n", "null"},
        {"$.n.x", NULL},
        {"$.a.b[2]", NULL},
        {"$.a[0]", NULL},
        {"$.missing", NULL},
    };
    struct json json;
    json_init(&json);
    assert_int_equal(json_parse(&json, bytes_from_string(cases[0].value)), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct json_path path;
        struct report report = {{0}, {0}};
        assert_int_equal(json_path_init(&path, cases[i].path, NULL, &report), 0);
        uint32_t token = json_path_find(&path, &json);
        if (cases[i].value == NULL) {
            assert_int_equal(token, JSON_ABSENT);
        } else {
            assert_true(bytes_equal_string(json_raw(&json, token), cases[i].value));
        }
        json_path_fini(&path);
    }
    json_fini(&json);
}

static void what_is_no_path_is_refused(void **state)
{
    (void)state;
    const char *const bad[] = {"",      "a",    "$a",    "$.",    "$.a.",
                               "$[",    "$[x]", "$[1",   "$['a",  "$['a'",
                               "$.a b", "$..a", "$[-1]", "$.a[]", "$[9999999999]"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json_path path;
        struct report report = {{0}, {0}};
        assert_int_equal(json_path_init(&path, bad[i], "app.lua:3", &report), ERROR_INVALID);
        assert_false(report_is_empty(&report));
        assert_string_equal(report.place, "app.lua:3");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_to_values),
        cmocka_unit_test(what_is_no_path_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
