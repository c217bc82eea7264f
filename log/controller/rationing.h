/* Client quotas that change. Inside log/controller.
 *
 * Owns:   nothing.
 * Thread: the broker shard. */
#pragma once

#include "log/controller/decision.h"

extern const struct decision_kind rationing_kind; /* struct controller_alter_quotas */
