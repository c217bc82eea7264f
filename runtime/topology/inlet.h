/* The node where records of a topic enter a topology: it says how values are read, and takes the
 * record's time from the value if the plan says so: a number, or a text by ISO 8601 with its zone.
 *
 * Records of an internal topic carry in headers what a topic cannot hold otherwise: the format of
 * the value, the window of the key, the old value of a change. These headers end here. Thread: the
 * task's shard. */
#pragma once

#include "runtime/topology/node.h"

struct inlet_options {
    const struct value_format *value_format;
    const char *time_path; /* judged before; or NULL */
    int64_t time_scale;    /* so many of the numbers there make a second; 0: 1000 */
    bool is_internal;
};

/* In this order behind all others; the last two only when there is something to say. */
#define INLET_FORMAT_HEADER BYTES_LITERAL("tidemill.value")
#define INLET_WINDOW_HEADER BYTES_LITERAL("tidemill.window") /* start and end, big endian */
#define INLET_OLD_HEADER    BYTES_LITERAL("tidemill.old")    /* null: there was nothing */

struct node *inlet_new(const char *name, const struct inlet_options *options);
/* The time that a record will have behind the inlet: what its value says, read into `decoded`, or
 * its own, also when the value does not say it (then the inlet will refuse the record); -1 when
 * that is impossible. For who decides which record is next. */
int64_t inlet_time(struct node *node, struct decoded *decoded, const struct record *record);
