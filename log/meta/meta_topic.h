/* The topics of the picture: built from commands, indexed by name, id and order. Inside log/meta.
 *
 * Owns:   its topics.
 * Keeps:  invariants (1) to (4) of meta.h.
 * Thread: the broker shard. */
#pragma once

#include "log/meta/meta.h"
#include "log/meta/meta.pb-c.h"

struct meta_topic_set {
    struct map by_name;
    struct map by_id;
    struct meta_topic **sorted; /* by name */
    size_t count;
    size_t capacity;
};

/* NULL when the partitions of the command make no topic. */
struct meta_topic *meta_topic_new(const Meta__TopicCreated *command);
void meta_topic_free(struct meta_topic *topic);
/* ERROR_INVALID when they do not continue the ones that are there. */
must_use int meta_topic_add_partitions(struct meta_topic *topic, Meta__Partition *const *partitions,
                                       size_t count);
bool meta_topic_accepts_change(const struct meta_topic *topic, const Meta__Partition *change);
void meta_topic_change_partition(struct meta_topic *topic, const Meta__Partition *change);

void meta_topic_set_init(struct meta_topic_set *set);
void meta_topic_set_fini(struct meta_topic_set *set);
struct meta_topic *meta_topic_set_find(const struct meta_topic_set *set, struct bytes name);
struct meta_topic *meta_topic_set_find_id(const struct meta_topic_set *set, struct wire_uuid id);
void meta_topic_set_add(struct meta_topic_set *set, struct meta_topic *topic);
/* Does not free the topic. */
void meta_topic_set_remove(struct meta_topic_set *set, struct meta_topic *topic);
void meta_topic_set_check(const struct meta_topic_set *set);
