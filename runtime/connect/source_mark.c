/* Writes and reads the two headers of a mark; see source_mark.h. */
#include "runtime/connect/source_mark.h"

#include <string.h>

void source_mark_write(struct arena *arena, const char *connector, const char *partition,
                       const char *offset, struct batch_header out[2])
{
    const char *text = arena_printf(arena, "%s %s", connector, partition);
    out[0] = (struct batch_header){.key = BYTES_LITERAL(SOURCE_MARK_HEADER),
                                   .value = bytes_from_string(text)};
    out[1] = (struct batch_header){.key = BYTES_LITERAL(SOURCE_MARK_OFFSET_HEADER),
                                   .value = bytes_from_string(offset)};
}

bool source_mark_read(const struct batch_record *record, const char *connector,
                      struct bytes *partition, struct bytes *offset)
{
    const uint8_t *at = record->headers_encoded.data;
    const uint8_t *end = at + record->headers_encoded.size;
    struct batch_header header;
    size_t name_size = strlen(connector);
    bool has_partition = false;
    bool has_offset = false;
    for (int32_t i = 0; i < record->header_count && batch_header_next(&at, end, &header) == 1;
         i++) {
        if (bytes_equal_string(header.key, SOURCE_MARK_OFFSET_HEADER)) {
            *offset = header.value;
            has_offset = !bytes_is_null(header.value);
        } else if (bytes_equal_string(header.key, SOURCE_MARK_HEADER) &&
                   header.value.size > name_size && header.value.data[name_size] == ' ' &&
                   memcmp(header.value.data, connector, name_size) == 0) {
            *partition =
                bytes_make(header.value.data + name_size + 1, header.value.size - name_size - 1);
            has_partition = true;
        }
    }
    return has_partition && has_offset;
}
