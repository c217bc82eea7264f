/* Changes of settings, as people write them: NAME=VALUE to set, NAME to unset, NAME=ITEM for lists.
 *
 * Owns:   nothing.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"

struct config_change {
    int8_t type;      /* as IncrementalAlterConfigs numbers resources: 2 topic, 4 broker */
    const char *name; /* "" for all brokers */
    int32_t target;   /* who is asked */
    struct flag_list set;
    struct flag_list unset;
    struct flag_list append;
    struct flag_list subtract;
    bool is_dry;
};

bool config_change_is_empty(const struct config_change *change);
/* COMMAND_OK, or an exit code after a complaint. */
must_use int config_change_apply(struct errand *errand, const struct config_change *change);
