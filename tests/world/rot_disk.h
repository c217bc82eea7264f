/* The files of a data directory, to be put on another disk with one of them damaged.
 *
 * Owns:   the content of every file.
 * Thread: one. */
#pragma once

#include "log/io/io.h"

enum rot_kind {
    ROT_RECORDS, /* .log of people's topics */
    ROT_METADATA_LOG,
    ROT_COORDINATOR_LOG,
    ROT_INDEX,
    ROT_TIME_INDEX,
    ROT_TXN_INDEX,
    ROT_CLEANED, /* of a compaction that was not decided, and indexes of one that was */
    ROT_SWAP,    /* of one that was decided */
    ROT_SNAPSHOT,
    ROT_EPOCHS,
    ROT_PARTITION_METADATA,
    ROT_RECOVERY_POINTS,
    ROT_KAFKA_CHECKPOINT, /* both */
    ROT_CLEAN_MARKER,
    ROT_KIND_COUNT,
};

enum rot_damage {
    ROT_BIT,     /* one is flipped */
    ROT_ZEROES,  /* 4 KiB */
    ROT_GARBAGE, /* 4 KiB */
    ROT_DAMAGE_COUNT,
};

struct rot_file {
    char *path;
    struct buffer content;
    enum rot_kind kind;
};

struct rot_disk {
    struct rot_file *files;
    size_t file_count;
    char **directories;
    size_t directory_count;
};

struct rot_wound {
    enum rot_kind kind;
    enum rot_damage damage;
    const char *path;
    uint64_t position;
    int bit;
};

const char *rot_kind_name(enum rot_kind kind);
/* Reads everything below `path`, which must be quiet. */
void rot_disk_read(struct rot_disk *disk, struct io *io, const char *path);
/* Writes it, durably, to an empty disk. `wound` may be NULL. */
void rot_disk_write(const struct rot_disk *disk, struct io *io, const struct rot_wound *wound,
                    uint64_t (*chance)(void *owner, uint64_t below), void *owner);
/* Chooses where it hurts; false when there is no file of the kind. */
bool rot_disk_choose(const struct rot_disk *disk, enum rot_kind kind, enum rot_damage damage,
                     uint64_t (*chance)(void *owner, uint64_t below), void *owner,
                     struct rot_wound *out);
void rot_disk_fini(struct rot_disk *disk);
