/* Steps that keep something: processors and aggregates.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_step.h"

extern const struct plan_step plan_state_steps[];
