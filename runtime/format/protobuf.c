/* Messages of Protocol Buffers; see protobuf.h. proto_encoder.c writes them. */
#include "runtime/format/protobuf.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/format/base64.h"
#include "runtime/format/json_writer.h"
#include "runtime/format/proto_encoder.h"
#include "runtime/format/proto_schema.h"
#include "runtime/format/value_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROTOBUF_DEPTH_MAX = 40, PROTOBUF_NONE = -1 };

struct protobuf {
    struct value_format format;
    struct proto_schema schema;
    const struct proto_schema_message *message;
    uint64_t *unknown_count; /* apart, so that a format is read-only */
};

static const struct protobuf *protobuf_of(const struct value_format *format)
{
    return (const struct protobuf *)(const void *)format;
}

/* One occurrence of a field; those of the same field are a list. */
struct protobuf_part {
    struct proto_wire_field wire;
    int64_t next;
};

struct protobuf_reading {
    const struct protobuf *protobuf;
    struct protobuf_part *parts; /* of the message and all it lies in, a stack */
    size_t part_count;
    size_t part_capacity;
    struct buffer *json;
    struct report *report;
    int depth;
};

/* The occurrences of each field of one message; in protobuf_reading.parts. */
struct protobuf_list {
    int64_t first;
    int64_t last;
};

static int protobuf_fail(const struct protobuf_reading *reading,
                         const struct proto_schema_message *message,
                         const struct proto_schema_field *field, const char *what)
{
    return report_add(reading->report, NULL, "field '%s' of %s %s", field->name, message->name,
                      what);
}

/* --- Single values ---------------------------------------------------------------------------- */

static void protobuf_write_name(struct buffer *json, double value)
{
    buffer_add_string(json, isnan(value) ? "\"NaN\""
                            : value > 0  ? "\"Infinity\""
                                         : "\"-Infinity\"");
}

static void protobuf_write_float(struct buffer *json, uint64_t integer)
{
    uint32_t bits = (uint32_t)integer;
    float value;
    char text[32];
    memcpy(&value, &bits, sizeof value);
    if (!isfinite(value)) {
        protobuf_write_name(json, (double)value);
        return;
    }
    for (int precision = 6; precision <= 9; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, (double)value);
        if (strtof(text, NULL) == value) {
            break;
        }
    }
    buffer_add_string(json, text);
    buffer_add_string(json, strpbrk(text, ".e") == NULL ? ".0" : "");
}

static void protobuf_write_double(struct buffer *json, uint64_t integer)
{
    double value;
    memcpy(&value, &integer, sizeof value);
    if (json_writer_double(json, value) != 0) {
        protobuf_write_name(json, value);
    }
}

static void protobuf_write_enum(struct buffer *json, const struct proto_schema_enum *it,
                                uint64_t integer)
{
    int32_t number = (int32_t)integer;
    for (size_t i = 0; i < it->value_count; i++) {
        if (it->values[i].number == number &&
            json_writer_string(json, bytes_from_string(it->values[i].name)) == 0) {
            return;
        }
    }
    json_writer_int64(json, number);
}

