/* The tree of a disk, visible and durable; see disk.h.
 *
 * A change of a directory is visible at once and waits in `changes` until the directory is synced.
 * At a crash each waiting change survives or not, a rename as a whole. */
#include "tests/sim/disk.h"

#include "tests/sim/world.h"

#include <stdlib.h>
#include <string.h>

struct sim_change {
    struct list_link link;
    enum { CHANGE_ADD, CHANGE_REMOVE, CHANGE_RENAME } kind;
    struct sim_inode *inode;
    struct sim_inode *directory;
    char *name;
    struct sim_inode *to; /* CHANGE_RENAME only */
    char *to_name;
};

void sim_inode_charge(struct sim_inode *inode)
{
    uint64_t pages = 0;
    if (!inode->is_directory && (inode->name_count > 0 || inode->open_count > 0)) {
        uint64_t reserved = (inode->reserved_size + SIM_PAGE_SIZE - 1) / SIM_PAGE_SIZE;
        pages = sim_pages_count(&inode->content);
        pages = pages > reserved ? pages : reserved;
    }
    inode->disk->used_pages += pages - inode->charged_pages;
    inode->charged_pages = pages;
}

void sim_inode_take(struct sim_inode *inode)
{
    inode->reference_count++;
}

static void names_put(struct map *names, const char *name, struct sim_inode *inode, bool is_visible)
{
    sim_inode_take(inode);
    struct sim_inode *old = map_put(names, bytes_from_string(name), inode);
    if (is_visible) {
        inode->name_count++;
        sim_inode_charge(inode);
    }
    if (old == NULL) {
        return;
    }
    if (is_visible) {
        old->name_count--;
        sim_inode_charge(old);
    }
    sim_inode_release(old);
}

static void names_remove(struct map *names, struct bytes name, bool is_visible)
{
    struct sim_inode *old = map_remove(names, name);
    if (old == NULL) {
        return;
    }
    if (is_visible) {
        old->name_count--;
        sim_inode_charge(old);
    }
    sim_inode_release(old);
}

static void names_clear(struct map *names, bool is_visible)
{
    for (map_each (names, entry)) {
        struct bytes name = bytes_copy(entry->key);
        names_remove(names, name, is_visible);
        bytes_free(name);
    }
}

void sim_inode_release(struct sim_inode *inode)
{
    check(inode->reference_count > 0);
    if (--inode->reference_count > 0) {
        return;
    }
    inode->reference_count = 1; /* Whoever comes by below finds it alive. */
    names_clear(&inode->names, true);
    names_clear(&inode->durable_names, false);
    map_fini(&inode->names, NULL);
    map_fini(&inode->durable_names, NULL);
    inode->disk->used_pages -= inode->charged_pages;
    sim_inode_fini(inode);
    list_remove(&inode->link);
    free(inode);
}

struct sim_disk *sim_disk_new(struct sim *sim)
{
    struct sim_disk *disk = memory_new(struct sim_disk);
    disk->sim = sim;
    list_init(&disk->inodes);
    list_init(&disk->files);
    list_init(&disk->changes);
    disk->root = sim_inode_new(disk, true);
    return disk;
}

static void change_free(struct sim_change *change)
{
    list_remove(&change->link);
    sim_inode_release(change->inode);
    sim_inode_release(change->directory);
    if (change->to != NULL) {
        sim_inode_release(change->to);
    }
    free(change->name);
    free(change->to_name);
    free(change);
}

void sim_disk_detach(struct sim_disk *disk)
{
    for (list_each (&disk->files, link)) {
        struct io_file *file = list_member(link, struct io_file, link);
        if (file->inode == NULL) {
            continue;
        }
        file->inode->lock_holder = NULL;
        file->inode->open_count--;
        sim_inode_charge(file->inode);
        sim_inode_release(file->inode);
        file->inode = NULL;
    }
}

void sim_disk_free(struct sim_disk *disk)
{
    sim_disk_detach(disk);
    for (list_each (&disk->files, link)) {
        struct io_file *file = list_member(link, struct io_file, link);
        list_remove(link);
        free(file->path);
        free(file);
    }
    for (list_each (&disk->changes, link)) {
        change_free(list_member(link, struct sim_change, link));
    }
    sim_inode_release(disk->root);
    check(list_is_empty(&disk->inodes));
    free(disk);
}

/* Copies the next name of a path; NULL at its end. Empty names and "." do not count. */
static const char *path_next(const char *path, char name[SIM_NAME_SIZE])
{
    for (;;) {
        path += strspn(path, "/");
        size_t size = strcspn(path, "/");
        if (size == 0) {
            return NULL;
        }
        if (size == 1 && path[0] == '.') {
            path += 1;
            continue;
        }
        check(size < SIM_NAME_SIZE);
        memcpy(name, path, size);
        name[size] = 0;
        check(strcmp(name, "..") != 0);
        return path + size;
    }
}

