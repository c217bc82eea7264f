/* Places for fetch sessions, and who has to leave; see fetch_session_cache.h. */
#include "log/server/fetch_session_cache.h"

static const uint64_t FETCH_SESSION_CACHE_STALE_NS = UINT64_C(120) * 1000000000;

static struct bytes fetch_session_cache_key(const int32_t *id)
{
    return bytes_make(id, sizeof *id);
}

void fetch_session_cache_init(struct fetch_session_cache *cache, struct io *io,
                              struct metric_registry *metrics, size_t slot_max, size_t size_max)
{
    *cache = (struct fetch_session_cache){.io = io, .slot_max = slot_max, .size_max = size_max};
    map_init(&cache->sessions);
    list_init(&cache->used);
    cache->count_gauge = metric_get(metrics, METRIC_GAUGE, "tidemill_fetch_sessions", NULL,
                                    "Fetch sessions that are remembered.");
    cache->partition_gauge = metric_get(metrics, METRIC_GAUGE, "tidemill_fetch_session_partitions",
                                        NULL, "Partitions of all fetch sessions.");
    cache->evicted_count =
        metric_get(metrics, METRIC_COUNTER, "tidemill_fetch_sessions_evicted_total", NULL,
                   "Fetch sessions that had to leave for others.");
}

void fetch_session_cache_fini(struct fetch_session_cache *cache)
{
    for (map_each (&cache->sessions, entry)) {
        struct fetch_session *session = entry->value;
        check(!session->is_awake);
        fetch_session_free(session);
    }
    map_fini(&cache->sessions, NULL);
}

struct fetch_session *fetch_session_cache_find(struct fetch_session_cache *cache, int32_t id)
{
    return map_find(&cache->sessions, fetch_session_cache_key(&id));
}

static void fetch_session_cache_show(struct fetch_session_cache *cache)
{
    metric_set(cache->count_gauge, (double)cache->sessions.size);
    metric_set(cache->partition_gauge, (double)cache->partition_count);
}

void fetch_session_cache_remove(struct fetch_session_cache *cache, struct fetch_session *session)
{
    map_remove(&cache->sessions, fetch_session_cache_key(&session->id));
    list_remove(&session->link);
    cache->size -= session->size;
    cache->partition_count -= session->partition_count;
    session->id = 0;
    fetch_session_cache_show(cache);
    if (session->is_awake || !list_is_empty(&session->queue)) {
        session->is_gone = true;
    } else {
        fetch_session_free(session);
    }
}

/* Whether one has to leave before another of those that are not stale. */
static bool fetch_session_cache_is_less(const struct fetch_session *one,
                                        const struct fetch_session *other)
{
    if (one->is_of_follower != other->is_of_follower) {
        return other->is_of_follower;
    }
    if (one->partition_count != other->partition_count) {
        return one->partition_count < other->partition_count;
    }
    return one->id < other->id;
}

/* Who has to leave for a new session; NULL when all are worth more. */
static struct fetch_session *fetch_session_cache_find_least(const struct fetch_session_cache *cache,
                                                            const struct fetch_session *session)
{
    uint64_t now_ns = io_now(cache->io);
    struct fetch_session *least = NULL;
    if (list_is_empty(&cache->used)) {
        return NULL;
    }
    struct fetch_session *oldest = list_member(cache->used.head.next, struct fetch_session, link);
    if (now_ns - oldest->used_ns > FETCH_SESSION_CACHE_STALE_NS) {
        return oldest;
    }
    for (const struct list_link *link = cache->used.head.next; link != &cache->used.head;
         link = link->next) {
        struct fetch_session *other = list_member(link, struct fetch_session, link);
        bool is_settled = now_ns - other->created_ns > FETCH_SESSION_CACHE_STALE_NS ||
                          (session->is_of_follower && !other->is_of_follower);
        if (is_settled && (least == NULL || fetch_session_cache_is_less(other, least))) {
            least = other;
        }
    }
    return least != NULL && fetch_session_cache_is_less(session, least) ? NULL : least;
}

static bool fetch_session_cache_has_room(const struct fetch_session_cache *cache, size_t size)
{
    return size <= cache->size_max && cache->size <= cache->size_max - size;
}

static int32_t fetch_session_cache_new_id(const struct fetch_session_cache *cache)
{
    for (;;) {
        int32_t id = 0;
        io_random(cache->io, &id, sizeof id);
        id &= INT32_MAX;
        if (id != 0 && map_find(&cache->sessions, fetch_session_cache_key(&id)) == NULL) {
            return id;
        }
    }
}

bool fetch_session_cache_add(struct fetch_session_cache *cache, struct fetch_session *session)
{
    while (cache->sessions.size >= cache->slot_max ||
           !fetch_session_cache_has_room(cache, session->size)) {
        struct fetch_session *least = fetch_session_cache_find_least(cache, session);
        if (least == NULL || session->size > cache->size_max) {
            return false;
        }
        fetch_session_cache_remove(cache, least);
        metric_add(cache->evicted_count, 1);
    }
    session->id = fetch_session_cache_new_id(cache);
    session->epoch = 1;
    session->created_ns = session->used_ns = io_now(cache->io);
    map_put(&cache->sessions, fetch_session_cache_key(&session->id), session);
    list_add(&cache->used, &session->link);
    cache->size += session->size;
    cache->partition_count += session->partition_count;
    fetch_session_cache_show(cache);
    return true;
}

bool fetch_session_cache_update(struct fetch_session_cache *cache, struct fetch_session *session,
                                const struct fetch_request *asked)
{
    if (!fetch_session_cache_has_room(cache, fetch_session_growth(asked))) {
        fetch_session_cache_remove(cache, session);
        return false;
    }
    cache->size -= session->size;
    cache->partition_count -= session->partition_count;
    fetch_session_update(session, asked);
    cache->size += session->size;
    cache->partition_count += session->partition_count;
    fetch_session_cache_show(cache);
    session->used_ns = io_now(cache->io);
    list_remove(&session->link);
    list_add(&cache->used, &session->link);
    return true;
}

void fetch_session_cache_check(const struct fetch_session_cache *cache)
{
    size_t size = 0;
    size_t partition_count = 0;
    for (map_each (&cache->sessions, entry)) {
        const struct fetch_session *session = entry->value;
        check(session->id > 0); /* (1) */
        check(map_find(&cache->sessions, fetch_session_cache_key(&session->id)) == session);
        check(list_has(&session->link));
        check(!session->is_gone);
        fetch_session_check(session);
        size += session->size;
        partition_count += session->partition_count;
    }
    check(cache->sessions.size <= cache->slot_max); /* (2) */
    check(size == cache->size);                     /* (3) */
    check(partition_count == cache->partition_count);
}
