/* Steps with windows of a number of records.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_step.h"

extern const struct plan_step plan_counted_steps[];
