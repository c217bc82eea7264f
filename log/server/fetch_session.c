/* Partitions of one client, stirred and quiet; see fetch_session.h. */
#include "log/server/fetch_session.h"

#include "log/base/memory.h"

#include <stdlib.h>

enum { FETCH_SESSION_MAP_SIZE = 80 }; /* bytes that a map takes for one entry, about */

struct fetch_session_key {
    uint32_t topic;
    int32_t index;
};

static void *fetch_session_alloc(struct fetch_session *session, size_t size)
{
    return session->arena != NULL ? arena_get(session->arena, size) : memory_zero(1, size);
}

struct fetch_session *fetch_session_new(struct arena *arena, bool uses_ids)
{
    struct fetch_session *session =
        arena != NULL ? arena_new(arena, struct fetch_session) : memory_new(struct fetch_session);
    session->arena = arena;
    session->uses_ids = uses_ids;
    session->size = sizeof *session;
    map_init(&session->topics);
    map_init(&session->partitions);
    list_init(&session->stirred);
    list_init(&session->queue);
    return session;
}

static struct bytes fetch_session_topic_key(const struct fetch_session *session,
                                            const struct bytes *name, const struct wire_uuid *id)
{
    return session->uses_ids ? bytes_make(id, sizeof *id)
                             : (name->data == NULL ? BYTES_LITERAL("") : *name);
}

static size_t fetch_session_topic_size(struct bytes name)
{
    return sizeof(struct fetch_session_topic) + FETCH_SESSION_MAP_SIZE + name.size;
}

static size_t fetch_session_partition_size(void)
{
    return sizeof(struct fetch_session_partition) + FETCH_SESSION_MAP_SIZE;
}

/* A topic without partitions is not kept. */
static void fetch_session_drop_topic(struct fetch_session_topic *topic)
{
    struct fetch_session *session = topic->session;
    session->size -= fetch_session_topic_size(session->uses_ids ? (struct bytes){0} : topic->name);
    map_remove(&session->topics, fetch_session_topic_key(session, &topic->name, &topic->id));
    free((void *)(uintptr_t)topic->name.data);
    free(topic);
}

static void fetch_session_drop(struct fetch_session_partition *partition)
{
    struct fetch_session_topic *topic = partition->topic;
    struct fetch_session *session = topic->session;
    struct fetch_session_key key = {topic->number, partition->index};
    check(partition->part == NULL);
    replica_watch_remove(&partition->watch);
    list_remove(&partition->link);
    map_remove(&session->partitions, bytes_make(&key, sizeof key));
    free(partition);
    session->partition_count--;
    session->size -= fetch_session_partition_size();
    if (--topic->partition_count == 0) {
        fetch_session_drop_topic(topic);
    }
}

void fetch_session_free(struct fetch_session *session)
{
    check(!session->is_awake);
    check(list_is_empty(&session->queue));
    if (session->arena != NULL) {
        return; /* what is not settled is not watched */
    }
    for (map_each (&session->partitions, entry)) {
        fetch_session_drop(entry->value);
    }
    map_fini(&session->partitions, NULL);
    map_fini(&session->topics, NULL);
    free(session);
}

static void fetch_session_stir(struct fetch_session_partition *partition)
{
    if (!list_has(&partition->link)) {
        list_add(&partition->topic->session->stirred, &partition->link);
    }
}

void fetch_session_unwatch(struct fetch_session_partition *partition)
{
    replica_watch_remove(&partition->watch);
    partition->replica = NULL;
}

/* Whoever fetches wants to hear of every move. */
static void fetch_session_on_moved(struct replica_watch *watch, int error)
{
    struct fetch_session_partition *partition = watch->owner;
    struct fetch_session *session = partition->topic->session;
    if (error == 0 && session->is_awake) {
        replica_watch_add(partition->replica, watch);
    } else {
        partition->replica = NULL;
    }
    fetch_session_stir(partition);
    if (session->is_awake) {
        session->moved(session->owner, partition, error);
    }
}

