/* The picture of the cluster; see catalog.h. */
#include "runtime/client/catalog.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define CATALOG_LOOPBACK "loopback:"

/* A frame is limited, so a count inside it is too; this only refuses indexes that lie. */
enum { CATALOG_PARTITION_COUNT_MAX = 1 << 20 };

void catalog_init(struct catalog *catalog, const char *loopback)
{
    *catalog = (struct catalog){.controller_id = -1, .loopback = memory_string(loopback)};
    map_init(&catalog->topics);
}

static void catalog_clear_brokers(struct catalog *catalog)
{
    for (size_t i = 0; i < catalog->broker_count; i++) {
        free(catalog->brokers[i].address);
    }
    free(catalog->brokers);
    catalog->brokers = NULL;
    catalog->broker_count = 0;
}

static void catalog_free_topic(void *value)
{
    struct client_topic *topic = value;
    free((void *)(uintptr_t)topic->name);
    free((void *)(uintptr_t)topic->partitions);
    free(topic);
}

void catalog_fini(struct catalog *catalog)
{
    catalog_clear_brokers(catalog);
    map_fini(&catalog->topics, catalog_free_topic);
    free(catalog->loopback);
}

/* "host:port", "[v6]:port", or the loopback's own name. */
static char *catalog_make_address(const struct catalog *catalog, struct bytes host, int32_t port,
                                  bool is_alone)
{
    if (catalog->loopback != NULL && is_alone) {
        return memory_string(catalog->loopback);
    }
    if (bytes_has_prefix(host, BYTES_LITERAL(CATALOG_LOOPBACK))) {
        return bytes_to_string(host);
    }
    bool is_v6 = host.data != NULL && memchr(host.data, ':', host.size) != NULL;
    struct buffer text = {0};
    buffer_printf(&text, is_v6 ? "[%.*s]:%d" : "%.*s:%d", BYTES_FORMAT(host), (int)port);
    char *address = memory_string(buffer_string(&text));
    buffer_fini(&text);
    return address;
}

static void catalog_put_broker(struct catalog *catalog, int32_t node_id, char *address)
{
    for (size_t i = 0; i < catalog->broker_count; i++) {
        if (catalog->brokers[i].node_id == node_id) {
            free(catalog->brokers[i].address);
            catalog->brokers[i].address = address;
            return;
        }
    }
    catalog->brokers =
        memory_resize(catalog->brokers, (catalog->broker_count + 1) * sizeof *catalog->brokers);
    catalog->brokers[catalog->broker_count++] =
        (struct catalog_broker){.node_id = node_id, .address = address};
}

void catalog_add_broker(struct catalog *catalog, int32_t node_id, struct bytes host, int32_t port)
{
    bool is_alone = catalog->broker_count == 0 ||
                    (catalog->broker_count == 1 && catalog->brokers[0].node_id == node_id);
    catalog_put_broker(catalog, node_id, catalog_make_address(catalog, host, port, is_alone));
}

const char *catalog_find_broker(const struct catalog *catalog, int32_t node_id)
{
    for (size_t i = 0; i < catalog->broker_count; i++) {
        if (catalog->brokers[i].node_id == node_id) {
            return catalog->brokers[i].address;
        }
    }
    return NULL;
}

static struct client_partition catalog_merge_partition(const struct client_topic *topic,
                                                       const struct metadata_response_partition *in,
                                                       bool is_same_topic)
{
    struct client_partition partition = {
        .index = in->index,
        .leader_id = in->leader_id,
        .leader_epoch = in->leader_epoch,
    };
    if (is_same_topic && in->index < topic->partition_count) {
        const struct client_partition *known = &topic->partitions[in->index];
        if (in->leader_epoch >= 0 && in->leader_epoch < known->leader_epoch) {
            return *known; /* an answer from the past */
        }
    }
    return partition;
}

