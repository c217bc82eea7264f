/* What becomes of inputs and stores when a plan takes the place of another one of its application.
 *
 *     kept      goes on as it is
 *     new       a store begins empty, an input is read from its start
 *     migrated  its values are made those of the new version when they are read
 *     restored  the contents come from the changelog: the store lives elsewhere from now on
 *     unused    nobody uses it any more; its topic stays
 *     refused   what is kept under the name cannot be read by who uses it now
 *
 * Thread: any. */
#pragma once

#include "runtime/topology/topology.h"

enum topology_fate {
    TOPOLOGY_KEPT,
    TOPOLOGY_NEW,
    TOPOLOGY_MIGRATED,
    TOPOLOGY_RESTORED,
    TOPOLOGY_UNUSED,
    TOPOLOGY_REFUSED,
};

struct topology_change {
    const char *name; /* of a topic or a store */
    bool is_store;
    enum topology_fate fate;
    const char *why; /* "" when there is nothing to say; valid during the call */
};

/* Both plans are finished. Inputs first, then stores, each by name. */
void topology_diff(const struct topology *from, const struct topology *to,
                   void (*each)(void *owner, const struct topology_change *change), void *owner);
/* "kept" */
const char *topology_fate_name(enum topology_fate fate);