/* Nobody waits: there is no hurry, the next fetch will look. */
static void fetch_session_on_appended(struct replica_watch *watch)
{
    struct fetch_session_partition *partition = watch->owner;
    partition->replica = NULL;
    fetch_session_stir(partition);
}

void fetch_session_watch(struct fetch_session_partition *partition, struct replica *replica)
{
    check(partition->replica == NULL);
    partition->replica = replica;
    partition->watch = (struct replica_watch){.moved = fetch_session_on_moved,
                                              .appended = fetch_session_on_appended,
                                              .is_awake = &partition->topic->session->is_awake,
                                              .owner = partition};
    replica_watch_add(replica, &partition->watch);
}

static struct bytes fetch_session_copy(struct bytes name)
{
    return bytes_make(bytes_to_string(name), name.size);
}

void fetch_session_set_name(struct fetch_session_topic *topic, struct bytes name)
{
    struct arena *arena = topic->session->arena;
    check(bytes_is_null(topic->name));
    topic->name = arena != NULL ? arena_copy(arena, name) : fetch_session_copy(name);
}

static struct fetch_session_topic *fetch_session_get_topic(struct fetch_session *session,
                                                           struct bytes name, struct wire_uuid id)
{
    struct bytes key = fetch_session_topic_key(session, &name, &id);
    struct fetch_session_topic *topic =
        session->arena != NULL ? NULL : map_find(&session->topics, key);
    if (topic != NULL) {
        return topic;
    }
    topic = fetch_session_alloc(session, sizeof *topic);
    topic->session = session;
    topic->id = id;
    topic->number = session->topic_number++;
    if (!session->uses_ids) {
        topic->name = session->arena != NULL ? name : fetch_session_copy(name);
    }
    if (session->arena == NULL) {
        map_put(&session->topics, key, topic);
    }
    session->size += fetch_session_topic_size(topic->name);
    return topic;
}

static struct fetch_session_partition *fetch_session_find(struct fetch_session_topic *topic,
                                                          int32_t index)
{
    struct fetch_session_key key = {topic->number, index};
    return topic->session->arena != NULL
               ? NULL
               : map_find(&topic->session->partitions, bytes_make(&key, sizeof key));
}

static struct fetch_session_partition *fetch_session_add(struct fetch_session_topic *topic,
                                                         int32_t index)
{
    struct fetch_session *session = topic->session;
    struct fetch_session_partition *partition = fetch_session_alloc(session, sizeof *partition);
    struct fetch_session_key key = {topic->number, index};
    partition->topic = topic;
    partition->index = index;
    partition->told_high_watermark = partition->told_start_offset = -1;
    topic->partition_count++;
    if (session->arena == NULL) {
        map_put(&session->partitions, bytes_make(&key, sizeof key), partition);
    }
    session->partition_count++;
    session->size += fetch_session_partition_size();
    return partition;
}

static void fetch_session_put(struct fetch_session_topic *topic,
                              const struct fetch_request_partition *asked)
{
    struct fetch_session_partition *partition = fetch_session_find(topic, asked->index);
    if (partition == NULL) {
        partition = fetch_session_add(topic, asked->index);
    }
    partition->fetch_offset = asked->fetch_offset;
    partition->leader_epoch = asked->current_leader_epoch;
    partition->fetched_epoch = asked->last_fetched_epoch;
    partition->size_max = asked->partition_max_bytes;
    fetch_session_stir(partition);
}

static void fetch_session_forget(struct fetch_session *session,
                                 const struct fetch_request_forgotten_topic *asked)
{
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        struct fetch_session_topic *topic = map_find(
            &session->topics, fetch_session_topic_key(session, &asked->name, &asked->topic_id));
        struct fetch_session_partition *partition =
            topic == NULL ? NULL : fetch_session_find(topic, asked->partitions.items[i]);
        if (partition != NULL) {
            fetch_session_drop(partition);
        }
    }
}

