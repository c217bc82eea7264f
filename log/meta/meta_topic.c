/* Topics, their partitions and their names; see meta_topic.h. */
#include "log/meta/meta_topic.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { META_NAME_SIZE_MAX = 249, META_PARTITION_COUNT_MAX = 1000000 };

static bool meta_topic_has_node(const int32_t *nodes, size_t count, int32_t node)
{
    for (size_t i = 0; i < count; i++) {
        if (nodes[i] == node) {
            return true;
        }
    }
    return false;
}

/* (3) as far as one partition can say it. */
static bool meta_topic_is_sane(const Meta__Partition *partition)
{
    for (size_t i = 0; i < partition->n_isr; i++) {
        if (!meta_topic_has_node(partition->replicas, partition->n_replicas, partition->isr[i])) {
            return false;
        }
    }
    return partition->n_replicas > 0 && partition->leader_epoch >= 0 &&
           (partition->leader == -1 ||
            meta_topic_has_node(partition->isr, partition->n_isr, partition->leader));
}

static int32_t *meta_topic_copy_nodes(const int32_t *nodes, size_t count)
{
    int32_t *copy = (int32_t *)memory_zero(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = nodes[i];
    }
    return copy;
}

static void meta_topic_fill_partition(struct meta_partition *partition,
                                      const Meta__Partition *command)
{
    *partition = (struct meta_partition){
        .index = command->index,
        .leader = command->leader,
        .leader_epoch = command->leader_epoch,
        .replica_count = (int32_t)command->n_replicas,
        .isr_count = (int32_t)command->n_isr,
        .replicas = meta_topic_copy_nodes(command->replicas, command->n_replicas),
        .isr = meta_topic_copy_nodes(command->isr, command->n_isr),
    };
}

int meta_topic_add_partitions(struct meta_topic *topic, Meta__Partition *const *partitions,
                              size_t count)
{
    if (count == 0 || count > META_PARTITION_COUNT_MAX) {
        return ERROR_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        if (partitions[i]->index != topic->partition_count + (int32_t)i || /* (2) */
            !meta_topic_is_sane(partitions[i])) {
            return ERROR_INVALID;
        }
    }
    size_t total = (size_t)topic->partition_count + count;
    topic->partitions = memory_resize(topic->partitions, total * sizeof *topic->partitions);
    for (size_t i = 0; i < count; i++) {
        meta_topic_fill_partition(&topic->partitions[topic->partition_count++], partitions[i]);
    }
    return 0;
}

struct meta_topic *meta_topic_new(const Meta__TopicCreated *command)
{
    struct meta_topic *topic = memory_new(struct meta_topic);
    topic->name = memory_string(command->name);
    topic->is_internal = meta_is_internal_name(bytes_from_string(command->name));
    memcpy(topic->id.octets, command->id.data, sizeof topic->id.octets);
    map_init(&topic->configs);
    for (size_t i = 0; i < command->n_configs; i++) {
        free(map_put(&topic->configs, bytes_from_string(command->configs[i]->name),
                     memory_string(command->configs[i]->value)));
    }
    if (meta_topic_add_partitions(topic, command->partitions, command->n_partitions) != 0) {
        meta_topic_free(topic);
        return NULL;
    }
    return topic;
}

void meta_topic_free(struct meta_topic *topic)
{
    for (int32_t i = 0; i < topic->partition_count; i++) {
        free(topic->partitions[i].replicas);
        free(topic->partitions[i].isr);
    }
    free(topic->partitions);
    map_fini(&topic->configs, free);
    topic_options_fini(&topic->options);
    free(topic->name);
    free(topic);
}

bool meta_topic_accepts_change(const struct meta_topic *topic, const Meta__Partition *change)
{
    const struct meta_partition *partition = meta_find_partition(topic, change->index);
    return partition != NULL && change->leader_epoch >= partition->leader_epoch && /* (4) */
           meta_topic_is_sane(change);
}

void meta_topic_change_partition(struct meta_topic *topic, const Meta__Partition *change)
{
    struct meta_partition *partition = &topic->partitions[change->index];
    free(partition->replicas);
    free(partition->isr);
    meta_topic_fill_partition(partition, change);
}

void meta_topic_set_init(struct meta_topic_set *set)
{
    *set = (struct meta_topic_set){0};
    map_init(&set->by_name);
    map_init(&set->by_id);
}

