/* Copies a data directory file by file; see rot_disk.h. */
#include "tests/world/rot_disk.h"

#include "log/base/memory.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROT_BLOCK_SIZE = 4096 };

struct rot_listing {
    struct rot_disk *disk;
    struct io *io;
    const char *path;
};

static const char *const rot_names[ROT_KIND_COUNT] = {
    [ROT_RECORDS] = ".log of topics",
    [ROT_METADATA_LOG] = ".log of the metadata",
    [ROT_COORDINATOR_LOG] = ".log of coordinators",
    [ROT_INDEX] = ".index",
    [ROT_TIME_INDEX] = ".timeindex",
    [ROT_TXN_INDEX] = ".txnindex",
    [ROT_CLEANED] = ".cleaned",
    [ROT_SWAP] = ".swap",
    [ROT_SNAPSHOT] = ".snapshot",
    [ROT_EPOCHS] = "leader-epoch-checkpoint",
    [ROT_PARTITION_METADATA] = "partition.metadata",
    [ROT_RECOVERY_POINTS] = "recovery-points",
    [ROT_KAFKA_CHECKPOINT] = "Kafka's checkpoints",
    [ROT_CLEAN_MARKER] = ".kafka_cleanshutdown",
};

const char *rot_kind_name(enum rot_kind kind)
{
    return rot_names[kind];
}

static bool rot_ends(const char *path, const char *end)
{
    size_t size = strlen(path);
    return size >= strlen(end) && strcmp(path + size - strlen(end), end) == 0;
}

/* ROT_KIND_COUNT: none that is kept. */
static enum rot_kind rot_kind_of(const char *path)
{
    static const struct {
        const char *end;
        enum rot_kind kind;
    } rows[] = {
        {".index", ROT_INDEX},
        {".timeindex", ROT_TIME_INDEX},
        {".txnindex", ROT_TXN_INDEX},
        {".cleaned", ROT_CLEANED},
        {".swap", ROT_SWAP},
        {".snapshot", ROT_SNAPSHOT},
        {"/leader-epoch-checkpoint", ROT_EPOCHS},
        {"/partition.metadata", ROT_PARTITION_METADATA},
        {"/recovery-points", ROT_RECOVERY_POINTS},
        {"-offset-checkpoint", ROT_KAFKA_CHECKPOINT},
        {"/.kafka_cleanshutdown", ROT_CLEAN_MARKER},
    };
    if (rot_ends(path, ".log")) {
        return strstr(path, "/__cluster_metadata-") != NULL ? ROT_METADATA_LOG
               : strstr(path, "/__") != NULL                ? ROT_COORDINATOR_LOG
                                                            : ROT_RECORDS;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rot_ends(path, rows[i].end)) {
            return rows[i].kind;
        }
    }
    return ROT_KIND_COUNT;
}

static void rot_take_file(struct rot_disk *disk, struct io *io, const char *path)
{
    enum rot_kind kind = rot_kind_of(path);
    if (kind == ROT_KIND_COUNT) {
        return;
    }
    struct io_file *handle = NULL;
    uint64_t size = 0;
    disk->files = memory_resize(disk->files, (disk->file_count + 1) * sizeof *disk->files);
    struct rot_file *file = &disk->files[disk->file_count++];
    *file = (struct rot_file){.path = memory_string(path), .kind = kind};
    buffer_init(&file->content);
    check(io_file_open(io, path, IO_OPEN_READ, &handle) == 0);
    check(io_file_size(io, handle, &size) == 0);
    uint8_t *place = buffer_reserve(&file->content, (size_t)size + 1);
    check(io_file_read(io, handle, place, (size_t)size, 0, IO_READ_WAIT) == (int64_t)size);
    file->content.size = (size_t)size;
    io_file_close(io, handle);
}

static void rot_take_directory(struct rot_disk *disk, struct io *io, const char *path);

