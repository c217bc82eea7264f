/* Steps with windows.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_step.h"

extern const struct plan_step plan_window_steps[];
