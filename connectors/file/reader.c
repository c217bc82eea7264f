/* Reads lines of one file and hands them to the host. See reader.h. */
#include "connectors/file/reader.h"

#include "connectors/file/checkpoint.h"
#include "connectors/file/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { WINDOW_SIZE = 256 * 1024 };

void reader_init(struct reader *reader, struct tidemill_context *context)
{
    reader->context = context;
    reader->line_size_max = (size_t)tidemill_option_integer(context, "max_line_bytes");
    reader->has_key = tidemill_option_integer(context, "key") == 0;
    reader->has_file_header = tidemill_option_bool(context, "file_header");
    reader->has_offset_header = tidemill_option_bool(context, "offset_header");
    reader->window_capacity = WINDOW_SIZE;
    reader->window = builder_alloc(reader->window_capacity, 1);
}

void reader_fini(struct reader *reader)
{
    free(reader->window);
    builder_fini(&reader->source_offset);
}

void reader_forget(struct reader *reader, const struct generation *generation)
{
    if (reader->generation == generation) {
        reader->generation = NULL;
    }
}

static void count(struct reader *reader, const char *name, int64_t amount)
{
    if (amount > 0) {
        reader->context->host->metric_add(reader->context, name, (double)amount);
    }
}

/* Notices that the file was truncated or rewritten in place since the last look. */
static void notice_changes(struct reader *reader, struct generation *generation)
{
    struct stat status;
    if (fstat(generation->descriptor, &status) != 0) {
        return;
    }
    int64_t modified_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000;
    if (status.st_size == generation->seen_size && modified_ms == generation->modified_ms) {
        return;
    }
    bool is_rewritten =
        status.st_size < generation->position ||
        !fingerprint_tail_agrees(generation->descriptor, generation->position, &generation->mark);
    if (generation->position > 0 && is_rewritten) {
        tidemill_log(reader->context, TIDEMILL_WARN,
                     "%s was truncated at or before byte %lld; reading it from the start",
                     generation->path, (long long)generation->position);
        count(reader, "truncated_total", 1);
        generation_reset(generation);
        reader_forget(reader, generation);
    }
    generation->seen_size = status.st_size;
    generation->modified_ms = modified_ms;
    generation->changed_ms = reader->context->host->now_ms(reader->context);
}

/* Reads on from the position; false when there is nothing more than the window holds already. */
static bool fill_window(struct reader *reader, struct generation *generation)
{
    notice_changes(reader, generation);
    bool is_same = reader->generation == generation &&
                   reader->window_descriptor == generation->descriptor &&
                   reader->window_position == generation->position;
    size_t before = is_same ? reader->window_size : 0;
    if (is_same && before == reader->window_capacity) {
        size_t capacity = reader->window_capacity * 2;
        reader->window = builder_resize(reader->window, capacity, 1);
        reader->window_capacity = capacity;
    }
    ssize_t size;
    do {
        size = pread(generation->descriptor, reader->window, reader->window_capacity,
                     generation->position);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        tidemill_log(reader->context, TIDEMILL_ERROR, "%s cannot be read: %s", generation->path,
                     strerror(errno));
        size = 0;
    }
    reader->generation = generation;
    reader->window_descriptor = generation->descriptor;
    reader->window_position = generation->position;
    reader->window_size = (size_t)size;
    return (size_t)size > before;
}

static struct lines window_lines(struct reader *reader, const struct generation *generation)
{
    struct lines lines = {.at = reader->window,
                          .end = reader->window,
                          .line_size_max = reader->line_size_max,
                          .is_skipping = generation->is_skipping};
    int64_t used = generation->position - reader->window_position;
    if (reader->generation == generation && reader->window_descriptor == generation->descriptor &&
        used >= 0 && (size_t)used <= reader->window_size) {
        lines.at = reader->window + used;
        lines.end = reader->window + reader->window_size;
    }
    return lines;
}

static void add_header(struct tidemill_record *record, struct tidemill_header *headers,
                       const char *name, const char *value)
{
    headers[record->header_count++] = (struct tidemill_header){
        .name = tidemill_bytes_make(name, strlen(name)),
        .value = tidemill_bytes_make(value, strlen(value)),
    };
    record->headers = headers;
}

