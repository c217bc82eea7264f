/* tidemill app reload: the file of an application is read anew. What that changes is told before.
 */
#include "runtime/cli/answer.h"
#include "runtime/cli/change_grid.h"

struct reload_values {
    struct answer_flags answer;
    bool is_dry;
};

static void print_changes(const struct answer *answer)
{
    struct buffer *out = &answer->errand->out;
    struct grid grid;
    uint32_t count = 0;
    uint32_t changes = answer_list(answer, JSON_ROOT, "changes", &count);
    uint32_t reloading = json_find(&answer->json, JSON_ROOT, BYTES_LITERAL("reloading"));
    change_grid_init(&grid);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t change = json_element(&answer->json, changes, i);
        change_grid_add(&grid, answer_text(answer, change, "what"),
                        answer_text(answer, change, "name"), answer_text(answer, change, "fate"),
                        answer_text(answer, change, "why"));
    }
    if (count > 0) {
        grid_print(&grid, false, out);
    }
    grid_fini(&grid);
    bool is_reloading =
        reloading != JSON_ABSENT && json_token(&answer->json, reloading)->kind == JSON_TRUE;
    buffer_printf(out, "%.*s: %s\n", BYTES_FORMAT(answer_text(answer, JSON_ROOT, "name")),
                  is_reloading ? "the new version takes its place" : "nothing was changed");
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct reload_values *values = given;
    const char *const parts[] = {"apps", arguments->items[0], "reload", NULL};
    struct buffer path;
    buffer_init(&path);
    answer_make_path(&path, parts);
    buffer_add_string(&path, values->is_dry ? "?dry=1" : "");
    int code = answer_run(world, &values->answer, "POST", buffer_string(&path), print_changes);
    buffer_fini(&path);
    return code;
}

static const struct flag flags[] = {
    FLAG(0, "dry-run", BOOL, struct reload_values, is_dry, NULL, "only tell what it would change"),
    ANSWER_FLAGS(struct reload_values),
};

const struct command command_app_reload = {
    .noun = "app",
    .verb = "reload",
    .arguments = "APP",
    .summary = "reads the script anew, and lets it take its place",
    .examples = "tidemill app reload shop --dry-run\n"
                "tidemill app reload shop\n",
    .details =
        "The script and its connectors are judged first; if something is wrong, or a store\n"
        "could not be read any more, what runs goes on. Else it commits and closes, and the\n"
        "new version goes on from there: stores are found by their names, windows stay open.\n"
        "BECOMES: kept; new (a store begins empty, an input is read from its start);\n"
        "migrated (values of older versions, when they are read);\n"
        "restored (from the changelog); unused (its topic stays); refused. A source or sink is\n"
        "kept, new, changed (other options; it goes on from its position) or removed.\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct reload_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = run,
};
