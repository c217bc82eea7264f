/* See audit.h. Each file is judged alone, then against the batches of its segment. */
#include "runtime/cli/audit.h"

#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/text.h"
#include "runtime/cli/segment_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INDEX_ENTRY_SIZE = 8,
    TIME_ENTRY_SIZE = 12,
    ABORTED_ROW_SIZE = 34,
    OFFSET_DIGITS = 20,
    SMALL_FILE_MAX = 256 << 20,
    INFLATED_MAX = 512 << 20,
    SNAPSHOT_HEAD_SIZE = 6,
    SNAPSHOT_VERSION = 1,
};

struct epoch_row {
    int64_t epoch;
    int64_t start_offset;
};

/* One log while it is judged. */
struct trial {
    struct audit *audit;
    const char *directory;
    const char *file; /* that is looked at */
    int64_t next_offset;
    int32_t last_epoch;
    struct epoch_row *epochs; /* of the checkpoint */
    size_t epoch_count;
    bool has_checkpoint;
};

/* One segment while it is judged. */
struct passage {
    int64_t base_offset;
    struct buffer index;
    size_t index_place; /* of the next entry to be met */
};

__attribute__((format(printf, 2, 3))) static void blame(struct trial *trial, const char *format,
                                                        ...)
{
    struct buffer *out = trial->audit->problems;
    buffer_printf(out, "%s/%s: ", trial->directory, trial->file);
    va_list arguments;
    va_start(arguments, format);
    buffer_vprintf(out, format, arguments);
    va_end(arguments);
    buffer_add_byte(out, '\n');
    trial->audit->problem_count++;
}

static void add_name(void *owner, const char *entry, bool is_directory)
{
    (void)is_directory;
    struct audit_names *names = owner;
    names->items = memory_resize(names->items, (names->count + 1) * sizeof(*names->items));
    names->items[names->count++] = memory_string(entry);
}

void audit_names_free(struct audit_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        free(names->items[i]);
    }
    free(names->items);
    *names = (struct audit_names){0};
}

int audit_list(struct io *io, const char *path, struct audit_names *out)
{
    struct audit_names names = {0};
    int error = io_dir_list(io, path, add_name, &names);
    if (error != 0) {
        audit_names_free(&names);
        return error;
    }
    *out = names;
    return 0;
}

bool audit_is_segment_file(const char *name, const char *suffix, int64_t *base_offset)
{
    size_t digits = strspn(name, "0123456789");
    if (digits != OFFSET_DIGITS || strcmp(name + digits, suffix) != 0) {
        return false;
    }
    char number[OFFSET_DIGITS + 1];
    memcpy(number, name, OFFSET_DIGITS);
    number[OFFSET_DIGITS] = '\0';
    return text_parse_int64(number, base_offset) == 0;
}

/* Reads a whole file of the log that is not a segment. */
static int read_file(struct trial *trial, const char *name, struct buffer *out)
{
    struct io *io = trial->audit->io;
    struct buffer path;
    struct io_file *file;
    buffer_init(&path);
    buffer_printf(&path, "%s/%s", trial->directory, name);
    int error = io_file_open(io, buffer_string(&path), IO_OPEN_READ, &file);
    buffer_fini(&path);
    if (error != 0) {
        return error;
    }
    uint64_t size = 0;
    error = io_file_size(io, file, &size);
    if (error == 0 && size > SMALL_FILE_MAX) {
        error = ERROR_TOO_LARGE;
    }
    if (error == 0) {
        int64_t count = io_file_read(io, file, buffer_reserve(out, (size_t)size), (size_t)size, 0,
                                     IO_READ_WAIT);
        error = count < 0 ? (int)count : 0;
        out->size += count < 0 ? 0 : (size_t)count;
    }
    io_file_close(io, file);
    return error;
}

