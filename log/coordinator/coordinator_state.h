/* What the files of this folder share of the coordinator; see coordinator.h for the face.
 * Thread: the coordinator's shard. */
#pragma once

#include "log/base/map.h"
#include "log/coordinator/coordinator.h"
#include "log/coordinator/group.h"
#include "log/coordinator/group_log.h"

struct coordinator {
    struct io *io;
    struct coordinator_options options;
    const struct coordinator_events *events;
    void *owner;
    struct map groups; /* id -> struct group */
    bool *is_loaded;   /* per partition */
    bool is_stopped;
    struct io_timer expiry_timer;
    int64_t rebalance_count;
};

/* 0 with *out NULL or the group; ERROR_INVALID_GROUP_ID, ERROR_COORDINATOR_LOAD_IN_PROGRESS or
 * ERROR_COORDINATOR_NOT_AVAILABLE. */
must_use int coordinator_find(struct coordinator *coordinator, struct bytes id, struct group **out);
struct group *coordinator_make(struct coordinator *coordinator, struct bytes id);
void coordinator_forget(struct coordinator *coordinator, struct group *group);
