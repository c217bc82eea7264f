/* The step that marks the records of one stream among several that go into one aggregate.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_step.h"

extern const struct plan_step plan_lane_steps[];
