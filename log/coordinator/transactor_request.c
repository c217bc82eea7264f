/* Requests of producers, on their way to the transaction; see transactor.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/transactor_state.h"

#include <stdlib.h>

static struct transaction_claim transactor_claim_of(const struct transactor_claim *claim)
{
    return (struct transaction_claim){.producer_id = claim->producer_id,
                                      .producer_epoch = claim->producer_epoch};
}

/* Producer ids ------------------------------------------------------------------------------- */

/* A producer id that was asked for. */
struct transactor_errand {
    struct transactor_identity identity;
    struct transactor *transactor; /* NULL: nobody waits any more */
    struct coordinator_request *request;
    void (*done)(struct transactor *transactor, struct coordinator_request *request, int error,
                 int64_t producer_id);
    struct list_link link;
};

static void transactor_on_identity(struct transactor_identity *identity, int error,
                                   int64_t producer_id)
{
    struct transactor_errand *errand = list_member(identity, struct transactor_errand, identity);
    list_remove(&errand->link);
    if (errand->transactor != NULL) {
        errand->done(errand->transactor, errand->request, error, producer_id);
    }
    free(errand);
}

static void transactor_take_identity(struct transactor *transactor,
                                     struct coordinator_request *request,
                                     void (*done)(struct transactor *transactor,
                                                  struct coordinator_request *request, int error,
                                                  int64_t producer_id))
{
    struct transactor_errand *errand = memory_new(struct transactor_errand);
    errand->identity.done = transactor_on_identity;
    errand->transactor = transactor;
    errand->request = request;
    errand->done = done;
    list_add(&transactor->errands, &errand->link);
    transactor->events->take_identity(transactor->owner, &errand->identity);
}

void transactor_end_errands(struct transactor *transactor, int error)
{
    struct list_link *link;
    while ((link = list_take(&transactor->errands)) != NULL) {
        struct transactor_errand *errand = list_member(link, struct transactor_errand, link);
        errand->transactor = NULL;
        errand->done(transactor, errand->request, error, -1);
    }
}

/* InitProducerId ----------------------------------------------------------------------------- */

static void transactor_answer_init(struct transactor *transactor, struct transactor_init *init,
                                   int error)
{
    init->error = error;
    outbox_add(transactor->outbox, &init->request);
}

static void transactor_on_initialized(struct transactor *transactor, struct transactor_write *write,
                                      struct transactor_item *item, int error)
{
    struct transactor_init *init = (struct transactor_init *)write->request;
    (void)item;
    init->producer_id = error == 0 ? write->producer_id : -1;
    init->producer_epoch = error == 0 ? write->producer_epoch : -1;
    transactor_answer_init(transactor, init, error);
}

/* What went on is being aborted: the producer comes again. */
static void transactor_on_fenced(struct transactor *transactor, struct transactor_write *write,
                                 struct transactor_item *item, int error)
{
    (void)item;
    transactor_answer_init(transactor, (struct transactor_init *)write->request,
                           error == 0 ? ERROR_CONCURRENT_TRANSACTIONS : error);
}

static void transactor_try_init(struct transactor *transactor, struct transactor_init *init);

static void transactor_on_init_identity(struct transactor *transactor,
                                        struct coordinator_request *request, int error,
                                        int64_t producer_id)
{
    struct transactor_init *init = list_member(request, struct transactor_init, request);
    init->fresh_id = producer_id;
    if (error != 0) {
        transactor_answer_init(transactor, init, journal_translate(error, ERROR_UNKNOWN_SERVER));
    } else {
        transactor_try_init(transactor, init);
    }
}

static int transactor_validate_init(const struct transactor *transactor,
                                    const struct transactor_init *init)
{
    bool is_timeout_good =
        init->timeout_ms > 0 && init->timeout_ms <= transactor->options.timeout_max_ms;
    return is_timeout_good ? 0 : ERROR_INVALID_TRANSACTION_TIMEOUT;
}

