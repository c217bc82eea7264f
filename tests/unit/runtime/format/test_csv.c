/* Shows how rows of cells are read as JSON and written from it, and that what RFC 4180 does not
 * allow is refused with its row and column. */
#include "tests/unit/runtime/format/format_bench.h"

#define COLUMNS "{\"format\":\"csv\",\"columns\":[\"id\",\"name\",\"ms\"],\"numbers\":[\"ms\"]}"
#define HEADER  "{\"format\":\"csv\",\"header\":true,\"numbers\":[\"ms\"]}"
#define OTHER   "{\"format\":\"csv\",\"columns\":[\"a\",\"b\"],\"separator\":\";\",\"quote\":\"'\"}"

static void rows_are_read(void **state)
{
    (void)state;
    static const struct format_row rows[] = {
        {"\"csv\"", "a,b", "[\"a\",\"b\"]"},
        {"\"csv\"", "", "[\"\"]"},
        {"\"csv\"", ",", "[\"\",\"\"]"},
        {"\"csv\"", "a, b \r\n", "[\"a\",\" b \"]"},
        {"\"csv\"", "\"a\"\"b\",\"c,d\r\ne\"\n", "[\"a\\\"b\",\"c,d\\r\\ne\"]"},
        {"\"csv\"", "\"\",\"\"", "[\"\",\"\"]"},
        {"\"csv\"", "a\rb", "[\"a\\rb\"]"},
        {"\"csv\"", "\xc3\xa4", "[\"\xc3\xa4\"]"},
        {COLUMNS, "007,O'Hara,12.5", "{\"id\":\"007\",\"name\":\"O'Hara\",\"ms\":12.5}"},
        {COLUMNS, "1,,\n", "{\"id\":\"1\",\"name\":\"\",\"ms\":null}"},
        {COLUMNS, "1,\"x\",\"-9007199254740993\"",
         "{\"id\":\"1\",\"name\":\"x\",\"ms\":-9007199254740993}"},
        {OTHER, "'it''s';\"x\"", "{\"a\":\"it's\",\"b\":\"\\\"x\\\"\"}"},
        {HEADER, "id,ms\n1,2\r\n\"x\",3e2", "[{\"id\":\"1\",\"ms\":2},{\"id\":\"x\",\"ms\":3e2}]"},
        {HEADER, "id,ms\n", "[]"},
        {HEADER, "a\n\nb", "[{\"a\":\"\"},{\"a\":\"b\"}]"},
    };
    FORMAT_BENCH_EACH(format_bench_decode, rows, true)
}

static void malformed_rows_name_their_place(void **state)
{
    (void)state;
    static const struct format_row rows[] = {
        {COLUMNS, "1,2", "row 1 has fewer than 3 columns"},
        {COLUMNS, "", "row 1 has fewer than 3 columns"},
        {COLUMNS, "1,2,3,4", "row 1 has more than 3 columns"},
        {COLUMNS, "1,2,x", "column 'ms' of row 1 is no number"},
        {COLUMNS, "1,2,01", "column 'ms' of row 1 is no number"},
        {COLUMNS, "1,2,1.", "column 'ms' of row 1 is no number"},
        {COLUMNS, "1,2,-", "column 'ms' of row 1 is no number"},
        {COLUMNS, "1,2,1e", "column 'ms' of row 1 is no number"},
        {COLUMNS, "1,2,NaN", "column 'ms' of row 1 is no number"},
        {COLUMNS, "1,\"2,3", "column 'name' of row 1 has no closing quote"},
        {COLUMNS, "1,\"2\"x,3", "column 'name' of row 1 goes on behind its closing quote"},
        {COLUMNS, "1,a\"b\",3", "column 'name' of row 1 has a quote inside"},
        {COLUMNS, "1,\xff,3", "column 'name' of row 1 is not UTF-8"},
        {COLUMNS, "1,2,3\n4,5,6", "more than one row"},
        {HEADER, "id,ms\n1,2\n3", "row 3 has fewer than 2 columns"},
        {HEADER, "id,ms\n1,2\n3,y", "column 'ms' of row 3 is no number"},
        {HEADER, "id,ms,id\n", "column 3 of row 1 has the name of another"},
        {HEADER, "id,\"ms", "column 2 of row 1 has no closing quote"},
        {"\"csv\"", "a,\xff", "column 2 of row 1 is not UTF-8"},
    };
    FORMAT_BENCH_EACH(format_bench_decode, rows, false)
}

