/* The scripts of zsh and fish, which show what each word means; see completion.h. */
#include "runtime/cli/completion.h"

#include <string.h>

/* Text inside single quotes; `extra` is escaped with a backslash too. */
static void add_quoted(const char *text, const char *extra, struct buffer *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            buffer_add_string(out, "'\\''");
            continue;
        }
        if (strchr(extra, *text) != NULL) {
            buffer_add_byte(out, '\\');
        }
        buffer_add_byte(out, (uint8_t)*text);
    }
}

static bool is_same(const char *left, const char *right)
{
    return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

/* Calls `each` for the first command of every noun, and for every command without one. */
static void each_first_word(const struct command_list *commands,
                            void (*each)(const struct command *command, struct buffer *out),
                            struct buffer *out)
{
    for (size_t i = 0; i < commands->count; i++) {
        bool is_new = true;
        for (size_t j = 0; j < i && commands->items[i]->noun != NULL; j++) {
            is_new = is_new && !is_same(commands->items[i]->noun, commands->items[j]->noun);
        }
        if (is_new) {
            each(commands->items[i], out);
        }
    }
}

/* --- zsh --- */

static void add_zsh_word(const struct command *command, struct buffer *out)
{
    buffer_printf(out, "        '%s:", command->noun != NULL ? command->noun : command->verb);
    add_quoted(command->noun != NULL ? "commands of this kind" : command->summary, ":", out);
    buffer_add_string(out, "'\n");
}

static void add_zsh_action(const char *value_name, struct buffer *out)
{
    enum completion_kind kind = completion_kind_of(value_name);
    add_quoted(value_name, ":[]", out);
    buffer_add_byte(out, ':');
    switch (kind) {
    case COMPLETION_NONE:
        buffer_add_byte(out, ' ');
        return;
    case COMPLETION_TOPIC:
        buffer_add_string(out, "_tidemill_topics");
        return;
    case COMPLETION_GROUP:
        buffer_add_string(out, "_tidemill_groups");
        return;
    case COMPLETION_FILE:
        buffer_add_string(out, "_files");
        return;
    case COMPLETION_WORDS:
        buffer_add_byte(out, '(');
        for (const char *at = value_name; *at != '\0'; at++) {
            buffer_add_byte(out, *at == '|' ? ' ' : (uint8_t)*at);
        }
        buffer_add_byte(out, ')');
        return;
    }
}

static void add_zsh_flag(const struct flag *flag, bool is_long, struct buffer *out)
{
    buffer_add_string(out, " \\\n            '");
    buffer_add_string(out, flag->kind == FLAG_LIST ? "*" : "");
    if (is_long) {
        buffer_printf(out, "--%s", flag->name);
    } else {
        buffer_printf(out, "-%c", flag->letter);
    }
    buffer_add_byte(out, '[');
    add_quoted(flag->doc, "[]:", out);
    buffer_add_byte(out, ']');
    if (flag->value_name != NULL) {
        buffer_add_byte(out, ':');
        add_zsh_action(flag->value_name, out);
    }
    buffer_add_byte(out, '\'');
}

static void add_zsh_command(const struct command *command, struct buffer *out)
{
    buffer_printf(out, "    '%s%s%s')\n        _arguments -s",
                  command->noun == NULL ? "" : command->noun, command->noun == NULL ? "" : " ",
                  command->verb);
    for (size_t i = 0; i < command->flag_count; i++) {
        const struct flag *flag = &command->flags[i];
        if (flag->letter != 0) {
            add_zsh_flag(flag, false, out);
        }
        if (flag->name != NULL) {
            add_zsh_flag(flag, true, out);
        }
    }
    buffer_add_string(out, " \\\n            '--help[explain this command]'");
    if (command->arguments[0] != '\0') {
        buffer_add_string(out, " \\\n            '*:");
        add_zsh_action(command->arguments, out);
        buffer_add_byte(out, '\'');
    }
    buffer_add_string(out, "\n        ;;\n");
}

static void add_zsh_verbs(const struct command_list *commands, const char *noun, struct buffer *out)
{
    buffer_printf(out, "    %s)\n        verbs=(\n", noun);
    for (size_t i = 0; i < commands->count; i++) {
        const struct command *command = commands->items[i];
        if (is_same(command->noun, noun)) {
            buffer_printf(out, "            '%s:", command->verb);
            add_quoted(command->summary, ":", out);
            buffer_add_string(out, "'\n");
        }
    }
    buffer_add_string(out, "        )\n        ;;\n");
}

static const char zsh_head[] =
    "#compdef tidemill\n"
    "# Completion of tidemill for zsh; made by 'tidemill completion zsh'.\n"
    "_tidemill_ask() {\n"
    "    local -a names brokers\n"
    "    local at=${words[(I)(-b|--bootstrap)]}\n"
    "    ((at > 0)) && brokers=(-b ${words[at+1]})\n"
    "    names=(${(f)\"$(_call_program names tidemill $1 ls $brokers -X request.timeout.ms=1000 "
    "2>/dev/null)\"})\n"
    "    compadd -a names\n"
    "}\n"
    "_tidemill_topics() { _tidemill_ask topic }\n"
    "_tidemill_groups() { _tidemill_ask group }\n"
    "_tidemill() {\n"
    "    local -a nouns verbs\n"
    "    local command=${words[2]}\n"
    "    nouns=(\n";

static const char zsh_middle[] = "    if ((CURRENT == 2)); then\n"
                                 "        _describe command nouns\n"
                                 "        return\n"
                                 "    fi\n"
                                 "    case $command in\n";

static const char zsh_words[] = "    esac\n"
                                "    if ((${#verbs})); then\n"
                                "        if ((CURRENT == 3)); then\n"
                                "            _describe verb verbs\n"
                                "            return\n"
                                "        fi\n"
                                "        command=\"$command ${words[3]}\"\n"
                                "        shift words\n"
                                "        ((CURRENT--))\n"
                                "    fi\n"
                                "    shift words\n"
                                "    ((CURRENT--))\n"
                                "    case $command in\n";

void completion_print_zsh(const struct command_list *commands, struct buffer *out)
{
    buffer_add_string(out, zsh_head);
    each_first_word(commands, add_zsh_word, out);
    buffer_add_string(out, "        'version:the version of this program'\n"
                           "        'help:explain a command'\n    )\n");
    buffer_add_string(out, zsh_middle);
    for (size_t i = 0; i < commands->count; i++) {
        bool is_new = commands->items[i]->noun != NULL;
        for (size_t j = 0; j < i; j++) {
            is_new = is_new && !is_same(commands->items[j]->noun, commands->items[i]->noun);
        }
        if (is_new) {
            add_zsh_verbs(commands, commands->items[i]->noun, out);
        }
    }
    buffer_add_string(out, zsh_words);
    for (size_t i = 0; i < commands->count; i++) {
        add_zsh_command(commands->items[i], out);
    }
    buffer_add_string(out, "    esac\n}\n_tidemill \"$@\"\n");
}

/* --- fish --- */

static void add_fish_word(const struct command *command, struct buffer *out)
{
    buffer_printf(out, "complete -c tidemill -n '__tidemill_words 1' -a %s -d '",
                  command->noun != NULL ? command->noun : command->verb);
    add_quoted(command->noun != NULL ? "commands of this kind" : command->summary, "", out);
    buffer_add_string(out, "'\n");
}

static void add_fish_action(const char *value_name, struct buffer *out)
{
    switch (completion_kind_of(value_name)) {
    case COMPLETION_NONE:
        return;
    case COMPLETION_TOPIC:
        buffer_add_string(out, " -a '(__tidemill_ask topic)'");
        return;
    case COMPLETION_GROUP:
        buffer_add_string(out, " -a '(__tidemill_ask group)'");
        return;
    case COMPLETION_FILE:
        buffer_add_string(out, " -F");
        return;
    case COMPLETION_WORDS:
        buffer_add_string(out, " -a '");
        for (const char *at = value_name; *at != '\0'; at++) {
            buffer_add_byte(out, *at == '|' ? ' ' : (uint8_t)*at);
        }
        buffer_add_byte(out, '\'');
        return;
    }
}

static void add_fish_command(const struct command *command, struct buffer *out)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", command->noun == NULL ? "" : command->noun,
             command->noun == NULL ? "" : " ", command->verb);
    if (command->noun != NULL) {
        buffer_printf(out, "complete -c tidemill -n '__tidemill_words 2 %s' -a %s -d '",
                      command->noun, command->verb);
        add_quoted(command->summary, "", out);
        buffer_add_string(out, "'\n");
    }
    for (size_t i = 0; i < command->flag_count; i++) {
        const struct flag *flag = &command->flags[i];
        buffer_printf(out, "complete -c tidemill -n '__tidemill_is %s'", name);
        if (flag->letter != 0) {
            buffer_printf(out, " -s %c", flag->letter);
        }
        if (flag->name != NULL) {
            buffer_printf(out, " -l %s", flag->name);
        }
        if (flag->value_name != NULL) {
            buffer_add_string(out, " -r");
            add_fish_action(flag->value_name, out);
        }
        buffer_add_string(out, " -d '");
        add_quoted(flag->doc, "", out);
        buffer_add_string(out, "'\n");
    }
    if (completion_kind_of(command->arguments) != COMPLETION_NONE) {
        buffer_printf(out, "complete -c tidemill -n '__tidemill_is %s'", name);
        add_fish_action(command->arguments, out);
        buffer_add_byte(out, '\n');
    }
}

