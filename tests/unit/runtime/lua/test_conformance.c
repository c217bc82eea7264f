/* Holds topologies, written in words of the builder, against what Kafka Streams made of the same
 * input (tests/conformance): the words of each case run as they stand, behind conformance.lua. */
#include "tests/unit/runtime/conformance.h"
#include "tests/unit/runtime/lua/lua_bench.h"

/* Beginnings of the cases that the builder has no words for yet, or that are meant to differ. */
static const char *const missing[] = {
    /* Kafka with one store for both sides: another order of matches. */
    "joins/self_optimized",
    /* There each stream of a cogroup has a time of its own, so a record can come in time by one
     * stream for a window that another has closed. Here a window closes for all of them. */
    "streams/cogroup_tumbling-1",
    "streams/cogroup_sliding-",
    "streams/cogroup_session-",
    /* Its functions are not written here. */
    "streams/punctuate",
    /* Kafka loses records without a key there; we keep them. */
    "streams/repartition",
};

/* Results of windows that are held back until they close: Kafka's `suppress` says it behind the
 * window, our windows say it themselves. And sessions that were final are not merged again here: a
 * record counts in one result. */
static bool is_otherwise(const char *output)
{
    bool is_window = strncmp(output, "windows/", 8) == 0 || strncmp(output, "edges/", 6) == 0;
    bool is_suppressed = strstr(output, "_closed") != NULL;
    bool is_final_session = strstr(output, "/session_") != NULL && strstr(output, "_final") != NULL;
    return is_window && (is_suppressed || is_final_session);
}

static bool is_missing(const char *output)
{
    if (is_otherwise(output)) {
        return true;
    }
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        if (strncmp(output, missing[i], strlen(missing[i])) == 0) {
            return true;
        }
    }
    return false;
}

static char *read_prelude(void)
{
    char *text = test_calloc(1, 65536);
    FILE *file = fopen("tests/unit/runtime/lua/conformance.lua", "r");
    assert_non_null(file);
    size_t size = fread(text, 1, 65535, file);
    assert_true(size > 0 && size < 65535);
    fclose(file);
    return text;
}

/* Whether the words give what was recorded. */
static bool run_case(struct lua_bench *bench, const char *prelude,
                     const struct conformance_line *line, bool is_restarting)
{
    const char *output = line->columns[1];
    struct buffer text;
    buffer_init(&text);
    buffer_printf(&text, "%s\n%s\nreturn the_app\n", prelude, line->columns[2]);
    lua_bench_close(bench);
    if (lua_bench_try(bench, buffer_string(&text)) != 0) {
        print_message("%s: %s %s\n", output, bench->report.place, bench->report.text);
        buffer_fini(&text);
        return false;
    }
    buffer_clear(&text);
    mill_driver_init(&bench->driver, script_topology(bench->script));
    bench->is_running = true;
    conformance_play(&bench->driver, line->columns[0], is_restarting, &text);
    char *got = memory_string(buffer_string(&text));
    bool is_equal = conformance_compare(output, got);
    free(got);
    buffer_fini(&text);
    return is_equal;
}

static void run_cases(struct lua_bench *bench, bool is_restarting)
{
    char *cases = conformance_read("", "cases");
    char *prelude = read_prelude();
    char *at = cases;
    int count = 0;
    int failed = 0;
    struct conformance_line line;
    while (conformance_next(&at, &line)) {
        assert_int_equal(line.count, 3);
        if (!is_missing(line.columns[1])) {
            count++;
            failed += !run_case(bench, prelude, &line, is_restarting);
        }
    }
    test_free(prelude);
    test_free(cases);
    assert_true(count > 0);
    if (failed > 0) {
        fail_msg("%d of %d cases differ", failed, count);
    }
}

static void the_answers_are_those_of_kafka_streams(void **state)
{
    run_cases(*state, false);
}

static void restarts_between_records_change_no_answer(void **state)
{
    run_cases(*state, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LUA_BENCH_TEST(the_answers_are_those_of_kafka_streams),
        LUA_BENCH_TEST(restarts_between_records_change_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
