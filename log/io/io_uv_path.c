/* Names in the file system through system calls; see io_uv.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/io/io_uv_loop.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct path_entry {
    char *name;
    bool is_directory;
};

struct path_entries {
    struct path_entry *entries;
    size_t count;
    size_t capacity;
};

static int result_of(int result)
{
    return result == 0 ? 0 : error_from_errno(errno);
}

int io_uv_path_info(struct io *io, const char *path, struct io_file_info *out)
{
    struct stat status;
    (void)io;
    if (stat(path, &status) != 0) {
        return error_from_errno(errno);
    }
    *out = (struct io_file_info){
        .size = (uint64_t)status.st_size,
        .modified_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000,
        .is_directory = S_ISDIR(status.st_mode),
    };
    return 0;
}

int io_uv_path_rename(struct io *io, const char *from, const char *to)
{
    (void)io;
    return result_of(rename(from, to));
}

int io_uv_path_remove(struct io *io, const char *path)
{
    (void)io;
    return result_of(remove(path));
}

int io_uv_dir_make(struct io *io, const char *path)
{
    (void)io;
    return result_of(mkdir(path, 0755));
}

static bool entry_is_directory(DIR *directory, const struct dirent *entry)
{
    struct stat status;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK) {
        return entry->d_type == DT_DIR;
    }
    return fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 && S_ISDIR(status.st_mode);
}

static int entries_read(DIR *directory, struct path_entries *out)
{
    struct dirent *entry;
    while (errno = 0, (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (out->count == out->capacity) {
            out->capacity = out->capacity * 2 + 16;
            out->entries = memory_resize(out->entries, out->capacity * sizeof *out->entries);
        }
        out->entries[out->count++] = (struct path_entry){
            .name = memory_string(entry->d_name),
            .is_directory = entry_is_directory(directory, entry),
        };
    }
    return error_from_errno(errno);
}

static int entry_compare(const void *left, const void *right)
{
    return strcmp(((const struct path_entry *)left)->name,
                  ((const struct path_entry *)right)->name);
}

int io_uv_dir_list(struct io *io, const char *path,
                   void (*each)(void *owner, const char *entry, bool is_directory), void *owner)
{
    struct path_entries list = {NULL, 0, 0};
    DIR *directory = opendir(path);
    (void)io;
    if (directory == NULL) {
        return error_from_errno(errno);
    }
    int error = entries_read(directory, &list);
    closedir(directory);
    if (list.count > 0) {
        qsort(list.entries, list.count, sizeof *list.entries, entry_compare);
    }
    for (size_t i = 0; i < list.count; i++) {
        if (error == 0) {
            each(owner, list.entries[i].name, list.entries[i].is_directory);
        }
        free(list.entries[i].name);
    }
    free(list.entries);
    return error;
}

int io_uv_dir_sync(struct io *io, const char *path)
{
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)io;
    if (descriptor < 0) {
        return error_from_errno(errno);
    }
    int error = result_of(fsync(descriptor));
    close(descriptor);
    return error;
}
