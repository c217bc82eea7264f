/* The fetch sessions of all clients, by their ids (KIP-227).
 *
 * There are so many slots, and so many bytes. A new session gets a place by Kafka's rules: a free
 * one; else that of a session that was not used for two minutes; else that of one that is older
 * than two minutes and has fewer partitions than the new one (a follower's counts for more than any
 * consumer's, and may drive out a young consumer's). Else there is none, and the client goes on
 * without one.
 *
 * Owns:   the sessions that have an id.
 * Keeps:  (1) each is found under its id, which is above 0 and random;
 *         (2) there are at most slot_max;
 *         (3) size is that of all of them, and at most size_max when one was added.
 * Thread: the server's shard. */
#pragma once

#include "log/base/metric.h"
#include "log/server/fetch_session.h"

struct fetch_session_cache {
    struct io *io;
    size_t slot_max;
    size_t size_max; /* bytes */
    struct map sessions;
    struct list used; /* sessions, the longest unused first */
    size_t size;
    struct metric *count_gauge;
    struct metric *partition_gauge;
    struct metric *evicted_count;
    size_t partition_count;
};

void fetch_session_cache_init(struct fetch_session_cache *cache, struct io *io,
                              struct metric_registry *metrics, size_t slot_max, size_t size_max);
/* Nobody may be at work in a session. */
void fetch_session_cache_fini(struct fetch_session_cache *cache);
struct fetch_session *fetch_session_cache_find(struct fetch_session_cache *cache, int32_t id);
/* Gives a session an id and takes it over; false when there is no place for it. */
bool fetch_session_cache_add(struct fetch_session_cache *cache, struct fetch_session *session);
/* Frees the session, or forgets it and lets its fetch free it. */
void fetch_session_cache_remove(struct fetch_session_cache *cache, struct fetch_session *session);
/* As fetch_session_update, of a session that is here; it was used. False, and the session is
 * removed, when there is no room for what would be added. */
must_use bool fetch_session_cache_update(struct fetch_session_cache *cache,
                                         struct fetch_session *session,
                                         const struct fetch_request *asked);
void fetch_session_cache_check(const struct fetch_session_cache *cache);
