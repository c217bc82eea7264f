/* Keeps the number of open segment files bounded.
 *
 * Owns:   the descriptors of the files that were opened through it.
 * Keeps:  (1) open_count is the number of files in the list;
 *         (2) above the limit only pinned files stay open;
 *         (3) a pinned file is never closed behind its user's back.
 * Closing a file that was written but not flushed loses nothing: the data stays in the page cache,
 * and Linux reports a failed write-back to whoever syncs the file next, also through another
 * descriptor.
 * Thread: the owner's. */
#pragma once

#include "log/base/list.h"
#include "log/io/io.h"

struct file_cache_entry;

struct file_cache {
    struct io *io;
    struct list files; /* the longest unused first */
    int64_t open_count;
    int64_t limit_count;
    /* Told of each file that is closed to make room; its user may let go of more. NULL is fine. */
    void (*evicted)(struct file_cache_entry *entry);
};

/* Embedded by the user; zeroed it is closed. */
struct file_cache_entry {
    struct list_link link;
    struct io_file *file; /* NULL when closed */
    int32_t pin_count;
};

void file_cache_init(struct file_cache *cache, struct io *io, int64_t limit_count);
/* Opens the file unless it is open, and makes it the most recently used. When the process may open
 * no more, half of the others are closed for it. */
must_use int file_cache_open(struct file_cache *cache, struct file_cache_entry *entry,
                             const char *path, int flags, struct io_file **out);
/* Whether it is open; marks it as used. */
bool file_cache_find(struct file_cache *cache, struct file_cache_entry *entry,
                     struct io_file **out);
/* Does nothing for a closed one; no pin may be held. */
void file_cache_close(struct file_cache *cache, struct file_cache_entry *entry);
void file_cache_pin(struct file_cache_entry *entry);
void file_cache_unpin(struct file_cache *cache, struct file_cache_entry *entry);
void file_cache_check(const struct file_cache *cache);
