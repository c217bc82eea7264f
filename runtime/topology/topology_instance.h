/* The nodes of one task: one part of a plan brought to life.
 *
 * Owns:   its nodes.
 * Keeps:  nodes are wired as the plan says, children in the order they were added to it.
 * Thread: the task's shard. The plan must outlive it. */
#pragma once

#include "runtime/topology/topology.h"

struct topology_instance;

/* A timer of a node; the task calls node->ops->tick(node, context, timer, scheduled_ms) when it is
 * due. Missed ticks coalesce: one call, with the newest time that was due. */
struct topology_instance_timer {
    struct node *node;
    int timer;
    enum topology_clock clock;
    int64_t interval_ms;
};

/* A node that closes what is open when nothing came in for a while. */
struct topology_instance_idler {
    struct node *node;
    int64_t idle_ms;
};

struct topology_instance *topology_instance_new(const struct topology *topology,
                                                const struct topology_part *part);
void topology_instance_free(struct topology_instance *instance);
/* Parents first. */
size_t topology_instance_node_count(const struct topology_instance *instance);
struct node *topology_instance_node_at(const struct topology_instance *instance, size_t index);
/* Where records of a topic go in; NULL when the part does not read it. */
struct node *topology_instance_source(const struct topology_instance *instance, const char *topic);
const struct topology_instance_timer *
topology_instance_timers(const struct topology_instance *instance, size_t *count);
/* Parents first. */
const struct topology_instance_idler *
topology_instance_idlers(const struct topology_instance *instance, size_t *count);
/* That of this name among them; or NULL. */
struct node *topology_instance_find_idler(const struct topology_instance *instance,
                                          const char *name);
/* NULL when the part has none of this name. */
struct node *topology_instance_node(const struct topology_instance *instance, const char *name);
/* The node that understands the rows of a store; NULL: they are keys and values. */
struct node *topology_instance_reader(const struct topology_instance *instance, const char *store);
/* Calls `start` of every node, parents first, or `stop`; the first failure ends it. */
must_use int topology_instance_start(struct topology_instance *instance,
                                     struct node_context *context);
must_use int topology_instance_stop(struct topology_instance *instance,
                                    struct node_context *context);
