/* From a decision to its completion: a marker in every partition, durable; see transactor.h.
 *
 * What is not durable is written again, ever more rarely and for ever: a decision is never given
 * up. A partition that is gone needs no marker, nor does one where a larger epoch was seen. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/coordinator/transactor_state.h"

#include <stdlib.h>

enum { TRANSACTOR_RETRY_MS = 100, TRANSACTOR_RETRY_MAX_MS = 5000 };

struct transactor_mark {
    struct transactor_marker marker;
    struct transactor_item *item; /* NULL: nobody waits for it any more */
    struct list_link link;
    struct io_timer timer;
    int64_t delay_ms; /* before the next attempt */
    bool is_under_way;
};

static int64_t transactor_longer(int64_t delay_ms)
{
    return delay_ms * 2 < TRANSACTOR_RETRY_MAX_MS ? delay_ms * 2 : TRANSACTOR_RETRY_MAX_MS;
}

static void transactor_mark_free(struct transactor_mark *mark)
{
    list_remove(&mark->link);
    bytes_free(mark->marker.topic);
    free(mark);
}

static void transactor_send_mark(struct transactor_mark *mark)
{
    struct transactor *transactor = mark->item->transactor;
    mark->is_under_way = true;
    transactor->events->write_marker(transactor->owner, mark->item->partition, &mark->marker);
}

static void transactor_on_mark_timer(struct io_timer *timer)
{
    transactor_send_mark((struct transactor_mark *)timer->owner);
}

/* Completion --------------------------------------------------------------------------------- */

static void transactor_complete(struct transactor_item *item);

static void transactor_on_retry(struct io_timer *timer)
{
    transactor_complete((struct transactor_item *)timer->owner);
}

static void transactor_on_completed(struct transactor *transactor, struct transactor_write *write,
                                    struct transactor_item *item, int error)
{
    (void)write;
    if (item == NULL) {
        return;
    }
    if (error != 0) {
        item->retry_timer = (struct io_timer){.fired = transactor_on_retry, .owner = item};
        io_timer_start(transactor->io, &item->retry_timer, (uint64_t)item->retry_ms * 1000000);
        item->retry_ms = transactor_longer(item->retry_ms);
        return;
    }
    bool is_commit = item->transaction->value.state == TRANSACTION_COMPLETE_COMMIT;
    item->is_marking = false;
    transactor->stats.committed_count += is_commit;
    transactor->stats.aborted_count += !is_commit;
}

static void transactor_complete(struct transactor_item *item)
{
    struct transaction_step step;
    transaction_complete(item->transaction, io_wall_clock(item->transactor->io), &step);
    transactor_write_step(item, &step, transactor_on_completed, NULL);
}

/* Markers ------------------------------------------------------------------------------------ */

/* A marker with a larger epoch of the producer, or of a coordinator, is there: it ended what the
 * transaction had in the partition. Apache Kafka drops all markers then and leaves the decision to
 * the coordinator that took over, which leads the partition of __transaction_state. Here it is
 * completed: a coordinator that was replaced can append nothing there, so its completion is
 * refused; and when the larger epoch came from a tool (WriteTxnMarkers), no other coordinator will
 * ever come, and the transactional id would be stuck. What the producer wrote after that marker
 * stays open, so a person is told. */
static bool transactor_is_fenced(int error)
{
    return error == ERROR_INVALID_PRODUCER_EPOCH || error == ERROR_TRANSACTION_COORDINATOR_FENCED;
}

/* Nothing more can or need be written there. */
static bool transactor_is_final(int error)
{
    return error == 0 || error == ERROR_UNKNOWN_TOPIC_OR_PARTITION || transactor_is_fenced(error);
}

