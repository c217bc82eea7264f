/* From where recovery has to look at each log of a data directory.
 *
 *     recovery-points                     ours: one line of length and CRC, then a row per log:
 *                                         start offset, recovery point, its segment and position,
 *                                         whether producers have to be remembered, their
 *                                         newest snapshot and its position
 *     recovery-point-offset-checkpoint    Kafka's: topic partition offset
 *     log-start-offset-checkpoint         Kafka's: topic partition offset
 *
 * Ours is the authority: it is protected and names positions, so that recovery reads only what was
 * written since. Kafka's two are written beside it for people and tools, and read when ours is
 * missing.
 * Owns:   its rows, keyed by "topic-partition".
 * Keeps:  a row never promises more than what was flushed when the file was written.
 * Thread: the shard's. */
#pragma once

#include "log/base/map.h"
#include "log/io/io.h"

struct log_point {
    int64_t start_offset;
    int64_t recovery_offset; /* everything below is durable and whole */
    int64_t segment_offset;  /* base offset of the segment it lies in; -1: not known */
    int64_t position;        /* in that segment */
    int64_t has_producers;   /* 0: no producer with an id had ever written below recovery_offset */
    int64_t snapshot_offset; /* of producers, in the segment that grows; -1: none there */
    int64_t snapshot_position;
};

struct log_points {
    struct map rows; /* struct log_point, owned */
    bool is_whole;   /* read from our own file, undamaged */
    bool is_foreign; /* rows are Kafka's: logs may have been compacted beyond their points */
};

void log_points_init(struct log_points *points);
void log_points_fini(struct log_points *points);
void log_points_put(struct log_points *points, const char *name, const struct log_point *point);
/* NULL when there is none. */
const struct log_point *log_points_find(const struct log_points *points, const char *name);
/* Without any file: no rows. Damage of ours is traced, and Kafka's files are read instead. */
must_use int log_points_read(struct log_points *points, struct io *io, const char *directory);
must_use int log_points_write(const struct log_points *points, struct io *io,
                              const char *directory);
