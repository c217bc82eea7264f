/* Whole batches from the one that contains an offset on, in memory.
 *
 * For those who look into records: loaders, tools, tests. Who only hands batches on takes a slice
 * (log/store/log_slice.h), which is what this is made of.
 * Keeps:  bytes that were not in the page cache, and all bytes when may_wait is set, had their CRC
 *         checked.
 * Thread: the store's shard. */
#pragma once

#include "log/store/log_slice.h"

struct log_read {
    /* in */
    int64_t offset;
    int64_t limit_offset; /* exclusive: high watermark or last stable offset */
    size_t size_max;      /* bytes */
    bool is_first_whole;  /* return the first batch even when it is larger than size_max */
    bool may_wait;        /* wait for the disk inside the call and return true: start-up, tools */
    void (*done)(struct log_read *read, int error);
    void *owner;
    /* out */
    /* Owned by the caller, who calls buffer_init and buffer_fini; empty at the end of the log. */
    struct buffer bytes;
    /* the log's */
    struct log_slice slice;
};

/* Returns true when the answer is there already (`done` is not called and *error is set), false
 * when `done` will be called. A log may be closed or deleted meanwhile: `done` then gets
 * ERROR_NOT_FOUND. Errors: those of log_slice_open and log_slice_read. */
must_use bool log_read(struct log *log, struct log_read *read, int *error);
