/* Reading compiled descriptors; see proto_schema.h. */
#include "runtime/format/proto_schema.h"

#include "log/base/error.h"

#include <stdlib.h>
#include <string.h>

/* More memory than this for the types of one set is refused. */
enum { SCHEMA_SIZE_MAX = 64 << 20, SCHEMA_DEPTH_MAX = 32, LABEL_REPEATED = 3 };

struct reading {
    struct proto_schema *schema;
    const char *prefix; /* "shop." */
    bool is_proto3;
    int depth;
    struct report *report;
};

static int fail(const struct reading *reading, const char *what, const char *name)
{
    return report_add(reading->report, NULL, "%s%s%s", what, name == NULL ? "" : " ",
                      name == NULL ? "" : name);
}

static int fail_damaged(const struct reading *reading)
{
    return fail(reading,
                "it is no descriptor set; make one with protoc --include_imports "
                "--descriptor_set_out=FILE",
                NULL);
}

/* Takes one field of the message; 1, 0 at the end, or an error with the report filled. */
static int take(const struct reading *reading, struct bytes *input, struct proto_wire_field *out)
{
    int result = proto_wire_next(input, out);
    return result < 0 ? fail_damaged(reading) : result;
}

static void *get(const struct reading *reading, size_t size)
{
    return arena_try(&reading->schema->arena, size);
}

/* prefix and name, or NULL past the limit. */
static const char *join(const struct reading *reading, struct bytes name, const char *end)
{
    size_t prefix_size = strlen(reading->prefix);
    size_t end_size = strlen(end);
    char *text = get(reading, prefix_size + name.size + end_size + 1);
    if (text != NULL) {
        memcpy(text, reading->prefix, prefix_size);
        memcpy(text + prefix_size, name.data, name.size);
        memcpy(text + prefix_size + name.size, end, end_size);
    }
    return text;
}

static const char *copy(const struct reading *reading, struct bytes name)
{
    char *text = get(reading, name.size + 1);
    if (text != NULL && name.size > 0) {
        memcpy(text, name.data, name.size);
    }
    return text;
}

/* How often a field of bytes stands in a message; what is damaged is found later. */
static size_t count(struct bytes input, uint32_t number)
{
    struct proto_wire_field field;
    size_t found = 0;
    while (proto_wire_next(&input, &field) > 0) {
        found += field.number == number && field.kind == PROTO_WIRE_BYTES;
    }
    return found;
}

/* The string in a field, empty when there is none. */
static struct bytes find_string(struct bytes input, uint32_t number)
{
    struct proto_wire_field field;
    struct bytes found = BYTES_LITERAL("");
    while (proto_wire_next(&input, &field) > 0) {
        if (field.number == number && field.kind == PROTO_WIRE_BYTES) {
            found = field.bytes;
        }
    }
    return found;
}

/* --- Enums ------------------------------------------------------------------------------------ */

static int read_value(const struct reading *reading, struct bytes input,
                      struct proto_schema_value *value)
{
    struct proto_wire_field field;
    int result = 0;
    value->name = "";
    while ((result = take(reading, &input, &field)) > 0) {
        if (field.number == 1 && field.kind == PROTO_WIRE_BYTES) {
            value->name = copy(reading, field.bytes);
        } else if (field.number == 2) {
            value->number = (int32_t)field.integer;
        }
    }
    return result == 0 && value->name == NULL ? fail(reading, "it is too large", NULL) : result;
}

static int read_enum(const struct reading *reading, struct bytes input)
{
    struct proto_schema_enum *it = get(reading, sizeof *it);
    struct proto_wire_field field;
    int result = 0;
    if (it == NULL) {
        return fail(reading, "it is too large", NULL);
    }
    it->name = join(reading, find_string(input, 1), "");
    it->values = get(reading, count(input, 2) * sizeof *it->values + 1);
    if (it->name == NULL || it->values == NULL) {
        return fail(reading, "it is too large", NULL);
    }
    while ((result = take(reading, &input, &field)) > 0) {
        if (field.number == 2 && field.kind == PROTO_WIRE_BYTES) {
            int error = read_value(reading, field.bytes, &it->values[it->value_count++]);
            if (error != 0) {
                return error;
            }
        }
    }
    it->next = reading->schema->enums;
    reading->schema->enums = it;
    return result;
}

/* --- Messages --------------------------------------------------------------------------------- */

static bool can_be_packed(enum proto_schema_type type)
{
    return type != PROTO_SCHEMA_STRING && type != PROTO_SCHEMA_BYTES &&
           type != PROTO_SCHEMA_MESSAGE;
}

/* FieldOptions: packed says it or says nothing. */
static void read_packed(struct bytes options, bool *is_packed)
{
    struct proto_wire_field field;
    while (proto_wire_next(&options, &field) > 0) {
        if (field.number == 2 && field.kind == PROTO_WIRE_VARINT) {
            *is_packed = field.integer != 0;
        }
    }
}

