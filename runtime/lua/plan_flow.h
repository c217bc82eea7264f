/* Steps without state.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_step.h"

extern const struct plan_step plan_flow_steps[];
