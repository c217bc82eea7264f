/* Options: what a table accepts, what it refuses, and how the refusal reads. */
#include "log/base/error.h"
#include "runtime/plugin/plugin_describe.h"
#include "runtime/plugin/plugin_options.h"
#include "tests/unit/unit.h"

static const struct tidemill_option rows[] = {
    {.name = "path",
     .type = TIDEMILL_OPTION_LIST,
     .flags = TIDEMILL_OPTION_REQUIRED,
     .help = "Files.",
     .alias = "file"},
    {.name = "format",
     .type = TIDEMILL_OPTION_ENUM,
     .fallback = "jsonl",
     .allowed = "lines|jsonl|csv",
     .help = "How."},
    {.name = "max_bytes",
     .type = TIDEMILL_OPTION_SIZE,
     .fallback = "1MiB",
     .allowed = "1k..1g",
     .help = "Size."},
    {.name = "interval", .type = TIDEMILL_OPTION_DURATION, .fallback = "10s", .help = "Span."},
    {.name = "count", .type = TIDEMILL_OPTION_INT, .allowed = "0..", .help = "A \"number\"."},
    {.name = "follow", .type = TIDEMILL_OPTION_BOOL, .fallback = "true", .help = "Bool."},
    {.name = "password", .type = TIDEMILL_OPTION_SECRET, .help = "Hidden."},
};

static const struct tidemill_kind kind = {
    .size = sizeof kind,
    .type = TIDEMILL_SINK,
    .name = "sample",
    .help = "A sample.",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
};

/* Parses up to two settings beside the required one. */
static int parse(const char *name, const char *value, struct plugin_options **out,
                 struct report *report)
{
    const struct plugin_setting settings[] = {{"file", " a.log, b.log ,,"}, {name, value}};
    *report = (struct report){.text = ""};
    return plugin_options_parse(&kind, settings, name == NULL ? 1 : 2, out, report);
}

static void expect_refusal(const char *name, const char *value, const char *text)
{
    struct plugin_options *options;
    struct report report;
    assert_int_equal(parse(name, value, &options, &report), ERROR_INVALID);
    if (strstr(report.text, text) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", report.text, text);
    }
    assert_string_equal(report.place, name);
}

static void defaults_and_aliases_fill_the_values(void **state)
{
    (void)state;
    struct plugin_options *options;
    struct report report;
    assert_int_equal(parse(NULL, NULL, &options, &report), 0);
    const struct tidemill_option_value *values = plugin_options_values(options);
    assert_int_equal(values[0].item_count, 2);
    assert_string_equal(values[0].items[0], "a.log");
    assert_string_equal(values[0].items[1], "b.log");
    assert_int_equal(values[1].integer, 1);
    assert_int_equal(values[2].integer, 1048576);
    assert_int_equal(values[3].integer, 10000);
    assert_null(values[4].text);
    assert_int_equal(values[5].integer, 1);
    plugin_options_free(options);
}

static void a_plugin_reads_values_by_name(void **state)
{
    (void)state;
    struct plugin_options *options;
    struct report report;
    assert_int_equal(parse("count", "9007199254740993", &options, &report), 0);
    struct tidemill_context context = {
        .size = sizeof context, .kind = &kind, .values = plugin_options_values(options)};
    assert_int_equal(tidemill_option_integer(&context, "count"), 9007199254740993);
    assert_true(tidemill_option_bool(&context, "follow"));
    assert_string_equal(tidemill_option_text(&context, "format"), "jsonl");
    assert_null(tidemill_option_text(&context, "password"));
    plugin_options_free(options);
}

static void wrong_settings_are_refused_with_a_sentence(void **state)
{
    (void)state;
    expect_refusal("fromat", "csv", "did you mean format?");
    expect_refusal("zzzzzzzzzzzz", "csv", "is not an option of sample");
    expect_refusal("path", "c.log", "given twice");
    expect_refusal("format", "xml", "one of lines|jsonl|csv");
    expect_refusal("format", "lines|jsonl", "one of lines|jsonl|csv");
    expect_refusal("max_bytes", "many", "a size");
    expect_refusal("max_bytes", "10", "within 1k..1g");
    expect_refusal("max_bytes", "2g", "within 1k..1g");
    expect_refusal("interval", "soon", "a span of time");
    expect_refusal("count", "-1", "within 0..");
    expect_refusal("follow", "maybe", "true or false");
}

static void a_missing_required_option_is_refused(void **state)
{
    (void)state;
    struct plugin_options *options;
    struct report report = {.text = ""};
    assert_int_equal(plugin_options_parse(&kind, NULL, 0, &options, &report), ERROR_INVALID);
    assert_string_equal(report.place, "path");
    assert_non_null(strstr(report.text, "must be given"));
}

static void a_description_is_written_from_the_table(void **state)
{
    (void)state;
    struct buffer out;
    buffer_init(&out);
    plugin_describe_kind(&kind, PLUGIN_TEXT, &out);
    assert_non_null(strstr(buffer_string(&out), "sink sample: A sample.\n"));
    assert_non_null(strstr(buffer_string(&out), "enum (lines|jsonl|csv), default jsonl"));
    buffer_clear(&out);
    plugin_describe_kind(&kind, PLUGIN_JSON, &out);
    assert_non_null(strstr(buffer_string(&out),
                           "{\"name\":\"count\",\"type\":\"int\",\"required\":false,"
                           "\"default\":null,\"allowed\":\"0..\","
                           "\"help\":\"A \\\"number\\\".\",\"alias\":null}"));
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_aliases_fill_the_values),
        cmocka_unit_test(a_plugin_reads_values_by_name),
        cmocka_unit_test(wrong_settings_are_refused_with_a_sentence),
        cmocka_unit_test(a_missing_required_option_is_refused),
        cmocka_unit_test(a_description_is_written_from_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
