/* Values that are Protocol Buffers messages, described by a compiled descriptor set:
 *
 *     { format = "protobuf", descriptor = "orders.desc", message = "shop.Order" }
 *
 * A message is seen as an object with the fields' names of the .proto. Integers are exact to 64
 * bits, enums are names (numbers when unknown), bytes base64, maps objects, what JSON has no number
 * for "NaN", "Infinity" and "-Infinity". A field that cannot be told absent from its default
 * (proto3) has it; any other is absent. Fields that the descriptor does not know are left out and
 * counted; the first one is traced.
 * Thread: that of who opened it. */
#pragma once

#include "runtime/format/value.h"

extern const struct value_ops protobuf_ops;

/* How many unknown fields were left out so far. */
uint64_t protobuf_unknown_count(const struct value_format *format);
