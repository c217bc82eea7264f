/* The data file and the life of its indexes; see segment.h. */
#include "log/store/segment.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/store/small_file.h"
#include "log/store/walker.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

void segment_name(char out[SEGMENT_NAME_SIZE], int64_t base_offset, const char *suffix)
{
    snprintf(out, SEGMENT_NAME_SIZE, "%020" PRId64 "%s", base_offset, suffix);
}

static void segment_path(const struct segment *segment, const char *suffix, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%020" PRId64 "%s%s", segment->home->directory, segment->base_offset,
             suffix, segment->stage);
}

struct segment *segment_new(const struct segment_home *home, int64_t base_offset)
{
    struct segment *segment = memory_new(struct segment);
    *segment = (struct segment){
        .home = home,
        .stage = "",
        .base_offset = base_offset,
        .next_offset = base_offset,
        .max_timestamp_ms = SEGMENT_TIMESTAMP_UNKNOWN,
        .max_timestamp_offset = -1,
        .is_index_written = true,
    };
    return segment;
}

static int segment_create_file(struct segment *segment)
{
    const struct segment_home *home = segment->home;
    char path[PATH_MAX];
    segment_path(segment, ".log", path);
    struct io_file *file = NULL;
    int error =
        file_cache_open(home->files, &segment->file, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &file);
    if (error == 0) {
        /* What an interrupted creation or truncation left is not ours. */
        error = io_file_truncate(home->io, file, 0);
    }
    return error;
}

static void segment_drop_index(struct segment *segment)
{
    if (segment->index != NULL) {
        sparse_index_fini(segment->index);
        free(segment->index);
        segment->index = NULL;
    }
}

static void segment_drop_aborts(struct segment *segment)
{
    if (segment->aborts != NULL) {
        aborted_index_fini(segment->aborts);
        free(segment->aborts);
        segment->aborts = NULL;
    }
}

void segment_free(struct segment *segment)
{
    if (segment == NULL) {
        return;
    }
    file_cache_close(segment->home->files, &segment->file);
    segment_drop_index(segment);
    segment_drop_aborts(segment);
    free(segment);
}

int segment_create_staged(const struct segment_home *home, int64_t base_offset, const char *stage,
                          struct segment **out)
{
    struct segment *segment = segment_new(home, base_offset);
    segment->stage = stage;
    int error = segment_create_file(segment);
    if (error == 0) {
        error = segment_load(segment);
    }
    if (error != 0) {
        segment_free(segment);
        return error;
    }
    *out = segment;
    return 0;
}

int segment_create(const struct segment_home *home, int64_t base_offset, struct segment **out)
{
    struct segment *segment = segment_new(home, base_offset);
    int error = segment_create_file(segment);
    if (error != 0) {
        segment_free(segment);
        return error;
    }
    *out = segment;
    return 0;
}

void segment_release(struct segment *segment)
{
    check(!segment->is_removed);
    segment->is_removed = true;
    if (segment->file.pin_count == 0) {
        segment_free(segment);
    }
}

void segment_pin(struct segment *segment)
{
    file_cache_pin(&segment->file);
}

void segment_unpin(struct segment *segment)
{
    file_cache_unpin(segment->home->files, &segment->file);
    if (segment->is_removed && segment->file.pin_count == 0) {
        segment_free(segment);
    }
}

int segment_open_file(struct segment *segment, struct io_file **out)
{
    if (file_cache_find(segment->home->files, &segment->file, out)) {
        return 0;
    }
    char path[PATH_MAX];
    segment_path(segment, ".log", path);
    int flags = segment->home->is_read_only ? IO_OPEN_READ : IO_OPEN_WRITE;
    return file_cache_open(segment->home->files, &segment->file, path, flags, out);
}

/* Reserves ahead of the end, in steps that grow with the file. A file system that cannot, or has
 * no room left for the whole step, is no reason to refuse the append. */
static void segment_reserve(struct segment *segment, struct io_file *file, int64_t end)
{
    if (end <= segment->reserved_size) {
        return;
    }
    int64_t step = segment->size < SEGMENT_RESERVE_MIN ? SEGMENT_RESERVE_MIN : segment->size;
    step = step > SEGMENT_RESERVE_MAX ? SEGMENT_RESERVE_MAX : step;
    if (segment->home->preallocated_size > end + step) {
        step = segment->home->preallocated_size - end;
    }
    int error = io_file_allocate(segment->home->io, file, (uint64_t)segment->size,
                                 (uint64_t)(end - segment->size + step));
    if (error == 0) {
        segment->reserved_size = end + step;
    } else if (error == ERROR_UNSUPPORTED) {
        segment->reserved_size = INT64_MAX;
    }
}

