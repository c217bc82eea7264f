/* Opens and closes the data directory, and passes answers on; see store.h. */
#include "log/store/store.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/store/recovery.h"
#include "log/store/retention.h"
#include "log/store/small_file.h"
#include "log/store/snapshot.h"
#include "log/store/store_state.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes behind the recovery points, which a recovery has to read and write once more. */
enum { STORE_POINTS_SIZE_MAX = 256 << 20 };
/* The limit of all logs is looked at whenever this part of it was appended. */
enum { STORE_TOTAL_PARTS = 32 };

static const char store_lock_file[] = ".lock";
static const char store_kafka_file[] = "meta.properties"; /* ours have none */
static const char store_clean_file[] = ".kafka_cleanshutdown";

struct store_options store_options_default(const char *path)
{
    return (struct store_options){
        .path = path,
        .durability = STORE_DURABILITY_FSYNC,
        .flush_interval_ms = 1000,
        .checkpoint_interval_ms = 60000,
        .snapshot_size = 1 << 20,
        .retention_check_interval_ms = 300000,
        .retention_total_size = -1,
        .producer_expiration_ms = INT64_C(86400000),
        .open_file_max = 512,
        .tail_size_max = 16 << 20,
        .cleaner =
            {
                .is_enabled = true,
                .backoff_ms = 15000,
                .map_size = 128 << 20,
                .buffer_size = 512 << 10,
                .bytes_per_second = 1e300,
            },
    };
}

int store_write_file(struct io *io, const char *directory, const char *name, struct bytes content)
{
    return small_file_write(io, directory, name, content);
}

void store_path(const struct store *store, const char *name, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s/%s", store->path, name);
}

void store_set_producer_expiration(struct store *store, int64_t expiration_ms)
{
    store->options.producer_expiration_ms = expiration_ms;
}

const char *store_directory(const struct store *store)
{
    return store->path;
}

int store_status(const struct store *store)
{
    return store->is_fenced ? ERROR_FENCED : 0;
}

void store_fence(struct store *store, const char *step, const char *name, int error)
{
    if (store->is_fenced) {
        return;
    }
    trace(TRACE_ERROR, "store.fenced", TRACE_STRING("path", store->path),
          TRACE_STRING("step", step), TRACE_STRING("log", name),
          TRACE_STRING("error", error_name(error)));
    store->is_fenced = true;
    for (list_each (&store->log_list, link)) {
        struct log *log = list_member(link, struct log, store_link);
        struct list_link *wait = NULL;
        while ((wait = list_take(&log->waits)) != NULL) {
            store_answer(store, store_wait_of(wait), STORE_FENCED);
        }
    }
}

enum { STORE_ROOM_SECONDS = 10, STORE_ROOM_SIZE = 1 << 20 };

/* On a disk that is almost full a small write finds room where a large one finds none: it is over
 * when none was refused for a while. */
static bool store_was_refused_lately(const struct store *store)
{
    return io_now(store->io) - store->full_ns < STORE_ROOM_SECONDS * UINT64_C(1000000000);
}

/* Nobody may write any more because we said so, so the disk is asked too. */
bool store_has_room(const struct store *store)
{
    struct io_space space;
    if (!store->is_full) {
        return true;
    }
    return !store_was_refused_lately(store) &&
           (io_path_space(store->io, store->path, &space) != 0 ||
            space.usable_size >= STORE_ROOM_SIZE);
}

void store_note_room(struct store *store, const struct log *log, int error)
{
    if (error == ERROR_NO_SPACE) {
        if (!store->is_full) {
            trace(TRACE_ERROR, "store.no_space", TRACE_STRING("path", store->path),
                  TRACE_STRING("log", log->name),
                  TRACE_STRING("effect", "nothing is taken until there is room"));
        }
        store->is_full = true;
        store->full_ns = io_now(store->io);
        store->refused_count++;
    } else if (store->is_full && error == 0 && !store_was_refused_lately(store)) {
        trace(TRACE_WARN, "store.has_space", TRACE_STRING("path", store->path),
              TRACE_INT("refused_writes", store->refused_count));
        store->is_full = false;
        store->refused_count = 0;
    }
}

static void store_ask_settle(struct store *store)
{
    if (!store->is_settle_asked) {
        store->is_settle_asked = true;
        io_post(store->io, &store->settle_request);
    }
}

void store_answer(struct store *store, struct log_flush_wait *wait, enum store_answer answer)
{
    list_add(&store->answers[answer], store_wait_link(wait));
    store_ask_settle(store);
}

