/* Shows that a row is default, parser, range and manual of its field, and that a refused value is
 * explained and changes nothing. */
#include "log/base/error.h"
#include "log/base/option.h"
#include "tests/unit/unit.h"

#include <string.h>

struct example {
#define OPTION OPTION_FIELD
#include "tests/unit/log/base/option_example.def"
#undef OPTION
};

static const struct option_row rows[] = {
#define OPTION(...) OPTION_ROW(struct example, __VA_ARGS__)
#include "tests/unit/log/base/option_example.def"
#undef OPTION
};

enum { ROW_COUNT = sizeof rows / sizeof *rows };

static struct example example;
static struct report report;

static int open_example(void **state)
{
    (void)state;
    example = (struct example){0};
    report = (struct report){0};
    option_check(rows, ROW_COUNT);
    option_set_defaults(rows, ROW_COUNT, &example);
    return 0;
}

static int close_example(void **state)
{
    (void)state;
    option_fini(rows, ROW_COUNT, &example);
    return 0;
}

static int assign(const char *name, const char *text)
{
    report = (struct report){0};
    return option_assign(rows, ROW_COUNT, name, text, &example, &report);
}

static void expect_printed(const char *name, const char *expected)
{
    struct buffer out;
    buffer_init(&out);
    option_print(option_find(rows, ROW_COUNT, name), &example, &out);
    assert_string_equal(buffer_string(&out), expected);
    buffer_fini(&out);
}

static void expect_refused(const char *name, const char *text, const char *sentence)
{
    struct buffer before;
    struct buffer after;
    buffer_init(&before);
    buffer_init(&after);
    const struct option_row *row = option_find(rows, ROW_COUNT, name);
    option_print(row, &example, &before);
    assert_int_equal(assign(name, text), ERROR_INVALID);
    assert_string_equal(report.text, sentence);
    option_print(row, &example, &after);
    assert_string_equal(buffer_string(&before), buffer_string(&after));
    buffer_fini(&before);
    buffer_fini(&after);
}

static void every_field_starts_with_its_default(void **state)
{
    (void)state;
    assert_true(example.is_on);
    assert_int_equal(example.replicas, 1);
    assert_int_equal(example.flush_messages, INT64_MAX);
    assert_true(example.dirty_ratio == 0.5);
    assert_null(example.host);
    assert_string_equal(example.policy, "delete");
    assert_string_equal(example.brokers, "");
    assert_int_equal(example.segment_bytes, 1 << 30);
    assert_int_equal(example.retention_bytes, -1);
    assert_int_equal(example.retention_ms, 604800000);
    assert_int_equal(example.compression, 0);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_true(option_is_default(&rows[i], &example));
    }
}

static void every_kind_is_read_and_printed(void **state)
{
    (void)state;
    const struct {
        const char *name;
        const char *text;
        const char *printed;
    } cases[] = {
        {"is.on", "FALSE", "false"},
        {"replicas", " 3 ", "3"},
        {"flush.messages", "10000", "10000"},
        {"dirty.ratio", "0.1", "0.1"},
        {"dirty.ratio", "0.30000000000000004", "0.30000000000000004"},
        {"dirty.ratio", "1e-300", "1.0E-300"},
        {"dirty.ratio", "1.25E-300", "1.25E-300"},
        {"host", " a b ", " a b "},
        {"cleanup.policy", " compact , delete ", "compact,delete"},
        {"brokers", "a:1,b:2", "a:1,b:2"},
        {"segment.bytes", "64k", "65536"},
        {"retention.bytes", "8GiB", "8589934592"},
        {"retention.ms", "90s", "90000"},
        {"compression.type", "lz4", "lz4"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(assign(cases[i].name, cases[i].text), 0);
        expect_printed(cases[i].name, cases[i].printed);
        assert_false(option_is_default(option_find(rows, ROW_COUNT, cases[i].name), &example));
        assert_int_equal(assign(cases[i].name, cases[i].printed), 0);
        expect_printed(cases[i].name, cases[i].printed);
    }
    assert_false(example.is_on);
    assert_int_equal(example.compression, 3);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        option_set_default(&rows[i], &example);
        assert_true(option_is_default(&rows[i], &example));
    }
}

