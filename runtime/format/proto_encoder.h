/* JSON written as messages of Protocol Buffers.
 *
 * Thread: any. */
#pragma once

#include "runtime/format/json.h"
#include "runtime/format/proto_schema.h"

/* Appends an object as a message, fields in the order of their numbers. 0, or ERROR_INVALID with
 * the report saying which field of which message is wrong. */
must_use int proto_encoder_write(const struct proto_schema_message *message,
                                 const struct json *json, uint32_t object, struct buffer *out,
                                 struct report *report);
