/* Steps that a plugin does; who opens the script knows plugins.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_step.h"

extern const struct plan_step plan_plugin_steps[];
