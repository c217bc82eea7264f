/* A record as one JSON object, for people who look at it.
 *
 *     {"topic":"a","partition":0,"offset":7,"ts":1764000000000,"key":"k","value":{"n":1},
 *      "headers":[["name","value"]],"window_start":…,"window_end":…}
 *
 * What is not there is left out: a topic or an offset of what was not read from one, a time of -1,
 * headers. A key or a value is null, a string, what its format says it is, or, where bytes are no
 * text, {"base64":"…"}. A value that its format cannot read is shown as bytes. Thread: any. */
#pragma once

#include "runtime/format/record.h"

void record_json_write(struct buffer *out, const struct record *record);
/* The same without the braces, for more members in front or behind. */
void record_json_write_members(struct buffer *out, const struct record *record);
/* Bytes as a string, or as {"base64":"…"}; null as null. */
void record_json_write_bytes(struct buffer *out, struct bytes bytes);
