/* A node that hands its records to a plugin.
 *
 * What the plugin forwards goes on when its call has returned, as with a function of a script; what
 * it emits and stores is staged as anybody's. RETRY and FATAL end the task, since nothing on its
 * shard may wait.
 * Thread: the task's. */
#pragma once

#include "runtime/transform/transform.h"

struct node *transform_node_new(const char *name, struct transform *transform);
/* What the kind itself says of its options. */
must_use int transform_node_validate(struct transform *transform, struct report *report);
