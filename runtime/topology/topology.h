/* The plan of an application: which topics it reads, what happens to their records, which stores
 * and timers that needs, and which topics it writes.
 *
 * A plan is built once and never runs. topology_finish judges it and cuts it into parts (Kafka
 * Streams' subtopologies): what is connected by records or by a shared store is one part. A task is
 * one part and one partition number; it runs a fresh set of nodes (topology_instance.h) made by the
 * makers in the plan.
 *
 * Owns:   copies of all names and lists; what `owner` of a node points to, through free_owner.
 * Keeps:  (1) node ids count from 0 in the order of adding, parents before children;
 *        (2) names of nodes, stores and topics are unique, each among its kind;
 *        (3) after topology_finish every node belongs to exactly one part (or global one), and
 * every part has a source; parts are ordered by name and nothing about them depends on the order of
 *            building;
 *        (4) no store that is kept by key lies behind a change of the key;
 *        (5) behind a global source there are only nodes with global stores.
 * Thread: the owner's; read-only after topology_finish. */
#pragma once

#include "log/base/report.h"
#include "runtime/topology/node.h"

struct topology;

enum topology_store_kind { TOPOLOGY_STORE_PERSISTENT, TOPOLOGY_STORE_MEMORY };

struct topology_store {
    const char *name;
    const char *place; /* where the script says so, or NULL */
    enum topology_store_kind kind;
    bool has_changelog;
    const struct value_format *value_format;
    int64_t history_ms; /* it keeps what was there before for so long; 0: the newest alone */
    int64_t ttl_ms;     /* what was not written for so long is gone (kv_expiring.h); 0: it stays */
    int64_t
        retention_ms;  /* values by key and window (kv_windows.h) stay so long; 0: by key alone */
    bool has_sessions; /* windows have an end of their own; else only their start is known */
    bool is_global;    /* filled by a global source, read by any task */
    int32_t version;   /* of its values, from 1; 0 is 1, too */
};

enum topology_clock { TOPOLOGY_WALL_CLOCK, TOPOLOGY_STREAM_TIME };

struct topology_timer {
    enum topology_clock clock;
    int64_t interval_ms;
};

struct topology_source {
    const char *name; /* NULL: the first topic's, or the pattern */
    const char *place;
    const char *const *topics;
    size_t topic_count;
    const char *pattern; /* instead of topics: all that match it (topology_match.h); or NULL */
    const struct value_format *value_format;
    const char *time_path; /* "$.ts": what the value says there is the record's time; or NULL */
    int64_t time_scale;    /* so many of the numbers there make a second; 0: 1000 */
    bool is_global;        /* every instance reads all partitions, into a store for all its tasks */
};

struct topology_node {
    const char *name;   /* mandatory with stores; NULL: kind and number */
    const char *kind;   /* "filter" */
    const char *detail; /* "$.x > 3" or "lua app.lua:7", for people; or NULL */
    const char *place;
    const int *parents;
    size_t parent_count;
    const char *const *stores; /* names, declared before */
    size_t store_count;
    const struct topology_timer *timers;
    size_t timer_count;
    int64_t idle_ms;  /* after this long without a record in, what is open closes; 0: not by that */
    bool changes_key; /* records behind it may have another key */
    bool is_keyed;    /* its stores are kept by the record's key */
    const char *sink_topic; /* the topic it writes as a sink, or NULL */
    const char *late_topic; /* where it writes what comes too late, or NULL */
    const char *layout;     /* how rows of its first store are laid out; NULL: not told */
    struct node *(*make)(void *owner, const char *name);
    void *owner;
    void (*free_owner)(void *owner);
};

struct topology_topic {
    const char *name;
    const char *place;
    int32_t partitions;   /* 0: the cluster's default; of a repartition topic: as its neighbours */
    int64_t retention_ms; /* -1: the cluster's default */
    bool is_compacted;
    bool is_internal; /* between two parts; only this application reads and writes it */
};

enum topology_policy { TOPOLOGY_DEAD_LETTER, TOPOLOGY_STOP, TOPOLOGY_SKIP };

enum topology_guarantee { TOPOLOGY_EXACTLY_ONCE, TOPOLOGY_AT_LEAST_ONCE };

struct topology_errors {
    enum topology_policy policy;
    const char *topic; /* of dead letters */
    /* When more than this share of the records of a span failed the application is to be paused,
     * by whoever runs it; 0: never. */
    double breaker_percent;
    int64_t breaker_ms;
};