static void a_refused_value_is_explained_and_changes_nothing(void **state)
{
    (void)state;
    expect_refused("is.on", "on", "is.on: 'on' is not true or false");
    expect_refused("replicas", "two", "replicas: 'two' is not a whole number");
    expect_refused("replicas", "0", "replicas: 0 is below its minimum 1");
    expect_refused("replicas", "4294967297", "replicas: 4294967297 is above its maximum 32768");
    expect_refused("dirty.ratio", "1.5", "dirty.ratio: 1.5 is above its maximum 1");
    expect_refused("dirty.ratio", "-0.1", "dirty.ratio: -0.1 is below its minimum 0");
    expect_refused("host", "", "host: has 0 bytes, but needs at least 1");
    expect_refused("host", "a-long-host", "host: has 11 bytes, but may have at most 10");
    expect_refused("cleanup.policy", "", "cleanup.policy: has 0 items, but needs at least 1");
    expect_refused("cleanup.policy", "delete,", "cleanup.policy: 'delete,' is not a list like a,b");
    expect_refused("cleanup.policy", "delete,compcat",
                   "cleanup.policy: 'compcat' is not one of delete, compact; "
                   "did you mean 'compact'?");
    expect_refused("brokers", "a,b,c,d", "brokers: has 4 items, but may have at most 3");
    expect_refused("segment.bytes", "13", "segment.bytes: 13 is below its minimum 14");
    expect_refused("segment.bytes", "1.5g",
                   "segment.bytes: '1.5g' is not a size in bytes like "
                   "1048576, 64k or 1g");
    expect_refused("retention.ms", "1w",
                   "retention.ms: '1w' is not a duration in milliseconds or "
                   "like 10s, 5m or 7d");
    expect_refused("compression.type", "brotli",
                   "compression.type: 'brotli' is not one of producer,gzip,snappy,lz4,zstd");
}

static void an_unknown_name_is_told_the_nearest(void **state)
{
    (void)state;
    assert_int_equal(assign("segmentbytes", "1g"), ERROR_INVALID);
    assert_string_equal(report.text,
                        "unknown option 'segmentbytes'; did you mean 'segment.bytes'?");
    assert_int_equal(assign("unheard.of.before", "1"), ERROR_INVALID);
    assert_string_equal(report.text, "unknown option 'unheard.of.before'");
    assert_null(option_find(rows, ROW_COUNT, "segmentbytes"));
    assert_int_equal(option_assign(rows, ROW_COUNT, "x", "1", &example, NULL), ERROR_INVALID);
}

static void a_secret_is_never_printed(void **state)
{
    (void)state;
    expect_printed("password", "");
    assert_int_equal(assign("password", "sesame"), 0);
    assert_string_equal(example.password, "sesame");
    expect_printed("password", "[hidden]");
}

static void a_copy_owns_its_strings(void **state)
{
    (void)state;
    struct example copy = {0};
    option_set_defaults(rows, ROW_COUNT, &copy);
    assert_int_equal(assign("host", "here"), 0);
    assert_int_equal(assign("replicas", "3"), 0);
    option_copy(rows, ROW_COUNT, &example, &copy);
    assert_int_equal(assign("host", "there"), 0);
    assert_string_equal(copy.host, "here");
    assert_int_equal(copy.replicas, 3);
    option_fini(rows, ROW_COUNT, &copy);
    assert_null(copy.host);
}

static void lists_are_searched_by_whole_items(void **state)
{
    (void)state;
    assert_true(option_list_has("delete,compact", "compact"));
    assert_true(option_list_has("delete,compact", "delete"));
    assert_false(option_list_has("delete,compact", "comp"));
    assert_false(option_list_has("", ""));
    assert_false(option_list_has(NULL, "delete"));
}

static void kafka_is_told_the_type_it_knows(void **state)
{
    (void)state;
    const int8_t types[ROW_COUNT] = {1, 3, 5, 6, 2, 2, 7, 7, 3, 5, 5, 2};
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_int_equal(option_kafka_type(&rows[i]), types[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_example, close_example)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_field_starts_with_its_default),
        TEST(every_kind_is_read_and_printed),
        TEST(a_refused_value_is_explained_and_changes_nothing),
        TEST(an_unknown_name_is_told_the_nearest),
        TEST(a_secret_is_never_printed),
        TEST(a_copy_owns_its_strings),
        TEST(lists_are_searched_by_whole_items),
        TEST(kafka_is_told_the_type_it_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
