/* The mechanism of shim.h: reads a tool's words by its table and runs the command they make. */
#include "runtime/cli/shim.h"

#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/cli/property_file.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { SHIM_ARENA_MAX = 64 << 20 };

static const struct shim_tool *const tools[] = {
    &shim_topics,   &shim_console_producer, &shim_console_consumer,   &shim_consumer_groups,
    &shim_configs,  &shim_get_offsets,      &shim_producer_perf_test, &shim_delete_records,
    &shim_dump_log, &shim_transactions};
enum { TOOL_COUNT = sizeof(tools) / sizeof(tools[0]) };

static struct bytes tool_name(const char *program)
{
    const char *slash = strrchr(program, '/');
    const char *name = slash == NULL ? program : slash + 1;
    size_t size = strlen(name);
    size -= size > 3 && strcmp(name + size - 3, ".sh") == 0 ? 3 : 0;
    return bytes_make(name, size);
}

const struct shim_tool *shim_find(const char *program)
{
    struct bytes name = tool_name(program);
    for (size_t i = 0; i < TOOL_COUNT; i++) {
        if (bytes_equal_string(name, tools[i]->name)) {
            return tools[i];
        }
    }
    return NULL;
}

bool shim_is_foreign(const char *program)
{
    return bytes_has_prefix(tool_name(program), BYTES_LITERAL("kafka-")) &&
           shim_find(program) == NULL;
}

int shim_refuse_foreign(struct command_world *world, const char *program)
{
    struct bytes name = tool_name(program);
    struct buffer known;
    buffer_init(&known);
    for (size_t i = 0; i < TOOL_COUNT; i++) {
        buffer_printf(&known, "%s%s", i == 0 ? "" : ", ", tools[i]->name);
    }
    command_fail(
        world,
        "%.*s is no name of this program: it is %s and kcat; Apache Kafka's own %.*s works "
        "with a broker of Tidemill, and 'tidemill help' shows what there is",
        BYTES_FORMAT(name), buffer_string(&known), BYTES_FORMAT(name));
    buffer_fini(&known);
    return COMMAND_FAILED;
}

int shim_refuse(struct shim *shim, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    struct buffer text;
    buffer_init(&text);
    buffer_vprintf(&text, format, arguments);
    va_end(arguments);
    command_misuse(shim->world, "%s: %s", shim->tool->name, buffer_string(&text));
    buffer_fini(&text);
    return COMMAND_MISUSED;
}

const char *shim_value(const struct shim *shim, const char *flag)
{
    const char *value = NULL;
    for (size_t i = 0; i < shim->given_count; i++) {
        if (strcmp(shim->given[i].flag, flag) == 0) {
            value = shim->given[i].value;
        }
    }
    return value;
}

bool shim_has(const struct shim *shim, const char *flag)
{
    for (size_t i = 0; i < shim->given_count; i++) {
        if (strcmp(shim->given[i].flag, flag) == 0) {
            return true;
        }
    }
    return false;
}

const char *shim_property(const struct shim *shim, const char *flag, const char *other,
                          const char *name)
{
    const char *value = NULL;
    size_t size = strlen(name);
    for (size_t i = 0; i < shim->given_count; i++) {
        const struct shim_given *given = &shim->given[i];
        bool is_property = strcmp(given->flag, flag) == 0 || strcmp(given->flag, other) == 0;
        if (is_property && strncmp(given->value, name, size) == 0 && given->value[size] == '=') {
            value = given->value + size + 1;
        }
    }
    return value;
}

int shim_read_file(struct shim *shim, const char *file_flag, const char *flag)
{
    const char *path = shim_value(shim, file_flag);
    struct property_file file;
    int code =
        path == NULL ? COMMAND_OK : property_file_read(shim->world, path, &shim->arena, &file);
    if (path == NULL || code != COMMAND_OK) {
        return code;
    }
    struct shim_given *all =
        arena_array(&shim->arena, struct shim_given, file.count + shim->given_count + 1);
    for (size_t i = 0; i < file.count; i++) {
        const struct property_file_row *row = &file.rows[i];
        all[i] = (struct shim_given){
            .flag = flag, .value = arena_printf(&shim->arena, "%s=%s", row->name, row->value)};
    }
    memcpy(all + file.count, shim->given, shim->given_count * sizeof(*all));
    shim->given = all;
    shim->given_count += file.count;
    return COMMAND_OK;
}

