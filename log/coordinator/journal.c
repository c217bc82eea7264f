/* Partitions, their loading, and writes in order; see journal.h.
 *
 * A write keeps its batch until it is committed, and then applies the very records it wrote, with
 * the function that loading uses. */
#include "log/coordinator/journal.h"

#include "log/base/error.h"
#include "log/base/hash.h"
#include "log/base/memory.h"
#include "log/base/trace.h"

#include <stdlib.h>

enum { JOURNAL_BATCH_SIZE_MAX = 256 << 20 };

struct journal_partition {
    enum journal_status status;
    struct list writes; /* struct journal_write, in the order of their appends */
};

struct journal {
    const struct journal_keeper *keeper;
    void *keeper_owner;
    journal_append_function *append;
    void *append_owner;
    struct journal_partition *partitions;
    int32_t partition_count;
    bool is_stopped;
};

/* One batch on its way. */
struct journal_write {
    struct journal_append append;
    struct list_link link;
    struct journal *journal; /* NULL: it lost interest */
    int32_t partition;
    struct buffer batch;
    struct bytes name; /* owned */
    void (*done)(void *keeper_owner, void *write, int error);
    void *write;
    bool is_done;
    int error;
};

/* Partitions --------------------------------------------------------------------------------- */

static struct journal_partition *journal_get(const struct journal *journal, int32_t index)
{
    check(index >= 0 && index < journal->partition_count);
    return &journal->partitions[index];
}

int32_t journal_partition_count(const struct journal *journal)
{
    return journal->partition_count;
}

int32_t journal_partition_of(const struct journal *journal, struct bytes name)
{
    if (journal->partition_count == 0) {
        return -1;
    }
    return (hash_java_string(name) & INT32_MAX) % journal->partition_count;
}

enum journal_status journal_status(const struct journal *journal, int32_t partition)
{
    return journal_get(journal, partition)->status;
}

int32_t journal_find(const struct journal *journal, struct bytes name, int *error)
{
    int32_t index = journal_partition_of(journal, name);
    *error = 0;
    if (index < 0 || journal->is_stopped) {
        *error = ERROR_COORDINATOR_NOT_AVAILABLE;
        return -1;
    }
    switch (journal->partitions[index].status) {
    case JOURNAL_AWAY:
        *error = ERROR_NOT_COORDINATOR;
        return -1;
    case JOURNAL_LOADING:
        *error = ERROR_COORDINATOR_LOAD_IN_PROGRESS;
        return -1;
    case JOURNAL_ACTIVE:
        break;
    }
    return index;
}

static void journal_free_partitions(struct journal *journal)
{
    for (int32_t i = 0; i < journal->partition_count; i++) {
        /* Names would live elsewhere afterwards; and the lists' heads must not move. */
        check(journal->partitions[i].status == JOURNAL_AWAY);
        check(list_is_empty(&journal->partitions[i].writes));
    }
    free(journal->partitions);
    journal->partitions = NULL;
    journal->partition_count = 0;
}

void journal_set_partition_count(struct journal *journal, int32_t count)
{
    check(count >= 0);
    if (count == journal->partition_count) {
        return;
    }
    journal_free_partitions(journal);
    journal->partitions =
        (struct journal_partition *)memory_zero((size_t)count, sizeof *journal->partitions);
    for (int32_t i = 0; i < count; i++) {
        list_init(&journal->partitions[i].writes);
    }
    journal->partition_count = count;
    journal->keeper->resize(journal->keeper_owner, count);
}

struct journal *journal_new(const struct journal_keeper *keeper, void *keeper_owner,
                            journal_append_function *append, void *append_owner)
{
    struct journal *journal = memory_new(struct journal);
    journal->keeper = keeper;
    journal->keeper_owner = keeper_owner;
    journal->append = append;
    journal->append_owner = append_owner;
    return journal;
}

void journal_free(struct journal *journal)
{
    journal_stop(journal);
    journal_set_partition_count(journal, 0);
    free(journal->partitions);
    free(journal);
}

/* Reading ------------------------------------------------------------------------------------ */

/* With `is_lost` the records were refused by the log. */
static int journal_use_batch(struct journal *journal, int32_t partition, const struct batch *batch,
                             bool is_lost)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int error = batch_iterator_open(&iterator, batch, JOURNAL_BATCH_SIZE_MAX);
    if (error != 0) {
        return error;
    }
    int state = 0;
    while (error == 0 && (state = batch_iterator_next(&iterator, &record)) == 1) {
        if (is_lost) {
            journal->keeper->lose(journal->keeper_owner, partition, batch, &record);
        } else {
            error = journal->keeper->apply(journal->keeper_owner, partition, batch, &record);
        }
    }
    batch_iterator_close(&iterator);
    return error != 0 ? error : state;
}

static int journal_use_bytes(struct journal *journal, int32_t partition, struct bytes bytes,
                             bool is_lost)
{
    while (bytes.size > 0) {
        struct batch batch;
        int error = batch_read_header(bytes, &batch, NULL);
        if (error == 0) {
            error = journal_use_batch(journal, partition, &batch, is_lost);
        }
        if (error != 0) {
            return error == ERROR_TRUNCATED ? ERROR_CORRUPT : error;
        }
        bytes = bytes_make(bytes.data + batch.bytes.size, bytes.size - batch.bytes.size);
    }
    return 0;
}

