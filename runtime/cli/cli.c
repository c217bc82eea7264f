/* See cli.h. The table of commands stands here; each row is in its own file. */
#include "runtime/cli/cli.h"

#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/cli/shim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct command *const commands[] = {
    &command_topic_ls,         &command_topic_create,
    &command_topic_describe,   &command_topic_alter,
    &command_topic_offsets,    &command_topic_trim,
    &command_topic_rm,         &command_produce,
    &command_consume,          &command_group_ls,
    &command_group_describe,   &command_group_explain,
    &command_group_seek,       &command_group_rm,
    &command_group_rm_offsets, &command_txn_ls,
    &command_txn_describe,     &command_txn_abort,
    &command_txn_producers,    &command_txn_hanging,
    &command_config_get,       &command_config_set,
    &command_quota_ls,         &command_quota_set,
    &command_cluster_describe, &command_dlq_ls,
    &command_dlq_show,         &command_dlq_replay,
    &command_late_ls,          &command_late_show,
    &command_late_replay,      &command_tap,
    &command_app_ls,           &command_app_logs,
    &command_app_describe,     &command_app_pause,
    &command_app_resume,       &command_app_reload,
    &command_store_ls,         &command_store_get,
    &command_store_range,      &command_log_dump,
    &command_log_verify,       &command_log_repair,
    &command_perf_produce,     &command_perf_consume,
    &command_perf_e2e,         &command_completion,
    &command_manual,
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

struct command_list cli_own_commands(void)
{
    return (struct command_list){.items = commands, .count = COMMAND_COUNT};
}