static int read_field(const struct reading *reading, struct bytes input,
                      struct proto_schema_field *it)
{
    struct proto_wire_field field;
    bool is_optional = false;
    int result = 0;
    *it = (struct proto_schema_field){.name = "", .oneof = -1, .is_packed = reading->is_proto3};
    while ((result = take(reading, &input, &field)) > 0) {
        bool is_bytes = field.kind == PROTO_WIRE_BYTES;
        if (field.number == 1 && is_bytes) {
            it->name = copy(reading, field.bytes);
        } else if (field.number == 3) {
            it->number = (uint32_t)field.integer;
        } else if (field.number == 4) {
            it->is_repeated = field.integer == LABEL_REPEATED;
        } else if (field.number == 5) {
            it->type = (enum proto_schema_type)field.integer;
        } else if (field.number == 6 && is_bytes) {
            it->type_name = copy(reading, field.bytes);
        } else if (field.number == 8 && is_bytes) {
            read_packed(field.bytes, &it->is_packed);
        } else if (field.number == 9) {
            it->oneof = (int)(field.integer & 0xffff);
        } else if (field.number == 17) {
            is_optional = field.integer != 0;
        }
    }
    if (result != 0) {
        return result;
    }
    if (it->name == NULL || it->number == 0 || it->type < PROTO_SCHEMA_DOUBLE ||
        it->type > PROTO_SCHEMA_SINT64) {
        return fail_damaged(reading);
    }
    if (it->type == PROTO_SCHEMA_GROUP) {
        return fail(reading, "groups are not read; make a message of the field", it->name);
    }
    it->is_packed = it->is_packed && it->is_repeated && can_be_packed(it->type);
    it->has_presence =
        !reading->is_proto3 || is_optional || it->oneof >= 0 || it->type == PROTO_SCHEMA_MESSAGE;
    return 0;
}

static int compare_fields(const void *left, const void *right)
{
    uint32_t a = ((const struct proto_schema_field *)left)->number;
    uint32_t b = ((const struct proto_schema_field *)right)->number;
    return (a > b) - (a < b);
}

static void read_options(struct bytes options, struct proto_schema_message *it)
{
    struct proto_wire_field field;
    while (proto_wire_next(&options, &field) > 0) {
        if (field.number == 7 && field.kind == PROTO_WIRE_VARINT) {
            it->is_map_entry = field.integer != 0;
        }
    }
}

static int read_message(const struct reading *reading, struct bytes input);

/* What stands in the message. */
static int read_parts(const struct reading *inner, struct bytes input,
                      struct proto_schema_message *it)
{
    struct proto_wire_field field;
    int result = 0;
    while ((result = take(inner, &input, &field)) > 0) {
        int error = 0;
        if (field.kind != PROTO_WIRE_BYTES) {
            continue;
        }
        if (field.number == 2) {
            error = read_field(inner, field.bytes, &it->fields[it->field_count++]);
        } else if (field.number == 3) {
            error = read_message(inner, field.bytes);
        } else if (field.number == 4) {
            error = read_enum(inner, field.bytes);
        } else if (field.number == 7) {
            read_options(field.bytes, it);
        }
        if (error != 0) {
            return error;
        }
    }
    return result;
}

static int read_message(const struct reading *reading, struct bytes input)
{
    struct proto_schema_message *it = get(reading, sizeof *it);
    struct reading inner = *reading;
    if (++inner.depth > SCHEMA_DEPTH_MAX) {
        return fail(reading, "messages are nested too deeply", NULL);
    }
    if (it == NULL) {
        return fail(reading, "it is too large", NULL);
    }
    it->name = join(reading, find_string(input, 1), "");
    inner.prefix = join(reading, find_string(input, 1), ".");
    it->fields = get(reading, count(input, 2) * sizeof *it->fields + 1);
    if (it->name == NULL || inner.prefix == NULL || it->fields == NULL) {
        return fail(reading, "it is too large", NULL);
    }
    int error = read_parts(&inner, input, it);
    if (error != 0) {
        return error;
    }
    qsort(it->fields, it->field_count, sizeof *it->fields, compare_fields);
    for (uint32_t i = 1; i < it->field_count; i++) {
        if (it->fields[i - 1].number == it->fields[i].number) {
            return fail_damaged(reading);
        }
    }
    it->next = reading->schema->messages;
    reading->schema->messages = it;
    return 0;
}

/* FileDescriptorProto. */
static int read_file(struct reading *reading, struct bytes input)
{
    struct proto_wire_field field;
    struct bytes package = find_string(input, 2);
    int result = 0;
    reading->is_proto3 = bytes_equal_string(find_string(input, 12), "proto3");
    reading->prefix = "";
    reading->prefix = package.size == 0 ? "" : join(reading, package, ".");
    if (reading->prefix == NULL) {
        return fail(reading, "it is too large", NULL);
    }
    while ((result = take(reading, &input, &field)) > 0) {
        int error = 0;
        if (field.kind == PROTO_WIRE_BYTES && field.number == 4) {
            error = read_message(reading, field.bytes);
        } else if (field.kind == PROTO_WIRE_BYTES && field.number == 5) {
            error = read_enum(reading, field.bytes);
        }
        if (error != 0) {
            return error;
        }
    }
    return result;
}

