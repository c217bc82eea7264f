/* Leads every partition this broker has; see replica.h. A replica is found by "topic" 0x00
 * "partition" in a map, because that is what every request names, and by its log when a flush moved
 * it. */
#include "log/replica/replica.h"

#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { REPLICA_KEY_SIZE = 256 + 5 };

struct replica {
    struct log *log;
    int32_t leader_epoch;
    int64_t high_watermark; /* as last told to watchers */
    struct list watches;    /* of struct replica_watch */
    struct replica_traffic traffic;
};

struct replica_set {
    struct store *store;
    struct map replicas; /* key -> struct replica */
    struct map by_log;   /* the log's address -> struct replica; found, never iterated */
};

static struct bytes replica_key(struct bytes topic, int32_t partition,
                                uint8_t out[REPLICA_KEY_SIZE])
{
    size_t size = topic.size < REPLICA_KEY_SIZE - 5 ? topic.size : REPLICA_KEY_SIZE - 5;
    memcpy(out, topic.data, size);
    out[size] = 0;
    endian_write_i32(out + size + 1, partition);
    return bytes_make(out, size + 5);
}

static struct bytes replica_log_key(struct log *const *log)
{
    return bytes_make(log, sizeof *log);
}

static void replica_tell(struct replica *replica, int error)
{
    /* A watcher may add itself again inside the call; only those of now are told. */
    struct list told;
    list_init(&told);
    struct list_link *link;
    while ((link = list_take(&replica->watches)) != NULL) {
        list_add(&told, link);
    }
    while ((link = list_take(&told)) != NULL) {
        struct replica_watch *watch = list_member(link, struct replica_watch, link);
        watch->moved(watch, error);
    }
}

static void replica_on_flushed(void *owner, struct log *log)
{
    struct replica_set *set = owner;
    struct replica *replica = map_find(&set->by_log, replica_log_key(&log));
    if (replica == NULL) {
        return;
    }
    int64_t flushed_offset = log_flushed_offset(log);
    check(flushed_offset >= replica->high_watermark);
    replica->high_watermark = flushed_offset;
    replica_tell(replica, 0);
}

struct replica_set *replica_set_new(struct store *store)
{
    struct replica_set *set = memory_new(struct replica_set);
    set->store = store;
    map_init(&set->replicas);
    map_init(&set->by_log);
    store_on_flushed(store, replica_on_flushed, set);
    return set;
}

void replica_set_free(struct replica_set *set)
{
    store_on_flushed(set->store, NULL, NULL);
    for (map_each (&set->replicas, entry)) {
        replica_tell(entry->value, ERROR_SHUTDOWN);
    }
    for (map_each (&set->replicas, entry)) {
        free(entry->value);
    }
    map_fini(&set->replicas, NULL);
    map_fini(&set->by_log, NULL);
    free(set);
}

int replica_set_add(struct replica_set *set, const char *topic, int32_t partition,
                    struct wire_uuid topic_id, int32_t leader_epoch,
                    const struct log_settings *settings)
{
    uint8_t key[REPLICA_KEY_SIZE];
    struct bytes name = replica_key(bytes_from_string(topic), partition, key);
    check(map_find(&set->replicas, name) == NULL);
    struct log *log = store_find_log(set->store, topic, partition);
    if (log == NULL) {
        int error = store_create_log(set->store, topic, partition, topic_id, settings, &log);
        if (error != 0) {
            return error;
        }
    } else {
        log_set_settings(log, settings);
        log_limit_epochs(log, leader_epoch);
    }
    struct replica *replica = memory_new(struct replica);
    *replica = (struct replica){
        .log = log, .leader_epoch = leader_epoch, .high_watermark = log_flushed_offset(log)};
    list_init(&replica->watches);
    map_put(&set->replicas, name, replica);
    map_put(&set->by_log, replica_log_key(&replica->log), replica);
    return 0;
}

