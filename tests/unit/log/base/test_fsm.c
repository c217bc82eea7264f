/* Shows that a machine moves along its arrows only, and that a table with a hole is noticed. */
#include "log/base/check.h"
#include "log/base/fsm.h"
#include "log/base/trace.h"
#include "tests/unit/unit.h"

enum door_state { DOOR_OPEN, DOOR_CLOSED, DOOR_LOCKED };

static const struct fsm_state door_states[] = {
    [DOOR_OPEN] = {"open", FSM_TO(DOOR_CLOSED)},
    [DOOR_CLOSED] = {"closed", FSM_TO(DOOR_OPEN) | FSM_TO(DOOR_LOCKED)},
    [DOOR_LOCKED] = {"locked", FSM_TO(DOOR_CLOSED)},
};
static const struct fsm door = FSM("door", door_states);

static jmp_buf escape;

static void leave(const char *condition, const char *file, int line)
{
    (void)condition;
    (void)file;
    (void)line;
    longjmp(escape, 1);
}

static void a_machine_moves_along_its_arrows(void **state)
{
    (void)state;
    enum door_state now = DOOR_OPEN;
    now = fsm_move(&door, now, DOOR_CLOSED);
    now = fsm_move(&door, now, DOOR_LOCKED);
    assert_int_equal(now, DOOR_LOCKED);
    assert_string_equal(fsm_name(&door, now), "locked");
    assert_string_equal(fsm_name(&door, 3), "nowhere");
}

static void only_the_arrows_of_the_table_are_allowed(void **state)
{
    (void)state;
    for (unsigned from = 0; from < 34; from++) {
        for (unsigned to = 0; to < 34; to++) {
            bool is_arrow = (from == DOOR_OPEN && to == DOOR_CLOSED) ||
                            (from == DOOR_CLOSED && (to == DOOR_OPEN || to == DOOR_LOCKED)) ||
                            (from == DOOR_LOCKED && to == DOOR_CLOSED);
            assert_int_equal(fsm_allows(&door, from, to), is_arrow);
        }
    }
}

static void a_move_without_an_arrow_stops_and_names_the_states(void **state)
{
    (void)state;
    trace_reset();
    trace_set_stream(NULL);
    check_on_failure(leave);
    if (setjmp(escape) == 0) {
        fsm_move(&door, DOOR_OPEN, DOOR_LOCKED);
        fail();
    }
    check_on_failure(NULL);
    assert_int_equal(trace_count("fsm.move_refused"), 1);
}

static void expect_unsound(const struct fsm *fsm)
{
    check_on_failure(leave);
    if (setjmp(escape) == 0) {
        fsm_check(fsm);
        fail();
    }
    check_on_failure(NULL);
}

static void a_table_with_a_hole_is_noticed(void **state)
{
    (void)state;
    const struct fsm_state beyond[] = {{"a", FSM_TO(1)}, {"b", FSM_TO(2)}};
    const struct fsm_state unreachable[] = {{"a", FSM_TO(0)}, {"b", FSM_TO(0)}};
    const struct fsm_state nameless[] = {{"a", FSM_TO(1)}, {NULL, FSM_TO(0)}};
    const struct fsm unsound[] = {FSM("beyond", beyond), FSM("unreachable", unreachable),
                                  FSM("nameless", nameless)};
    fsm_check(&door);
    for (size_t i = 0; i < sizeof unsound / sizeof *unsound; i++) {
        expect_unsound(&unsound[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_moves_along_its_arrows),
        cmocka_unit_test(only_the_arrows_of_the_table_are_allowed),
        cmocka_unit_test(a_move_without_an_arrow_stops_and_names_the_states),
        cmocka_unit_test(a_table_with_a_hole_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
