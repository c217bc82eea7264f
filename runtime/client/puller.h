/* Keeps fetches running: finds leaders, resolves first positions, asks for what there is room for.
 *
 * Owns:   the partitions that are read, what was fetched of them, the requests that are out.
 * Keeps:  (1) one fetch and one search for positions at a time per broker;
 *         (2) an answer counts only while its partition still waits for exactly that request: a
 *             seek, a removal or a reset lets go of it;
 *         (3) chunks of a partition lie end to end: from position to fetch_position;
 *         (4) a partition with PULLER_CHUNK_COUNT_MAX chunks is not asked for.
 * Thread: its fetcher's shard. */
#pragma once

#include "log/base/map.h"
#include "runtime/client/backoff.h"
#include "runtime/client/chunk.h"
#include "runtime/client/fetcher.h"

enum { PULLER_CHUNK_COUNT_MAX = 2 };

struct puller_request;

struct puller_partition {
    struct list_link link;   /* in puller.partitions; those that had data go to the end */
    struct list_link loaded; /* in puller.loaded while there is something to take */
    const char *topic;       /* one of puller.names */
    int32_t index;
    bool is_resolved;
    bool is_paused;
    bool is_end_told;       /* an answer was empty at the end, and nothing came since */
    int64_t wanted;         /* FETCHER_OFFSET_... while not resolved */
    int64_t position;       /* next to be taken; -1 while not resolved */
    int64_t fetch_position; /* next to be fetched */
    int64_t high_watermark; /* -1: unknown */
    int64_t stable_offset;  /* of committed data; -1: unknown */
    int64_t heard_ms;       /* when the last answer came, by the wall clock; -1: none did */
    int64_t silence_ms;     /* the longest time between two of them */
    struct list chunks;
    size_t chunk_count;
    int error; /* to be told */
    int failure_count;
    uint64_t not_before;
    bool needs_metadata;
    struct puller_request *out; /* the request whose answer counts */
};

struct puller {
    struct client *client;
    struct io *io;
    int lane;
    struct fetcher_options options;
    struct map index; /* topic and partition to puller_partition */
    struct map names; /* of all topics ever read; batches that were taken point to them */
    struct buffer key;
    struct list partitions;
    struct list loaded;
    bool is_end_reached; /* by a partition, and not told yet */
    struct list brokers;
    size_t broker_count;
    struct list requests;
    struct list frames;   /* chunk_frame */
    size_t held_size;     /* of all frames */
    size_t reserved_size; /* asked for and not here */
    struct io_timer timer;
    uint64_t timer_deadline;
    bool is_refreshing;
    uint64_t refresh_not_before;
    struct backoff backoff;
    struct client_refresh refresh;
    const char **refresh_topics;
    /* Something can be taken, or a partition came to its end; on a turn of its own. */
    void (*ready)(void *owner);
    void *owner;
};

void puller_init(struct puller *puller, struct client *client,
                 const struct fetcher_options *options);
void puller_fini(struct puller *puller);
struct puller_partition *puller_find(struct puller *puller, const char *topic, int32_t index);
struct puller_partition *puller_add(struct puller *puller, const char *topic, int32_t index);
void puller_remove(struct puller *puller, struct puller_partition *partition);
/* The longest time without an answer about it, until now; 0 before the first. */
int64_t puller_silence_ms(const struct puller *puller, const struct puller_partition *partition);
/* Drops what was fetched and goes on at an offset or FETCHER_OFFSET_.... */
void puller_seek(struct puller *puller, struct puller_partition *partition, int64_t offset);
/* Something was taken, released or changed: looks for what to ask on the next turn. */
void puller_poke(struct puller *puller);
/* A full partition has room again. */
void puller_poke_room(struct puller *puller);
void puller_check(const struct puller *puller);
