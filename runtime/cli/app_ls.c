/* tidemill app ls: the applications of a process. */
#include "runtime/cli/answer.h"
#include "runtime/cli/grid.h"

struct ls_values {
    struct answer_flags answer;
};

/* A number of an object that may not be there, as when the application does not run. */
static void add_number(struct grid *grid, const struct answer *answer, uint32_t object,
                       const char *name)
{
    bool is_there = object != JSON_ABSENT &&
                    json_find(&answer->json, object, bytes_from_string(name)) != JSON_ABSENT;
    if (is_there) {
        grid_add_number(grid, answer_number(answer, object, name));
    } else {
        grid_add_nothing(grid);
    }
}

static void add_app(struct grid *grid, const struct answer *answer, uint32_t app)
{
    uint32_t counts = json_find(&answer->json, app, BYTES_LITERAL("counts"));
    grid_add(grid, answer_text(answer, app, "name"));
    add_number(grid, answer, app, "version");
    grid_add(grid, answer_text(answer, app, "state"));
    add_number(grid, answer, app, "tasks");
    add_number(grid, answer, app, "pending");
    add_number(grid, answer, counts, "in");
    add_number(grid, answer, counts, "out");
    add_number(grid, answer, counts, "dead_letter");
    add_number(grid, answer, counts, "late");
    add_number(grid, answer, app, "restarts");
    grid_add(grid, answer_text(answer, app, "script"));
}

static void print_apps(const struct answer *answer)
{
    static const struct grid_column columns[] = {
        {"NAME", "name", false},        {"VERSION", "version", true},  {"STATE", "state", false},
        {"TASKS", "tasks", true},       {"PENDING", "pending", true},  {"IN", "in", true},
        {"OUT", "out", true},           {"DEAD", "dead_letter", true}, {"LATE", "late", true},
        {"RESTARTS", "restarts", true}, {"SCRIPT", "script", false},
    };
    struct grid grid;
    uint32_t count = 0;
    uint32_t apps = answer_list(answer, JSON_ROOT, "apps", &count);
    grid_init(&grid, columns, sizeof columns / sizeof *columns);
    for (uint32_t i = 0; i < count; i++) {
        add_app(&grid, answer, json_element(&answer->json, apps, i));
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
