/* Folds commands into the picture of the cluster; see meta.h.
 *
 * A command is judged whole before anything changes, so that a refused one leaves no trace. */
#include "log/meta/meta.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/meta/meta.pb-c.h"
#include "log/meta/meta_resource.h"
#include "log/meta/meta_topic.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { META_NODE_TEXT_SIZE = 16 };

struct meta {
    int32_t node_id;
    char node_name[META_NODE_TEXT_SIZE]; /* the node id as text */
    const struct map *file;
    struct meta_topic_set topics;
    struct map broker_configs; /* node ("" for all) to struct map * of name to char * */
    struct meta_resource_set resources;
    struct quota_table quotas;
    struct broker_options broker_options;
    struct topic_options topic_defaults;
    char *cluster_id; /* NULL until it is named */
    int64_t registration_count;
    int32_t registered_node; /* the first; -1: none */
    int64_t next_producer_id;
    struct map features; /* name to int32_t * */
    int64_t feature_epoch;
    struct list listeners;
};

/* Calls one function of every listener that has it. */
#define META_TELL(meta, function, ...)                                                             \
    do {                                                                                           \
        for (list_each (&(meta)->listeners, link)) {                                               \
            struct meta_listener *listener = list_member(link, struct meta_listener, link);        \
            if (listener->function != NULL) {                                                      \
                listener->function(listener->owner, ##__VA_ARGS__);                                \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static void meta_free_configs(void *value)
{
    struct map *configs = (struct map *)value;
    map_fini(configs, free);
    free(configs);
}

const struct map *meta_broker_configs(const struct meta *meta, const char *node)
{
    return (const struct map *)map_find_string(&meta->broker_configs, node);
}

struct config_layers meta_config_layers(const struct meta *meta, const struct meta_topic *topic)
{
    return (struct config_layers){
        .own = topic == NULL ? NULL : &topic->configs,
        .broker = meta_broker_configs(meta, meta->node_name),
        .all_brokers = meta_broker_configs(meta, ""),
        .file = meta->file,
    };
}

static void meta_read_options(struct meta *meta)
{
    struct config_layers layers = meta_config_layers(meta, NULL);
    config_read_broker(&layers, &meta->broker_options);
    config_read_topic(&layers, &meta->topic_defaults);
}

/* The topic's options from the defaults and its own values. */
static void meta_read_topic_options(struct meta *meta, struct meta_topic *topic)
{
    topic_options_copy(&meta->topic_defaults, &topic->options);
    for (map_each (&topic->configs, entry)) {
        char *name = bytes_to_string(entry->key);
        const struct option_row *row = topic_options_find(name);
        if (row == NULL || option_parse(row, (const char *)entry->value, &topic->options, NULL)) {
            if (row != NULL) {
                option_set_default(row, &topic->options); /* as config_read_topic does */
            }
            trace(TRACE_WARN, "meta.config_skipped", TRACE_STRING("topic", topic->name),
                  TRACE_STRING("name", name));
        }
        free(name);
    }
}

struct meta *meta_new(int32_t node_id, const struct map *file)
{
    struct meta *meta = memory_new(struct meta);
    meta->node_id = node_id;
    meta->registered_node = -1;
    meta->file = file;
    snprintf(meta->node_name, sizeof meta->node_name, "%" PRId32, node_id);
    meta_topic_set_init(&meta->topics);
    map_init(&meta->broker_configs);
    map_init(&meta->features);
    meta_resource_set_init(&meta->resources);
    quota_table_init(&meta->quotas);
    list_init(&meta->listeners);
    broker_options_init(&meta->broker_options);
    topic_options_init(&meta->topic_defaults);
    meta_read_options(meta);
    return meta;
}

void meta_free(struct meta *meta)
{
    if (meta == NULL) {
        return;
    }
    meta_topic_set_fini(&meta->topics);
    map_fini(&meta->broker_configs, meta_free_configs);
    map_fini(&meta->features, free);
    meta_resource_set_fini(&meta->resources);
    quota_table_fini(&meta->quotas);
    broker_options_fini(&meta->broker_options);
    topic_options_fini(&meta->topic_defaults);
    free(meta->cluster_id);
    free(meta);
}

void meta_listen(struct meta *meta, struct meta_listener *listener)
{
    list_add(&meta->listeners, &listener->link);
}

void meta_unlisten(struct meta_listener *listener)
{
    list_remove(&listener->link);
}

static struct meta_topic *meta_find_command_topic(const struct meta *meta, ProtobufCBinaryData id)
{
    struct wire_uuid uuid;
    if (id.len != sizeof uuid.octets) {
        return NULL;
    }
    memcpy(uuid.octets, id.data, sizeof uuid.octets);
    return meta_topic_set_find_id(&meta->topics, uuid);
}

static int meta_apply_topic_created(struct meta *meta, const Meta__TopicCreated *command)
{
    if (command->id.len != sizeof(struct wire_uuid) || *command->name == 0 ||
        meta_find_command_topic(meta, command->id) != NULL ||
        meta_topic_set_find(&meta->topics, bytes_from_string(command->name)) != NULL) {
        return ERROR_INVALID;
    }
    struct meta_topic *topic = meta_topic_new(command);
    if (topic == NULL) {
        return ERROR_INVALID;
    }
    meta_read_topic_options(meta, topic);
    meta_topic_set_add(&meta->topics, topic);
    META_TELL(meta, topic_created, topic);
    return 0;
}

static int meta_apply_topic_deleted(struct meta *meta, const Meta__TopicDeleted *command)
{
    struct meta_topic *topic = meta_find_command_topic(meta, command->id);
    if (topic == NULL) {
        return ERROR_INVALID;
    }
    meta_topic_set_remove(&meta->topics, topic);
    META_TELL(meta, topic_deleted, topic);
    meta_topic_free(topic);
    return 0;
}

/* A name without a value and without is_removed has the empty value. */
static void meta_change_configs(struct map *configs, Meta__Config *const *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct bytes name = bytes_from_string(changes[i]->name);
        if (changes[i]->is_removed) {
            free(map_remove(configs, name));
        } else {
            free(map_put(configs, name, memory_string(changes[i]->value)));
        }
    }
}

static int meta_apply_topic_config(struct meta *meta, const Meta__TopicConfigChanged *command)
{
    struct meta_topic *topic = meta_find_command_topic(meta, command->id);
    if (topic == NULL) {
        return ERROR_INVALID;
    }
    meta_change_configs(&topic->configs, command->changes, command->n_changes);
    meta_read_topic_options(meta, topic);
    META_TELL(meta, topic_config_changed, topic);
    return 0;
}

static int meta_apply_broker_config(struct meta *meta, const Meta__BrokerConfigChanged *command)
{
    struct bytes node = bytes_from_string(command->node);
    struct map *configs = map_find(&meta->broker_configs, node);
    if (configs == NULL) {
        configs = memory_new(struct map);
        map_init(configs);
        map_put(&meta->broker_configs, node, configs);
    }
    meta_change_configs(configs, command->changes, command->n_changes);
    meta_read_options(meta);
    META_TELL(meta, broker_config_changed);
    for (size_t i = 0; i < meta->topics.count; i++) {
        meta_read_topic_options(meta, meta->topics.sorted[i]);
        META_TELL(meta, topic_config_changed, meta->topics.sorted[i]);
    }
    return 0;
}

static int meta_apply_partitions_added(struct meta *meta, const Meta__PartitionsAdded *command)
{
    struct meta_topic *topic = meta_find_command_topic(meta, command->id);
    if (topic == NULL) {
        return ERROR_INVALID;
    }
    int32_t first_index = topic->partition_count;
    int error = meta_topic_add_partitions(topic, command->partitions, command->n_partitions);
    if (error == 0) {
        META_TELL(meta, partitions_added, topic, first_index);
    }
    return error;
}

static int meta_apply_partitions_changed(struct meta *meta, const Meta__PartitionsChanged *command)
{
    struct meta_topic *topic = meta_find_command_topic(meta, command->id);
    if (topic == NULL) {
        return ERROR_INVALID;
    }
    for (size_t i = 0; i < command->n_partitions; i++) {
        if (!meta_topic_accepts_change(topic, command->partitions[i])) {
            return ERROR_INVALID;
        }
    }
    for (size_t i = 0; i < command->n_partitions; i++) {
        meta_topic_change_partition(topic, command->partitions[i]);
        META_TELL(meta, partition_changed, topic, command->partitions[i]->index);
    }
    return 0;
}

static int meta_apply_producer_ids(struct meta *meta, const Meta__ProducerIdsAllocated *command)
{
    int64_t next = 0;
    if (command->count <= 0 || command->first_id < meta->next_producer_id || /* (6) */
        __builtin_add_overflow(command->first_id, (int64_t)command->count, &next)) {
        return ERROR_INVALID;
    }
    meta->next_producer_id = next;
    META_TELL(meta, producer_ids_allocated, command->node, command->first_id, command->count);
    return 0;
}

static int meta_apply_cluster_named(struct meta *meta, const Meta__ClusterNamed *command)
{
    if (meta->cluster_id != NULL || *command->cluster_id == 0) {
        return ERROR_INVALID;
    }
    meta->cluster_id = memory_string(command->cluster_id);
    return 0;
}

static int meta_apply_registration(struct meta *meta, const Meta__NodeRegistered *command)
{
    if (meta->registration_count == 0) {
        meta->registered_node = command->node;
    }
    meta->registration_count++;
    return 0;
}

static int meta_apply_feature(struct meta *meta, const Meta__FeatureSet *command)
{
    int32_t *level = memory_new(int32_t);
    *level = command->level;
    free(map_put(&meta->features, bytes_from_string(command->name), level));
    meta->feature_epoch++;
    return 0;
}

static int meta_apply_resource_config(struct meta *meta, const Meta__ResourceConfigChanged *command)
{
    struct bytes name = bytes_from_string(command->name);
    int8_t kind = (int8_t)command->kind;
    if ((command->kind != META_RESOURCE_CLIENT_METRICS && command->kind != META_RESOURCE_GROUP) ||
        name.size == 0) {
        return ERROR_INVALID;
    }
    struct meta_resource *resource = meta_resource_set_get(&meta->resources, kind, name);
    meta_change_configs(&resource->configs, command->changes, command->n_changes);
    meta_resource_set_trim(&meta->resources, resource);
    META_TELL(meta, resource_config_changed, kind, name);
    return 0;
}

/* False when a name is too long to be one. */
static bool meta_read_quota_part(struct quota_entity_name *part, bool is_given, bool is_default,
                                 const char *name)
{
    part->is_given = is_given;
    part->name = is_default ? (struct bytes){NULL, 0} : bytes_from_string(name);
    return part->name.size <= UINT16_MAX;
}

static bool meta_read_quota_entity(const Meta__ClientQuotaChanged *command,
                                   struct quota_entity *entity)
{
    bool is_good = meta_read_quota_part(&entity->parts[QUOTA_ENTITY_USER], command->has_user,
                                        command->is_user_default, command->user) &&
                   meta_read_quota_part(&entity->parts[QUOTA_ENTITY_CLIENT], command->has_client_id,
                                        command->is_client_id_default, command->client_id) &&
                   meta_read_quota_part(&entity->parts[QUOTA_ENTITY_IP], command->has_ip,
                                        command->is_ip_default, command->ip);
    return is_good && command->has_ip != (command->has_user || command->has_client_id);
}

static int meta_apply_client_quota(struct meta *meta, const Meta__ClientQuotaChanged *command)
{
    struct quota_entity entity = {0};
    enum quota_kind kind = QUOTA_KINDS;
    bool is_good = meta_read_quota_entity(command, &entity);
    for (size_t i = 0; i < command->n_values && is_good; i++) {
        const Meta__QuotaValue *value = command->values[i];
        is_good = quota_find_kind(bytes_from_string(value->name), &kind) && value->value >= 0 &&
                  isfinite(value->value) &&
                  (!quota_row(kind)->is_whole || floor(value->value) == value->value);
    }
    if (!is_good) {
        return ERROR_INVALID;
    }
    for (size_t i = 0; i < command->n_values; i++) {
        check(quota_find_kind(bytes_from_string(command->values[i]->name), &kind));
        quota_table_set(&meta->quotas, &entity, kind, command->values[i]->value);
    }
    META_TELL(meta, client_quota_changed);
    return 0;
}

static int meta_apply_command(struct meta *meta, const Meta__Command *command)
{
    switch (command->kind_case) {
    case META__COMMAND__KIND_TOPIC_CREATED:
        return meta_apply_topic_created(meta, command->topic_created);
    case META__COMMAND__KIND_TOPIC_DELETED:
        return meta_apply_topic_deleted(meta, command->topic_deleted);
    case META__COMMAND__KIND_TOPIC_CONFIG_CHANGED:
        return meta_apply_topic_config(meta, command->topic_config_changed);
    case META__COMMAND__KIND_BROKER_CONFIG_CHANGED:
        return meta_apply_broker_config(meta, command->broker_config_changed);
    case META__COMMAND__KIND_PARTITIONS_ADDED:
        return meta_apply_partitions_added(meta, command->partitions_added);
    case META__COMMAND__KIND_PARTITIONS_CHANGED:
        return meta_apply_partitions_changed(meta, command->partitions_changed);
    case META__COMMAND__KIND_PRODUCER_IDS_ALLOCATED:
        return meta_apply_producer_ids(meta, command->producer_ids_allocated);
    case META__COMMAND__KIND_CLUSTER_NAMED:
        return meta_apply_cluster_named(meta, command->cluster_named);
    case META__COMMAND__KIND_NODE_REGISTERED:
        return meta_apply_registration(meta, command->node_registered);
    case META__COMMAND__KIND_FEATURE_SET:
        return meta_apply_feature(meta, command->feature_set);
    case META__COMMAND__KIND_RESOURCE_CONFIG_CHANGED:
        return meta_apply_resource_config(meta, command->resource_config_changed);
    case META__COMMAND__KIND_CLIENT_QUOTA_CHANGED:
        return meta_apply_client_quota(meta, command->client_quota_changed);
    case META__COMMAND__KIND__NOT_SET:
    case _META__COMMAND__KIND__CASE_IS_INT_SIZE:
        return ERROR_UNSUPPORTED;
    }
    return ERROR_UNSUPPORTED;
}

int meta_apply(struct meta *meta, struct bytes bytes)
{
    Meta__Command *command = meta__command__unpack(NULL, bytes.size, bytes.data);
    if (command == NULL) {
        trace(TRACE_ERROR, "meta.command_corrupt", TRACE_INT("size", (int64_t)bytes.size));
        return ERROR_CORRUPT;
    }
    int error = meta_apply_command(meta, command);
    if (error != 0) {
        trace(TRACE_ERROR, "meta.command_refused", TRACE_STRING("error", error_name(error)),
              TRACE_INT("kind", (int64_t)command->kind_case));
    }
    meta__command__free_unpacked(command, NULL);
    return error;
}

const struct meta_topic *meta_find_topic(const struct meta *meta, struct bytes name)
{
    return meta_topic_set_find(&meta->topics, name);
}

const struct meta_topic *meta_find_topic_id(const struct meta *meta, struct wire_uuid id)
{
    return meta_topic_set_find_id(&meta->topics, id);
}

const struct meta_partition *meta_find_partition(const struct meta_topic *topic, int32_t index)
{
    return index >= 0 && index < topic->partition_count ? &topic->partitions[index] : NULL;
}

size_t meta_topic_count(const struct meta *meta)
{
    return meta->topics.count;
}

const struct meta_topic *meta_topic_at(const struct meta *meta, size_t index)
{
    check(index < meta->topics.count);
    return meta->topics.sorted[index];
}

int32_t meta_node_id(const struct meta *meta)
{
    return meta->node_id;
}

const char *meta_cluster_id(const struct meta *meta)
{
    return meta->cluster_id == NULL ? "" : meta->cluster_id;
}

int64_t meta_registration_count(const struct meta *meta)
{
    return meta->registration_count;
}

int32_t meta_registered_node(const struct meta *meta)
{
    return meta->registered_node;
}

int64_t meta_next_producer_id(const struct meta *meta)
{
    return meta->next_producer_id;
}

int32_t meta_feature_level(const struct meta *meta, const char *name)
{
    const int32_t *level = (const int32_t *)map_find_string(&meta->features, name);
    return level == NULL ? 0 : *level;
}

bool meta_has_feature(const struct meta *meta, const char *name)
{
    return map_find_string(&meta->features, name) != NULL;
}

int64_t meta_feature_epoch(const struct meta *meta)
{
    return meta->feature_epoch;
}

const struct meta_resource *meta_find_resource(const struct meta *meta, int8_t kind,
                                               struct bytes name)
{
    return meta_resource_set_find(&meta->resources, kind, name);
}

void meta_each_resource(const struct meta *meta, int8_t kind,
                        void (*each)(void *owner, const struct meta_resource *resource),
                        void *owner)
{
    for (map_each (&meta->resources.resources, entry)) {
        const struct meta_resource *resource = (const struct meta_resource *)entry->value;
        if (resource->kind == kind) {
            each(owner, resource);
        }
    }
}

void meta_read_group_options(const struct meta *meta, struct bytes group, struct group_options *out)
{
    const struct meta_resource *resource = meta_find_resource(meta, META_RESOURCE_GROUP, group);
    struct config_layers layers = meta_config_layers(meta, NULL);
    layers.own = resource == NULL ? NULL : &resource->configs;
    config_read_group(&layers, out);
}

const struct quota_table *meta_quotas(const struct meta *meta)
{
    return &meta->quotas;
}

const struct broker_options *meta_broker_options(const struct meta *meta)
{
    return &meta->broker_options;
}

const struct topic_options *meta_topic_defaults(const struct meta *meta)
{
    return &meta->topic_defaults;
}

void meta_print_uuid(struct wire_uuid id, char out[META_UUID_TEXT_SIZE])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned bits = 0;
    int bit_count = 0;
    size_t size = 0;
    for (size_t i = 0; i < sizeof id.octets; i++) {
        bits = bits << 8 | id.octets[i];
        for (bit_count += 8; bit_count >= 6; bit_count -= 6) {
            out[size++] = digits[(bits >> (bit_count - 6)) & 63];
        }
    }
    out[size++] = digits[(bits << (6 - bit_count)) & 63];
    out[size] = 0;
}

void meta_tame_uuid(struct wire_uuid *id)
{
    enum { DASH = 62 };
    id->octets[6] = (uint8_t)((id->octets[6] & 0x0f) | 0x40);
    id->octets[8] = (uint8_t)((id->octets[8] & 0x3f) | 0x80);
    if (id->octets[0] >> 2 == DASH) {
        id->octets[0] &= 0x7f;
    }
}

static void meta_check_topic_options(const struct meta *meta, const struct meta_topic *topic)
{
    struct topic_options expected = {0};
    struct config_layers layers = meta_config_layers(meta, topic);
    struct buffer left;
    struct buffer right;
    buffer_init(&left);
    buffer_init(&right);
    config_read_topic(&layers, &expected);
    for (size_t i = 0; i < topic_options_row_count; i++) {
        option_print(&topic_options_rows[i], &expected, &left);
        option_print(&topic_options_rows[i], &topic->options, &right);
    }
    check(bytes_equal(buffer_bytes(&left), buffer_bytes(&right)));
    buffer_fini(&left);
    buffer_fini(&right);
    topic_options_fini(&expected);
}

void meta_check(const struct meta *meta)
{
    meta_topic_set_check(&meta->topics); /* (1) to (3) */
    for (size_t i = 0; i < meta->topics.count; i++) {
        meta_check_topic_options(meta, meta->topics.sorted[i]); /* (5) */
    }
    meta_resource_set_check(&meta->resources);
    quota_table_check(&meta->quotas);
    check(meta->next_producer_id >= 0);
}
