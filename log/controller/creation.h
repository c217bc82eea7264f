/* Topics and partitions that come into being. Inside log/controller.
 *
 * Owns:   nothing.
 * Thread: the broker shard. */
#pragma once

#include "log/controller/decision.h"

extern const struct decision_kind creation_kind; /* struct controller_create_topics */
