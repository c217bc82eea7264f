/* Shows the line an event becomes, which lines are written, and which are kept. */
#include "log/base/trace.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static char *written;
static size_t written_size;
static FILE *stream;

static int64_t fixed_clock(void)
{
    return 1764000000123; /* 2025-11-24T16:00:00.123Z */
}

static int open_stream(void **state)
{
    (void)state;
    stream = open_memstream(&written, &written_size);
    trace_reset();
    trace_set_clock(fixed_clock);
    trace_set_level(TRACE_WARN);
    trace_set_stream(stream);
    return 0;
}

static int close_stream(void **state)
{
    (void)state;
    trace_set_stream(NULL);
    trace_set_clock(NULL);
    fclose(stream);
    free(written);
    return 0;
}

static void an_event_is_one_line_with_time_level_name_and_fields(void **state)
{
    (void)state;
    trace(TRACE_WARN, "store.log_truncated", TRACE_STRING("topic", "orders"),
          TRACE_INT("partition", -1), TRACE_BYTES("key", BYTES_LITERAL("abc")),
          TRACE_STRING("reason", NULL), TRACE_BYTES("value", ((struct bytes){NULL, 0})));
    assert_string_equal(written, "2025-11-24T16:00:00.123Z WARN store.log_truncated topic=orders "
                                 "partition=-1 key=abc reason=- value=\n");
}

static void what_comes_from_outside_cannot_forge_a_line(void **state)
{
    (void)state;
    trace(TRACE_ERROR, "net.refused", TRACE_STRING("client", "a\nERROR b\x1b[1m"));
    assert_string_equal(written,
                        "2025-11-24T16:00:00.123Z ERROR net.refused client=a?ERROR b?[1m\n");
}

static void a_long_line_is_cut(void **state)
{
    (void)state;
    char text[2000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    trace(TRACE_ERROR, "test.long", TRACE_STRING("first", text), TRACE_STRING("second", text),
          TRACE_INT("third", 3), TRACE_BYTES("fourth", bytes_make(text, 1999)));
    assert_int_equal(written_size, 512);
    assert_int_equal(written[511], '\n');
    assert_ptr_equal(strchr(written, '\n'), written + 511);
}

static void quieter_lines_are_counted_and_kept_but_not_written(void **state)
{
    (void)state;
    trace(TRACE_INFO, "test.quiet", TRACE_INT("n", 1));
    trace(TRACE_DEBUG, "test.quiet", TRACE_INT("n", 2));
    fflush(stream);
    assert_int_equal(written_size, 0);
    assert_int_equal(trace_count("test.quiet"), 2);
    assert_int_equal(trace_count("test.silent"), 0);
    trace_print_recent(stream);
    fflush(stream);
    assert_string_equal(written, "2025-11-24T16:00:00.123Z INFO test.quiet n=1\n"
                                 "2025-11-24T16:00:00.123Z DEBUG test.quiet n=2\n");
    trace_reset();
    assert_int_equal(trace_count("test.quiet"), 0);
}

static void the_last_lines_are_kept_oldest_first(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        trace(TRACE_DEBUG, "test.many", TRACE_INT("n", i));
    }
    trace_print_recent(stream);
    fflush(stream);
    const char *line = written;
    for (int i = 936; i < 1000; i++) {
        char expected[80];
        snprintf(expected, sizeof expected, "2025-11-24T16:00:00.123Z DEBUG test.many n=%d\n", i);
        assert_memory_equal(line, expected, strlen(expected));
        line += strlen(expected);
    }
    assert_string_equal(line, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_stream, close_stream)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_one_line_with_time_level_name_and_fields),
        TEST(what_comes_from_outside_cannot_forge_a_line),
        TEST(a_long_line_is_cut),
        TEST(quieter_lines_are_counted_and_kept_but_not_written),
        TEST(the_last_lines_are_kept_oldest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
