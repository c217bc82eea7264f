/* What goes on too long is aborted, and ids that nobody uses are forgotten; see transactor.h. */
#include "log/base/trace.h"
#include "log/coordinator/transactor_state.h"

static void transactor_each(struct transactor *transactor, int64_t now_ms,
                            void (*each)(struct transactor_item *item, int64_t now_ms))
{
    for (int32_t i = 0; i < transactor->shelf_count; i++) {
        if (journal_status(transactor->journal, i) != JOURNAL_ACTIVE) {
            continue;
        }
        for (map_each (&transactor->shelves[i].items, entry)) {
            struct transactor_item *item = (struct transactor_item *)entry->value;
            if (!item->transaction->is_pending) {
                each(item, now_ms);
            }
        }
    }
}

static void transactor_time_out(struct transactor_item *item, int64_t now_ms)
{
    const struct transaction_value *value = &item->transaction->value;
    if (value->state != TRANSACTION_ONGOING || now_ms - value->start_ms <= value->timeout_ms) {
        return;
    }
    struct transaction_step step;
    trace(TRACE_INFO, "transactor.timed_out", TRACE_BYTES("id", item->transaction->id),
          TRACE_INT("producer", value->producer_id), TRACE_INT("epoch", value->producer_epoch));
    item->transactor->stats.timed_out_count++;
    transaction_fence(item->transaction, now_ms, &step);
    transactor_write_step(item, &step, NULL, NULL);
}

static void transactor_expire(struct transactor_item *item, int64_t now_ms)
{
    const struct transaction_value *value = &item->transaction->value;
    bool is_idle = value->state == TRANSACTION_EMPTY ||
                   value->state == TRANSACTION_COMPLETE_COMMIT ||
                   value->state == TRANSACTION_COMPLETE_ABORT;
    if (is_idle && now_ms - value->last_update_ms >= item->transactor->options.expiration_ms) {
        transactor_write_tombstone(item);
    }
}

static void transactor_on_abort_check(struct io_timer *timer)
{
    struct transactor *transactor = (struct transactor *)timer->owner;
    transactor_each(transactor, io_wall_clock(transactor->io), transactor_time_out);
    io_timer_start(transactor->io, timer, (uint64_t)transactor->options.abort_check_ms * 1000000);
}

static void transactor_on_expiry_check(struct io_timer *timer)
{
    struct transactor *transactor = (struct transactor *)timer->owner;
    transactor_each(transactor, io_wall_clock(transactor->io), transactor_expire);
    io_timer_start(transactor->io, timer, (uint64_t)transactor->options.expiry_check_ms * 1000000);
}

void transactor_start_clock(struct transactor *transactor)
{
    transactor->abort_timer =
        (struct io_timer){.fired = transactor_on_abort_check, .owner = transactor};
    transactor->expiry_timer =
        (struct io_timer){.fired = transactor_on_expiry_check, .owner = transactor};
    io_timer_start(transactor->io, &transactor->abort_timer,
                   (uint64_t)transactor->options.abort_check_ms * 1000000);
    io_timer_start(transactor->io, &transactor->expiry_timer,
                   (uint64_t)transactor->options.expiry_check_ms * 1000000);
}

void transactor_stop_clock(struct transactor *transactor)
{
    io_timer_stop(transactor->io, &transactor->abort_timer);
    io_timer_stop(transactor->io, &transactor->expiry_timer);
}
