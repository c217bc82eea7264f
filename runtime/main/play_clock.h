/* The decisions about time that an application took (runtime/task/task_clock.h), read from its
 * topic APP-clock and given to the driver of a play, so that windows close where they did.
 *
 * A decision lies in a slice when none of its places is behind the end, and not all are before the
 * start. Its places in topics that the application writes itself are counted: how many records
 * are before them, those of before the slice not included, since a play gives them other offsets.
 *
 * Thread: the main thread. Turns the loop inside its call. */
#pragma once

#include "runtime/main/play.h"

/* Adds those of the slice, whose first record has this time: COMMAND_OK, or an exit code after a
 * complaint. The driver has started. */
must_use int play_clock_read(struct play *play, const struct play_slice *slice, int64_t first_ms);
