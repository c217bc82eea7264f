/* What a value says, as JSON tokens, made when somebody asks and kept for those who ask again.
 *
 * Owns:   the tokens and the JSON text of a value that is not JSON itself; reused from value to
 *         value. A value that is JSON is borrowed.
 * Keeps:  after decoded_read returned 0, `json` holds the tokens until the next decoded_clear or
 *         another value is read.
 * Thread: the owner's. */
#pragma once

#include "runtime/format/value.h"

struct decoded {
    struct json json;
    struct report report; /* after a failure: "the value is not JSON: … at byte 7" */
    /* The rest is the reader's own. */
    const struct value_format *format;
    struct bytes value;
    struct buffer text;
    bool has_text;
    bool is_parsed;
};

void decoded_init(struct decoded *decoded);
void decoded_fini(struct decoded *decoded);
/* Another value may lie at the address of the last one from now on. */
void decoded_clear(struct decoded *decoded);
/* The value, not null, as JSON text: itself, or borrowed from `decoded`. 0, or an error with the
 * report filled. */
must_use int decoded_text(struct decoded *decoded, const struct value_format *format,
                          struct bytes value, struct bytes *out);
/* The same as tokens, in decoded->json. Does nothing when it holds this value at this address. */
must_use int decoded_read(struct decoded *decoded, const struct value_format *format,
                          struct bytes value);
/* Whether a value of one format has the same bytes in another. */
bool decoded_is_same(const struct value_format *from, const struct value_format *to,
                     struct bytes value);
/* Appends a value of one format in another, in which its bytes differ. A string becomes the JSON
 * string of it, a JSON string its content. 0, or an error with the report filled. */
must_use int decoded_convert(struct decoded *decoded, const struct value_format *from,
                             const struct value_format *to, struct bytes value, struct buffer *out);
