/* Topics that an application may write without its plan saying so, as far as its script tells.
 *
 * The words of the script are read, as Lua reads them: `emit("alerts", …)` is an output; another
 * string that is the name of a topic of the cluster may be one, by a variable; any other use of
 * emit, and any plugin, may write to topics that nobody can know before.
 *
 * Thread: the main thread. */
#pragma once

#include "runtime/app/app_bundle.h"
#include "runtime/main/play.h"

struct metadata_response;

/* Fills what a play knows of emit; its plan is read and its other outputs are found. */
void play_emits_find(struct play *play, const struct app_bundle *files,
                     const struct metadata_response *metadata);
