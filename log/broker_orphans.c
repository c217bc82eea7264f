/* Judges each log by its name, its id, and what was deleted; see broker_orphans.h. */
#include "log/broker_orphans.h"

#include "log/base/map.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/quorum/quorum.h"

#include <stdlib.h>
#include <string.h>

struct broker_orphans {
    struct store *store;
    struct meta *meta;
    struct meta_listener listener;
    struct map deleted; /* ids of topics */
    struct log **logs;  /* that are to be judged */
    size_t count;
    bool is_listening;
};

static struct bytes broker_orphans_key(const struct wire_uuid *id)
{
    return bytes_make(id->octets, sizeof id->octets);
}

static void broker_orphans_on_deleted(void *owner, const struct meta_topic *topic)
{
    broker_orphans_note(owner, topic);
}

struct broker_orphans *broker_orphans_new(struct store *store, struct meta *meta)
{
    struct broker_orphans *orphans = memory_new(struct broker_orphans);
    orphans->store = store;
    orphans->meta = meta;
    orphans->listener =
        (struct meta_listener){.owner = orphans, .topic_deleted = broker_orphans_on_deleted};
    orphans->is_listening = true;
    map_init(&orphans->deleted);
    meta_listen(meta, &orphans->listener);
    return orphans;
}

void broker_orphans_end_replay(struct broker_orphans *orphans)
{
    if (orphans->is_listening) {
        orphans->is_listening = false;
        meta_unlisten(&orphans->listener);
    }
}

void broker_orphans_free(struct broker_orphans *orphans)
{
    if (orphans == NULL) {
        return;
    }
    broker_orphans_end_replay(orphans);
    map_fini(&orphans->deleted, NULL);
    free(orphans->logs);
    free(orphans);
}

void broker_orphans_note(struct broker_orphans *orphans, const struct meta_topic *topic)
{
    map_put(&orphans->deleted, broker_orphans_key(&topic->id), orphans);
}

/* The topic that has a partition of the log's name; NULL when there is none. */
static const struct meta_topic *broker_orphans_topic(const struct broker_orphans *orphans,
                                                     const struct log *log)
{
    const char *name = log_name(log);
    const char *dash = strrchr(name, '-');
    check(dash != NULL);
    const struct meta_topic *topic =
        meta_find_topic(orphans->meta, bytes_make(name, (size_t)(dash - name)));
    bool is_partition =
        topic != NULL && meta_find_partition(topic, (int32_t)strtol(dash + 1, NULL, 10)) != NULL;
    return is_partition ? topic : NULL;
}

static int broker_orphans_judge(struct broker_orphans *orphans, struct log *log)
{
    const struct meta_topic *topic = broker_orphans_topic(orphans, log);
    struct wire_uuid id = log_topic_id(log);
    if (topic != NULL && meta_uuid_equal(topic->id, id)) {
        return 0;
    }
    if (map_find(&orphans->deleted, broker_orphans_key(&id)) != NULL) {
        trace(TRACE_WARN, "broker.orphan_deleted", TRACE_STRING("log", log_name(log)));
        return store_delete_log(orphans->store, log);
    }
    if (topic == NULL) {
        return store_set_aside_log(orphans->store, log);
    }
    trace(TRACE_ERROR, "broker.topic_id_restored", TRACE_STRING("log", log_name(log)),
          TRACE_STRING("reason", "partition.metadata was missing or damaged"));
    return store_give_topic_id(orphans->store, log, topic->id);
}

static void broker_orphans_take(void *owner, struct log *log)
{
    struct broker_orphans *orphans = owner;
    if (strcmp(log_name(log), QUORUM_LOG) != 0) {
        orphans->logs = memory_resize(orphans->logs, (orphans->count + 1) * sizeof *orphans->logs);
        orphans->logs[orphans->count++] = log;
    }
}

int broker_orphans_clear(struct broker_orphans *orphans)
{
    int error = 0;
    orphans->count = 0;
    store_each_log(orphans->store, broker_orphans_take, orphans);
    for (size_t i = 0; i < orphans->count && error == 0; i++) {
        error = broker_orphans_judge(orphans, orphans->logs[i]);
    }
    if (error == 0) {
        map_fini(&orphans->deleted, NULL);
        map_init(&orphans->deleted);
    }
    return error;
}
