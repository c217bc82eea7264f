/* Transactional ids by partition, and what becomes of their records; see transactor.h. */
#include "log/coordinator/transactor.h"

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/transactor_state.h"

#include <stdlib.h>

enum { TRANSACTOR_ID_SIZE_MAX = INT16_MAX }; /* of a string in the log */

struct transactor_options transactor_options_default(void)
{
    return (struct transactor_options){
        .timeout_max_ms = 900000,
        .abort_check_ms = 10000,
        .expiration_ms = 604800000,
        .expiry_check_ms = 3600000,
        .wait_max_ms = 100,
    };
}

struct journal *transactor_journal(struct transactor *transactor)
{
    return transactor->journal;
}

/* Items -------------------------------------------------------------------------------------- */

struct transactor_item *transactor_find(const struct transactor *transactor, struct bytes id,
                                        int *error)
{
    *error = 0;
    if (id.size == 0 || id.size > TRANSACTOR_ID_SIZE_MAX) {
        *error = ERROR_INVALID_REQUEST;
        return NULL;
    }
    int32_t index = journal_find(transactor->journal, id, error);
    return index < 0 ? NULL
                     : (struct transactor_item *)map_find(&transactor->shelves[index].items, id);
}

static struct transactor_item *transactor_make_item_in(struct transactor *transactor, int32_t index,
                                                       struct bytes id)
{
    struct map *items = &transactor->shelves[index].items;
    struct transactor_item *item = (struct transactor_item *)map_find(items, id);
    if (item == NULL) {
        item = memory_new(struct transactor_item);
        item->transactor = transactor;
        item->partition = index;
        item->transaction = transaction_new(id);
        list_init(&item->markers);
        list_init(&item->waiters);
        map_put(items, id, item);
    }
    return item;
}

struct transactor_item *transactor_make_item(struct transactor *transactor, struct bytes id)
{
    return transactor_make_item_in(transactor, journal_partition_of(transactor->journal, id), id);
}

static void transactor_item_free(struct transactor_item *item, int error)
{
    transactor_forget_markers(item);
    transactor_dismiss(item, error);
    transaction_free(item->transaction);
    free(item);
}

static void transactor_remove(struct transactor_item *item, int error)
{
    map_remove(&item->transactor->shelves[item->partition].items, item->transaction->id);
    transactor_item_free(item, error);
}

void transactor_release(struct transactor_item *item)
{
    if (item->transaction->is_new && !item->transaction->is_pending) {
        transactor_remove(item, ERROR_INVALID_PRODUCER_ID_MAPPING);
    }
}

/* Records ------------------------------------------------------------------------------------ */

static void transactor_on_resize(void *owner, int32_t count)
{
    struct transactor *transactor = (struct transactor *)owner;
    for (int32_t i = 0; i < transactor->shelf_count; i++) {
        map_fini(&transactor->shelves[i].items, NULL);
    }
    free(transactor->shelves);
    transactor->shelves =
        (struct transactor_shelf *)memory_zero((size_t)count, sizeof *transactor->shelves);
    for (int32_t i = 0; i < count; i++) {
        map_init(&transactor->shelves[i].items);
    }
    transactor->shelf_count = count;
}

static int transactor_use_record(struct transactor *transactor, int32_t index, struct bytes id,
                                 const struct transaction_log_value *value)
{
    struct map *items = &transactor->shelves[index].items;
    struct transactor_item *item = (struct transactor_item *)map_find(items, id);
    bool is_tombstone = value->producer_id < 0;
    if (is_tombstone) {
        if (item != NULL) {
            transactor_remove(item, ERROR_INVALID_PRODUCER_ID_MAPPING);
        }
        return 0;
    }
    item = transactor_make_item_in(transactor, index, id);
    int error = transaction_apply(item->transaction, value,
                                  journal_status(transactor->journal, index) == JOURNAL_LOADING);
    if (error != 0) {
        transactor_release(item);
    }
    return error;
}

