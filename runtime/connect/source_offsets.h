/* Where a source connector stands: the newest offset of each source partition.
 *
 * Kept in a compacted topic, in Kafka Connect's format: key ["connector",{partition}], value
 * {offset}. Beside them one record per connector, key ["connector",null], names how far into the
 * connector's topic those offsets reach; what the topic holds after that place is read from the
 * marks in it (source_mark.h).
 *
 * Owns:   the map from source partition to offset.
 * Keeps:  (1) after a load every mark durable in the topic is reflected, and nothing else;
 *         (2) a checkpoint never names a place beyond the offsets stored before it.
 * Thread: its client's shard. */
#pragma once

#include "log/base/map.h"
#include "runtime/client/fetcher.h"
#include "runtime/client/producer.h"

#define SOURCE_OFFSETS_TOPIC "connect-offsets"

struct source_offsets;

struct source_offsets_options {
    const char *connector;
    const char *topic;         /* the connector's topic */
    const char *offsets_topic; /* SOURCE_OFFSETS_TOPIC */
    bool has_marks; /* the topic has one partition, so that marks order everything in it */
};

struct source_offsets *source_offsets_new(struct client *client, struct client *fetch_client,
                                          struct producer *producer,
                                          const struct source_offsets_options *options);
/* Nothing may be loading. */
void source_offsets_free(struct source_offsets *offsets);
/* Reads the offsets topic, then the marks behind the place it names. `done` comes on a later turn.
 * A connector that has no place yet starts at the end of the topic as it is now, and that place is
 * stored before `done`. */
void source_offsets_load(struct source_offsets *offsets, void (*done)(void *owner, int error),
                         void *owner);
/* A record with this mark was acknowledged at `position` of the topic. */
void source_offsets_put(struct source_offsets *offsets, struct bytes partition, struct bytes offset,
                        int64_t position);
/* Stores what changed since the last one that succeeded. `done` may be NULL, and comes inside when
 * the producer has no room. One at a time. */
void source_offsets_checkpoint(struct source_offsets *offsets, void (*done)(void *owner, int error),
                               void *owner);
bool source_offsets_is_changed(const struct source_offsets *offsets);
/* One entry per source partition: key = partition text, value = struct source_offsets_entry. */
const struct map *source_offsets_map(const struct source_offsets *offsets);

struct source_offsets_entry {
    char *partition;
    char *offset;
    bool is_changed;
};