void store_on_moved(struct store *store, struct log *log)
{
    if (!list_has(&log->moved_link)) {
        list_add(&store->moved, &log->moved_link);
        store_ask_settle(store);
    }
}

static void store_tell_moved(struct store *store, struct log *log)
{
    while (!list_is_empty(&log->waits)) {
        struct log_flush_wait *wait = store_wait_of(log->waits.head.next);
        if (wait->offset > log->flushed_offset) {
            break;
        }
        list_remove(store_wait_link(wait));
        store_answer(store, wait, STORE_FLUSHED);
    }
    if (store->flushed != NULL) {
        store->flushed(store->flushed_owner, log);
    }
}

/* Every callback may call back into the store, so nothing is held across one. */
void store_settle(struct store *store)
{
    static const int errors[STORE_ANSWER_COUNT] = {
        [STORE_FLUSHED] = 0,
        [STORE_FENCED] = ERROR_FENCED,
        [STORE_NOT_FOUND] = ERROR_NOT_FOUND,
        [STORE_SHUTDOWN] = ERROR_SHUTDOWN,
    };
    struct list_link *link = NULL;
    while ((link = list_take(&store->moved)) != NULL) {
        store_tell_moved(store, list_member(link, struct log, moved_link));
    }
    for (int i = 0; i < STORE_ANSWER_COUNT; i++) {
        while ((link = list_take(&store->answers[i])) != NULL) {
            struct log_flush_wait *wait = store_wait_of(link);
            wait->done(wait, errors[i]);
        }
    }
}

static void store_close_step(struct store *store);

static void store_on_settle(struct io_request *request, int64_t result)
{
    (void)result;
    struct store *store = request->owner;
    store->is_settle_asked = false;
    store_settle(store);
    if (store->phase == STORE_CLOSING) {
        store_close_step(store);
    }
}

/* The newest snapshot, if it lies where the log grows: elsewhere its place is of no use. */
static struct log_mark store_named_snapshot(const struct log *log)
{
    const struct log_mark *place = &log->snapshot.place;
    bool is_known = log->status == 0 && place->segment_offset == log_last_segment(log)->base_offset;
    return is_known ? *place : (struct log_mark){-1, -1, 0};
}

int store_write_points(struct store *store)
{
    struct log_points points;
    log_points_init(&points);
    for (list_each (&store->log_list, link)) {
        const struct log *log = list_member(link, struct log, store_link);
        if (!log->is_rooted) {
            continue; /* of what a power loss leaves of it a point would make damage */
        }
        struct log_mark snapshot = store_named_snapshot(log);
        struct log_point point = {
            .start_offset = log->start_offset,
            .recovery_offset = log->synced.offset,
            .segment_offset = log->synced.segment_offset,
            .position = log->synced.position,
            .has_producers = log->status != 0 || log_has_producers(log) ? 1 : 0,
            .snapshot_offset = snapshot.offset,
            .snapshot_position = snapshot.position,
        };
        log_points_put(&points, log->name, &point);
    }
    int error = log_points_write(&points, store->io, store->path);
    log_points_fini(&points);
    if (error == ERROR_NO_SPACE) {
        return error;
    }
    if (error != 0) {
        store_fence(store, "checkpoint", "", error);
        return ERROR_IO;
    }
    store->is_points_stale = false;
    store->points_size = store->appended_size;
    for (list_each (&store->log_list, link)) {
        struct log *log = list_member(link, struct log, store_link);
        log->points_offset = log->synced.offset;
        log->points_start = log->start_offset;
        log->points_segment = log->synced.segment_offset;
        log->points_snapshot = store_named_snapshot(log).offset;
    }
    return 0;
}

static bool store_has_new_points(const struct store *store)
{
    for (list_each (&store->log_list, link)) {
        const struct log *log = list_member(link, struct log, store_link);
        if (log->points_offset != log->synced.offset || log->points_start != log->start_offset) {
            return true;
        }
    }
    return store->is_points_stale;
}

static void store_checkpoint(struct store *store)
{
    snapshot_write_between(store);
    int error = store_write_points(store);
    if (error != 0) {
        trace(TRACE_WARN, "store.checkpoint_failed", TRACE_STRING("error", error_name(error)));
    }
}

