/* Shows how lines of key=value are read and written, and what is refused with its key and byte. */
#include "tests/unit/runtime/format/format_bench.h"

#define NUMBERS "{\"format\":\"logfmt\",\"numbers\":[\"ms\",\"status\"]}"

static void lines_are_read(void **state)
{
    (void)state;
    static const struct format_row rows[] = {
        {"\"logfmt\"", "", "{}"},
        {"\"logfmt\"", " \t\r\n", "{}"},
        {NUMBERS, "at=info method=GET path=\"/a b\" ms=12 status=200 cached\n",
         "{\"at\":\"info\",\"method\":\"GET\",\"path\":\"/a b\",\"ms\":12,\"status\":200,"
         "\"cached\":true}"},
        {NUMBERS, "ms= status=\"-1.5e3\"", "{\"ms\":null,\"status\":-1.5e3}"},
        {"\"logfmt\"", "url=/x?a=b&c=d k=", "{\"url\":\"/x?a=b&c=d\",\"k\":\"\"}"},
        {"\"logfmt\"", "m=\"a\\\"b\\\\c\\n\\td\\u00e4\\ud83d\\ude00\\ud800\"",
         "{\"m\":\"a\\\"b\\\\c\\n\\td\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbd\"}"},
        {"\"logfmt\"", "p=C:\\tmp", "{\"p\":\"C:\\\\tmp\"}"},
        {"\"logfmt\"", "a=1  b=\"\"\tc", "{\"a\":\"1\",\"b\":\"\",\"c\":true}"},
        {"\"logfmt\"", "\xc3\xa4=\xe2\x82\xac", "{\"\xc3\xa4\":\"\xe2\x82\xac\"}"},
    };
    FORMAT_BENCH_EACH(format_bench_decode, rows, true)
}

static void malformed_lines_name_their_place(void **state)
{
    (void)state;
    static const struct format_row rows[] = {
        {"\"logfmt\"", "a=1 =2", "there is no key at byte 4"},
        {"\"logfmt\"", "a=1 \"b\"=2", "there is no key at byte 4"},
        {"\"logfmt\"", "a\"b=1", "key 'a' has a byte that no key has at byte 1"},
        {"\"logfmt\"", "a=\"b", "key 'a' has no closing quote at byte 4"},
        {"\"logfmt\"", "a=\"b\\", "key 'a' has an unknown escape"},
        {"\"logfmt\"", "a=\"b\\q\"", "key 'a' has an unknown escape"},
        {"\"logfmt\"", "a=\"\\u12x4\"", "four hexadecimal digits"},
        {"\"logfmt\"", "a=\"b\"c", "key 'a' goes on behind its closing quote at byte 5"},
        {"\"logfmt\"", "a=b\"c\"", "key 'a' has a quote inside"},
        {"\"logfmt\"", "a=\xff", "key 'a' is not UTF-8"},
        {"\"logfmt\"", "\xff=1", "is not UTF-8"},
        {NUMBERS, "a=x ms=fast", "key 'ms' is no number at byte 11"},
        {NUMBERS, "ms", "key 'ms' is no number at byte 2"},
    };
    FORMAT_BENCH_EACH(format_bench_decode, rows, false)
}

static void lines_are_written(void **state)
{
    (void)state;
    static const struct format_row rows[] = {
        {"\"logfmt\"", "{}", ""},
        {"\"logfmt\"", "{\"a\":1.50,\"b\":\"x\",\"c\":true,\"d\":null}", "a=1.50 b=x c=true d="},
        {"\"logfmt\"", "{\"a\":\"x y\",\"b\":\"\",\"c\":\"q\\\"\\n=\",\"d\":\"\\\\\"}",
         "a=\"x y\" b=\"\" c=\"q\\\"\\n=\" d=\"\\\\\""},
        {"\"logfmt\"", "{\"a\":[1,\"x\"]}", "a=\"[1,\\\"x\\\"]\""},
    };
    FORMAT_BENCH_EACH(format_bench_encode, rows, true)
    static const struct format_row bad[] = {
        {"\"logfmt\"", "[1]", "made of an object"},
        {"\"logfmt\"", "{\"a b\":1}", "the member 'a b' cannot be a key"},
        {"\"logfmt\"", "{\"\":1}", "the member '' cannot be a key"},
        {"\"logfmt\"", "{\"a=\":1}", "the member 'a=' cannot be a key"},
    };
    FORMAT_BENCH_EACH(format_bench_encode, bad, false)
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_read),
        cmocka_unit_test(malformed_lines_name_their_place),
        cmocka_unit_test(lines_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
