/* A Lua file, evaluated once into a plan, whose functions then run as nodes of tasks.
 *
 * One script is one Lua state: an application has one per shard, and the nodes of all its tasks on
 * that shard share it (globals are frozen after loading, so they cannot meet there by accident).
 * The code is not trusted: it sees a whitelisted environment and has limits of memory, time and
 * output; none of them costs more per record than a few stores to memory.
 *
 * Owns:   the Lua state, the plan, the definitions of connectors. Instances of the plan's parts
 *         (topology_instance.h) must be freed before the script is closed.
 * Keeps:  (1) nothing a script does stops the process or runs past its limits, except that one
 *             call of a library function in C is never cut short; their work is bounded;
 *         (2) a callback that fails leaves no trace in the Lua state but its own variables;
 *         (3) the same text, records and clocks give the same output.
 * Thread: the shard that opened it. */
#pragma once

#include "log/base/report.h"
#include "runtime/topology/topology.h"

struct script;

struct script_limits {
    size_t memory_size;  /* of the whole Lua state; bytes */
    int64_t callback_ms; /* processor time of one callback */
    int64_t load_ms;     /* processor time of evaluating the file */
    size_t emit_count;   /* records out of one callback */
    size_t emit_size;    /* bytes out of one callback */
    size_t store_size;   /* bytes that one callback writes to stores */
    int64_t test_ms;     /* processor time of one test; see script_test.h */
};

#define SCRIPT_LIMITS_DEFAULT                                                                      \
    ((struct script_limits){.memory_size = 64 << 20,                                               \
                            .callback_ms = 1000,                                                   \
                            .load_ms = 5000,                                                       \
                            .emit_count = 100000,                                                  \
                            .emit_size = 64 << 20,                                                 \
                            .store_size = 64 << 20,                                                \
                            .test_ms = 60000})

struct script_option {
    const char *name;
    const char *value; /* as a person would write it; lists are joined with commas */
};

/* stream:plugin(name, {...}, {...}). */
struct script_plugin {
    const char *name;
    const struct script_option *options; /* sorted by name */
    size_t option_count;
    const char *const *aliases; /* of its stores: what the script calls them ... */
    const char *const *stores;  /* ... and their names in the plan */
    size_t store_count;
    const struct value_format *format; /* of what it forwards; NULL: what it was given */
};

/* S.plugin(name, path, {...}) in an aggregate. */
struct script_aggregator {
    const char *name;
    const char *field;                   /* of the result */
    const struct script_option *options; /* sorted by name */
    size_t option_count;
};

/* What became of it; the script's from then on. */
struct script_aggregator_owner {
    const struct aggregator *aggregator;
    void *owner; /* see summary_parameter */
    void (*free)(void *owner);
};

enum { SCRIPT_TEXT_SIZE_MAX = 1 << 20 };

struct script_options {
    const char *name;     /* "app.lua": names places in errors */
    const char *app_name; /* of a file in tiny style; NULL: the name without ".lua" */
    struct bytes text;
    struct script_limits limits; /* zeroes stand for the defaults */
    /* Gives a file beside the script: "name.lua" of `require "name"`, or what a format names. 0 or
     * an error (ERROR_NOT_FOUND). NULL: there are none. Called only by script_open. */
    int (*read_file)(void *owner, const char *file_name, struct buffer *out);
    /* Fills in who makes the nodes of a plugin's step; what it sets as the node's owner becomes the
     * plan's. 0, or ERROR_INVALID with the report filled. NULL: there are no plugins. Called only
     * by script_open. */
    int (*open_plugin)(void *owner, const struct script_plugin *plugin, struct topology_node *node,
                       struct report *report);
    /* Opens an aggregator that is a plugin, in a field of the step at `place`. As open_plugin. */
    int (*open_aggregator)(void *owner, const struct script_aggregator *wanted, const char *place,
                           struct script_aggregator_owner *out, struct report *report);
    /* Opens a format that is a plugin; see value_files. NULL: there are none. */
    int (*open_format)(void *owner, const char *name, const struct value_options *options,
                       const struct value_format **out, struct report *report);
    void *owner;
    /* Is told what functions print, at any time; NULL: nobody is. */
    void (*print)(void *owner, const char *text);
    void *print_owner;
};

/* app:source(name, {...}) or app:sink(name, {...}). */
struct script_connector {
    const char *name;
    const char *type; /* the plugin: "sqlite" */
    const char *place;
    bool is_sink;
    const char *const *topics; /* as written in `topics` or `topic`; a source may have none */
    size_t topic_count;
    const char *pattern;                 /* of a sink, instead of topics: S.pattern; or NULL */
    const struct script_option *options; /* the rest, sorted by name */
    size_t option_count;
};

/* 0, or ERROR_INVALID with the report filled: "app.lua:12" and a sentence. */
must_use int script_open(const struct script_options *options, struct report *report,
                         struct script **out);
void script_close(struct script *script);
/* Finished; lives as long as the script. A file with connectors alone has a plan without parts. */
const struct topology *script_topology(const struct script *script);
/* Gives streams by pattern the topics they read; see topology_match_apply. */
must_use int script_match_topics(struct script *script, const char *const *names, size_t count,
                                 struct report *report);
const struct script_connector *script_connectors(const struct script *script, size_t *count);

/* Bytes held by the Lua state. */
size_t script_memory_size(const struct script *script);
/* The most it held. */
size_t script_memory_most(const struct script *script);
/* What nodes cost that run functions of the script, in the order of their first calls. Time is
 * counted in ticks of the watchdog: short calls add up as rarely as they are met by one. */
size_t script_usage_count(const struct script *script);
const struct node_usage *script_usage_at(const struct script *script, size_t index);
/* Does a step of garbage collection; for idle moments. */
void script_collect(struct script *script);
