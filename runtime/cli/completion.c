/* What the three scripts share, and bash's; see completion.h. */
#include "runtime/cli/completion.h"

#include <string.h>

enum completion_kind completion_kind_of(const char *value_name)
{
    static const struct {
        const char *word;
        enum completion_kind kind;
    } known[] = {
        {"TOPIC", COMPLETION_TOPIC}, {"GROUP", COMPLETION_GROUP},  {"FILE", COMPLETION_FILE},
        {"DIR", COMPLETION_FILE},    {"APP.lua", COMPLETION_FILE},
    };
    if (value_name == NULL) {
        return COMPLETION_NONE;
    }
    const char *start = value_name[0] == '[' ? value_name + 1 : value_name;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strncmp(start, known[i].word, strlen(known[i].word)) == 0) {
            return known[i].kind;
        }
    }
    return strchr(value_name, '|') != NULL && strchr(value_name, ' ') == NULL ? COMPLETION_WORDS
                                                                              : COMPLETION_NONE;
}

/* "topic ls", or "serve". */
static void add_name(const struct command *command, struct buffer *out)
{
    buffer_printf(out, "%s%s%s", command->noun == NULL ? "" : command->noun,
                  command->noun == NULL ? "" : " ", command->verb);
}

static void add_words(const char *alternatives, struct buffer *out)
{
    for (; *alternatives != '\0'; alternatives++) {
        buffer_add_byte(out, *alternatives == '|' ? ' ' : (uint8_t)*alternatives);
    }
}

static bool is_first_of_noun(const struct command_list *commands, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (commands->items[i]->noun != NULL && commands->items[index]->noun != NULL &&
            strcmp(commands->items[i]->noun, commands->items[index]->noun) == 0) {
            return false;
        }
    }
    return true;
}

/* Bash takes no empty key: "-" stands for the first words. */
static void add_bash_words(const struct command_list *commands, struct buffer *out)
{
    buffer_add_string(out, "declare -gA _tidemill_verbs=(\n    [-]='");
    for (size_t i = 0; i < commands->count; i++) {
        const struct command *command = commands->items[i];
        if (is_first_of_noun(commands, i)) {
            buffer_printf(out, "%s ", command->noun != NULL ? command->noun : command->verb);
        }
    }
    buffer_add_string(out, "version help'\n");
    for (size_t i = 0; i < commands->count; i++) {
        const char *noun = commands->items[i]->noun;
        if (noun == NULL || !is_first_of_noun(commands, i)) {
            continue;
        }
        buffer_printf(out, "    [%s]='", noun);
        for (size_t j = i; j < commands->count; j++) {
            if (commands->items[j]->noun != NULL && strcmp(commands->items[j]->noun, noun) == 0) {
                buffer_printf(out, "%s ", commands->items[j]->verb);
            }
        }
        buffer_add_string(out, "'\n");
    }
    buffer_add_string(out, ")\n");
}

static void add_bash_flags(const struct command_list *commands, struct buffer *out)
{
    buffer_add_string(out, "declare -gA _tidemill_flags=(\n");
    for (size_t i = 0; i < commands->count; i++) {
        const struct command *command = commands->items[i];
        buffer_add_string(out, "    ['");
        add_name(command, out);
        buffer_add_string(out, "']='");
        for (size_t j = 0; j < command->flag_count; j++) {
            const struct flag *flag = &command->flags[j];
            if (flag->letter != 0) {
                buffer_printf(out, "-%c ", flag->letter);
            }
            if (flag->name != NULL) {
                buffer_printf(out, "--%s ", flag->name);
            }
        }
        buffer_add_string(out, "--help'\n");
    }
    buffer_add_string(out, ")\n");
}

static void add_bash_kind(const char *value_name, struct buffer *out)
{
    static const char *const marks[] = {[COMPLETION_NONE] = "-",
                                        [COMPLETION_TOPIC] = "@topic",
                                        [COMPLETION_GROUP] = "@group",
                                        [COMPLETION_FILE] = "@file"};
    enum completion_kind kind = completion_kind_of(value_name);
    if (kind == COMPLETION_WORDS) {
        add_words(value_name, out);
    } else {
        buffer_add_string(out, marks[kind]);
    }
}