void store_on_synced(struct store *store)
{
    if (store->options.retention_total_size >= 0 &&
        store->appended_size - store->retention_checked_size >
            store->options.retention_total_size / STORE_TOTAL_PARTS) {
        store->retention_checked_size = store->appended_size;
        store_ask_retention(store);
    }
    if (store_is_writable(store) &&
        store->appended_size - store->points_size >= STORE_POINTS_SIZE_MAX) {
        store_checkpoint(store);
    }
}

static void store_on_checkpoint(struct io_timer *timer)
{
    struct store *store = timer->owner;
    if (!store_is_writable(store)) {
        return;
    }
    if (store_has_new_points(store)) {
        store_checkpoint(store);
    }
    io_timer_start(store->io, timer, io_delay_ns(store->options.checkpoint_interval_ms));
}

static void store_apply_total(struct store *store)
{
    store->retention_checked_size = store->appended_size;
    if (store->options.retention_total_size < 0 || !store_is_writable(store)) {
        return;
    }
    int error = retention_apply_total(store, store->options.retention_total_size);
    if (error != 0) {
        trace(TRACE_WARN, "store.total_not_kept", TRACE_STRING("error", error_name(error)));
    }
}

void store_ask_retention(struct store *store)
{
    if (store_is_writable(store)) {
        io_timer_start(store->io, &store->retention_timer, 0);
    }
}

static void store_on_retention(struct io_timer *timer)
{
    struct store *store = timer->owner;
    int64_t now_ms = io_wall_clock(store->io);
    for (list_each (&store->log_list, link)) {
        struct log *log = list_member(link, struct log, store_link);
        if (!store_is_writable(store)) {
            return;
        }
        if (log->status != 0) {
            continue;
        }
        int64_t result = log_clean(log);
        if (result < 0) {
            trace(TRACE_WARN, "store.clean_failed", TRACE_STRING("log", log->name),
                  TRACE_STRING("error", error_name((int)result)));
        }
        (void)producer_state_expire(&log->producers, now_ms, store->options.producer_expiration_ms);
    }
    store_apply_total(store);
    io_timer_start(store->io, timer, io_delay_ns(store->options.retention_check_interval_ms));
}

static void store_on_flush_interval(struct io_timer *timer)
{
    struct store *store = timer->owner;
    if (!store_is_writable(store)) {
        return;
    }
    flusher_ask_all(&store->flusher);
    io_timer_start(store->io, timer, io_delay_ns(store->options.flush_interval_ms));
}

static struct store *store_new(struct io *io, const struct store_options *options)
{
    struct store *store = memory_new(struct store);
    store->io = io;
    store->options = *options;
    store->path = memory_string(options->path);
    store->options.path = store->path;
    map_init(&store->logs);
    list_init(&store->log_list);
    list_init(&store->moved);
    list_init(&store->reads);
    for (int i = 0; i < STORE_ANSWER_COUNT; i++) {
        list_init(&store->answers[i]);
    }
    file_cache_init(&store->files, io, options->open_file_max);
    store->files.evicted = segment_on_evicted;
    tail_cache_init(&store->tails, (size_t)options->tail_size_max);
    read_gate_init(&store->gate, io);
    flusher_init(&store->flusher, store);
    graveyard_init(&store->graveyard, io);
    cleaner_init(&store->cleaner, store);
    store->settle_request = (struct io_request){.done = store_on_settle, .owner = store};
    store->checkpoint_timer = (struct io_timer){.fired = store_on_checkpoint, .owner = store};
    store->retention_timer = (struct io_timer){.fired = store_on_retention, .owner = store};
    store->flush_timer = (struct io_timer){.fired = store_on_flush_interval, .owner = store};
    return store;
}

static void store_free(struct store *store)
{
    io_timer_stop(store->io, &store->checkpoint_timer);
    io_timer_stop(store->io, &store->retention_timer);
    io_timer_stop(store->io, &store->flush_timer);
    for (list_each (&store->reads, read)) {
        log_slice_forget(read);
    }
    cleaner_fini(&store->cleaner);
    flusher_fini(&store->flusher);
    for (list_each (&store->log_list, link)) {
        struct log *log = list_member(link, struct log, store_link);
        store_remove_log(store, log);
        log_free(log);
    }
    graveyard_fini(&store->graveyard);
    tail_cache_fini(&store->tails);
    map_fini(&store->logs, NULL);
    io_file_close(store->io, store->lock);
    free(store->path);
    free(store);
}

