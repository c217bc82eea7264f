/* Shows that the newest lines are kept, in order and numbered, and that long ones are cut between
 * characters. */
#include "runtime/app/app_log.h"
#include "runtime/format/json.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

struct fixture {
    struct sim *sim;
    struct app_log *log;
    struct buffer out;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.sim = sim_new(1, 1)};
    fixture.log = app_log_new(sim_io(fixture.sim, 0));
    buffer_init(&fixture.out);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    app_log_free(fixture->log);
    buffer_fini(&fixture->out);
    sim_free(fixture->sim);
    return 0;
}

static const char *write_lines(struct fixture *fixture, int64_t number, int64_t count_max)
{
    buffer_clear(&fixture->out);
    app_log_write(fixture->log, number, count_max, &fixture->out);
    return buffer_string(&fixture->out);
}

static void nothing_was_said_yet(void **state)
{
    assert_string_equal(write_lines(*state, 0, 100), "\"lines\":[],\"last\":0");
}

static void the_newest_lines_are_kept(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 1; i <= APP_LOG_LINE_COUNT + 20; i++) {
        char text[20];
        snprintf(text, sizeof text, "line %d", i);
        app_log_add(fixture->log, "print", text);
    }
    const char *text = write_lines(fixture, 0, 10000);
    assert_null(strstr(text, "\"line 20\""));
    assert_non_null(strstr(text, "\"number\":21,"));
    assert_non_null(strstr(text, "\"line 21\""));
    text = write_lines(fixture, APP_LOG_LINE_COUNT + 18, 100);
    assert_null(strstr(text, "\"line 518\""));
    assert_non_null(strstr(text, "\"line 519\""));
    assert_non_null(strstr(text, "\"last\":520"));
    text = write_lines(fixture, 0, 1);
    assert_null(strstr(text, "\"line 519\""));
    assert_non_null(strstr(text, "\"line 520\""));
}

static void a_long_line_is_cut_between_characters(void **state)
{
    struct fixture *fixture = *state;
    char text[APP_LOG_LINE_SIZE + 2] = {0};
    memset(text, 'x', APP_LOG_LINE_SIZE - 1);
    strcpy(text + APP_LOG_LINE_SIZE - 1, "\xc3\xa9"); /* its second byte has no room */
    app_log_add(fixture->log, "print", text);
    text[APP_LOG_LINE_SIZE - 1] = '"';
    text[APP_LOG_LINE_SIZE] = '}';
    assert_non_null(strstr(write_lines(fixture, 0, 1), text));
}

static void count_line(void *owner)
{
    ++*(int *)owner;
}

/* As from one shard to another. */
static void lines_that_are_taken_go_on_in_another_log(void **state)
{
    struct fixture *fixture = *state;
    struct app_log *other = app_log_new(sim_io(fixture->sim, 0));
    int count = 0;
    app_log_on_add(other, count_line, &count);
    app_log_add(fixture->log, "print", "ours");
    for (int i = 1; i <= APP_LOG_LINE_COUNT + 1; i++) {
        char text[20];
        snprintf(text, sizeof text, "theirs %d", i);
        app_log_add(other, "print", text);
    }
    assert_int_equal(count, APP_LOG_LINE_COUNT + 1);
    struct app_log *taken = app_log_take(other);
    assert_true(app_log_is_empty(other));
    app_log_add(other, "print", "later");
    assert_false(app_log_is_empty(other));
    app_log_append(fixture->log, taken);
    const char *text = write_lines(fixture, 0, 10000);
    assert_null(strstr(text, "\"theirs 1\""));
    assert_non_null(strstr(text, "{\"number\":2,"));
    assert_non_null(strstr(text, "\"theirs 2\""));
    assert_non_null(strstr(text, "\"last\":501"));
    assert_null(strstr(text, "later"));
    app_log_free(taken);
    app_log_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_was_said_yet, setup, teardown),
        cmocka_unit_test_setup_teardown(the_newest_lines_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(a_long_line_is_cut_between_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(lines_that_are_taken_go_on_in_another_log, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
