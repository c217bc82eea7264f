/* The node where records leave a topology for a topic, in the format, under the key and for the
 * partition that the plan says.
 *
 * A key with a window is written as the JSON array [key, start, end], where the key is itself if it
 * is a JSON array (of a grouping by several paths) and a string otherwise; the partition is that of
 * the key alone. A change is written as its new value.
 *
 * A value is written as it is unless a format is asked for: JSON of a string value is the quoted
 * string, text of a JSON string is its content.
 * Thread: the task's shard. */
#pragma once

#include "runtime/topology/node.h"

struct outlet_options {
    const char *topic;
    bool has_value_format;
    const struct value_format *value_format;
    const char *key_path; /* judged before; NULL: the record's key */
    int32_t partition;    /* -1: the key decides */
    bool is_internal;     /* to a repartition topic: the format travels in a header */
};

struct node *outlet_new(const char *name, const struct outlet_options *options);

/* `record` with its value in another format, or an error with the context filled; `node` is whose
 * failure it is. What is new lies in the context's arena. */
must_use int outlet_convert(struct node *node, struct node_context *context,
                            const struct value_format *value_format, struct record *record);
/* The same in a format that its name alone tells: JSON if it is another. So can be written what
 * comes back without its plan: into stores, and into topics between parts. */
must_use int outlet_make_plain(struct node *node, struct node_context *context,
                               struct record *record);