/* The directory that a path lies in; "" for that of the process. */
static void store_cut_name(const char *path, char parent[PATH_MAX])
{
    size_t size = strlen(path);
    for (; size > 1 && path[size - 1] == '/'; size--) {}
    for (; size > 0 && path[size - 1] != '/'; size--) {}
    for (; size > 1 && path[size - 1] == '/'; size--) {}
    snprintf(parent, PATH_MAX, "%.*s", (int)size, path);
}

/* Makes a directory and those that it lies in, from the top: each is durable before the next is
 * made, so that only the last one that is there may not be so yet. It may have been made by a
 * process that died; where its parent cannot be read, it was made by somebody who may. */
static int store_make_path(struct store *store, const char *path)
{
    char parent[PATH_MAX];
    store_cut_name(path, parent);
    int error = io_dir_make(store->io, path);
    if (error == ERROR_NOT_FOUND && parent[0] != '\0' && strlen(parent) < strlen(path)) {
        error = store_make_path(store, parent);
        error = error == 0 ? io_dir_make(store->io, path) : error;
    }
    bool is_found = error == ERROR_EXISTS;
    if (error != 0 && !is_found) {
        return error;
    }
    error = io_dir_sync(store->io, parent[0] == '\0' ? "." : parent);
    return is_found && (error == ERROR_DENIED || error == ERROR_READ_ONLY) ? 0 : error;
}

/* One with a lock file was durable before that was made. */
static int store_make_directory(struct store *store)
{
    char path[PATH_MAX];
    struct io_file_info info;
    store_path(store, store_lock_file, path);
    return io_path_info(store->io, path, &info) == 0 ? 0 : store_make_path(store, store->path);
}

/* Its files have our names and formats, but not its metadata topic: recovery would destroy it. */
int store_judge(struct io *io, const char *path, struct report *report)
{
    char entry[PATH_MAX];
    struct io_file_info info;
    snprintf(entry, sizeof entry, "%s/%s", path, store_kafka_file);
    if (io_path_info(io, entry, &info) != 0) {
        return 0;
    }
    report_add(report, path,
               "an Apache Kafka keeps its topics here (%s) and they are left alone; choose another "
               "directory with --data and copy them with clients",
               store_kafka_file);
    return ERROR_UNSUPPORTED;
}

static int store_lock(struct store *store, struct report *report)
{
    if (store->options.is_read_only) {
        return 0;
    }
    int error = store_make_directory(store);
    if (error != 0) {
        report_add(report, store->path,
                   "cannot make the data directory: %s; choose another one with --data",
                   error == ERROR_NOT_FOUND ? "a part of its path is a file, or takes none"
                                            : error_text(error));
        return error;
    }
    error = store_judge(store->io, store->path, report);
    if (error != 0) {
        return error;
    }
    char path[PATH_MAX];
    store_path(store, store_lock_file, path);
    error = io_file_open(store->io, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &store->lock);
    if (error != 0) {
        store->lock = NULL;
        report_add(report, store->path,
                   "this is no directory that can be written to (%s: %s); choose another one with "
                   "--data",
                   store_lock_file, error == ERROR_NOT_FOUND ? "it is a file" : error_text(error));
        return error;
    }
    error = io_file_lock(store->io, store->lock);
    if (error != 0) {
        report_add(report, store->path,
                   "another process uses this data directory; stop it or choose another one with "
                   "--data");
    }
    return error;
}

struct store_listing {
    struct map logs;   /* names of directories that are logs */
    struct map buried; /* names of directories that wait to be removed */
    bool is_clean;
};

/* "topic-partition"; a topic may hold dashes and dots. */
static bool store_is_log_name(const char *name)
{
    const char *dash = strrchr(name, '-');
    if (dash == NULL || dash == name || dash[1] == '\0') {
        return false;
    }
    return strspn(dash + 1, "0123456789") == strlen(dash + 1) && strlen(dash + 1) <= 10;
}

static void store_on_entry(void *owner, const char *entry, bool is_directory)
{
    struct store_listing *listing = owner;
    size_t size = strlen(entry);
    if (!is_directory) {
        listing->is_clean |= strcmp(entry, store_clean_file) == 0;
    } else if (size > 7 && strcmp(entry + size - 7, "-delete") == 0) {
        map_put(&listing->buried, bytes_from_string(entry), listing);
    } else if (store_is_log_name(entry)) {
        map_put(&listing->logs, bytes_from_string(entry), listing);
    }
}

