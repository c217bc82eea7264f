/* Record headers as they are encoded on the wire: for each a key and a value, both preceded by
 * their size as a zigzag varint; a size of -1 stands for a null value. Their count stands outside.
 * Thread: any. */
#pragma once

#include "log/base/bytes.h"
#include "log/base/check.h"

struct headers_entry {
    struct bytes key;   /* never null */
    struct bytes value; /* may be null */
};

/* Walks encoded headers: advances `*at`; 1, 0 at the end, ERROR_TRUNCATED or ERROR_MALFORMED. */
must_use int headers_next(const uint8_t **at, const uint8_t *end, struct headers_entry *out);
/* The last header with this key, as Kafka's lastHeader: 1, 0 when absent, or an error. */
must_use int headers_find(struct bytes encoded, struct bytes key, struct headers_entry *out);
/* How many there are, or an error. */
must_use int headers_count(struct bytes encoded);
void headers_append(struct buffer *encoded, struct bytes key, struct bytes value);
/* Copies all headers but those with this key; returns how many were copied, or an error. */
must_use int headers_copy_without(struct buffer *out, struct bytes encoded, struct bytes key);
