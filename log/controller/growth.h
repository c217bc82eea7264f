/* Topics that get more partitions. Inside log/controller.
 *
 * Owns:   nothing.
 * Thread: the broker shard. */
#pragma once

#include "log/controller/decision.h"

extern const struct decision_kind growth_kind; /* struct controller_create_partitions */
