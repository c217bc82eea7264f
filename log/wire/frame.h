/* The header in front of every request and response, and the table of APIs.
 *
 * Request headers are version 1, or 2 from an API's first flexible version on; response headers 0
 * or 1, except that ApiVersions answers with header version 0 always (KIP-511). ClientId stays an
 * int16 string in version 2.
 *
 * Thread: any. */
#pragma once

#include "log/wire/wire.h"

struct frame_request_header {
    int16_t api_key;
    int16_t api_version;
    int32_t correlation_id;
    struct bytes client_id; /* may be null */
};

/* One row per API in generated log/wire/messages.c, ordered by key. */
struct frame_api {
    const char *name; /* "Produce" */
    int16_t key;
    const struct wire_schema *request;
    const struct wire_schema *response;
};

/* NULL for an unknown key. */
const struct frame_api *frame_api_find(int16_t key);

/* `reader` stands behind the four bytes of the frame's size. An unknown API or a version outside
 * its schema is read as far as the correlation id and answered ERROR_UNSUPPORTED with `out` filled
 * that far; the caller decides. */
must_use int frame_read_request_header(struct wire_reader *reader,
                                       struct frame_request_header *out);
/* Appends size, header and message; `out` must be empty or end at a frame border. */
void frame_write_request(struct buffer *out, const struct frame_api *api,
                         const struct frame_request_header *header, const void *message);
void frame_write_response(struct buffer *out, const struct frame_api *api, int16_t version,
                          int32_t correlation_id, const void *message);
/* As frame_write_response, with records left out as wire_write_around leaves them; the frame's size
 * counts them. */
void frame_write_response_around(struct buffer *out, const struct frame_api *api, int16_t version,
                                 int32_t correlation_id, const void *message,
                                 struct wire_holes *holes);
must_use int frame_read_response_header(struct wire_reader *reader, const struct frame_api *api,
                                        int16_t version, int32_t *correlation_id);
