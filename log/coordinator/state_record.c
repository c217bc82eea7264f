/* See state_record.h. */
#include "log/coordinator/state_record.h"

#include "log/base/endian.h"
#include "log/base/error.h"

enum { STATE_RECORD_VERSION_SIZE = 2 };

int state_record_read(struct bytes bytes, const struct wire_schema *schema, struct arena *arena,
                      void *out)
{
    if (bytes.size < STATE_RECORD_VERSION_SIZE) {
        return ERROR_CORRUPT;
    }
    int16_t version = endian_read_i16(bytes.data);
    struct wire_reader reader = {.at = bytes.data + STATE_RECORD_VERSION_SIZE,
                                 .end = bytes.data + bytes.size};
    if (version > schema->highest && schema->highest >= schema->flexible) {
        version = schema->highest;
    }
    return wire_read(&reader, schema, version, arena, out) == 0 ? 0 : ERROR_CORRUPT;
}

void state_record_write(struct buffer *out, const struct wire_schema *schema, int16_t version,
                        const void *message)
{
    endian_write_i16(buffer_reserve(out, STATE_RECORD_VERSION_SIZE), version);
    out->size += STATE_RECORD_VERSION_SIZE;
    wire_write(out, schema, version, message);
}

void state_record_add(struct batch_builder *builder, int64_t now_ms, struct state_record_part key,
                      struct state_record_part value)
{
    struct buffer key_bytes;
    struct buffer value_bytes;
    buffer_init(&key_bytes);
    buffer_init(&value_bytes);
    state_record_write(&key_bytes, key.schema, key.version, key.message);
    if (value.message != NULL) {
        state_record_write(&value_bytes, value.schema, value.version, value.message);
    }
    batch_builder_add(builder, now_ms, buffer_bytes(&key_bytes),
                      value.message == NULL ? (struct bytes){0} : buffer_bytes(&value_bytes), NULL,
                      0);
    buffer_fini(&key_bytes);
    buffer_fini(&value_bytes);
}
