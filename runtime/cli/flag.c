/* See flag.h for what is understood. */
#include "runtime/cli/flag.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 28 };

/* One run over argv. */
struct parse {
    const struct flag *flags;
    size_t count;
    int argc;
    const char *const *argv;
    int index;
    void *values;
    struct report *report;
};

void flag_list_add(struct flag_list *list, const char *item)
{
    list->items = memory_resize(list->items, (list->count + 1) * sizeof(*list->items));
    list->items[list->count++] = item;
}

static const struct flag *find_letter(const struct parse *parse, char letter)
{
    for (size_t i = 0; i < parse->count; i++) {
        if (parse->flags[i].letter == letter) {
            return &parse->flags[i];
        }
    }
    return NULL;
}

static const struct flag *find_name(const struct parse *parse, struct bytes name)
{
    for (size_t i = 0; i < parse->count; i++) {
        const char *known = parse->flags[i].name;
        if (known != NULL && bytes_equal_string(name, known)) {
            return &parse->flags[i];
        }
    }
    return NULL;
}

static int refuse_value(const struct flag *flag, const char *text, const char *expected,
                        struct report *report)
{
    if (flag->name != NULL) {
        return report_add(report, NULL, "--%s takes %s, not '%s'", flag->name, expected, text);
    }
    return report_add(report, NULL, "-%c takes %s, not '%s'", flag->letter, expected, text);
}

/* Such that it can be counted in nanoseconds. */
static int set_duration(struct parse *parse, const struct flag *flag, const char *text,
                        int64_t *out)
{
    int64_t span_ms;
    if (text_parse_duration_ms(text, &span_ms) != 0 || span_ms < 0 ||
        span_ms > INT64_MAX / 1000000) {
        return refuse_value(flag, text, "a duration such as 10s", parse->report);
    }
    *out = span_ms;
    return 0;
}

static int set_value(struct parse *parse, const struct flag *flag, const char *text)
{
    char *field = (char *)parse->values + flag->offset;
    switch (flag->kind) {
    case FLAG_BOOL:
        *(bool *)(void *)field = true;
        return 0;
    case FLAG_INT:
        if (text_parse_int64(text, (int64_t *)(void *)field) != 0) {
            return refuse_value(flag, text, "a number", parse->report);
        }
        return 0;
    case FLAG_SIZE:
        if (text_parse_size(text, (int64_t *)(void *)field) != 0) {
            return refuse_value(flag, text, "a size such as 64k", parse->report);
        }
        return 0;
    case FLAG_DURATION:
        return set_duration(parse, flag, text, (int64_t *)(void *)field);
    case FLAG_STRING:
        *(const char **)(void *)field = text;
        return 0;
    case FLAG_LIST:
        flag_list_add((struct flag_list *)(void *)field, text);
        return 0;
    }
    return 0;
}

/* The value that stands behind a flag, in the next word. */
static const char *take_word(struct parse *parse)
{
    return parse->index + 1 < parse->argc ? parse->argv[++parse->index] : NULL;
}

static int refuse_name(const struct parse *parse, const char *word)
{
    const char **names = memory_zero(parse->count + 1, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < parse->count; i++) {
        if (parse->flags[i].name != NULL) {
            names[count++] = parse->flags[i].name;
        }
    }
    names[count++] = "help";
    struct bytes stem = bytes_make(word + 2, strcspn(word + 2, "="));
    char *name = bytes_to_string(stem);
    const char *nearest = text_nearest(name, names, count);
    int error = nearest == NULL
                    ? report_add(parse->report, NULL, "unknown flag '--%s'", name)
                    : report_add(parse->report, NULL, "unknown flag '--%s'; did you mean '--%s'?",
                                 name, nearest);
    free(name);
    free(names);
    return error;
}

static int parse_long(struct parse *parse, const char *word, bool *wants_help)
{
    const char *equals = strchr(word, '=');
    size_t size = equals == NULL ? strlen(word + 2) : (size_t)(equals - word - 2);
    const struct flag *flag = find_name(parse, bytes_make(word + 2, size));
    if (flag == NULL) {
        if (strcmp(word, "--help") == 0) {
            *wants_help = true;
            return 0;
        }
        return refuse_name(parse, word);
    }
    if (flag->kind == FLAG_BOOL) {
        if (equals != NULL) {
            return report_add(parse->report, NULL, "--%s takes no value", flag->name);
        }
        return set_value(parse, flag, NULL);
    }
    const char *value = equals != NULL ? equals + 1 : take_word(parse);
    if (value == NULL) {
        return report_add(parse->report, NULL, "--%s needs a value: --%s %s", flag->name,
                          flag->name, flag->value_name);
    }
    return set_value(parse, flag, value);
}

