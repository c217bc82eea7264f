/* Cutting a plan into parts; see topology.h.
 *
 * Nodes that are connected by records, or that use the same store, are united; each union is a
 * part, named for its first source by name. So a part keeps its name, its id and with them its
 * tasks and their state when something is added elsewhere. */
#include "runtime/topology/topology_plan.h"

#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/memory.h"

#include <stdlib.h>
#include <string.h>

struct cut {
    struct topology *topology;
    int *united; /* by node: another node of its part, nearer to the root */
};

static int find_root(struct cut *cut, int node)
{
    while (cut->united[node] != node) {
        cut->united[node] = cut->united[cut->united[node]];
        node = cut->united[node];
    }
    return node;
}

static bool uses_store(const struct topology_node *node, const char *store)
{
    for (size_t i = 0; i < node->store_count; i++) {
        if (strcmp(node->stores[i], store) == 0) {
            return true;
        }
    }
    return false;
}

static void unite_all(struct cut *cut)
{
    struct topology *topology = cut->topology;
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct topology_node *node = &topology->nodes[i].node;
        for (size_t j = 0; j < node->parent_count; j++) {
            cut->united[find_root(cut, node->parents[j])] = find_root(cut, (int)i);
        }
    }
    for (size_t s = 0; s < topology->store_count; s++) {
        int first = -1;
        if (topology->stores[s]->is_global) {
            continue; /* those who read it do not meet in it */
        }
        for (size_t i = 0; i < topology->node_count; i++) {
            if (uses_store(&topology->nodes[i].node, topology->stores[s]->name)) {
                first = first < 0 ? (int)i : first;
                cut->united[find_root(cut, (int)i)] = find_root(cut, first);
            }
        }
    }
}

static int compare_strings(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static int compare_stores(const void *left, const void *right)
{
    return strcmp((*(const struct topology_store *const *)left)->name,
                  (*(const struct topology_store *const *)right)->name);
}

static int compare_parts(const void *left, const void *right)
{
    return strcmp(((const struct topology_part *)left)->name,
                  ((const struct topology_part *)right)->name);
}

/* A list in the arena with room for every topic of the plan. */
struct names {
    const char **names;
    size_t count;
};

static struct names make_names(struct topology *topology)
{
    size_t room = 0;
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct topology_source *source = topology->nodes[i].source;
        room += source == NULL ? 0 : source->topic_count;
    }
    return (struct names){.names = arena_array(&topology->arena, const char *, room)};
}

static void add_topics(struct names *names, const struct topology_source *source)
{
    for (size_t i = 0; i < source->topic_count; i++) {
        bool is_new = true;
        for (size_t j = 0; j < names->count; j++) {
            is_new &= strcmp(names->names[j], source->topics[i]) != 0;
        }
        if (is_new) {
            names->names[names->count++] = source->topics[i];
        }
    }
}

static void sort_names(struct names *names)
{
    if (names->count > 1) {
        qsort(names->names, names->count, sizeof *names->names, compare_strings);
    }
}

/* Marks the node and all above it. */
static void mark_above(const struct topology *topology, int node, bool *is_marked)
{
    is_marked[node] = true;
    for (int i = node; i >= 0; i--) { /* parents come before children */
        const struct topology_node *it = &topology->nodes[i].node;
        for (size_t j = 0; is_marked[i] && j < it->parent_count; j++) {
            is_marked[it->parents[j]] = true;
        }
    }
}

/* Topics that meet in one keyed store need the same number of partitions. */
static void find_copartitioned(struct topology *topology, struct topology_part *part)
{
    struct names all = make_names(topology);
    for (size_t s = 0; s < part->store_count; s++) {
        struct names meeting = make_names(topology);
        bool *is_marked = memory_zero(topology->node_count, sizeof *is_marked);
        for (size_t i = 0; i < part->node_count; i++) {
            const struct topology_node *node = &topology->nodes[part->nodes[i]].node;
            if (node->is_keyed && uses_store(node, part->stores[s]->name)) {
                mark_above(topology, part->nodes[i], is_marked);
            }
        }
        for (size_t i = 0; i < topology->node_count; i++) {
            if (is_marked[i] && topology->nodes[i].source != NULL) {
                add_topics(&meeting, topology->nodes[i].source);
            }
        }
        free(is_marked);
        for (size_t i = 0; meeting.count > 1 && i < topology->node_count; i++) {
            const struct topology_source *source = topology->nodes[i].source;
            for (size_t j = 0; source != NULL && j < meeting.count; j++) {
                if (source->topic_count > 0 && strcmp(source->topics[0], meeting.names[j]) == 0) {
                    add_topics(&all, source);
                }
            }
        }
    }
    sort_names(&all);
    part->copartitioned = all.names;
    part->copartitioned_count = all.count;
}

static int validate_copartitioned(const struct topology *topology, const struct topology_part *part,
                                  struct report *report)
{
    const struct topology_topic *first = NULL;
    for (size_t i = 0; i < part->copartitioned_count; i++) {
        const struct topology_topic *topic =
            topology_plan_find_topic(topology, part->copartitioned[i]);
        if (topic == NULL || topic->partitions == 0) {
            continue;
        }
        if (first != NULL && first->partitions != topic->partitions) {
            return report_add(report, topic->place,
                              "the topics '%s' (%d partitions) and '%s' (%d) meet in one store, "
                              "so they need the same number of partitions",
                              first->name, first->partitions, topic->name, topic->partitions);
        }
        first = topic;
    }
    return 0;
}