/* Records of unknown kinds are skipped, and those of ids that live elsewhere by now. */
static int transactor_apply_record(void *owner, int32_t index, const struct batch *batch,
                                   const struct batch_record *record)
{
    struct transactor *transactor = (struct transactor *)owner;
    struct transaction_log_value value;
    struct bytes id;
    struct arena arena;
    bool is_known = false;
    if (batch_is_control(batch)) {
        return 0;
    }
    arena_init(&arena, 0);
    int error = transaction_log_read(record, &arena, &id, &value, &is_known);
    if (error == 0 && is_known && journal_partition_of(transactor->journal, id) == index) {
        error = transactor_use_record(transactor, index, id, &value);
    }
    arena_fini(&arena);
    return error;
}

static void transactor_lose_record(void *owner, int32_t index, const struct batch *batch,
                                   const struct batch_record *record)
{
    /* transactor_on_written knows which item the record was for. */
    (void)owner;
    (void)index;
    (void)batch;
    (void)record;
}

static void transactor_on_settled(void *owner, int32_t index, struct bytes name)
{
    (void)owner;
    (void)index;
    (void)name;
}

static void transactor_on_loaded(void *owner, int32_t index)
{
    struct transactor *transactor = (struct transactor *)owner;
    struct map *items = &transactor->shelves[index].items;
    trace(TRACE_INFO, "transactor.partition_loaded", TRACE_INT("partition", index),
          TRACE_INT("ids", (int64_t)items->size));
    for (map_each (items, entry)) {
        transactor_mark((struct transactor_item *)entry->value);
    }
}

static void transactor_on_left(void *owner, int32_t index, int error)
{
    struct transactor *transactor = (struct transactor *)owner;
    struct map *items = &transactor->shelves[index].items;
    for (map_each (items, entry)) {
        transactor_item_free((struct transactor_item *)entry->value, error);
    }
    map_fini(items, NULL);
    map_init(items);
}

static const struct journal_keeper transactor_keeper = {
    .resize = transactor_on_resize,
    .apply = transactor_apply_record,
    .lose = transactor_lose_record,
    .settled = transactor_on_settled,
    .loaded = transactor_on_loaded,
    .left = transactor_on_left,
};

static void transactor_on_written(void *owner, void *written, int error)
{
    struct transactor *transactor = (struct transactor *)owner;
    struct transactor_write *write = (struct transactor_write *)written;
    int find_error = 0;
    struct transactor_item *item = transactor_find(transactor, write->id, &find_error);
    if (item != NULL && error != 0) {
        transaction_give_up(item->transaction);
    }
    if (write->done != NULL) {
        write->done(transactor, write, item, journal_translate(error, ERROR_UNKNOWN_SERVER));
    }
    if (item != NULL) {
        transactor_mark(item);
        transactor_wake(item);
        transactor_release(item);
    }
    bytes_free(write->id);
    free(write);
}

static void transactor_append(struct transactor_item *item, struct batch_builder *builder,
                              struct transactor_write *write)
{
    write->id = bytes_copy(item->transaction->id);
    journal_write(item->transactor->journal, item->partition, item->transaction->id, builder,
                  transactor_on_written, write);
    batch_builder_fini(builder);
}

void transactor_write_step(struct transactor_item *item, struct transaction_step *step,
                           void (*done)(struct transactor *transactor,
                                        struct transactor_write *write,
                                        struct transactor_item *item, int error),
                           void *request)
{
    struct batch_builder builder;
    struct transactor_write *write = memory_new(struct transactor_write);
    batch_builder_init(&builder, COMPRESS_NONE);
    transaction_log_write(&builder, step->next.last_update_ms, item->transaction->id, &step->next);
    write->done = done;
    write->request = request;
    write->producer_id = step->next.producer_id;
    write->producer_epoch = step->next.producer_epoch;
    transaction_expect(item->transaction, step);
    transaction_step_fini(step);
    transactor_append(item, &builder, write);
}

void transactor_write_tombstone(struct transactor_item *item)
{
    struct batch_builder builder;
    struct transaction_step step = {.state = TRANSACTION_DEAD,
                                    .last_epoch = item->transaction->last_epoch};
    batch_builder_init(&builder, COMPRESS_NONE);
    transaction_log_write_tombstone(&builder, io_wall_clock(item->transactor->io),
                                    item->transaction->id);
    transaction_expect(item->transaction, &step);
    transactor_append(item, &builder, memory_new(struct transactor_write));
}

/* Life --------------------------------------------------------------------------------------- */

