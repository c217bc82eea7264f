/* See plugin_options.h. */
#include "runtime/plugin/plugin_options.h"

#include "log/base/arena.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    SETTING_SIZE_MAX = 64 * 1024,      /* of one value */
    OPTIONS_SIZE_MAX = 4 * 1024 * 1024 /* of all of them */
};

struct plugin_options {
    struct arena arena;
    struct tidemill_option_value *values;
    size_t count;
};

/* The words of "a|b|c" one after the other. */
static bool next_choice(const char **at, struct bytes *out)
{
    if (*at == NULL) {
        return false;
    }
    const char *end = strchr(*at, '|');
    *out = bytes_make(*at, end == NULL ? strlen(*at) : (size_t)(end - *at));
    *at = end == NULL ? NULL : end + 1;
    return true;
}

static int parse_choice(const struct tidemill_option *option, const char *text, int64_t *out,
                        struct report *report)
{
    const char *at = option->allowed;
    struct bytes choice;
    for (int64_t index = 0; next_choice(&at, &choice); index++) {
        if (bytes_equal_string(choice, text)) {
            *out = index;
            return 0;
        }
    }
    return report_add(report, option->name, "must be one of %s, not \"%s\"", option->allowed, text);
}

static int parse_number(uint32_t type, const char *text, int64_t *out)
{
    if (type == TIDEMILL_OPTION_DURATION) {
        return text_parse_duration_ms(text, out);
    }
    if (type == TIDEMILL_OPTION_SIZE) {
        return text_parse_size(text, out);
    }
    return text_parse_int64(text, out);
}

/* Reads one end of "from..to"; an empty end leaves `out` alone. */
static int parse_limit(const struct tidemill_option *option, const char *text, size_t size,
                       int64_t *out)
{
    char limit[64];
    if (size == 0) {
        return 0;
    }
    if (size >= sizeof limit) {
        return ERROR_INVALID;
    }
    memcpy(limit, text, size);
    limit[size] = '\0';
    return parse_number(option->type, limit, out);
}

static int check_range(const struct tidemill_option *option, int64_t number, const char *text,
                       struct report *report)
{
    const char *dots = option->allowed == NULL ? NULL : strstr(option->allowed, "..");
    if (dots == NULL) {
        return 0;
    }
    int64_t from = INT64_MIN;
    int64_t to = INT64_MAX;
    if (parse_limit(option, option->allowed, (size_t)(dots - option->allowed), &from) != 0 ||
        parse_limit(option, dots + 2, strlen(dots + 2), &to) != 0) {
        return report_add(report, option->name, "has a broken range %s in its table",
                          option->allowed);
    }
    if (number < from || number > to) {
        return report_add(report, option->name, "must be within %s, not %s", option->allowed, text);
    }
    return 0;
}

static int parse_integer(const struct tidemill_option *option, const char *text, int64_t *out,
                         struct report *report)
{
    static const char *const wanted[] = {
        [TIDEMILL_OPTION_INT] = "a number",
        [TIDEMILL_OPTION_DURATION] = "a span of time such as 500ms, 10s or 5m",
        [TIDEMILL_OPTION_SIZE] = "a size such as 1000, 64k or 1MiB",
    };
    if (parse_number(option->type, text, out) != 0) {
        return report_add(report, option->name, "must be %s, not \"%s\"", wanted[option->type],
                          text);
    }
    return check_range(option, *out, text, report);
}

static int parse_boolean(const struct tidemill_option *option, const char *text, int64_t *out,
                         struct report *report)
{
    bool value;
    if (text_parse_bool(text, &value) != 0) {
        return report_add(report, option->name, "must be true or false, not \"%s\"", text);
    }
    *out = value ? 1 : 0;
    return 0;
}

/* The whole value of one option except for the items of a list. */
static int parse_integer_of(const struct tidemill_option *option, const char *text, int64_t *out,
                            struct report *report)
{
    *out = 0;
    if (strlen(text) > SETTING_SIZE_MAX) {
        return report_add(report, option->name, "is longer than %d bytes", SETTING_SIZE_MAX);
    }
    switch ((enum tidemill_option_type)option->type) {
    case TIDEMILL_OPTION_INT:
    case TIDEMILL_OPTION_DURATION:
    case TIDEMILL_OPTION_SIZE:
        return parse_integer(option, text, out, report);
    case TIDEMILL_OPTION_BOOL:
        return parse_boolean(option, text, out, report);
    case TIDEMILL_OPTION_ENUM:
        return parse_choice(option, text, out, report);
    case TIDEMILL_OPTION_STRING:
    case TIDEMILL_OPTION_LIST:
    case TIDEMILL_OPTION_SECRET:
        return 0;
    }
    return report_add(report, option->name, "has an unknown type in its table");
}

int plugin_options_validate(const struct tidemill_option *option, const char *text,
                            struct report *report)
{
    int64_t ignored;
    return parse_integer_of(option, text, &ignored, report);
}

static struct bytes trim(const char *from, const char *to)
{
    while (from < to && (*from == ' ' || *from == '\t' || *from == '\n')) {
        from++;
    }
    while (to > from && (to[-1] == ' ' || to[-1] == '\t' || to[-1] == '\n')) {
        to--;
    }
    return bytes_make(from, (size_t)(to - from));
}