void shim_add(struct shim *shim, const char *word)
{
    flag_list_add(&shim->words, word);
}

void shim_add_pair(struct shim *shim, const char *flag, const char *value)
{
    shim_add(shim, flag);
    shim_add(shim, value);
}

void shim_add_for(struct shim *shim, const char *theirs, const char *flag, const char *value)
{
    dialect_add(&shim->dialect, flag, theirs);
    shim_add_pair(shim, flag, value);
}

const char *shim_expression(struct shim *shim, const char *pattern)
{
    struct buffer out;
    buffer_init(&out);
    for (; *pattern != '\0'; pattern++) {
        if (pattern[0] == '\\' && pattern[1] == 'd') {
            buffer_add_string(&out, "[0-9]");
            pattern++;
        } else if (strncmp(pattern, "(?:", 3) == 0) {
            buffer_add_byte(&out, '(');
            pattern += 2;
        } else {
            buffer_add_byte(&out, (uint8_t)*pattern);
        }
    }
    const char *expression = arena_string(&shim->arena, buffer_bytes(&out));
    buffer_fini(&out);
    return expression;
}

const char *shim_pattern(struct shim *shim, const char *topic)
{
    struct buffer out;
    buffer_init(&out);
    topic += strspn(topic, " \"'");
    size_t size = strlen(topic);
    while (size > 0 && strchr(" \"'", topic[size - 1]) != NULL) {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        if (topic[i] != ' ') {
            buffer_add_byte(&out, topic[i] == ',' ? '|' : (uint8_t)topic[i]);
        }
    }
    const char *pattern = arena_string(&shim->arena, buffer_bytes(&out));
    buffer_fini(&out);
    return shim_expression(shim, pattern);
}

void shim_add_topic(struct shim *shim, const char *topic)
{
    if (strpbrk(topic, ",*+?()[]{}|^$\\\"' ") == NULL) {
        shim_add(shim, topic);
    } else {
        shim_add_for(shim, "--topic", "-r", shim_pattern(shim, topic));
    }
}

static const struct shim_flag *find_flag(const struct shim_tool *tool, struct bytes name)
{
    for (size_t i = 0; i < tool->flag_count; i++) {
        if (bytes_equal_string(name, tool->flags[i].name)) {
            return &tool->flags[i];
        }
    }
    return NULL;
}

static int refuse_flag(struct shim *shim, const char *word)
{
    const struct shim_tool *tool = shim->tool;
    const char **names = memory_zero(tool->flag_count + 1, sizeof(*names));
    for (size_t i = 0; i < tool->flag_count; i++) {
        names[i] = tool->flags[i].name;
    }
    const char *nearest = text_nearest(word, names, tool->flag_count);
    int code = nearest == NULL
                   ? shim_refuse(shim, "unknown flag '%s'; see %s --help", word, tool->name)
                   : shim_refuse(shim, "unknown flag '%s'; did you mean '%s'?", word, nearest);
    free(names);
    return code;
}

static int take_action(struct shim *shim, const struct shim_flag *flag)
{
    if (shim->command != NULL) {
        return shim_refuse(shim, "only one of %s can be done at a time", shim->tool->actions);
    }
    shim->action = flag->name;
    shim->command = flag->words;
    return COMMAND_OK;
}

/* One flag and its value, which may be NULL. */
static int take_flag(struct shim *shim, const struct shim_flag *flag, const char *value)
{
    if (flag->kind == SHIM_VALUE && !shim->tool->repeats && shim_has(shim, flag->name)) {
        return shim_refuse(shim, "%s stands twice; only one value can count", flag->name);
    }
    shim->given[shim->given_count++] = (struct shim_given){.flag = flag->name, .value = value};
    switch (flag->kind) {
    case SHIM_ACTION:
        return take_action(shim, flag);
    case SHIM_REFUSE:
        return shim_refuse(shim, "%s: %s", flag->name, flag->words);
    case SHIM_DROP:
        return COMMAND_OK;
    case SHIM_SWITCH:
    case SHIM_VALUE:
    case SHIM_LIST:
    case SHIM_OPTIONAL:
        break;
    }
    if (flag->words != NULL) {
        dialect_add(&shim->dialect, flag->words, flag->name);
        shim_add(shim, flag->words);
        if (value != NULL) {
            shim_add(shim, value);
        }
    }
    return COMMAND_OK;
}

