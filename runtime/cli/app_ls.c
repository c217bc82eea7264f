/* tidemill app ls: the applications of a process. */
#include "runtime/cli/answer.h"
#include "runtime/cli/grid.h"

struct ls_values {
    struct answer_flags answer;
};

static void print_apps(const struct answer *answer)
{
    static const struct grid_column columns[] = {
        {"NAME", "name", false},       {"STATE", "state", false}, {"TASKS", "tasks", true},
        {"PENDING", "pending", true},  {"IN", "in", true},        {"OUT", "out", true},
        {"DEAD", "dead_letter", true}, {"LATE", "late", true},    {"RESTARTS", "restarts", true},
        {"SCRIPT", "script", false},
    };
    struct grid grid;
    uint32_t count = 0;
    uint32_t apps = answer_list(answer, JSON_ROOT, "apps", &count);
    grid_init(&grid, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t app = json_element(&answer->json, apps, i);
        uint32_t counts = json_find(&answer->json, app, BYTES_LITERAL("counts"));
        bool is_there = counts != JSON_ABSENT;
        grid_add(&grid, answer_text(answer, app, "name"));
        grid_add(&grid, answer_text(answer, app, "state"));
        for (size_t column = 2; column < 8; column++) {
            uint32_t object = column < 4 ? app : counts;
            if (is_there) {
                grid_add_number(&grid, answer_number(answer, object, columns[column].name));
            } else {
                grid_add_nothing(&grid);
            }
        }
        grid_add_number(&grid, answer_number(answer, app, "restarts"));
        grid_add(&grid, answer_text(answer, app, "script"));
    }
    grid_print(&grid, false, &answer->errand->out);
    grid_fini(&grid);
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    (void)arguments;
    const struct ls_values *values = given;
    return answer_run(world, &values->answer, "GET", "/apps", print_apps);
}

static const struct flag flags[] = {
    ANSWER_FLAGS(struct ls_values),
};

const struct command command_app_ls = {
    .noun = "app",
    .verb = "ls",
    .arguments = "",
    .summary = "lists the applications of a process",
    .examples = "tidemill app ls\n"
                "tidemill app ls --http 10.0.0.5:8080 -o json\n",
    .details = "Asks the HTTP port of a process that was started with 'tidemill run'. PENDING was\n"
               "fetched and is not finished, IN was: it emitted OUT, or is DEAD, LATE, kept or\n"
               "filtered.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct ls_values),
    .argument_max = 0,
    .run = run,
};
