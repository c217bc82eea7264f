/* See meta_print.h. Walks protobuf-c's descriptors, so that a new kind of command needs no code. */
#include "log/meta/meta_print.h"

#include "log/base/check.h"
#include "log/meta/meta.pb-c.h"

#include <string.h>

static void print_message(const ProtobufCMessage *message, struct buffer *out);

static void print_bytes(const ProtobufCBinaryData *data, struct buffer *out)
{
    for (size_t i = 0; i < data->len; i++) {
        buffer_printf(out, "%02x", data->data[i]);
    }
}

/* One value of a field, which lies at `place`. */
static void print_value(const ProtobufCFieldDescriptor *field, const void *place,
                        struct buffer *out)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        buffer_printf(out, "%d", *(const int32_t *)place);
        return;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        buffer_printf(out, "%u", *(const uint32_t *)place);
        return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        buffer_printf(out, "%lld", (long long)*(const int64_t *)place);
        return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        buffer_printf(out, "%llu", (unsigned long long)*(const uint64_t *)place);
        return;
    case PROTOBUF_C_TYPE_FLOAT:
        buffer_printf(out, "%g", (double)*(const float *)place);
        return;
    case PROTOBUF_C_TYPE_DOUBLE:
        buffer_printf(out, "%g", *(const double *)place);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        buffer_add_string(out, *(const protobuf_c_boolean *)place ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_STRING:
        buffer_add_string(out, *(const char *const *)place);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        print_bytes(place, out);
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        print_message(*(const ProtobufCMessage *const *)place, out);
        return;
    }
}

static size_t size_of(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return sizeof(int32_t);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(int64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    }
    return 0;
}

static void print_list(const ProtobufCFieldDescriptor *field, const uint8_t *items, size_t count,
                       struct buffer *out)
{
    buffer_add_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        buffer_add_string(out, i > 0 ? ", " : "");
        print_value(field, items + i * size_of(field), out);
    }
    buffer_add_byte(out, ']');
}

static void print_message(const ProtobufCMessage *message, struct buffer *out)
{
    const uint8_t *base = (const uint8_t *)message;
    const char *comma = "";
    buffer_add_byte(out, '{');
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        const uint8_t *place = base + field->offset;
        size_t count = 0;
        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
            uint32_t chosen;
            memcpy(&chosen, base + field->quantifier_offset, sizeof chosen);
            if (chosen != field->id) {
                continue;
            }
        }
        buffer_printf(out, "%s%s: ", comma, field->name);
        comma = ", ";
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            const uint8_t *items;
            memcpy(&count, base + field->quantifier_offset, sizeof count);
            memcpy(&items, place, sizeof items);
            print_list(field, items, count, out);
        } else {
            print_value(field, place, out);
        }
    }
    buffer_add_byte(out, '}');
}

bool meta_print(struct bytes command, struct buffer *out)
{
    Meta__Command *read = meta__command__unpack(NULL, command.size, command.data);
    if (read == NULL) {
        return false;
    }
    print_message(&read->base, out);
    meta__command__free_unpacked(read, NULL);
    return true;
}
