/* Three small files; see log_points.h. */
#include "log/store/log_points.h"

#include "log/base/crc32c.h"
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/store/small_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char log_points_file[] = "recovery-points";
static const char log_points_recovery_file[] = "recovery-point-offset-checkpoint";
static const char log_points_start_file[] = "log-start-offset-checkpoint";

void log_points_init(struct log_points *points)
{
    *points = (struct log_points){0};
    map_init(&points->rows);
}

void log_points_fini(struct log_points *points)
{
    map_fini(&points->rows, free);
}

static void log_points_put_row(struct log_points *points, struct bytes name,
                               const struct log_point *point)
{
    struct log_point *row = memory_new(struct log_point);
    *row = *point;
    free(map_put(&points->rows, name, row));
}

void log_points_put(struct log_points *points, const char *name, const struct log_point *point)
{
    log_points_put_row(points, bytes_from_string(name), point);
}

const struct log_point *log_points_find(const struct log_points *points, const char *name)
{
    return map_find_string(&points->rows, name);
}

/* Where the partition begins in "topic-partition"; 0 when the name is none. */
static size_t log_points_find_partition(struct bytes name)
{
    size_t at = name.size;
    while (at > 0 && name.data[at - 1] != '-') {
        at--;
    }
    return at > 1 ? at : 0;
}

static int log_points_parse_row(struct log_points *points, struct bytes line)
{
    struct log_point point = {.snapshot_offset = -1};
    struct bytes name = small_file_word(&line);
    if (log_points_find_partition(name) == 0 ||
        small_file_number(&line, &point.start_offset) != 0 ||
        small_file_number(&line, &point.recovery_offset) != 0 ||
        small_file_number(&line, &point.segment_offset) != 0 ||
        small_file_number(&line, &point.position) != 0 ||
        small_file_number(&line, &point.has_producers) != 0 || point.start_offset < 0 ||
        point.recovery_offset < 0 || point.segment_offset < -1 || point.position < 0) {
        return ERROR_CORRUPT;
    }
    /* Rows of before have no more than that. */
    if (line.size > 0 && (small_file_number(&line, &point.snapshot_offset) != 0 ||
                          small_file_number(&line, &point.snapshot_position) != 0 ||
                          point.snapshot_offset < -1 || point.snapshot_position < 0)) {
        return ERROR_CORRUPT;
    }
    log_points_put_row(points, name, &point);
    return 0;
}

/* First line: "1 LENGTH CRC", both of all that follows it. */
static int log_points_parse(struct log_points *points, struct bytes text)
{
    struct bytes line;
    int64_t version = 0;
    int64_t size = 0;
    int64_t crc = 0;
    if (!small_file_line(&text, &line) || small_file_number(&line, &version) != 0 || version != 1 ||
        small_file_number(&line, &size) != 0 || small_file_number(&line, &crc) != 0 ||
        size != (int64_t)text.size || crc != (int64_t)crc32c_update(0, text.data, text.size)) {
        return ERROR_CORRUPT;
    }
    int error = 0;
    while (error == 0 && small_file_line(&text, &line)) {
        error = log_points_parse_row(points, line);
    }
    return error;
}

/* Reads "topic partition offset" rows of Kafka into one field of the points. */
static int log_points_parse_kafka(struct log_points *points, struct bytes text, bool is_start)
{
    int64_t count = 0;
    int error = small_file_head(&text, &count);
    struct bytes line;
    while (error == 0 && small_file_line(&text, &line)) {
        struct bytes topic = small_file_word(&line);
        int64_t partition = 0;
        int64_t offset = 0;
        if (topic.size == 0 || small_file_number(&line, &partition) != 0 ||
            small_file_number(&line, &offset) != 0 || partition < 0 || offset < 0) {
            return ERROR_CORRUPT;
        }
        struct buffer name;
        buffer_init(&name);
        buffer_add_bytes(&name, topic);
        buffer_printf(&name, "-%" PRId64, partition);
        struct log_point *row = map_find(&points->rows, buffer_bytes(&name));
        struct log_point point = {.segment_offset = -1, .has_producers = 1, .snapshot_offset = -1};
        point = row != NULL ? *row : point;
        *(is_start ? &point.start_offset : &point.recovery_offset) = offset;
        log_points_put_row(points, buffer_bytes(&name), &point);
        buffer_fini(&name);
        points->is_foreign = true;
    }
    return error;
}

