/* A kind of transform with its options: what a plan knows of a step that a plugin does.
 *
 * Owns:   the library, the options, copies of the names of stores.
 * Keeps:  the stores that the kind needs are there; options are well-formed and fit together.
 * Thread: any, one at a time; read-only once it is open. */
#pragma once

#include "log/base/report.h"
#include "runtime/plugin/plugin_options.h"
#include "runtime/topology/topology.h"

struct transform;

struct transform_options {
    const char *name; /* of the plugin and of its kind */
    const struct plugin_setting *settings;
    size_t setting_count;
    const char *const *aliases; /* of the stores: what the plugin asks for ... */
    const char *const *stores;  /* ... and their names in the topology */
    size_t store_count;
    const struct value_format *format; /* of what it forwards; NULL: the given record's */
};

/* Loads NAME.so from the first directory that has it. */
must_use int transform_open(const char *const *directories, size_t directory_count,
                            const struct transform_options *options, struct transform **out,
                            struct report *report);
/* Its nodes must be freed. NULL is fine. */
void transform_close(struct transform *transform);

/* Fills what a plan knows of the step: timers, maker, owner (freed with the plan), key. Views live
 * as long as the transform, which belongs to the plan from the call of topology_add_node on. */
void transform_describe(struct transform *transform, struct topology_node *out);

const struct tidemill_kind *transform_kind(const struct transform *transform);
const struct tidemill_option_value *transform_values(const struct transform *transform);
const struct value_format *transform_format(const struct transform *transform);
size_t transform_store_count(const struct transform *transform);
/* The store's name in the topology; the plugin's name for it in `alias`. */
const char *transform_store(const struct transform *transform, size_t index, const char **alias);
