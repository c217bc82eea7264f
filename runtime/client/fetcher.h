/* Reads partitions: keeps fetches running and hands over whole record batches.
 *
 * Owns:   the set of partitions read, their positions, and the batches fetched but not yet taken.
 * Keeps:  (1) batches of a partition are taken in order, without gaps, from its position on;
 *         (2) what is buffered never exceeds buffer_size, but by a batch larger than was asked for;
 *             a partition that is not taken from is not fetched further;
 *         (3) after fetcher_seek or remove no older batch of that partition is handed over.
 * Thread: its client's shard. */
#pragma once

#include "log/wire/batch.h"
#include "runtime/client/client.h"

struct fetcher;

enum fetcher_reset { FETCHER_RESET_EARLIEST, FETCHER_RESET_LATEST, FETCHER_RESET_ERROR };

struct fetcher_options {
    int64_t wait_max_ms;        /* default 500 */
    int32_t size_min;           /* bytes; default 1 */
    int32_t size_max;           /* bytes per request; default 50 MiB */
    int32_t partition_size_max; /* bytes; default 1 MiB */
    size_t buffer_size;         /* bytes held, all partitions; default 64 MiB */
    bool is_read_committed;   /* aborted data is left out; control batches are never handed over */
    bool is_crc_checked;      /* default true */
    enum fetcher_reset reset; /* when the position is outside the log */
};

struct fetcher_options fetcher_options_default(void);
struct fetcher *fetcher_new(struct client *client, const struct fetcher_options *options);
/* Batches that were taken stay valid until they are released, also after it. */
void fetcher_close(struct fetcher *fetcher, void (*closed)(void *owner), void *owner);

enum { FETCHER_OFFSET_EARLIEST = -2, FETCHER_OFFSET_LATEST = -1 };

/* `offset`: a position or FETCHER_OFFSET_…, resolved by ListOffsets. */
void fetcher_add(struct fetcher *fetcher, const char *topic, int32_t partition, int64_t offset);
void fetcher_remove(struct fetcher *fetcher, const char *topic, int32_t partition);
void fetcher_seek(struct fetcher *fetcher, const char *topic, int32_t partition, int64_t offset);
void fetcher_pause(struct fetcher *fetcher, const char *topic, int32_t partition, bool is_paused);

/* One fetched batch; the taker calls fetcher_release when it is done with the bytes. */
struct fetcher_batch {
    const char *topic;
    int32_t partition;
    int64_t position; /* records below it are to be skipped */
    int64_t high_watermark;
    struct batch batch; /* bytes stay valid until the release */
    void *private_state;
};
/* The next batch of any partition (in turn), or of one when topic is not NULL: 1 with a batch, 0
 * when none is there now, or a negative error of a partition named in *out
 * (ERROR_OFFSET_OUT_OF_RANGE with FETCHER_RESET_ERROR, ERROR_CORRUPT_MESSAGE,
 * ERROR_UNKNOWN_TOPIC_OR_PARTITION …; retriable ones are retried inside and not told). */
must_use int fetcher_take(struct fetcher *fetcher, const char *topic, int32_t partition,
                          struct fetcher_batch *out);
void fetcher_release(struct fetcher *fetcher, struct fetcher_batch *batch);
/* Called on a later turn when something can be taken again, or when a partition was found to have
 * nothing more (fetcher_is_at_end). One listener. */
void fetcher_on_ready(struct fetcher *fetcher, void (*ready)(void *owner), void *owner);
/* The next offset to be taken; -1 while it is not resolved. */
int64_t fetcher_position(const struct fetcher *fetcher, const char *topic, int32_t partition);
/* The next offset to be fetched, behind what is buffered; -1 while it is not resolved. */
int64_t fetcher_fetch_position(const struct fetcher *fetcher, const char *topic, int32_t partition);
/* As last told by a fetch; -1 when unknown. */
int64_t fetcher_high_watermark(const struct fetcher *fetcher, const char *topic, int32_t partition);
/* Whether everything up to the high watermark, as last told, was taken. */
bool fetcher_is_at_end(const struct fetcher *fetcher, const char *topic, int32_t partition);
/* The longest time without an answer about the partition since it was added or sought, until now,
 * by the wall clock: nobody knows what came and was removed in it. */
int64_t fetcher_silence_ms(const struct fetcher *fetcher, const char *topic, int32_t partition);
void fetcher_check(const struct fetcher *fetcher);
