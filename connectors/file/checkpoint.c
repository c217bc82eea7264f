/* The saved offset of a stream, written and read as JSON. See checkpoint.h. */
#include "connectors/file/checkpoint.h"

#include "connectors/shared/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROTATED_MAX = 1000 };

static void write_members(const struct generation *generation, struct builder *out)
{
    char text[320];
    int size = snprintf(
        text, sizeof text,
        "\"offset\":%lld,\"inode\":%llu,\"device\":%llu,\"head_size\":%lld,"
        "\"head_hash\":\"%016llx\",\"tail_hash\":\"%016llx\",\"line\":%lld,"
        "\"modified\":%lld%s",
        (long long)generation->position, (unsigned long long)generation->inode,
        (unsigned long long)generation->device, (long long)generation->mark.head_size,
        (unsigned long long)generation->mark.head_hash,
        (unsigned long long)generation->mark.tail_hash, (long long)generation->line_count,
        (long long)generation->modified_ms, generation->is_skipping ? ",\"skipping\":true" : "");
    builder_add(out, text, (size_t)size);
}

void checkpoint_write(const struct stream *stream, struct builder *out)
{
    const struct generation *current = stream_current(stream);
    const char *before = ",\"rotated\":[{";
    builder_add_byte(out, '{');
    write_members(current, out);
    for (size_t i = 0; i < stream->count && stream->generations[i] != current; i++) {
        if (stream->generations[i]->has_begun) {
            builder_add_text(out, before);
            write_members(stream->generations[i], out);
            builder_add_byte(out, '}');
            before = ",{";
        }
    }
    builder_add_text(out, before[1] == '{' ? "]}" : "}");
}

/* Inodes of some file systems use all 64 bits. */
static uint64_t read_unsigned(struct json_value object, const char *name)
{
    struct json_value value;
    return json_find(object, name, &value) && value.type == JSON_NUMBER
               ? strtoull(value.text, NULL, 10)
               : 0;
}

static uint64_t read_hash(struct json_value object, const char *name)
{
    struct json_value value;
    return json_find(object, name, &value) && value.type == JSON_STRING
               ? strtoull(value.text + 1, NULL, 16)
               : 0;
}

static struct generation *read_generation(struct json_value object, const char *path)
{
    int64_t position = json_find_integer(object, "offset", -1);
    if (position < 0) {
        return NULL;
    }
    struct json_value skipping;
    struct generation *generation = generation_new(path, -1);
    generation->position = position;
    generation->inode = read_unsigned(object, "inode");
    generation->device = read_unsigned(object, "device");
    generation->line_count = json_find_integer(object, "line", 0);
    generation->modified_ms = json_find_integer(object, "modified", -1);
    generation->is_skipping =
        json_find(object, "skipping", &skipping) && strncmp(skipping.text, "true", 4) == 0;
    generation->mark.head_size = json_find_integer(object, "head_size", -1);
    generation->mark.head_hash = read_hash(object, "head_hash");
    generation->mark.tail_hash = read_hash(object, "tail_hash");
    generation->has_begun = true;
    return generation;
}

static void read_rotated(struct json_value object, struct stream *stream)
{
    struct json_value list;
    struct json_value item;
    if (!json_find(object, "rotated", &list) || list.type != JSON_ARRAY) {
        return;
    }
    struct json_cursor cursor = json_start(list);
    while (stream->count < ROTATED_MAX && json_next(&cursor, NULL, &item)) {
        struct generation *generation = read_generation(item, stream->path);
        if (generation != NULL) {
            generation->is_rotated = true;
            stream_add(stream, generation);
        }
    }
}

bool checkpoint_read(const char *source_offset, struct stream *stream)
{
    struct json_value object;
    if (!json_parse(source_offset, strlen(source_offset), &object)) {
        return false;
    }
    struct generation *current = read_generation(object, stream->path);
    if (current == NULL) {
        return false;
    }
    read_rotated(object, stream);
    stream_add(stream, current);
    return true;
}

char *checkpoint_read_path(const char *source_partition)
{
    struct json_value object;
    struct json_value path;
    if (!json_parse(source_partition, strlen(source_partition), &object) ||
        !json_find(object, "path", &path) || path.type != JSON_STRING) {
        return NULL;
    }
    struct builder text = {.data = NULL};
    json_decode(path, &text);
    char *copy = builder_copy(builder_text(&text));
    builder_fini(&text);
    return copy;
}
