/* The node where records of a topic enter a topology: it says how values are read, and takes the
 * record's time from the value if the plan says so.
 *
 * Records of an internal topic carry the format of their value in a header, which ends here.
 * Thread: the task's shard. */
#pragma once

#include "runtime/topology/node.h"

struct inlet_options {
    enum value_format value_format;
    const char *time_path; /* judged before; or NULL */
    bool is_internal;
};

#define INLET_FORMAT_HEADER BYTES_LITERAL("tidemill.value")

struct node *inlet_new(const char *name, const struct inlet_options *options);