/* What follows a flag, and what the arguments are (''). */
static void add_bash_values(const struct command_list *commands, struct buffer *out)
{
    buffer_add_string(out, "declare -gA _tidemill_values=(\n");
    for (size_t i = 0; i < commands->count; i++) {
        const struct command *command = commands->items[i];
        for (size_t j = 0; j <= command->flag_count; j++) {
            const struct flag *flag = j < command->flag_count ? &command->flags[j] : NULL;
            const char *value_name = flag == NULL ? command->arguments : flag->value_name;
            if (value_name == NULL || value_name[0] == '\0') {
                continue;
            }
            char letter[3] = {'-', flag == NULL ? '\0' : flag->letter, '\0'};
            for (int k = 0; k < 2; k++) {
                bool is_long = k == 1;
                if (flag == NULL ? is_long : is_long ? flag->name == NULL : flag->letter == 0) {
                    continue;
                }
                buffer_add_string(out, "    ['");
                add_name(command, out);
                buffer_printf(out, " %s%s']='",
                              flag == NULL ? ""
                              : is_long    ? "--"
                                           : letter,
                              flag != NULL && is_long ? flag->name : "");
                add_bash_kind(value_name, out);
                buffer_add_string(out, "'\n");
            }
        }
    }
    buffer_add_string(out, ")\n");
}

static const char bash_body[] =
    "_tidemill()\n"
    "{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command= first=1 "
    "kind=\n"
    "    local -a brokers=()\n"
    "    local i\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "        -b | --bootstrap) brokers=(-b \"${COMP_WORDS[i+1]}\")\n"
    "            [[ ${COMP_WORDS[i+2]} == : ]] && brokers=(-b "
    "\"${COMP_WORDS[i+1]}:${COMP_WORDS[i+3]}\") ;;\n"
    "        esac\n"
    "    done\n"
    "    if ((COMP_CWORD == 1)); then\n"
    "        COMPREPLY=($(compgen -W \"${_tidemill_verbs[-]}\" -- \"$word\"))\n"
    "        return\n"
    "    fi\n"
    "    command=${COMP_WORDS[1]:-?}\n"
    "    if [[ -n ${_tidemill_verbs[$command]} ]]; then\n"
    "        if ((COMP_CWORD == 2)); then\n"
    "            COMPREPLY=($(compgen -W \"${_tidemill_verbs[$command]}\" -- \"$word\"))\n"
    "            return\n"
    "        fi\n"
    "        command=\"$command ${COMP_WORDS[2]}\"\n"
    "    fi\n"
    "    if [[ $word == -* ]]; then\n"
    "        COMPREPLY=($(compgen -W \"${_tidemill_flags[$command]}\" -- \"$word\"))\n"
    "        return\n"
    "    fi\n"
    "    [[ $before == -* ]] && kind=${_tidemill_values[\"$command $before\"]}\n"
    "    [[ -n $kind ]] || kind=${_tidemill_values[\"$command \"]}\n"
    "    case $kind in\n"
    "    @topic) kind=$(\"${COMP_WORDS[0]}\" topic ls \"${brokers[@]}\" -X request.timeout.ms=1000 "
    "2>/dev/null) ;;\n"
    "    @group) kind=$(\"${COMP_WORDS[0]}\" group ls \"${brokers[@]}\" -X request.timeout.ms=1000 "
    "2>/dev/null) ;;\n"
    "    @file) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
    "    - | '') return ;;\n"
    "    esac\n"
    "    COMPREPLY=($(compgen -W \"$kind\" -- \"$word\"))\n"
    "}\n"
    "complete -o filenames -F _tidemill tidemill\n";

void completion_print_bash(const struct command_list *commands, struct buffer *out)
{
    buffer_add_string(out,
                      "# Completion of tidemill for bash; made by 'tidemill completion bash'.\n");
    add_bash_words(commands, out);
    add_bash_flags(commands, out);
    add_bash_values(commands, out);
    buffer_add_string(out, bash_body);
}