static const char fish_head[] =
    "# Completion of tidemill for fish; made by 'tidemill completion fish'.\n"
    "function __tidemill_words\n"
    "    set -l words (commandline -opc)\n"
    "    test (count $words) -eq $argv[1]; or return 1\n"
    "    test (count $argv) -eq 1; or test $words[2] = $argv[2]\n"
    "end\n"
    "function __tidemill_is\n"
    "    set -l words (commandline -opc)\n"
    "    test (count $words) -gt (count $argv); or return 1\n"
    "    test \"$words[2..(math 1 + (count $argv))]\" = \"$argv\"\n"
    "end\n"
    "function __tidemill_ask\n"
    "    set -l words (commandline -opc)\n"
    "    set -l brokers\n"
    "    set -l at (contains -i -- -b $words; or contains -i -- --bootstrap $words)\n"
    "    and set brokers -b $words[(math $at + 1)]\n"
    "    tidemill $argv[1] ls $brokers -X request.timeout.ms=1000 2>/dev/null\n"
    "end\n"
    "complete -c tidemill -f\n"
    "complete -c tidemill -n '__tidemill_words 1' -a version -d 'the version of this program'\n"
    "complete -c tidemill -n '__tidemill_words 1' -a help -d 'explain a command'\n";

void completion_print_fish(const struct command_list *commands, struct buffer *out)
{
    buffer_add_string(out, fish_head);
    each_first_word(commands, add_fish_word, out);
    for (size_t i = 0; i < commands->count; i++) {
        add_fish_command(commands->items[i], out);
    }
}
