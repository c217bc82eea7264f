/* Offsets that a transaction commits wait for its marker; see coordinator.h and offset_table.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/coordinator_state.h"

#include <stdlib.h>

/* Which groups a producer's open transaction has offsets of. */
struct coordinator_producer {
    struct map groups; /* by id; the value only says that it is there */
};

static struct bytes coordinator_producer_key(const int64_t *producer_id)
{
    return bytes_make(producer_id, sizeof *producer_id);
}

static void coordinator_producer_free(void *value)
{
    struct coordinator_producer *producer = (struct coordinator_producer *)value;
    map_fini(&producer->groups, NULL);
    free(producer);
}

void coordinator_stage_offset(struct coordinator_partition *partition, struct group *group,
                              const struct group_log_record *record, int64_t producer_id)
{
    struct bytes key = coordinator_producer_key(&producer_id);
    struct coordinator_producer *producer =
        (struct coordinator_producer *)map_find(&partition->producers, key);
    if (producer == NULL) {
        producer = memory_new(struct coordinator_producer);
        map_init(&producer->groups);
        map_put(&partition->producers, key, producer);
    }
    map_put(&producer->groups, record->group, producer);
    offset_table_stage(&group->offsets, record->topic, record->partition, &record->offset,
                       partition->record_count, producer_id);
}

void coordinator_end_transaction(struct coordinator_partition *partition, int64_t producer_id,
                                 bool is_commit)
{
    struct coordinator_producer *producer = (struct coordinator_producer *)map_remove(
        &partition->producers, coordinator_producer_key(&producer_id));
    if (producer == NULL) {
        return;
    }
    for (map_each (&producer->groups, entry)) {
        struct group *group = (struct group *)map_find(&partition->groups, entry->key);
        if (group != NULL) {
            offset_table_end(&group->offsets, producer_id, is_commit);
            coordinator_release_group(partition, group);
        }
    }
    coordinator_producer_free(producer);
}

void coordinator_forget_producers(struct coordinator_partition *partition)
{
    map_fini(&partition->producers, coordinator_producer_free);
    map_init(&partition->producers);
}

/* Markers ------------------------------------------------------------------------------------ */

struct coordinator_marking {
    void (*done)(void *owner, int error);
    void *owner;
};

static void coordinator_on_marked(void *keeper_owner, void *write, int error)
{
    struct coordinator_marking *marking = (struct coordinator_marking *)write;
    (void)keeper_owner;
    marking->done(marking->owner, error);
    free(marking);
}

int coordinator_write_marker(struct coordinator *coordinator, int32_t index,
                             const struct coordinator_marker *marker,
                             void (*done)(void *owner, int error), void *owner)
{
    if (index < 0 || index >= coordinator->partition_count) {
        return ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    }
    if (journal_status(coordinator->journal, index) != JOURNAL_ACTIVE) {
        return ERROR_COORDINATOR_LOAD_IN_PROGRESS;
    }
    struct coordinator_marking *marking = memory_new(struct coordinator_marking);
    marking->done = done;
    marking->owner = owner;
    struct batch_builder builder;
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.producer_id = marker->producer_id;
    builder.producer_epoch = marker->producer_epoch;
    batch_builder_add_marker(&builder, io_wall_clock(coordinator->host.io), marker->is_commit,
                             marker->coordinator_epoch);
    journal_write(coordinator->journal, index, (struct bytes){0}, &builder, coordinator_on_marked,
                  marking);
    batch_builder_fini(&builder);
    return 0;
}