static int log_points_read_kafka(struct log_points *points, struct io *io, const char *directory)
{
    const char *names[] = {log_points_recovery_file, log_points_start_file};
    for (int i = 0; i < 2; i++) {
        struct buffer text;
        buffer_init(&text);
        int error = small_file_read(io, directory, names[i], &text);
        int parse_error =
            error == 0 ? log_points_parse_kafka(points, buffer_bytes(&text), i == 1) : 0;
        buffer_fini(&text);
        if (error != 0 && error != ERROR_NOT_FOUND) {
            return error;
        }
        if (parse_error != 0) {
            trace(TRACE_WARN, "log_points.file_damaged", TRACE_STRING("file", names[i]));
        }
    }
    return 0;
}

int log_points_read(struct log_points *points, struct io *io, const char *directory)
{
    struct buffer text;
    buffer_init(&text);
    int error = small_file_read(io, directory, log_points_file, &text);
    if (error == 0) {
        error = log_points_parse(points, buffer_bytes(&text));
        points->is_whole = error == 0;
    }
    buffer_fini(&text);
    if (error == ERROR_CORRUPT || error == ERROR_TOO_LARGE) {
        trace(TRACE_WARN, "log_points.file_damaged", TRACE_STRING("file", log_points_file));
        log_points_fini(points);
        log_points_init(points);
        return log_points_read_kafka(points, io, directory);
    }
    return error == ERROR_NOT_FOUND ? log_points_read_kafka(points, io, directory) : error;
}

static void log_points_write_kafka_row(struct buffer *out, struct bytes name, int64_t offset)
{
    size_t partition = log_points_find_partition(name);
    check(partition > 0);
    buffer_printf(out, "%.*s %.*s %" PRId64 "\n", (int)(partition - 1), (const char *)name.data,
                  (int)(name.size - partition), (const char *)name.data + partition, offset);
}

static int log_points_write_kafka(const struct log_points *points, struct io *io,
                                  const char *directory, bool is_start)
{
    struct buffer rows;
    struct buffer text;
    buffer_init(&rows);
    buffer_init(&text);
    int64_t count = 0;
    for (map_each (&points->rows, entry)) {
        const struct log_point *point = entry->value;
        int64_t offset = is_start ? point->start_offset : point->recovery_offset;
        if (offset > 0 || !is_start) {
            log_points_write_kafka_row(&rows, entry->key, offset);
            count++;
        }
    }
    buffer_printf(&text, "0\n%" PRId64 "\n", count);
    buffer_add_bytes(&text, buffer_bytes(&rows));
    const char *name = is_start ? log_points_start_file : log_points_recovery_file;
    int error = small_file_write(io, directory, name, buffer_bytes(&text));
    buffer_fini(&rows);
    buffer_fini(&text);
    return error;
}

int log_points_write(const struct log_points *points, struct io *io, const char *directory)
{
    struct buffer rows;
    struct buffer text;
    buffer_init(&rows);
    buffer_init(&text);
    for (map_each (&points->rows, entry)) {
        const struct log_point *point = entry->value;
        buffer_add_bytes(&rows, entry->key);
        buffer_printf(&rows,
                      " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                      " %" PRId64 "\n",
                      point->start_offset, point->recovery_offset, point->segment_offset,
                      point->position, point->has_producers, point->snapshot_offset,
                      point->snapshot_position);
    }
    struct bytes body = buffer_bytes(&rows);
    buffer_printf(&text, "1 %zu %" PRIu32 "\n", body.size, crc32c_update(0, body.data, body.size));
    buffer_add_bytes(&text, body);
    int error = small_file_write(io, directory, log_points_file, buffer_bytes(&text));
    buffer_fini(&rows);
    buffer_fini(&text);
    /* The files for people may lag behind when the disk is full; ours may not fail half way. */
    for (int i = 0; error == 0 && i < 2; i++) {
        error = log_points_write_kafka(points, io, directory, i == 1);
        error = error == ERROR_NO_SPACE ? 0 : error;
    }
    return error;
}
