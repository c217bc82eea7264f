/* See test.h. The tests of a file run in one script, the application that a test drives in another
 * one, opened anew for every test and after every crash and restart, as a process would. */
#include "runtime/main/test.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/app/app_script.h"
#include "runtime/driver/driver.h"
#include "runtime/format/json.h"
#include "runtime/format/json_writer.h"
#include "runtime/lua/script_test.h"
#include "runtime/main/plugin_places.h"
#include "runtime/topology/topology_match.h"

#include <stdlib.h>
#include <string.h>

struct test_values {
    const char *filter;
    const char *output;
    struct flag_list plugins;
    int64_t test_ms;
};

struct test {
    struct command_world *world;
    const char *path;          /* of the file with the tests */
    struct buffer application; /* the path of what is driven */
    struct script *script;     /* which is open as long as the driver runs it */
    struct driver *driver;
    struct arena arena; /* of what the options of the driver say */
    const char **topics;
    size_t topic_count;
    const struct plugin_places *plugins;
    struct app_log *log; /* of what the tests and their applications print */
    int64_t told_line;   /* the last one of it that was shown */
};

enum test_output { TEST_TEXT, TEST_TAP, TEST_JSON };

/* How many tests were run, and how they are told. */
struct test_run {
    enum test_output output;
    size_t passed_count;
    size_t failed_count;
    struct buffer out;
};

/* --- The application under test --------------------------------------------------------------- */

static struct app_options test_options(const struct plugin_places *plugins, const char *path)
{
    return (struct app_options){.path = path,
                                .plugin_directories = plugins->items,
                                .plugin_directory_count = plugins->count};
}

static int test_open_script(struct test *test, struct report *report)
{
    struct app_options options = test_options(test->plugins, buffer_string(&test->application));
    options.log = test->log;
    int error = app_script_open(test->world->io, &options, report, &test->script);
    if (error == 0 && topology_match_is_needed(script_topology(test->script))) {
        error = script_match_topics(test->script, test->topics, test->topic_count, report);
    }
    return error;
}

static void test_keep_topics(struct test *test, const struct script_test_options *options)
{
    arena_clear(&test->arena);
    test->topics = arena_array(&test->arena, const char *, options->topic_count);
    test->topic_count = options->topic_count;
    for (size_t i = 0; i < options->topic_count; i++) {
        test->topics[i] = arena_string(&test->arena, bytes_from_string(options->topics[i]));
    }
}

static void test_end(struct test *test)
{
    if (test->driver != NULL) {
        driver_crash(test->driver);
        driver_free(test->driver);
        test->driver = NULL;
    }
    script_close(test->script);
    test->script = NULL;
}

static int test_begin(void *owner, const struct script_test_options *options, struct report *report)
{
    struct test *test = owner;
    const char *slash = strrchr(test->path, '/');
    test_end(test);
    buffer_clear(&test->application);
    test_keep_topics(test, options);
    if (options->file == NULL) {
        buffer_add_string(&test->application, test->path);
    } else {
        buffer_add(&test->application, test->path,
                   slash == NULL ? 0 : (size_t)(slash - test->path) + 1);
        buffer_add_string(&test->application, options->file);
    }
    int error = test_open_script(test, report);
    if (error != 0) {
        return error;
    }
    test->driver = driver_new(&(struct driver_options){
        .partitions = options->partitions, .is_commit_explicit = options->is_commit_explicit});
    return driver_start(test->driver, script_topology(test->script), report);
}

/* The topics that the application reads, whatever part of it does. Freed by the caller. */
static const char **test_list_inputs(const struct topology *topology, size_t *count)
{
    const char **topics = NULL;
    size_t part_count = topology_part_count(topology);
    *count = 0;
    for (size_t i = 0; i < part_count + topology_global_count(topology); i++) {
        const struct topology_part *part = i < part_count
                                               ? topology_part_at(topology, i)
                                               : topology_global_at(topology, i - part_count);
        topics = memory_resize(topics, (*count + part->topic_count) * sizeof *topics);
        memcpy(topics + *count, part->topics, part->topic_count * sizeof *topics);
        *count += part->topic_count;
    }
    return topics;
}

