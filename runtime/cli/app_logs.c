/* tidemill app logs: what a script prints and what happens to its application, as it happens. */
#include "runtime/cli/answer.h"
#include "runtime/cli/envelope.h"

#include <inttypes.h>
#include <time.h>

enum { LOGS_COUNT_DEFAULT = 100 };

struct logs_values {
    struct answer_flags answer;
    int64_t count;
    bool is_following;
};

static void print_line(const struct answer *answer, uint32_t line, struct buffer *out)
{
    int64_t at_ms = answer_number(answer, line, "at");
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm parts;
    char text[40];
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    buffer_printf(out, "%s.%03dZ %-7.*s ", text, (int)(at_ms % 1000),
                  BYTES_FORMAT(answer_text(answer, line, "kind")));
    envelope_write_text(answer_text(answer, line, "text"), out);
    buffer_add_byte(out, '\n');
}

/* Prints the lines behind *last, which moves on. */
static int print_lines(struct errand *errand, const struct logs_values *values, const char *app,
                       int64_t *last)
{
    const char *const parts[] = {"apps", app, "logs", NULL};
    struct answer answer;
    struct buffer path;
    uint32_t count = 0;
    buffer_init(&path);
    answer_make_path(&path, parts);
    buffer_printf(&path, "?after=%" PRId64 "&limit=%" PRId64, *last,
                  values->count > 0 ? values->count : LOGS_COUNT_DEFAULT);
    int code = answer_ask(&answer, errand, values->answer.http, "GET", buffer_string(&path));
    buffer_fini(&path);
    if (code == COMMAND_OK) {
        uint32_t lines = answer_list(&answer, JSON_ROOT, "lines", &count);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t line = json_element(&answer.json, lines, i);
            if (errand->is_json) {
                buffer_add_bytes(&errand->out, json_raw(&answer.json, line));
                buffer_add_byte(&errand->out, '\n');
            } else {
                print_line(&answer, line, &errand->out);
            }
        }
        *last = answer_number(&answer, JSON_ROOT, "last");
    }
    answer_fini(&answer);
    return code;
}

/* One look, with a client of its own, so that nothing adds up. False when there is to be no other.
 */
static bool look(struct command_world *world, const struct logs_values *values, const char *app,
                 int64_t *last, int *code)
{
    const struct errand_flags flags = {.output = values->answer.output};
    struct errand errand;
    *code = errand_open(&errand, world, &flags, NULL, NULL);
    if (*code != COMMAND_OK) {
        return false;
    }
    *code = print_lines(&errand, values, app, last);
    bool goes_on = *code == COMMAND_OK && values->is_following &&
                   command_print(world, &errand.out) && command_flush(world) &&
                   errand_pause(&errand) == 0;
    errand_close(&errand);
    return goes_on;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct logs_values *values = given;
    int64_t last = 0;
    bool ignored;
    int code = command_read_output(world, values->answer.output, &ignored);
    if (code == COMMAND_OK) {
        while (look(world, values, arguments->items[0], &last, &code)) {}
    }
    return code;
}

static const struct flag flags[] = {
    FLAG('f', "follow", BOOL, struct logs_values, is_following, NULL, "go on with what comes"),
    FLAG('n', "lines", INT, struct logs_values, count, "COUNT",
         "the newest lines (default: 100, at most 500)"),
    ANSWER_FLAGS(struct logs_values),
};

const struct command command_app_logs = {
    .noun = "app",
    .verb = "logs",
    .arguments = "APP",
    .summary = "prints what a script prints, and what happens to it",
    .examples = "tidemill app logs shop -f\n",
    .details = "The process keeps the newest 500 lines of each application: print of its script,\n"
               "failures with their reasons, starts, versions.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct logs_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = run,
};
