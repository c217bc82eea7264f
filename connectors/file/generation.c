/* Opens, moves and closes the files that a stream reads. See generation.h. */
#include "connectors/file/generation.h"

#include "connectors/shared/builder.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int generation_open_file(const char *path)
{
    /* O_NONBLOCK keeps a named pipe from stopping the task. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat status;
    if (descriptor >= 0 && (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode))) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

static void close_file(struct generation *generation)
{
    if (generation->descriptor >= 0) {
        close(generation->descriptor);
        generation->descriptor = -1;
    }
}

void generation_move(struct generation *generation, const char *path, int descriptor)
{
    char *copy = builder_copy(path);
    free(generation->path);
    generation->path = copy;
    if (generation->descriptor != descriptor) {
        close_file(generation);
    }
    generation->descriptor = descriptor;
    generation->seen_size = -1;
    generation->is_done = false;
    generation->is_gone = false;
    struct stat status;
    if (descriptor >= 0 && fstat(descriptor, &status) == 0) {
        generation->device = status.st_dev;
        generation->inode = status.st_ino;
    }
}

struct generation *generation_new(const char *path, int descriptor)
{
    struct generation *generation = builder_alloc(1, sizeof *generation);
    generation->descriptor = -1;
    generation->modified_ms = -1;
    generation_move(generation, path, descriptor);
    return generation;
}

void generation_free(struct generation *generation)
{
    if (generation == NULL) {
        return;
    }
    close_file(generation);
    free(generation->path);
    free(generation);
}

void generation_reset(struct generation *generation)
{
    generation->position = 0;
    generation->line_count = 0;
    generation->is_skipping = false;
    generation->mark = (struct fingerprint){.head_size = 0};
}

void generation_finish(struct generation *generation)
{
    struct stat status;
    generation->is_gone = generation->descriptor < 0 ||
                          (fstat(generation->descriptor, &status) == 0 && status.st_nlink == 0);
    generation->is_done = true;
    close_file(generation);
}

void generation_check(const struct generation *generation)
{
    assert(generation->position >= 0);
    assert(generation->mark.head_size <= generation->position);
    assert(!generation->is_done || generation->descriptor < 0);
}
