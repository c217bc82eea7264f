/* See file_dump.h. A row of the table per kind of file. */
#include "runtime/cli/file_dump.h"

#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
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

/* One kind: `print` appends what the bytes say, and complains of what follows no format. */
struct file_kind {
    const char *name; /* the whole name; NULL: a suffix behind an offset */
    const char *suffix;
    int (*print)(int64_t base_offset, struct bytes content, struct buffer *out);
};

static int complain(struct buffer *out, const char *sentence)
{
    buffer_printf(out, "not valid: %s\n", sentence);
    return ERROR_CORRUPT;
}

static int print_index(int64_t base_offset, struct bytes content, struct buffer *out)
{
    for (size_t at = 0; at + INDEX_SIZE <= content.size; at += INDEX_SIZE) {
        buffer_printf(out, "offset: %lld position: %u\n",
                      (long long)base_offset + endian_read_u32(content.data + at),
                      endian_read_u32(content.data + at + 4));
    }
    return content.size % INDEX_SIZE == 0 ? 0 : complain(out, "the last entry is torn");
}

static int print_times(int64_t base_offset, struct bytes content, struct buffer *out)
{
    for (size_t at = 0; at + TIME_SIZE <= content.size; at += TIME_SIZE) {
        buffer_printf(out, "timestamp: %lld offset: %lld\n",
                      (long long)endian_read_u64(content.data + at),
                      (long long)base_offset + endian_read_u32(content.data + at + 8));
    }
    return content.size % TIME_SIZE == 0 ? 0 : complain(out, "the last entry is torn");
}

static int print_aborted(int64_t base_offset, struct bytes content, struct buffer *out)
{
    (void)base_offset;
    for (size_t at = 0; at + ABORTED_SIZE <= content.size; at += ABORTED_SIZE) {
        const uint8_t *row = content.data + at;
        buffer_printf(out,
                      "version: %d producerId: %lld firstOffset: %lld lastOffset: %lld "
                      "lastStableOffset: %lld\n",
                      endian_read_i16(row), (long long)endian_read_u64(row + 2),
                      (long long)endian_read_u64(row + 10), (long long)endian_read_u64(row + 18),
                      (long long)endian_read_u64(row + 26));
    }
    return content.size % ABORTED_SIZE == 0 ? 0 : complain(out, "the last row is torn");
}

static void print_producer(const uint8_t *row, struct buffer *out)
{
    int64_t last_offset = (int64_t)endian_read_u64(row + 14);
    int32_t last_sequence = endian_read_i32(row + 10), delta = endian_read_i32(row + 22);
    int64_t first = (int64_t)endian_read_u64(row + 38);
    buffer_printf(out, "producerId: %lld producerEpoch: %d coordinatorEpoch: %d ",
                  (long long)endian_read_u64(row), endian_read_i16(row + 8),
                  endian_read_i32(row + 34));
    buffer_printf(out, first < 0 ? "currentTxnFirstOffset: None" : "currentTxnFirstOffset: %lld",
                  (long long)first);
    buffer_printf(out,
                  " lastTimestamp: %lld firstSequence: %d lastSequence: %d lastOffset: %lld "
                  "offsetDelta: %d\n",
                  (long long)endian_read_u64(row + 26), last_sequence - delta, last_sequence,
                  (long long)last_offset, delta);
}

static int print_snapshot(int64_t base_offset, struct bytes content, struct buffer *out)
{
    (void)base_offset;
    if (content.size < SNAPSHOT_HEAD_SIZE) {
        return complain(out, "too short for a producer snapshot");
    }
    int32_t count = endian_read_i32(content.data + 6);
    size_t room = (content.size - SNAPSHOT_HEAD_SIZE) / SNAPSHOT_ROW_SIZE;
    for (size_t i = 0; i < room && (int64_t)i < count; i++) {
        print_producer(content.data + SNAPSHOT_HEAD_SIZE + i * SNAPSHOT_ROW_SIZE, out);
    }
    if (endian_read_u32(content.data + 2) != crc32c_update(0, content.data + 6, content.size - 6)) {
        return complain(out, "the CRC does not match");
    }
    return count >= 0 && (size_t)count <= room ? 0 : complain(out, "rows are missing");
}

static int print_text(int64_t base_offset, struct bytes content, struct buffer *out)
{
    (void)base_offset;
    buffer_add_bytes(out, content);
    if (content.size > 0 && content.data[content.size - 1] != '\n') {
        buffer_add_byte(out, '\n');
    }
    return memchr(content.data, 0, content.size) == NULL ? 0 : complain(out, "this is no text");
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

int file_dump_print(const char *path, struct bytes content, struct buffer *out)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int64_t base_offset = 0;
        bool is_it = kinds[i].name != NULL ? strcmp(name, kinds[i].name) == 0
                                           : is_of_segment(name, kinds[i].suffix, &base_offset);
        if (is_it) {
            return kinds[i].print(base_offset, content, out);
        }
    }
    return ERROR_NOT_FOUND;
}