static void small_text_cannot_say_endless_json(void **state)
{
    (void)state;
    const struct value_format *format = format_bench_open(HEADER, NULL);
    struct decoded decoded;
    struct buffer value;
    decoded_init(&decoded);
    buffer_init(&value);
    for (int i = 0; i < 50000; i++) {
        buffer_add_byte(&value, 'n');
    }
    for (int i = 0; i < 50000; i++) {
        buffer_add_byte(&value, '\n');
    }
    assert_int_equal(decoded_read(&decoded, format, buffer_bytes(&value)), ERROR_INVALID);
    assert_non_null(strstr(decoded.report.text, "too large at row "));
    buffer_fini(&value);
    decoded_fini(&decoded);
    format_close(format);
}

static void rows_are_written(void **state)
{
    (void)state;
    static const struct format_row rows[] = {
        {COLUMNS, "{\"ms\":1.50,\"id\":7,\"other\":1}", "7,,1.50"},
        {COLUMNS, "{\"name\":\"a \\\"b\\\", c\",\"id\":null,\"ms\":true}",
         ",\"a \"\"b\"\", c\",true"},
        {COLUMNS, "{\"name\":[1,\"x\"],\"id\":\"a\\nb\"}", "\"a\nb\",\"[1,\"\"x\"\"]\","},
        {COLUMNS, "[1,2,3]", "1,2,3"},
        {OTHER, "{\"a\":\"it's\",\"b\":\"x,y\"}", "'it''s';x,y"},
        {"\"csv\"", "[\"a\",null,\"\"]", "a,,"},
        {"\"csv\"", "[]", ""},
        {HEADER, "[{\"id\":1,\"ms\":2},{\"ms\":4,\"id\":\"x\"}]", "id,ms\r\n1,2\r\nx,4"},
        {HEADER, "[{\"a,b\":1}]", "\"a,b\"\r\n1"},
        {HEADER, "[{\"a\":null}]", "a\r\n\"\""},
        {HEADER, "[]", ""},
    };
    FORMAT_BENCH_EACH(format_bench_encode, rows, true)
}

static void what_is_no_row_is_refused(void **state)
{
    (void)state;
    static const struct format_row rows[] = {
        {COLUMNS, "7", "an object or a list"},
        {COLUMNS, "[1,2]", "2 elements for 3 columns"},
        {"\"csv\"", "{\"a\":1}", "needs columns"},
        {HEADER, "{\"a\":1}", "a list of objects"},
        {HEADER, "[{\"a\":1},2]", "a list of objects"},
    };
    FORMAT_BENCH_EACH(format_bench_encode, rows, false)
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    format_bench_refuse("{\"format\":\"csv\",\"column\":[\"a\"]}",
                        "the format csv: it has no option 'column'; did you mean 'columns'?");
    format_bench_refuse("{\"format\":\"csv\",\"columns\":\"a\"}", "must be a list of names");
    format_bench_refuse("{\"format\":\"csv\",\"columns\":[]}", "must be a list of names");
    format_bench_refuse("{\"format\":\"csv\",\"columns\":[1]}", "must be a list of names");
    format_bench_refuse("{\"format\":\"csv\",\"columns\":[\"a\",\"a\"]}", "has 'a' twice");
    format_bench_refuse("{\"format\":\"csv\",\"header\":1}", "must be true or false");
    format_bench_refuse("{\"format\":\"csv\",\"separator\":\"ab\"}", "must be one character");
    format_bench_refuse("{\"format\":\"csv\",\"separator\":\"\\\"\"}", "must differ");
    format_bench_refuse("{\"format\":\"csv\",\"columns\":[\"a\"],\"numbers\":[\"b\"]}",
                        "'b' of numbers is none of its columns");
    format_bench_refuse("{\"format\":\"csv\",\"columns\":[\"a\"],\"header\":true}", "either");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read),
        cmocka_unit_test(malformed_rows_name_their_place),
        cmocka_unit_test(small_text_cannot_say_endless_json),
        cmocka_unit_test(rows_are_written),
        cmocka_unit_test(what_is_no_row_is_refused),
        cmocka_unit_test(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
