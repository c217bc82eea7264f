/* Written, adopted, removed; see snapshot.h. */
#include "log/store/snapshot.h"

#include "log/store/small_file.h"
#include "log/store/store_state.h"

enum { SNAPSHOT_AT_ONCE = 64 }; /* each takes a tenth of a millisecond or so */

static int snapshot_remove_file(struct log *log, int64_t offset)
{
    char name[SEGMENT_NAME_SIZE];
    segment_name(name, offset, ".snapshot");
    return log_listing_remove(log, name);
}

static bool snapshot_is_between(const struct log *log, int64_t offset)
{
    return log->segments[log_find_segment(log, offset)]->base_offset != offset;
}

static int snapshot_write_file(struct log *log, bool is_durable)
{
    int error = log_sync_aborts(log); /* what is behind a snapshot is not replayed */
    if (error != 0) {
        return error;
    }
    struct buffer content;
    buffer_init(&content);
    producer_state_write(&log->producers, &content);
    char name[SEGMENT_NAME_SIZE];
    segment_name(name, log->end_offset, ".snapshot");
    error = (is_durable ? small_file_write : small_file_write_loose)(log->home.io, log->directory,
                                                                     name, buffer_bytes(&content));
    buffer_fini(&content);
    if (error != 0) {
        return error;
    }
    int64_t previous = log->snapshot.place.offset;
    log->snapshot = (struct log_snapshot){.place = log_end_mark(log), .is_loose = !is_durable};
    log->producers.is_changed = false;
    if (previous >= 0 && previous != log->end_offset && snapshot_is_between(log, previous)) {
        return snapshot_remove_file(log, previous);
    }
    return 0;
}

int snapshot_write(struct log *log)
{
    const struct log_snapshot *newest = &log->snapshot;
    bool is_there = newest->place.offset == log->end_offset && !newest->is_loose;
    bool is_needed = log_has_producers(log) || newest->place.offset >= 0;
    return (is_there && !log->producers.is_changed) || !is_needed ? 0
                                                                  : snapshot_write_file(log, true);
}

static bool snapshot_is_due(const struct log *log)
{
    return log->status == 0 && log->is_rooted && log_has_producers(log) &&
           log->snapshot.behind_size >= log->store->options.snapshot_size;
}

/* Who gets one is moved behind the others. */
void snapshot_write_between(struct store *store)
{
    struct log *due[SNAPSHOT_AT_ONCE];
    int count = 0;
    for (list_each (&store->log_list, link)) {
        struct log *log = list_member(link, struct log, store_link);
        if (count < SNAPSHOT_AT_ONCE && snapshot_is_due(log)) {
            due[count++] = log;
        }
    }
    int error = 0;
    for (int i = 0; i < count && error == 0; i++) {
        list_remove(&due[i]->store_link);
        list_add(&store->log_list, &due[i]->store_link);
        error = log_on_write_error(due[i], snapshot_write_file(due[i], false), "snapshot");
    }
}

int snapshot_drop(struct log *log, struct log_listing *listing)
{
    bool has_removed = false;
    while (listing->snapshots.size > 0) {
        int64_t last =
            log_listing_offset(&listing->snapshots, log_listing_count(&listing->snapshots) - 1);
        if (last <= log->end_offset) {
            break;
        }
        int error = snapshot_remove_file(log, last);
        if (error != 0) {
            return error;
        }
        listing->snapshots.size -= sizeof last;
        has_removed = !log->home.is_read_only;
    }
    return has_removed ? io_dir_sync(log->home.io, log->directory) : 0;
}

int snapshot_adopt(struct log *log, const struct log_listing *listing, int64_t offset)
{
    int error = 0;
    if (log->snapshot.place.offset != offset) {
        log->snapshot = (struct log_snapshot){.place = {offset, -1, 0}, .is_loose = true};
    }
    for (size_t i = 0; i < log_listing_count(&listing->snapshots) && error == 0; i++) {
        int64_t other = log_listing_offset(&listing->snapshots, i);
        if (other != offset && snapshot_is_between(log, other)) {
            error = snapshot_remove_file(log, other);
        }
    }
    return error;
}

int snapshot_remove(struct log *log, const struct segment *segment)
{
    return segment->base_offset == log->snapshot.place.offset
               ? 0
               : snapshot_remove_file(log, segment->base_offset);
}
