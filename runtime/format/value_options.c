/* Options of formats; see value_options.h. */
#include "runtime/format/value_options.h"

#include "log/base/error.h"
#include "log/base/text.h"

#include <stdlib.h>
#include <string.h>

static bool is_object(const struct value_options *options)
{
    return json_token(&options->json, JSON_ROOT)->kind == JSON_OBJECT;
}

static uint32_t find(const struct value_options *options, const char *name)
{
    return json_find(&options->json, JSON_ROOT, bytes_from_string(name));
}

static char *copy_string(const struct value_options *options, uint32_t token)
{
    struct buffer scratch;
    buffer_init(&scratch);
    char *copy = bytes_to_string(json_string(&options->json, token, &scratch));
    buffer_fini(&scratch);
    return copy;
}

static int validate_name(const char *name, const char *const *known, struct report *report)
{
    size_t count = 0;
    while (known[count] != NULL && strcmp(known[count], name) != 0) {
        count++;
    }
    if (known[count] != NULL || strcmp(name, "format") == 0) {
        return 0;
    }
    const char *nearest = text_nearest(name, known, count);
    struct buffer names;
    buffer_init(&names);
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&names, "%s%s", i == 0 ? "" : ", ", known[i]);
    }
    int error =
        nearest != NULL
            ? report_add(report, NULL, "it has no option '%s'; did you mean '%s'?", name, nearest)
            : report_add(report, NULL, "it has no option '%s'; %s%s", name,
                         count == 0 ? "it takes none" : "it knows ", buffer_string(&names));
    buffer_fini(&names);
    return error;
}

int value_options_validate(const struct value_options *options, const char *const *known,
                           struct report *report)
{
    static const char *const none[] = {NULL};
    const struct json *json = &options->json;
    int error = 0;
    uint32_t end = is_object(options) ? json_token(json, JSON_ROOT)->next : 0;
    for (uint32_t at = 1; at < end && error == 0; at = json_token(json, at + 1)->next) {
        char *name = copy_string(options, at);
        error = validate_name(name, known == NULL ? none : known, report);
        free(name);
    }
    return error;
}

int value_options_string(const struct value_options *options, const char *name, char **out,
                         struct report *report)
{
    uint32_t token = find(options, name);
    *out = NULL;
    if (token == JSON_ABSENT) {
        return 0;
    }
    if (json_token(&options->json, token)->kind != JSON_STRING) {
        return report_add(report, NULL, "the option '%s' must be a string", name);
    }
    *out = copy_string(options, token);
    return 0;
}

int value_options_character(const struct value_options *options, const char *name, uint8_t *out,
                            struct report *report)
{
    char *text = NULL;
    int error = value_options_string(options, name, &text, report);
    if (error == 0 && text != NULL) {
        if (strlen(text) != 1 || (uint8_t)text[0] >= 0x80 || text[0] == '\n' || text[0] == '\r') {
            error = report_add(report, NULL, "the option '%s' must be one character, not '%s'",
                               name, text);
        } else {
            *out = (uint8_t)text[0];
        }
    }
    free(text);
    return error;
}

int value_options_boolean(const struct value_options *options, const char *name, bool *out,
                          struct report *report)
{
    uint32_t token = find(options, name);
    if (token == JSON_ABSENT) {
        return 0;
    }
    enum json_kind kind = (enum json_kind)json_token(&options->json, token)->kind;
    if (kind != JSON_TRUE && kind != JSON_FALSE) {
        return report_add(report, NULL, "the option '%s' must be true or false", name);
    }
    *out = kind == JSON_TRUE;
    return 0;
}

int value_options_names(const struct value_options *options, const char *name,
                        struct name_list *out, struct report *report)
{
    const struct json *json = &options->json;
    uint32_t token = find(options, name);
    *out = (struct name_list){0};
    if (token == JSON_ABSENT) {
        return 0;
    }
    if (json_token(json, token)->kind != JSON_ARRAY || json_token(json, token)->count == 0) {
        return report_add(report, NULL, "the option '%s' must be a list of names", name);
    }
    uint32_t end = json_token(json, token)->next;
    for (uint32_t at = token + 1; at < end; at = json_token(json, at)->next) {
        if (json_token(json, at)->kind != JSON_STRING) {
            name_list_fini(out);
            return report_add(report, NULL, "the option '%s' must be a list of names", name);
        }
        char *text = copy_string(options, at);
        if (name_list_find(out, bytes_from_string(text)) < out->count) {
            report_add(report, NULL, "the option '%s' has '%s' twice", name, text);
            free(text);
            name_list_fini(out);
            return ERROR_INVALID;
        }
        name_list_add(out, bytes_from_string(text));
        free(text);
    }
    return 0;
}
