/* What becomes of an application's parts when another version takes its place: of its inputs and
 * stores as topology_diff.h says, and of its connectors.
 *
 *     kept      the same type, topics and options
 *     new       begins where its options say
 *     changed   goes on from its position with other topics or options
 *     removed   runs no more; its position stays, for one of the same name
 *
 * Thread: that of the applications. */
#pragma once

#include "runtime/app/app.h"

struct app_change {
    const char *what; /* "input", "store", "source", "sink" */
    const char *name;
    const char *fate;
    const char *why; /* "" when there is nothing to say; valid during the call */
    bool is_refused;
};

/* Inputs, stores, sources and sinks, each by name. */
void app_change_each(const struct app *from, const struct app *to,
                     void (*each)(void *owner, const struct app_change *change), void *owner);
