/* Copies records into one arena; see bundle.h. */
#include "runtime/connect/bundle.h"

#include "log/base/memory.h"

#include <stdlib.h>

static struct tidemill_bytes bundle_copy_bytes(struct arena *arena, struct tidemill_bytes bytes)
{
    if (bytes.data == NULL) {
        return bytes;
    }
    struct bytes copy = arena_copy(arena, bytes_make(bytes.data, bytes.size));
    return tidemill_bytes_make(copy.data, copy.size);
}

static const char *bundle_copy_text(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_string(arena, bytes_from_string(text));
}

static void bundle_copy_record(struct arena *arena, const struct tidemill_record *from,
                               struct tidemill_record *to)
{
    *to = *from;
    to->key = bundle_copy_bytes(arena, from->key);
    to->value = bundle_copy_bytes(arena, from->value);
    to->topic = bundle_copy_text(arena, from->topic);
    to->source_partition = bundle_copy_text(arena, from->source_partition);
    to->source_offset = bundle_copy_text(arena, from->source_offset);
    struct tidemill_header *headers =
        arena_array(arena, struct tidemill_header, from->header_count);
    for (size_t i = 0; i < from->header_count; i++) {
        headers[i].name = bundle_copy_bytes(arena, from->headers[i].name);
        headers[i].value = bundle_copy_bytes(arena, from->headers[i].value);
    }
    to->headers = headers;
}

struct bundle *bundle_new(const struct tidemill_record *records, size_t count, const char *reason)
{
    struct bundle *bundle = memory_new(struct bundle);
    arena_init(&bundle->arena, 0);
    bundle->records = arena_array(&bundle->arena, struct tidemill_record, count);
    bundle->count = count;
    for (size_t i = 0; i < count; i++) {
        bundle_copy_record(&bundle->arena, &records[i], &bundle->records[i]);
    }
    bundle->reason = bundle_copy_text(&bundle->arena, reason);
    bundle->size = bundle->arena.used_size;
    return bundle;
}

void bundle_free(struct bundle *bundle)
{
    arena_fini(&bundle->arena);
    free(bundle);
}

size_t bundle_group_end(const struct bundle *bundle, size_t first)
{
    size_t end = first;
    while (end < bundle->count && bundle->records[end].source_offset == NULL) {
        end++;
    }
    return end < bundle->count ? end + 1 : end;
}
