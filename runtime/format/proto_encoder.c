/* JSON as messages; see proto_encoder.h. */
#include "runtime/format/proto_encoder.h"

#include "log/base/error.h"
#include "log/base/text.h"
#include "runtime/format/base64.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct writing {
    const struct proto_schema_message *message;
    const struct proto_schema_field *field;
    const struct json *json;
    struct report *report;
};

static int fail(const struct writing *writing, const char *what)
{
    return report_add(writing->report, NULL, "field '%s' of %s must be %s", writing->field->name,
                      writing->message->name, what);
}

/* --- Numbers ---------------------------------------------------------------------------------- */

/* The text of a number, or of a string (names of maps, and big integers of others), in `text`. */
static void get_text(const struct json *json, uint32_t token, char *text, size_t size)
{
    struct buffer scratch;
    buffer_init(&scratch);
    struct bytes view = json_token(json, token)->kind == JSON_STRING
                            ? json_string(json, token, &scratch)
                            : json_raw(json, token);
    size_t count = view.size < size ? view.size : 0; /* what is longer is no number */
    memcpy(text, view.data, count);
    text[count] = 0;
    buffer_fini(&scratch);
}

static int get_signed(const struct writing *writing, const char *text, int64_t min, int64_t max,
                      int64_t *out)
{
    double number = 0;
    if (text_parse_int64(text, out) != 0) {
        if (text_parse_double(text, &number) != 0 || floor(number) != number ||
            fabs(number) > 9007199254740992.0) {
            return fail(writing, "an integer");
        }
        *out = (int64_t)number;
    }
    return *out >= min && *out <= max ? 0 : fail(writing, "an integer that fits its type");
}

static int get_unsigned(const struct writing *writing, const char *text, uint64_t *out)
{
    int64_t integer = 0;
    char *end = NULL;
    if (*text >= '0' && *text <= '9') {
        errno = 0;
        *out = strtoull(text, &end, 10);
        if (errno == 0 && *end == 0) {
            return 0;
        }
    }
    int error = get_signed(writing, text, 0, INT64_MAX, &integer);
    *out = (uint64_t)integer;
    return error;
}

static int get_double(const struct writing *writing, const char *text, double *out)
{
    static const struct {
        const char *name;
        double value;
    } names[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i].name) == 0) {
            *out = names[i].value;
            return 0;
        }
    }
    return text_parse_double(text, out) == 0 ? 0 : fail(writing, "a number");
}

static int get_enum(const struct writing *writing, const char *text, uint64_t *out)
{
    const struct proto_schema_enum *it = writing->field->enumeration;
    int64_t number = 0;
    for (size_t i = 0; i < it->value_count; i++) {
        if (strcmp(it->values[i].name, text) == 0) {
            *out = (uint64_t)(int64_t)it->values[i].number;
            return 0;
        }
    }
    if (text_parse_int64(text, &number) != 0 || number < INT32_MIN || number > INT32_MAX) {
        return report_add(writing->report, NULL, "field '%s' of %s: '%s' is no value of %s",
                          writing->field->name, writing->message->name, text, it->name);
    }
    *out = (uint64_t)number;
    return 0;
}

static int get_float(const struct writing *writing, const char *text, uint64_t *out)
{
    double value = 0;
    int error = get_double(writing, text, &value);
    if (error != 0 || writing->field->type == PROTO_SCHEMA_DOUBLE) {
        memcpy(out, &value, sizeof value);
        return error;
    }
    float small = (float)value;
    uint32_t bits = 0;
    if (isinf(small) && !isinf(value)) {
        return fail(writing, "a number that fits its type");
    }
    memcpy(&bits, &small, sizeof bits);
    *out = bits;
    return 0;
}

