/* Creates, finds and deletes the logs of a store.
 *
 * Creation: directory, first segment, then partition.metadata, whose write syncs the directory;
 * last the store's directory is synced, once for all logs of one call. A crash leaves directories
 * without metadata, which the next opening removes. Deletion: one rename, synced; the files go
 * later. What is set aside is renamed likewise and stays.
 *
 * Thread: the shard's. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/store/partition_metadata.h"
#include "log/store/store_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORE_NAME_SIZE = 320 };

void store_add_log(struct store *store, struct log *log)
{
    list_add(&store->log_list, &log->store_link);
    map_put(&store->logs, bytes_from_string(log->name), log);
}

void store_remove_log(struct store *store, struct log *log)
{
    flusher_remove(&store->flusher, log);
    list_remove(&log->moved_link);
    list_remove(&log->store_link);
    (void)map_remove(&store->logs, bytes_from_string(log->name));
}

struct log *store_find_log(struct store *store, const char *topic, int32_t partition)
{
    char name[STORE_NAME_SIZE];
    snprintf(name, sizeof name, "%s-%" PRId32, topic, partition);
    return map_find_string(&store->logs, name);
}

static void store_bury_name(const struct store *store, const struct log *log, const char *suffix,
                            char out[PATH_MAX])
{
    uint8_t octets[16];
    char hex[2 * sizeof octets + 1];
    io_random(store->io, octets, sizeof octets);
    for (size_t i = 0; i < sizeof octets; i++) {
        snprintf(hex + 2 * i, 3, "%02x", octets[i]);
    }
    /* A directory's name has its limit; Kafka cuts the topic too. */
    int room = NAME_MAX - (int)sizeof hex - 8;
    snprintf(out, PATH_MAX, "%s/%.*s.%s%s", store->path, room, log->name, hex, suffix);
}

/* What a creation that failed has made. Without a descriptor to be had no directory can be listed,
 * so none can be emptied: it gets the name of a deleted one, lest it stand in the way of the next
 * attempt, and goes later. */
static void store_clear_away(struct store *store, const struct log *log)
{
    if (graveyard_remove_directory(store->io, log->directory) == 0) {
        return;
    }
    char path[PATH_MAX];
    store_bury_name(store, log, "-delete", path);
    if (io_path_rename(store->io, log->directory, path) == 0) {
        graveyard_add(&store->graveyard, path, true, log->settings.file_delete_delay_ms);
    }
}

static int store_make_log(struct store *store, const char *name, struct wire_uuid topic_id,
                          const struct log_settings *settings, struct log **out)
{
    struct log *log = log_new(store, name, settings);
    log->topic_id = topic_id;
    struct segment *segment = NULL;
    int error = io_dir_make(store->io, log->directory);
    if (error == 0) {
        error = segment_create(&log->home, 0, &segment);
    }
    if (error == 0) {
        log_add_segment(log, segment);
        error = partition_metadata_write(store->io, log->directory, topic_id);
    }
    if (error != 0) {
        if (error != ERROR_EXISTS) {
            store_clear_away(store, log);
        }
        log_free(log);
        return error;
    }
    log->synced = log_end_mark(log);
    log->flushing = log->synced;
    *out = log;
    return 0;
}

/* The longest name of a topic (249) and five digits just fit. */
static bool store_fits_directory(const char *topic, int32_t last_partition)
{
    return snprintf(NULL, 0, "%s-%" PRId32, topic, last_partition) <= NAME_MAX;
}

static int store_can_create(struct store *store, const char *topic, int32_t first_partition,
                            int32_t count)
{
    if (!store_is_writable(store)) {
        return store->is_fenced              ? ERROR_FENCED
               : store->options.is_read_only ? ERROR_DENIED
                                             : ERROR_SHUTDOWN;
    }
    if (count < 1 || first_partition < 0 || topic[0] == '\0' || strchr(topic, '/') != NULL ||
        first_partition > INT32_MAX - count ||
        !store_fits_directory(topic, first_partition + count - 1)) {
        return ERROR_INVALID;
    }
    for (int32_t i = 0; i < count; i++) {
        if (store_find_log(store, topic, first_partition + i) != NULL) {
            return ERROR_EXISTS;
        }
    }
    /* The recovery point of a deleted log must not be taken for that of its successor. */
    int error = store->is_points_stale ? store_write_points(store) : 0;
    return error == 0 ? cleaner_before_create(&store->cleaner) : error;
}

