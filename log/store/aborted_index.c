/* Rows of aborted transactions, in memory and as Kafka's file; see aborted_index.h. */
#include "log/store/aborted_index.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>

enum { ABORTED_INDEX_VERSION = 0, ABORTED_INDEX_CAPACITY_MIN = 4 };

void aborted_index_init(struct aborted_index *index)
{
    *index = (struct aborted_index){0};
}

void aborted_index_fini(struct aborted_index *index)
{
    free(index->rows);
    *index = (struct aborted_index){0};
}

static bool aborted_index_is_sane(const struct aborted_index_row *row)
{
    return row->producer_id >= 0 && row->first_offset >= 0 &&
           row->first_offset < row->last_offset && row->stable_offset >= 0 &&
           row->stable_offset <= row->last_offset + 1;
}

void aborted_index_add(struct aborted_index *index, const struct aborted_index_row *row)
{
    bool is_behind =
        index->count > 0 && index->rows[index->count - 1].last_offset >= row->last_offset;
    if (is_behind || !aborted_index_is_sane(row)) {
        return;
    }
    if (index->count == index->capacity) {
        index->capacity = index->capacity == 0 ? ABORTED_INDEX_CAPACITY_MIN : index->capacity * 2;
        index->rows = memory_resize(index->rows, (size_t)index->capacity * sizeof *index->rows);
    }
    index->rows[index->count++] = *row;
}

int32_t aborted_index_find(const struct aborted_index *index, int64_t offset)
{
    int32_t low = 0;
    int32_t high = index->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (index->rows[middle].last_offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int32_t aborted_index_truncate(struct aborted_index *index, int64_t offset)
{
    int32_t count = index->count;
    index->count = aborted_index_find(index, offset);
    return count - index->count;
}

void aborted_index_write(const struct aborted_index *index, struct buffer *out)
{
    uint8_t *at = buffer_reserve(out, (size_t)index->count * ABORTED_INDEX_ROW_SIZE + 1);
    for (int32_t i = 0; i < index->count; i++, at += ABORTED_INDEX_ROW_SIZE) {
        const struct aborted_index_row *row = &index->rows[i];
        endian_write_i16(at, ABORTED_INDEX_VERSION);
        endian_write_i64(at + 2, row->producer_id);
        endian_write_i64(at + 10, row->first_offset);
        endian_write_i64(at + 18, row->last_offset);
        endian_write_i64(at + 26, row->stable_offset);
        out->size += ABORTED_INDEX_ROW_SIZE;
    }
}

int aborted_index_read(struct aborted_index *index, struct bytes content, int64_t base_offset,
                       int64_t next_offset)
{
    struct aborted_index read;
    aborted_index_init(&read);
    int error = content.size % ABORTED_INDEX_ROW_SIZE == 0 ? 0 : ERROR_CORRUPT;
    for (size_t at = 0; error == 0 && at < content.size; at += ABORTED_INDEX_ROW_SIZE) {
        const uint8_t *data = content.data + at;
        struct aborted_index_row row = {.producer_id = endian_read_i64(data + 2),
                                        .first_offset = endian_read_i64(data + 10),
                                        .last_offset = endian_read_i64(data + 18),
                                        .stable_offset = endian_read_i64(data + 26)};
        int32_t count = read.count;
        bool is_falling = count > 0 && row.stable_offset < read.rows[count - 1].stable_offset;
        if (!is_falling && endian_read_i16(data) == ABORTED_INDEX_VERSION &&
            row.last_offset >= base_offset && row.last_offset < next_offset) {
            aborted_index_add(&read, &row);
        }
        error = read.count == count ? ERROR_CORRUPT : 0;
    }
    if (error != 0) {
        aborted_index_fini(&read);
        return error;
    }
    aborted_index_fini(index);
    *index = read;
    return 0;
}

bool aborted_index_equal(const struct aborted_index *left, const struct aborted_index *right)
{
    if (left->count != right->count) {
        return false;
    }
    for (int32_t i = 0; i < left->count; i++) {
        const struct aborted_index_row *one = &left->rows[i];
        const struct aborted_index_row *other = &right->rows[i];
        if (one->producer_id != other->producer_id || one->first_offset != other->first_offset ||
            one->last_offset != other->last_offset || one->stable_offset != other->stable_offset) {
            return false;
        }
    }
    return true;
}

void aborted_index_check(const struct aborted_index *index)
{
    check(index->count <= index->capacity);
    for (int32_t i = 0; i < index->count; i++) {
        check(aborted_index_is_sane(&index->rows[i]));
        check(i == 0 || index->rows[i - 1].last_offset < index->rows[i].last_offset);
    }
}