void fetch_session_update(struct fetch_session *session, const struct fetch_request *asked)
{
    check(!session->is_awake);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct fetch_request_topic *row = &asked->topics.items[i];
        if (row->partitions.count == 0) {
            continue;
        }
        struct fetch_session_topic *topic =
            fetch_session_get_topic(session, row->name, row->topic_id);
        for (int32_t j = 0; j < row->partitions.count; j++) {
            fetch_session_put(topic, &row->partitions.items[j]);
        }
    }
    for (int32_t i = 0; session->arena == NULL && i < asked->forgotten_topics.count; i++) {
        fetch_session_forget(session, &asked->forgotten_topics.items[i]);
    }
}

size_t fetch_session_growth(const struct fetch_request *asked)
{
    size_t size = sizeof(struct fetch_session);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        size += fetch_session_topic_size(asked->topics.items[i].name) +
                (size_t)asked->topics.items[i].partitions.count * fetch_session_partition_size();
    }
    return size;
}

void fetch_session_stir_all(struct fetch_session *session)
{
    for (map_each (&session->partitions, entry)) {
        fetch_session_stir(entry->value);
    }
}

void fetch_session_begin(struct fetch_session *session,
                         void (*moved)(void *owner, struct fetch_session_partition *partition,
                                       int error),
                         void *owner)
{
    check(!session->is_awake);
    session->is_awake = true;
    session->moved = moved;
    session->owner = owner;
}

void fetch_session_end(struct fetch_session *session)
{
    check(session->is_awake);
    session->is_awake = false;
    session->moved = NULL;
}

bool fetch_session_tell(struct fetch_session_partition *partition,
                        const struct fetch_response_partition *answer)
{
    bool is_news = answer->records.size > 0 || answer->error_code != 0 ||
                   answer->diverging_epoch.epoch >= 0 ||
                   answer->high_watermark != partition->told_high_watermark ||
                   answer->log_start_offset != partition->told_start_offset;
    partition->told_start_offset = answer->log_start_offset;
    /* When the error is over, that is news. */
    partition->told_high_watermark = answer->error_code != 0 ? -1 : answer->high_watermark;
    return is_news;
}

void fetch_session_settle(struct fetch_session_partition *partition, bool is_quiet)
{
    partition->part = NULL;
    if (is_quiet) {
        check(partition->replica != NULL);
        list_remove(&partition->link);
    } else {
        fetch_session_unwatch(partition);
    }
}

void fetch_session_put_last(struct fetch_session_partition *partition)
{
    list_remove(&partition->link);
    list_add(&partition->topic->session->stirred, &partition->link);
}

void fetch_session_check(const struct fetch_session *session)
{
    size_t partition_count = 0;
    size_t size = sizeof *session;
    for (map_each (&session->partitions, entry)) {
        const struct fetch_session_partition *partition = entry->value;
        const struct fetch_session_topic *topic = partition->topic;
        check((partition->replica != NULL) == list_has(&partition->watch.link)); /* (1) */
        check(list_has(&partition->link) || partition->replica != NULL);         /* (2) */
        check(partition->part == NULL || session->is_awake);                     /* (3) */
        check(topic->session == session);
        partition_count++;
        size += fetch_session_partition_size();
    }
    size_t topic_partition_count = 0;
    for (map_each (&session->topics, entry)) {
        const struct fetch_session_topic *topic = entry->value;
        check(topic->partition_count > 0); /* (5) */
        topic_partition_count += (size_t)topic->partition_count;
        size += fetch_session_topic_size(session->uses_ids ? (struct bytes){0} : topic->name);
    }
    check(partition_count == session->partition_count);
    check(topic_partition_count == session->partition_count);
    check(size == session->size); /* (6) */
    check(session->is_awake || list_is_empty(&session->queue) || session->turn.fired != NULL);
}