/* A record that nobody reads would only be waited for. Streams by pattern may be shown what they
 * leave alone. */
static int test_judge_topic(const struct test *test, const char *topic, struct report *report)
{
    size_t count;
    const char **topics = test_list_inputs(script_topology(test->script), &count);
    bool is_read = topology_match_is_needed(script_topology(test->script));
    for (size_t i = 0; i < count; i++) {
        is_read = is_read || strcmp(topics[i], topic) == 0;
    }
    const char *near = text_nearest(topic, topics, count);
    free(topics);
    return is_read ? 0
           : near != NULL
               ? report_add(report, "",
                            "the application does not read the topic '%s'; did you mean '%s'?",
                            topic, near)
               : report_add(report, "", "the application does not read the topic '%s'", topic);
}

static int test_send(void *owner, const struct record *record, struct report *report)
{
    struct test *test = owner;
    int error = test_judge_topic(test, record->topic, report);
    return error != 0 ? error : driver_send(test->driver, record, report);
}

/* Another process: all that the script kept in its variables is gone. */
static int test_start_anew(struct test *test, struct report *report)
{
    script_close(test->script);
    test->script = NULL;
    int error = test_open_script(test, report);
    return error == 0 ? driver_start(test->driver, script_topology(test->script), report) : error;
}

static int test_step(void *owner, enum script_test_step step, struct report *report)
{
    struct test *test = owner;
    int error = 0;
    switch (step) {
    case SCRIPT_TEST_COMMIT:
        return driver_commit(test->driver, report);
    case SCRIPT_TEST_CRASH:
        driver_crash(test->driver);
        return test_start_anew(test, report);
    case SCRIPT_TEST_RESTART:
        error = driver_stop(test->driver, report);
        return error == 0 ? test_start_anew(test, report) : error;
    case SCRIPT_TEST_REBALANCE:
        error = driver_stop(test->driver, report);
        return error == 0 ? driver_start(test->driver, script_topology(test->script), report)
                          : error;
    }
    return error;
}

static int test_advance(void *owner, int64_t span_ms, struct report *report)
{
    return driver_advance(((struct test *)owner)->driver, span_ms, report);
}

static const struct record *test_take(void *owner, const char *topic)
{
    return driver_take(((struct test *)owner)->driver, topic);
}

static int test_look(void *owner, const char *name, int32_t partition,
                     bool (*each)(void *each_owner, const struct record *record), void *each_owner)
{
    struct store_rows rows;
    struct buffer place = {0};
    if (!driver_open_rows(((struct test *)owner)->driver, name, partition, &rows)) {
        return 0;
    }
    int result = store_rows_walk(&rows, &place, (struct bytes){0}, SIZE_MAX, each, each_owner);
    buffer_fini(&place);
    store_rows_fini(&rows);
    return result;
}

static int64_t test_time_ms(void *owner)
{
    return driver_time_ms(((struct test *)owner)->driver);
}

/* --- The tests -------------------------------------------------------------------------------- */

/* A name or a sentence on one line. */
static void test_add_line(struct buffer *out, const char *text)
{
    for (; *text != 0; text++) {
        buffer_add_byte(out, (unsigned char)*text < ' ' ? ' ' : (uint8_t)*text);
    }
}

static void test_add_printed(struct test_run *run, const struct json *json, uint32_t line)
{
    uint32_t text = json_find(json, line, BYTES_LITERAL("text"));
    struct buffer decoded, printed;
    buffer_init(&decoded);
    buffer_init(&printed);
    if (json_token(json, text)->kind == JSON_STRING) { /* else it is not UTF-8 */
        buffer_add_bytes(&printed, json_string(json, text, &decoded));
    }
    buffer_add_string(&run->out, run->output == TEST_TAP ? "# print: " : "print ");
    test_add_line(&run->out, buffer_string(&printed));
    buffer_add_byte(&run->out, '\n');
    buffer_fini(&printed);
    buffer_fini(&decoded);
}