int sim_disk_find(struct sim_disk *disk, const char *path, struct sim_inode **out)
{
    struct sim_inode *inode = disk->root;
    char name[SIM_NAME_SIZE];
    while ((path = path_next(path, name)) != NULL) {
        inode = inode->is_directory ? map_find_string(&inode->names, name) : NULL;
        if (inode == NULL) {
            return ERROR_NOT_FOUND;
        }
    }
    *out = inode;
    return 0;
}

int sim_disk_parent(struct sim_disk *disk, const char *path, struct sim_inode **out,
                    char name[SIM_NAME_SIZE])
{
    struct sim_inode *inode = disk->root;
    char next[SIM_NAME_SIZE];
    path = path_next(path, name);
    if (path == NULL) {
        return ERROR_EXISTS; /* The root. */
    }
    while ((path = path_next(path, next)) != NULL) {
        inode = map_find_string(&inode->names, name);
        if (inode == NULL || !inode->is_directory) {
            return ERROR_NOT_FOUND;
        }
        memcpy(name, next, sizeof next);
    }
    *out = inode;
    return 0;
}

static struct sim_change *change_add(struct sim_disk *disk, struct sim_inode *directory,
                                     const char *name, struct sim_inode *inode)
{
    struct sim_change *change = memory_new(struct sim_change);
    change->directory = directory;
    change->name = memory_string(name);
    change->inode = inode;
    sim_inode_take(directory);
    sim_inode_take(inode);
    list_add(&disk->changes, &change->link);
    return change;
}

void sim_disk_add(struct sim_disk *disk, struct sim_inode *directory, const char *name,
                  struct sim_inode *inode)
{
    change_add(disk, directory, name, inode)->kind = CHANGE_ADD;
    names_put(&directory->names, name, inode, true);
}

void sim_disk_remove(struct sim_disk *disk, struct sim_inode *directory, const char *name)
{
    struct sim_inode *inode = map_find_string(&directory->names, name);
    change_add(disk, directory, name, inode)->kind = CHANGE_REMOVE;
    names_remove(&directory->names, bytes_from_string(name), true);
}

void sim_disk_rename(struct sim_disk *disk, struct sim_inode *from, const char *from_name,
                     struct sim_inode *to, const char *to_name)
{
    struct sim_inode *inode = map_find_string(&from->names, from_name);
    if (map_find_string(&to->names, to_name) == inode) {
        return;
    }
    struct sim_change *change = change_add(disk, from, from_name, inode);
    change->kind = CHANGE_RENAME;
    change->to = to;
    change->to_name = memory_string(to_name);
    sim_inode_take(to);
    names_put(&to->names, to_name, inode, true);
    names_remove(&from->names, bytes_from_string(from_name), true);
}

static void change_forget_old_name(const struct sim_change *change)
{
    struct map *names = &change->directory->durable_names;
    if (map_find_string(names, change->name) == change->inode) {
        names_remove(names, bytes_from_string(change->name), false);
    }
}

static void change_settle(const struct sim_change *change)
{
    switch (change->kind) {
    case CHANGE_ADD:
        names_put(&change->directory->durable_names, change->name, change->inode, false);
        break;
    case CHANGE_REMOVE:
        change_forget_old_name(change);
        break;
    case CHANGE_RENAME:
        change_forget_old_name(change);
        names_put(&change->to->durable_names, change->to_name, change->inode, false);
        break;
    }
}

void sim_disk_sync_directory(struct sim_disk *disk, struct sim_inode *directory)
{
    for (list_each (&disk->changes, link)) {
        struct sim_change *change = list_member(link, struct sim_change, link);
        if (change->directory == directory || change->to == directory) {
            change_settle(change);
            change_free(change);
        }
    }
}

static void inode_restore_names(struct sim_inode *inode)
{
    names_clear(&inode->names, true);
    for (map_each (&inode->durable_names, entry)) {
        char *name = bytes_to_string(entry->key);
        names_put(&inode->names, name, entry->value, true);
        free(name);
    }
}

void sim_disk_crash(struct sim_disk *disk)
{
    for (list_each (&disk->changes, link)) {
        struct sim_change *change = list_member(link, struct sim_change, link);
        if (sim_random(disk->sim, 2) == 0) {
            change_settle(change);
        }
        change_free(change);
    }
    /* Holding every inode keeps the list whole while names come and go. */
    for (list_each (&disk->inodes, link)) {
        sim_inode_take(list_member(link, struct sim_inode, link));
    }
    for (list_each (&disk->inodes, link)) {
        struct sim_inode *inode = list_member(link, struct sim_inode, link);
        sim_inode_crash(inode);
        inode_restore_names(inode);
        sim_inode_charge(inode);
    }
    size_t count = 0;
    for (list_each (&disk->inodes, link)) {
        count++;
    }
    struct sim_inode **inodes = memory_zero(count, sizeof(struct sim_inode *));
    count = 0;
    for (list_each (&disk->inodes, link)) {
        inodes[count++] = list_member(link, struct sim_inode, link);
    }
    for (size_t i = 0; i < count; i++) {
        sim_inode_release(inodes[i]);
    }
    free(inodes);
}
