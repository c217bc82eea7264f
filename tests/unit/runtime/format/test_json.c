/* Shows that the JSON reader accepts what RFC 8259 allows and nothing else, finds what is there,
 * and keeps integers exact. */
#include "log/base/error.h"
#include "runtime/format/json.h"
#include "tests/unit/runtime/format/random_json.h"
#include "tests/unit/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int parse(struct json *json, const char *text)
{
    int error = json_parse(json, bytes_from_string(text));
    if (error == 0) {
        json_check(json);
    }
    return error;
}

static void valid_texts_are_read(void **state)
{
    (void)state;
    const char *const good[] = {
        "{}",
        "[]",
        " 1 ",
        "\"\"",
        "null",
        "[1,2 , 3]",
        "{\"a\":{\"b\":[]}}",
        "-0.0e-0",
        "\"\\ud800\"",
        "\"\xf4\x8f\xbf\xbf\"",
        "[[[[]]]]",
        "\t\r\n{ \"a\" : 1 }\n",
    };
    struct json json;
    json_init(&json);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(parse(&json, good[i]), 0);
    }
    json_fini(&json);
}

static void invalid_texts_are_refused_with_a_place(void **state)
{
    (void)state;
    const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "01",
        "1.",
        ".5",
        "+1",
        "1e",
        "--1",
        "tru",
        "nulll",
        "'a'",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\t\"",
        "\"\xff\"",
        "\"\xc0\x80\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe2\x82\"",
        "1 2",
        "[1 2]",
        "{\"a\" 1}",
        "[1}",
        "{\"a\":1]",
        "NaN",
        "Infinity",
        "\xef\xbb\xbf{}",
        "\"\\",
        "[,1]",
        "{,}",
        "{\"a\":1,,\"b\":2}",
        "-",
        "\"\\u12\"",
    };
    struct json json;
    json_init(&json);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(parse(&json, bad[i]), ERROR_MALFORMED);
        assert_non_null(json.error_text);
        assert_true(json.error_position <= strlen(bad[i]));
    }
    json_fini(&json);
}

static void every_cut_of_a_valid_text_is_refused(void **state)
{
    (void)state;
    const char text[] = "{\"a\":[1,{\"b\":\"\\u00e4x\xc3\xa4\"}],\"c\":null,\"d\":-1.5e3}";
    struct json json;
    json_init(&json);
    for (size_t size = 0; size < sizeof text - 1; size++) {
        uint8_t *copy = malloc(size + 1); /* exact, so that a read past the end is seen */
        memcpy(copy, text, size);
        uint8_t *exact = realloc(copy, size == 0 ? 1 : size);
        assert_int_equal(json_parse(&json, bytes_make(exact, size)), ERROR_MALFORMED);
        free(exact);
    }
    json_fini(&json);
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    struct json json;
    json_init(&json);
    struct buffer text;
    buffer_init(&text);
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        buffer_add_byte(&text, '[');
    }
    for (int i = 0; i < JSON_DEPTH_MAX; i++) {
        buffer_add_byte(&text, ']');
    }
    assert_int_equal(json_parse(&json, buffer_bytes(&text)), 0);
    buffer_clear(&text);
    for (int i = 0; i < 100000; i++) {
        buffer_add_byte(&text, '[');
    }
    assert_int_equal(json_parse(&json, buffer_bytes(&text)), ERROR_TOO_LARGE);
    buffer_fini(&text);
    json_fini(&json);
}

static void members_are_found_and_null_differs_from_absent(void **state)
{
    (void)state;
    struct json json;
    json_init(&json);
    assert_int_equal(parse(&json, "{\"a\":null,\"b\":{\"c\":[10,20]},\"a\\u0062\":7,\"d\":1}"), 0);
    uint32_t a = json_find(&json, JSON_ROOT, BYTES_LITERAL("a"));
    assert_int_not_equal(a, JSON_ABSENT);
    assert_int_equal(json_token(&json, a)->kind, JSON_NULL);
    assert_int_equal(json_find(&json, JSON_ROOT, BYTES_LITERAL("x")), JSON_ABSENT);
    assert_int_equal(json_find(&json, a, BYTES_LITERAL("x")), JSON_ABSENT);
    uint32_t b = json_find(&json, JSON_ROOT, BYTES_LITERAL("b"));
    uint32_t c = json_find(&json, b, BYTES_LITERAL("c"));
    int64_t value = 0;
    assert_true(json_int64(&json, json_element(&json, c, 1), &value));
    assert_int_equal(value, 20);
    assert_int_equal(json_element(&json, c, 2), JSON_ABSENT);
    assert_int_equal(json_element(&json, b, 0), JSON_ABSENT);
    assert_true(json_int64(&json, json_find(&json, JSON_ROOT, BYTES_LITERAL("ab")), &value));
    assert_int_equal(value, 7);
    json_fini(&json);
}

static void the_last_of_equal_names_wins(void **state)
{
    (void)state;
    struct json json;
    json_init(&json);
    assert_int_equal(parse(&json, "{\"a\":1,\"b\":2,\"a\":3}"), 0);
    int64_t value = 0;
    assert_true(json_int64(&json, json_find(&json, JSON_ROOT, BYTES_LITERAL("a")), &value));
    assert_int_equal(value, 3);
    json_fini(&json);
}