static int store_open_logs(struct store *store, const struct store_listing *listing,
                           const struct log_points *points)
{
    for (map_each (&listing->logs, entry)) {
        char *name = bytes_to_string(entry->key);
        struct log *log = NULL;
        int error = recovery_open_log(store, name, log_points_find(points, name),
                                      listing->is_clean && points->is_whole, &log);
        free(name);
        if (error != 0 && error != ERROR_NOT_FOUND) {
            return error;
        }
        if (error == 0) {
            store_add_log(store, log);
        }
    }
    return 0;
}

/* The process before may have died between a deletion and the writing of the points. */
static bool store_has_stale_points(const struct store *store, const struct log_points *points)
{
    for (map_each (&points->rows, entry)) {
        if (map_find(&store->logs, entry->key) == NULL) {
            return true;
        }
    }
    return false;
}

/* The marker is gone, durably, before anything can be written. */
static int store_remove_marker(struct store *store, const struct store_listing *listing)
{
    if (store->options.is_read_only) {
        return 0;
    }
    char path[PATH_MAX];
    store_path(store, store_clean_file, path);
    int error = listing->is_clean ? io_path_remove(store->io, path) : 0;
    return error == 0 ? io_dir_sync(store->io, store->path) : error;
}

static void store_remove_buried(struct store *store, const struct store_listing *listing)
{
    if (store->options.is_read_only) {
        return;
    }
    for (map_each (&listing->buried, entry)) {
        char *name = bytes_to_string(entry->key);
        char path[PATH_MAX];
        store_path(store, name, path);
        (void)graveyard_remove_directory(store->io, path);
        free(name);
    }
}

static int store_recover(struct store *store)
{
    struct store_listing listing = {.is_clean = false};
    map_init(&listing.logs);
    map_init(&listing.buried);
    struct log_points points;
    log_points_init(&points);
    /* What the process before renamed may be seen but not durable yet; nothing may be removed
     * because of it before it is. */
    int error = store->options.is_read_only ? 0 : io_dir_sync(store->io, store->path);
    if (error == 0) {
        error = io_dir_list(store->io, store->path, store_on_entry, &listing);
    }
    if (error == 0) {
        error = log_points_read(&points, store->io, store->path);
    }
    store->has_foreign_points = points.is_foreign;
    if (error == 0) {
        store_remove_buried(store, &listing);
        error = store_open_logs(store, &listing, &points);
        store->is_points_stale = store_has_stale_points(store, &points);
    }
    if (error == 0) {
        error = store_remove_marker(store, &listing);
    }
    if (error == 0) {
        error = cleaner_start(&store->cleaner);
    }
    bool was_scanned = store->recovered_log_count > 0;
    if (error == 0 && was_scanned && !store->options.is_read_only) {
        error = store_write_points(store);
    }
    log_points_fini(&points);
    map_fini(&listing.logs, NULL);
    map_fini(&listing.buried, NULL);
    return error;
}

static void store_start(struct store *store)
{
    const struct store_options *options = &store->options;
    if (options->is_read_only) {
        return;
    }
    io_timer_start(store->io, &store->checkpoint_timer,
                   io_delay_ns(options->checkpoint_interval_ms));
    io_timer_start(store->io, &store->retention_timer,
                   io_delay_ns(options->retention_check_interval_ms));
    if (options->durability == STORE_DURABILITY_INTERVAL) {
        io_timer_start(store->io, &store->flush_timer, io_delay_ns(options->flush_interval_ms));
    }
}

int store_open(struct io *io, const struct store_options *options, struct store **out,
               struct report *report)
{
    struct store *store = store_new(io, options);
    int error = store_lock(store, report);
    if (error == 0) {
        error = store_recover(store);
        if (error != 0) {
            report_add(report, store->path, "cannot open the logs: %s", error_text(error));
        }
    }
    if (error != 0) {
        store_free(store);
        return error;
    }
    store_start(store);
    *out = store;
    return 0;
}

void store_abandon(struct store *store)
{
    store_free(store);
}

static int store_close_log(struct log *log)
{
    if (log->status != 0 || !log->is_rooted) {
        return 0; /* one that was never appended to has nothing to keep */
    }
    struct segment *last = log_last_segment(log);
    int error = snapshot_write(log);
    if (error == 0) {
        error = epoch_cache_write(&log->epochs, log->home.io, log->directory);
    }
    if (error == 0) {
        error = segment_write_index(last);
    }
    if (error == 0) {
        error = segment_sync_index(last);
    }
    if (error == 0 && last->index == NULL && !last->is_index_written) {
        error = io_dir_sync(log->home.io, log->directory); /* its old index may not come back */
    }
    if (error == 0) {
        error = segment_trim(last);
    }
    struct io_file *file = NULL;
    if (error == 0 && last->is_dirty) {
        error = segment_open_file(last, &file);
        if (error == 0) {
            error = io_file_sync(log->home.io, file);
        }
        last->is_dirty = false;
    }
    return error;
}