void meta_topic_set_fini(struct meta_topic_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        meta_topic_free(set->sorted[i]);
    }
    free(set->sorted);
    map_fini(&set->by_name, NULL);
    map_fini(&set->by_id, NULL);
}

static struct bytes meta_topic_id_bytes(const struct wire_uuid *id)
{
    return bytes_make(id->octets, sizeof id->octets);
}

struct meta_topic *meta_topic_set_find(const struct meta_topic_set *set, struct bytes name)
{
    return (struct meta_topic *)map_find(&set->by_name, name);
}

struct meta_topic *meta_topic_set_find_id(const struct meta_topic_set *set, struct wire_uuid id)
{
    return (struct meta_topic *)map_find(&set->by_id, meta_topic_id_bytes(&id));
}

/* Where a name stands or would stand in the sorted row. */
static size_t meta_topic_set_place(const struct meta_topic_set *set, const char *name)
{
    size_t low = 0;
    size_t high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(set->sorted[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void meta_topic_set_add(struct meta_topic_set *set, struct meta_topic *topic)
{
    if (set->count == set->capacity) {
        set->capacity = set->capacity == 0 ? 16 : set->capacity * 2;
        set->sorted = memory_resize(set->sorted, set->capacity * sizeof(struct meta_topic *));
    }
    size_t place = meta_topic_set_place(set, topic->name);
    memmove(&set->sorted[place + 1], &set->sorted[place],
            (set->count - place) * sizeof(struct meta_topic *));
    set->sorted[place] = topic;
    set->count++;
    check(map_put(&set->by_name, bytes_from_string(topic->name), topic) == NULL);
    check(map_put(&set->by_id, meta_topic_id_bytes(&topic->id), topic) == NULL);
}

void meta_topic_set_remove(struct meta_topic_set *set, struct meta_topic *topic)
{
    size_t place = meta_topic_set_place(set, topic->name);
    check(place < set->count && set->sorted[place] == topic);
    set->count--;
    memmove(&set->sorted[place], &set->sorted[place + 1],
            (set->count - place) * sizeof(struct meta_topic *));
    check(map_remove(&set->by_name, bytes_from_string(topic->name)) == topic);
    check(map_remove(&set->by_id, meta_topic_id_bytes(&topic->id)) == topic);
}

static void meta_topic_check_partition(const struct meta_partition *partition)
{
    check(partition->leader_epoch >= 0);
    check(partition->replica_count > 0);
    for (int32_t i = 0; i < partition->isr_count; i++) {
        check(meta_topic_has_node(partition->replicas, (size_t)partition->replica_count,
                                  partition->isr[i]));
    }
    check(partition->leader == -1 ||
          meta_topic_has_node(partition->isr, (size_t)partition->isr_count, partition->leader));
}

void meta_topic_set_check(const struct meta_topic_set *set)
{
    check(set->by_name.size == set->count);
    check(set->by_id.size == set->count);
    for (size_t i = 0; i < set->count; i++) {
        const struct meta_topic *topic = set->sorted[i];
        check(i == 0 || strcmp(set->sorted[i - 1]->name, topic->name) < 0);
        check(meta_topic_set_find(set, bytes_from_string(topic->name)) == topic);
        check(meta_topic_set_find_id(set, topic->id) == topic);
        check(topic->partition_count > 0);
        for (int32_t j = 0; j < topic->partition_count; j++) {
            check(topic->partitions[j].index == j);
            meta_topic_check_partition(&topic->partitions[j]);
        }
    }
}

const char *meta_refuse_topic_name(struct bytes name)
{
    if (name.size == 0) {
        return "it is empty";
    }
    if (bytes_equal_string(name, ".") || bytes_equal_string(name, "..")) {
        return "'.' and '..' are not allowed";
    }
    if (name.size > META_NAME_SIZE_MAX) {
        return "it is longer than 249 characters";
    }
    for (size_t i = 0; i < name.size; i++) {
        uint8_t character = name.data[i];
        if (!(character < 128 && isalnum(character)) && character != '.' && character != '_' &&
            character != '-') {
            return "only ASCII letters, digits, '.', '_' and '-' are allowed";
        }
    }
    return "";
}

bool meta_is_internal_name(struct bytes name)
{
    return bytes_equal_string(name, "__consumer_offsets") ||
           bytes_equal_string(name, "__transaction_state");
}
