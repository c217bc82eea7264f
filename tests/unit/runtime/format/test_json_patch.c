/* Shows that an untouched text is reproduced byte for byte, that a change touches nothing but
 * itself, and that reads see changes. */
#include "log/base/error.h"
#include "runtime/format/json_patch.h"
#include "tests/unit/runtime/format/random_json.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

struct fixture {
    struct json_patch patch;
    struct buffer out;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    json_patch_init(&fixture->patch);
    buffer_init(&fixture->out);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    json_patch_fini(&fixture->patch);
    buffer_fini(&fixture->out);
    free(fixture);
    return 0;
}

static struct json_place open_text(struct fixture *fixture, const char *text)
{
    assert_int_equal(json_patch_parse(&fixture->patch, bytes_from_string(text)), 0);
    return json_patch_root(&fixture->patch);
}

static void expect(struct fixture *fixture, const char *text)
{
    buffer_clear(&fixture->out);
    json_patch_write(&fixture->patch, &fixture->out);
    assert_string_equal(buffer_string(&fixture->out), text);
}

static void set(struct json_place place, const char *name, const char *text)
{
    assert_int_equal(json_place_set(place, bytes_from_string(name), bytes_from_string(text)), 0);
}

static void an_untouched_text_is_reproduced_byte_for_byte(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text;
    buffer_init(&text);
    for (uint64_t round = 1; round <= 3000; round++) {
        uint64_t seed = round * 104729;
        buffer_clear(&text);
        random_value(&seed, &text, 5);
        assert_int_equal(json_patch_parse(&fixture->patch, buffer_bytes(&text)), 0);
        buffer_clear(&fixture->out);
        json_patch_write(&fixture->patch, &fixture->out);
        assert_true(bytes_equal(buffer_bytes(&text), buffer_bytes(&fixture->out)));
    }
    buffer_fini(&text);
}

static void a_change_replaces_only_its_value(void **state)
{
    struct fixture *fixture = *state;
    struct json_place root =
        open_text(fixture, " { \"a\" : 1.50 ,\n \"b\": [1, 2 ],\"c\":\"\\u0041\" }\n");
    set(root, "b", "true");
    expect(fixture, " { \"a\" : 1.50 ,\n \"b\": true,\"c\":\"\\u0041\" }\n");
}

static void a_removed_member_takes_one_comma_with_it(void **state)
{
    struct fixture *fixture = *state;
    const char *text = "{\"a\":1, \"b\":2, \"c\":3 }";
    struct json_place root = open_text(fixture, text);
    assert_int_equal(json_place_remove(root, BYTES_LITERAL("a")), 0);
    expect(fixture, "{ \"b\":2, \"c\":3 }");
    root = open_text(fixture, text);
    assert_int_equal(json_place_remove(root, BYTES_LITERAL("b")), 0);
    expect(fixture, "{\"a\":1, \"c\":3 }");
    root = open_text(fixture, text);
    assert_int_equal(json_place_remove(root, BYTES_LITERAL("c")), 0);
    expect(fixture, "{\"a\":1, \"b\":2}");
    assert_int_equal(json_place_remove(root, BYTES_LITERAL("a")), 0);
    assert_int_equal(json_place_remove(root, BYTES_LITERAL("b")), 0);
    assert_int_equal(json_place_remove(root, BYTES_LITERAL("absent")), 0);
    expect(fixture, "{}");
    set(root, "n", "{\"x\":1}");
    expect(fixture, "{\"n\":{\"x\":1}}");
}

static void additions_come_last_before_the_closing_space(void **state)
{
    struct fixture *fixture = *state;
    struct json_place root = open_text(fixture, "{\n  \"a\": 1\n}");
    set(root, "b\"\n", "2");
    set(root, "c", "3");
    expect(fixture, "{\n  \"a\": 1,\"b\\\"\\n\":2,\"c\":3\n}");
    root = open_text(fixture, "{ }");
    set(root, "a", "null");
    expect(fixture, "{\"a\":null }");
}

static void reads_see_changes_also_inside_new_values(void **state)
{
    struct fixture *fixture = *state;
    struct json_place root = open_text(fixture, "{\"a\":{\"b\":1},\"l\":[1,2]}");
    struct json_place place;
    set(root, "new", "{\"x\":{}}");
    assert_true(json_place_find(root, BYTES_LITERAL("new"), &place));
    assert_true(json_place_find(place, BYTES_LITERAL("x"), &place));
    set(place, "y", "5");
    assert_true(json_place_find(root, BYTES_LITERAL("a"), &place));
    set(place, "b", "2");
    assert_int_equal(json_place_remove(place, BYTES_LITERAL("b")), 0);
    assert_false(json_place_find(place, BYTES_LITERAL("b"), &place));
    assert_true(json_place_find(root, BYTES_LITERAL("l"), &place));
    assert_int_equal(json_place_set_element(place, 2, BYTES_LITERAL("3")), 0);
    assert_int_equal(json_place_set_element(place, 0, BYTES_LITERAL("null")), 0);
    assert_int_equal(json_place_set_element(place, 4, BYTES_LITERAL("3")), ERROR_INVALID);
    assert_int_equal(json_place_count(place), 3);
    expect(fixture, "{\"a\":{},\"l\":[null,2,3],\"new\":{\"x\":{\"y\":5}}}");
    assert_int_equal(json_place_remove_last(place), 0);
    assert_int_equal(json_place_remove_last(place), 0);
    assert_int_equal(json_place_count(place), 1);
    assert_int_equal(json_place_set_element(place, 1, BYTES_LITERAL("9")), 0);
    expect(fixture, "{\"a\":{},\"l\":[null,9],\"new\":{\"x\":{\"y\":5}}}");
}