static int store_write_marker(struct store *store)
{
    static const char marker[] = "{\"version\":0,\"brokerEpoch\":-1}";
    return small_file_write(store->io, store->path, store_clean_file,
                            bytes_make(marker, sizeof marker - 1));
}

static void store_close_logs(struct store *store)
{
    int error = 0;
    for (list_each (&store->log_list, link)) {
        if (error == 0) {
            error = store_close_log(list_member(link, struct log, store_link));
        }
    }
    if (error == 0) {
        error = store_write_points(store);
    }
    if (error == 0) {
        error = store_write_marker(store);
    }
    if (error != 0) {
        trace(TRACE_ERROR, "store.close_failed", TRACE_STRING("path", store->path),
              TRACE_STRING("error", error_name(error)));
    }
}

static void store_shut_waits(struct store *store)
{
    for (list_each (&store->log_list, link)) {
        struct log *log = list_member(link, struct log, store_link);
        struct list_link *wait = NULL;
        while ((wait = list_take(&log->waits)) != NULL) {
            store_answer(store, store_wait_of(wait), STORE_SHUTDOWN);
        }
    }
}

/* Runs with every settling turn while closing: flush first, then wait for reads and answers. */
static void store_close_step(struct store *store)
{
    flusher_ask_all(&store->flusher);
    if (!flusher_is_idle(&store->flusher) || !list_is_empty(&store->reads) ||
        !cleaner_is_idle(&store->cleaner)) {
        return; /* their ends come back here */
    }
    store_shut_waits(store);
    if (store->is_settle_asked || !list_is_empty(&store->moved)) {
        return;
    }
    store->phase = STORE_CLOSED;
    if (!store->is_fenced && !store->options.is_read_only) {
        store_close_logs(store);
    }
    void (*closed)(void *owner) = store->closed;
    void *owner = store->closed_owner;
    store_free(store);
    closed(owner);
}

void store_on_quiet(struct store *store)
{
    if (store->phase == STORE_CLOSING) {
        store_ask_settle(store);
    }
}

void store_close(struct store *store, void (*closed)(void *owner), void *owner)
{
    check(store->phase == STORE_OPEN);
    store->phase = STORE_CLOSING;
    store->closed = closed;
    store->closed_owner = owner;
    cleaner_stop(&store->cleaner);
    store_ask_settle(store);
}

void store_each_log(struct store *store, void (*each)(void *owner, struct log *log), void *owner)
{
    for (list_each (&store->log_list, link)) {
        each(owner, list_member(link, struct log, store_link));
    }
}

void store_on_flushed(struct store *store, void (*flushed)(void *owner, struct log *log),
                      void *owner)
{
    store->flushed = flushed;
    store->flushed_owner = owner;
}

void store_set_retention_total(struct store *store, int64_t size)
{
    bool is_lower = (uint64_t)size < (uint64_t)store->options.retention_total_size;
    store->options.retention_total_size = size;
    if (is_lower) {
        store_ask_retention(store);
    }
}

void store_set_cleaner(struct store *store, const struct store_cleaner_options *options)
{
    cleaner_set_options(&store->cleaner, options);
}

void store_read_stats(const struct store *store, struct store_stats *out)
{
    *out = (struct store_stats){
        .log_count = (int64_t)store->logs.size,
        .flush_count = store->flusher.flush_count,
        .flush_ns_total = store->flusher.flush_ns_total,
        .appended_size_total = store->appended_size,
        .open_file_count = store->files.open_count,
        .recovered_log_count = store->recovered_log_count,
        .recovered_size = store->recovered_size,
        .cleaner = store->cleaner.stats,
    };
}

void store_check(const struct store *store)
{
    file_cache_check(&store->files);
    flusher_check(&store->flusher);
    read_gate_check(&store->gate);
    cleaner_check(&store->cleaner);
    tail_cache_check(&store->tails);
    for (list_each (&store->log_list, link)) {
        const struct log *log = list_member(link, struct log, store_link);
        check(log->store == store);
        check(!log->is_deleted);
        check(map_find_string(&store->logs, log->name) == log);
        log_check(log);
    }
}
