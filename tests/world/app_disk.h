/* The state directories of one process: a real directory, since LMDB maps its files, behind an io
 * that fails on purpose.
 *
 * Real:     a full disk (a limit of file sizes, so LMDB's own writes are cut and fail with EFBIG);
 *           directories that cannot be made and files that cannot be removed.
 * Rebuilt:  power lost in a checkpoint: of the pages that it wrote some, all, or all with the one
 *           that makes them count (LMDB syncs the pages before); files that were cut, whose heads
 *           are gone, that are missing or older.
 * Owns:     a directory per life, below one of the campaign; the seam of that life.
 * Keeps:    no life opens the files of another one: LMDB's locks belong to the process of the test.
 * Thread:   one. */
#pragma once

#include "log/io/io.h"
#include "tests/world/store_liar.h"

struct node_world;

struct app_disk {
    struct store_liar liar; /* first: passes on what is not about the state */
    struct io_ops ops;
    struct node_world *world;
    char directory[200];
    char lost[210];        /* what a loss of power left of it */
    uint32_t fail_percent; /* of directories made and files removed */
    uint32_t full_percent; /* of checkpoints that meet a full disk */
    bool is_doomed;        /* the next checkpoint is the last thing it does */
    bool is_dead;          /* it was; the process has to be killed */
    int checkpoint_count;
};

struct app_disk *app_disk_new(struct node_world *world, struct io *real, const char *directory);
/* The io of the process. */
struct io *app_disk_io(struct app_disk *disk);
/* The directory that the next life may go on from. */
const char *app_disk_remains(const struct app_disk *disk);
/* Copies a state directory, without LMDB's locks. */
void app_disk_copy(const char *from, const char *to);
/* Damages one file below it, if there is one. */
void app_disk_wound(struct node_world *world, const char *directory);
void app_disk_remove(const char *directory);