/* Splits at commas; empty items are dropped. */
static void split_list(struct arena *arena, const char *text, struct tidemill_option_value *value)
{
    size_t comma_count = 0;
    for (const char *at = text; *at != '\0'; at++) {
        comma_count += *at == ',';
    }
    const char **items = arena_array(arena, const char *, comma_count + 1);
    for (const char *at = text; at != NULL;) {
        const char *comma = strchr(at, ',');
        struct bytes item = trim(at, comma == NULL ? at + strlen(at) : comma);
        if (item.size > 0) {
            items[value->item_count++] = arena_string(arena, item);
        }
        at = comma == NULL ? NULL : comma + 1;
    }
    value->items = items;
}

static int set_value(struct plugin_options *options, const struct tidemill_option *option,
                     struct tidemill_option_value *value, const char *text, struct report *report)
{
    int64_t integer;
    int error = parse_integer_of(option, text, &integer, report);
    if (error != 0) {
        return error;
    }
    /* The worst case of a list: the text, its items, and a pointer per comma. */
    size_t need = strlen(text) * (2 + sizeof(char *)) + 4096;
    if (options->arena.used_size + need > OPTIONS_SIZE_MAX) {
        return report_add(report, option->name, "makes the configuration too long");
    }
    value->integer = integer;
    value->text = arena_string(&options->arena, bytes_from_string(text));
    if (option->type == TIDEMILL_OPTION_LIST) {
        split_list(&options->arena, text, value);
    }
    return 0;
}

const struct tidemill_option *plugin_options_find(const struct tidemill_kind *kind,
                                                  const char *name)
{
    for (size_t i = 0; i < kind->option_count; i++) {
        if (strcmp(kind->options[i].name, name) == 0) {
            return &kind->options[i];
        }
    }
    for (size_t i = 0; i < kind->option_count; i++) {
        if (kind->options[i].alias != NULL && strcmp(kind->options[i].alias, name) == 0) {
            return &kind->options[i];
        }
    }
    return NULL;
}

static int report_unknown(const struct tidemill_kind *kind, const char *name, struct report *report)
{
    const char **names = memory_zero(kind->option_count + 1, sizeof(char *));
    for (size_t i = 0; i < kind->option_count; i++) {
        names[i] = kind->options[i].name;
    }
    const char *nearest = text_nearest(name, names, kind->option_count);
    free(names);
    if (nearest != NULL) {
        return report_add(report, name, "is not an option of %s; did you mean %s?", kind->name,
                          nearest);
    }
    return report_add(report, name, "is not an option of %s", kind->name);
}

static int apply_setting(struct plugin_options *options, const struct tidemill_kind *kind,
                         const struct plugin_setting *setting, bool *is_given,
                         struct report *report)
{
    const struct tidemill_option *option = plugin_options_find(kind, setting->name);
    if (option == NULL) {
        return report_unknown(kind, setting->name, report);
    }
    size_t index = (size_t)(option - kind->options);
    if (is_given[index]) {
        return report_add(report, setting->name, "is given twice (as %s and as %s)", option->name,
                          option->alias == NULL ? option->name : option->alias);
    }
    is_given[index] = true;
    if (setting->value == NULL) {
        return 0;
    }
    return set_value(options, option, &options->values[index], setting->value, report);
}

static int apply_default(struct plugin_options *options, const struct tidemill_option *option,
                         struct tidemill_option_value *value, bool is_given, struct report *report)
{
    if (!is_given && option->fallback != NULL) {
        return set_value(options, option, value, option->fallback, report);
    }
    if (value->text == NULL && (option->flags & TIDEMILL_OPTION_REQUIRED) != 0) {
        return report_add(report, option->name, "must be given: %s", option->help);
    }
    return 0;
}

int plugin_options_parse(const struct tidemill_kind *kind, const struct plugin_setting *settings,
                         size_t setting_count, struct plugin_options **out, struct report *report)
{
    struct plugin_options *options = memory_new(struct plugin_options);
    arena_init(&options->arena, 0);
    options->count = kind->option_count;
    options->values = memory_zero(kind->option_count + 1, sizeof *options->values);
    bool *is_given = memory_zero(kind->option_count + 1, sizeof *is_given);
    int error = 0;
    for (size_t i = 0; i < setting_count && error == 0; i++) {
        error = apply_setting(options, kind, &settings[i], is_given, report);
    }
    for (size_t i = 0; i < kind->option_count && error == 0; i++) {
        error = apply_default(options, &kind->options[i], &options->values[i], is_given[i], report);
    }
    free(is_given);
    if (error != 0) {
        plugin_options_free(options);
        return error;
    }
    *out = options;
    return 0;
}

void plugin_options_free(struct plugin_options *options)
{
    if (options == NULL) {
        return;
    }
    arena_fini(&options->arena);
    free(options->values);
    free(options);
}

const struct tidemill_option_value *plugin_options_values(const struct plugin_options *options)
{
    return options->values;
}