/* What was printed since the last test, the newest lines of it. */
static void test_tell_printed(struct test *test, struct test_run *run)
{
    struct buffer text;
    struct json json;
    buffer_init(&text);
    json_init(&json);
    buffer_add_byte(&text, '{');
    app_log_write(test->log, test->told_line, APP_LOG_LINE_COUNT, &text);
    buffer_add_byte(&text, '}');
    if (json_parse(&json, buffer_bytes(&text)) == 0) {
        uint32_t lines = json_find(&json, JSON_ROOT, BYTES_LITERAL("lines"));
        uint32_t last = json_find(&json, JSON_ROOT, BYTES_LITERAL("last"));
        for (uint32_t i = 0; i < json_token(&json, lines)->count; i++) {
            test_add_printed(run, &json, json_element(&json, lines, i));
        }
        check(json_int64(&json, last, &test->told_line));
    }
    json_fini(&json);
    buffer_fini(&text);
}

static void test_tell_text(struct test_run *run, const char *name, const struct report *report)
{
    struct buffer *out = &run->out;
    bool is_tap = run->output == TEST_TAP;
    size_t number = run->passed_count + run->failed_count;
    const char *good = is_tap ? "ok" : "pass", *bad = is_tap ? "not ok" : "FAIL";
    buffer_printf(out, "%s ", report == NULL ? good : bad);
    if (is_tap) {
        buffer_printf(out, "%zu - ", number);
    }
    test_add_line(out, name);
    buffer_add_byte(out, '\n');
    if (report != NULL) {
        buffer_add_string(out, is_tap ? "# " : "     ");
        buffer_printf(out, "%s%s", report->place, report->place[0] == 0 ? "" : ": ");
        test_add_line(out, report->text);
        buffer_add_byte(out, '\n');
    }
}

static void test_add_json(struct buffer *out, const char *name, const char *text)
{
    buffer_printf(out, ",\"%s\":", name);
    if (json_writer_string(out, bytes_from_string(text)) != 0) {
        buffer_add_string(out, "null"); /* not UTF-8 */
    }
}

/* A line for each test. */
static void test_tell_json(struct test_run *run, const char *name, const struct report *report)
{
    buffer_printf(&run->out, "{\"passed\":%s", report == NULL ? "true" : "false");
    test_add_json(&run->out, "name", name);
    if (report != NULL) {
        test_add_json(&run->out, "place", report->place);
        test_add_json(&run->out, "error", report->text);
    }
    buffer_add_string(&run->out, "}\n");
}

static bool test_run_one(struct test *test, struct script *script, size_t index,
                         struct test_run *run)
{
    static const struct script_test_host host = {.begin = test_begin,
                                                 .send = test_send,
                                                 .step = test_step,
                                                 .advance = test_advance,
                                                 .take = test_take,
                                                 .look = test_look,
                                                 .time_ms = test_time_ms};
    struct report report = {0};
    const char *name = script_test_name(script, index);
    bool is_passed = script_test_run(script, index, &host, test, &report) == 0;
    test_end(test);
    run->passed_count += is_passed;
    run->failed_count += !is_passed;
    if (run->output == TEST_JSON) {
        test_tell_json(run, name, is_passed ? NULL : &report);
    } else {
        test_tell_printed(test, run);
        test_tell_text(run, name, is_passed ? NULL : &report);
    }
    return command_print(test->world, &run->out);
}