/* Records of a batch whose CRC is right. */
static void judge_records(struct trial *trial, const struct batch *batch, uint64_t position)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int result = batch_iterator_open(&iterator, batch, INFLATED_MAX);
    if (result != 0) {
        blame(trial, "batch at %llu: its records cannot be read: %s", (unsigned long long)position,
              error_text(result));
        return;
    }
    do {
        result = batch_iterator_next(&iterator, &record);
        trial->audit->record_count += result == 1;
    } while (result == 1);
    batch_iterator_close(&iterator);
    if (result != 0) {
        blame(trial, "batch at %llu: a record is not valid: %s", (unsigned long long)position,
              error_text(result));
    }
}

/* Index entries up to this batch: each names its position and its last offset. */
static void judge_index_entries(struct trial *trial, struct passage *passage,
                                const struct batch *batch, uint64_t position)
{
    while (passage->index_place + INDEX_ENTRY_SIZE <= passage->index.size) {
        const uint8_t *entry = passage->index.data + passage->index_place;
        int64_t offset = passage->base_offset + (int64_t)endian_read_u32(entry);
        uint64_t place = endian_read_u32(entry + 4);
        if (place > position) {
            return;
        }
        passage->index_place += INDEX_ENTRY_SIZE;
        if (place < position) {
            blame(trial, "an index entry for offset %lld points at %llu, where no batch begins",
                  (long long)offset, (unsigned long long)place);
        } else if (offset < batch->base_offset || offset > batch_last_offset(batch)) {
            blame(trial, "an index entry for offset %lld points at the batch of %lld to %lld",
                  (long long)offset, (long long)batch->base_offset,
                  (long long)batch_last_offset(batch));
        }
    }
}

static void judge_epoch(struct trial *trial, const struct batch *batch)
{
    if (batch->leader_epoch < trial->last_epoch) {
        blame(trial, "leader epoch %d at offset %lld falls below %d", batch->leader_epoch,
              (long long)batch->base_offset, trial->last_epoch);
        return;
    }
    if (batch->leader_epoch == trial->last_epoch) {
        return;
    }
    trial->last_epoch = batch->leader_epoch;
    for (size_t i = 0; i < trial->epoch_count; i++) {
        const struct epoch_row *row = &trial->epochs[i];
        if (row->epoch == batch->leader_epoch) {
            /* The first row begins where the log does, which may be inside a batch or segment. */
            if (i > 0 && row->start_offset > batch->base_offset) {
                blame(trial, "leader epoch %d begins at %lld, but the checkpoint says %lld",
                      batch->leader_epoch, (long long)batch->base_offset,
                      (long long)row->start_offset);
            }
            return;
        }
    }
    if (trial->has_checkpoint) {
        blame(trial, "leader epoch %d at offset %lld is missing in leader-epoch-checkpoint",
              batch->leader_epoch, (long long)batch->base_offset);
    }
}

static void judge_batch(struct trial *trial, struct passage *passage, const struct batch *batch,
                        uint64_t position)
{
    trial->audit->batch_count++;
    if (batch->base_offset < trial->next_offset || batch->base_offset < passage->base_offset) {
        blame(trial, "batch at %llu: base offset %lld does not rise (expected %lld or more)",
              (unsigned long long)position, (long long)batch->base_offset,
              (long long)trial->next_offset);
    }
    if (!batch_crc_matches(batch)) {
        blame(trial, "batch at %llu: the CRC of offsets %lld to %lld does not match",
              (unsigned long long)position, (long long)batch->base_offset,
              (long long)batch_last_offset(batch));
    } else {
        judge_records(trial, batch, position);
    }
    judge_epoch(trial, batch);
    judge_index_entries(trial, passage, batch, position);
    if (batch_next_offset(batch) > trial->next_offset) {
        trial->next_offset = batch_next_offset(batch);
    }
}

/* Takes away the zeroes with which an index may be preallocated, as an Apache Kafka that did not
 * stop leaves it. One of nothing else has no entries; a single entry of zeroes may be one. */
static void trim_zeroes(struct buffer *index, size_t entry_size)
{
    static const uint8_t zeroes[TIME_ENTRY_SIZE];
    size_t size = index->size - index->size % entry_size;
    size_t kept = size;
    while (kept > 0 && memcmp(index->data + kept - entry_size, zeroes, entry_size) == 0) {
        kept -= entry_size;
    }
    bool is_one = kept == 0 && size == entry_size;
    index->size = is_one ? size : kept;
}

