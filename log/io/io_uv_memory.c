/* See io_uv_memory.h. */
#include "log/io/io_uv_memory.h"

#include "log/base/error.h"
#include "log/base/map.h"
#include "log/base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MEMORY_PREFIX[] = "memory:";

struct io_uv_memory_node {
    bool is_directory;
    struct map children; /* of a directory: names to nodes */
    int descriptor;      /* of a file */
    size_t open_count;
    const struct io_file *locker; /* who may write alone; NULL: nobody */
    bool is_removed;
};

/* Where a path leads: the directory and the last part of the name, which may be missing there. */
struct memory_place {
    struct io_uv_memory_node *parent;
    struct bytes name; /* empty: the root itself */
    struct io_uv_memory_node *node;
};

bool io_uv_memory_is_path(const char *path)
{
    return strncmp(path, MEMORY_PREFIX, sizeof MEMORY_PREFIX - 1) == 0;
}

static struct io_uv_memory_node *node_new_directory(void)
{
    struct io_uv_memory_node *node = memory_new(struct io_uv_memory_node);
    node->is_directory = true;
    node->descriptor = -1;
    map_init(&node->children);
    return node;
}

static void node_free(void *value)
{
    struct io_uv_memory_node *node = value;
    if (node->is_directory) {
        map_fini(&node->children, node_free);
    } else {
        close(node->descriptor);
    }
    free(node);
}

void io_uv_memory_free(struct io_uv_memory_node *root)
{
    if (root != NULL) {
        node_free(root);
    }
}

static struct io_uv_memory_node *tree_root(struct io_uv *uv)
{
    if (uv->memory == NULL) {
        uv->memory = node_new_directory();
    }
    return uv->memory;
}

/* ERROR_NOT_FOUND when a directory on the way is missing; a missing last part is none. */
static int place_find(struct io_uv *uv, const char *path, struct memory_place *out)
{
    *out = (struct memory_place){.node = tree_root(uv)};
    path += sizeof MEMORY_PREFIX - 1;
    for (;;) {
        path += strspn(path, "/");
        size_t size = strcspn(path, "/");
        if (size == 0) {
            return 0;
        }
        if (out->node == NULL || !out->node->is_directory) {
            return error_from_errno(out->node == NULL ? ENOENT : ENOTDIR);
        }
        out->parent = out->node;
        out->name = bytes_make(path, size);
        out->node = map_find(&out->parent->children, out->name);
        path += size;
    }
}

/* The file or directory of a path that must be there. */
static int place_find_node(struct io_uv *uv, const char *path, struct memory_place *out)
{
    int error = place_find(uv, path, out);
    return error != 0 ? error : out->node == NULL ? ERROR_NOT_FOUND : 0;
}

static int file_create(const struct memory_place *place, struct io_uv_memory_node **out)
{
    int descriptor = memfd_create("tidemill", MFD_CLOEXEC);
    if (descriptor < 0) {
        return error_from_errno(errno);
    }
    *out = memory_new(struct io_uv_memory_node);
    (*out)->descriptor = descriptor;
    map_put(&place->parent->children, place->name, *out);
    return 0;
}

int io_uv_memory_open(struct io_uv *uv, const char *path, int flags, int *descriptor,
                      struct io_uv_memory_node **out)
{
    struct memory_place place;
    int error = place_find(uv, path, &place);
    if (error == 0 && place.node != NULL && (flags & IO_OPEN_CREATE) &&
        (flags & IO_OPEN_EXCLUSIVE)) {
        error = ERROR_EXISTS;
    } else if (error == 0 && place.node != NULL && place.node->is_directory) {
        error = error_from_errno(EISDIR);
    } else if (error == 0 && place.node == NULL) {
        error = (flags & IO_OPEN_CREATE) ? file_create(&place, &place.node) : ERROR_NOT_FOUND;
    }
    if (error != 0) {
        return error;
    }
    place.node->open_count++;
    *descriptor = place.node->descriptor;
    *out = place.node;
    return 0;
}

static void file_release(struct io_uv_memory_node *node)
{
    if (node->is_removed && node->open_count == 0) {
        node_free(node);
    }
}

int io_uv_memory_lock(struct io_uv_memory_node *node, const struct io_file *file)
{
    if (node->locker != NULL && node->locker != file) {
        return ERROR_BUSY;
    }
    node->locker = file;
    return 0;
}

void io_uv_memory_close(struct io_uv_memory_node *node, const struct io_file *file)
{
    check(node->open_count > 0);
    node->open_count--;
    if (node->locker == file) {
        node->locker = NULL;
    }
    file_release(node);
}

int io_uv_memory_info(struct io_uv *uv, const char *path, struct io_file_info *out)
{
    struct memory_place place;
    struct stat status = {0};
    int error = place_find_node(uv, path, &place);
    if (error != 0) {
        return error;
    }
    if (!place.node->is_directory && fstat(place.node->descriptor, &status) != 0) {
        return error_from_errno(errno);
    }
    *out = (struct io_file_info){
        .size = (uint64_t)status.st_size,
        .modified_ms = (int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000,
        .is_directory = place.node->is_directory,
    };
    return 0;
}

/* Takes the node out of its directory; a file goes when nobody has it open. */
static int place_clear(const struct memory_place *place)
{
    struct io_uv_memory_node *node = place->node;
    if (place->parent == NULL) {
        return error_from_errno(EBUSY);
    }
    if (node->is_directory && node->children.size > 0) {
        return error_from_errno(ENOTEMPTY);
    }
    map_remove(&place->parent->children, place->name);
    if (node->is_directory) {
        node_free(node);
    } else {
        node->is_removed = true;
        file_release(node);
    }
    return 0;
}

int io_uv_memory_remove(struct io_uv *uv, const char *path)
{
    struct memory_place place;
    int error = place_find_node(uv, path, &place);
    return error != 0 ? error : place_clear(&place);
}

int io_uv_memory_rename(struct io_uv *uv, const char *from, const char *to)
{
    struct memory_place source, target;
    int error = place_find_node(uv, from, &source);
    if (error == 0) {
        error = place_find(uv, to, &target);
    }
    if (error != 0 || source.node == target.node) {
        return error;
    }
    if (source.parent == NULL) {
        return error_from_errno(EBUSY);
    }
    if (target.node != NULL && target.node->is_directory != source.node->is_directory) {
        return error_from_errno(target.node->is_directory ? EISDIR : ENOTDIR);
    }
    error = target.node == NULL ? 0 : place_clear(&target);
    if (error == 0) {
        map_remove(&source.parent->children, source.name);
        map_put(&target.parent->children, target.name, source.node);
    }
    return error;
}

int io_uv_memory_make(struct io_uv *uv, const char *path)
{
    struct memory_place place;
    int error = place_find(uv, path, &place);
    if (error == 0 && place.node != NULL) {
        error = ERROR_EXISTS;
    }
    if (error == 0) {
        map_put(&place.parent->children, place.name, node_new_directory());
    }
    return error;
}

int io_uv_memory_list(struct io_uv *uv, const char *path,
                      void (*each)(void *owner, const char *entry, bool is_directory), void *owner)
{
    struct memory_place place;
    int error = place_find_node(uv, path, &place);
    if (error == 0 && !place.node->is_directory) {
        error = error_from_errno(ENOTDIR);
    }
    if (error != 0) {
        return error;
    }
    for (map_each (&place.node->children, entry)) {
        char *name = bytes_to_string(entry->key);
        each(owner, name, ((const struct io_uv_memory_node *)entry->value)->is_directory);
        free(name);
    }
    return 0;
}
