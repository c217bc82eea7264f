/* The inside of the coordinator, shared by its files. Inside log/coordinator.
 *
 * Owns:   the groups of each partition.
 * Keeps:  a group is in the partition its name hashes to.
 * Thread: the broker shard. */
#pragma once

#include "log/coordinator/group.h"
#include "log/coordinator/outbox.h"

struct coordinator_partition {
    struct map groups;    /* id to struct group * */
    struct map producers; /* with open transactions here: id to struct coordinator_producer * */
    int64_t record_count; /* applied so far: the order of the next one */
};

struct coordinator {
    struct group_host host; /* first: the host is the coordinator */
    char *assignors;        /* of the host's options */
    const struct coordinator_events *events;
    void *owner;
    struct journal *journal;
    struct coordinator_partition *partitions;
    int32_t partition_count;
    struct outbox *outbox;
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
struct group *coordinator_make_group(struct coordinator *coordinator,
                                     struct coordinator_partition *partition, struct bytes id);
/* Forgets a group that is bare. */
void coordinator_release_group(struct coordinator_partition *partition, struct group *group);

/* coordinator_log.c: what the journal's keeper does */
int coordinator_apply_record(void *owner, int32_t index, const struct batch *batch,
                             const struct batch_record *record);
void coordinator_lose_record(void *owner, int32_t index, const struct batch *batch,
                             const struct batch_record *record);
void coordinator_on_settled(void *owner, int32_t index, struct bytes group_id);
/* The host's `write`. */
void coordinator_write_batch(struct group_host *host, struct bytes group_id,
                             struct batch_builder *builder, struct group_write *group_write);
/* Writes tombstones for the entries that `is_chosen` chooses, and for the group itself if wanted.
 * Chosen entries are doomed. `write` comes with the last batch; without any record it is settled on
 * no account: false is returned. */
bool coordinator_write_tombstones(struct coordinator *coordinator, struct group *group,
                                  bool (*is_chosen)(void *owner,
                                                    const struct offset_table_entry *entry),
                                  void *owner, bool has_group, struct group_write *write);

/* coordinator_transactions.c */
/* A committed offset of an open transaction. */
void coordinator_stage_offset(struct coordinator_partition *partition, struct group *group,
                              const struct group_log_record *record, int64_t producer_id);
/* A committed marker. */
void coordinator_end_transaction(struct coordinator_partition *partition, int64_t producer_id,
                                 bool is_commit);
void coordinator_forget_producers(struct coordinator_partition *partition);

/* coordinator_expiry.c */
void coordinator_start_expiry(struct coordinator *coordinator);