static void load_index(struct trial *trial, struct passage *passage)
{
    char name[OFFSET_DIGITS + 16];
    snprintf(name, sizeof(name), "%020lld.index", (long long)passage->base_offset);
    int error = read_file(trial, name, &passage->index);
    if (error == ERROR_NOT_FOUND) {
        return; /* it is rebuilt when it is needed */
    }
    if (error != 0) {
        blame(trial, "its index cannot be read: %s", error_text(error));
        return;
    }
    if (passage->index.size % INDEX_ENTRY_SIZE != 0) {
        blame(trial, "its index has %zu bytes, no multiple of %d", passage->index.size,
              INDEX_ENTRY_SIZE);
    }
    trim_zeroes(&passage->index, INDEX_ENTRY_SIZE);
    for (size_t at = INDEX_ENTRY_SIZE; at + INDEX_ENTRY_SIZE <= passage->index.size;
         at += INDEX_ENTRY_SIZE) {
        const uint8_t *entry = passage->index.data + at;
        if (endian_read_u32(entry) <= endian_read_u32(entry - INDEX_ENTRY_SIZE) ||
            endian_read_u32(entry + 4) <= endian_read_u32(entry - INDEX_ENTRY_SIZE + 4)) {
            blame(trial, "index entry %zu does not rise", at / INDEX_ENTRY_SIZE);
            passage->index.size = at;
        }
    }
}

static void judge_time_index(struct trial *trial, int64_t base_offset)
{
    struct buffer times;
    buffer_init(&times);
    int error = read_file(trial, trial->file, &times);
    if (error != 0) {
        blame(trial, "cannot be read: %s", error_text(error));
    } else if (times.size % TIME_ENTRY_SIZE != 0) {
        blame(trial, "has %zu bytes, no multiple of %d", times.size, TIME_ENTRY_SIZE);
    }
    trim_zeroes(&times, TIME_ENTRY_SIZE);
    int64_t last_time = INT64_MIN, last_offset = -1;
    for (size_t at = 0; at + TIME_ENTRY_SIZE <= times.size; at += TIME_ENTRY_SIZE) {
        int64_t time = (int64_t)endian_read_u64(times.data + at);
        int64_t offset = base_offset + (int64_t)endian_read_u32(times.data + at + 8);
        if (time < last_time || offset < last_offset) {
            blame(trial, "entry %zu does not rise", at / TIME_ENTRY_SIZE);
            break;
        }
        last_time = time;
        last_offset = offset;
    }
    buffer_fini(&times);
}

/* Rows of version 0 whose markers rise, each behind the beginning of its transaction. */
static void judge_aborted(struct trial *trial)
{
    struct buffer rows;
    int64_t last_marker = -1;
    buffer_init(&rows);
    int error = read_file(trial, trial->file, &rows);
    if (error != 0) {
        blame(trial, "cannot be read: %s", error_text(error));
    } else if (rows.size % ABORTED_ROW_SIZE != 0) {
        blame(trial, "has %zu bytes, no multiple of %d", rows.size, ABORTED_ROW_SIZE);
    }
    for (size_t at = 0; at + ABORTED_ROW_SIZE <= rows.size; at += ABORTED_ROW_SIZE) {
        const uint8_t *row = rows.data + at;
        int64_t first = (int64_t)endian_read_u64(row + 10);
        int64_t marker = (int64_t)endian_read_u64(row + 18);
        if (endian_read_u16(row) != 0 || first >= marker || marker <= last_marker) {
            blame(trial, "row %zu is no aborted transaction behind the one before it",
                  at / ABORTED_ROW_SIZE);
            break;
        }
        last_marker = marker;
    }
    buffer_fini(&rows);
}

