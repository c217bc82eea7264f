/* Topics that are deleted. Inside log/controller.
 *
 * Owns:   nothing.
 * Thread: the broker shard. */
#pragma once

#include "log/controller/decision.h"

extern const struct decision_kind removal_kind; /* struct controller_delete_topics */