static void fill_part(struct topology *topology, struct topology_part *part, struct cut *cut,
                      int root)
{
    struct arena *arena = &topology->arena;
    int *nodes = arena_array(arena, int, topology->node_count);
    const struct topology_store **stores =
        arena_array(arena, const struct topology_store *, topology->store_count);
    struct names topics = make_names(topology);
    struct names internal = make_names(topology);
    for (size_t i = 0; i < topology->node_count; i++) {
        const struct topology_plan_node *it = &topology->nodes[i];
        if (find_root(cut, (int)i) != root) {
            continue;
        }
        nodes[part->node_count++] = (int)i;
        if (it->source != NULL) {
            add_topics(&topics, it->source);
            if (it->is_internal) {
                add_topics(&internal, it->source);
            }
            if (part->name == NULL || strcmp(it->node.name, part->name) < 0) {
                part->name = it->node.name;
            }
        }
    }
    for (size_t s = 0; s < topology->store_count; s++) {
        for (size_t i = 0; i < part->node_count && !topology->stores[s]->is_global; i++) {
            if (uses_store(&topology->nodes[nodes[i]].node, topology->stores[s]->name)) {
                stores[part->store_count++] = topology->stores[s];
                break;
            }
        }
    }
    if (part->store_count > 1) {
        qsort(stores, part->store_count, sizeof *stores, compare_stores);
    }
    sort_names(&topics);
    sort_names(&internal);
    part->id = (uint32_t)hash_bytes(bytes_from_string(part->name));
    part->nodes = nodes;
    part->stores = stores;
    part->topics = topics.names;
    part->topic_count = topics.count;
    part->internal_topics = internal.names;
    part->internal_topic_count = internal.count;
}

static bool is_global(const struct topology *topology, const struct topology_part *part)
{
    for (size_t i = 0; i < part->node_count; i++) {
        const struct topology_source *source = topology->nodes[part->nodes[i]].source;
        if (source != NULL && source->is_global) {
            return true;
        }
    }
    return false;
}

static int validate_global(const struct topology *topology, const struct topology_part *part,
                           struct report *report)
{
    for (size_t i = 0; i < part->node_count; i++) {
        const struct topology_plan_node *it = &topology->nodes[part->nodes[i]];
        bool is_fine = it->source != NULL ? it->source->is_global
                                          : it->node.store_count > 0 && it->node.sink_topic == NULL;
        for (size_t j = 0; j < it->node.store_count; j++) {
            is_fine &= topology_plan_find_store(topology, it->node.stores[j])->is_global;
        }
        if (!is_fine) {
            return report_add(report, it->node.place,
                              "'%s' stands behind the global table of '%s', which everybody reads "
                              "whole: it can only be joined with",
                              it->node.name, part->topics[0]);
        }
    }
    return 0;
}

/* Global parts go to a list of their own. */
static int part_globals(struct topology *topology, struct report *report)
{
    size_t kept = 0;
    int error = 0;
    free(topology->globals);
    topology->globals = memory_zero(topology->part_count + 1, sizeof *topology->globals);
    topology->global_count = 0;
    for (size_t i = 0; error == 0 && i < topology->part_count; i++) {
        if (is_global(topology, &topology->parts[i])) {
            error = validate_global(topology, &topology->parts[i], report);
            topology->globals[topology->global_count++] = topology->parts[i];
        } else {
            topology->parts[kept++] = topology->parts[i];
        }
    }
    topology->part_count = error == 0 ? kept : topology->part_count;
    return error;
}

static int validate_parts(const struct topology *topology, struct report *report)
{
    for (size_t i = 0; i < topology->part_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (topology->parts[i].id == topology->parts[j].id) {
                return report_add(report, NULL,
                                  "the names '%s' and '%s' have the same hash; rename one of them",
                                  topology->parts[i].name, topology->parts[j].name);
            }
        }
        int error = validate_copartitioned(topology, &topology->parts[i], report);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

int topology_plan_cut(struct topology *topology, struct report *report)
{
    struct cut cut = {.topology = topology};
    cut.united = memory_zero(topology->node_count + 1, sizeof *cut.united);
    for (size_t i = 0; i < topology->node_count; i++) {
        cut.united[i] = (int)i;
    }
    unite_all(&cut);
    free(topology->parts);
    topology->parts = memory_zero(topology->node_count + 1, sizeof *topology->parts);
    topology->part_count = 0;
    for (size_t i = 0; i < topology->node_count; i++) {
        if (find_root(&cut, (int)i) == (int)i) {
            struct topology_part *part = &topology->parts[topology->part_count++];
            fill_part(topology, part, &cut, (int)i);
            find_copartitioned(topology, part);
        }
    }
    free(cut.united);
    if (topology->part_count > 1) {
        qsort(topology->parts, topology->part_count, sizeof *topology->parts, compare_parts);
    }
    int error = part_globals(topology, report);
    if (error != 0) {
        return error;
    }
    for (size_t i = 0; i < topology->node_count; i++) {
        topology->nodes[i].part = -1; /* that of a global source */
    }
    for (size_t i = 0; i < topology->part_count; i++) {
        for (size_t j = 0; j < topology->parts[i].node_count; j++) {
            topology->nodes[topology->parts[i].nodes[j]].part = (int)i;
        }
    }
    return validate_parts(topology, report);
}
