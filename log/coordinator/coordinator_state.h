/* The inside of the coordinator, shared by its files. Inside log/coordinator.
 *
 * Owns:   partitions with their groups, the row of writes of each, the answers on their way.
 * Keeps:  (1) a group is in the partition its name hashes to;
 *         (2) the writes of a partition are settled in the order in which they were made.
 * Thread: the broker shard. */
#pragma once

#include "log/coordinator/group.h"

enum coordinator_status { COORDINATOR_AWAY, COORDINATOR_LOADING, COORDINATOR_ACTIVE };

struct coordinator_partition {
    enum coordinator_status status;
    struct map groups;  /* id to struct group * */
    struct list writes; /* struct coordinator_write, in the order of their appends */
};

/* Answers on their way; outlives the coordinator. */
struct coordinator_outbox {
    struct io_request request;
    struct list requests;
    bool is_posted;
    bool is_orphan; /* the coordinator is gone: free it when it is empty */
};

struct coordinator {
    struct group_host host; /* first: the host is the coordinator */
    const struct coordinator_events *events;
    void *owner;
    struct coordinator_partition *partitions;
    int32_t partition_count;
    bool is_stopped;
    struct coordinator_outbox *outbox;
    struct io_timer expiry_timer;
    int64_t expired_offset_count;
};

static inline struct coordinator *coordinator_of(struct group_host *host)
{
    return (struct coordinator *)(void *)host;
}

/* The partition of a group if it can be asked now; else NULL and NOT_COORDINATOR,
 * COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE or INVALID_GROUP_ID. */
struct coordinator_partition *coordinator_find_partition(struct coordinator *coordinator,
                                                         struct bytes group_id, int *error);
struct coordinator_partition *coordinator_get_partition(struct coordinator *coordinator,
                                                        int32_t index);
struct group *coordinator_make_group(struct coordinator *coordinator,
                                     struct coordinator_partition *partition, struct bytes id);
/* Forgets a group that is bare. */
void coordinator_release_group(struct coordinator_partition *partition, struct group *group);

/* coordinator_log.c */
/* What was committed becomes state. ERROR_CORRUPT or ERROR_INVALID_RECORD. */
must_use int coordinator_apply_batches(struct coordinator *coordinator,
                                       struct coordinator_partition *partition,
                                       struct bytes batches);
/* The host's `write`. */
void coordinator_write_batch(struct group_host *host, struct bytes group_id,
                             struct batch_builder *builder, struct group_write *group_write);
/* Writes under way come back some day and find nobody; who made them is told now. */
void coordinator_forsake_writes(struct coordinator *coordinator,
                                struct coordinator_partition *partition, int error);
/* Asserts (2) of what is under way. */
void coordinator_check_writes(const struct coordinator_partition *partition);
/* Writes tombstones for the entries that `is_chosen` chooses, and for the group itself if wanted.
 * Chosen entries are doomed. `write` comes with the last batch; without any record it is settled on
 * no account: false is returned. */
bool coordinator_write_tombstones(struct coordinator *coordinator, struct group *group,
                                  bool (*is_chosen)(void *owner,
                                                    const struct offset_table_entry *entry),
                                  void *owner, bool has_group, struct group_write *write);

/* coordinator_expiry.c */
void coordinator_start_expiry(struct coordinator *coordinator);