static int test_run_file(struct command_world *world, const char *path,
                         const struct test_values *values, struct test_run *run)
{
    struct plugin_places plugins;
    plugin_places_find(&plugins, &values->plugins);
    struct app_options options = test_options(&plugins, path);
    options.limits.test_ms = values->test_ms;
    options.log = app_log_new(world->io);
    const char *filter = values->filter;
    struct report report = {0};
    struct script *script = NULL;
    if (app_script_open(world->io, &options, &report, &script) != 0) {
        app_log_free(options.log);
        return command_fail(world, "%s%s%s", report.place, report.place[0] == 0 ? "" : ": ",
                            report.text);
    }
    struct test test = {.world = world, .path = path, .plugins = &plugins, .log = options.log};
    buffer_init(&test.application);
    arena_init(&test.arena, 0);
    bool is_read = true;
    for (size_t i = 0; i < script_test_count(script) && is_read && !world->is_interrupted; i++) {
        if (filter == NULL || strstr(script_test_name(script, i), filter) != NULL) {
            is_read = test_run_one(&test, script, i, run);
        }
    }
    buffer_fini(&test.application);
    arena_fini(&test.arena);
    script_close(script);
    app_log_free(options.log);
    return COMMAND_OK;
}

static int test_read_output(struct command_world *world, const char *name, enum test_output *out)
{
    static const char *const names[] = {"text", "tap", "json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (name == NULL || strcmp(name, names[i]) == 0) {
            *out = (enum test_output)i;
            return COMMAND_OK;
        }
    }
    return command_misuse(world, "--output is text, tap or json, not '%s'", name);
}

static void test_tell_summary(struct test_run *run)
{
    size_t count = run->passed_count + run->failed_count;
    switch (run->output) {
    case TEST_TEXT:
        buffer_printf(&run->out, "%zu passed, %zu failed\n", run->passed_count, run->failed_count);
        break;
    case TEST_TAP:
        buffer_printf(&run->out, "1..%zu\n", count);
        break;
    case TEST_JSON:
        buffer_printf(&run->out, "{\"passed\":%zu,\"failed\":%zu}\n", run->passed_count,
                      run->failed_count);
        break;
    }
}

static int test_scripts(struct command_world *world, const void *given,
                        const struct flag_list *arguments)
{
    const struct test_values *values = given;
    struct test_run run = {0};
    int code = test_read_output(world, values->output, &run.output);
    buffer_init(&run.out);
    for (size_t i = 0; i < arguments->count && code == COMMAND_OK; i++) {
        code = test_run_file(world, arguments->items[i], values, &run);
    }
    if (code == COMMAND_OK && run.passed_count + run.failed_count == 0) {
        code = command_fail(world, "no test was found%s",
                            values->filter == NULL
                                ? ": a file brings them with T.test of require \"tidemill.test\""
                                : " whose name holds the text of --filter");
    } else if (code == COMMAND_OK) {
        test_tell_summary(&run);
        command_print(world, &run.out);
        code = run.failed_count > 0 ? COMMAND_FAILED : COMMAND_OK;
    }
    buffer_fini(&run.out);
    return code;
}

static const struct flag test_flags[] = {
    FLAG(0, "filter", STRING, struct test_values, filter, "TEXT",
         "only tests whose names hold the text"),
    FLAG(0, "plugins", LIST, struct test_values, plugins, "DIR", "more places for plugins"),
    FLAG(0, "time-limit", DURATION, struct test_values, test_ms, "TIME",
         "the longest a test may run, in processor time (default: 1m)"),
    FLAG('o', "output", STRING, struct test_values, output, "text|tap|json", "how to print"),
};

const struct command test_command = {
    .verb = "test",
    .arguments = "APP.lua...",
    .summary = "runs the tests that applications bring, without a broker",
    .examples = "tidemill test words.lua\n"
                "tidemill test words.lua --filter crash -o tap\n",
    .details =
        "A test sends records, moves the clock, crashes the application and looks at what\n"
        "it wrote. Ends with 1 when a test fails, with its place and the first difference.\n"
        "What the test and the application print is shown above the test, 500 lines at most.\n",
    COMMAND_FLAGS(test_flags),
    .values_size = sizeof(struct test_values),
    .argument_min = 1,
    .argument_max = -1,
    .run = test_scripts,
};
