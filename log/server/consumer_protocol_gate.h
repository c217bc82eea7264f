/* Whether consumer groups (KIP-848) are switched on: by the feature group.version, and by
 * group.coordinator.rebalance.protocols.
 *
 * Owns:   nothing.
 * Thread: the server's shard. */
#pragma once

#include "log/base/option.h"
#include "log/meta/meta.h"

static inline bool consumer_protocol_gate_is_open(const struct meta *meta)
{
    return meta_feature_level(meta, "group.version") >= 1 &&
           option_list_has(meta_broker_options(meta)->group_coordinator_rebalance_protocols,
                           "consumer");
}
