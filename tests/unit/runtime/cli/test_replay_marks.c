/* Shows that what was sent back is remembered, in pieces and as a whole, and survives a commit. */
#include "log/base/error.h"
#include "runtime/cli/replay_marks.h"
#include "tests/unit/unit.h"

static void expect(const struct replay_marks *marks, int64_t position, const char *metadata)
{
    struct buffer text;
    buffer_init(&text);
    replay_marks_check(marks);
    assert_int_equal(marks->position, position);
    assert_int_equal(replay_marks_write(marks, &text), 0);
    assert_string_equal(buffer_string(&text), metadata);
    buffer_fini(&text);
}

static void pieces_grow_together(void **state)
{
    (void)state;
    struct replay_marks marks;
    replay_marks_init(&marks);
    replay_marks_add(&marks, 5, 6);
    replay_marks_add(&marks, 12, 12);
    expect(&marks, 0, "5-6,12-12");
    assert_true(replay_marks_has(&marks, 6));
    assert_false(replay_marks_has(&marks, 7));
    replay_marks_add(&marks, 7, 11);
    expect(&marks, 0, "5-12");
    replay_marks_add(&marks, 0, 4);
    expect(&marks, 13, "");
    assert_true(replay_marks_has(&marks, 0));
    assert_false(replay_marks_has(&marks, 13));
    replay_marks_fini(&marks);
}

static void what_is_below_the_position_changes_nothing(void **state)
{
    (void)state;
    struct replay_marks marks;
    replay_marks_init(&marks);
    replay_marks_add(&marks, 0, 9);
    replay_marks_add(&marks, 3, 4);
    replay_marks_add(&marks, 0, -1);
    expect(&marks, 10, "");
    replay_marks_add(&marks, 8, 11);
    expect(&marks, 12, "");
    replay_marks_fini(&marks);
}

static void a_commit_is_read_back(void **state)
{
    (void)state;
    struct replay_marks marks;
    replay_marks_init(&marks);
    assert_int_equal(replay_marks_read(&marks, 3, BYTES_LITERAL("7-8,20-31")), 0);
    expect(&marks, 3, "7-8,20-31");
    assert_int_equal(replay_marks_read(&marks, -1, bytes_make(NULL, 0)), 0);
    expect(&marks, 0, "");
    replay_marks_fini(&marks);
}

static void a_foreign_commit_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "consumer-1", "7",    "7-",   "9-7",
        "7-8;9-9",    "-1-4", "7-8 ", "99999999999999999999-99999999999999999999"};
    struct replay_marks marks;
    replay_marks_init(&marks);
    replay_marks_add(&marks, 0, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(replay_marks_read(&marks, 0, bytes_from_string(wrong[i])),
                         ERROR_MALFORMED);
    }
    expect(&marks, 2, "");
    replay_marks_fini(&marks);
}

static void too_many_pieces_are_told(void **state)
{
    (void)state;
    struct replay_marks marks;
    struct buffer text;
    replay_marks_init(&marks);
    buffer_init(&text);
    for (int64_t i = 1; i < 1000; i++) {
        replay_marks_add(&marks, 1000 + 2 * i, 1000 + 2 * i);
    }
    assert_int_equal(replay_marks_write(&marks, &text), ERROR_TOO_LARGE);
    assert_int_equal(text.size, 0);
    buffer_fini(&text);
    replay_marks_fini(&marks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_grow_together),
        cmocka_unit_test(what_is_below_the_position_changes_nothing),
        cmocka_unit_test(a_commit_is_read_back),
        cmocka_unit_test(a_foreign_commit_is_refused),
        cmocka_unit_test(too_many_pieces_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