static void transactor_try_init(struct transactor *transactor, struct transactor_init *init)
{
    int error = 0;
    struct transaction_step step = {0};
    struct transactor_item *item =
        transactor_find(transactor, init->claim.transactional_id, &error);
    if (error == 0) {
        error = transactor_validate_init(transactor, init);
    }
    if (error == 0 && item == NULL) {
        if (init->fresh_id < 0) {
            transactor_take_identity(transactor, &init->request, transactor_on_init_identity);
            return;
        }
        item = transactor_make_item(transactor, init->claim.transactional_id);
    }
    if (error == 0) {
        struct transaction_claim claim = transactor_claim_of(&init->claim);
        error = transaction_judge_init(item->transaction, init->timeout_ms,
                                       claim.producer_id < 0 ? NULL : &claim, init->fresh_id,
                                       io_wall_clock(transactor->io), &step);
    }
    if (error == ERROR_AGAIN) {
        transactor_take_identity(transactor, &init->request, transactor_on_init_identity);
    } else if (error != 0) {
        transactor_answer_init(transactor, init, error);
    } else {
        bool is_fence = step.state == TRANSACTION_PREPARE_EPOCH_FENCE;
        transactor_write_step(item, &step,
                              is_fence ? transactor_on_fenced : transactor_on_initialized, init);
    }
}

void transactor_init_producer(struct transactor *transactor, struct transactor_init *init)
{
    init->fresh_id = -1;
    init->producer_id = -1;
    init->producer_epoch = -1;
    transactor_try_init(transactor, init);
}

/* Partitions --------------------------------------------------------------------------------- */

static void transactor_answer_add(struct transactor *transactor, struct transactor_add *add,
                                  int error)
{
    add->error = error;
    outbox_add(transactor->outbox, &add->request);
}

static void transactor_on_added(struct transactor *transactor, struct transactor_write *write,
                                struct transactor_item *item, int error)
{
    (void)item;
    transactor_answer_add(transactor, (struct transactor_add *)write->request, error);
}

static void transactor_on_waited(struct io_timer *timer)
{
    transactor_dismiss((struct transactor_item *)timer->owner, ERROR_CONCURRENT_TRANSACTIONS);
}

static void transactor_wait(struct transactor_item *item, struct transactor_add *add)
{
    struct transactor *transactor = item->transactor;
    if (list_is_empty(&item->waiters)) {
        item->wait_timer = (struct io_timer){.fired = transactor_on_waited, .owner = item};
        io_timer_start(transactor->io, &item->wait_timer,
                       (uint64_t)transactor->options.wait_max_ms * 1000000);
    }
    add->request.link = (struct list_link){0};
    list_add(&item->waiters, &add->request.link);
}

static struct transactor_add *transactor_take_waiter(struct list *waiters)
{
    struct list_link *link = list_take(waiters);
    return link == NULL ? NULL
                        : list_member(list_member(link, struct coordinator_request, link),
                                      struct transactor_add, request);
}

void transactor_dismiss(struct transactor_item *item, int error)
{
    struct transactor_add *add;
    io_timer_stop(item->transactor->io, &item->wait_timer);
    while ((add = transactor_take_waiter(&item->waiters)) != NULL) {
        transactor_answer_add(item->transactor, add, error);
    }
}

static struct transaction_partition *transactor_copy_partitions(const struct transactor_add *add)
{
    struct transaction_partition *out =
        arena_array(add->request.arena, struct transaction_partition, add->count + 1);
    for (int32_t i = 0; i < add->count; i++) {
        out[i] = (struct transaction_partition){.topic = add->partitions[i].topic,
                                                .index = add->partitions[i].index};
    }
    return out;
}

void transactor_add_partitions(struct transactor *transactor, struct transactor_add *add)
{
    int error = 0;
    struct transaction_step step = {0};
    struct transactor_item *item = transactor_find(transactor, add->claim.transactional_id, &error);
    if (error == 0 && item == NULL) {
        error = ERROR_INVALID_PRODUCER_ID_MAPPING;
    }
    if (error == 0) {
        error = transaction_judge_add(
            item->transaction, transactor_claim_of(&add->claim), transactor_copy_partitions(add),
            add->count, add->is_bumped ? TRANSACTION_VERSION_BUMPED : TRANSACTION_VERSION_MARKED,
            io_wall_clock(transactor->io), &step);
    }
    if (error == ERROR_CONCURRENT_TRANSACTIONS && add->may_wait) {
        transactor_wait(item, add);
    } else if (error != 0 || step.is_nothing) {
        transactor_answer_add(transactor, add, error);
    } else {
        transactor_write_step(item, &step, transactor_on_added, add);
    }
}

