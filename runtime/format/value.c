/* The formats without options; see value.h. */
#include "runtime/format/value.h"

#include <string.h>

static int encode_json(const struct value_format *format, const struct json *json,
                       struct buffer *out, struct report *report)
{
    (void)format;
    (void)report;
    buffer_add_bytes(out, json_raw(json, JSON_ROOT));
    return 0;
}

static int encode_text(const struct value_format *format, const struct json *json,
                       struct buffer *out, struct report *report)
{
    if (json_token(json, JSON_ROOT)->kind != JSON_STRING) {
        return encode_json(format, json, out, report);
    }
    struct buffer scratch;
    buffer_init(&scratch);
    buffer_add_bytes(out, json_string(json, JSON_ROOT, &scratch));
    buffer_fini(&scratch);
    return 0;
}

static const struct value_ops bytes_ops = {
    .name = "bytes", .text = "JSON", .is_string = true, .encode = encode_text};
static const struct value_ops text_ops = {
    .name = "text", .text = "JSON", .is_string = true, .encode = encode_text};
static const struct value_ops json_ops = {.name = "json", .text = "JSON", .encode = encode_json};

const struct value_format value_format_text = {&text_ops};
const struct value_format value_format_json = {&json_ops};

bool value_format_find(const char *name, const struct value_format **out)
{
    const struct value_format *const plain[] = {VALUE_BYTES, VALUE_TEXT, VALUE_JSON};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (strcmp(name, value_format_name(plain[i])) == 0) {
            *out = plain[i];
            return true;
        }
    }
    return false;
}

const struct value_ops *value_format_ops(const struct value_format *format)
{
    return format == NULL ? &bytes_ops : format->ops;
}

const char *value_format_name(const struct value_format *format)
{
    return value_format_ops(format)->name;
}

bool value_format_is_string(const struct value_format *format)
{
    return value_format_ops(format)->is_string;
}
