/* The wire format of Protocol Buffers: fields one after the other.
 *
 * Groups (of proto2, long out of use) are not read.
 * Thread: any.
 * Source: protobuf.dev, "Encoding". */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

enum proto_wire_kind {
    PROTO_WIRE_VARINT = 0,
    PROTO_WIRE_FIXED64 = 1,
    PROTO_WIRE_BYTES = 2,
    PROTO_WIRE_FIXED32 = 5,
};

struct proto_wire_field {
    uint32_t number;
    enum proto_wire_kind kind;
    uint64_t integer;   /* of a varint or a fixed one */
    struct bytes bytes; /* borrowed */
};

/* Takes one from the front: 1, 0 at the end, ERROR_TRUNCATED or ERROR_MALFORMED. */
must_use int proto_wire_next(struct bytes *input, struct proto_wire_field *out);
/* The value alone, as in a packed list: 0 or an error. */
must_use int proto_wire_value(struct bytes *input, enum proto_wire_kind kind,
                              struct proto_wire_field *out);

void proto_wire_put_varint(struct buffer *out, uint64_t value);
void proto_wire_put_value(struct buffer *out, enum proto_wire_kind kind, uint64_t integer);
void proto_wire_put_tag(struct buffer *out, uint32_t number, enum proto_wire_kind kind);
/* A whole field of bytes. */
void proto_wire_put_bytes(struct buffer *out, uint32_t number, struct bytes bytes);
