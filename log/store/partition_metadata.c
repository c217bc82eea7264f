/* Two lines of text; see partition_metadata.h. */
#include "log/store/partition_metadata.h"

#include "log/base/error.h"
#include "log/store/small_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { PARTITION_METADATA_ID_SIZE = 22 };

static const char partition_metadata_file[] = "partition.metadata";
static const char partition_metadata_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Six bits of the id, from its front; beyond its end zeros. */
static unsigned partition_metadata_bits(const struct wire_uuid *id, int index)
{
    unsigned value = 0;
    for (int bit = index * 6; bit < index * 6 + 6; bit++) {
        unsigned octet = bit / 8 < 16 ? id->octets[bit / 8] : 0;
        value = value << 1 | (octet >> (7 - bit % 8) & 1);
    }
    return value;
}

static int partition_metadata_open(struct io *io, const char *directory, int flags,
                                   struct io_file **out)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, partition_metadata_file);
    return io_file_open(io, path, flags, out);
}

int partition_metadata_write(struct io *io, const char *directory, struct wire_uuid topic_id)
{
    char id[PARTITION_METADATA_ID_SIZE + 1] = "";
    for (int i = 0; i < PARTITION_METADATA_ID_SIZE; i++) {
        id[i] = partition_metadata_letters[partition_metadata_bits(&topic_id, i)];
    }
    struct buffer text;
    buffer_init(&text);
    buffer_printf(&text, "version: 0\ntopic_id: %s\n", id);
    struct io_file *file = NULL;
    int error = partition_metadata_open(io, directory, IO_OPEN_WRITE | IO_OPEN_CREATE, &file);
    if (error == 0) {
        struct bytes part = buffer_bytes(&text);
        error = io_file_write(io, file, &part, 1, 0);
        io_file_close(io, file);
    }
    buffer_fini(&text);
    return error;
}

int partition_metadata_sync(struct io *io, const char *directory)
{
    struct io_file *file = NULL;
    int error = partition_metadata_open(io, directory, IO_OPEN_WRITE, &file);
    if (error == 0) {
        error = io_file_sync(io, file);
        io_file_close(io, file);
    }
    return error == 0 ? io_dir_sync(io, directory) : error;
}

static int partition_metadata_parse_id(struct bytes word, struct wire_uuid *out)
{
    if (word.size != PARTITION_METADATA_ID_SIZE) {
        return ERROR_CORRUPT;
    }
    struct wire_uuid id = {{0}};
    for (size_t i = 0; i < word.size; i++) {
        const char *letter = memchr(partition_metadata_letters, word.data[i], 64);
        if (letter == NULL) {
            return ERROR_CORRUPT;
        }
        unsigned value = (unsigned)(letter - partition_metadata_letters);
        for (size_t k = 0; k < 6 && i * 6 + k < 128; k++) {
            size_t bit = i * 6 + k;
            id.octets[bit / 8] |= (uint8_t)((value >> (5 - k) & 1) << (7 - bit % 8));
        }
    }
    *out = id;
    return 0;
}

static int partition_metadata_parse(struct bytes text, struct wire_uuid *out)
{
    struct bytes line;
    while (small_file_line(&text, &line)) {
        if (bytes_equal_string(small_file_word(&line), "topic_id:")) {
            return partition_metadata_parse_id(small_file_word(&line), out);
        }
    }
    return ERROR_CORRUPT;
}

int partition_metadata_read(struct io *io, const char *directory, struct wire_uuid *topic_id)
{
    struct buffer text;
    buffer_init(&text);
    int error = small_file_read(io, directory, partition_metadata_file, &text);
    if (error == 0) {
        error = partition_metadata_parse(buffer_bytes(&text), topic_id);
    }
    buffer_fini(&text);
    return error;
}
