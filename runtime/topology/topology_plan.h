/* The inside of a plan, shared by the files of this folder only; see topology.h.
 *
 * Everything the plan points to lies in its arena.
 *
 * Thread: the owner's. */
#pragma once

#include "runtime/topology/topology.h"

struct topology_plan_node {
    struct topology_node node;
    const struct topology_source *source; /* NULL when it is none */
    bool is_internal;                     /* a source of a repartition topic */
    bool is_key_changed;                  /* behind it */
    int part;                             /* after topology_finish */
};

struct topology {
    char *name;
    struct arena arena;
    struct topology_plan_node *nodes;
    size_t node_count;
    struct topology_store **stores;
    size_t store_count;
    struct topology_topic **topics;
    size_t topic_count;
    struct topology_errors errors;
    enum topology_guarantee guarantee;
    struct topology_part *parts;
    size_t part_count;
    struct topology_part *globals;
    size_t global_count;
    bool is_finished;
};

/* Cuts into parts; the plan was judged before. */
must_use int topology_plan_cut(struct topology *topology, struct report *report);
const struct topology_store *topology_plan_find_store(const struct topology *topology,
                                                      const char *name);
const struct topology_topic *topology_plan_find_topic(const struct topology *topology,
                                                      const char *name);
