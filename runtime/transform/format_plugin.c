/* Formats of libraries; see format_plugin.h. */
#include "runtime/transform/format_plugin.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/transform/plugin_instance.h"

#include <stdlib.h>
#include <string.h>

struct format_plugin {
    struct value_format format; /* first */
    struct value_ops ops;
    struct plugin_instance instance;
    const struct tidemill_format *functions;
    bool is_open;
    struct json decoded; /* judges what was written */
};

/* Formats are read-only to those who use them; ours remembers the running call. */
static struct format_plugin *format_plugin_of(const struct value_format *format)
{
    return (struct format_plugin *)(uintptr_t)format;
}

static int end(struct format_plugin *it, enum tidemill_status status, struct report *report)
{
    int error = plugin_instance_end(&it->instance, status);
    return error == 0 ? 0 : report_add(report, NULL, "%s", plugin_instance_reason(&it->instance));
}

static int decode(const struct value_format *format, struct bytes value, struct buffer *json,
                  struct report *report)
{
    struct format_plugin *it = format_plugin_of(format);
    plugin_instance_begin(&it->instance, json);
    int error = end(
        it,
        it->functions->decode(&it->instance.context, tidemill_bytes_make(value.data, value.size)),
        report);
    if (error == 0 && json_parse(&it->decoded, plugin_instance_written(&it->instance, json)) != 0) {
        error = report_add(report, NULL, "the plugin made something of it that is not JSON");
    }
    return error;
}

static int encode(const struct value_format *format, const struct json *json, struct buffer *out,
                  struct report *report)
{
    struct format_plugin *it = format_plugin_of(format);
    if (it->functions->encode == NULL) {
        return report_add(report, NULL, "the format %s can only be read", it->ops.name);
    }
    struct bytes text = json_raw(json, JSON_ROOT);
    plugin_instance_begin(&it->instance, out);
    return end(
        it, it->functions->encode(&it->instance.context, tidemill_bytes_make(text.data, text.size)),
        report);
}

static void close_format(struct value_format *format)
{
    struct format_plugin *it = format_plugin_of(format);
    if (it->is_open && it->functions->close != NULL) {
        it->functions->close(&it->instance.context);
    }
    plugin_instance_fini(&it->instance);
    json_fini(&it->decoded);
    free(it);
}

/* --- Options ---------------------------------------------------------------------------------- */

/* Appends a string, a number or a boolean as a person would write it. */
static bool add_scalar(const struct json *json, uint32_t token, struct buffer *text)
{
    enum json_kind kind = (enum json_kind)json_token(json, token)->kind;
    if (kind == JSON_STRING) {
        struct buffer scratch;
        buffer_init(&scratch);
        buffer_add_bytes(text, json_string(json, token, &scratch));
        buffer_fini(&scratch);
        return true;
    }
    buffer_add_bytes(text, json_raw(json, token));
    return kind == JSON_NUMBER || kind == JSON_TRUE || kind == JSON_FALSE;
}

/* As add_scalar, and a list of them with commas. */
static bool add_value(const struct json *json, uint32_t token, struct buffer *text)
{
    if (json_token(json, token)->kind != JSON_ARRAY) {
        return add_scalar(json, token, text);
    }
    uint32_t end = json_token(json, token)->next;
    for (uint32_t at = token + 1; at < end; at = json_token(json, at)->next) {
        buffer_add_string(text, at == token + 1 ? "" : ",");
        if (!add_scalar(json, at, text)) {
            return false;
        }
    }
    return true;
}

/* What the script wrote, but for the name of the format. */
struct written {
    struct plugin_setting *settings;
    size_t count;
};

static int read_member(const struct json *json, uint32_t at, struct written *out,
                       struct report *report)
{
    struct buffer name;
    struct buffer value;
    int error = 0;
    buffer_init(&name);
    buffer_init(&value);
    (void)add_scalar(json, at, &name);
    if (!add_value(json, at + 1, &value)) {
        error = report_add(report, NULL,
                           "the option '%s' must be a text, a number, a boolean or a list of them",
                           buffer_string(&name));
    } else if (strcmp(buffer_string(&name), "format") != 0) {
        out->settings[out->count++] =
            (struct plugin_setting){.name = memory_string(buffer_string(&name)),
                                    .value = memory_string(buffer_string(&value))};
    }
    buffer_fini(&name);
    buffer_fini(&value);
    return error;
}

static int read_options(const struct value_options *options, struct written *out,
                        struct report *report)
{
    const struct json *json = &options->json;
    const struct json_token *root = json_token(json, JSON_ROOT);
    int error = 0;
    uint32_t end = root->kind == JSON_OBJECT ? root->next : 0;
    out->settings = memory_zero(root->count + 1, sizeof *out->settings);
    for (uint32_t at = 1; at < end && error == 0; at = json_token(json, at + 1)->next) {
        error = read_member(json, at, out, report);
    }
    return error;
}

static void free_options(struct written *written)
{
    for (size_t i = 0; i < written->count; i++) {
        free((void *)(uintptr_t)written->settings[i].name);
        free((void *)(uintptr_t)written->settings[i].value);
    }
    free(written->settings);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static int open_instance(struct format_plugin *it, const struct plugin_instance_options *wanted,
                         struct report *report)
{
    struct report inner = {0};
    int error = plugin_instance_init(&it->instance, TIDEMILL_FORMAT, VALUE_DECODED_SIZE_MAX, wanted,
                                     &inner);
    if (error != 0) {
        bool has_option = inner.place[0] != 0;
        (void)report_add(report, NULL, "%s%s%s%s", has_option ? "option '" : "", inner.place,
                         has_option ? "' " : "", inner.text);
        return error;
    }
    const struct tidemill_kind *kind = it->instance.context.kind;
    it->functions = kind->format;
    it->ops = (struct value_ops){.name = kind->name,
                                 .text = kind->name,
                                 .close = close_format,
                                 .decode = decode,
                                 .encode = encode};
    if (it->functions->open != NULL && it->functions->open(&it->instance.context) != TIDEMILL_OK) {
        return report_add(report, NULL, "%s", plugin_instance_reason(&it->instance));
    }
    it->is_open = true;
    return 0;
}

int format_plugin_open(const char *const *directories, size_t directory_count, const char *name,
                       const struct value_options *options, const struct value_format **out,
                       struct report *report)
{
    if (!plugin_is_name(name)) {
        return ERROR_NOT_FOUND;
    }
    struct format_plugin *it = memory_new(struct format_plugin);
    struct written written = {0};
    it->format.ops = &it->ops;
    json_init(&it->decoded);
    int error = read_options(options, &written, report);
    if (error == 0) {
        struct plugin_instance_options wanted = {.directories = directories,
                                                 .directory_count = directory_count,
                                                 .name = name,
                                                 .label = name,
                                                 .settings = written.settings,
                                                 .setting_count = written.count};
        error = open_instance(it, &wanted, report);
    }
    free_options(&written);
    if (error != 0) {
        close_format(&it->format);
        return error;
    }
    *out = &it->format;
    return 0;
}