/* Words of the tool's command line to flags and arguments. */
static int read_words(struct shim *shim, int argc, const char *const *argv)
{
    const char **arguments = arena_array(&shim->arena, const char *, argc + 1);
    shim->arguments = arguments;
    shim->given = arena_array(&shim->arena, struct shim_given, argc + 1);
    int code = COMMAND_OK;
    for (int i = 1; i < argc && code == COMMAND_OK; i++) {
        const char *word = argv[i], *equals = strchr(word, '=');
        bool is_verb = shim->tool->has_verbs && shim->command == NULL;
        if ((word[0] != '-' || word[1] == '\0') && !is_verb) {
            arguments[shim->argument_count++] = word;
            continue;
        }
        size_t size = equals == NULL ? strlen(word) : (size_t)(equals - word);
        const struct shim_flag *flag = find_flag(shim->tool, bytes_make(word, size));
        if (flag == NULL) {
            return refuse_flag(shim, word);
        }
        const char *value = equals == NULL ? NULL : equals + 1;
        bool has_next = i + 1 < argc;
        if (value == NULL &&
            (flag->kind == SHIM_VALUE || flag->kind == SHIM_LIST || flag->kind == SHIM_DROP)) {
            if (!has_next) {
                return shim_refuse(shim, "%s needs a value", flag->name);
            }
            value = argv[++i];
        } else if (value == NULL && flag->kind == SHIM_OPTIONAL && has_next &&
                   argv[i + 1][0] != '-') {
            value = argv[++i];
        }
        code = take_flag(shim, flag, value);
    }
    return code;
}

static int print_help(struct shim *shim)
{
    struct buffer out;
    buffer_init(&out);
    buffer_printf(&out,
                  "%s: the flags of Apache Kafka's tool, done by tidemill %s.\n\nTranslated:\n",
                  shim->tool->name, shim->world->version);
    for (size_t i = 0; i < shim->tool->flag_count; i++) {
        const struct shim_flag *flag = &shim->tool->flags[i];
        bool is_plain = flag->kind != SHIM_REFUSE && flag->kind != SHIM_DROP;
        buffer_printf(&out, "  %-32s %s%s\n", flag->name,
                      flag->kind == SHIM_DROP ? "(has no meaning here)"
                      : flag->words == NULL   ? ""
                                              : flag->words,
                      is_plain && (flag->kind == SHIM_VALUE || flag->kind == SHIM_LIST) &&
                              flag->words != NULL
                          ? " VALUE"
                          : "");
    }
    buffer_add_string(&out, "\nThe same and more, with short words: tidemill help\n");
    command_print(shim->world, &out);
    buffer_fini(&out);
    return COMMAND_OK;
}

/* Flags that mean nothing beside what is to be done are refused, as Kafka does. */
static int judge_company(struct shim *shim)
{
    for (size_t i = 0; i < shim->tool->rule_count && shim->action != NULL; i++) {
        const struct shim_rule *rule = &shim->tool->rules[i];
        const char *action = arena_printf(&shim->arena, " %s ", shim->action);
        if (shim_has(shim, rule->flag) && strstr(rule->actions, action) == NULL) {
            return shim_refuse(shim, "%s does not go with %s%s%s", rule->flag, shim->action,
                               rule->instead == NULL ? "" : "; ",
                               rule->instead == NULL ? "" : rule->instead);
        }
    }
    return COMMAND_OK;
}

const struct command *shim_find_command(const struct command_list *book, const char *words)
{
    for (size_t i = 0; book != NULL && i < book->count; i++) {
        const struct command *command = book->items[i];
        size_t size = command->noun == NULL ? 0 : strlen(command->noun);
        bool is_same =
            size == 0 || (strncmp(words, command->noun, size) == 0 && words[size] == ' ');
        if (is_same && strcmp(words + size + (size > 0), command->verb) == 0) {
            return command;
        }
    }
    return NULL;
}

/* What is said of a flag may name its letter or its name. */
static void add_other_names(struct shim *shim, const struct command *command)
{
    for (size_t i = 0; i < command->flag_count; i++) {
        const struct flag *flag = &command->flags[i];
        if (flag->letter == 0 || flag->name == NULL) {
            continue;
        }
        const char *letter = arena_printf(&shim->arena, "-%c", flag->letter);
        const char *name = arena_printf(&shim->arena, "--%s", flag->name);
        for (size_t j = 0; j < shim->dialect.count; j++) {
            const struct dialect_row row = shim->dialect.rows[j];
            if (strcmp(row.ours, letter) == 0) {
                dialect_add(&shim->dialect, name, row.theirs);
            } else if (strcmp(row.ours, name) == 0) {
                dialect_add(&shim->dialect, letter, row.theirs);
            }
        }
    }
}