int segment_append(struct segment *segment, struct bytes data)
{
    struct io_file *file = NULL;
    int error = segment_open_file(segment, &file);
    if (error != 0) {
        return error == ERROR_NO_SPACE ? ERROR_IO : error;
    }
    segment_reserve(segment, file, segment->size + (int64_t)data.size);
    error = io_file_write(segment->home->io, file, &data, 1, (uint64_t)segment->size);
    if (error == 0) {
        segment->is_dirty = true;
        return 0;
    }
    if (error != ERROR_NO_SPACE) {
        return error;
    }
    segment->is_dirty = true;
    if (segment->reserved_size != INT64_MAX) {
        segment->reserved_size = segment->size;
    }
    return io_file_truncate(segment->home->io, file, (uint64_t)segment->size) == 0 ? ERROR_NO_SPACE
                                                                                   : ERROR_IO;
}

static void segment_note_time(struct segment *segment, const struct batch *batch)
{
    if (batch->max_timestamp > segment->max_timestamp_ms ||
        segment->max_timestamp_ms == SEGMENT_TIMESTAMP_UNKNOWN) {
        segment->max_timestamp_ms = batch->max_timestamp;
        segment->max_timestamp_offset = batch_last_offset(batch);
    }
}

static void segment_index_time(struct segment *segment)
{
    if (segment->max_timestamp_ms != SEGMENT_TIMESTAMP_UNKNOWN) {
        sparse_index_add_time(segment->index, segment->max_timestamp_ms,
                              (int32_t)(segment->max_timestamp_offset - segment->base_offset));
    }
}

/* Puts the batch at `position` into the index, when it is time for an entry. */
static void segment_index_batch(struct segment *segment, const struct batch *batch,
                                int64_t position)
{
    segment_note_time(segment, batch);
    if (position - segment->indexed_position < segment->home->index_interval_size) {
        return;
    }
    sparse_index_add(segment->index, (int32_t)(batch_last_offset(batch) - segment->base_offset),
                     (int32_t)position);
    segment_index_time(segment);
    segment->indexed_position = position;
}

void segment_note(struct segment *segment, const struct batch *batch)
{
    check(segment->index != NULL);
    check(batch->base_offset >= segment->next_offset);
    segment_index_batch(segment, batch, segment->size);
    segment->size += (int64_t)batch->bytes.size;
    segment->next_offset = batch_next_offset(batch);
    segment->is_index_written = false;
}

static int segment_read_index(struct segment *segment)
{
    char name[SEGMENT_NAME_SIZE];
    struct buffer entries;
    struct buffer times;
    buffer_init(&entries);
    buffer_init(&times);
    check(segment->stage[0] == '\0');
    segment_name(name, segment->base_offset, ".index");
    int error = small_file_read(segment->home->io, segment->home->directory, name, &entries);
    if (error == 0) {
        segment_name(name, segment->base_offset, ".timeindex");
        error = small_file_read(segment->home->io, segment->home->directory, name, &times);
    }
    if (error == 0) {
        error = sparse_index_read(segment->index, buffer_bytes(&entries), buffer_bytes(&times),
                                  segment->size, segment->next_offset - segment->base_offset);
    }
    buffer_fini(&entries);
    buffer_fini(&times);
    return error;
}

/* Whether the entry names a batch with that largest timestamp. */
static int segment_check_time(struct segment *segment, const struct sparse_index_time *entry)
{
    struct walker walker;
    struct batch batch = {0};
    int64_t position = 0;
    int64_t base_offset = 0;
    int64_t timestamp_ms = entry->timestamp_ms; /* the index may be rebuilt on the way */
    int error = walker_find(segment, segment->base_offset + entry->relative_offset, &position,
                            &base_offset);
    if (error != 0) {
        return error;
    }
    walker_open(&walker, segment, position, base_offset, segment->size, false);
    int result = walker_next(&walker, &batch, &position);
    walker_close(&walker);
    return result > 0 && batch.max_timestamp == timestamp_ms ? 0
           : result < 0 && result != ERROR_TRUNCATED         ? result
                                                             : ERROR_CORRUPT;
}

static void segment_adopt_index(struct segment *segment)
{
    const struct sparse_index *index = segment->index;
    segment->indexed_position =
        index->entry_count == 0 ? 0 : index->entries[index->entry_count - 1].position;
    if (index->time_count > 0) {
        const struct sparse_index_time *last = &index->times[index->time_count - 1];
        segment->max_timestamp_ms = last->timestamp_ms;
        segment->max_timestamp_offset = segment->base_offset + last->relative_offset;
    }
    segment->is_index_written = true;
}