int replica_set_remove(struct replica_set *set, const char *topic, int32_t partition)
{
    uint8_t key[REPLICA_KEY_SIZE];
    struct replica *replica =
        map_remove(&set->replicas, replica_key(bytes_from_string(topic), partition, key));
    if (replica == NULL) {
        return ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    map_remove(&set->by_log, replica_log_key(&replica->log));
    replica_tell(replica, ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    int error = store_delete_log(set->store, replica->log);
    free(replica);
    return error;
}

struct replica *replica_set_find(struct replica_set *set, struct bytes topic, int32_t partition)
{
    uint8_t key[REPLICA_KEY_SIZE];
    if (topic.data == NULL || topic.size > REPLICA_KEY_SIZE - 5) {
        return NULL;
    }
    return map_find(&set->replicas, replica_key(topic, partition, key));
}

void replica_set_each(struct replica_set *set, void (*each)(void *owner, struct replica *replica),
                      void *owner)
{
    for (map_each (&set->replicas, entry)) {
        each(owner, entry->value);
    }
}

struct replica_traffic *replica_traffic(struct replica *replica)
{
    return &replica->traffic;
}

struct log *replica_log(struct replica *replica)
{
    return replica->log;
}

int32_t replica_leader_epoch(const struct replica *replica)
{
    return replica->leader_epoch;
}

int64_t replica_high_watermark(const struct replica *replica)
{
    return log_flushed_offset(replica->log);
}

int64_t replica_limit(const struct replica *replica, bool is_read_committed)
{
    return is_read_committed ? log_stable_offset(replica->log) : replica_high_watermark(replica);
}

int replica_check_epoch(const struct replica *replica, int32_t leader_epoch)
{
    if (leader_epoch < 0 || leader_epoch == replica->leader_epoch) {
        return 0;
    }
    return leader_epoch < replica->leader_epoch ? ERROR_FENCED_LEADER_EPOCH
                                                : ERROR_UNKNOWN_LEADER_EPOCH;
}

void replica_set_leader_epoch(struct replica *replica, int32_t leader_epoch)
{
    check(leader_epoch >= replica->leader_epoch);
    replica->leader_epoch = leader_epoch;
}

static void replica_on_appended(struct replica *replica)
{
    bool is_awaited = false;
    for (list_each (&replica->watches, link)) {
        struct replica_watch *watch = list_member(link, struct replica_watch, link);
        if (watch->is_awake == NULL || *watch->is_awake) {
            is_awaited = true;
            continue;
        }
        list_remove(link);
        watch->appended(watch);
    }
    if (is_awaited) {
        log_ask_flush(replica->log);
    }
}

int replica_append(struct replica *replica, uint8_t *data, size_t size, enum log_origin origin,
                   struct log_append *out)
{
    int error = log_append(replica->log, data, size, replica->leader_epoch, origin, out);
    if (error == 0 && !list_is_empty(&replica->watches)) {
        replica_on_appended(replica);
    }
    return error;
}

int replica_set_start_offset(struct replica *replica, int64_t offset)
{
    int error = log_set_start_offset(replica->log, offset);
    if (error == 0) {
        replica_tell(replica, 0);
    }
    return error;
}

void replica_watch_add(struct replica *replica, struct replica_watch *watch)
{
    check(!list_has(&watch->link));
    list_add(&replica->watches, &watch->link);
    log_ask_flush(replica->log);
}

void replica_watch_remove(struct replica_watch *watch)
{
    list_remove(&watch->link);
}

void replica_set_check(struct replica_set *set)
{
    check(set->replicas.size == set->by_log.size);
    for (map_each (&set->replicas, entry)) {
        const struct replica *replica = entry->value;
        check(log_status(replica->log) != 0 ||
              log_start_offset(replica->log) <= log_end_offset(replica->log));
        check(log_stable_offset(replica->log) <= log_flushed_offset(replica->log));
        check(replica->high_watermark <= log_flushed_offset(replica->log));
        check(log_flushed_offset(replica->log) <= log_end_offset(replica->log));
    }
}
