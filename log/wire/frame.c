/* Request and response headers around messages; see frame.h.
 *
 *      request    size 4 | key 2 | version 2 | correlation id 4 | client id | tags from header v2
 *      response   size 4 | correlation id 4 | tags from header v1
 */
#include "log/wire/frame.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/wire/messages.h"
#include "log/wire/wire_field.h"

enum {
    FRAME_SIZE_SIZE = 4,
    FRAME_FIXED_SIZE = 8, /* of a request header: key, version, correlation id */
};

const struct frame_api *frame_api_find(int16_t key)
{
    for (int i = 0; i < FRAME_API_COUNT; i++) {
        if (frame_apis[i].key == key) {
            return &frame_apis[i];
        }
    }
    return NULL;
}

/* A client reads the answer to its first request before it knows our versions, so the header of
 * that answer never changes (KIP-511). */
static bool frame_response_has_tags(const struct frame_api *api, int16_t version)
{
    return api->key != API_API_VERSIONS && version >= api->response->flexible;
}

static int frame_read_client_id(struct wire_reader *reader, struct bytes *out)
{
    if (reader->end - reader->at < 2) {
        return ERROR_TRUNCATED;
    }
    int16_t length = endian_read_i16(reader->at);
    if (length < -1) {
        return ERROR_MALFORMED;
    }
    if (length > reader->end - reader->at - 2) {
        return ERROR_TRUNCATED;
    }
    reader->at += 2;
    *out = length < 0 ? (struct bytes){NULL, 0} : bytes_make(reader->at, (size_t)length);
    reader->at += length < 0 ? 0 : length;
    return 0;
}

int frame_read_request_header(struct wire_reader *reader, struct frame_request_header *out)
{
    if (reader->end - reader->at < FRAME_FIXED_SIZE) {
        return ERROR_TRUNCATED;
    }
    struct frame_request_header header = {
        .api_key = endian_read_i16(reader->at),
        .api_version = endian_read_i16(reader->at + 2),
        .correlation_id = endian_read_i32(reader->at + 4),
    };
    reader->at += FRAME_FIXED_SIZE;
    const struct frame_api *api = frame_api_find(header.api_key);
    if (api == NULL || header.api_version < api->request->lowest ||
        header.api_version > api->request->highest) {
        *out = header;
        return ERROR_UNSUPPORTED;
    }
    int error = frame_read_client_id(reader, &header.client_id);
    if (error == 0 && header.api_version >= api->request->flexible) {
        error = wire_skip_tags(reader);
    }
    if (error == 0) {
        *out = header;
    }
    return error;
}

static void frame_add_i16(struct buffer *out, int16_t value)
{
    endian_write_i16(buffer_reserve(out, sizeof value), value);
    out->size += sizeof value;
}

static void frame_add_i32(struct buffer *out, int32_t value)
{
    endian_write_i32(buffer_reserve(out, sizeof value), value);
    out->size += sizeof value;
}

/* Leaves room for the size; frame_end fills it in. */
static size_t frame_begin(struct buffer *out)
{
    frame_add_i32(out, 0);
    return out->size;
}

static void frame_end(struct buffer *out, size_t start, size_t left_out_size)
{
    size_t size = out->size - start + left_out_size;
    check(size <= INT32_MAX);
    endian_write_i32(out->data + start - FRAME_SIZE_SIZE, (int32_t)size);
}

void frame_write_request(struct buffer *out, const struct frame_api *api,
                         const struct frame_request_header *header, const void *message)
{
    check(header->api_key == api->key);
    check(header->client_id.size <= WIRE_STRING_SIZE_MAX);
    size_t start = frame_begin(out);
    frame_add_i16(out, header->api_key);
    frame_add_i16(out, header->api_version);
    frame_add_i32(out, header->correlation_id);
    bool is_null = bytes_is_null(header->client_id);
    frame_add_i16(out, is_null ? -1 : (int16_t)header->client_id.size);
    buffer_add_bytes(out, header->client_id);
    if (header->api_version >= api->request->flexible) {
        buffer_add_byte(out, 0);
    }
    wire_write(out, api->request, header->api_version, message);
    frame_end(out, start, 0);
}

static size_t frame_begin_response(struct buffer *out, const struct frame_api *api, int16_t version,
                                   int32_t correlation_id)
{
    size_t start = frame_begin(out);
    frame_add_i32(out, correlation_id);
    if (frame_response_has_tags(api, version)) {
        buffer_add_byte(out, 0);
    }
    return start;
}

void frame_write_response(struct buffer *out, const struct frame_api *api, int16_t version,
                          int32_t correlation_id, const void *message)
{
    size_t start = frame_begin_response(out, api, version, correlation_id);
    wire_write(out, api->response, version, message);
    frame_end(out, start, 0);
}

void frame_write_response_around(struct buffer *out, const struct frame_api *api, int16_t version,
                                 int32_t correlation_id, const void *message,
                                 struct wire_holes *holes)
{
    size_t start = frame_begin_response(out, api, version, correlation_id);
    wire_write_around(out, api->response, version, message, holes);
    frame_end(out, start, holes->size);
}

int frame_read_response_header(struct wire_reader *reader, const struct frame_api *api,
                               int16_t version, int32_t *correlation_id)
{
    if (reader->end - reader->at < 4) {
        return ERROR_TRUNCATED;
    }
    int32_t id = endian_read_i32(reader->at);
    reader->at += 4;
    int error = frame_response_has_tags(api, version) ? wire_skip_tags(reader) : 0;
    if (error == 0) {
        *correlation_id = id;
    }
    return error;
}