static void rot_on_entry(void *owner, const char *entry, bool is_directory)
{
    struct rot_listing *listing = owner;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", listing->path, entry);
    if (is_directory) {
        rot_take_directory(listing->disk, listing->io, path);
    } else {
        rot_take_file(listing->disk, listing->io, path);
    }
}

static void rot_take_directory(struct rot_disk *disk, struct io *io, const char *path)
{
    disk->directories =
        memory_resize(disk->directories, (disk->directory_count + 1) * sizeof *disk->directories);
    disk->directories[disk->directory_count++] = memory_string(path);
    struct rot_listing listing = {disk, io, path};
    check(io_dir_list(io, path, rot_on_entry, &listing) == 0);
}

void rot_disk_read(struct rot_disk *disk, struct io *io, const char *path)
{
    *disk = (struct rot_disk){0};
    rot_take_directory(disk, io, path);
}

static void rot_damage(struct buffer *content, const struct rot_wound *wound,
                       uint64_t (*chance)(void *owner, uint64_t below), void *owner)
{
    if (wound->damage == ROT_BIT) {
        content->data[wound->position] ^= (uint8_t)(1 << wound->bit);
        return;
    }
    uint64_t end = wound->position + ROT_BLOCK_SIZE;
    for (uint64_t at = wound->position; at < end && at < content->size; at++) {
        content->data[at] = wound->damage == ROT_ZEROES ? 0 : (uint8_t)chance(owner, 256);
    }
}

void rot_disk_write(const struct rot_disk *disk, struct io *io, const struct rot_wound *wound,
                    uint64_t (*chance)(void *owner, uint64_t below), void *owner)
{
    for (size_t i = 0; i < disk->directory_count; i++) {
        check(io_dir_make(io, disk->directories[i]) == 0);
    }
    for (size_t i = 0; i < disk->file_count; i++) {
        const struct rot_file *file = &disk->files[i];
        struct io_file *handle = NULL;
        struct buffer content;
        buffer_init(&content);
        buffer_add_bytes(&content, buffer_bytes(&file->content));
        if (wound != NULL && strcmp(wound->path, file->path) == 0) {
            rot_damage(&content, wound, chance, owner);
        }
        struct bytes part = buffer_bytes(&content);
        check(io_file_open(io, file->path, IO_OPEN_WRITE | IO_OPEN_CREATE, &handle) == 0);
        check(part.size == 0 || io_file_write(io, handle, &part, 1, 0) == 0);
        check(io_file_sync(io, handle) == 0);
        io_file_close(io, handle);
        buffer_fini(&content);
    }
    for (size_t i = 0; i < disk->directory_count; i++) {
        check(io_dir_sync(io, disk->directories[i]) == 0);
    }
}

bool rot_disk_choose(const struct rot_disk *disk, enum rot_kind kind, enum rot_damage damage,
                     uint64_t (*chance)(void *owner, uint64_t below), void *owner,
                     struct rot_wound *out)
{
    uint64_t size = 0;
    for (size_t i = 0; i < disk->file_count; i++) {
        size += disk->files[i].kind == kind ? disk->files[i].content.size : 0;
    }
    if (size == 0) {
        return false;
    }
    uint64_t place = chance(owner, size); /* every byte of the kind is as likely */
    for (size_t i = 0; i < disk->file_count; i++) {
        const struct rot_file *file = &disk->files[i];
        if (file->kind != kind || place >= file->content.size) {
            place -= file->kind == kind ? file->content.size : 0;
            continue;
        }
        place = damage == ROT_BIT ? place : place / ROT_BLOCK_SIZE * ROT_BLOCK_SIZE;
        *out = (struct rot_wound){kind, damage, file->path, place, (int)chance(owner, 8)};
        return true;
    }
    return false;
}

void rot_disk_fini(struct rot_disk *disk)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        free(disk->files[i].path);
        buffer_fini(&disk->files[i].content);
    }
    for (size_t i = 0; i < disk->directory_count; i++) {
        free(disk->directories[i]);
    }
    free(disk->files);
    free(disk->directories);
}
