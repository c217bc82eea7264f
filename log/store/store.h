/* One data directory and all logs in it.
 *
 * Owns:   the directory, its lock, the flusher (group commit), recovery, checkpoints, retention.
 * Keeps:  (1) one process at a time;
 *         (2) a waiter is called only after a flush that was started after its write returned;
 *         (3) after a failed write or flush nothing in this directory is acknowledged again by this
 *             process; a failed flush is never retried;
 *         (4) the recovery point of a log never exceeds what was flushed;
 *         (5) a clean-shutdown marker is there only if every log was flushed and closed, and it is
 *             gone, durably, before the first write.
 * Thread: the shard of its io. */
#pragma once

#include "log/base/report.h"
#include "log/store/log.h"

enum store_durability {
    STORE_DURABILITY_FSYNC,    /* an acknowledgement waits for the flush that covers it */
    STORE_DURABILITY_INTERVAL, /* flushed every flush_interval_ms; acknowledged when written */
    STORE_DURABILITY_OS,       /* left to the operating system */
};

/* How compaction works; Kafka's log.cleaner.* options. */
struct store_cleaner_options {
    bool is_enabled;
    int64_t backoff_ms;      /* rest between two looks at what is to be done */
    int64_t map_size;        /* bytes of memory for the keys of one run */
    int64_t buffer_size;     /* bytes read and written at once */
    double bytes_per_second; /* read and written together */
};

struct store_options {
    const char *path;
    enum store_durability durability;
    int64_t flush_interval_ms;           /* with INTERVAL */
    int64_t checkpoint_interval_ms;      /* recovery points; default 60000 */
    int64_t snapshot_size;               /* behind a snapshot, for another; default 1 MiB */
    int64_t retention_check_interval_ms; /* default 300000 */
    int64_t retention_total_size;        /* bytes of all logs; -1: without limit */
    int64_t producer_expiration_ms;      /* default 86400000 */
    int64_t open_file_max;               /* segment descriptors held open at once */
    int64_t tail_size_max;               /* bytes of newest records in memory; default 16777216 */
    struct store_cleaner_options cleaner;
    bool is_read_only; /* tools: no lock, no recovery writes */
};

struct store_options store_options_default(const char *path);

/* ERROR_UNSUPPORTED, with a sentence, when an Apache Kafka has the directory: one that only looks
 * (is_read_only) may do so there too. */
must_use int store_judge(struct io *io, const char *path, struct report *report);
/* Opens the directory (made when it is missing, with those it lies in), locks it, recovers every
 * log in it. Waits for the disk. ERROR_BUSY when another process has it, ERROR_UNSUPPORTED when an
 * Apache Kafka does, each with a sentence in `report`. */
must_use int store_open(struct io *io, const struct store_options *options, struct store **out,
                        struct report *report);
/* Flushes, writes checkpoints and the clean-shutdown marker, closes all logs, unlocks; `closed` is
 * called when it is done (not inside the call). Waiters get ERROR_SHUTDOWN. */
void store_close(struct store *store, void (*closed)(void *owner), void *owner);

/* Makes the directory of a new log. ERROR_EXISTS if it is there. It is durable from its first
 * record on: one without records may be gone after a power loss, and is to be made again. */
must_use int store_create_log(struct store *store, const char *topic, int32_t partition,
                              struct wire_uuid topic_id, const struct log_settings *settings,
                              struct log **out);
/* As store_create_log for `count` partitions from `first_partition` on; all or none. `out` may be
 * NULL, or has room for `count`. */
must_use int store_create_logs(struct store *store, const char *topic, int32_t first_partition,
                               int32_t count, struct wire_uuid topic_id,
                               const struct log_settings *settings, struct log **out);
/* NULL when there is none. */
struct log *store_find_log(struct store *store, const char *topic, int32_t partition);
/* Renames the directory away at once, durably, and removes it after file_delete_delay_ms. The
 * pointer is gone; pending reads and waits get ERROR_NOT_FOUND on a later turn. */
must_use int store_delete_log(struct store *store, struct log *log);
/* For a log that nobody knows and nobody deleted: renames its directory to "NAME.HEX-stray", where
 * it stays for a person to look at. Else as store_delete_log. */
must_use int store_set_aside_log(struct store *store, struct log *log);
/* Writes the topic's id of a log that lost it, durably. */
must_use int store_give_topic_id(struct store *store, struct log *log, struct wire_uuid topic_id);
void store_each_log(struct store *store, void (*each)(void *owner, struct log *log), void *owner);
/* Called on the shard after flushed offsets moved, once per log and flush. One listener. */
void store_on_flushed(struct store *store, void (*flushed)(void *owner, struct log *log),
                      void *owner);
/* Forgets a store whose process is over, as the simulator ends it, or one that is only read: frees
 * the memory, calls nobody, touches no file. */
void store_abandon(struct store *store);
/* As the option of that name, from now on. */
void store_set_producer_expiration(struct store *store, int64_t expiration_ms);
/* As in the options; lives as long as the store. */
const char *store_directory(const struct store *store);
/* 0 or ERROR_FENCED. */
int store_status(const struct store *store);
/* False after a write was refused for lack of space: for ten seconds, and until there is a
 * megabyte. A fenced directory may have room. */
bool store_has_room(const struct store *store);

/* Above it the oldest full segments of logs that delete are removed, whosever they are; -1: no
 * limit.
 */
void store_set_retention_total(struct store *store, int64_t size);
void store_set_cleaner(struct store *store, const struct store_cleaner_options *options);

struct store_cleaner_stats {
    int64_t run_count;
    int64_t read_size;
    int64_t written_size;
    int64_t record_count;  /* looked at */
    int64_t dropped_count; /* of them */
    int64_t uncleanable_count;
    double dirty_ratio_max; /* when it was last looked at */
};

struct store_stats {
    int64_t log_count;
    int64_t flush_count;
    int64_t flush_ns_total;
    int64_t appended_size_total;
    int64_t open_file_count;
    int64_t recovered_log_count; /* at open: logs that were scanned */
    int64_t recovered_size;      /* bytes scanned at open */
    struct store_cleaner_stats cleaner;
};
void store_read_stats(const struct store *store, struct store_stats *out);
/* Asserts the invariants above and those of every log. */
void store_check(const struct store *store);

/* Finds and writes small files that must be whole or absent (tmp, fsync, rename, fsync of the
 * directory); the content carries its own length and CRC where the format allows. Waits. */
must_use int store_write_file(struct io *io, const char *directory, const char *name,
                              struct bytes content);