static bool is_same(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

static void print_usage(const struct command *command, struct buffer *out)
{
    buffer_printf(out, "Usage: tidemill %s%s%s [FLAGS]%s%s\n",
                  command->noun == NULL ? "" : command->noun, command->noun == NULL ? "" : " ",
                  command->verb, command->arguments[0] == '\0' ? "" : " ", command->arguments);
}

static void print_summary(const struct command *command, struct buffer *out)
{
    size_t start = out->size;
    buffer_printf(out, "  %s%s%s", command->noun == NULL ? "" : command->noun,
                  command->noun == NULL ? "" : " ", command->verb);
    buffer_printf(out, "%*s%s\n", (int)(start + 20 - out->size), "", command->summary);
}

/* The whole program, or one noun. */
static int print_overview(struct command_world *world, const struct command_list *book,
                          const char *noun)
{
    struct buffer out;
    buffer_init(&out);
    buffer_printf(&out, "Usage: tidemill%s%s COMMAND [FLAGS] [ARGUMENTS]\n\n",
                  noun == NULL ? "" : " ", noun == NULL ? "" : noun);
    for (size_t i = 0; i < book->count; i++) {
        const struct command *command = book->items[i];
        if (noun == NULL || is_same(command->noun, noun)) {
            print_summary(command, &out);
        }
    }
    if (noun == NULL) {
        buffer_add_string(&out, "  version           the version of this program\n"
                                "  help [COMMAND]    this text, or that of a command\n\n"
                                "Brokers: -b HOST:PORT, else $TIDEMILL_BROKERS, else "
                                "localhost:9092.\n"
                                "Exit codes: 0 done, 1 failed, 2 misused.\n");
    }
    command_print(world, &out);
    buffer_fini(&out);
    return COMMAND_OK;
}

static void print_examples(const char *lines, struct buffer *out)
{
    while (*lines != '\0') {
        int size = (int)strcspn(lines, "\n");
        buffer_printf(out, "  %.*s\n", size, lines);
        lines += size + (lines[size] == '\n');
    }
}

static int print_help(struct command_world *world, const struct command *command)
{
    struct buffer out;
    buffer_init(&out);
    print_usage(command, &out);
    buffer_printf(&out, "\n%c%s.\n", command->summary[0] & ~0x20, command->summary + 1);
    if (command->details != NULL) {
        buffer_printf(&out, "\n%s", command->details);
    }
    if (command->flag_count > 0) {
        buffer_add_string(&out, "\nFlags:\n");
        flag_print_help(command->flags, command->flag_count, &out);
    }
    if (command->examples != NULL) {
        buffer_add_string(&out, "\nExamples:\n");
        print_examples(command->examples, &out);
    }
    command_print(world, &out);
    buffer_fini(&out);
    return COMMAND_OK;
}

static bool has_noun(const struct command_list *book, const char *noun)
{
    for (size_t i = 0; i < book->count; i++) {
        if (book->items[i]->noun != NULL && is_same(book->items[i]->noun, noun)) {
            return true;
        }
    }
    return false;
}

static const struct command *find_command(const struct command_list *book, const char *noun,
                                          const char *verb)
{
    for (size_t i = 0; i < book->count; i++) {
        const struct command *command = book->items[i];
        if (is_same(command->noun, noun) && is_same(command->verb, verb)) {
            return command;
        }
    }
    return NULL;
}

/* `noun` NULL: `word` is the first word of the line. */
static int refuse_word(struct command_world *world, const struct command_list *book,
                       const char *noun, const char *word)
{
    const char **names = memory_zero(book->count + 2, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < book->count; i++) {
        const struct command *command = book->items[i];
        if (noun == NULL) {
            names[count++] = command->noun != NULL ? command->noun : command->verb;
        } else if (is_same(command->noun, noun)) {
            names[count++] = command->verb;
        }
    }
    if (noun == NULL) {
        names[count++] = "version";
        names[count++] = "help";
    }
    const char *nearest = text_nearest(word, names, count);
    const char *prefix = noun == NULL ? "" : noun, *gap = noun == NULL ? "" : " ";
    int code = nearest == NULL
                   ? command_misuse(world, "unknown command '%s%s%s'; see 'tidemill help'", prefix,
                                    gap, word)
                   : command_misuse(world, "unknown command '%s%s%s'; did you mean '%s%s%s'?",
                                    prefix, gap, word, prefix, gap, nearest);
    free(names);
    return code;
}

static int check_arguments(struct command_world *world, const struct command *command,
                           const struct flag_list *arguments)
{
    const char *problem = NULL, *hint = NULL;
    if (arguments->count < (size_t)command->argument_min) {
        problem = "needs more arguments";
    } else if (command->argument_max >= 0 && arguments->count > (size_t)command->argument_max) {
        problem = command->argument_max == 0 ? "takes no arguments" : "takes fewer arguments";
        hint = command->argument_hint;
    }
    if (problem == NULL) {
        return COMMAND_OK;
    }
    struct buffer usage;
    buffer_init(&usage);
    print_usage(command, &usage);
    buffer_remove(&usage, sizeof("Usage: ") - 1);
    usage.size--; /* the end of the line */
    int code =
        command_misuse(world, "'%s' %s: %s%s%s", command->verb, problem, buffer_string(&usage),
                       hint == NULL ? "" : "; ", hint == NULL ? "" : hint);
    buffer_fini(&usage);
    return code;
}

static int run_command(struct command_world *world, const struct command *command, int argc,
                       const char *const *argv)
{
    uint8_t *values = memory_zero(1, command->values_size + 1);
    if (command->initial != NULL) {
        memcpy(values, command->initial, command->values_size);
    }
    struct flag_list arguments = {0};
    struct report report = {0};
    bool wants_help = false;
    int code;
    if (flag_parse(command->flags, command->flag_count, argc, argv, values, &arguments, &wants_help,
                   &report) != 0) {
        code = command_misuse(world, "%s", report.text);
    } else if (wants_help) {
        code = print_help(world, command);
    } else {
        code = check_arguments(world, command, &arguments);
        if (code == COMMAND_OK) {
            code = command->run(world, values, &arguments);
        }
    }
    flag_fini(command->flags, command->flag_count, values, &arguments);
    free(values);
    return code;
}

static int print_version(struct command_world *world)
{
    fprintf(world->out, "tidemill %s\n", world->version);
    return COMMAND_OK;
}

static int dispatch(struct command_world *world, const struct command_list *book, int argc,
                    const char *const *argv, bool wants_help)
{
    const char *word = argv[0];
    const char *noun = has_noun(book, word) ? word : NULL;
    const char *verb = noun == NULL ? word : argc > 1 ? argv[1] : NULL;
    if (noun != NULL && (verb == NULL || is_same(verb, "--help") || is_same(verb, "-h"))) {
        int code = print_overview(world, book, noun);
        return verb == NULL && !wants_help ? COMMAND_MISUSED : code;
    }
    const struct command *command = find_command(book, noun, verb);
    if (command == NULL) {
        return refuse_word(world, book, noun, verb);
    }
    if (wants_help) {
        return print_help(world, command);
    }
    int used = noun == NULL ? 1 : 2;
    return run_command(world, command, argc - used, argv + used);
}

static int run_line(struct command_world *world, void *owner, int argc, const char *const *argv)
{
    const struct command_list *book = owner;
    const char *word = argc > 1 ? argv[1] : NULL;
    if (word == NULL) {
        print_overview(world, book, NULL);
        return COMMAND_MISUSED;
    }
    if (is_same(word, "version") || is_same(word, "--version") || is_same(word, "-V")) {
        return print_version(world);
    }
    if (is_same(word, "--help") || is_same(word, "-h") || (is_same(word, "help") && argc == 2)) {
        return print_overview(world, book, NULL);
    }
    if (is_same(word, "help")) {
        return dispatch(world, book, argc - 2, argv + 2, true);
    }
    return dispatch(world, book, argc - 1, argv + 1, false);
}

static int run_named(struct command_world *world, struct command_list *book, int argc,
                     const char *const *argv)
{
    const struct shim_tool *tool = argc > 0 ? shim_find(argv[0]) : NULL;
    if (tool != NULL) {
        return shim_run(world, tool, argc, argv, run_line, book);
    }
    if (argc > 0 && shim_kcat_is(argv[0])) {
        return shim_kcat_run(world, argc, argv, run_line, book);
    }
    if (argc > 0 && shim_is_foreign(argv[0])) {
        return shim_refuse_foreign(world, argv[0]);
    }
    return run_line(world, book, argc, argv);
}

/* What was printed must have arrived; a reader that has enough (head) is no fault. */
static int judge_output(struct command_world *world, int code)
{
    command_flush(world);
    if (world->output_error != 0 && world->output_error != EPIPE && code == COMMAND_OK) {
        return command_fail(world, "what was printed could not be written: %s",
                            strerror(world->output_error));
    }
    return code;
}

int cli_run(struct command_world *world, const struct command *const *extra, size_t extra_count,
            int argc, const char *const *argv)
{
    /* Main's commands come first. */
    const struct command **all = memory_zero(extra_count + COMMAND_COUNT, sizeof(*all));
    for (size_t i = 0; i < extra_count; i++) {
        all[i] = extra[i];
    }
    memcpy(all + extra_count, commands, sizeof(commands));
    struct command_list book = {.items = all, .count = extra_count + COMMAND_COUNT};
    world->commands = &book;
    int code = judge_output(world, run_named(world, &book, argc, argv));
    world->commands = NULL;
    free(all);
    return code;
}