static void integers_are_exact_to_the_last_of_64_bits(void **state)
{
    (void)state;
    const struct {
        const char *text;
        bool is_exact;
        int64_t value;
    } cases[] = {
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"18446744073709551616", false, 0},
        {"99999999999999999999", false, 0},
        {"9007199254740993", true, 9007199254740993},
        {"0", true, 0},
        {"-0", true, 0},
        {"1.0", false, 0},
        {"1e2", false, 0},
    };
    struct json json;
    json_init(&json);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value = 0;
        assert_int_equal(parse(&json, cases[i].text), 0);
        assert_int_equal(json_int64(&json, JSON_ROOT, &value), cases[i].is_exact);
        assert_int_equal(value, cases[i].value);
    }
    double number = 0;
    assert_int_equal(parse(&json, "1e999"), 0);
    assert_true(json_double(&json, JSON_ROOT, &number));
    assert_true(isinf(number));
    assert_int_equal(parse(&json, "0.1"), 0);
    assert_true(json_double(&json, JSON_ROOT, &number));
    assert_true(number == 0.1);
    json_fini(&json);
}

/* Whatever way a number goes, it is the double that the library finds. */
static void decimals_are_rounded_once(void **state)
{
    (void)state;
    struct json json;
    uint64_t seed = 1;
    json_init(&json);
    for (int i = 0; i < 200000; i++) {
        char text[40];
        char *at = text;
        double number = 0;
        seed = seed * 6364136223846793005 + 1442695040888963407;
        int size = (int)(seed >> 33) % 18 + 1;
        int point = (int)(seed >> 40) % 20;
        at += sprintf(at, "%s%d", seed >> 63 ? "-" : "", (int)(seed >> 50) % 9 + 1);
        for (int j = 1; j < size; j++) {
            seed = seed * 6364136223846793005 + 1442695040888963407;
            at += sprintf(at, "%s%d", j == point ? "." : "", (int)(seed >> 60) % 10);
        }
        sprintf(at, "%s", seed >> 59 == 3 ? "e-7" : "");
        assert_int_equal(parse(&json, text), 0);
        assert_true(json_double(&json, JSON_ROOT, &number));
        double wanted = strtod(text, NULL);
        assert_memory_equal(&number, &wanted, sizeof number);
    }
    assert_int_equal(parse(&json, "-0"), 0);
    double zero = 1;
    assert_true(json_double(&json, JSON_ROOT, &zero));
    assert_true(zero == 0 && signbit(zero) != 0);
    json_fini(&json);
}

static void escapes_and_surrogates_are_decoded(void **state)
{
    (void)state;
    const struct {
        const char *text;
        const char *content;
    } cases[] = {
        {"\"a\\n\\t\\b\\f\\r\\\"\\\\\\/\"", "a\n\t\b\f\r\"\\/"},
        {"\"\\u00e4\\u20ac\"", "\xc3\xa4\xe2\x82\xac"},
        {"\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80"},
        {"\"\\ud83d\"", "\xef\xbf\xbd"},
        {"\"\\ud83dx\"", "\xef\xbf\xbdx"},
        {"\"\\ude00\\ud83d\\u0041\"", "\xef\xbf\xbd\xef\xbf\xbd"
                                      "A"},
        {"\"plain\"", "plain"},
    };
    struct json json;
    json_init(&json);
    struct buffer scratch;
    buffer_init(&scratch);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(parse(&json, cases[i].text), 0);
        struct bytes content = json_string(&json, JSON_ROOT, &scratch);
        assert_true(bytes_equal_string(content, cases[i].content));
        assert_true(json_equals(&json, JSON_ROOT, bytes_from_string(cases[i].content)));
        assert_true(bytes_equal_string(json_raw(&json, JSON_ROOT), cases[i].text));
    }
    buffer_fini(&scratch);
    json_fini(&json);
}

static void random_texts_are_read_and_their_damage_never_reads_outside(void **state)
{
    (void)state;
    struct json json;
    json_init(&json);
    struct buffer text;
    buffer_init(&text);
    for (uint64_t round = 1; round <= 2000; round++) {
        uint64_t seed = round * 7919;
        buffer_clear(&text);
        random_value(&seed, &text, 5);
        uint8_t *exact = malloc(text.size);
        memcpy(exact, text.data, text.size);
        assert_int_equal(json_parse(&json, bytes_make(exact, text.size)), 0);
        json_check(&json);
        exact[random_next(&seed) % text.size] = (uint8_t)random_next(&seed);
        if (json_parse(&json, bytes_make(exact, text.size)) == 0) {
            json_check(&json);
        }
        free(exact);
    }
    buffer_fini(&text);
    json_fini(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_are_read),
        cmocka_unit_test(invalid_texts_are_refused_with_a_place),
        cmocka_unit_test(every_cut_of_a_valid_text_is_refused),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(members_are_found_and_null_differs_from_absent),
        cmocka_unit_test(the_last_of_equal_names_wins),
        cmocka_unit_test(integers_are_exact_to_the_last_of_64_bits),
        cmocka_unit_test(decimals_are_rounded_once),
        cmocka_unit_test(escapes_and_surrogates_are_decoded),
        cmocka_unit_test(random_texts_are_read_and_their_damage_never_reads_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
