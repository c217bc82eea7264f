/* See file_dump.h. A row of the table per kind of file. */
#include "runtime/cli/file_dump.h"

#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/text.h"

#include <string.h>

enum {
    OFFSET_DIGITS = 20,
    INDEX_SIZE = 8,
    TIME_SIZE = 12,
    ABORTED_SIZE = 34,
    SNAPSHOT_HEAD_SIZE = 10,
    SNAPSHOT_ROW_SIZE = 46,
};

/* One kind: `print` appends what the bytes say; NULL, or what follows no format. */
struct file_kind {
    const char *name; /* the whole name; NULL: a suffix behind an offset */
    const char *suffix;
    const char *(*print)(int64_t base_offset, struct bytes content, struct dump_writer *writer);
};

static const char *print_index(int64_t base_offset, struct bytes content,
                               struct dump_writer *writer)
{
    for (size_t at = 0; at + INDEX_SIZE <= content.size; at += INDEX_SIZE) {
        dump_writer_open_entry(writer);
        dump_writer_add_number(writer, "offset", base_offset + endian_read_u32(content.data + at));
        dump_writer_add_number(writer, "position", endian_read_u32(content.data + at + 4));
        dump_writer_close_entry(writer);
    }
    return content.size % INDEX_SIZE == 0 ? NULL : "the last entry is torn";
}

static const char *print_times(int64_t base_offset, struct bytes content,
                               struct dump_writer *writer)
{
    for (size_t at = 0; at + TIME_SIZE <= content.size; at += TIME_SIZE) {
        dump_writer_open_entry(writer);
        dump_writer_add_number(writer, "timestamp", (int64_t)endian_read_u64(content.data + at));
        dump_writer_add_number(writer, "offset",
                               base_offset + endian_read_u32(content.data + at + 8));
        dump_writer_close_entry(writer);
    }
    return content.size % TIME_SIZE == 0 ? NULL : "the last entry is torn";
}

static const char *print_aborted(int64_t base_offset, struct bytes content,
                                 struct dump_writer *writer)
{
    static const char *const names[] = {"producerId", "firstOffset", "lastOffset",
                                        "lastStableOffset"};
    (void)base_offset;
    for (size_t at = 0; at + ABORTED_SIZE <= content.size; at += ABORTED_SIZE) {
        const uint8_t *row = content.data + at;
        dump_writer_open_entry(writer);
        dump_writer_add_number(writer, "version", endian_read_i16(row));
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            dump_writer_add_number(writer, names[i], (int64_t)endian_read_u64(row + 2 + 8 * i));
        }
        dump_writer_close_entry(writer);
    }
    return content.size % ABORTED_SIZE == 0 ? NULL : "the last row is torn";
}

static void print_producer(const uint8_t *row, struct dump_writer *writer)
{
    int32_t last_sequence = endian_read_i32(row + 10), delta = endian_read_i32(row + 22);
    int64_t first = (int64_t)endian_read_u64(row + 38);
    dump_writer_open_entry(writer);
    dump_writer_add_number(writer, "producerId", (int64_t)endian_read_u64(row));
    dump_writer_add_number(writer, "producerEpoch", endian_read_i16(row + 8));
    dump_writer_add_number(writer, "coordinatorEpoch", endian_read_i32(row + 34));
    if (first < 0) {
        dump_writer_add_word(writer, "currentTxnFirstOffset", writer->is_json ? NULL : "None");
    } else {
        dump_writer_add_number(writer, "currentTxnFirstOffset", first);
    }
    dump_writer_add_number(writer, "lastTimestamp", (int64_t)endian_read_u64(row + 26));
    dump_writer_add_number(writer, "firstSequence", (int64_t)last_sequence - delta);
    dump_writer_add_number(writer, "lastSequence", last_sequence);
    dump_writer_add_number(writer, "lastOffset", (int64_t)endian_read_u64(row + 14));
    dump_writer_add_number(writer, "offsetDelta", delta);
    dump_writer_close_entry(writer);
}

static const char *print_snapshot(int64_t base_offset, struct bytes content,
                                  struct dump_writer *writer)
{
    (void)base_offset;
    if (content.size < SNAPSHOT_HEAD_SIZE) {
        return "too short for a producer snapshot";
    }
    int32_t count = endian_read_i32(content.data + 6);
    size_t room = (content.size - SNAPSHOT_HEAD_SIZE) / SNAPSHOT_ROW_SIZE;
    for (size_t i = 0; i < room && (int64_t)i < count; i++) {
        print_producer(content.data + SNAPSHOT_HEAD_SIZE + i * SNAPSHOT_ROW_SIZE, writer);
    }
    if (endian_read_u32(content.data + 2) != crc32c_update(0, content.data + 6, content.size - 6)) {
        return "the CRC does not match";
    }
    return count >= 0 && (size_t)count <= room ? NULL : "rows are missing";
}

static const char *print_text(int64_t base_offset, struct bytes content, struct dump_writer *writer)
{
    const uint8_t *at = content.data, *end = content.data + content.size;
    (void)base_offset;
    while (content.size > 0 && at < end) {
        const uint8_t *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        dump_writer_open_entry(writer);
        dump_writer_add_line(writer, bytes_make(at, (size_t)(stop - at)));
        dump_writer_close_entry(writer);
        at = stop + 1;
    }
    return content.size == 0 || memchr(content.data, 0, content.size) == NULL ? NULL
                                                                              : "this is no text";
}

static const struct file_kind kinds[] = {
    {NULL, ".index", print_index},
    {NULL, ".timeindex", print_times},
    {NULL, ".txnindex", print_aborted},
    {NULL, ".snapshot", print_snapshot},
    {"partition.metadata", NULL, print_text},
    {"leader-epoch-checkpoint", NULL, print_text},
    {"recovery-points", NULL, print_text},
    {"recovery-point-offset-checkpoint", NULL, print_text},
    {"replication-offset-checkpoint", NULL, print_text},
    {"log-start-offset-checkpoint", NULL, print_text},
    {"cleaner-offset-checkpoint", NULL, print_text},
    {"meta.properties", NULL, print_text},
    {".kafka_cleanshutdown", NULL, print_text},
};

/* 20 digits and the suffix. */
static bool is_of_segment(const char *name, const char *suffix, int64_t *base_offset)
{
    char digits[OFFSET_DIGITS + 1];
    if (strspn(name, "0123456789") != OFFSET_DIGITS || strcmp(name + OFFSET_DIGITS, suffix) != 0) {
        return false;
    }
    memcpy(digits, name, OFFSET_DIGITS);
    digits[OFFSET_DIGITS] = '\0';
    return text_parse_int64(digits, base_offset) == 0;
}

bool file_dump_print(const char *path, struct bytes content, struct dump_writer *writer,
                     const char **problem)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int64_t base_offset = 0;
        bool is_it = kinds[i].name != NULL ? strcmp(name, kinds[i].name) == 0
                                           : is_of_segment(name, kinds[i].suffix, &base_offset);
        if (is_it) {
            dump_writer_open_file(writer, path);
            *problem = kinds[i].print(base_offset, content, writer);
            dump_writer_close_file(writer, *problem);
            return true;
        }
    }
    return false;
}
