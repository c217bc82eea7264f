/* Fields of Protocol Buffers; see proto_wire.h. */
#include "runtime/format/proto_wire.h"

#include "log/base/error.h"

static struct bytes skip(struct bytes input, size_t size)
{
    return bytes_make(input.data + size, input.size - size);
}

static int read_varint(struct bytes *input, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 10; i++) {
        if (i == input->size) {
            return ERROR_TRUNCATED;
        }
        uint8_t byte = input->data[i];
        if (i == 9 && byte > 1) {
            return ERROR_MALFORMED;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            *out = value;
            *input = skip(*input, i + 1);
            return 0;
        }
    }
    return ERROR_MALFORMED;
}

static int read_fixed(struct bytes *input, size_t size, uint64_t *out)
{
    if (input->size < size) {
        return ERROR_TRUNCATED;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value |= (uint64_t)input->data[i] << (8 * i);
    }
    *out = value;
    *input = skip(*input, size);
    return 0;
}

static int read_bytes(struct bytes *input, struct bytes *out)
{
    uint64_t size = 0;
    int error = read_varint(input, &size);
    if (error != 0) {
        return error;
    }
    if (size > input->size) {
        return ERROR_TRUNCATED;
    }
    *out = bytes_make(input->data, (size_t)size);
    *input = skip(*input, (size_t)size);
    return 0;
}

int proto_wire_value(struct bytes *input, enum proto_wire_kind kind, struct proto_wire_field *out)
{
    switch (kind) {
    case PROTO_WIRE_VARINT:
        return read_varint(input, &out->integer);
    case PROTO_WIRE_FIXED64:
        return read_fixed(input, 8, &out->integer);
    case PROTO_WIRE_BYTES:
        return read_bytes(input, &out->bytes);
    case PROTO_WIRE_FIXED32:
        return read_fixed(input, 4, &out->integer);
    }
    return ERROR_MALFORMED;
}

int proto_wire_next(struct bytes *input, struct proto_wire_field *out)
{
    uint64_t tag = 0;
    *out = (struct proto_wire_field){0};
    if (input->size == 0) {
        return 0;
    }
    int error = read_varint(input, &tag);
    if (error != 0) {
        return error;
    }
    if (tag >> 3 == 0 || tag >> 3 >= UINT32_C(1) << 29) {
        return ERROR_MALFORMED;
    }
    out->number = (uint32_t)(tag >> 3);
    out->kind = (enum proto_wire_kind)(tag & 7);
    error = proto_wire_value(input, out->kind, out);
    return error == 0 ? 1 : error;
}

void proto_wire_put_varint(struct buffer *out, uint64_t value)
{
    while (value >= 0x80) {
        buffer_add_byte(out, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    buffer_add_byte(out, (uint8_t)value);
}

void proto_wire_put_value(struct buffer *out, enum proto_wire_kind kind, uint64_t integer)
{
    check(kind != PROTO_WIRE_BYTES);
    if (kind == PROTO_WIRE_VARINT) {
        proto_wire_put_varint(out, integer);
        return;
    }
    for (int i = 0; i < (kind == PROTO_WIRE_FIXED64 ? 8 : 4); i++) {
        buffer_add_byte(out, (uint8_t)(integer >> (8 * i)));
    }
}

void proto_wire_put_tag(struct buffer *out, uint32_t number, enum proto_wire_kind kind)
{
    proto_wire_put_varint(out, (uint64_t)number << 3 | (uint64_t)kind);
}

void proto_wire_put_bytes(struct buffer *out, uint32_t number, struct bytes bytes)
{
    proto_wire_put_tag(out, number, PROTO_WIRE_BYTES);
    proto_wire_put_varint(out, bytes.size);
    buffer_add_bytes(out, bytes);
}
