/* Changes that are held back: emit { every = }.
 * Thread: the script's. */
#pragma once

#include "runtime/lua/plan_step.h"

extern const struct plan_step plan_pace_steps[];
