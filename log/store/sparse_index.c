/* Two sorted arrays; see sparse_index.h. */
#include "log/store/sparse_index.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>

void sparse_index_init(struct sparse_index *index)
{
    *index = (struct sparse_index){0};
}

void sparse_index_fini(struct sparse_index *index)
{
    free(index->entries);
    free(index->times);
    sparse_index_init(index);
}

size_t sparse_index_size(const struct sparse_index *index)
{
    return sizeof *index + (size_t)index->entry_capacity * sizeof *index->entries +
           (size_t)index->time_capacity * sizeof *index->times;
}

static int32_t sparse_index_grown(int32_t capacity)
{
    return capacity == 0 ? 8 : capacity + capacity / 2;
}

void sparse_index_add(struct sparse_index *index, int32_t relative_offset, int32_t position)
{
    if (index->entry_count > 0) {
        const struct sparse_index_entry *last = &index->entries[index->entry_count - 1];
        if (relative_offset <= last->relative_offset || position <= last->position) {
            return;
        }
    }
    if (index->entry_count == index->entry_capacity) {
        index->entry_capacity = sparse_index_grown(index->entry_capacity);
        index->entries =
            memory_resize(index->entries, (size_t)index->entry_capacity * sizeof *index->entries);
    }
    index->entries[index->entry_count++] = (struct sparse_index_entry){relative_offset, position};
}

void sparse_index_add_time(struct sparse_index *index, int64_t timestamp_ms,
                           int32_t relative_offset)
{
    if (index->time_count > 0) {
        const struct sparse_index_time *last = &index->times[index->time_count - 1];
        if (timestamp_ms <= last->timestamp_ms || relative_offset <= last->relative_offset) {
            return;
        }
    }
    if (index->time_count == index->time_capacity) {
        index->time_capacity = sparse_index_grown(index->time_capacity);
        index->times =
            memory_resize(index->times, (size_t)index->time_capacity * sizeof *index->times);
    }
    index->times[index->time_count++] = (struct sparse_index_time){timestamp_ms, relative_offset};
}

int32_t sparse_index_find(const struct sparse_index *index, int32_t relative_offset)
{
    int32_t low = 0;
    int32_t high = index->entry_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (index->entries[middle].relative_offset <= relative_offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : index->entries[low - 1].position;
}

int32_t sparse_index_find_place(const struct sparse_index *index, int32_t position)
{
    int32_t low = 0;
    int32_t high = index->entry_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (index->entries[middle].position <= position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? 0 : index->entries[low - 1].position;
}

int32_t sparse_index_offset_at(const struct sparse_index *index, int32_t position)
{
    int32_t low = 0;
    int32_t high = index->entry_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (index->entries[middle].position < position) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there = low < index->entry_count && index->entries[low].position == position;
    return is_there ? index->entries[low].relative_offset : -1;
}

const struct sparse_index_time *sparse_index_find_time(const struct sparse_index *index,
                                                       int64_t timestamp_ms)
{
    int32_t low = 0;
    int32_t high = index->time_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (index->times[middle].timestamp_ms < timestamp_ms) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : &index->times[low - 1];
}

void sparse_index_truncate(struct sparse_index *index, int32_t relative_offset)
{
    while (index->entry_count > 0 &&
           index->entries[index->entry_count - 1].relative_offset >= relative_offset) {
        index->entry_count--;
    }
    while (index->time_count > 0 &&
           index->times[index->time_count - 1].relative_offset >= relative_offset) {
        index->time_count--;
    }
}

void sparse_index_write(const struct sparse_index *index, struct buffer *entries,
                        struct buffer *times)
{
    uint8_t *at = buffer_reserve(entries, (size_t)index->entry_count * SPARSE_INDEX_ENTRY_SIZE + 1);
    for (int32_t i = 0; i < index->entry_count; i++, at += SPARSE_INDEX_ENTRY_SIZE) {
        endian_write_i32(at, index->entries[i].relative_offset);
        endian_write_i32(at + 4, index->entries[i].position);
        entries->size += SPARSE_INDEX_ENTRY_SIZE;
    }
    at = buffer_reserve(times, (size_t)index->time_count * SPARSE_INDEX_TIME_SIZE + 1);
    for (int32_t i = 0; i < index->time_count; i++, at += SPARSE_INDEX_TIME_SIZE) {
        endian_write_i64(at, index->times[i].timestamp_ms);
        endian_write_i32(at + 8, index->times[i].relative_offset);
        times->size += SPARSE_INDEX_TIME_SIZE;
    }
}

static int sparse_index_read_entries(struct sparse_index *index, struct bytes entries,
                                     int64_t segment_size, int64_t offset_count)
{
    for (size_t at = 0; at < entries.size; at += SPARSE_INDEX_ENTRY_SIZE) {
        int32_t relative_offset = endian_read_i32(entries.data + at);
        int32_t position = endian_read_i32(entries.data + at + 4);
        int32_t count = index->entry_count;
        if (relative_offset < 0 || position < 0 || position >= segment_size ||
            relative_offset >= offset_count) {
            return ERROR_CORRUPT;
        }
        sparse_index_add(index, relative_offset, position);
        if (index->entry_count == count) {
            return ERROR_CORRUPT;
        }
    }
    return 0;
}

static int sparse_index_read_times(struct sparse_index *index, struct bytes times,
                                   int64_t offset_count)
{
    for (size_t at = 0; at < times.size; at += SPARSE_INDEX_TIME_SIZE) {
        int64_t timestamp_ms = endian_read_i64(times.data + at);
        int32_t relative_offset = endian_read_i32(times.data + at + 8);
        int32_t count = index->time_count;
        if (relative_offset < 0 || relative_offset >= offset_count) {
            return ERROR_CORRUPT;
        }
        sparse_index_add_time(index, timestamp_ms, relative_offset);
        if (index->time_count == count) {
            return ERROR_CORRUPT;
        }
    }
    return 0;
}

int sparse_index_read(struct sparse_index *index, struct bytes entries, struct bytes times,
                      int64_t segment_size, int64_t offset_count)
{
    if (entries.size % SPARSE_INDEX_ENTRY_SIZE != 0 || times.size % SPARSE_INDEX_TIME_SIZE != 0) {
        return ERROR_CORRUPT;
    }
    struct sparse_index read;
    sparse_index_init(&read);
    int error = sparse_index_read_entries(&read, entries, segment_size, offset_count);
    if (error == 0) {
        error = sparse_index_read_times(&read, times, offset_count);
    }
    if (error == 0 && (read.time_count > 0) != (segment_size > 0)) {
        error = ERROR_CORRUPT; /* a segment with records is written with its largest timestamp */
    }
    if (error != 0) {
        sparse_index_fini(&read);
        return error;
    }
    sparse_index_fini(index);
    *index = read;
    return 0;
}

void sparse_index_check(const struct sparse_index *index)
{
    check(index->entry_count <= index->entry_capacity);
    check(index->time_count <= index->time_capacity);
    for (int32_t i = 1; i < index->entry_count; i++) {
        check(index->entries[i - 1].relative_offset < index->entries[i].relative_offset);
        check(index->entries[i - 1].position < index->entries[i].position);
    }
    for (int32_t i = 1; i < index->time_count; i++) {
        check(index->times[i - 1].timestamp_ms < index->times[i].timestamp_ms);
        check(index->times[i - 1].relative_offset < index->times[i].relative_offset);
    }
}
