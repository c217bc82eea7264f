/* A topic as a list of records.
 *
 * Owns:   copies of the records.
 * Keeps:  readers of a partition see nothing behind a record whose fate is open, as readers of
 *         committed records do; a record that was undone stays in the list and is seen by nobody.
 * Thread: the driver's. */
#pragma once

#include "runtime/format/record.h"

enum driver_fate { DRIVER_OPEN, DRIVER_COMMITTED, DRIVER_UNDONE };

struct driver_trail_row;

struct driver_record {
    struct record record;
    enum driver_fate fate;
    struct driver_trail_row *trail; /* of a record that is watched: under which it is told */
    bool is_output;                 /* written by the application, not by the test */
};

struct driver_topic {
    char *name;
    struct driver_record **records;
    size_t count;
    size_t taken;       /* outputs before this index were looked at */
    int32_t partitions; /* 0: as many as the driver's topics have */
    int64_t next_offset;
    bool is_written; /* by the application, once at least */
};

struct driver_topic *driver_topic_new(const char *name);
void driver_topic_free(struct driver_topic *topic);
/* Copies the record, which is valid until it is forgotten; its partition is chosen already. The
 * offset is the next one of the list, or that of the record when `keeps_offset`. */
struct driver_record *driver_topic_append(struct driver_topic *topic, const struct record *record,
                                          bool is_output, bool keeps_offset, enum driver_fate fate);
/* Removes the first `count` records; whoever keeps indexes moves them. */
void driver_topic_forget(struct driver_topic *topic, size_t count);
/* Gives all open records their fate. */
void driver_topic_decide(struct driver_topic *topic, enum driver_fate fate);
/* Moves *index on to the next committed record of a partition; NULL when there is none yet. */
const struct record *driver_topic_next(const struct driver_topic *topic, int32_t partition,
                                       size_t *index);
/* The next committed output that was not taken; NULL when there is none. */
const struct record *driver_topic_take(struct driver_topic *topic);
