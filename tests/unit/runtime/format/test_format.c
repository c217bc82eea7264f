/* Shows that formats are found by name, and that wrong ones are refused with the nearest. */
#include "tests/unit/runtime/format/format_bench.h"

static void formats_are_found_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"bytes", "text", "json", "csv", "logfmt"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char options[64];
        snprintf(options, sizeof options, "{\"format\":\"%s\"}", names[i]);
        const struct value_format *format = format_bench_open(options, NULL);
        assert_string_equal(value_format_name(format), names[i]);
        assert_int_equal(value_format_is_string(format), i < 2);
        format_close(format);
    }
    assert_ptr_equal(format_bench_open("\"json\"", NULL), VALUE_JSON);
    assert_ptr_equal(format_bench_open("\"bytes\"", NULL), VALUE_BYTES);
}

static void what_is_no_format_is_refused(void **state)
{
    (void)state;
    format_bench_refuse("\"jsn\"", "there is no format 'jsn'; did you mean 'json'?");
    format_bench_refuse(
        "\"avro\"",
        "there is no format 'avro'; there are bytes, text, json, csv, logfmt, protobuf");
    format_bench_refuse("{\"columns\":[\"a\"]}", "a format is a name, or a table like");
    format_bench_refuse("[\"csv\"]", "a format is a name, or a table like");
    format_bench_refuse("{\"format\":1}", "a format is a name, or a table like");
    format_bench_refuse("{\"format\":\"json\",\"columns\":[\"a\"]}",
                        "the format json: it has no option 'columns'; it takes none");
    format_bench_refuse("{\"format\":\"logfmt\",\"x\":1}",
                        "the format logfmt: it has no option 'x'; it knows numbers");
    format_bench_refuse("{", "not JSON");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_found_by_name),
        cmocka_unit_test(what_is_no_format_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