void journal_load_start(struct journal *journal, int32_t index)
{
    struct journal_partition *partition = journal_get(journal, index);
    check(partition->status == JOURNAL_AWAY);
    check(!journal->is_stopped);
    partition->status = JOURNAL_LOADING;
}

int journal_load_batch(struct journal *journal, int32_t index, struct bytes batches)
{
    check(journal_get(journal, index)->status == JOURNAL_LOADING);
    return journal_use_bytes(journal, index, batches, false);
}

void journal_load_end(struct journal *journal, int32_t index)
{
    struct journal_partition *partition = journal_get(journal, index);
    check(partition->status == JOURNAL_LOADING);
    partition->status = JOURNAL_ACTIVE;
    journal->keeper->loaded(journal->keeper_owner, index);
}

/* Writes ------------------------------------------------------------------------------------- */

static void journal_write_free(struct journal_write *write)
{
    list_remove(&write->link);
    buffer_fini(&write->batch);
    bytes_free(write->name);
    free(write);
}

/* Applies and tells whoever wrote. */
static void journal_settle(struct journal *journal, struct journal_write *write)
{
    int error = journal_use_bytes(journal, write->partition, buffer_bytes(&write->batch),
                                  write->error != 0);
    check(error == 0); /* we wrote it */
    journal->keeper->settled(journal->keeper_owner, write->partition, write->name);
    if (write->done != NULL) {
        write->done(journal->keeper_owner, write->write, write->error);
    }
    journal_write_free(write);
}

static void journal_on_appended(struct journal_append *append, int error)
{
    struct journal_write *write = (struct journal_write *)append->owner;
    struct journal *journal = write->journal;
    if (journal == NULL) {
        journal_write_free(write); /* (3) */
        return;
    }
    write->is_done = true;
    write->error = error;
    if (error != 0) {
        trace(TRACE_WARN, "coordinator.write_failed", TRACE_BYTES("name", write->name),
              TRACE_STRING("error", error_name(error)));
    }
    struct list *writes = &journal_get(journal, write->partition)->writes;
    while (!list_is_empty(writes)) {
        struct journal_write *first = list_member(writes->head.next, struct journal_write, link);
        if (!first->is_done) {
            return;
        }
        journal_settle(journal, first); /* (1) */
    }
}

void journal_write(struct journal *journal, int32_t index, struct bytes name,
                   struct batch_builder *builder,
                   void (*done)(void *keeper_owner, void *write, int error), void *owner)
{
    struct journal_partition *partition = journal_get(journal, index);
    struct journal_write *write = memory_new(struct journal_write);
    check(partition->status == JOURNAL_ACTIVE);
    write->append = (struct journal_append){.done = journal_on_appended, .owner = write};
    write->journal = journal;
    write->partition = index;
    write->name = bytes_is_null(name) ? name : bytes_copy(name);
    write->done = done;
    write->write = owner;
    buffer_init(&write->batch);
    int error = batch_builder_take(builder, &write->batch);
    check(error == 0);
    list_add(&partition->writes, &write->link);
    journal->append(journal->append_owner, index, &write->append, write->batch.data,
                    write->batch.size);
}

/* Writes under way come back some day and find nobody; who made them is told now. */
static void journal_forsake(struct journal *journal, struct journal_partition *partition, int error)
{
    struct list_link *link;
    while ((link = list_take(&partition->writes)) != NULL) {
        struct journal_write *write = list_member(link, struct journal_write, link);
        write->journal = NULL;
        journal->keeper->settled(journal->keeper_owner, write->partition, write->name);
        if (write->done != NULL) {
            write->done(journal->keeper_owner, write->write, error);
        }
        if (write->is_done) {
            journal_write_free(write);
        }
    }
}

static void journal_leave(struct journal *journal, int32_t index, int error)
{
    struct journal_partition *partition = journal_get(journal, index);
    partition->status = JOURNAL_AWAY;
    journal_forsake(journal, partition, error);
    journal->keeper->left(journal->keeper_owner, index, error);
}

void journal_unload(struct journal *journal, int32_t index)
{
    journal_leave(journal, index, ERROR_NOT_COORDINATOR);
}

void journal_stop(struct journal *journal)
{
    if (journal->is_stopped) {
        return;
    }
    journal->is_stopped = true;
    for (int32_t i = 0; i < journal->partition_count; i++) {
        journal_leave(journal, i, ERROR_COORDINATOR_NOT_AVAILABLE);
    }
}

int journal_translate(int error, int too_large)
{
    switch (error) {
    case 0:
    case ERROR_INVALID_PRODUCER_EPOCH:
        return error;
    case ERROR_NOT_LEADER:
    case ERROR_NOT_FOUND:
    case ERROR_FENCED_LEADER_EPOCH:
    case ERROR_NOT_COORDINATOR: /* the partition was left */
        return ERROR_NOT_COORDINATOR;
    case ERROR_MESSAGE_TOO_LARGE:
    case ERROR_RECORD_LIST_TOO_LARGE:
        return too_large;
    }
    return ERROR_COORDINATOR_NOT_AVAILABLE;
}

void journal_check(const struct journal *journal)
{
    for (int32_t i = 0; i < journal->partition_count; i++) {
        const struct list *writes = &journal->partitions[i].writes;
        check(journal->partitions[i].status == JOURNAL_ACTIVE || list_is_empty(writes));
        if (!list_is_empty(writes)) {
            /* Whatever is done already waits for something before it. */
            check(!list_member(writes->head.next, struct journal_write, link)->is_done);
        }
    }
}
