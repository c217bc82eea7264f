/* The file source: follows the files of some patterns and emits their lines.
 *
 * Thread: the task's, except for interrupt. */
#pragma once

#include "runtime/plugin/tidemill.h"

extern const struct tidemill_kind source_kind;
