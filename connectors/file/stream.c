/* Keeps the list of files behind one path. See stream.h. */
#include "connectors/file/stream.h"

#include "connectors/file/rotation.h"
#include "connectors/shared/json.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct stream *stream_new(const char *path)
{
    struct stream *stream = builder_alloc(1, sizeof *stream);
    struct builder partition = {.data = NULL};
    builder_add_text(&partition, "{\"path\":");
    json_write_text(&partition, path, strlen(path));
    builder_add_byte(&partition, '}');
    stream->path = builder_copy(path);
    stream->source_partition = builder_copy(builder_text(&partition));
    builder_fini(&partition);
    return stream;
}

void stream_free(struct stream *stream)
{
    if (stream == NULL) {
        return;
    }
    for (size_t i = 0; i < stream->count; i++) {
        generation_free(stream->generations[i]);
    }
    free(stream->generations);
    free(stream->source_partition);
    free(stream->path);
    free(stream);
}

void stream_add(struct stream *stream, struct generation *generation)
{
    if (stream->count == stream->capacity) {
        stream->capacity = stream->capacity * 2 + 4;
        stream->generations =
            builder_resize(stream->generations, stream->capacity, sizeof *stream->generations);
    }
    stream->generations[stream->count++] = generation;
}

struct generation *stream_newest(const struct stream *stream)
{
    return stream->count == 0 ? NULL : stream->generations[stream->count - 1];
}

struct generation *stream_current(const struct stream *stream)
{
    for (size_t i = stream->count; i > 0; i--) {
        if (stream->generations[i - 1]->has_begun) {
            return stream->generations[i - 1];
        }
    }
    return NULL;
}

static bool is_same_file(const struct generation *generation, const char *path,
                         const struct stat *status)
{
    if (generation->device != status->st_dev || generation->inode != status->st_ino) {
        return false;
    }
    if (generation->descriptor >= 0) {
        return true;
    }
    /* The inode may have been reused since the file was closed. */
    int descriptor = generation->position == 0 ? -1 : generation_open_file(path);
    bool agrees =
        descriptor >= 0 && fingerprint_agrees(descriptor, generation->position, &generation->mark);
    if (descriptor >= 0) {
        close(descriptor);
    }
    return agrees;
}

bool stream_has_file(const struct stream *stream, const char *path, const struct stat *status)
{
    for (size_t i = 0; i < stream->count; i++) {
        if (is_same_file(stream->generations[i], path, status)) {
            return true;
        }
    }
    return false;
}

static void mark_rotated(struct generation *generation, int64_t now_ms)
{
    if (generation != NULL && !generation->is_rotated) {
        generation->is_rotated = true;
        generation->changed_ms = now_ms;
    }
}

/* The files that had the path after `previous` and before the one that has it now (NULL for none).
 */
static void add_missed(struct stream *stream, const struct generation *previous,
                       const struct stat *current, int64_t now_ms)
{
    struct rotation_files files;
    rotation_find_newer(stream->path, previous, &files);
    for (size_t i = 0; i < files.count; i++) {
        struct stat status;
        int descriptor = generation_open_file(files.paths[i]);
        if (descriptor < 0 || fstat(descriptor, &status) != 0) {
            continue;
        }
        bool is_current =
            current != NULL && status.st_dev == current->st_dev && status.st_ino == current->st_ino;
        if (is_current || stream_has_file(stream, files.paths[i], &status)) {
            close(descriptor);
            continue;
        }
        struct generation *missed = generation_new(files.paths[i], descriptor);
        mark_rotated(missed, now_ms);
        stream_add(stream, missed);
    }
    rotation_files_fini(&files);
}

/* Files may have come and gone at the path, renamed between two looks. */
static enum stream_event path_is_gone(struct stream *stream, int64_t now_ms)
{
    struct generation *newest = stream_newest(stream);
    if (newest == NULL) {
        return STREAM_SAME;
    }
    bool is_news = !newest->is_rotated;
    mark_rotated(newest, now_ms);
    add_missed(stream, newest, NULL, now_ms);
    return is_news ? STREAM_REMOVED : STREAM_SAME;
}

/* The path has a file that is not the newest generation: a copy that goes on where it ended, or the
 * next one. */
static enum stream_event path_has_another(struct stream *stream, int descriptor,
                                          const struct stat *status, int64_t now_ms)
{
    struct generation *newest = stream_newest(stream);
    bool goes_on = newest != NULL && newest->position > 0 &&
                   fingerprint_agrees(descriptor, newest->position, &newest->mark);
    if (goes_on) {
        generation_move(newest, stream->path, descriptor);
        newest->is_rotated = false;
        return STREAM_SAME;
    }
    mark_rotated(newest, now_ms);
    if (newest != NULL) {
        add_missed(stream, newest, status, now_ms);
    }
    struct generation *next = generation_new(stream->path, descriptor);
    next->changed_ms = now_ms;
    stream_add(stream, next);
    return newest == NULL ? STREAM_SAME : STREAM_ROTATED;
}

enum stream_event stream_update(struct stream *stream, int64_t now_ms)
{
    struct generation *newest = stream_newest(stream);
    struct stat status;
    bool exists = stat(stream->path, &status) == 0 && S_ISREG(status.st_mode);
    if (exists && newest != NULL && newest->descriptor >= 0 && newest->device == status.st_dev &&
        newest->inode == status.st_ino) {
        newest->is_rotated = false;
        return STREAM_SAME;
    }
    int descriptor = generation_open_file(stream->path);
    if (descriptor < 0) {
        /* A file that may not be opened now may be opened at the next look. */
        return exists ? STREAM_SAME : path_is_gone(stream, now_ms);
    }
    if (fstat(descriptor, &status) != 0) {
        close(descriptor);
        return STREAM_SAME;
    }
    return path_has_another(stream, descriptor, &status, now_ms);
}

void stream_trim(struct stream *stream)
{
    size_t done_count = 0;
    for (size_t i = 0; i < stream->count; i++) {
        done_count += stream->generations[i]->is_done;
    }
    size_t kept = 0;
    for (size_t i = 0; i < stream->count; i++) {
        struct generation *generation = stream->generations[i];
        bool is_last = i + 1 == stream->count;
        if (generation->is_done && !is_last &&
            (done_count > STREAM_DONE_MAX || generation->is_gone)) {
            done_count--;
            generation_free(generation);
        } else {
            stream->generations[kept++] = generation;
        }
    }
    stream->count = kept;
}

bool stream_is_over(const struct stream *stream)
{
    for (size_t i = 0; i < stream->count; i++) {
        if (!stream->generations[i]->is_done || !stream->generations[i]->is_gone) {
            return false;
        }
    }
    return !stream->is_matched && access(stream->path, F_OK) != 0;
}

void stream_check(const struct stream *stream)
{
    size_t done_count = 0;
    for (size_t i = 0; i < stream->count; i++) {
        generation_check(stream->generations[i]);
        assert(i + 1 == stream->count || stream->generations[i]->is_rotated);
        done_count += stream->generations[i]->is_done;
    }
    assert(done_count <= STREAM_DONE_MAX + 1);
}
