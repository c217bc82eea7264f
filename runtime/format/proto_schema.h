/* The types in a compiled descriptor set, as `protoc --include_imports --descriptor_set_out` writes
 * it: messages, their fields, enums.
 *
 * Owns:   everything it points to.
 * Keeps:  (1) the fields of a message are in the order of their numbers, which are unique;
 *         (2) a field of a message or an enum type has it: every name was found.
 * Thread: any, once read.
 * Source: google/protobuf/descriptor.proto. */
#pragma once

#include "log/base/arena.h"
#include "log/base/check.h"
#include "log/base/report.h"
#include "runtime/format/proto_wire.h"

/* FieldDescriptorProto.Type. */
enum proto_schema_type {
    PROTO_SCHEMA_DOUBLE = 1,
    PROTO_SCHEMA_FLOAT,
    PROTO_SCHEMA_INT64,
    PROTO_SCHEMA_UINT64,
    PROTO_SCHEMA_INT32,
    PROTO_SCHEMA_FIXED64,
    PROTO_SCHEMA_FIXED32,
    PROTO_SCHEMA_BOOL,
    PROTO_SCHEMA_STRING,
    PROTO_SCHEMA_GROUP,
    PROTO_SCHEMA_MESSAGE,
    PROTO_SCHEMA_BYTES,
    PROTO_SCHEMA_UINT32,
    PROTO_SCHEMA_ENUM,
    PROTO_SCHEMA_SFIXED32,
    PROTO_SCHEMA_SFIXED64,
    PROTO_SCHEMA_SINT32,
    PROTO_SCHEMA_SINT64,
};

struct proto_schema_enum {
    const char *name; /* with its package */
    struct proto_schema_value *values;
    size_t value_count;
    struct proto_schema_enum *next;
};

struct proto_schema_value {
    const char *name;
    int32_t number;
};

struct proto_schema_field {
    const char *name;
    uint32_t number;
    enum proto_schema_type type;
    bool is_repeated;
    bool is_packed;    /* written as one list; both ways are read */
    bool has_presence; /* absent differs from the default */
    int oneof;         /* -1: in none */
    const char *type_name;
    const struct proto_schema_message *message;
    const struct proto_schema_enum *enumeration;
};

struct proto_schema_message {
    const char *name; /* with its package */
    struct proto_schema_field *fields;
    uint32_t field_count;
    bool is_map_entry; /* of a map: key 1, value 2 */
    struct proto_schema_message *next;
};

struct proto_schema {
    struct arena arena;
    struct proto_schema_message *messages;
    struct proto_schema_enum *enums;
};

/* 0, or ERROR_INVALID with the report filled; call proto_schema_fini in either case. */
must_use int proto_schema_init(struct proto_schema *schema, struct bytes descriptor_set,
                               struct report *report);
void proto_schema_fini(struct proto_schema *schema);
/* NULL when there is none. */
const struct proto_schema_message *proto_schema_find(const struct proto_schema *schema,
                                                     const char *name);
const struct proto_schema_field *proto_schema_field(const struct proto_schema_message *message,
                                                    uint32_t number);
/* How a single value of the type is written. */
enum proto_wire_kind proto_schema_kind(enum proto_schema_type type);