/* --- Names of types --------------------------------------------------------------------------- */

const struct proto_schema_message *proto_schema_find(const struct proto_schema *schema,
                                                     const char *name)
{
    const struct proto_schema_message *it = schema->messages;
    while (it != NULL && strcmp(it->name, name) != 0) {
        it = it->next;
    }
    return it;
}

/* A map has entries of a key and a value, and nothing else may look like one. */
static bool is_sound(const struct proto_schema_field *field)
{
    const struct proto_schema_message *entry = field->message;
    if (field->type == PROTO_SCHEMA_ENUM) {
        return field->enumeration != NULL;
    }
    if (field->type != PROTO_SCHEMA_MESSAGE || entry == NULL || !entry->is_map_entry) {
        return field->type != PROTO_SCHEMA_MESSAGE || entry != NULL;
    }
    return field->is_repeated && entry->field_count == 2 && entry->fields[0].number == 1 &&
           entry->fields[1].number == 2 && !entry->fields[0].is_repeated &&
           !entry->fields[1].is_repeated && entry->fields[0].type != PROTO_SCHEMA_MESSAGE;
}

static int link_field(const struct reading *reading, struct proto_schema_field *field)
{
    const char *name = field->type_name == NULL ? "" : field->type_name;
    name += *name == '.';
    if (field->type == PROTO_SCHEMA_MESSAGE) {
        field->message = proto_schema_find(reading->schema, name);
    } else if (field->type == PROTO_SCHEMA_ENUM) {
        const struct proto_schema_enum *it = reading->schema->enums;
        while (it != NULL && strcmp(it->name, name) != 0) {
            it = it->next;
        }
        field->enumeration = it;
    }
    return is_sound(field)
               ? 0
               : fail(reading, "a type is missing, which protoc --include_imports adds:", name);
}

int proto_schema_init(struct proto_schema *schema, struct bytes descriptor_set,
                      struct report *report)
{
    *schema = (struct proto_schema){0};
    arena_init(&schema->arena, SCHEMA_SIZE_MAX);
    struct reading reading = {.schema = schema, .prefix = "", .report = report};
    struct proto_wire_field field;
    int result = 0;
    while ((result = take(&reading, &descriptor_set, &field)) > 0) {
        if (field.number != 1 || field.kind != PROTO_WIRE_BYTES) {
            return fail_damaged(&reading);
        }
        int error = read_file(&reading, field.bytes);
        if (error != 0) {
            return error;
        }
    }
    for (struct proto_schema_message *it = schema->messages; it != NULL && result == 0;
         it = it->next) {
        for (uint32_t i = 0; i < it->field_count && result == 0; i++) {
            result = link_field(&reading, &it->fields[i]);
        }
    }
    return result;
}

void proto_schema_fini(struct proto_schema *schema)
{
    arena_fini(&schema->arena);
    *schema = (struct proto_schema){0};
}

const struct proto_schema_field *proto_schema_field(const struct proto_schema_message *message,
                                                    uint32_t number)
{
    uint32_t low = 0;
    uint32_t high = message->field_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (message->fields[middle].number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < message->field_count && message->fields[low].number == number
               ? &message->fields[low]
               : NULL;
}

enum proto_wire_kind proto_schema_kind(enum proto_schema_type type)
{
    switch (type) {
    case PROTO_SCHEMA_DOUBLE:
    case PROTO_SCHEMA_FIXED64:
    case PROTO_SCHEMA_SFIXED64:
        return PROTO_WIRE_FIXED64;
    case PROTO_SCHEMA_FLOAT:
    case PROTO_SCHEMA_FIXED32:
    case PROTO_SCHEMA_SFIXED32:
        return PROTO_WIRE_FIXED32;
    case PROTO_SCHEMA_STRING:
    case PROTO_SCHEMA_BYTES:
    case PROTO_SCHEMA_MESSAGE:
    case PROTO_SCHEMA_GROUP:
        return PROTO_WIRE_BYTES;
    case PROTO_SCHEMA_INT64:
    case PROTO_SCHEMA_UINT64:
    case PROTO_SCHEMA_INT32:
    case PROTO_SCHEMA_BOOL:
    case PROTO_SCHEMA_UINT32:
    case PROTO_SCHEMA_ENUM:
    case PROTO_SCHEMA_SINT32:
    case PROTO_SCHEMA_SINT64:
        return PROTO_WIRE_VARINT;
    }
    return PROTO_WIRE_VARINT;
}
