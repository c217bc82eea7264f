/* Writes, reads and sends frames; see relay.h. */
#include "runtime/admin/relay.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>

enum { KIND_AT = 4, NUMBER_AT = 5, STATUS_AT = 13, COUNT_AT = 17, HEAD_SIZE = 18, PART_HEAD = 4 };

int relay_write(const struct relay_frame *frame, struct buffer *out)
{
    uint8_t head[HEAD_SIZE];
    size_t size = HEAD_SIZE;
    check(frame->part_count <= RELAY_PART_MAX);
    for (size_t i = 0; i < frame->part_count; i++) {
        if (frame->parts[i].size > RELAY_SIZE_MAX - PART_HEAD ||
            size > RELAY_SIZE_MAX - PART_HEAD - frame->parts[i].size) {
            return ERROR_TOO_LARGE;
        }
        size += PART_HEAD + frame->parts[i].size;
    }
    endian_write_u32(head, (uint32_t)(size - KIND_AT));
    head[KIND_AT] = frame->kind;
    endian_write_u64(head + NUMBER_AT, frame->number);
    endian_write_u32(head + STATUS_AT, frame->status);
    head[COUNT_AT] = (uint8_t)frame->part_count;
    buffer_add(out, head, sizeof head);
    for (size_t i = 0; i < frame->part_count; i++) {
        uint8_t part[PART_HEAD];
        endian_write_u32(part, (uint32_t)frame->parts[i].size);
        buffer_add(out, part, sizeof part);
        buffer_add_bytes(out, frame->parts[i]);
    }
    return 0;
}

/* The parts fill the frame to its end. */
static int relay_read_parts(struct bytes from, struct relay_frame *frame)
{
    size_t at = HEAD_SIZE;
    for (size_t i = 0; i < frame->part_count; i++) {
        if (from.size - at < PART_HEAD) {
            return ERROR_MALFORMED;
        }
        size_t size = endian_read_u32(from.data + at);
        at += PART_HEAD;
        if (from.size - at < size) {
            return ERROR_MALFORMED;
        }
        frame->parts[i] = bytes_make(from.data + at, size);
        at += size;
    }
    return at == from.size ? 0 : ERROR_MALFORMED;
}

int64_t relay_read(struct bytes from, struct relay_frame *out)
{
    if (from.size < KIND_AT) {
        return 0;
    }
    size_t size = endian_read_u32(from.data);
    if (size > RELAY_SIZE_MAX - KIND_AT) {
        return ERROR_TOO_LARGE;
    }
    size += KIND_AT;
    if (size < HEAD_SIZE) {
        return ERROR_MALFORMED;
    }
    if (from.size < size) {
        return 0;
    }
    struct relay_frame frame = {.kind = from.data[KIND_AT],
                                .number = endian_read_u64(from.data + NUMBER_AT),
                                .status = endian_read_u32(from.data + STATUS_AT),
                                .part_count = from.data[COUNT_AT]};
    if (frame.part_count > RELAY_PART_MAX) {
        return ERROR_MALFORMED;
    }
    int error = relay_read_parts(bytes_make(from.data, size), &frame);
    if (error != 0) {
        return error;
    }
    *out = frame;
    return (int64_t)size;
}

static void relay_on_data(void *owner, const uint8_t *data, size_t size)
{
    struct relay *relay = owner;
    struct relay_frame frame;
    size_t used = 0;
    int64_t read = 1;
    buffer_add(&relay->arrived, data, size);
    while (read > 0 && relay->stream != NULL) {
        struct bytes all = buffer_bytes(&relay->arrived);
        read = relay_read(bytes_make(all.data + used, all.size - used), &frame);
        if (read > 0) {
            used += (size_t)read;
            relay->events->arrived(relay->owner, &frame);
        }
    }
    buffer_remove(&relay->arrived, used);
    if (read < 0) {
        relay_close(relay);
    }
}

static void relay_on_closed(void *owner, int reason)
{
    (void)reason;
    struct relay *relay = owner;
    relay->stream = NULL;
    buffer_fini(&relay->arrived);
    relay->events->closed(relay->owner);
}

void relay_open(struct relay *relay, struct io *io, struct io_stream *stream,
                const struct relay_events *events, void *owner)
{
    static const struct io_stream_events stream_events = {.data = relay_on_data,
                                                          .closed = relay_on_closed};
    *relay = (struct relay){.io = io, .stream = stream, .events = events, .owner = owner};
    buffer_init(&relay->arrived);
    io_stream_watch(io, stream, &stream_events, relay);
}

/* One frame on its way. */
struct relay_sending {
    struct relay *relay;
    struct io_request request;
    struct buffer bytes;
};

static void relay_on_sent(struct io_request *request, int64_t result)
{
    (void)result; /* `closed` tells */
    struct relay_sending *sending = request->owner;
    sending->relay->sending_count--;
    buffer_fini(&sending->bytes);
    free(sending);
}

int relay_send(struct relay *relay, const struct relay_frame *frame)
{
    if (relay->stream == NULL) {
        return 0;
    }
    struct relay_sending *sending = memory_new(struct relay_sending);
    sending->relay = relay;
    buffer_init(&sending->bytes);
    int error = relay_write(frame, &sending->bytes);
    if (error != 0) {
        buffer_fini(&sending->bytes);
        free(sending);
        return error;
    }
    sending->request = (struct io_request){.done = relay_on_sent, .owner = sending};
    struct bytes bytes = buffer_bytes(&sending->bytes);
    relay->sending_count++;
    io_stream_write(relay->io, &sending->request, relay->stream, &bytes, 1);
    return 0;
}

char *relay_text(const struct relay_frame *frame, size_t part)
{
    return bytes_to_string(part < frame->part_count ? frame->parts[part] : bytes_make("", 0));
}

void relay_close(struct relay *relay)
{
    if (relay->stream != NULL) {
        io_stream_close(relay->io, relay->stream);
    }
}