/* What is written for a number, a truth or an enum. */
static int get_integer(const struct writing *writing, const char *text, uint64_t *out)
{
    int64_t number = 0;
    int error = 0;
    switch (writing->field->type) {
    case PROTO_SCHEMA_DOUBLE:
    case PROTO_SCHEMA_FLOAT:
        return get_float(writing, text, out);
    case PROTO_SCHEMA_INT64:
    case PROTO_SCHEMA_SFIXED64:
    case PROTO_SCHEMA_SINT64:
        error = get_signed(writing, text, INT64_MIN, INT64_MAX, &number);
        break;
    case PROTO_SCHEMA_INT32:
    case PROTO_SCHEMA_SFIXED32:
    case PROTO_SCHEMA_SINT32:
        error = get_signed(writing, text, INT32_MIN, INT32_MAX, &number);
        break;
    case PROTO_SCHEMA_UINT32:
    case PROTO_SCHEMA_FIXED32:
        error = get_signed(writing, text, 0, UINT32_MAX, &number);
        break;
    case PROTO_SCHEMA_UINT64:
    case PROTO_SCHEMA_FIXED64:
        return get_unsigned(writing, text, out);
    case PROTO_SCHEMA_BOOL:
        *out = strcmp(text, "true") == 0;
        return *out == 1 || strcmp(text, "false") == 0 ? 0 : fail(writing, "true or false");
    case PROTO_SCHEMA_ENUM:
        return get_enum(writing, text, out);
    case PROTO_SCHEMA_STRING:
    case PROTO_SCHEMA_BYTES:
    case PROTO_SCHEMA_MESSAGE:
    case PROTO_SCHEMA_GROUP:
        check(false);
    }
    bool is_zigzag =
        writing->field->type == PROTO_SCHEMA_SINT32 || writing->field->type == PROTO_SCHEMA_SINT64;
    *out = is_zigzag ? (uint64_t)number << 1 ^ (number < 0 ? UINT64_MAX : 0) : (uint64_t)number;
    return error;
}

/* --- Values ----------------------------------------------------------------------------------- */

/* The content of a string, bytes or a message. */
static int get_bytes(const struct writing *writing, uint32_t token, struct buffer *out)
{
    enum json_kind kind = (enum json_kind)json_token(writing->json, token)->kind;
    if (writing->field->type == PROTO_SCHEMA_MESSAGE) {
        return proto_encoder_write(writing->field->message, writing->json, token, out,
                                   writing->report);
    }
    if (kind != JSON_STRING) {
        return fail(writing, "a string");
    }
    struct buffer scratch;
    buffer_init(&scratch);
    struct bytes text = json_string(writing->json, token, &scratch);
    int error = 0;
    if (writing->field->type == PROTO_SCHEMA_STRING) {
        buffer_add_bytes(out, text);
    } else if (base64_read(out, text) != 0) {
        error = fail(writing, "bytes in base64");
    }
    buffer_fini(&scratch);
    return error;
}

/* A name of an object, or a value, as an integer. */
static int read_integer(const struct writing *writing, uint32_t token, bool is_name, uint64_t *out)
{
    char text[64];
    enum json_kind kind = (enum json_kind)json_token(writing->json, token)->kind;
    bool is_bool = writing->field->type == PROTO_SCHEMA_BOOL;
    if (kind == JSON_OBJECT || kind == JSON_ARRAY || kind == JSON_NULL ||
        (is_bool && kind == JSON_STRING && !is_name)) {
        return fail(writing, is_bool ? "true or false" : "a single value");
    }
    get_text(writing->json, token, text, sizeof text);
    return get_integer(writing, text, out);
}

/* `is_always`: also when it is the default of a field that does not tell. */
static int put_value(const struct writing *writing, uint32_t token, bool is_name, bool is_always,
                     struct buffer *out)
{
    enum proto_wire_kind kind = proto_schema_kind(writing->field->type);
    if (kind != PROTO_WIRE_BYTES) {
        uint64_t integer = 0;
        int error = read_integer(writing, token, is_name, &integer);
        if (error == 0 && (is_always || integer != 0)) {
            proto_wire_put_tag(out, writing->field->number, kind);
            proto_wire_put_value(out, kind, integer);
        }
        return error;
    }
    struct buffer content;
    buffer_init(&content);
    int error = get_bytes(writing, token, &content);
    if (error == 0 && (is_always || content.size > 0)) {
        proto_wire_put_bytes(out, writing->field->number, buffer_bytes(&content));
    }
    buffer_fini(&content);
    return error;
}