static void make_record(struct reader *reader, const struct stream *stream, size_t index,
                        const struct line *line)
{
    struct tidemill_record *record = &reader->records[index];
    *record =
        tidemill_record_make(tidemill_bytes_null(), tidemill_bytes_make(line->text, line->size));
    if (reader->has_key) {
        record->key = tidemill_bytes_make(stream->path, strlen(stream->path));
    }
    if (reader->has_file_header) {
        add_header(record, reader->headers[index], "file", stream->path);
    }
    if (reader->has_offset_header) {
        snprintf(reader->offsets[index], sizeof reader->offsets[index], "%lld",
                 (long long)(reader->window_position + (line->text - reader->window)));
        add_header(record, reader->headers[index], "offset", reader->offsets[index]);
    }
    if (line->is_truncated) {
        add_header(record, reader->headers[index], "truncated", "true");
        count(reader, "truncated_lines_total", 1);
    }
}

/* Cuts the next batch; returns the number of records and leaves `lines` behind the last one. */
static size_t collect(struct reader *reader, const struct stream *stream, struct lines *lines,
                      struct reader_budget *budget, bool is_flushing)
{
    size_t record_count = 0;
    size_t byte_count = 0;
    struct line line;
    while (record_count < READER_BATCH_MAX && record_count < budget->record_count &&
           byte_count < budget->byte_count) {
        bool has_line = lines_next(lines, &line) || (is_flushing && lines_flush(lines, &line));
        if (!has_line) {
            break;
        }
        make_record(reader, stream, record_count++, &line);
        byte_count += line.size + 1;
    }
    budget->record_count -= record_count;
    budget->byte_count -= byte_count < budget->byte_count ? byte_count : budget->byte_count;
    return record_count;
}

/* Moves the position to where `lines` stands, hands the batch to the host, and moves back when the
 * host did not take it. */
static enum tidemill_status commit(struct reader *reader, struct stream *stream,
                                   struct generation *generation, const struct lines *lines,
                                   size_t record_count)
{
    struct generation before = *generation;
    generation->position = reader->window_position + (lines->at - reader->window);
    generation->line_count += lines->line_count;
    generation->is_skipping = lines->is_skipping;
    (void)fingerprint_take(generation->descriptor, generation->position, &generation->mark);
    if (record_count == 0) {
        return TIDEMILL_OK;
    }
    generation->has_begun = true;
    builder_clear(&reader->source_offset);
    checkpoint_write(stream, &reader->source_offset);
    struct tidemill_record *last = &reader->records[record_count - 1];
    last->source_partition = stream->source_partition;
    last->source_offset = builder_text(&reader->source_offset);
    const struct tidemill_host *host = reader->context->host;
    enum tidemill_status status = host->emit(reader->context, reader->records, record_count);
    if (status != TIDEMILL_OK) {
        *generation = before;
    }
    return status;
}

enum tidemill_status reader_read(struct reader *reader, struct stream *stream,
                                 struct generation *generation, struct reader_budget *budget,
                                 bool is_flushing, bool *is_at_end)
{
    *is_at_end = false;
    bool is_ending = false;
    bool has_grown = false;
    while (budget->record_count > 0 && budget->byte_count > 0) {
        struct lines lines = window_lines(reader, generation);
        const char *from = lines.at;
        size_t record_count =
            collect(reader, stream, &lines, budget, is_flushing && is_ending && !has_grown);
        if (lines.at > from) {
            enum tidemill_status status = commit(reader, stream, generation, &lines, record_count);
            if (status != TIDEMILL_OK) {
                return status;
            }
            budget->emitted_count += record_count;
            count(reader, "nul_bytes_total", lines.nul_count);
            is_ending = false;
            continue;
        }
        if (is_ending) {
            *is_at_end = true;
            return TIDEMILL_OK;
        }
        is_ending = !fill_window(reader, generation);
        has_grown = has_grown || !is_ending;
    }
    return TIDEMILL_OK;
}
