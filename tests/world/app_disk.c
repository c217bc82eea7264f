/* A directory with faults; see app_disk.h. */
#include "tests/world/app_disk.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "tests/world/node_world.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { APP_DISK_PAGE_SIZE = 4096, APP_DISK_META_PAGES = 2, APP_DISK_FILE_MAX = 64 };

/* The data files below a directory, in the order of their names. */
struct app_files {
    char *paths[APP_DISK_FILE_MAX];
    struct buffer contents[APP_DISK_FILE_MAX];
    size_t count;
};

static int app_disk_compare(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static void app_disk_find(struct app_files *files, const char *directory)
{
    DIR *stream = opendir(directory);
    struct dirent *entry;
    while (stream != NULL && (entry = readdir(stream)) != NULL) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        if (strcmp(entry->d_name, "data.mdb") == 0) {
            check(files->count < APP_DISK_FILE_MAX);
            files->paths[files->count++] = memory_string(path);
        } else if (entry->d_type == DT_DIR && entry->d_name[0] != '.') {
            app_disk_find(files, path);
        }
    }
    if (stream != NULL) {
        closedir(stream);
    }
}

static void app_disk_load(const char *path, struct buffer *out)
{
    char block[APP_DISK_PAGE_SIZE];
    FILE *file = fopen(path, "rb");
    size_t size;
    check(file != NULL);
    while ((size = fread(block, 1, sizeof block, file)) > 0) {
        buffer_add(out, block, size);
    }
    fclose(file);
}

static void app_disk_store(const char *path, struct bytes content)
{
    FILE *file = fopen(path, "wb");
    check(file != NULL);
    check(fwrite(content.data, 1, content.size, file) == content.size);
    check(fclose(file) == 0);
}

static void app_files_read(struct app_files *files, const char *directory)
{
    *files = (struct app_files){0};
    app_disk_find(files, directory);
    qsort(files->paths, files->count, sizeof *files->paths, app_disk_compare);
    for (size_t i = 0; i < files->count; i++) {
        app_disk_load(files->paths[i], &files->contents[i]);
    }
}

static void app_files_fini(struct app_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->paths[i]);
        buffer_fini(&files->contents[i]);
    }
}

/* --- Copies, wounds --- */