static int segment_rebuild_index(struct segment *segment)
{
    segment->indexed_position = 0;
    segment->max_timestamp_ms = SEGMENT_TIMESTAMP_UNKNOWN;
    segment->max_timestamp_offset = -1;
    segment->is_index_written = segment->size == 0;
    struct walker walker;
    walker_open(&walker, segment, 0, segment->base_offset, segment->size, true);
    struct batch batch;
    int64_t position = 0;
    int result = 0;
    while ((result = walker_next(&walker, &batch, &position)) > 0) {
        segment_index_batch(segment, &batch, position);
        segment->has_doubtful_times |= !batch_crc_matches(&batch);
    }
    walker_close(&walker);
    return result == ERROR_TRUNCATED ? ERROR_CORRUPT : result;
}

int segment_load(struct segment *segment)
{
    if (segment->index != NULL) {
        return 0;
    }
    segment->index = memory_new(struct sparse_index);
    sparse_index_init(segment->index);
    bool has_file = segment->size > 0 && segment->is_index_written;
    int error = has_file ? segment_read_index(segment) : ERROR_NOT_FOUND;
    segment->is_index_read = error == 0;
    if (error == 0) {
        segment_adopt_index(segment);
        error = segment_check_time(segment, &segment->index->times[segment->index->time_count - 1]);
        if (error == 0 || (segment->index != NULL && !segment->is_index_read)) {
            return 0; /* it may have been rebuilt meanwhile */
        }
        if (error != ERROR_CORRUPT || segment->index == NULL) {
            segment_drop_index(segment);
            return error;
        }
        trace(TRACE_WARN, "segment.index_damaged", TRACE_STRING("log", segment->home->directory),
              TRACE_INT("base_offset", segment->base_offset));
        sparse_index_fini(segment->index);
        segment->is_index_read = false;
    }
    if (error == ERROR_NOT_FOUND || error == ERROR_CORRUPT || error == ERROR_TOO_LARGE) {
        error = segment_rebuild_index(segment);
    }
    if (error != 0) {
        segment_drop_index(segment);
        segment->max_timestamp_ms = SEGMENT_TIMESTAMP_UNKNOWN;
    }
    return error;
}

bool segment_is_led_to(const struct segment *segment, int64_t position, const struct batch *batch)
{
    int32_t relative_offset = sparse_index_offset_at(segment->index, (int32_t)position);
    return relative_offset < 0 || batch->base_offset - segment->base_offset <= relative_offset;
}

bool segment_doubt_index(struct segment *segment)
{
    if (segment->index == NULL || !segment->is_index_read) {
        return false;
    }
    trace(TRACE_WARN, "segment.index_damaged", TRACE_STRING("log", segment->home->directory),
          TRACE_INT("base_offset", segment->base_offset));
    segment_drop_index(segment);
    segment->is_index_read = false;
    segment->is_index_written = false;
    return true;
}

void segment_on_evicted(struct file_cache_entry *entry)
{
    struct segment *segment = list_member(entry, struct segment, file);
    if (segment->is_index_written && segment->stage[0] == '\0') {
        segment_drop_index(segment);
    }
    if (!segment->is_aborts_dirty && segment->stage[0] == '\0') {
        segment_drop_aborts(segment);
    }
}

int segment_load_aborts(struct segment *segment)
{
    if (segment->aborts != NULL || !segment->has_abort_file) {
        return 0;
    }
    char name[SEGMENT_NAME_SIZE];
    struct buffer content;
    buffer_init(&content);
    segment_name(name, segment->base_offset, ".txnindex");
    int error = small_file_read(segment->home->io, segment->home->directory, name, &content);
    if (error == ERROR_NOT_FOUND || error == ERROR_TOO_LARGE) {
        error = ERROR_CORRUPT;
    }
    struct aborted_index read;
    aborted_index_init(&read);
    if (error == 0) {
        error = aborted_index_read(&read, buffer_bytes(&content), segment->base_offset,
                                   segment->next_offset);
    }
    buffer_fini(&content);
    if (error == 0) {
        segment->aborts = memory_new(struct aborted_index);
        *segment->aborts = read;
    }
    return error;
}