struct topology_part {
    const char *name;          /* of its first source by name */
    uint32_t id;               /* a hash of the name: the same whatever else the application has */
    const char *const *topics; /* sorted */
    size_t topic_count;
    const char *const *internal_topics; /* those of `topics` that are repartition topics */
    size_t internal_topic_count;
    const char *const *copartitioned; /* those that need equal partition counts */
    size_t copartitioned_count;
    const struct topology_store *const *stores; /* sorted by name */
    size_t store_count;
    const int *nodes; /* ids, ascending */
    size_t node_count;
};

struct topology *topology_new(const char *name);
void topology_free(struct topology *topology);
const char *topology_name(const struct topology *topology);

/* Each fills the report and returns ERROR_INVALID when something is wrong; those that add a node
 * return its id from 0 otherwise. */
must_use int topology_add_source(struct topology *topology, const struct topology_source *source,
                                 struct report *report);
/* free_owner is called also when this fails. */
must_use int topology_add_node(struct topology *topology, const struct topology_node *node,
                               struct report *report);
/* Declaring the same store twice is fine when both say the same: its users share it. */
must_use int topology_add_store(struct topology *topology, const struct topology_store *store,
                                struct report *report);
must_use int topology_add_topic(struct topology *topology, const struct topology_topic *topic,
                                struct report *report);
/* A sink to the topic <application>-<name>-repartition and a source from it; returns the source.
 * partitions 0: as the topics it meets. */
must_use int topology_add_repartition(struct topology *topology, int parent, const char *name,
                                      int32_t partitions, const char *place, struct report *report);
/* The sink number 2, 3 ... of a repartition that is there: what it writes goes the same way, and
 * its part stays one of its own. */
must_use int topology_add_repartition_sink(struct topology *topology, int parent, const char *name,
                                           int number, const char *place, struct report *report);
void topology_set_errors(struct topology *topology, const struct topology_errors *errors);
/* How often a record's outputs are there after crashes; exactly once unless said. */
void topology_set_guarantee(struct topology *topology, enum topology_guarantee guarantee);
/* Whether records behind this node may have another key than they were partitioned by. */
bool topology_key_is_changed(const struct topology *topology, int node);

/* Judges the whole and cuts it into parts. Nothing can be added afterwards. */
must_use int topology_finish(struct topology *topology, struct report *report);

size_t topology_part_count(const struct topology *topology);
const struct topology_part *topology_part_at(const struct topology *topology, size_t index);
/* Global sources with their tables, ordered by name: parts without tasks, read whole by everybody
 * before the first task begins. */
size_t topology_global_count(const struct topology *topology);
const struct topology_part *topology_global_at(const struct topology *topology, size_t index);
/* Whether the topic, one of the part's, is one that the application repartitions through. */
bool topology_part_repartitions(const struct topology_part *part, const char *topic);
/* NULL when no part has this id. */
const struct topology_part *topology_part_find(const struct topology *topology, uint32_t id);
size_t topology_node_count(const struct topology *topology);
const struct topology_node *topology_node_at(const struct topology *topology, int node);
/* NULL for a node that is no source. */
const struct topology_source *topology_source_at(const struct topology *topology, int node);
size_t topology_topic_count(const struct topology *topology);
const struct topology_topic *topology_topic_at(const struct topology *topology, size_t index);
size_t topology_store_count(const struct topology *topology);
const struct topology_store *topology_store_at(const struct topology *topology, size_t index);
const struct topology_errors *topology_errors(const struct topology *topology);
enum topology_guarantee topology_guarantee(const struct topology *topology);
/* The changelog topic of a store: <application>-<store>-changelog. Appended to `out`. */
void topology_changelog_name(const struct topology *topology, const char *store,
                             struct buffer *out);
/* Whether a part has a node that closes what is open when nothing comes in; and the topic where
 * that is written down: <application>-clock. Appended to `out`. */
bool topology_part_has_idle(const struct topology *topology, const struct topology_part *part);
void topology_clock_name(const struct topology *topology, struct buffer *out);
/* The node of this name, or -1. */
int topology_node_find(const struct topology *topology, const char *name);
/* The plan as text for people; the same for the same plan. */
void topology_describe(const struct topology *topology, struct buffer *out);
void topology_check(const struct topology *topology);
