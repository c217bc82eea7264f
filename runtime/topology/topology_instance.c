/* Nodes of one task; see topology_instance.h. */
#include "runtime/topology/topology_instance.h"

#include "log/base/memory.h"
#include "runtime/topology/topology_plan.h"

#include <stdlib.h>
#include <string.h>

struct topology_instance {
    const struct topology *topology;
    const struct topology_part *part;
    struct node **nodes; /* by place in part->nodes */
    struct topology_instance_timer *timers;
    size_t timer_count;
    struct topology_instance_idler *idlers;
    size_t idler_count;
};

static struct node *find_made(const struct topology_instance *instance, int id)
{
    for (size_t i = 0; i < instance->part->node_count; i++) {
        if (instance->part->nodes[i] == id) {
            return instance->nodes[i];
        }
    }
    return NULL;
}

/* Children come after their parents. */
static void find_who_sends_old(struct topology_instance *instance)
{
    for (size_t i = instance->part->node_count; i > 0; i--) {
        struct node *node = instance->nodes[i - 1];
        for (size_t j = 0; j < node->child_count; j++) {
            const struct node *child = node->children[j];
            node->sends_old = node->sends_old || child->sends_old || child->ops->wants_old;
        }
    }
}

static void add_timers(struct topology_instance *instance, const struct topology_node *plan,
                       struct node *node)
{
    for (size_t i = 0; i < plan->timer_count; i++) {
        instance->timers =
            memory_resize(instance->timers, (instance->timer_count + 1) * sizeof *instance->timers);
        instance->timers[instance->timer_count++] =
            (struct topology_instance_timer){.node = node,
                                             .timer = (int)i,
                                             .clock = plan->timers[i].clock,
                                             .interval_ms = plan->timers[i].interval_ms};
    }
}

static void add_idler(struct topology_instance *instance, const struct topology_node *plan,
                      struct node *node)
{
    check(node->ops->horizon != NULL && node->ops->advance != NULL);
    instance->idlers =
        memory_resize(instance->idlers, (instance->idler_count + 1) * sizeof *instance->idlers);
    instance->idlers[instance->idler_count++] =
        (struct topology_instance_idler){.node = node, .idle_ms = plan->idle_ms};
}

struct topology_instance *topology_instance_new(const struct topology *topology,
                                                const struct topology_part *part)
{
    check(topology->is_finished);
    struct topology_instance *instance = memory_new(struct topology_instance);
    instance->topology = topology;
    instance->part = part;
    instance->nodes = memory_zero(part->node_count, sizeof(struct node *));
    for (size_t i = 0; i < part->node_count; i++) {
        const struct topology_node *plan = &topology->nodes[part->nodes[i]].node;
        struct node *node = plan->make(plan->owner, plan->name);
        check(node != NULL);
        instance->nodes[i] = node;
        for (size_t j = 0; j < plan->parent_count; j++) {
            node_add_child(find_made(instance, plan->parents[j]), node);
        }
        add_timers(instance, plan, node);
        if (plan->idle_ms > 0) {
            add_idler(instance, plan, node);
        }
    }
    find_who_sends_old(instance);
    return instance;
}

void topology_instance_free(struct topology_instance *instance)
{
    if (instance == NULL) {
        return;
    }
    for (size_t i = instance->part->node_count; i > 0; i--) {
        instance->nodes[i - 1]->ops->free(instance->nodes[i - 1]);
    }
    free(instance->nodes);
    free(instance->timers);
    free(instance->idlers);
    free(instance);
}

size_t topology_instance_node_count(const struct topology_instance *instance)
{
    return instance->part->node_count;
}

struct node *topology_instance_node_at(const struct topology_instance *instance, size_t index)
{
    check(index < instance->part->node_count);
    return instance->nodes[index];
}

struct node *topology_instance_source(const struct topology_instance *instance, const char *topic)
{
    for (size_t i = 0; i < instance->part->node_count; i++) {
        int id = instance->part->nodes[i];
        const struct topology_source *source = instance->topology->nodes[id].source;
        for (size_t j = 0; source != NULL && j < source->topic_count; j++) {
            if (strcmp(source->topics[j], topic) == 0) {
                return instance->nodes[i];
            }
        }
    }
    return NULL;
}

const struct topology_instance_timer *
topology_instance_timers(const struct topology_instance *instance, size_t *count)
{
    *count = instance->timer_count;
    return instance->timers;
}

const struct topology_instance_idler *
topology_instance_idlers(const struct topology_instance *instance, size_t *count)
{
    *count = instance->idler_count;
    return instance->idlers;
}

struct node *topology_instance_find_idler(const struct topology_instance *instance,
                                          const char *name)
{
    size_t count = 0;
    const struct topology_instance_idler *idlers = topology_instance_idlers(instance, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(idlers[i].node->name, name) == 0) {
            return idlers[i].node;
        }
    }
    return NULL;
}

struct node *topology_instance_node(const struct topology_instance *instance, const char *name)
{
    for (size_t i = 0; i < instance->part->node_count; i++) {
        if (strcmp(instance->nodes[i]->name, name) == 0) {
            return instance->nodes[i];
        }
    }
    return NULL;
}

struct node *topology_instance_reader(const struct topology_instance *instance, const char *store)
{
    for (size_t i = 0; i < instance->part->node_count; i++) {
        const char *kept = instance->nodes[i]->row_store;
        if (kept != NULL && strcmp(kept, store) == 0) {
            return instance->nodes[i];
        }
    }
    return NULL;
}

int topology_instance_start(struct topology_instance *instance, struct node_context *context)
{
    for (size_t i = 0; i < instance->part->node_count; i++) {
        struct node *node = instance->nodes[i];
        int error = node->ops->start == NULL ? 0 : node->ops->start(node, context);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int topology_instance_stop(struct topology_instance *instance, struct node_context *context)
{
    for (size_t i = 0; i < instance->part->node_count; i++) {
        struct node *node = instance->nodes[i];
        int error = node->ops->stop == NULL ? 0 : node->ops->stop(node, context);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}
