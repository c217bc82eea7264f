/* Values of options that change. Inside log/controller.
 *
 * Owns:   nothing.
 * Thread: the broker shard. */
#pragma once

#include "log/controller/decision.h"

extern const struct decision_kind alteration_kind; /* struct controller_alter_configs */