/* What was given comes first, then the tool's own rows, then what might have been given. */
static void learn_words(struct shim *shim)
{
    for (size_t i = 0; i < shim->tool->phrase_count; i++) {
        dialect_add(&shim->dialect, shim->tool->phrases[i].ours, shim->tool->phrases[i].theirs);
    }
    for (size_t i = 0; i < shim->tool->flag_count; i++) {
        const struct shim_flag *flag = &shim->tool->flags[i];
        bool is_flag = flag->words != NULL && flag->words[0] == '-' && flag->kind != SHIM_REFUSE;
        if (is_flag) {
            dialect_add(&shim->dialect, flag->words, flag->name);
        }
    }
    const struct command *command = shim_find_command(shim->world->commands, shim->command);
    if (command != NULL) {
        add_other_names(shim, command);
    }
    shim->world->dialect = &shim->dialect;
}

/* Prints nothing of what the command says on standard output. */
static int run_silently(struct shim *shim,
                        int (*run)(struct command_world *world, void *owner, int argc,
                                   const char *const *argv),
                        void *owner)
{
    FILE *out = shim->world->out;
    char *text = NULL;
    size_t size = 0;
    if (shim->is_silent) {
        shim->world->out = open_memstream(&text, &size);
        check(shim->world->out != NULL);
    }
    int code = run(shim->world, owner, (int)shim->words.count, shim->words.items);
    if (shim->is_silent) {
        fclose(shim->world->out);
        free(text);
        shim->world->out = out;
    }
    return code;
}

/* The words of the command, which come before those of the flags. */
static void put_command(struct shim *shim)
{
    struct flag_list words = {0};
    char *command = arena_string(&shim->arena, bytes_from_string(shim->command)), *word;
    flag_list_add(&words, "tidemill");
    while ((word = strsep(&command, " ")) != NULL) {
        flag_list_add(&words, word);
    }
    for (size_t i = 0; i < shim->words.count; i++) {
        flag_list_add(&words, shim->words.items[i]);
    }
    free(shim->words.items);
    shim->words = words;
}

int shim_run(struct command_world *world, const struct shim_tool *tool, int argc,
             const char *const *argv,
             int (*run)(struct command_world *world, void *owner, int argc,
                        const char *const *argv),
             void *owner)
{
    struct shim shim = {.world = world, .tool = tool};
    arena_init(&shim.arena, SHIM_ARENA_MAX);
    int code = read_words(&shim, argc, argv);
    if (code == COMMAND_OK && (shim_has(&shim, "--help") || shim_has(&shim, "-h"))) {
        code = print_help(&shim);
    } else if (code == COMMAND_OK && (shim_has(&shim, "--version") || shim_has(&shim, "-v"))) {
        fprintf(world->out, "%s\n", world->version);
    } else if (code == COMMAND_OK && tool->answer != NULL && tool->answer(&shim, &code)) {
        code = code == COMMAND_OK ? COMMAND_OK : COMMAND_FAILED;
    } else if (code == COMMAND_OK) {
        shim.command = shim.command == NULL ? tool->command : shim.command;
        bool has_broker = tool->is_brokerless || shim_has(&shim, "--bootstrap-server") ||
                          shim_has(&shim, "--broker-list");
        if (shim.command == NULL) {
            code = shim_refuse(&shim, "say what to do: %s", tool->actions);
        } else if (!has_broker) {
            code = shim_refuse(&shim, "--bootstrap-server HOST:PORT is missing");
        } else {
            code = judge_company(&shim);
            code = code == COMMAND_OK ? tool->finish(&shim) : code;
        }
        if (code == COMMAND_OK) {
            learn_words(&shim);
            put_command(&shim);
            world->is_lenient = true; /* as Kafka's clients */
            code = run_silently(&shim, run, owner);
            world->is_lenient = false;
            world->dialect = NULL;
        }
    }
    dialect_fini(&shim.dialect);
    free(shim.words.items);
    arena_fini(&shim.arena);
    command_flush(world);
    return code == COMMAND_OK ? COMMAND_OK : COMMAND_FAILED; /* Kafka's tools know no other */
}
