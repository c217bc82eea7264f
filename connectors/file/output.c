/* Opens, writes, syncs and publishes the files of the sink. See output.h. */
#include "connectors/file/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *output_working_name(const char *path)
{
    struct builder name = {.data = NULL};
    builder_add_text(&name, path);
    builder_add_text(&name, ".inprogress");
    (void)builder_text(&name);
    return name.data; /* the caller frees what the builder held */
}

static int make_folders(const char *path)
{
    char *copy = builder_copy(path);
    int error = 0;
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0755) != 0 && errno != EEXIST) {
            error = errno;
        }
        *slash = '/';
    }
    free(copy);
    return error;
}

int output_sync_folder(const char *path)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
             slash == NULL ? "." : path);
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return errno;
    }
    int error = fsync(descriptor) == 0 ? 0 : errno;
    close(descriptor);
    return error;
}

struct output *output_open(const char *key, const char *path, bool is_appending, int64_t size)
{
    int error = make_folders(path);
    if (error != 0) {
        errno = error;
        return NULL;
    }
    struct output *output = builder_alloc(1, sizeof *output);
    output->key = builder_copy(key);
    output->path = builder_copy(path);
    output->working = is_appending ? builder_copy(path) : output_working_name(path);
    output->size = size;
    output->descriptor = open(output->working, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (output->descriptor < 0 || ftruncate(output->descriptor, size) != 0) {
        error = errno;
        output_close(output);
        errno = error;
        return NULL;
    }
    return output;
}

void output_close(struct output *output)
{
    if (output->descriptor >= 0) {
        close(output->descriptor);
    }
    builder_fini(&output->pending);
    free(output->key);
    free(output->path);
    free(output->working);
    free(output);
}

int output_write(struct output *output)
{
    size_t done = 0;
    int error = 0;
    while (done < output->pending.size && error == 0) {
        ssize_t size = pwrite(output->descriptor, output->pending.data + done,
                              output->pending.size - done, output->size);
        if (size > 0) {
            done += (size_t)size;
            output->size += size;
        } else if (errno != EINTR) {
            error = errno;
        }
    }
    if (done == 0) {
        return error;
    }
    memmove(output->pending.data, output->pending.data + done, output->pending.size - done);
    output->pending.size -= done;
    return error;
}

int output_sync(struct output *output)
{
    int error = output_write(output);
    if (error == 0 && fdatasync(output->descriptor) != 0) {
        error = errno;
    }
    return error;
}

int output_publish(const char *working, const char *path)
{
    if (rename(working, path) != 0 && !(errno == ENOENT && access(path, F_OK) == 0)) {
        return errno;
    }
    return output_sync_folder(path);
}
