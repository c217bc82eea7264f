/* Reads lines of one generation and emits them with the offset of its stream.
 *
 * Reading always starts at the generation's position, into one window that all files share, so
 * memory does not grow with the number of files. The position moves only after the host took the
 * records; the last record of each batch carries the offset that covers all of them.
 * Owns:   the window and the scratch of one batch.
 * Thread: the task's. */
#pragma once

#include "connectors/file/stream.h"
#include "connectors/shared/builder.h"
#include "runtime/plugin/tidemill.h"

enum { READER_BATCH_MAX = 512, READER_HEADER_MAX = 3 };

struct reader {
    struct tidemill_context *context;
    size_t line_size_max;
    bool has_key;                        /* the path */
    bool has_file_header;                /* "file" */
    bool has_offset_header;              /* "offset": the position of the line's first byte */
    const struct generation *generation; /* whose bytes are in the window; NULL for none */
    int window_descriptor;
    int64_t window_position;
    size_t window_size;
    size_t window_capacity;
    char *window;
    struct tidemill_record records[READER_BATCH_MAX];
    struct tidemill_header headers[READER_BATCH_MAX][READER_HEADER_MAX];
    char offsets[READER_BATCH_MAX][24];
    struct builder source_offset;
};

/* What one poll may still emit. */
struct reader_budget {
    size_t record_count;
    size_t byte_count;
    size_t emitted_count;
};

void reader_init(struct reader *reader, struct tidemill_context *context);
void reader_fini(struct reader *reader);
/* The generation is about to be freed or closed. */
void reader_forget(struct reader *reader, const struct generation *generation);
/* Emits lines until the budget or the file ends; `is_at_end` tells which. With `is_flushing` an
 * unfinished last line is emitted too, unless the file grew just now. Anything but OK comes from
 * the host's emit. */
enum tidemill_status reader_read(struct reader *reader, struct stream *stream,
                                 struct generation *generation, struct reader_budget *budget,
                                 bool is_flushing, bool *is_at_end);
