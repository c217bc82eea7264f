/* Sorts what is to be read. See backlog.h. */
#include "connectors/file/backlog.h"

#include "connectors/shared/builder.h"

#include <stdlib.h>
#include <string.h>

static int compare_times(const struct timespec *left, const struct timespec *right)
{
    if (left->tv_sec != right->tv_sec) {
        return left->tv_sec < right->tv_sec ? -1 : 1;
    }
    return left->tv_nsec < right->tv_nsec ? -1 : left->tv_nsec > right->tv_nsec;
}

static int compare_entries(const void *left, const void *right)
{
    const struct backlog_entry *one = left;
    const struct backlog_entry *other = right;
    int order = other->is_begun - one->is_begun;
    if (order == 0) {
        order = compare_times(&one->modified, &other->modified);
    }
    if (order == 0) {
        order = strcmp(one->stream->path, other->stream->path);
    }
    return order != 0 ? order : one->index < other->index ? -1 : 1;
}

/* Its own place, but never before that of an older generation of its stream. */
static void place(struct backlog_entry *entry, const struct backlog_entry *older)
{
    const struct generation *generation = entry->generation;
    struct stat status;
    if (fstat(generation->descriptor, &status) == 0) {
        entry->is_begun = generation->position > 0 || status.st_size == 0;
        entry->modified = status.st_mtim;
    }
    if (older != NULL) {
        entry->is_begun = entry->is_begun && older->is_begun;
        if (compare_times(&entry->modified, &older->modified) < 0) {
            entry->modified = older->modified;
        }
    }
}

static void add_stream(struct backlog *backlog, struct stream *stream)
{
    size_t older = SIZE_MAX; /* in the list */
    for (size_t i = 0; i < stream->count; i++) {
        if (stream->generations[i]->is_done) {
            continue;
        }
        if (backlog->count == backlog->capacity) {
            backlog->capacity = backlog->capacity * 2 + 16;
            backlog->entries =
                builder_resize(backlog->entries, backlog->capacity, sizeof *backlog->entries);
        }
        struct backlog_entry *entry = &backlog->entries[backlog->count];
        *entry = (struct backlog_entry){
            .stream = stream, .generation = stream->generations[i], .index = i};
        place(entry, older == SIZE_MAX ? NULL : &backlog->entries[older]);
        older = backlog->count++;
    }
}

void backlog_fill(struct backlog *backlog, struct stream *const *streams, size_t count)
{
    backlog->count = 0;
    for (size_t i = 0; i < count; i++) {
        add_stream(backlog, streams[i]);
    }
    if (backlog->count > 1) {
        qsort(backlog->entries, backlog->count, sizeof *backlog->entries, compare_entries);
    }
}

void backlog_fini(struct backlog *backlog)
{
    free(backlog->entries);
}
