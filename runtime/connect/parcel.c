/* Copies records into one arena; see parcel.h. */
#include "runtime/connect/parcel.h"

#include "log/base/memory.h"

#include <stdlib.h>

static struct tidemill_bytes parcel_copy_bytes(struct arena *arena, struct tidemill_bytes bytes)
{
    if (bytes.data == NULL) {
        return bytes;
    }
    struct bytes copy = arena_copy(arena, bytes_make(bytes.data, bytes.size));
    return tidemill_bytes_make(copy.data, copy.size);
}

static const char *parcel_copy_text(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_string(arena, bytes_from_string(text));
}

static void parcel_copy_record(struct arena *arena, const struct tidemill_record *from,
                               struct tidemill_record *to)
{
    *to = *from;
    to->key = parcel_copy_bytes(arena, from->key);
    to->value = parcel_copy_bytes(arena, from->value);
    to->topic = parcel_copy_text(arena, from->topic);
    to->source_partition = parcel_copy_text(arena, from->source_partition);
    to->source_offset = parcel_copy_text(arena, from->source_offset);
    struct tidemill_header *headers =
        arena_array(arena, struct tidemill_header, from->header_count);
    for (size_t i = 0; i < from->header_count; i++) {
        headers[i].name = parcel_copy_bytes(arena, from->headers[i].name);
        headers[i].value = parcel_copy_bytes(arena, from->headers[i].value);
    }
    to->headers = headers;
}

struct parcel *parcel_new(const struct tidemill_record *records, size_t count, const char *reason)
{
    struct parcel *parcel = memory_new(struct parcel);
    arena_init(&parcel->arena, 0);
    parcel->records = arena_array(&parcel->arena, struct tidemill_record, count);
    parcel->count = count;
    for (size_t i = 0; i < count; i++) {
        parcel_copy_record(&parcel->arena, &records[i], &parcel->records[i]);
    }
    parcel->reason = parcel_copy_text(&parcel->arena, reason);
    return parcel;
}

void parcel_free(struct parcel *parcel)
{
    arena_fini(&parcel->arena);
    free(parcel);
}

size_t parcel_size(const struct parcel *parcel)
{
    return parcel->arena.used_size;
}

size_t parcel_group_end(const struct parcel *parcel, size_t first)
{
    size_t end = first;
    while (end < parcel->count && parcel->records[end].source_offset == NULL) {
        end++;
    }
    return end < parcel->count ? end + 1 : end;
}