int store_create_logs(struct store *store, const char *topic, int32_t first_partition,
                      int32_t count, struct wire_uuid topic_id, const struct log_settings *settings,
                      struct log **out)
{
    int error = store_can_create(store, topic, first_partition, count);
    if (error != 0) {
        return error;
    }
    struct log **logs = memory_zero((size_t)count, sizeof *logs);
    int32_t made = 0;
    while (made < count && error == 0) {
        char name[STORE_NAME_SIZE];
        snprintf(name, sizeof name, "%s-%" PRId32, topic, first_partition + made);
        error = store_make_log(store, name, topic_id, settings, &logs[made]);
        made += error == 0 ? 1 : 0;
    }
    for (int32_t i = 0; i < made; i++) {
        if (error == 0) {
            store_add_log(store, logs[i]);
        } else {
            store_clear_away(store, logs[i]);
            log_free(logs[i]);
        }
    }
    if (error == 0 && out != NULL) {
        memcpy(out, logs, (size_t)count * sizeof *logs);
    }
    free(logs);
    return error;
}

int store_create_log(struct store *store, const char *topic, int32_t partition,
                     struct wire_uuid topic_id, const struct log_settings *settings,
                     struct log **out)
{
    return store_create_logs(store, topic, partition, 1, topic_id, settings, out);
}

/* Renames the directory of the log, durably, to a name that the next opening knows. */
static int store_move_log(struct store *store, struct log *log, const char *suffix,
                          char path[PATH_MAX])
{
    store_bury_name(store, log, suffix, path);
    int error = io_path_rename(store->io, log->directory, path);
    if (error == ERROR_NO_SPACE) {
        return error;
    }
    if (error == 0) {
        error = io_dir_sync(store->io, store->path);
    }
    if (error != 0) {
        store_fence(store, "delete", log->name, error);
        return ERROR_IO;
    }
    return 0;
}

static void store_forget_log(struct store *store, struct log *log)
{
    store->is_points_stale = true;
    cleaner_on_deleted(&store->cleaner, log);
    struct list_link *wait = NULL;
    while ((wait = list_take(&log->waits)) != NULL) {
        store_answer(store, store_wait_of(wait), STORE_NOT_FOUND);
    }
    store_remove_log(store, log);
    log->is_deleted = true;
    if (log->pending_count == 0) {
        log_free(log);
    }
}

int store_delete_log(struct store *store, struct log *log)
{
    if (!store_is_writable(store)) {
        return store->is_fenced ? ERROR_FENCED : ERROR_DENIED;
    }
    char path[PATH_MAX];
    int error = store_move_log(store, log, "-delete", path);
    if (error == 0) {
        graveyard_add(&store->graveyard, path, true, log->settings.file_delete_delay_ms);
        store_forget_log(store, log);
    }
    return error;
}

int store_set_aside_log(struct store *store, struct log *log)
{
    if (!store_is_writable(store)) {
        return store->is_fenced ? ERROR_FENCED : ERROR_DENIED;
    }
    char path[PATH_MAX];
    int error = store_move_log(store, log, "-stray", path);
    if (error == 0) {
        trace(TRACE_ERROR, "store.log_set_aside", TRACE_STRING("log", log->name),
              TRACE_STRING("path", path),
              TRACE_STRING("effect", "no topic has this log and none was deleted that had it"));
        store_forget_log(store, log);
    }
    return error;
}

int store_give_topic_id(struct store *store, struct log *log, struct wire_uuid topic_id)
{
    if (!store_is_writable(store)) {
        return store->is_fenced ? ERROR_FENCED : ERROR_DENIED;
    }
    int error = partition_metadata_write(store->io, log->directory, topic_id);
    if (error == 0) {
        error = partition_metadata_sync(store->io, log->directory);
        error = error == ERROR_NO_SPACE ? ERROR_IO : error;
    }
    if (error != 0 && error != ERROR_NO_SPACE) {
        store_fence(store, "topic id", log->name, error);
        return ERROR_IO;
    }
    log->topic_id = error == 0 ? topic_id : log->topic_id;
    return error;
}
