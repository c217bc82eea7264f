/* See plugin_describe.h. */
#include "runtime/plugin/plugin_describe.h"

const char *plugin_describe_type(uint32_t option_type)
{
    switch ((enum tidemill_option_type)option_type) {
    case TIDEMILL_OPTION_STRING:
        return "string";
    case TIDEMILL_OPTION_INT:
        return "int";
    case TIDEMILL_OPTION_BOOL:
        return "bool";
    case TIDEMILL_OPTION_DURATION:
        return "duration";
    case TIDEMILL_OPTION_SIZE:
        return "size";
    case TIDEMILL_OPTION_ENUM:
        return "enum";
    case TIDEMILL_OPTION_LIST:
        return "list";
    case TIDEMILL_OPTION_SECRET:
        return "secret";
    }
    return "unknown";
}

/* A JSON string; NULL is written as null. */
static void write_json_text(struct buffer *out, const char *text)
{
    if (text == NULL) {
        buffer_add_string(out, "null");
        return;
    }
    buffer_add_byte(out, '"');
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char letter = (unsigned char)*at;
        if (letter == '"' || letter == '\\') {
            buffer_add_byte(out, '\\');
            buffer_add_byte(out, letter);
        } else if (letter < 0x20) {
            buffer_printf(out, "\\u%04x", letter);
        } else {
            buffer_add_byte(out, letter);
        }
    }
    buffer_add_byte(out, '"');
}

static void write_json_member(struct buffer *out, const char *before, const char *name,
                              const char *text)
{
    buffer_printf(out, "%s\"%s\":", before, name);
    write_json_text(out, text);
}

static void write_json_option(struct buffer *out, const struct tidemill_option *option)
{
    bool is_required = (option->flags & TIDEMILL_OPTION_REQUIRED) != 0;
    write_json_member(out, "{", "name", option->name);
    write_json_member(out, ",", "type", plugin_describe_type(option->type));
    buffer_printf(out, ",\"required\":%s", is_required ? "true" : "false");
    write_json_member(out, ",", "default", option->fallback);
    write_json_member(out, ",", "allowed", option->allowed);
    write_json_member(out, ",", "help", option->help);
    write_json_member(out, ",", "alias", option->alias);
    buffer_add_byte(out, '}');
}

static void write_json_kind(const struct tidemill_kind *kind, struct buffer *out)
{
    write_json_member(out, "{", "name", kind->name);
    write_json_member(out, ",", "type", plugin_type_name(kind->type));
    write_json_member(out, ",", "alias", kind->alias);
    write_json_member(out, ",", "help", kind->help);
    buffer_add_string(out, ",\"options\":[");
    for (size_t i = 0; i < kind->option_count; i++) {
        buffer_add_string(out, i == 0 ? "" : ",");
        write_json_option(out, &kind->options[i]);
    }
    buffer_add_string(out, "]}");
}

static void write_text_option(struct buffer *out, const struct tidemill_option *option)
{
    if ((option->flags & TIDEMILL_OPTION_DEPRECATED) != 0) {
        return;
    }
    buffer_printf(out, "  %-20s %s", option->name, plugin_describe_type(option->type));
    if (option->allowed != NULL) {
        buffer_printf(out, " (%s)", option->allowed);
    }
    if ((option->flags & TIDEMILL_OPTION_REQUIRED) != 0) {
        buffer_add_string(out, ", required");
    } else if (option->fallback != NULL) {
        buffer_printf(out, ", default %s", option->fallback);
    }
    buffer_printf(out, "\n  %-20s %s", "", option->help);
    if (option->alias != NULL) {
        buffer_printf(out, " Also: %s.", option->alias);
    }
    buffer_add_byte(out, '\n');
}

static void write_text_kind(const struct tidemill_kind *kind, struct buffer *out)
{
    buffer_printf(out, "%s %s: %s\n", plugin_type_name(kind->type), kind->name, kind->help);
    for (size_t i = 0; i < kind->option_count; i++) {
        write_text_option(out, &kind->options[i]);
    }
}

void plugin_describe_kind(const struct tidemill_kind *kind, enum plugin_format format,
                          struct buffer *out)
{
    switch (format) {
    case PLUGIN_TEXT:
        write_text_kind(kind, out);
        break;
    case PLUGIN_JSON:
        write_json_kind(kind, out);
        break;
    }
}

static void write_text_plugin(const struct plugin *plugin, struct buffer *out)
{
    const struct tidemill_identity *identity = plugin_identity(plugin);
    buffer_printf(out, "%s %s (%s) from %s\n", identity->name, identity->version, identity->license,
                  plugin_path(plugin));
    for (size_t i = 0; i < plugin_kind_count(plugin); i++) {
        buffer_add_byte(out, '\n');
        write_text_kind(plugin_kind(plugin, i), out);
    }
}

static void write_json_plugin(const struct plugin *plugin, struct buffer *out)
{
    const struct tidemill_identity *identity = plugin_identity(plugin);
    write_json_member(out, "{", "name", identity->name);
    write_json_member(out, ",", "version", identity->version);
    write_json_member(out, ",", "license", identity->license);
    buffer_add_string(out, ",\"kinds\":[");
    for (size_t i = 0; i < plugin_kind_count(plugin); i++) {
        buffer_add_string(out, i == 0 ? "" : ",");
        write_json_kind(plugin_kind(plugin, i), out);
    }
    buffer_add_string(out, "]}");
}

void plugin_describe(const struct plugin *plugin, enum plugin_format format, struct buffer *out)
{
    switch (format) {
    case PLUGIN_TEXT:
        write_text_plugin(plugin, out);
        break;
    case PLUGIN_JSON:
        write_json_plugin(plugin, out);
        break;
    }
}