static void judge_snapshot(struct trial *trial)
{
    struct buffer content;
    buffer_init(&content);
    int error = read_file(trial, trial->file, &content);
    if (error != 0) {
        blame(trial, "cannot be read: %s", error_text(error));
    } else if (content.size < SNAPSHOT_HEAD_SIZE) {
        blame(trial, "is too short for a producer snapshot");
    } else if (endian_read_u16(content.data) != SNAPSHOT_VERSION) {
        blame(trial, "has version %u; only %d is known", endian_read_u16(content.data),
              SNAPSHOT_VERSION);
    } else if (endian_read_u32(content.data + 2) !=
               crc32c_update(0, content.data + SNAPSHOT_HEAD_SIZE,
                             content.size - SNAPSHOT_HEAD_SIZE)) {
        blame(trial, "the CRC of the producer snapshot does not match");
    }
    buffer_fini(&content);
}

static void judge_segment(struct trial *trial, int64_t base_offset)
{
    struct audit *audit = trial->audit;
    struct passage passage = {.base_offset = base_offset};
    struct segment_reader reader;
    struct buffer path;
    buffer_init(&path);
    buffer_init(&passage.index);
    buffer_printf(&path, "%s/%s", trial->directory, trial->file);
    int result = segment_reader_open(&reader, audit->io, buffer_string(&path));
    buffer_fini(&path);
    if (result != 0) {
        blame(trial, "cannot be read: %s", error_text(result));
        buffer_fini(&passage.index);
        return;
    }
    audit->segment_count++;
    audit->size += (int64_t)reader.size;
    load_index(trial, &passage);
    if (base_offset < trial->next_offset) {
        blame(trial, "begins below %lld, where the segment before it ends",
              (long long)trial->next_offset);
    }
    struct batch batch;
    uint64_t position;
    while ((result = segment_reader_next(&reader, &batch, &position)) == 1) {
        judge_batch(trial, &passage, &batch, position);
    }
    if (result != 0) {
        blame(trial, "no whole batch at %llu of %llu bytes: %s",
              (unsigned long long)reader.position, (unsigned long long)reader.size,
              error_text(result));
    } else if (passage.index_place + INDEX_ENTRY_SIZE <= passage.index.size) {
        blame(trial, "an index entry points at %u, beyond the last batch",
              endian_read_u32(passage.index.data + passage.index_place + 4));
    }
    segment_reader_close(&reader);
    buffer_fini(&passage.index);
}

/* Takes one line and then one word off the front. */
static bool take_until(struct bytes *text, char end, struct bytes *out)
{
    if (text->size == 0) {
        return false;
    }
    const uint8_t *found = memchr(text->data, end, text->size);
    size_t size = found == NULL ? text->size : (size_t)(found - text->data);
    *out = bytes_make(text->data, size);
    size_t used = size + (found != NULL);
    *text = bytes_make(text->data + used, text->size - used);
    return true;
}

static bool take_number(struct bytes *text, char end, int64_t *out)
{
    struct bytes word;
    if (!take_until(text, end, &word)) {
        return false;
    }
    char *copy = bytes_to_string(word);
    bool is_good = text_parse_int64(copy, out) == 0;
    free(copy);
    return is_good;
}

static bool read_epochs(struct trial *trial, struct bytes text)
{
    int64_t version, count;
    if (!take_number(&text, '\n', &version) || version != 0 || !take_number(&text, '\n', &count) ||
        count < 0 || count > (int64_t)text.size) {
        return false;
    }
    trial->epochs = memory_zero((size_t)count + 1, sizeof(*trial->epochs));
    for (int64_t i = 0; i < count; i++) {
        struct epoch_row *row = &trial->epochs[trial->epoch_count];
        struct bytes line;
        if (!take_until(&text, '\n', &line) || !take_number(&line, ' ', &row->epoch) ||
            !take_number(&line, '\n', &row->start_offset)) {
            return false;
        }
        trial->epoch_count++;
    }
    return true;
}

