/* Replicas as people write them, "1:2,2:3": a list for each partition, whose first is its leader.
 *
 * Owns:   nothing; the lists live in the errand's arena.
 * Thread: the main thread. */
#pragma once

#include "runtime/cli/errand.h"

struct replica_list {
    int32_t *nodes;
    int32_t count;
};

struct replica_list_set {
    struct replica_list *items; /* by partition */
    int32_t count;
};

/* COMMAND_OK, or COMMAND_MISUSED after a complaint about the value of `flag`. */
must_use int replica_list_read(struct errand *errand, const char *flag, const char *text,
                               struct replica_list_set *out);
