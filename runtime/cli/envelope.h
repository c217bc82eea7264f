/* One consumed record as people and programs want to see it: -J and the parts -f shares with it.
 *
 * Thread: any. */
#pragma once

#include "log/wire/batch.h"

struct envelope {
    const char *topic;
    int32_t partition;
    int32_t broker_id; /* -1: not known */
    bool is_append_time;
    const struct batch_record *record;
    /* What -f prints of key and value; NULL: as they are. */
    const struct bytes *key_text;
    const struct bytes *value_text;
};

/* Appends the JSON object of kcat -J, without the end of the line. Bytes that are not UTF-8 become
 * U+FFFD. */
void envelope_write_json(const struct envelope *envelope, struct buffer *out);
/* ["name","value",…], with null values. */
void envelope_write_json_headers(const struct batch_record *record, struct buffer *out);
/* Appends n=v,n=v with `between` for the equals sign and `separator` for the comma. */
void envelope_write_headers(const struct batch_record *record, const char *between,
                            const char *separator, const char *null_text, struct buffer *out);
/* Appends text for a terminal: control characters are escaped; null is NULL. */
void envelope_write_text(struct bytes text, struct buffer *out);
/* Appends a JSON list of the lines of a text. */
void envelope_write_json_lines(struct bytes lines, struct buffer *out);
/* Appends a JSON string, or null. */
void envelope_write_json_string(struct bytes text, struct buffer *out);