void transactor_wake(struct transactor_item *item)
{
    struct transactor_add *add;
    struct list woken;
    list_init(&woken);
    if (item->transaction->is_pending || transaction_is_decided(item->transaction)) {
        return;
    }
    io_timer_stop(item->transactor->io, &item->wait_timer);
    while ((add = transactor_take_waiter(&item->waiters)) != NULL) {
        list_add(&woken, &add->request.link);
    }
    while ((add = transactor_take_waiter(&woken)) != NULL) {
        transactor_add_partitions(item->transactor, add);
    }
}

int transactor_verify(const struct transactor *transactor, const struct transactor_claim *claim,
                      struct bytes topic, int32_t partition)
{
    int error = 0;
    const struct transactor_item *item =
        transactor_find(transactor, claim->transactional_id, &error);
    if (error != 0) {
        return error;
    }
    return item == NULL ? ERROR_INVALID_PRODUCER_ID_MAPPING
                        : transaction_judge_partition(item->transaction, transactor_claim_of(claim),
                                                      topic, partition);
}

bool transactor_is_ending(const struct transactor *transactor, struct bytes transactional_id)
{
    int error = 0;
    const struct transactor_item *item = transactor_find(transactor, transactional_id, &error);
    return item != NULL && transaction_is_ending(item->transaction);
}

/* EndTxn ------------------------------------------------------------------------------------- */

static void transactor_answer_end(struct transactor *transactor, struct transactor_end *end,
                                  int error)
{
    end->error = error;
    outbox_add(transactor->outbox, &end->request);
}

/* The client goes on when the decision is durable; the markers follow. */
static void transactor_on_decided(struct transactor *transactor, struct transactor_write *write,
                                  struct transactor_item *item, int error)
{
    struct transactor_end *end = (struct transactor_end *)write->request;
    if (error == 0) {
        bool is_rotated = item->transaction->value.next_producer_id >= 0;
        end->producer_id =
            is_rotated ? item->transaction->value.next_producer_id : write->producer_id;
        end->producer_epoch = is_rotated ? 0 : write->producer_epoch;
    }
    transactor_answer_end(transactor, end, error);
}

static void transactor_try_end(struct transactor *transactor, struct transactor_end *end);

static void transactor_on_end_identity(struct transactor *transactor,
                                       struct coordinator_request *request, int error,
                                       int64_t producer_id)
{
    struct transactor_end *end = list_member(request, struct transactor_end, request);
    end->fresh_id = producer_id;
    if (error != 0) {
        transactor_answer_end(transactor, end, journal_translate(error, ERROR_UNKNOWN_SERVER));
    } else {
        transactor_try_end(transactor, end);
    }
}

static void transactor_try_end(struct transactor *transactor, struct transactor_end *end)
{
    int error = 0;
    struct transaction_step step = {0};
    struct transactor_item *item = transactor_find(transactor, end->claim.transactional_id, &error);
    if (error == 0 && item == NULL) {
        error = ERROR_INVALID_PRODUCER_ID_MAPPING;
    }
    if (error == 0) {
        error = transaction_judge_end(
            item->transaction, transactor_claim_of(&end->claim), end->is_commit,
            end->is_bumped ? TRANSACTION_VERSION_BUMPED : TRANSACTION_VERSION_MARKED, end->fresh_id,
            io_wall_clock(transactor->io), &step);
    }
    if (error == ERROR_AGAIN) {
        transactor_take_identity(transactor, &end->request, transactor_on_end_identity);
    } else if (error == 0 && step.is_nothing) {
        end->producer_id = item->transaction->value.producer_id;
        end->producer_epoch = item->transaction->value.producer_epoch;
        transactor_answer_end(transactor, end, 0);
    } else if (error != 0) {
        transactor_answer_end(transactor, end, error);
    } else {
        transactor_write_step(item, &step, transactor_on_decided, end);
    }
}

void transactor_end_transaction(struct transactor *transactor, struct transactor_end *end)
{
    end->fresh_id = -1;
    end->producer_id = -1;
    end->producer_epoch = -1;
    transactor_try_end(transactor, end);
}
