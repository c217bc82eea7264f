/* Reads, makes up and keeps the name; see instance.h. */
#include "runtime/main/instance.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCE_FILE "instance-id"

static void make_up(struct instance *instance)
{
    uint64_t number;
    io_random(instance->io, &number, sizeof number);
    snprintf(instance->id, sizeof instance->id, "%016llx", (unsigned long long)number);
    instance->is_new = true;
}

static bool is_id(const char *text)
{
    size_t size = 0;
    while (isxdigit((unsigned char)text[size])) {
        size++;
    }
    return size == INSTANCE_ID_SIZE - 1 && text[size] == '\0';
}

bool instance_is_name(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    bool is_path = strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
    return size > 0 && size <= INSTANCE_NAME_MAX && text[size] == '\0' && !is_path;
}

const char *instance_read(struct instance *instance, struct io *io, const char *directory)
{
    char path[PATH_MAX];
    *instance = (struct instance){.io = io};
    snprintf(path, sizeof path, "%.4000s/" INSTANCE_FILE, directory);
    if (io_file_open(io, path, IO_OPEN_WRITE, &instance->file) != 0) {
        instance->file = NULL;
        make_up(instance);
        return instance->id;
    }
    if (io_file_lock(io, instance->file) != 0) {
        instance_close(instance);
        return NULL;
    }
    int64_t size =
        io_file_read(io, instance->file, instance->id, INSTANCE_ID_SIZE - 1, 0, IO_READ_WAIT);
    if (size < 0 || !is_id(instance->id)) {
        make_up(instance);
    }
    return instance->id;
}

/* The directory and those it lies in. */
static void make_directories(struct io *io, const char *directory)
{
    char *path = memory_string(directory);
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at == '/') {
            *at = '\0';
            (void)!io_dir_make(io, path);
            *at = '/';
        }
    }
    (void)!io_dir_make(io, path);
    free(path);
}

void instance_write(struct instance *instance, const char *directory)
{
    char path[PATH_MAX];
    struct bytes id = bytes_from_string(instance->id);
    if (!instance->is_new) {
        return;
    }
    snprintf(path, sizeof path, "%.4000s/" INSTANCE_FILE, directory);
    if (instance->file == NULL) {
        make_directories(instance->io, directory);
        if (io_file_open(instance->io, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &instance->file) !=
            0) {
            instance->file = NULL;
            return;
        }
        if (io_file_lock(instance->io, instance->file) != 0) {
            instance_close(instance); /* somebody was faster; our made-up name is still our own */
            return;
        }
    }
    if (io_file_write(instance->io, instance->file, &id, 1, 0) == 0) {
        (void)!io_file_sync(instance->io, instance->file);
    }
}

void instance_close(struct instance *instance)
{
    io_file_close(instance->io, instance->file);
    instance->file = NULL;
}
