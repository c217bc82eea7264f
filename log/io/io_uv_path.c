/* Names in the file system through system calls; see io_uv.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/io/io_uv_memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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
    if (io_uv_memory_is_path(path)) {
        return io_uv_memory_info(io_uv_of(io), path, out);
    }
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

int io_uv_path_space(struct io *io, const char *path, struct io_space *out)
{
    struct statvfs volume;
    (void)io;
    if (io_uv_memory_is_path(path)) {
        return ERROR_UNSUPPORTED;
    }
    if (statvfs(path, &volume) != 0) {
        return error_from_errno(errno);
    }
    *out = (struct io_space){
        .total_size = (int64_t)volume.f_blocks * (int64_t)volume.f_frsize,
        .usable_size = (int64_t)volume.f_bavail * (int64_t)volume.f_frsize,
    };
    return 0;
}

int io_uv_path_rename(struct io *io, const char *from, const char *to)
{
    if (io_uv_memory_is_path(from)) {
        return io_uv_memory_rename(io_uv_of(io), from, to);
    }
    return result_of(rename(from, to));
}

int io_uv_path_remove(struct io *io, const char *path)
{
    return io_uv_memory_is_path(path) ? io_uv_memory_remove(io_uv_of(io), path)
                                      : result_of(remove(path));
}

int io_uv_dir_make(struct io *io, const char *path)
{
    return io_uv_memory_is_path(path) ? io_uv_memory_make(io_uv_of(io), path)
                                      : result_of(mkdir(path, 0755));
}

static bool entry_is_directory(DIR *directory, const struct dirent *entry)
{
    struct stat status;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK) {
        return entry->d_type == DT_DIR;
    }
    return fstatat(dirfd(directory), entry->d_name, &status, 0) == 0 && S_ISDIR(status.st_mode);
}

static void entries_add(void *owner, const char *name, bool is_directory)
{
    struct path_entries *entries = owner;
    if (entries->count == entries->capacity) {
        entries->capacity = entries->capacity * 2 + 16;
        entries->entries =
            memory_resize(entries->entries, entries->capacity * sizeof *entries->entries);
    }
    entries->entries[entries->count++] =
        (struct path_entry){.name = memory_string(name), .is_directory = is_directory};
}

static int entries_read(const char *path, struct path_entries *out)
{
    struct dirent *entry;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        return error_from_errno(errno);
    }
    while (errno = 0, (entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        entries_add(out, entry->d_name, entry_is_directory(directory, entry));
    }
    int error = error_from_errno(errno);
    closedir(directory);
    return error;
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
    int error = io_uv_memory_is_path(path)
                    ? io_uv_memory_list(io_uv_of(io), path, entries_add, &list)
                    : entries_read(path, &list);
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
    (void)io;
    if (io_uv_memory_is_path(path)) {
        return 0;
    }
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) {
        return error_from_errno(errno);
    }
    int error = result_of(fsync(descriptor));
    close(descriptor);
    return error;
}
