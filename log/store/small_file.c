/* Whole-or-absent files: write beside, sync, rename, sync the directory. */
#include "log/store/small_file.h"

#include "log/base/error.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static int small_file_write_new(struct io *io, const char *path, struct bytes content,
                                bool is_loose)
{
    struct io_file *file = NULL;
    int error = io_file_open(io, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &file);
    if (error != 0) {
        return error;
    }
    error = io_file_truncate(io, file, 0);
    if (error == 0 && content.size > 0) {
        error = io_file_write(io, file, &content, 1, 0);
    }
    if (error == 0 && !is_loose) {
        error = io_file_sync(io, file);
    }
    io_file_close(io, file);
    return error;
}

static int small_file_replace(struct io *io, const char *directory, const char *name,
                              struct bytes content, bool is_loose)
{
    char path[PATH_MAX];
    char path_new[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    snprintf(path_new, sizeof path_new, "%s/%s.tmp", directory, name);
    int error = small_file_write_new(io, path_new, content, is_loose);
    return error == 0 ? io_path_rename(io, path_new, path) : error;
}

int small_file_write_loose(struct io *io, const char *directory, const char *name,
                           struct bytes content)
{
    return small_file_replace(io, directory, name, content, true);
}

int small_file_write(struct io *io, const char *directory, const char *name, struct bytes content)
{
    int error = small_file_replace(io, directory, name, content, false);
    if (error == 0) {
        error = io_dir_sync(io, directory);
        error = error == ERROR_NO_SPACE ? ERROR_IO : error; /* no space: nothing has changed */
    }
    return error;
}

int small_file_read(struct io *io, const char *directory, const char *name, struct buffer *out)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    struct io_file *file = NULL;
    int error = io_file_open(io, path, IO_OPEN_READ, &file);
    if (error != 0) {
        return error;
    }
    uint64_t size = 0;
    error = io_file_size(io, file, &size);
    if (error == 0 && size > SMALL_FILE_SIZE_MAX) {
        error = ERROR_TOO_LARGE;
    }
    if (error == 0) {
        uint8_t *place = buffer_reserve(out, (size_t)size + 1);
        int64_t count = io_file_read(io, file, place, (size_t)size, 0, IO_READ_WAIT);
        if (count < 0) {
            error = (int)count;
        } else {
            out->size += (size_t)count;
        }
    }
    io_file_close(io, file);
    return error;
}

bool small_file_line(struct bytes *text, struct bytes *line)
{
    if (text->size == 0) {
        return false;
    }
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end == NULL ? text->size : (size_t)(end - text->data);
    size_t taken = end == NULL ? size : size + 1;
    *line = bytes_make(text->data, size);
    *text = bytes_make(text->data + taken, text->size - taken);
    return true;
}

struct bytes small_file_word(struct bytes *line)
{
    size_t start = 0;
    while (start < line->size && line->data[start] == ' ') {
        start++;
    }
    size_t end = start;
    while (end < line->size && line->data[end] != ' ') {
        end++;
    }
    struct bytes word = bytes_make(line->data + start, end - start);
    *line = bytes_make(line->data + end, line->size - end);
    return word;
}

int small_file_number(struct bytes *line, int64_t *out)
{
    struct bytes word = small_file_word(line);
    bool is_negative = word.size > 0 && word.data[0] == '-';
    size_t i = is_negative ? 1 : 0;
    if (i == word.size) {
        return ERROR_MALFORMED;
    }
    uint64_t value = 0;
    for (; i < word.size; i++) {
        if (value > (uint64_t)INT64_MAX / 10 || word.data[i] < '0' || word.data[i] > '9') {
            return ERROR_MALFORMED;
        }
        value = value * 10 + (uint64_t)(word.data[i] - '0');
        if (value > (uint64_t)INT64_MAX) {
            return ERROR_MALFORMED;
        }
    }
    *out = is_negative ? -(int64_t)value : (int64_t)value;
    return 0;
}

int small_file_head(struct bytes *text, int64_t *count)
{
    struct bytes line;
    int64_t version = -1;
    if (!small_file_line(text, &line) || small_file_number(&line, &version) != 0 || version != 0) {
        return ERROR_MALFORMED;
    }
    int64_t rows = -1;
    if (!small_file_line(text, &line) || small_file_number(&line, &rows) != 0 || rows < 0) {
        return ERROR_MALFORMED;
    }
    *count = rows;
    return 0;
}
