/* Whose settings: "topic NAME", "broker 1", "broker default", "group NAME", "client-metric NAME".
 *
 * Owns:   nothing.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"

struct config_target {
    int8_t type;      /* as DescribeConfigs numbers resources */
    const char *name; /* "" for all brokers */
    int32_t node;     /* whom to ask: a broker tells of itself */
    bool is_topic;
    int8_t own_source; /* the source of what was set on it */
};

/* The type of "topic", "group" or "client-metric", whose settings are read without naming one; 0:
 * another word. */
int8_t config_target_listed(const char *kind);
/* The first two arguments. */
must_use int config_target_read(struct command_world *world, const struct flag_list *arguments,
                                struct config_target *out);
/* Makes the client know the node; complains of a topic or broker that is not there. */
must_use int config_target_find(struct errand *errand, struct config_target *target);