static int put_packed(const struct writing *writing, uint32_t array, struct buffer *out)
{
    const struct json_token *list = json_token(writing->json, array);
    struct buffer content;
    int error = 0;
    buffer_init(&content);
    for (uint32_t at = array + 1; at < list->next && error == 0;
         at = json_token(writing->json, at)->next) {
        uint64_t integer = 0;
        error = read_integer(writing, at, false, &integer);
        proto_wire_put_value(&content, proto_schema_kind(writing->field->type), integer);
    }
    if (error == 0 && list->count > 0) {
        proto_wire_put_bytes(out, writing->field->number, buffer_bytes(&content));
    }
    buffer_fini(&content);
    return error;
}

static int put_map(const struct writing *writing, uint32_t object, struct buffer *out)
{
    const struct proto_schema_message *entry = writing->field->message;
    const struct json_token *members = json_token(writing->json, object);
    struct writing inner = {.message = entry, .json = writing->json, .report = writing->report};
    struct buffer content;
    int error = 0;
    buffer_init(&content);
    for (uint32_t at = object + 1; at < members->next && error == 0;
         at = json_token(writing->json, at + 1)->next) {
        buffer_clear(&content);
        inner.field = &entry->fields[0];
        error = put_value(&inner, at, true, true, &content);
        inner.field = &entry->fields[1];
        error = error == 0 ? put_value(&inner, at + 1, false, true, &content) : error;
        if (error == 0) {
            proto_wire_put_bytes(out, writing->field->number, buffer_bytes(&content));
        }
    }
    buffer_fini(&content);
    return error;
}

static int put_list(const struct writing *writing, uint32_t token, struct buffer *out)
{
    const struct json_token *list = json_token(writing->json, token);
    bool is_map = writing->field->message != NULL && writing->field->message->is_map_entry;
    if (list->kind != (is_map ? JSON_OBJECT : JSON_ARRAY)) {
        return fail(writing, is_map ? "an object" : "a list");
    }
    if (is_map) {
        return put_map(writing, token, out);
    }
    if (writing->field->is_packed) {
        return put_packed(writing, token, out);
    }
    int error = 0;
    for (uint32_t at = token + 1; at < list->next && error == 0;
         at = json_token(writing->json, at)->next) {
        error = put_value(writing, at, false, true, out);
    }
    return error;
}

/* Every member is a field. */
static int validate_names(const struct proto_schema_message *message, const struct json *json,
                          uint32_t object, struct report *report)
{
    uint32_t end = json_token(json, object)->next;
    for (uint32_t at = object + 1; at < end; at = json_token(json, at + 1)->next) {
        uint32_t i = 0;
        while (i < message->field_count &&
               !json_equals(json, at, bytes_from_string(message->fields[i].name))) {
            i++;
        }
        if (i == message->field_count) {
            struct bytes name = json_raw(json, at);
            return report_add(report, NULL, "%s has no field %.*s", message->name,
                              name.size > 80 ? 80 : (int)name.size, (const char *)name.data);
        }
    }
    return 0;
}

int proto_encoder_write(const struct proto_schema_message *message, const struct json *json,
                        uint32_t object, struct buffer *out, struct report *report)
{
    if (json_token(json, object)->kind != JSON_OBJECT) {
        return report_add(report, NULL, "%s is made of an object", message->name);
    }
    int error = validate_names(message, json, object, report);
    for (uint32_t i = 0; i < message->field_count && error == 0; i++) {
        const struct proto_schema_field *field = &message->fields[i];
        struct writing writing = {message, field, json, report};
        uint32_t token = json_find(json, object, bytes_from_string(field->name));
        if (token == JSON_ABSENT || json_token(json, token)->kind == JSON_NULL) {
            continue;
        }
        error = field->is_repeated ? put_list(&writing, token, out)
                                   : put_value(&writing, token, false, field->has_presence, out);
    }
    return error;
}