static void equal_names_are_replaced_once_and_removed_all(void **state)
{
    struct fixture *fixture = *state;
    const char *text = "{\"a\":1,\"b\":2,\"a\":3}";
    struct json_place root = open_text(fixture, text);
    set(root, "a", "4");
    expect(fixture, "{\"a\":1,\"b\":2,\"a\":4}");
    assert_int_equal(json_place_remove(root, BYTES_LITERAL("a")), 0);
    expect(fixture, "{\"b\":2}");
    set(root, "a", "5");
    expect(fixture, "{\"b\":2,\"a\":5}");
}

static void a_walk_sees_each_member_once_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct json_place root = open_text(fixture, "{\"a\":1,\"b\":2,\"a\":3,\"c\\n\":4}");
    set(root, "z", "5");
    assert_int_equal(json_place_remove(root, BYTES_LITERAL("b")), 0);
    struct json_walk walk = {.container = root};
    struct buffer scratch;
    buffer_init(&scratch);
    struct bytes name;
    struct json_place value;
    struct buffer seen;
    buffer_init(&seen);
    while (json_walk_next(&walk, &scratch, &name, &value)) {
        buffer_add_bytes(&seen, name);
        buffer_add_byte(&seen, '=');
        json_place_write(value, &seen);
        buffer_add_byte(&seen, ';');
    }
    assert_string_equal(buffer_string(&seen), "a=3;c\n=4;z=5;");
    buffer_fini(&seen);
    buffer_fini(&scratch);
}

/* Few members are compared with each other, many are not. */
static void equal_names_count_once_with_and_without_changes(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t names = 1; names <= 40; names += 13) {
        struct buffer text;
        buffer_init(&text);
        for (uint32_t i = 0; i < 3 * names; i++) {
            buffer_printf(&text, "%s\"%s%u\":%u", i == 0 ? "{" : ",", i % 2 == 0 ? "n" : "\\u006e",
                          i % names, i);
        }
        buffer_add_byte(&text, '}');
        struct json_place root = open_text(fixture, buffer_string(&text));
        assert_int_equal(json_place_count(root), names);
        set(root, "more", "1");
        assert_int_equal(json_place_count(root), names + 1);
        buffer_fini(&text);
    }
}

static void a_place_outlives_the_replacement_of_its_value(void **state)
{
    struct fixture *fixture = *state;
    struct json_place root = open_text(fixture, "{}");
    struct json_place old;
    set(root, "a", "{\"b\":1}");
    assert_true(json_place_find(root, BYTES_LITERAL("a"), &old));
    set(root, "a", "2");
    set(old, "b", "3");
    expect(fixture, "{\"a\":2}");
}

static void names_that_are_not_text_and_endless_nesting_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct json_place place = open_text(fixture, "{}");
    assert_int_equal(json_place_set(place, BYTES_LITERAL("\xff"), BYTES_LITERAL("1")),
                     ERROR_MALFORMED);
    assert_int_equal(json_place_set(place, BYTES_LITERAL("a"), BYTES_LITERAL("{")),
                     ERROR_MALFORMED);
    for (int i = 0; i < JSON_PATCH_DEPTH_MAX; i++) {
        set(place, "a", "{}");
        assert_true(json_place_find(place, BYTES_LITERAL("a"), &place));
    }
    assert_int_equal(json_place_set(place, BYTES_LITERAL("a"), BYTES_LITERAL("{}")),
                     ERROR_TOO_LARGE);
}

static void random_changes_leave_valid_json_that_reads_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct buffer text;
    buffer_init(&text);
    struct json_patch again;
    json_patch_init(&again);
    for (uint64_t round = 1; round <= 1000; round++) {
        uint64_t seed = round * 15485863;
        buffer_clear(&text);
        buffer_add_string(&text, "{\"k\":");
        random_value(&seed, &text, 4);
        buffer_add_string(&text, ",\"key\":");
        random_value(&seed, &text, 3);
        buffer_add_string(&text, "}");
        assert_int_equal(json_patch_parse(&fixture->patch, buffer_bytes(&text)), 0);
        struct json_place place = json_patch_root(&fixture->patch);
        for (int change = 0; change < 4; change++) {
            const char *names[] = {"k", "key", "a", ""};
            const char *name = names[random_next(&seed) % 4];
            struct json_place child;
            if (json_place_kind(place) != JSON_OBJECT) {
                place = json_patch_root(&fixture->patch);
            }
            switch (random_next(&seed) % 3) {
            case 0:
                set(place, name, "{\"a\":[1]}");
                break;
            case 1:
                assert_int_equal(json_place_remove(place, bytes_from_string(name)), 0);
                break;
            case 2:
                if (json_place_find(place, bytes_from_string(name), &child)) {
                    place = child;
                }
                break;
            }
        }
        buffer_clear(&fixture->out);
        json_patch_write(&fixture->patch, &fixture->out);
        assert_int_equal(json_patch_parse(&again, buffer_bytes(&fixture->out)), 0);
        assert_int_equal(json_place_count(json_patch_root(&again)),
                         json_place_count(json_patch_root(&fixture->patch)));
    }
    json_patch_fini(&again);
    buffer_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_untouched_text_is_reproduced_byte_for_byte, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_change_replaces_only_its_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_member_takes_one_comma_with_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(additions_come_last_before_the_closing_space, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(reads_see_changes_also_inside_new_values, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(equal_names_are_replaced_once_and_removed_all, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_walk_sees_each_member_once_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_names_count_once_with_and_without_changes, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_place_outlives_the_replacement_of_its_value, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(names_that_are_not_text_and_endless_nesting_are_refused,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(random_changes_leave_valid_json_that_reads_the_same, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
