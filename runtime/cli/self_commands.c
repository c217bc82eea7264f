/* tidemill completion and tidemill manual: what the program says of itself, for shells and man(1).
 */
#include "runtime/cli/completion.h"
#include "runtime/cli/manual.h"

#include <string.h>

static int run_completion(struct command_world *world, const void *values,
                          const struct flag_list *arguments)
{
    static const struct {
        const char *name;
        void (*print)(const struct command_list *commands, struct buffer *out);
    } shells[] = {{"bash", completion_print_bash},
                  {"zsh", completion_print_zsh},
                  {"fish", completion_print_fish}};
    (void)values;
    struct buffer out;
    buffer_init(&out);
    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(arguments->items[0], shells[i].name) == 0) {
            shells[i].print(world->commands, &out);
        }
    }
    int code = out.size > 0 ? COMMAND_OK
                            : command_misuse(world,
                                             "completion is there for bash, zsh and fish, not "
                                             "for '%s'",
                                             arguments->items[0]);
    command_print(world, &out);
    buffer_fini(&out);
    return code;
}

const struct command command_completion = {
    .verb = "completion",
    .arguments = "bash|zsh|fish",
    .summary = "prints a script that completes commands in a shell",
    .examples = "source <(tidemill completion bash)\n"
                "tidemill completion zsh > \"${fpath[1]}/_tidemill\"\n"
                "tidemill completion fish > ~/.config/fish/completions/tidemill.fish\n",
    .argument_min = 1,
    .argument_max = 1,
    .run = run_completion,
};

static int run_manual(struct command_world *world, const void *values,
                      const struct flag_list *arguments)
{
    (void)values;
    const char *page = arguments->count == 0 ? "tidemill" : arguments->items[0];
    struct buffer out;
    int code = COMMAND_OK;
    buffer_init(&out);
    if (strcmp(page, "tidemill") == 0) {
        manual_print_commands(world->commands, world->version, &out);
    } else if (strcmp(page, "tidemill.properties") == 0) {
        manual_print_properties(world->version, &out);
    } else {
        code = command_misuse(world, "pages are tidemill and tidemill.properties, not '%s'", page);
    }
    command_print(world, &out);
    buffer_fini(&out);
    return code;
}

const struct command command_manual = {
    .verb = "manual",
    .arguments = "[tidemill|tidemill.properties]",
    .summary = "prints a manual page for man -l -",
    .examples = "tidemill manual | man -l -\ntidemill manual tidemill.properties | man -l -\n",
    .argument_max = 1,
    .run = run_manual,
};