void segment_add_abort(struct segment *segment, const struct aborted_index_row *row)
{
    check(segment->aborts != NULL || !segment->has_abort_file);
    check(row->last_offset >= segment->base_offset);
    if (segment->aborts == NULL) {
        segment->aborts = memory_new(struct aborted_index);
        aborted_index_init(segment->aborts);
    }
    aborted_index_add(segment->aborts, row);
    segment->is_aborts_dirty = true;
}

void segment_set_aborts(struct segment *segment, struct aborted_index *aborts)
{
    segment_drop_aborts(segment);
    segment->aborts = memory_new(struct aborted_index);
    *segment->aborts = *aborts;
    aborted_index_init(aborts);
    segment->is_aborts_dirty = true;
}

void segment_truncate_aborts(struct segment *segment, int64_t offset)
{
    check(segment->aborts != NULL || !segment->has_abort_file);
    if (segment->aborts != NULL && aborted_index_truncate(segment->aborts, offset) > 0) {
        segment->is_aborts_dirty = true;
    }
}

int segment_sync_aborts(struct segment *segment)
{
    if (!segment->is_aborts_dirty) {
        return 0;
    }
    char name[SEGMENT_NAME_SIZE];
    struct buffer content;
    buffer_init(&content);
    snprintf(name, sizeof name, "%020" PRId64 ".txnindex%s", segment->base_offset, segment->stage);
    aborted_index_write(segment->aborts, &content);
    int error =
        small_file_write(segment->home->io, segment->home->directory, name, buffer_bytes(&content));
    buffer_fini(&content);
    if (error == 0) {
        segment->has_abort_file = true;
        segment->is_aborts_dirty = false;
    }
    return error;
}

static int segment_write_file(struct segment *segment, const char *suffix, struct bytes content)
{
    char path[PATH_MAX];
    segment_path(segment, suffix, path);
    struct io *io = segment->home->io;
    struct io_file *file = NULL;
    int error = io_file_open(io, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &file);
    if (error != 0) {
        return error;
    }
    error = io_file_truncate(io, file, 0);
    if (error == 0 && content.size > 0) {
        error = io_file_write(io, file, &content, 1, 0);
    }
    io_file_close(io, file);
    return error;
}

int segment_write_index(struct segment *segment)
{
    if (segment->is_index_written || segment->index == NULL || segment->home->is_read_only) {
        return 0;
    }
    segment_index_time(segment); /* the last time entry is the segment's largest timestamp */
    struct buffer entries;
    struct buffer times;
    buffer_init(&entries);
    buffer_init(&times);
    sparse_index_write(segment->index, &entries, &times);
    int error = segment_write_file(segment, ".index", buffer_bytes(&entries));
    if (error == 0) {
        error = segment_write_file(segment, ".timeindex", buffer_bytes(&times));
    }
    buffer_fini(&entries);
    buffer_fini(&times);
    if (error == 0) {
        segment->is_index_written = true;
        segment->is_index_dirty = true;
    }
    return error;
}

static int segment_sync_file(struct segment *segment, const char *suffix)
{
    char path[PATH_MAX];
    segment_path(segment, suffix, path);
    struct io_file *file = NULL;
    int error = io_file_open(segment->home->io, path, IO_OPEN_WRITE, &file);
    if (error != 0) {
        return error;
    }
    error = io_file_sync(segment->home->io, file);
    io_file_close(segment->home->io, file);
    return error;
}

int segment_sync_index(struct segment *segment)
{
    if (!segment->is_index_dirty) {
        return 0;
    }
    int error = segment_sync_file(segment, ".index");
    if (error == 0) {
        error = segment_sync_file(segment, ".timeindex");
    }
    if (error == 0) {
        segment->is_index_dirty = false;
    }
    return error;
}

int segment_remove_index(struct segment *segment)
{
    const char *suffixes[] = {".index", ".timeindex"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char path[PATH_MAX];
        segment_path(segment, suffixes[i], path);
        int error = io_path_remove(segment->home->io, path);
        if (error != 0 && error != ERROR_NOT_FOUND) {
            return error;
        }
    }
    segment->is_index_written = false;
    segment->is_index_dirty = false;
    return 0;
}

int segment_trim(struct segment *segment)
{
    if (segment->reserved_size <= segment->size || segment->reserved_size == INT64_MAX) {
        return 0;
    }
    struct io_file *file = NULL;
    int error = segment_open_file(segment, &file);
    if (error == 0) {
        error = io_file_truncate(segment->home->io, file, (uint64_t)segment->size);
    }
    if (error == 0) {
        segment->reserved_size = segment->size;
        segment->is_dirty = true;
    }
    return error;
}