static void catalog_apply_topic(struct catalog *catalog, const struct metadata_response_topic *in)
{
    struct client_topic *topic = map_find(&catalog->topics, in->name);
    if (topic == NULL) {
        topic = memory_new(struct client_topic);
        topic->name = bytes_to_string(in->name);
        map_put(&catalog->topics, in->name, topic);
    }
    topic->error = error_from_code(in->error_code);
    int32_t count = 0;
    for (int32_t i = 0; i < in->partitions.count; i++) {
        int32_t index = in->partitions.items[i].index;
        if (index >= count && index < CATALOG_PARTITION_COUNT_MAX) {
            count = index + 1;
        }
    }
    static const struct wire_uuid no_id;
    bool is_same_topic = memcmp(&topic->id, &in->topic_id, sizeof no_id) == 0 &&
                         memcmp(&topic->id, &no_id, sizeof no_id) != 0;
    struct client_partition *partitions = memory_zero((size_t)count, sizeof *partitions);
    for (int32_t i = 0; i < count; i++) {
        partitions[i] = (struct client_partition){.index = i, .leader_id = -1, .leader_epoch = -1};
    }
    for (int32_t i = 0; i < in->partitions.count; i++) {
        const struct metadata_response_partition *partition = &in->partitions.items[i];
        if (partition->index >= 0 && partition->index < count) {
            partitions[partition->index] = catalog_merge_partition(topic, partition, is_same_topic);
        }
    }
    free((void *)(uintptr_t)topic->partitions);
    topic->partitions = partitions;
    topic->partition_count = count;
    topic->id = in->topic_id;
}

/* Topics that an answer about all topics does not name are gone. */
static void catalog_drop_unnamed(struct catalog *catalog, const struct metadata_response *response)
{
    struct map named;
    map_init(&named);
    for (int32_t i = 0; i < response->topics.count; i++) {
        if (response->topics.items[i].name.data != NULL) {
            map_put(&named, response->topics.items[i].name, catalog);
        }
    }
    for (map_each (&catalog->topics, entry)) {
        struct client_topic *topic = entry->value;
        if (map_find(&named, entry->key) == NULL) {
            topic->error = ERROR_UNKNOWN_TOPIC_OR_PARTITION;
            topic->partition_count = 0;
        }
    }
    map_fini(&named, NULL);
}

void catalog_apply(struct catalog *catalog, const struct metadata_response *response, bool is_all)
{
    if (response->brokers.count > 0) {
        catalog_clear_brokers(catalog);
    }
    for (int32_t i = 0; i < response->brokers.count; i++) {
        const struct metadata_response_broker *broker = &response->brokers.items[i];
        catalog_put_broker(catalog, broker->node_id,
                           catalog_make_address(catalog, broker->host, broker->port,
                                                response->brokers.count == 1));
    }
    catalog->controller_id = response->controller_id;
    for (int32_t i = 0; i < response->topics.count; i++) {
        if (response->topics.items[i].name.data != NULL) {
            catalog_apply_topic(catalog, &response->topics.items[i]);
        }
    }
    if (is_all) {
        catalog_drop_unnamed(catalog, response);
    }
}

const struct client_topic *catalog_find_topic(const struct catalog *catalog, const char *name)
{
    return map_find_string(&catalog->topics, name);
}

void catalog_expire_topic(struct catalog *catalog, const char *name)
{
    struct client_topic *topic = map_find_string(&catalog->topics, name);
    if (topic == NULL) {
        return;
    }
    struct client_partition *partitions = (struct client_partition *)(uintptr_t)topic->partitions;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        partitions[i].leader_id = -1;
    }
}

void catalog_check(const struct catalog *catalog)
{
    for (map_each (&catalog->topics, entry)) {
        const struct client_topic *topic = entry->value;
        check(bytes_equal_string(entry->key, topic->name));
        for (int32_t i = 0; i < topic->partition_count; i++) {
            check(topic->partitions[i].index == i);
        }
    }
}