static void app_disk_make(const char *path)
{
    char copy[400];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        check(mkdir(copy, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
}

void app_disk_copy(const char *from, const char *to)
{
    struct app_files files;
    app_files_read(&files, from);
    for (size_t i = 0; i < files.count; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s%s", to, files.paths[i] + strlen(from));
        app_disk_make(path);
        app_disk_store(path, buffer_bytes(&files.contents[i]));
    }
    app_files_fini(&files);
}

void app_disk_wound(struct node_world *world, const char *directory)
{
    struct app_files files;
    app_files_read(&files, directory);
    if (files.count > 0) {
        size_t index = node_world_random(world, files.count);
        struct buffer *content = &files.contents[index];
        size_t head_size = APP_DISK_META_PAGES * APP_DISK_PAGE_SIZE;
        switch (node_world_random(world, 3)) {
        case 0:
            check(unlink(files.paths[index]) == 0);
            break;
        case 1: /* cut */
            check(truncate(files.paths[index],
                           (off_t)node_world_random(world, content->size + 1)) == 0);
            break;
        default: /* without its head */
            memset(content->data, 0, content->size < head_size ? content->size : head_size);
            app_disk_store(files.paths[index], buffer_bytes(content));
        }
    }
    app_files_fini(&files);
}

static int app_disk_remove_one(const char *path, const struct stat *info, int kind,
                               struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

void app_disk_remove(const char *directory)
{
    (void)nftw(directory, app_disk_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* --- The seam --- */

static struct app_disk *app_disk_of(struct io *io)
{
    return (struct app_disk *)(void *)io;
}

static bool app_disk_has(const struct app_disk *disk, const char *path)
{
    return strncmp(path, disk->directory, strlen(disk->directory)) == 0;
}

static int app_disk_error(int result)
{
    if (result == 0) {
        return 0;
    }
    return errno == EEXIST ? ERROR_EXISTS : errno == ENOENT ? ERROR_NOT_FOUND : ERROR_IO;
}

static int app_disk_dir_make(struct io *io, const char *path)
{
    struct app_disk *disk = app_disk_of(io);
    bool is_above = strncmp(path, disk->directory, strlen(path)) == 0;
    if (!is_above && !app_disk_has(disk, path)) {
        return io_dir_make(disk->liar.real, path);
    }
    if (!is_above && node_world_chance(disk->world, disk->fail_percent)) {
        return node_world_chance(disk->world, 50) ? ERROR_IO : ERROR_NO_SPACE;
    }
    /* LMDB's files are real, the lock beside them is simulated and ends with the process. */
    (void)!io_dir_make(disk->liar.real, path);
    return app_disk_error(mkdir(path, 0755));
}

static int app_disk_path_remove(struct io *io, const char *path)
{
    struct app_disk *disk = app_disk_of(io);
    if (!app_disk_has(disk, path)) {
        return io_path_remove(disk->liar.real, path);
    }
    return node_world_chance(disk->world, disk->fail_percent) ? ERROR_IO
                                                              : app_disk_error(unlink(path));
}

/* --- Checkpoints --- */

struct app_disk_work {
    struct io_request request;
    struct app_disk *disk;
    struct io_request *asked;
    void (*run)(void *owner);
};

/* LMDB meets the limit in the middle of its writes. */
static void app_disk_run_full(struct app_disk_work *work)
{
    struct rlimit kept;
    check(getrlimit(RLIMIT_FSIZE, &kept) == 0);
    rlim_t size = APP_DISK_PAGE_SIZE * (1 + node_world_random(work->disk->world, 24));
    struct rlimit limit = {.rlim_cur = size, .rlim_max = kept.rlim_max};
    check(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    work->run(work->asked->owner);
    check(setrlimit(RLIMIT_FSIZE, &kept) == 0);
}

enum app_disk_loss {
    APP_DISK_LOSES_NOTHING,
    APP_DISK_LOSES_META, /* the page that makes the others count */
    APP_DISK_LOSES_PAGES,
    APP_DISK_LOSSES
};

/* What is on the disk of what a checkpoint wrote to one file. The dead process still maps its own.
 */
static void app_disk_lose(struct node_world *world, enum app_disk_loss loss,
                          const struct buffer *before, struct buffer *after)
{
    for (size_t place = 0; place < after->size; place += APP_DISK_PAGE_SIZE) {
        size_t size = after->size - place;
        size = size < APP_DISK_PAGE_SIZE ? size : APP_DISK_PAGE_SIZE;
        bool is_meta = place < APP_DISK_META_PAGES * APP_DISK_PAGE_SIZE;
        bool is_lost = loss != APP_DISK_LOSES_NOTHING &&
                       (is_meta || (loss == APP_DISK_LOSES_PAGES && node_world_chance(world, 50)));
        if (is_lost && place + size <= before->size) {
            memcpy(after->data + place, before->data + place, size);
        } else if (is_lost) {
            memset(after->data + place, 0, size);
        }
    }
}

static void app_disk_run_doomed(struct app_disk_work *work)
{
    struct app_disk *disk = work->disk;
    struct app_files before;
    struct app_files after;
    enum app_disk_loss loss =
        (enum app_disk_loss)node_world_random(disk->world, (uint64_t)APP_DISK_LOSSES);
    app_files_read(&before, disk->directory);
    work->run(work->asked->owner);
    app_files_read(&after, disk->directory);
    check(before.count == after.count);
    for (size_t i = 0; i < after.count; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s%s", disk->lost, after.paths[i] + strlen(disk->directory));
        app_disk_lose(disk->world, loss, &before.contents[i], &after.contents[i]);
        app_disk_make(path);
        app_disk_store(path, buffer_bytes(&after.contents[i]));
    }
    app_files_fini(&before);
    app_files_fini(&after);
    disk->is_dead = true;
}

static void app_disk_run(void *owner)
{
    struct app_disk_work *work = owner;
    struct app_disk *disk = work->disk;
    disk->checkpoint_count++;
    if (disk->is_dead) {
        return; /* in the meantime */
    }
    if (disk->is_doomed) {
        app_disk_run_doomed(work);
    } else if (node_world_chance(disk->world, disk->full_percent)) {
        app_disk_run_full(work);
    } else {
        work->run(work->asked->owner);
    }
}

static void app_disk_on_done(struct io_request *request, int64_t result)
{
    struct app_disk_work *work = request->owner;
    if (!work->disk->is_dead) {
        work->asked->done(work->asked, result);
    }
    free(work);
}

static void app_disk_work(struct io *io, struct io_request *request, void (*run)(void *owner))
{
    struct app_disk *disk = app_disk_of(io);
    struct app_disk_work *work = memory_new(struct app_disk_work);
    *work = (struct app_disk_work){.request = {.done = app_disk_on_done, .owner = work},
                                   .disk = disk,
                                   .asked = request,
                                   .run = run};
    io_work(disk->liar.real, &work->request, app_disk_run);
}

struct app_disk *app_disk_new(struct node_world *world, struct io *real, const char *directory)
{
    struct app_disk *disk = memory_new(struct app_disk);
    *disk = (struct app_disk){.world = world};
    store_liar_init(&disk->liar, real, STORE_LIE_NONE);
    snprintf(disk->directory, sizeof disk->directory, "%s", directory);
    snprintf(disk->lost, sizeof disk->lost, "%s.lost", directory);
    disk->ops = *disk->liar.io.ops;
    disk->ops.dir_make = app_disk_dir_make;
    disk->ops.path_remove = app_disk_path_remove;
    disk->ops.work = app_disk_work;
    disk->liar.io.ops = &disk->ops;
    signal(SIGXFSZ, SIG_IGN);
    return disk;
}

const char *app_disk_remains(const struct app_disk *disk)
{
    return disk->is_dead ? disk->lost : disk->directory;
}

struct io *app_disk_io(struct app_disk *disk)
{
    return &disk->liar.io;
}