static void load_epochs(struct trial *trial)
{
    struct buffer content;
    buffer_init(&content);
    trial->file = "leader-epoch-checkpoint";
    int error = read_file(trial, trial->file, &content);
    if (error != 0 && error != ERROR_NOT_FOUND) {
        blame(trial, "cannot be read: %s", error_text(error));
    }
    if (error == 0) {
        trial->has_checkpoint = read_epochs(trial, buffer_bytes(&content));
        if (!trial->has_checkpoint) {
            blame(trial, "does not follow its format");
        }
    }
    for (size_t i = 1; i < trial->epoch_count; i++) {
        if (trial->epochs[i].epoch <= trial->epochs[i - 1].epoch ||
            trial->epochs[i].start_offset <= trial->epochs[i - 1].start_offset) {
            blame(trial, "epoch %lld does not rise above %lld", (long long)trial->epochs[i].epoch,
                  (long long)trial->epochs[i - 1].epoch);
        }
    }
    buffer_fini(&content);
}

static void judge_epoch_end(struct trial *trial)
{
    if (trial->epoch_count == 0) {
        return;
    }
    const struct epoch_row *last = &trial->epochs[trial->epoch_count - 1];
    trial->file = "leader-epoch-checkpoint";
    if (last->start_offset > trial->next_offset) {
        blame(trial, "epoch %lld begins at %lld, beyond the end of the log at %lld",
              (long long)last->epoch, (long long)last->start_offset, (long long)trial->next_offset);
    }
}

static void judge_log(struct audit *audit, const char *directory, const struct audit_names *names)
{
    struct trial trial = {.audit = audit, .directory = directory, .last_epoch = -1};
    audit->log_count++;
    load_epochs(&trial);
    for (size_t i = 0; i < names->count; i++) {
        int64_t base_offset;
        trial.file = names->items[i];
        if (audit_is_segment_file(trial.file, ".log", &base_offset)) {
            judge_segment(&trial, base_offset);
            trial.next_offset = base_offset > trial.next_offset ? base_offset : trial.next_offset;
        } else if (audit_is_segment_file(trial.file, ".timeindex", &base_offset)) {
            judge_time_index(&trial, base_offset);
        } else if (audit_is_segment_file(trial.file, ".txnindex", &base_offset)) {
            judge_aborted(&trial);
        } else if (audit_is_segment_file(trial.file, ".snapshot", &base_offset)) {
            judge_snapshot(&trial);
        }
    }
    judge_epoch_end(&trial);
    audit->end_offset = trial.next_offset;
    free(trial.epochs);
}

/* "orders-0": the directory of a log that is not deleted. */
static bool is_log_name(const char *name)
{
    const char *dash = strrchr(name, '-');
    return dash != NULL && dash != name && dash[1] != '\0' &&
           strspn(dash + 1, "0123456789") == strlen(dash + 1);
}

static bool has_segment(const struct audit_names *names)
{
    int64_t base_offset;
    for (size_t i = 0; i < names->count; i++) {
        if (audit_is_segment_file(names->items[i], ".log", &base_offset)) {
            return true;
        }
    }
    return false;
}

static int audit_entry(struct audit *audit, const char *parent, const char *name)
{
    struct buffer path;
    struct io_file_info info;
    struct audit_names names;
    buffer_init(&path);
    buffer_printf(&path, "%s/%s", parent, name);
    int error = io_path_info(audit->io, buffer_string(&path), &info);
    if (error == 0 && info.is_directory) {
        error = audit_list(audit->io, buffer_string(&path), &names);
        if (error == 0) {
            judge_log(audit, buffer_string(&path), &names);
            audit_names_free(&names);
        }
    }
    buffer_fini(&path);
    return error;
}

int audit_directory(struct audit *audit, const char *path)
{
    struct audit_names names;
    int error = audit_list(audit->io, path, &names);
    if (error != 0) {
        return error;
    }
    if (has_segment(&names)) {
        judge_log(audit, path, &names);
    }
    for (size_t i = 0; i < names.count && error == 0; i++) {
        if (is_log_name(names.items[i])) {
            error = audit_entry(audit, path, names.items[i]);
        }
    }
    audit_names_free(&names);
    return error;
}
