/* Feeds bytes to the codec as any message.
 *
 *      0  2  API key; -1 - n stands for the n-th stored record
 *      2  1  bit 0: a request
 *      3  2  version
 *      5     the message
 *
 * Promises: reading stays inside the bytes and costs memory in proportion to them; what could be
 * read can be measured, printed, written, and read again as the same message. */
#include "log/base/endian.h"
#include "log/wire/messages.h"
#include "tests/fuzz/fuzz.h"

enum {
    FUZZ_PREFIX_SIZE = 5,
    /* Four arrays deep, each element as large as the largest struct, for every byte of input. */
    FUZZ_MEMORY_FACTOR = 4 * 256,
    FUZZ_MEMORY_MIN = 4096,
};

static const struct wire_schema *fuzz_find_record(int index)
{
    for (int i = 0; i < WIRE_SCHEMA_COUNT; i++) {
        if (wire_schemas[i]->key < 0 && index-- == 0) {
            return wire_schemas[i];
        }
    }
    return NULL;
}

static const struct wire_schema *fuzz_find_schema(int16_t key, bool is_request)
{
    if (key < 0) {
        return fuzz_find_record(-1 - key);
    }
    const struct frame_api *api = frame_api_find(key);
    return api == NULL ? NULL : is_request ? api->request : api->response;
}

static void fuzz_read_again(const struct wire_schema *schema, int16_t version, const void *message,
                            struct bytes written)
{
    struct arena arena;
    struct wire_reader reader = {written.data, written.data + written.size};
    arena_init(&arena, 0);
    void *again = arena_get(&arena, schema->size);
    int error = wire_read(&reader, schema, version, &arena, again);
    check(error == 0);
    check(reader.at == reader.end);
    check(wire_equal(schema, version, message, again));
    arena_fini(&arena);
}

static void fuzz_write(const struct wire_schema *schema, int16_t version, const void *message)
{
    struct buffer out;
    buffer_init(&out);
    wire_print(&out, schema, version, message);
    buffer_clear(&out);
    wire_write(&out, schema, version, message);
    check(out.size == wire_size(schema, version, message));
    fuzz_read_again(schema, version, message, buffer_bytes(&out));
    buffer_fini(&out);
}

static void fuzz_header(const uint8_t *data, size_t size)
{
    struct wire_reader reader = {data, data + size};
    struct frame_request_header header;
    if (frame_read_request_header(&reader, &header) == 0) {
        check(reader.at <= reader.end);
        check(frame_api_find(header.api_key) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_header(data, size);
    if (size < FUZZ_PREFIX_SIZE) {
        return 0;
    }
    const struct wire_schema *schema = fuzz_find_schema(endian_read_i16(data), data[2] & 1);
    if (schema == NULL) {
        return 0;
    }
    int16_t version = endian_read_i16(data + 3);
    struct wire_reader reader = {data + FUZZ_PREFIX_SIZE, data + size};
    struct arena arena;
    arena_init(&arena, 0);
    void *message = arena_get(&arena, schema->size);
    int error = wire_read(&reader, schema, version, &arena, message);
    check(reader.at <= reader.end);
    check(arena.used_size <= size * FUZZ_MEMORY_FACTOR + FUZZ_MEMORY_MIN);
    if (error == 0) {
        fuzz_write(schema, version, message);
    }
    arena_fini(&arena);
    return 0;
}
