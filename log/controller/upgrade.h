/* Features whose level changes. Inside log/controller.
 *
 * Owns:   nothing.
 * Thread: the broker shard. */
#pragma once

#include "log/controller/decision.h"

extern const struct decision_kind upgrade_kind; /* struct controller_update_features */