/* -e, -eq, -p3, -p 3 */
static int parse_letters(struct parse *parse, const char *word, bool *wants_help)
{
    for (const char *at = word + 1; *at != '\0'; at++) {
        const struct flag *flag = find_letter(parse, *at);
        if (flag == NULL && *at == 'h') {
            *wants_help = true;
            continue;
        }
        if (flag == NULL) {
            return report_add(parse->report, NULL, "unknown flag '-%c'", *at);
        }
        if (flag->kind == FLAG_BOOL) {
            *((bool *)(void *)((char *)parse->values + flag->offset)) = true;
            continue;
        }
        const char *value = at[1] != '\0' ? at + 1 : take_word(parse);
        if (value == NULL) {
            return report_add(parse->report, NULL, "-%c needs a value: -%c %s", *at, *at,
                              flag->value_name);
        }
        return set_value(parse, flag, value);
    }
    return 0;
}

int flag_parse(const struct flag *flags, size_t count, int argc, const char *const *argv,
               void *values, struct flag_list *arguments, bool *wants_help, struct report *report)
{
    struct parse parse = {
        .flags = flags,
        .count = count,
        .argc = argc,
        .argv = argv,
        .values = values,
        .report = report,
    };
    bool is_ended = false;
    for (parse.index = 0; parse.index < argc; parse.index++) {
        const char *word = argv[parse.index];
        int error = 0;
        if (is_ended || word[0] != '-' || word[1] == '\0') {
            flag_list_add(arguments, word);
        } else if (strcmp(word, "--") == 0) {
            is_ended = true;
        } else if (word[1] == '-') {
            error = parse_long(&parse, word, wants_help);
        } else {
            error = parse_letters(&parse, word, wants_help);
        }
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

void flag_fini(const struct flag *flags, size_t count, void *values, struct flag_list *arguments)
{
    for (size_t i = 0; i < count; i++) {
        if (flags[i].kind == FLAG_LIST) {
            void *field = (char *)values + flags[i].offset;
            struct flag_list *list = field;
            free(list->items);
            *list = (struct flag_list){0};
        }
    }
    free(arguments->items);
    *arguments = (struct flag_list){0};
}

void flag_print_help(const struct flag *flags, size_t count, struct buffer *out)
{
    for (size_t i = 0; i < count; i++) {
        const struct flag *flag = &flags[i];
        size_t start = out->size;
        if (flag->letter != 0) {
            buffer_printf(out, "  -%c", flag->letter);
        } else {
            buffer_add_string(out, "    ");
        }
        if (flag->name != NULL) {
            buffer_printf(out, "%s --%s", flag->letter != 0 ? "," : " ", flag->name);
        }
        if (flag->value_name != NULL) {
            buffer_printf(out, " %s", flag->value_name);
        }
        int used = (int)(out->size - start);
        int gap = used < HELP_COLUMN ? HELP_COLUMN - used : 2;
        buffer_printf(out, "%*s%s\n", gap, "", flag->doc);
    }
}

/* A number behind a backslash, as kcat reads it: x and hexadecimal digits, or as in C. */
static const char *flag_unescape_number(const char *text, uint8_t *out)
{
    bool is_hexadecimal = *text == 'x';
    char *end = NULL;
    unsigned long value = strtoul(text + is_hexadecimal, &end, is_hexadecimal ? 16 : 0);
    *out = (uint8_t)value;
    return end;
}

static bool flag_is_number(const char *text)
{
    return isdigit((unsigned char)text[0]) || (text[0] == 'x' && isxdigit((unsigned char)text[1]));
}

void flag_unescape(const char *text, struct buffer *out)
{
    static const char letters[] = "nrt", octets[] = "\n\r\t";
    while (*text != '\0') {
        if (text[0] != '\\' || text[1] == '\0') {
            buffer_add_byte(out, (uint8_t)*text++);
            continue;
        }
        const char *known = strchr(letters, text[1]);
        if (known != NULL) {
            buffer_add_byte(out, (uint8_t)octets[known - letters]);
            text += 2;
        } else if (flag_is_number(text + 1)) {
            uint8_t octet;
            text = flag_unescape_number(text + 1, &octet);
            buffer_add_byte(out, octet);
        } else {
            buffer_add_byte(out, (uint8_t)text[1]);
            text += 2;
        }
    }
}
