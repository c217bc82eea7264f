/* The list of formats; see format.h. */
#include "runtime/format/format.h"

#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/format/csv.h"
#include "runtime/format/logfmt.h"
#include "runtime/format/protobuf.h"

#include <stdlib.h>
#include <string.h>

static const struct value_ops *const format_list[] = {&csv_ops, &logfmt_ops, &protobuf_ops};

enum { FORMAT_COUNT = sizeof format_list / sizeof *format_list };

static int format_fail_name(const char *name, const char *place, struct report *report)
{
    const char *names[FORMAT_COUNT + 3] = {"bytes", "text", "json"};
    struct buffer list;
    buffer_init(&list);
    for (size_t i = 0; i < FORMAT_COUNT; i++) {
        names[i + 3] = format_list[i]->name;
        buffer_printf(&list, ", %s", format_list[i]->name);
    }
    const char *nearest = text_nearest(name, names, FORMAT_COUNT + 3);
    int error = nearest != NULL
                    ? report_add(report, place, "there is no format '%s'; did you mean '%s'?", name,
                                 nearest)
                    : report_add(report, place,
                                 "there is no format '%s'; there are bytes, text, "
                                 "json%s",
                                 name, buffer_string(&list));
    buffer_fini(&list);
    return error;
}

/* A format that is not in the list. */
static int format_open_other(const char *name, const struct value_options *options,
                             const char *place, struct report *report,
                             const struct value_format **out)
{
    const struct value_files *files = options->files;
    struct report why = {{0}, {0}};
    int error = files == NULL || files->open_format == NULL
                    ? ERROR_NOT_FOUND
                    : files->open_format(files->owner, name, options, out, &why);
    if (error == ERROR_NOT_FOUND) {
        return format_fail_name(name, place, report);
    }
    return error == 0 ? 0 : report_add(report, place, "the format %s: %s", name, why.text);
}

static int format_open_named(const char *name, const struct value_options *options,
                             const char *place, struct report *report,
                             const struct value_format **out)
{
    const struct value_ops *ops = NULL;
    struct report why = {{0}, {0}};
    for (size_t i = 0; i < FORMAT_COUNT && ops == NULL; i++) {
        ops = strcmp(format_list[i]->name, name) == 0 ? format_list[i] : NULL;
    }
    bool is_plain = ops == NULL && value_format_find(name, out);
    if (ops == NULL && !is_plain) {
        return format_open_other(name, options, place, report, out);
    }
    int error = value_options_validate(options, is_plain ? NULL : ops->options, &why);
    if (error == 0 && !is_plain) {
        *out = ops->open(options, &why);
        error = *out == NULL ? ERROR_INVALID : 0;
    }
    return error == 0 ? 0 : report_add(report, place, "the format %s: %s", name, why.text);
}

static int format_open_parsed(const struct value_options *options, const char *place,
                              struct report *report, const struct value_format **out)
{
    const struct json *json = &options->json;
    uint32_t token = JSON_ROOT;
    if (json_token(json, JSON_ROOT)->kind == JSON_OBJECT) {
        token = json_find(json, JSON_ROOT, BYTES_LITERAL("format"));
    }
    if (token == JSON_ABSENT || json_token(json, token)->kind != JSON_STRING) {
        return report_add(report, place,
                          "a format is a name, or a table like { format = \"csv\", columns = { "
                          "\"a\" } }");
    }
    struct buffer scratch;
    buffer_init(&scratch);
    char *name = bytes_to_string(json_string(json, token, &scratch));
    int error = format_open_named(name, options, place, report, out);
    free(name);
    buffer_fini(&scratch);
    return error;
}

int format_open(struct bytes text, const struct value_files *files, const char *place,
                struct report *report, const struct value_format **out)
{
    struct value_options options = {.files = files};
    json_init(&options.json);
    int error = json_parse(&options.json, text);
    if (error != 0) {
        error = report_add(report, place, "the options of a format are not JSON: %s",
                           options.json.error_text);
    } else {
        error = format_open_parsed(&options, place, report, out);
    }
    json_fini(&options.json);
    return error;
}

void format_close(const struct value_format *format)
{
    if (format != NULL && format->ops->close != NULL) {
        format->ops->close((struct value_format *)(uintptr_t)format);
    }
}