static void transactor_trace_mark(const struct transactor_mark *mark, int error)
{
    const struct transactor_marker *marker = &mark->marker;
    struct bytes id = mark->item->transaction->id;
    if (transactor_is_fenced(error)) {
        trace(TRACE_ERROR, "transactor.marker_fenced", TRACE_BYTES("id", id),
              TRACE_BYTES("topic", marker->topic), TRACE_INT("partition", marker->partition),
              TRACE_INT("producer", marker->producer_id), TRACE_STRING("error", error_name(error)),
              TRACE_STRING("effect", "a marker with a larger epoch ended the transaction there; "
                                     "tidemill txn hanging shows what it left open"));
    } else if (error != 0) {
        trace(TRACE_WARN, "transactor.marker_failed", TRACE_BYTES("id", id),
              TRACE_BYTES("topic", marker->topic), TRACE_INT("partition", marker->partition),
              TRACE_STRING("error", error_name(error)));
    }
}

static void transactor_on_marked(struct transactor_marker *marker, int error)
{
    struct transactor_mark *mark = (struct transactor_mark *)marker->owner;
    struct transactor_item *item = mark->item;
    mark->is_under_way = false;
    if (item == NULL) {
        transactor_mark_free(mark);
        return;
    }
    transactor_trace_mark(mark, error);
    if (!transactor_is_final(error)) {
        mark->timer = (struct io_timer){.fired = transactor_on_mark_timer, .owner = mark};
        io_timer_start(item->transactor->io, &mark->timer, (uint64_t)mark->delay_ms * 1000000);
        mark->delay_ms = transactor_longer(mark->delay_ms);
        return;
    }
    transactor_mark_free(mark);
    if (list_is_empty(&item->markers)) {
        transactor_complete(item);
    }
}

static void transactor_add_mark(struct transactor_item *item,
                                const struct transaction_partition *partition)
{
    const struct transaction_value *value = &item->transaction->value;
    struct transactor_mark *mark = memory_new(struct transactor_mark);
    mark->marker = (struct transactor_marker){
        .topic = bytes_copy(partition->topic),
        .partition = partition->index,
        .producer_id = value->producer_id,
        .producer_epoch = value->producer_epoch,
        .is_commit = value->state == TRANSACTION_PREPARE_COMMIT,
        .done = transactor_on_marked,
        .owner = mark,
    };
    mark->item = item;
    mark->delay_ms = TRANSACTOR_RETRY_MS;
    list_add(&item->markers, &mark->link);
}

void transactor_mark(struct transactor_item *item)
{
    if (item->is_marking || item->transaction->is_pending ||
        !transaction_is_decided(item->transaction)) {
        return;
    }
    const struct transaction_partitions *partitions = &item->transaction->value.partitions;
    item->is_marking = true;
    item->retry_ms = TRANSACTOR_RETRY_MS;
    if (partitions->count == 0) {
        transactor_complete(item);
        return;
    }
    for (int32_t i = 0; i < partitions->count; i++) {
        transactor_add_mark(item, &partitions->items[i]);
    }
    for (list_each (&item->markers, link)) {
        transactor_send_mark(list_member(link, struct transactor_mark, link));
    }
}

bool transactor_needs_marker(const struct transactor_item *item,
                             const struct transaction_partition *partition)
{
    for (list_each (&item->markers, link)) {
        const struct transactor_mark *mark = list_member(link, struct transactor_mark, link);
        if (mark->marker.partition == partition->index &&
            bytes_equal(mark->marker.topic, partition->topic)) {
            return true;
        }
    }
    return !item->is_marking;
}

void transactor_forget_markers(struct transactor_item *item)
{
    struct list_link *link;
    io_timer_stop(item->transactor->io, &item->retry_timer);
    while ((link = list_take(&item->markers)) != NULL) {
        struct transactor_mark *mark = list_member(link, struct transactor_mark, link);
        io_timer_stop(item->transactor->io, &mark->timer);
        mark->item = NULL;
        if (!mark->is_under_way) {
            transactor_mark_free(mark);
        }
    }
}
