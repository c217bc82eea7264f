/* Shows that flags are read in every spelling, refused with the nearest name, and listed. */
#include "log/base/error.h"
#include "runtime/cli/flag.h"
#include "tests/unit/unit.h"

struct values {
    bool is_quiet;
    bool ends;
    int64_t count;
    int64_t size;
    int64_t delay_ms;
    const char *topic;
    struct flag_list headers;
};

static const struct flag flags[] = {
    FLAG('q', "quiet", BOOL, struct values, is_quiet, NULL, "says less"),
    FLAG('e', NULL, BOOL, struct values, ends, NULL, "ends at the end"),
    FLAG('c', "count", INT, struct values, count, "N", "how many"),
    FLAG(0, "size", SIZE, struct values, size, "BYTES", "how large"),
    FLAG(0, "delay", DURATION, struct values, delay_ms, "TIME", "how late"),
    FLAG('t', "topic", STRING, struct values, topic, "TOPIC", "where"),
    FLAG('H', "header", LIST, struct values, headers, "K=V", "with"),
};
enum { FLAG_COUNT = sizeof(flags) / sizeof(flags[0]), WORD_COUNT_MAX = 16 };

struct line {
    struct values values;
    struct flag_list arguments;
    bool wants_help;
    struct report report;
    int result;
};

static struct line parse(const char *const *words)
{
    struct line line = {.values = {.count = -7}};
    int count = 0;
    while (words[count] != NULL) {
        count++;
    }
    line.result = flag_parse(flags, FLAG_COUNT, count, words, &line.values, &line.arguments,
                             &line.wants_help, &line.report);
    return line;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void end(struct line *line)
{
    flag_fini(flags, FLAG_COUNT, &line->values, &line->arguments);
}

static void every_spelling_sets_its_field(void **state)
{
    (void)state;
    struct line line = PARSE("-qe", "-c3", "--size=64k", "--delay", "10s", "-t", "orders", "-Ha=1",
                             "-H", "b=2", "rest", "--", "-x");
    assert_int_equal(line.result, 0);
    assert_true(line.values.is_quiet);
    assert_true(line.values.ends);
    assert_int_equal(line.values.count, 3);
    assert_int_equal(line.values.size, 65536);
    assert_int_equal(line.values.delay_ms, 10000);
    assert_string_equal(line.values.topic, "orders");
    assert_int_equal(line.values.headers.count, 2);
    assert_string_equal(line.values.headers.items[1], "b=2");
    assert_int_equal(line.arguments.count, 2);
    assert_string_equal(line.arguments.items[1], "-x");
    end(&line);
}

static void what_is_not_given_stays(void **state)
{
    (void)state;
    struct line line = PARSE("-");
    assert_int_equal(line.result, 0);
    assert_int_equal(line.values.count, -7);
    assert_null(line.values.topic);
    assert_int_equal(line.arguments.count, 1);
    end(&line);
}

static void a_value_may_begin_with_a_dash(void **state)
{
    (void)state;
    struct line line = PARSE("-c", "-5", "--topic", "-x");
    assert_int_equal(line.result, 0);
    assert_int_equal(line.values.count, -5);
    assert_string_equal(line.values.topic, "-x");
    end(&line);
}

static void a_slip_is_answered_with_the_nearest_flag(void **state)
{
    (void)state;
    struct line line = PARSE("--tpoic", "orders");
    assert_int_equal(line.result, ERROR_INVALID);
    assert_string_equal(line.report.text, "unknown flag '--tpoic'; did you mean '--topic'?");
    end(&line);
    line = PARSE("-w");
    assert_string_equal(line.report.text, "unknown flag '-w'");
    end(&line);
}

static void values_are_judged(void **state)
{
    (void)state;
    struct line line = PARSE("--count", "many");
    assert_string_equal(line.report.text, "--count takes a number, not 'many'");
    end(&line);
    line = PARSE("-t");
    assert_string_equal(line.report.text, "-t needs a value: -t TOPIC");
    end(&line);
    line = PARSE("--quiet=yes");
    assert_string_equal(line.report.text, "--quiet takes no value");
    end(&line);
}

static void help_is_known_everywhere(void **state)
{
    (void)state;
    struct line line = PARSE("--help");
    assert_true(line.wants_help);
    end(&line);
    line = PARSE("-qh");
    assert_true(line.wants_help);
    end(&line);
    struct buffer out;
    buffer_init(&out);
    flag_print_help(flags + 2, 2, &out);
    assert_string_equal(buffer_string(&out), "  -c, --count N             how many\n"
                                             "      --size BYTES          how large\n");
    buffer_fini(&out);
}

static void escapes_become_bytes(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    flag_unescape("a\\tb\\x41\\0\\q\\\\\\101\\065\\0x41,\\xz\\", &out);
    assert_int_equal(out.size, 14);
    assert_memory_equal(out.data, "a\tbA\0q\\e5A,xz\\", 14);
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_sets_its_field),
        cmocka_unit_test(what_is_not_given_stays),
        cmocka_unit_test(a_value_may_begin_with_a_dash),
        cmocka_unit_test(a_slip_is_answered_with_the_nearest_flag),
        cmocka_unit_test(values_are_judged),
        cmocka_unit_test(help_is_known_everywhere),
        cmocka_unit_test(escapes_become_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
