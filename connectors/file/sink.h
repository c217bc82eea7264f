/* The file sink: writes records to files, exactly once.
 *
 * Thread: the task's. */
#pragma once

#include "runtime/plugin/tidemill.h"

extern const struct tidemill_kind sink_kind;
