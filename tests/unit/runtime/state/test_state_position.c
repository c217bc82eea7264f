/* Shows that a position survives its text form and that anything else is refused. */
#include "log/base/error.h"
#include "runtime/state/state_position.h"
#include "tests/unit/unit.h"

static void a_position_is_read_as_it_was_printed(void **state)
{
    (void)state;
    struct state_position position;
    struct state_position copy;
    struct buffer text;
    state_position_init(&position);
    state_position_init(&copy);
    buffer_init(&text);
    position.commit = 12;
    position.stream_time_ms = 1763983890000;
    state_position_set_input(&position, "dpkg.raw", 3, 5137);
    state_position_set_input(&position, "dpkg.raw", 3, 5138);
    state_position_set_changelog(&position, "counts", 911);
    state_position_print(&position, &text);
    assert_string_equal(buffer_string(&text), "commit 12\nstream_time 1763983890000\n"
                                              "input dpkg.raw 3 5138\nchangelog counts 911\n");
    assert_int_equal(state_position_parse(&copy, buffer_bytes(&text)), 0);
    assert_int_equal(copy.commit, 12);
    assert_int_equal(state_position_input(&copy, "dpkg.raw", 3), 5138);
    assert_int_equal(state_position_input(&copy, "dpkg.raw", 0), -1);
    assert_int_equal(state_position_changelog(&copy, "counts"), 911);
    state_position_fini(&position);
    state_position_fini(&copy);
    buffer_fini(&text);
}

static void anything_else_is_corrupt(void **state)
{
    (void)state;
    static const char *const wrong[] = {"commit",        "commit x",     "input t 0",
                                        "input t 0 1 2", "offset t 0 1", "changelog 5"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct state_position position;
        state_position_init(&position);
        assert_int_equal(state_position_parse(&position, bytes_from_string(wrong[i])),
                         ERROR_CORRUPT);
        state_position_fini(&position);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_is_read_as_it_was_printed),
        cmocka_unit_test(anything_else_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
