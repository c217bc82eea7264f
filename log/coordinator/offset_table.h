/* The committed offsets of one group. Inside log/coordinator.
 *
 * An entry exists as long as it has a value or a record for it is on its way to the log, so that a
 * deletion can also cover what was appended and not yet applied. What a transaction commits is
 * staged beside the value until its marker comes.
 *
 * Owns:   its entries.
 * Keeps:  (1) an entry has a value, or something staged, or something for it is on its way;
 *         (2) only offset_table_apply and offset_table_end change values;
 *         (3) of two records for an entry the later one in the log wins, whenever the marker of
 *             either comes: that is what compaction leaves;
 *         (4) a tombstone also covers what is staged.
 * Thread: the broker shard. */
#pragma once

#include "log/base/list.h"
#include "log/base/map.h"
#include "log/wire/messages.h"

struct offset_table_value {
    int64_t offset;
    int32_t leader_epoch;
    struct bytes metadata; /* owned */
    int64_t commit_timestamp_ms;
    int64_t expire_timestamp_ms; /* -1: by the group's retention */
    int64_t order;               /* of its record in the log */
};

struct offset_table_entry {
    struct bytes topic; /* owned */
    int32_t partition;
    bool has_value;
    int32_t doomed_count; /* tombstones on their way: hidden */
    int32_t pending_count;
    struct offset_table_value value;
    struct list staged; /* of open transactions, at most one of each producer */
};

struct offset_table {
    struct map entries; /* topic, NUL, partition to struct offset_table_entry * */
};

void offset_table_init(struct offset_table *offsets);
void offset_table_fini(struct offset_table *offsets);
/* NULL when nothing is there. */
struct offset_table_entry *offset_table_find(const struct offset_table *offsets, struct bytes topic,
                                             int32_t partition);
/* The value a reader may see; NULL when there is none. */
const struct offset_table_entry *offset_table_find_value(const struct offset_table *offsets,
                                                         struct bytes topic, int32_t partition);
/* A record for this entry was appended. */
void offset_table_expect(struct offset_table *offsets, struct bytes topic, int32_t partition);
/* That record was committed (and applied), or was lost. */
void offset_table_settle(struct offset_table *offsets, struct bytes topic, int32_t partition);
/* A tombstone for this entry was appended. */
void offset_table_doom(struct offset_table_entry *entry);
/* That tombstone was lost: what it hid is seen again. */
void offset_table_spare(struct offset_table *offsets, struct bytes topic, int32_t partition);
/* A committed record; `value` NULL removes. `order` grows from record to record. */
void offset_table_apply(struct offset_table *offsets, struct bytes topic, int32_t partition,
                        const struct offset_commit_value *value, int64_t order);
/* A committed record of a transaction that is not decided yet. */
void offset_table_stage(struct offset_table *offsets, struct bytes topic, int32_t partition,
                        const struct offset_commit_value *value, int64_t order,
                        int64_t producer_id);
/* The producer's transaction was decided. */
void offset_table_end(struct offset_table *offsets, int64_t producer_id, bool is_commit);
/* Whether a transaction holds this entry. */
bool offset_table_is_unstable(const struct offset_table_entry *entry);
/* When the entry is forgotten, in milliseconds since the epoch; `base_ms` is what its retention is
 * counted from, or -1 for its commit. */
int64_t offset_table_expiry_ms(const struct offset_table_entry *entry, int64_t base_ms,
                               int64_t retention_ms);
/* Appends the values as text, by topic and partition. */
void offset_table_print(const struct offset_table *offsets, struct buffer *out);
void offset_table_check(const struct offset_table *offsets);
