/* tidemill app plan: the topology of an application.
 *
 * A file is judged here and nothing is asked or made; a name is asked of the process that runs it.
 */
#include "runtime/main/app_plan.h"

#include "runtime/app/app.h"
#include "runtime/cli/answer.h"
#include "runtime/format/json_writer.h"
#include "runtime/main/plugin_places.h"

#include <string.h>

static const char script_ending[] = ".lua";

struct plan_values {
    struct answer_flags answer;
    struct flag_list plugins;
};

static void print_plan(const struct answer *answer)
{
    buffer_add_bytes(&answer->errand->out, answer_text(answer, JSON_ROOT, "plan"));
}

static int ask_plan(struct command_world *world, const struct plan_values *values, const char *name)
{
    const char *const parts[] = {"apps", name, "plan", NULL};
    struct buffer path;
    buffer_init(&path);
    answer_make_path(&path, parts);
    int code = answer_run(world, &values->answer, "GET", buffer_string(&path), print_plan);
    buffer_fini(&path);
    return code;
}

/* As JSON what the process that runs it would answer. */
static int write_plan(struct command_world *world, const struct app *app, bool is_json)
{
    struct buffer plan;
    struct buffer json;
    buffer_init(&plan);
    buffer_init(&json);
    app_describe(app, &plan);
    int code = COMMAND_OK;
    if (!is_json) {
        fprintf(world->out, "%s", buffer_string(&plan));
    } else if (json_writer_string(&json, buffer_bytes(&plan)) == 0) {
        fprintf(world->out, "{\"plan\":%s}\n", buffer_string(&json));
    } else {
        code = command_fail(world, "%s: what its names hold is not UTF-8, which JSON needs",
                            app_name(app));
    }
    buffer_fini(&plan);
    buffer_fini(&json);
    return code;
}

static void plan_on_failed(void *owner, const char *reason, bool is_final)
{
    (void)owner;
    (void)reason;
    (void)is_final;
}

static void plan_on_closed(void *owner)
{
    (void)owner;
}

static int read_plan(struct command_world *world, const struct plan_values *values,
                     const char *path)
{
    bool is_json = false;
    int code = command_read_output(world, values->answer.output, &is_json);
    if (code != COMMAND_OK) {
        return code;
    }
    struct plugin_places plugins;
    struct report report = {0};
    struct app *app = NULL;
    plugin_places_find(&plugins, &values->plugins);
    static const struct app_events events = {.failed = plan_on_failed};
    const struct app_options options = {.path = path,
                                        .client = client_options_default(),
                                        .plugin_directories = plugins.items,
                                        .plugin_directory_count = plugins.count};
    if (app_new(world->io, &options, &events, NULL, &app, &report) != 0) {
        return command_fail(world, "%s%s%s", report.place, report.place[0] == 0 ? "" : ": ",
                            report.text);
    }
    code = write_plan(world, app, is_json);
    app_close(app, plan_on_closed, NULL);
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const char *what = arguments->items[0];
    size_t size = strlen(what);
    size_t ending_size = sizeof script_ending - 1;
    bool is_file = size > ending_size && strcmp(what + size - ending_size, script_ending) == 0;
    return is_file ? read_plan(world, given, what) : ask_plan(world, given, what);
}

static const struct flag flags[] = {
    FLAG(0, "plugins", LIST, struct plan_values, plugins, "DIR", "more places for plugins"),
    ANSWER_FLAGS(struct plan_values),
};

const struct command app_plan_command = {
    .noun = "app",
    .verb = "plan",
    .arguments = "APP|APP.lua",
    .summary = "prints the topology of an application",
    .examples = "tidemill app plan words.lua\n"
                "tidemill app plan words\n",
    .details =
        "A file is judged with its connectors and nothing of it runs; a name is asked of the "
        "process that runs it.\n"
        "What a new version would change is told by 'app reload --dry-run' (of what runs) and\n"
        "'app deploy --dry-run' (of what is deployed).\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct plan_values),
    .argument_min = 1,
    .argument_max = 1,
    .run = run,
};