struct transactor *transactor_new(struct io *io, const struct transactor_options *options,
                                  const struct transactor_events *events, void *owner)
{
    struct transactor *transactor = memory_new(struct transactor);
    transactor->io = io;
    transactor->options = *options;
    transactor->events = events;
    transactor->owner = owner;
    transactor->outbox = outbox_new(io);
    transactor->journal = journal_new(&transactor_keeper, transactor, events->append, owner);
    list_init(&transactor->errands);
    transactor_start_clock(transactor);
    return transactor;
}

void transactor_stop(struct transactor *transactor)
{
    transactor_stop_clock(transactor);
    journal_stop(transactor->journal);
    transactor_end_errands(transactor, ERROR_COORDINATOR_NOT_AVAILABLE);
}

void transactor_free(struct transactor *transactor)
{
    if (transactor == NULL) {
        return;
    }
    transactor_stop(transactor);
    journal_free(transactor->journal);
    outbox_free(transactor->outbox);
    free(transactor->shelves);
    free(transactor);
}

/* Looking ------------------------------------------------------------------------------------ */

void transactor_read_stats(const struct transactor *transactor, struct transactor_stats *out)
{
    *out = transactor->stats;
    for (int32_t i = 0; i < transactor->shelf_count; i++) {
        for (map_each (&transactor->shelves[i].items, entry)) {
            const struct transactor_item *item = (const struct transactor_item *)entry->value;
            out->id_count++;
            out->ongoing_count += item->transaction->value.state == TRANSACTION_ONGOING;
        }
    }
}

static int transactor_compare(const void *left, const void *right)
{
    const struct transactor_item *a = *(struct transactor_item *const *)left;
    const struct transactor_item *b = *(struct transactor_item *const *)right;
    return bytes_compare(a->transaction->id, b->transaction->id);
}

void transactor_print(const struct transactor *transactor, int32_t index, struct buffer *out)
{
    const struct map *items = &transactor->shelves[index].items;
    struct transactor_item **sorted =
        (struct transactor_item **)memory_zero(items->size + 1, sizeof(struct transactor_item *));
    size_t count = 0;
    for (map_each (items, entry)) {
        sorted[count++] = (struct transactor_item *)entry->value;
    }
    qsort(sorted, count, sizeof(struct transactor_item *), transactor_compare);
    for (size_t i = 0; i < count; i++) {
        if (!sorted[i]->transaction->is_new) {
            transaction_print(sorted[i]->transaction, out);
        }
    }
    free(sorted);
}

static void transactor_ignore_marker(void *owner, int32_t state_partition,
                                     struct transactor_marker *marker)
{
    (void)owner;
    (void)state_partition;
    (void)marker;
}

void transactor_check_replay(const struct transactor *transactor, int32_t index,
                             struct bytes committed)
{
    static const struct transactor_events nothing = {.write_marker = transactor_ignore_marker};
    struct buffer live;
    struct buffer replayed;
    buffer_init(&live);
    buffer_init(&replayed);
    struct transactor *other = transactor_new(transactor->io, &transactor->options, &nothing, NULL);
    journal_set_partition_count(other->journal, transactor->shelf_count);
    journal_load_start(other->journal, index);
    int error = journal_load_batch(other->journal, index, committed);
    check(error == 0);
    transactor_print(transactor, index, &live);
    transactor_print(other, index, &replayed);
    check(bytes_equal(buffer_bytes(&live), buffer_bytes(&replayed))); /* (1) */
    transactor_free(other);
    buffer_fini(&live);
    buffer_fini(&replayed);
}

void transactor_check(const struct transactor *transactor)
{
    for (int32_t i = 0; i < transactor->shelf_count; i++) {
        enum journal_status status = journal_status(transactor->journal, i);
        const struct map *items = &transactor->shelves[i].items;
        check(status != JOURNAL_AWAY || items->size == 0);
        for (map_each (items, entry)) {
            const struct transactor_item *item = (const struct transactor_item *)entry->value;
            const struct transaction *transaction = item->transaction;
            check(journal_partition_of(transactor->journal, transaction->id) == i);
            transaction_check(transaction);
            check(list_is_empty(&item->markers) || transaction_is_decided(transaction));
            check(list_is_empty(&item->markers) || !transaction->is_pending);
            check(list_is_empty(&item->waiters) || transaction->is_pending ||
                  transaction_is_decided(transaction));
        }
    }
    journal_check(transactor->journal);
}
