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
    position.follows = 11;
    position.stream_time_ms = 1763983890000;
    state_position_set_input(&position, "dpkg.raw", 3, 5137);
    state_position_set_input(&position, "dpkg.raw", 3, 5138);
    state_position_set_changelog(&position, "counts", "00ff", 911);
    state_position_set_changelog(&position, "counts", NULL, 912);
    state_position_set_changelog(&position, "old", NULL, 1);
    state_position_print(&position, &text);
    assert_string_equal(buffer_string(&text),
                        "commit 12\nfollows 11\nstream_time 1763983890000\n"
                        "input dpkg.raw 3 5138\nchangelog counts 912 00ff\nchangelog old 1 -\n");
    assert_int_equal(state_position_parse(&copy, buffer_bytes(&text)), 0);
    assert_int_equal(copy.clock, 0);
    assert_int_equal(copy.commit, 12);
    assert_int_equal(copy.follows, 11);
    assert_int_equal(copy.stream_time_ms, 1763983890000);
    assert_int_equal(state_position_input(&copy, "dpkg.raw", 3), 5138);
    assert_int_equal(state_position_input(&copy, "dpkg.raw", 0), -1);
    assert_int_equal(state_position_changelog(&copy, "counts")->offset, 912);
    assert_string_equal(state_position_changelog(&copy, "counts")->topic_id, "00ff");
    assert_string_equal(state_position_changelog(&copy, "old")->topic_id, "");
    assert_null(state_position_changelog(&copy, "other"));
    state_position_fini(&position);
    state_position_fini(&copy);
    buffer_fini(&text);
}

static void a_copy_is_the_same_and_its_own(void **state)
{
    (void)state;
    struct state_position position;
    struct state_position copy;
    struct buffer texts[2] = {{0}};
    state_position_init(&position);
    state_position_init(&copy);
    state_position_set_input(&copy, "left from before", 0, 1);
    position.clock = 7;
    position.commit = 4;
    position.follows = 3;
    position.stream_time_ms = -1;
    state_position_set_input(&position, "events", 0, 10);
    state_position_set_changelog(&position, "counts", "ab", 20);
    state_position_copy(&copy, &position);
    state_position_print(&position, &texts[0]);
    state_position_print(&copy, &texts[1]);
    assert_string_equal(buffer_string(&texts[0]), buffer_string(&texts[1]));
    state_position_set_changelog(&position, "counts", NULL, 30);
    state_position_clear_changelogs(&copy);
    assert_null(state_position_changelog(&copy, "counts"));
    assert_int_equal(state_position_parse(&copy, buffer_bytes(&texts[0])), 0);
    assert_int_equal(copy.clock, 7);
    state_position_clear_changelogs(&copy);
    assert_int_equal(state_position_changelog(&position, "counts")->offset, 30);
    assert_int_equal(state_position_input(&copy, "events", 0), 10);
    state_position_fini(&position);
    state_position_fini(&copy);
    buffer_fini(&texts[0]);
    buffer_fini(&texts[1]);
}

#define HEAD "commit 2\nfollows 1\nstream_time 0\n"

static void anything_else_is_corrupt(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        "commit",
                                        "commit 2\nfollows 1\n",
                                        "follows 1\nstream_time 0\n",
                                        "commit 2\nstream_time 0\n",
                                        "commit x\nfollows 1\nstream_time 0\n",
                                        HEAD "input t 0\n",
                                        HEAD "input t 0 1 2\n",
                                        HEAD "input t x 1\n",
                                        HEAD "input t 4294967296 1\n",
                                        HEAD "offset t 0 1\n",
                                        HEAD "changelog 5\n",
                                        HEAD "changelog c 5\n",
                                        HEAD "changelog c x -\n",
                                        HEAD "input  t 0 1\n",
                                        HEAD "input t 0 1",
                                        HEAD "\n",
                                        HEAD "changelog c 5 0123456789012345678901234567890123\n"};
    struct state_position position;
    state_position_init(&position);
    assert_int_equal(state_position_parse(&position, BYTES_LITERAL(HEAD)), 0);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(state_position_parse(&position, bytes_from_string(wrong[i])),
                         ERROR_CORRUPT);
        assert_int_equal(position.commit, 2); /* untouched */
    }
    state_position_fini(&position);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_position_is_read_as_it_was_printed),
        cmocka_unit_test(a_copy_is_the_same_and_its_own),
        cmocka_unit_test(anything_else_is_corrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