int segment_truncate(struct segment *segment, int64_t position, int64_t next_offset)
{
    check(position <= segment->size);
    struct io_file *file = NULL;
    int error = segment_open_file(segment, &file);
    if (error == 0) {
        error = io_file_truncate(segment->home->io, file, (uint64_t)position);
    }
    if (error != 0) {
        return error;
    }
    segment_drop_index(segment);
    segment->size = position;
    segment->reserved_size = 0;
    segment->doubtful_size = segment->doubtful_size < position ? segment->doubtful_size : position;
    segment->next_offset = next_offset;
    segment->max_timestamp_ms = SEGMENT_TIMESTAMP_UNKNOWN;
    segment->max_timestamp_offset = -1;
    segment->indexed_position = 0;
    segment->is_dirty = true;
    if (segment->aborts != NULL) {
        segment_truncate_aborts(segment, next_offset);
    }
    return segment_remove_index(segment);
}

int segment_find_position(struct segment *segment, int64_t offset, int64_t *position)
{
    int error = segment_load(segment);
    if (error != 0) {
        return error;
    }
    check(offset >= segment->base_offset);
    *position = sparse_index_find(segment->index, (int32_t)(offset - segment->base_offset));
    return 0;
}

int segment_find_place(struct segment *segment, int64_t offset, int64_t position, int64_t *out)
{
    int error = segment_load(segment);
    if (error != 0) {
        return error;
    }
    check(offset >= segment->base_offset);
    int64_t relative_offset = offset - segment->base_offset;
    int32_t by_offset = sparse_index_find(
        segment->index, relative_offset > INT32_MAX ? INT32_MAX : (int32_t)relative_offset);
    int32_t by_position = sparse_index_find_place(
        segment->index, position > INT32_MAX ? INT32_MAX : (int32_t)position);
    *out = by_offset < by_position ? by_offset : by_position;
    return 0;
}

int segment_find_time(struct segment *segment, int64_t timestamp_ms, int64_t *position)
{
    int error = segment_load(segment);
    if (error != 0) {
        return error;
    }
    const struct sparse_index_time *entry = sparse_index_find_time(segment->index, timestamp_ms);
    if (entry != NULL && segment->is_index_read) {
        error = segment_check_time(segment, entry);
        if (error == ERROR_CORRUPT && segment_doubt_index(segment)) {
            return segment_find_time(segment, timestamp_ms, position);
        }
        if (error != 0) {
            return error;
        }
        entry = sparse_index_find_time(segment->index, timestamp_ms);
    }
    *position = entry == NULL ? 0 : sparse_index_find(segment->index, entry->relative_offset);
    return 0;
}

int segment_read_ages(struct segment *segment)
{
    if (segment->last_append_ms != 0 || segment->size == 0) {
        return 0;
    }
    char path[PATH_MAX];
    segment_path(segment, ".log", path);
    struct io_file_info info;
    int error = io_path_info(segment->home->io, path, &info);
    if (error != 0) {
        return error;
    }
    struct walker walker;
    walker_open(&walker, segment, 0, segment->base_offset, segment->size, false);
    struct batch batch;
    int64_t position = 0;
    int result = walker_next(&walker, &batch, &position);
    walker_close(&walker);
    if (result < 0) {
        return result == ERROR_TRUNCATED ? ERROR_CORRUPT : result;
    }
    int64_t first_ms = result > 0 && batch.max_timestamp > 0 ? batch.max_timestamp : INT64_MAX;
    segment->first_append_ms = first_ms < info.modified_ms ? first_ms : info.modified_ms;
    segment->last_append_ms = info.modified_ms;
    return 0;
}

void segment_check(const struct segment *segment)
{
    check(segment->size >= 0 && segment->size <= SEGMENT_SIZE_MAX);
    check(segment->base_offset <= segment->next_offset);
    check((segment->size == 0) == (segment->base_offset == segment->next_offset));
    check(!segment->is_removed);
    check(segment->aborts != NULL || !segment->is_aborts_dirty);
    if (segment->aborts != NULL) {
        aborted_index_check(segment->aborts);
        check(segment->aborts->count == 0 ||
              segment->aborts->rows[segment->aborts->count - 1].last_offset < segment->next_offset);
    }
    if (segment->index == NULL) {
        return;
    }
    const struct sparse_index *index = segment->index;
    check(segment->max_timestamp_ms != SEGMENT_TIMESTAMP_UNKNOWN || segment->size == 0);
    if (index->entry_count > 0) {
        check(index->entries[index->entry_count - 1].position < segment->size);
        check(index->entries[index->entry_count - 1].relative_offset <
              segment->next_offset - segment->base_offset);
    }
}