static int64_t protobuf_zigzag(uint64_t value)
{
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static void protobuf_write_number(struct buffer *json, const struct proto_schema_field *field,
                                  uint64_t integer)
{
    switch (field->type) {
    case PROTO_SCHEMA_DOUBLE:
        protobuf_write_double(json, integer);
        break;
    case PROTO_SCHEMA_FLOAT:
        protobuf_write_float(json, integer);
        break;
    case PROTO_SCHEMA_INT64:
    case PROTO_SCHEMA_SFIXED64:
        json_writer_int64(json, (int64_t)integer);
        break;
    case PROTO_SCHEMA_UINT64:
    case PROTO_SCHEMA_FIXED64:
        buffer_printf(json, "%llu", (unsigned long long)integer);
        break;
    case PROTO_SCHEMA_INT32:
    case PROTO_SCHEMA_SFIXED32:
        json_writer_int64(json, (int32_t)integer);
        break;
    case PROTO_SCHEMA_UINT32:
    case PROTO_SCHEMA_FIXED32:
        json_writer_int64(json, (uint32_t)integer);
        break;
    case PROTO_SCHEMA_SINT32:
        json_writer_int64(json, (int32_t)protobuf_zigzag((uint32_t)integer));
        break;
    case PROTO_SCHEMA_SINT64:
        json_writer_int64(json, protobuf_zigzag(integer));
        break;
    case PROTO_SCHEMA_BOOL:
        buffer_add_string(json, integer != 0 ? "true" : "false");
        break;
    case PROTO_SCHEMA_ENUM:
        protobuf_write_enum(json, field->enumeration, integer);
        break;
    case PROTO_SCHEMA_STRING:
    case PROTO_SCHEMA_BYTES:
    case PROTO_SCHEMA_MESSAGE:
    case PROTO_SCHEMA_GROUP:
        check(false);
        break;
    }
}

static int protobuf_read_message(struct protobuf_reading *reading,
                                 const struct proto_schema_message *message, struct bytes input);

static int protobuf_write(struct protobuf_reading *reading,
                          const struct proto_schema_message *message,
                          const struct proto_schema_field *field, const struct proto_wire_field *it)
{
    struct bytes bytes = bytes_is_null(it->bytes) ? BYTES_LITERAL("") : it->bytes;
    if (reading->json->size > VALUE_DECODED_SIZE_MAX) {
        return protobuf_fail(reading, message, field, "makes it too large");
    }
    if (field->type == PROTO_SCHEMA_MESSAGE) {
        return protobuf_read_message(reading, field->message, bytes);
    }
    if (field->type == PROTO_SCHEMA_BYTES) {
        buffer_add_byte(reading->json, '"');
        base64_write(reading->json, bytes);
        buffer_add_byte(reading->json, '"');
    } else if (field->type == PROTO_SCHEMA_STRING) {
        return json_writer_string(reading->json, bytes) == 0
                   ? 0
                   : protobuf_fail(reading, message, field, "is not UTF-8");
    } else {
        protobuf_write_number(reading->json, field, it->integer);
    }
    return 0;
}

/* --- Fields ----------------------------------------------------------------------------------- */

/* Several occurrences of one message are its parts, and so are their bytes behind one another. */
static int protobuf_write_single(struct protobuf_reading *reading,
                                 const struct proto_schema_message *message,
                                 const struct proto_schema_field *field,
                                 const struct protobuf_list *list)
{
    if (field->type != PROTO_SCHEMA_MESSAGE || list->first == list->last) {
        struct proto_wire_field wire = reading->parts[list->last].wire;
        return protobuf_write(reading, message, field, &wire);
    }
    struct buffer whole;
    buffer_init(&whole);
    for (int64_t at = list->first; at != PROTOBUF_NONE; at = reading->parts[at].next) {
        buffer_add_bytes(&whole, reading->parts[at].wire.bytes);
    }
    struct proto_wire_field merged = {.bytes = buffer_bytes(&whole)};
    int error = protobuf_write(reading, message, field, &merged);
    buffer_fini(&whole);
    return error;
}

/* The key of a map as a name. */
static int protobuf_write_key(struct protobuf_reading *reading,
                              const struct proto_schema_message *entry,
                              const struct proto_wire_field *it)
{
    const struct proto_schema_field *key = &entry->fields[0];
    bool is_quoted = key->type == PROTO_SCHEMA_STRING || key->type == PROTO_SCHEMA_BYTES ||
                     key->type == PROTO_SCHEMA_ENUM;
    if (is_quoted && key->type != PROTO_SCHEMA_ENUM) {
        return protobuf_write(reading, entry, key, it);
    }
    buffer_add_byte(reading->json, '"');
    if (key->type == PROTO_SCHEMA_ENUM) {
        json_writer_int64(reading->json, (int32_t)it->integer);
    } else {
        protobuf_write_number(reading->json, key, it->integer);
    }
    buffer_add_byte(reading->json, '"');
    return 0;
}

static int protobuf_write_entry(struct protobuf_reading *reading,
                                const struct proto_schema_message *entry, struct bytes input)
{
    struct proto_wire_field key = {0};
    struct proto_wire_field value = {0};
    struct proto_wire_field field;
    int result = 0;
    while ((result = proto_wire_next(&input, &field)) > 0) {
        if (field.number == 1 && field.kind == proto_schema_kind(entry->fields[0].type)) {
            key = field;
        } else if (field.number == 2 && field.kind == proto_schema_kind(entry->fields[1].type)) {
            value = field;
        }
    }
    if (result != 0) {
        return report_add(reading->report, NULL, "an entry of %s is damaged", entry->name);
    }
    result = protobuf_write_key(reading, entry, &key);
    buffer_add_byte(reading->json, ':');
    return result == 0 ? protobuf_write(reading, entry, &entry->fields[1], &value) : result;
}

static int protobuf_write_packed(struct protobuf_reading *reading,
                                 const struct proto_schema_message *message,
                                 const struct proto_schema_field *field, struct bytes input)
{
    for (bool is_first = true; input.size > 0; is_first = false) {
        struct proto_wire_field value = {0};
        if (proto_wire_value(&input, proto_schema_kind(field->type), &value) != 0) {
            return protobuf_fail(reading, message, field, "is a damaged list");
        }
        if (!is_first) {
            buffer_add_byte(reading->json, ',');
        }
        int error = protobuf_write(reading, message, field, &value);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

static int protobuf_write_list(struct protobuf_reading *reading,
                               const struct proto_schema_message *message,
                               const struct proto_schema_field *field,
                               const struct protobuf_list *list)
{
    bool is_map = field->message != NULL && field->message->is_map_entry;
    buffer_add_byte(reading->json, is_map ? '{' : '[');
    bool is_first = true;
    int error = 0;
    for (int64_t at = list->first; at != PROTOBUF_NONE && error == 0;) {
        struct protobuf_part part = reading->parts[at];
        bool is_packed = part.wire.kind == PROTO_WIRE_BYTES &&
                         proto_schema_kind(field->type) != PROTO_WIRE_BYTES;
        at = part.next;
        if (is_packed && part.wire.bytes.size == 0) {
            continue;
        }
        if (!is_first) {
            buffer_add_byte(reading->json, ',');
        }
        is_first = false;
        error = is_map      ? protobuf_write_entry(reading, field->message, part.wire.bytes)
                : is_packed ? protobuf_write_packed(reading, message, field, part.wire.bytes)
                            : protobuf_write(reading, message, field, &part.wire);
    }
    buffer_add_byte(reading->json, is_map ? '}' : ']');
    return error;
}

/* Another member of the same oneof came later. */
static bool protobuf_is_replaced(const struct proto_schema_message *message,
                                 const struct protobuf_list *lists, uint32_t index)
{
    int oneof = message->fields[index].oneof;
    for (uint32_t i = 0; oneof >= 0 && i < message->field_count; i++) {
        if (message->fields[i].oneof == oneof && lists[i].last > lists[index].last) {
            return true;
        }
    }
    return false;
}

static int protobuf_write_field(struct protobuf_reading *reading,
                                const struct proto_schema_message *message,
                                const struct protobuf_list *lists, uint32_t index, bool *is_first)
{
    const struct proto_schema_field *field = &message->fields[index];
    const struct protobuf_list *list = &lists[index];
    bool is_absent = list->first == PROTOBUF_NONE;
    if (!field->is_repeated && is_absent && field->has_presence) {
        return 0;
    }
    if (!is_absent && protobuf_is_replaced(message, lists, index)) {
        return 0;
    }
    if (!*is_first) {
        buffer_add_byte(reading->json, ',');
    }
    *is_first = false;
    if (json_writer_string(reading->json, bytes_from_string(field->name)) != 0) {
        return protobuf_fail(reading, message, field, "has a name that is not UTF-8");
    }
    buffer_add_byte(reading->json, ':');
    if (field->is_repeated) {
        return protobuf_write_list(reading, message, field, list);
    }
    struct proto_wire_field nothing = {0};
    return is_absent ? protobuf_write(reading, message, field, &nothing)
                     : protobuf_write_single(reading, message, field, list);
}

/* --- Messages --------------------------------------------------------------------------------- */

static void protobuf_add_part(struct protobuf_reading *reading, struct protobuf_list *list,
                              const struct proto_wire_field *wire)
{
    if (reading->part_count == reading->part_capacity) {
        reading->part_capacity = reading->part_capacity == 0 ? 64 : 2 * reading->part_capacity;
        reading->parts =
            memory_resize(reading->parts, reading->part_capacity * sizeof *reading->parts);
    }
    int64_t at = (int64_t)reading->part_count++;
    reading->parts[at] = (struct protobuf_part){.wire = *wire, .next = PROTOBUF_NONE};
    if (list->first == PROTOBUF_NONE) {
        list->first = at;
    } else {
        reading->parts[list->last].next = at;
    }
    list->last = at;
}

/* The first one is told, lest a descriptor that is too old goes unnoticed. */
static void protobuf_count_unknown(const struct protobuf *protobuf,
                                   const struct proto_schema_message *message, uint32_t number)
{
    if ((*protobuf->unknown_count)++ == 0) {
        trace(TRACE_WARN, "format.unknown_field", TRACE_STRING("message", message->name),
              TRACE_INT("number", number));
    }
}

static int protobuf_collect(struct protobuf_reading *reading,
                            const struct proto_schema_message *message, struct bytes input,
                            struct protobuf_list *lists)
{
    size_t size = input.size;
    struct proto_wire_field wire;
    int result = 0;
    while ((result = proto_wire_next(&input, &wire)) > 0) {
        const struct proto_schema_field *field = proto_schema_field(message, wire.number);
        bool is_known = field != NULL && (wire.kind == proto_schema_kind(field->type) ||
                                          (field->is_repeated && wire.kind == PROTO_WIRE_BYTES));
        if (is_known) {
            protobuf_add_part(reading, &lists[field - message->fields], &wire);
        } else {
            protobuf_count_unknown(reading->protobuf, message, wire.number);
        }
    }
    return result == 0 ? 0
                       : report_add(reading->report, NULL, "%s is damaged at byte %zu",
                                    message->name, size - input.size);
}

static int protobuf_read_message(struct protobuf_reading *reading,
                                 const struct proto_schema_message *message, struct bytes input)
{
    size_t part_count = reading->part_count;
    if (++reading->depth > PROTOBUF_DEPTH_MAX) {
        return report_add(reading->report, NULL, "%s is nested too deeply", message->name);
    }
    struct protobuf_list *lists = memory_alloc(message->field_count * sizeof *lists + 1);
    for (uint32_t i = 0; i < message->field_count; i++) {
        lists[i] = (struct protobuf_list){PROTOBUF_NONE, PROTOBUF_NONE};
    }
    int error = protobuf_collect(reading, message, input, lists);
    bool is_first = true;
    buffer_add_byte(reading->json, '{');
    for (uint32_t i = 0; i < message->field_count && error == 0; i++) {
        error = protobuf_write_field(reading, message, lists, i, &is_first);
    }
    buffer_add_byte(reading->json, '}');
    free(lists);
    reading->part_count = part_count;
    reading->depth--;
    return error;
}

static int protobuf_decode(const struct value_format *format, struct bytes value,
                           struct buffer *json, struct report *report)
{
    struct protobuf_reading reading = {
        .protobuf = protobuf_of(format), .json = json, .report = report};
    int error = protobuf_read_message(&reading, reading.protobuf->message, value);
    free(reading.parts);
    return error;
}

static int protobuf_encode(const struct value_format *format, const struct json *json,
                           struct buffer *out, struct report *report)
{
    return proto_encoder_write(protobuf_of(format)->message, json, JSON_ROOT, out, report);
}

/* --- Options ---------------------------------------------------------------------------------- */

static void protobuf_close(struct value_format *format)
{
    struct protobuf *protobuf = (struct protobuf *)(void *)format;
    proto_schema_fini(&protobuf->schema);
    free(protobuf->unknown_count);
    free(protobuf);
}

static int protobuf_load(struct protobuf *protobuf, const struct value_files *files,
                         const char *descriptor, const char *message, struct report *report)
{
    struct buffer set;
    if (descriptor == NULL || message == NULL) {
        return report_add(report, NULL, "it needs %s",
                          descriptor == NULL ? "descriptor: the file that protoc "
                                               "--descriptor_set_out wrote"
                                             : "message: the name of its type, like "
                                               "\"shop.Order\"");
    }
    buffer_init(&set);
    int error = files == NULL ? ERROR_NOT_FOUND : files->read(files->owner, descriptor, &set);
    if (error != 0) {
        error = report_add(report, NULL, "the descriptor %s cannot be read: %s", descriptor,
                           error_text(error));
    } else {
        struct report why = {{0}, {0}};
        error = proto_schema_init(&protobuf->schema, buffer_bytes(&set), &why);
        protobuf->message = error == 0 ? proto_schema_find(&protobuf->schema, message) : NULL;
        if (error != 0) {
            report_add(report, NULL, "the descriptor %s: %s", descriptor, why.text);
        } else if (protobuf->message == NULL) {
            error = report_add(report, NULL, "the descriptor %s has no message '%s'", descriptor,
                               message);
        }
    }
    buffer_fini(&set);
    return error;
}

static struct value_format *protobuf_open(const struct value_options *options,
                                          struct report *report)
{
    struct protobuf *protobuf = memory_new(struct protobuf);
    char *descriptor = NULL;
    char *message = NULL;
    protobuf->format.ops = &protobuf_ops;
    protobuf->unknown_count = memory_new(uint64_t);
    int error = value_options_string(options, "descriptor", &descriptor, report);
    error = error != 0 ? error : value_options_string(options, "message", &message, report);
    error =
        error != 0 ? error : protobuf_load(protobuf, options->files, descriptor, message, report);
    free(descriptor);
    free(message);
    if (error != 0) {
        protobuf_close(&protobuf->format);
        return NULL;
    }
    return &protobuf->format;
}

uint64_t protobuf_unknown_count(const struct value_format *format)
{
    check(format->ops == &protobuf_ops);
    return *protobuf_of(format)->unknown_count;
}

static const char *const protobuf_options[] = {"descriptor", "message", NULL};

const struct value_ops protobuf_ops = {.name = "protobuf",
                                       .text = "the Protocol Buffers message",
                                       .options = protobuf_options,
                                       .open = protobuf_open,
                                       .close = protobuf_close,
                                       .decode = protobuf_decode,
                                       .encode = protobuf_encode};
