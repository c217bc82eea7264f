/* What lies in a log's directory; see log_listing.h. */
#include "log/store/log_listing.h"

#include "log/base/error.h"
#include "log/store/small_file.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { LOG_LISTING_DIGITS = 20 };

void log_listing_init(struct log_listing *listing)
{
    buffer_init(&listing->segments);
    buffer_init(&listing->snapshots);
    buffer_init(&listing->aborts);
    buffer_init(&listing->swaps);
    map_init(&listing->leftovers);
}

void log_listing_fini(struct log_listing *listing)
{
    buffer_fini(&listing->segments);
    buffer_fini(&listing->snapshots);
    buffer_fini(&listing->aborts);
    buffer_fini(&listing->swaps);
    map_fini(&listing->leftovers, NULL);
}

static bool log_listing_ends_with(const char *name, const char *suffix)
{
    size_t size = strlen(name);
    size_t suffix_size = strlen(suffix);
    return size >= suffix_size && strcmp(name + size - suffix_size, suffix) == 0;
}

/* "%020d" and the suffix, nothing else. */
static bool log_listing_parse_name(const char *name, const char *suffix, int64_t *offset)
{
    struct bytes digits = bytes_make(name, LOG_LISTING_DIGITS);
    return strlen(name) == LOG_LISTING_DIGITS + strlen(suffix) &&
           strcmp(name + LOG_LISTING_DIGITS, suffix) == 0 &&
           small_file_number(&digits, offset) == 0 && digits.size == 0;
}

static void log_listing_on_entry(void *owner, const char *entry, bool is_directory)
{
    struct log_listing *listing = owner;
    int64_t offset = 0;
    if (is_directory) {
        return;
    }
    if (log_listing_parse_name(entry, ".log", &offset)) {
        buffer_add(&listing->segments, &offset, sizeof offset);
    } else if (log_listing_parse_name(entry, ".snapshot", &offset)) {
        buffer_add(&listing->snapshots, &offset, sizeof offset);
    } else if (log_listing_parse_name(entry, ".txnindex", &offset)) {
        buffer_add(&listing->aborts, &offset, sizeof offset);
    } else if (log_listing_parse_name(entry, ".log.swap", &offset)) {
        buffer_add(&listing->swaps, &offset, sizeof offset);
    } else if (log_listing_ends_with(entry, ".deleted") || log_listing_ends_with(entry, ".tmp") ||
               log_listing_ends_with(entry, ".cleaned")) {
        map_put(&listing->leftovers, bytes_from_string(entry), listing);
    }
}

int log_listing_read(struct log_listing *listing, const struct log *log)
{
    log_listing_fini(listing);
    log_listing_init(listing);
    return io_dir_list(log->home.io, log->directory, log_listing_on_entry, listing);
}

size_t log_listing_count(const struct buffer *offsets)
{
    return offsets->size / sizeof(int64_t);
}

int64_t log_listing_offset(const struct buffer *offsets, size_t index)
{
    int64_t offset = 0;
    memcpy(&offset, offsets->data + index * sizeof offset, sizeof offset);
    return offset;
}

bool log_listing_has_offset(const struct buffer *offsets, int64_t offset)
{
    for (size_t i = 0; i < log_listing_count(offsets); i++) {
        if (log_listing_offset(offsets, i) == offset) {
            return true;
        }
    }
    return false;
}

int log_listing_remove(struct log *log, const char *name)
{
    char path[PATH_MAX];
    if (log->home.is_read_only ||
        snprintf(path, sizeof path, "%s/%s", log->directory, name) >= (int)sizeof path) {
        return 0;
    }
    int error = io_path_remove(log->home.io, path);
    return error == ERROR_NOT_FOUND ? 0 : error;
}
