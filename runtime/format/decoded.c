/* Values as JSON tokens; see decoded.h. */
#include "runtime/format/decoded.h"

#include "log/base/error.h"
#include "runtime/format/json_writer.h"

#include <stdio.h>

void decoded_init(struct decoded *decoded)
{
    *decoded = (struct decoded){0};
    json_init(&decoded->json);
    buffer_init(&decoded->text);
}

void decoded_fini(struct decoded *decoded)
{
    json_fini(&decoded->json);
    buffer_fini(&decoded->text);
}

void decoded_clear(struct decoded *decoded)
{
    decoded->value = (struct bytes){0};
    decoded->has_text = false;
    decoded->is_parsed = false;
}

static bool holds(const struct decoded *decoded, const struct value_format *format,
                  struct bytes value)
{
    return decoded->format == format && decoded->value.data == value.data &&
           decoded->value.size == value.size;
}

static int fail(struct decoded *decoded, int error, const char *text, const char *what)
{
    decoded->report = (struct report){{0}, {0}};
    report_add(&decoded->report, NULL, "the value is not %s: %s", text, what);
    return error;
}

static int make_text(struct decoded *decoded)
{
    const struct value_ops *ops = decoded->format->ops;
    struct report report = {{0}, {0}};
    buffer_clear(&decoded->text);
    int error = ops->decode(decoded->format, decoded->value, &decoded->text, &report);
    if (error == 0 && decoded->text.size > VALUE_DECODED_SIZE_MAX) {
        error =
            report_add(&report, NULL, "it says more than %d bytes of JSON", VALUE_DECODED_SIZE_MAX);
    }
    if (error != 0) {
        return fail(decoded, error, ops->text, report.text);
    }
    decoded->has_text = true;
    return 0;
}

int decoded_text(struct decoded *decoded, const struct value_format *format, struct bytes value,
                 struct bytes *out)
{
    check(!bytes_is_null(value));
    if (format == NULL || format->ops->decode == NULL) {
        *out = value;
        return 0;
    }
    if (!holds(decoded, format, value)) {
        decoded_clear(decoded);
        decoded->format = format;
        decoded->value = value;
    }
    int error = decoded->has_text ? 0 : make_text(decoded);
    if (error != 0) {
        decoded_clear(decoded);
        return error;
    }
    *out = buffer_bytes(&decoded->text);
    return 0;
}

int decoded_read(struct decoded *decoded, const struct value_format *format, struct bytes value)
{
    if (decoded->is_parsed && holds(decoded, format, value)) {
        return 0;
    }
    struct bytes text;
    int error = decoded_text(decoded, format, value, &text);
    if (error != 0) {
        return error;
    }
    decoded->is_parsed = false;
    error = json_parse(&decoded->json, text);
    if (error != 0) {
        char what[128];
        snprintf(what, sizeof what, "%s at byte %zu", decoded->json.error_text,
                 decoded->json.error_position);
        decoded_clear(decoded);
        return fail(decoded, error, "JSON", what);
    }
    decoded->format = format;
    decoded->value = value;
    decoded->is_parsed = true;
    return 0;
}

static int quote(struct decoded *decoded, const struct value_format *to, struct bytes value,
                 struct buffer *out)
{
    decoded->report = (struct report){{0}, {0}};
    if (to != VALUE_JSON) {
        return report_add(&decoded->report, NULL,
                          "the value is a string, which %s cannot be made of; give its stream a "
                          "format, or make it a table",
                          value_format_ops(to)->text);
    }
    int error = json_writer_string(out, value);
    if (error != 0) {
        report_add(&decoded->report, NULL, "a string that is not UTF-8 cannot be written as JSON");
    }
    return error;
}

/* Only a JSON string differs as text; space in front of it is rare but allowed. */
static bool may_be_string(struct bytes value)
{
    uint8_t first = value.size == 0 ? 0 : value.data[0];
    return first == '"' || first == ' ' || (first >= '\t' && first <= '\r');
}

bool decoded_is_same(const struct value_format *from, const struct value_format *to,
                     struct bytes value)
{
    if (from == to || bytes_is_null(value) ||
        (value_format_is_string(from) && value_format_is_string(to))) {
        return true;
    }
    if (from == VALUE_JSON) {
        return value_format_is_string(to) && !may_be_string(value);
    }
    return to == VALUE_BYTES;
}

int decoded_convert(struct decoded *decoded, const struct value_format *from,
                    const struct value_format *to, struct bytes value, struct buffer *out)
{
    if (value_format_is_string(from)) {
        return quote(decoded, to, value, out);
    }
    int error = decoded_read(decoded, from, value);
    if (error == 0) {
        decoded->report = (struct report){{0}, {0}};
        error = value_format_ops(to)->encode(to, &decoded->json, out, &decoded->report);
    }
    return error;
}
