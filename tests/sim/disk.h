/* A node's disk: a tree of files and directories as the process sees it, and as power loss would
 * leave it.
 *
 * Owns:   every inode, the two trees, the list of directory changes that are not synced.
 * Keeps:  (1) an inode lives while a name, a durable name, an unsynced change or an open file
 *             needs it;
 *         (2) what a sync covered is in the durable tree or content; what a failed sync covered
 *             is not pending any more and so never becomes durable by a later sync;
 *         (3) used_pages is the sum of what living inodes are charged.
 * Thread: the world's. */
#pragma once

#include "log/base/list.h"
#include "log/base/map.h"
#include "tests/sim/pages.h"
#include "tests/sim/sim.h"

struct sim_disk {
    struct sim *sim;
    struct sim_inode *root;
    struct list inodes;
    struct list files;   /* open, also by dead processes */
    struct list changes; /* to directories, not synced, in order */
    uint64_t used_pages;
};

struct sim_inode {
    struct list_link link;
    struct sim_disk *disk;
    int reference_count;
    int name_count; /* in the visible tree */
    int open_count;
    bool is_directory;
    int64_t modified_ms;
    struct io_file *lock_holder;
    uint64_t charged_pages;
    /* A directory: name -> inode. */
    struct map names;
    struct map durable_names;
    /* A file. */
    struct sim_pages content;
    struct sim_pages durable;
    uint64_t size;
    uint64_t durable_size;
    uint64_t reserved_size;
    struct list effects; /* on the content, not synced, in order */
    uint64_t effect_count;
};

/* An open file. `inode` is NULL once its process is dead. */
struct io_file {
    struct list_link link;
    struct sim_inode *inode;
    char *path;
    bool is_writable;
    int request_count; /* on their way */
};

struct sim_disk *sim_disk_new(struct sim *sim);
void sim_disk_free(struct sim_disk *disk);
/* What power loss leaves becomes what is seen. */
void sim_disk_crash(struct sim_disk *disk);
/* Files of a dead process are shut; their handles stay to be closed. */
void sim_disk_detach(struct sim_disk *disk);

struct sim_inode *sim_inode_new(struct sim_disk *disk, bool is_directory);
void sim_inode_take(struct sim_inode *inode);
void sim_inode_release(struct sim_inode *inode);
void sim_inode_charge(struct sim_inode *inode);
/* Writes into the page cache. */
void sim_inode_write(struct sim_inode *inode, const uint8_t *data, size_t size, uint64_t position);
/* How many of the bytes fit into what is left of the disk. */
uint64_t sim_inode_room(const struct sim_inode *inode, uint64_t position, uint64_t size,
                        uint64_t free_pages);
void sim_inode_truncate(struct sim_inode *inode, uint64_t size);
/* Makes durable what was done before the effect number `mark`. */
void sim_inode_sync(struct sim_inode *inode, uint64_t mark);
/* Loses it instead, all or in part; it never becomes durable later. */
void sim_inode_lose(struct sim_inode *inode, uint64_t mark);
void sim_inode_crash(struct sim_inode *inode);
void sim_inode_fini(struct sim_inode *inode);

/* Finds what a path names; ERROR_NOT_FOUND. */
must_use int sim_disk_find(struct sim_disk *disk, const char *path, struct sim_inode **out);
/* Finds the directory a path lies in and its last name (at most SIM_NAME_SIZE - 1 bytes). */
enum { SIM_NAME_SIZE = 256 };
must_use int sim_disk_parent(struct sim_disk *disk, const char *path, struct sim_inode **out,
                             char name[SIM_NAME_SIZE]);
void sim_disk_add(struct sim_disk *disk, struct sim_inode *directory, const char *name,
                  struct sim_inode *inode);
void sim_disk_remove(struct sim_disk *disk, struct sim_inode *directory, const char *name);
void sim_disk_rename(struct sim_disk *disk, struct sim_inode *from, const char *from_name,
                     struct sim_inode *to, const char *to_name);
void sim_disk_sync_directory(struct sim_disk *disk, struct sim_inode *directory);
