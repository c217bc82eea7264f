/* What a transactional id may do next; see transaction.h. The order of the checks is Kafka's, asked
 * from a real broker. */
#include "log/coordinator/transaction.h"

#include "log/base/error.h"
#include "log/base/memory.h"

#include <inttypes.h>
#include <stdlib.h>

static const struct fsm_state transaction_states[TRANSACTION_STATE_COUNT] = {
    [TRANSACTION_EMPTY] = {"Empty", FSM_TO(TRANSACTION_EMPTY) | FSM_TO(TRANSACTION_ONGOING) |
                                        FSM_TO(TRANSACTION_PREPARE_ABORT) |
                                        FSM_TO(TRANSACTION_DEAD)},
    [TRANSACTION_ONGOING] = {"Ongoing", FSM_TO(TRANSACTION_ONGOING) |
                                            FSM_TO(TRANSACTION_PREPARE_COMMIT) |
                                            FSM_TO(TRANSACTION_PREPARE_ABORT) |
                                            FSM_TO(TRANSACTION_PREPARE_EPOCH_FENCE)},
    [TRANSACTION_PREPARE_COMMIT] = {"PrepareCommit", FSM_TO(TRANSACTION_COMPLETE_COMMIT)},
    [TRANSACTION_PREPARE_ABORT] = {"PrepareAbort", FSM_TO(TRANSACTION_COMPLETE_ABORT)},
    [TRANSACTION_COMPLETE_COMMIT] = {"CompleteCommit", FSM_TO(TRANSACTION_EMPTY) |
                                                           FSM_TO(TRANSACTION_ONGOING) |
                                                           FSM_TO(TRANSACTION_PREPARE_ABORT) |
                                                           FSM_TO(TRANSACTION_DEAD)},
    [TRANSACTION_COMPLETE_ABORT] = {"CompleteAbort", FSM_TO(TRANSACTION_EMPTY) |
                                                         FSM_TO(TRANSACTION_ONGOING) |
                                                         FSM_TO(TRANSACTION_PREPARE_ABORT) |
                                                         FSM_TO(TRANSACTION_DEAD)},
    [TRANSACTION_DEAD] = {"Dead", 0},
    [TRANSACTION_PREPARE_EPOCH_FENCE] = {"PrepareEpochFence", FSM_TO(TRANSACTION_PREPARE_ABORT)},
};

const struct fsm transaction_fsm = FSM("transaction", transaction_states);

/* Partitions --------------------------------------------------------------------------------- */

static void transaction_partitions_fini(struct transaction_partitions *partitions)
{
    for (int32_t i = 0; i < partitions->count; i++) {
        bytes_free(partitions->items[i].topic);
    }
    free(partitions->items);
    *partitions = (struct transaction_partitions){0};
}

static int transaction_partition_compare(const void *left, const void *right)
{
    const struct transaction_partition *a = (const struct transaction_partition *)left;
    const struct transaction_partition *b = (const struct transaction_partition *)right;
    int order = bytes_compare(a->topic, b->topic);
    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

/* Sorts, and leaves each once. */
static void transaction_partitions_settle(struct transaction_partitions *partitions)
{
    int32_t kept = 0;
    if (partitions->count > 0) {
        qsort(partitions->items, (size_t)partitions->count, sizeof *partitions->items,
              transaction_partition_compare);
    }
    for (int32_t i = 0; i < partitions->count; i++) {
        struct transaction_partition *item = &partitions->items[i];
        if (kept > 0 && transaction_partition_compare(&partitions->items[kept - 1], item) == 0) {
            bytes_free(item->topic);
        } else {
            partitions->items[kept++] = *item;
        }
    }
    partitions->count = kept;
}

/* The union of both, copied. */
static struct transaction_partitions
transaction_partitions_join(const struct transaction_partitions *some,
                            const struct transaction_partition *more, int32_t more_count)
{
    struct transaction_partitions out = {.count = some->count + more_count};
    out.items =
        (struct transaction_partition *)memory_zero((size_t)out.count + 1, sizeof *out.items);
    for (int32_t i = 0; i < out.count; i++) {
        const struct transaction_partition *from =
            i < some->count ? &some->items[i] : &more[i - some->count];
        out.items[i] =
            (struct transaction_partition){.topic = bytes_copy(from->topic), .index = from->index};
    }
    transaction_partitions_settle(&out);
    return out;
}

bool transaction_has_partition(const struct transaction *transaction, struct bytes topic,
                               int32_t index)
{
    const struct transaction_partitions *partitions = &transaction->value.partitions;
    struct transaction_partition wanted = {.topic = topic, .index = index};
    return partitions->count > 0 && bsearch(&wanted, partitions->items, (size_t)partitions->count,
                                            sizeof wanted, transaction_partition_compare) != NULL;
}

/* The id ------------------------------------------------------------------------------------- */

struct transaction *transaction_new(struct bytes id)
{
    struct transaction *transaction = memory_new(struct transaction);
    transaction->id = bytes_copy(id);
    transaction->is_new = true;
    transaction->last_epoch = -1;
    transaction->value = (struct transaction_value){
        .state = TRANSACTION_EMPTY,
        .producer_id = -1,
        .previous_producer_id = -1,
        .next_producer_id = -1,
        .producer_epoch = -1,
        .start_ms = -1,
    };
    return transaction;
}

void transaction_free(struct transaction *transaction)
{
    transaction_partitions_fini(&transaction->value.partitions);
    bytes_free(transaction->id);
    free(transaction);
}

void transaction_step_fini(struct transaction_step *step)
{
    transaction_partitions_fini(&step->next.partitions);
}

const char *transaction_state_name(enum transaction_state state)
{
    return fsm_name(&transaction_fsm, state);
}

enum transaction_state transaction_seen_state(const struct transaction *transaction)
{
    return transaction->is_pending ? transaction->pending_state : transaction->value.state;
}

bool transaction_is_decided(const struct transaction *transaction)
{
    return transaction->value.state == TRANSACTION_PREPARE_COMMIT ||
           transaction->value.state == TRANSACTION_PREPARE_ABORT;
}

bool transaction_is_ending(const struct transaction *transaction)
{
    switch (transaction_seen_state(transaction)) {
    case TRANSACTION_PREPARE_COMMIT:
    case TRANSACTION_PREPARE_ABORT:
    case TRANSACTION_PREPARE_EPOCH_FENCE:
        return true;
    default:
        return transaction_is_decided(transaction);
    }
}

static bool transaction_is_exhausted(const struct transaction *transaction)
{
    return transaction->value.producer_epoch >= TRANSACTION_EPOCH_LAST;
}

/* A step from what is there, without its partitions. */
static struct transaction_step transaction_begin_step(const struct transaction *transaction,
                                                      enum transaction_state state, int64_t now_ms)
{
    struct transaction_step step = {
        .state = state, .next = transaction->value, .last_epoch = transaction->last_epoch};
    step.next.state = state;
    step.next.previous_producer_id = transaction->value.producer_id;
    step.next.next_producer_id = -1;
    step.next.last_update_ms = now_ms;
    step.next.partitions = (struct transaction_partitions){0};
    return step;
}

/* InitProducerId ----------------------------------------------------------------------------- */

/* The claim names the id that is there, or the one before, whose epochs had run out. */
static bool transaction_knows_claim(const struct transaction *transaction,
                                    const struct transaction_claim *claim)
{
    const struct transaction_value *value = &transaction->value;
    return value->producer_epoch < 0 || claim->producer_id == value->producer_id ||
           (claim->producer_id == value->previous_producer_id &&
            claim->producer_epoch >= TRANSACTION_EPOCH_LAST);
}

static int transaction_bump(const struct transaction *transaction,
                            const struct transaction_claim *claim, struct transaction_step *step)
{
    const struct transaction_value *value = &transaction->value;
    if (claim != NULL && value->producer_epoch >= 0 &&
        claim->producer_epoch != value->producer_epoch) {
        /* The answer to a bump was lost and is asked for again. */
        if (claim->producer_epoch != transaction->last_epoch) {
            return ERROR_PRODUCER_FENCED;
        }
        return 0;
    }
    step->next.producer_epoch = (int16_t)(value->producer_epoch + 1);
    step->last_epoch = claim == NULL ? -1 : claim->producer_epoch;
    return 0;
}

static int transaction_rotate(const struct transaction_claim *claim, int64_t fresh_id,
                              struct transaction_step *step)
{
    if (fresh_id < 0) {
        return ERROR_AGAIN;
    }
    if (step->next.previous_producer_id < 0) {
        step->next.previous_producer_id = fresh_id; /* as Kafka writes it */
    }
    step->next.producer_id = fresh_id;
    step->next.producer_epoch = 0;
    step->last_epoch = claim == NULL ? -1 : claim->producer_epoch;
    return 0;
}

int transaction_judge_init(const struct transaction *transaction, int32_t timeout_ms,
                           const struct transaction_claim *claim, int64_t fresh_id, int64_t now_ms,
                           struct transaction_step *step)
{
    const struct transaction_value *value = &transaction->value;
    if (transaction->is_pending) {
        return ERROR_CONCURRENT_TRANSACTIONS;
    }
    if (claim != NULL && !transaction_knows_claim(transaction, claim)) {
        return ERROR_PRODUCER_FENCED;
    }
    switch (value->state) {
    case TRANSACTION_PREPARE_COMMIT:
    case TRANSACTION_PREPARE_ABORT:
        return ERROR_CONCURRENT_TRANSACTIONS;
    case TRANSACTION_ONGOING:
        transaction_fence(transaction, now_ms, step);
        return 0;
    case TRANSACTION_EMPTY:
    case TRANSACTION_COMPLETE_COMMIT:
    case TRANSACTION_COMPLETE_ABORT:
        break;
    case TRANSACTION_DEAD:
    case TRANSACTION_PREPARE_EPOCH_FENCE:
    case TRANSACTION_STATE_COUNT:
        check(false);
    }
    *step = transaction_begin_step(transaction, TRANSACTION_EMPTY, now_ms);
    step->next.timeout_ms = timeout_ms;
    step->next.start_ms = -1;
    bool is_last = claim == NULL || claim->producer_epoch == value->producer_epoch;
    if (value->producer_id < 0 || (transaction_is_exhausted(transaction) && is_last)) {
        return transaction_rotate(claim, fresh_id, step);
    }
    return transaction_bump(transaction, claim, step);
}

/* Partitions of a transaction ---------------------------------------------------------------- */

static int transaction_judge_claim(const struct transaction *transaction,
                                   struct transaction_claim claim)
{
    if (transaction->is_pending) {
        return ERROR_CONCURRENT_TRANSACTIONS;
    }
    if (transaction->value.producer_id != claim.producer_id) {
        return ERROR_INVALID_PRODUCER_ID_MAPPING;
    }
    if (transaction->value.producer_epoch != claim.producer_epoch) {
        return ERROR_PRODUCER_FENCED;
    }
    return transaction_is_decided(transaction) ? ERROR_CONCURRENT_TRANSACTIONS : 0;
}

int transaction_judge_add(const struct transaction *transaction, struct transaction_claim claim,
                          const struct transaction_partition *partitions, int32_t count,
                          int16_t version, int64_t now_ms, struct transaction_step *step)
{
    int error = transaction_judge_claim(transaction, claim);
    if (error != 0) {
        return error;
    }
    bool is_ongoing = transaction->value.state == TRANSACTION_ONGOING;
    bool is_known = is_ongoing;
    for (int32_t i = 0; i < count && is_known; i++) {
        is_known = transaction_has_partition(transaction, partitions[i].topic, partitions[i].index);
    }
    *step = transaction_begin_step(transaction, TRANSACTION_ONGOING, now_ms);
    step->is_nothing = is_known;
    if (!is_known) {
        step->next.client_version = version;
        step->next.start_ms = is_ongoing ? transaction->value.start_ms : now_ms;
        step->next.partitions =
            transaction_partitions_join(&transaction->value.partitions, partitions, count);
    }
    return 0;
}

int transaction_judge_partition(const struct transaction *transaction,
                                struct transaction_claim claim, struct bytes topic, int32_t index)
{
    /* A record on its way only adds to what goes on, or ends it; until then what is there holds. */
    bool is_growing = transaction->is_pending &&
                      transaction->pending_state == TRANSACTION_ONGOING &&
                      transaction->value.state == TRANSACTION_ONGOING;
    if (transaction->is_pending && !is_growing) {
        return ERROR_CONCURRENT_TRANSACTIONS;
    }
    if (transaction->value.producer_id != claim.producer_id) {
        return ERROR_INVALID_PRODUCER_ID_MAPPING;
    }
    if (transaction->value.producer_epoch != claim.producer_epoch) {
        return ERROR_PRODUCER_FENCED;
    }
    if (transaction_is_decided(transaction)) {
        return ERROR_CONCURRENT_TRANSACTIONS;
    }
    return transaction_has_partition(transaction, topic, index) ? 0 : ERROR_TRANSACTION_ABORTABLE;
}

/* EndTxn ------------------------------------------------------------------------------------- */

static int transaction_decide(const struct transaction *transaction, bool is_commit,
                              int16_t version, int64_t fresh_id, int64_t now_ms,
                              struct transaction_step *step)
{
    bool is_bumped = version >= TRANSACTION_VERSION_BUMPED;
    bool is_exhausted = is_bumped && transaction_is_exhausted(transaction);
    if (is_exhausted && fresh_id < 0) {
        return ERROR_AGAIN;
    }
    *step = transaction_begin_step(
        transaction, is_commit ? TRANSACTION_PREPARE_COMMIT : TRANSACTION_PREPARE_ABORT, now_ms);
    step->next.client_version = version;
    if (transaction->value.state == TRANSACTION_ONGOING) {
        step->next.partitions =
            transaction_partitions_join(&transaction->value.partitions, NULL, 0);
    } else {
        step->next.start_ms = now_ms; /* version 2 may abort what was never begun */
    }
    if (is_bumped) {
        step->next.producer_epoch = (int16_t)(transaction->value.producer_epoch + 1); /* (6) */
        step->last_epoch = transaction->value.producer_epoch;
        step->next.next_producer_id = is_exhausted ? fresh_id : -1;
    }
    return 0;
}

/* The end that was reached answers for the end that is asked for. */
static int transaction_judge_again(const struct transaction *transaction, bool is_commit,
                                   struct transaction_step *step)
{
    enum transaction_state state = transaction->value.state;
    bool was_commit = state == TRANSACTION_COMPLETE_COMMIT || state == TRANSACTION_PREPARE_COMMIT;
    if (is_commit != was_commit) {
        return ERROR_INVALID_TXN_STATE;
    }
    if (transaction_is_decided(transaction)) {
        return ERROR_CONCURRENT_TRANSACTIONS;
    }
    *step = transaction_begin_step(transaction, state, transaction->value.last_update_ms);
    step->is_nothing = true;
    return 0;
}

/* Version 1 and older: the epoch stays, so an end asked for again looks like the first. */
static int transaction_judge_end_marked(const struct transaction *transaction,
                                        struct transaction_claim claim, bool is_commit,
                                        int64_t now_ms, struct transaction_step *step)
{
    const struct transaction_value *value = &transaction->value;
    if (value->producer_id != claim.producer_id) {
        return ERROR_INVALID_PRODUCER_ID_MAPPING;
    }
    if (value->producer_epoch != claim.producer_epoch) {
        return ERROR_PRODUCER_FENCED;
    }
    if (transaction->is_pending) {
        return ERROR_CONCURRENT_TRANSACTIONS;
    }
    switch (value->state) {
    case TRANSACTION_ONGOING:
        return transaction_decide(transaction, is_commit, TRANSACTION_VERSION_MARKED, -1, now_ms,
                                  step);
    case TRANSACTION_PREPARE_COMMIT:
    case TRANSACTION_PREPARE_ABORT:
    case TRANSACTION_COMPLETE_COMMIT:
    case TRANSACTION_COMPLETE_ABORT:
        return transaction_judge_again(transaction, is_commit, step);
    case TRANSACTION_EMPTY:
        return ERROR_INVALID_TXN_STATE;
    case TRANSACTION_DEAD:
    case TRANSACTION_PREPARE_EPOCH_FENCE:
    case TRANSACTION_STATE_COUNT:
        check(false);
    }
    return ERROR_INVALID_TXN_STATE;
}

/* KIP-890: the epoch tells an end that is asked for again from the end of the next transaction. */
static int transaction_judge_end_bumped(const struct transaction *transaction,
                                        struct transaction_claim claim, bool is_commit,
                                        int64_t fresh_id, int64_t now_ms,
                                        struct transaction_step *step)
{
    const struct transaction_value *value = &transaction->value;
    bool is_rotated = value->previous_producer_id == claim.producer_id &&
                      value->producer_id != claim.producer_id &&
                      claim.producer_epoch == TRANSACTION_EPOCH_LAST && value->producer_epoch == 0;
    bool is_again = is_rotated || (value->producer_id == claim.producer_id &&
                                   value->producer_epoch == claim.producer_epoch + 1);
    bool is_current = value->producer_epoch == claim.producer_epoch;
    if (transaction->is_pending) {
        return ERROR_CONCURRENT_TRANSACTIONS;
    }
    if (value->producer_id != claim.producer_id && !is_rotated) {
        return ERROR_INVALID_PRODUCER_ID_MAPPING;
    }
    switch (value->state) {
    case TRANSACTION_ONGOING:
        return is_current ? transaction_decide(transaction, is_commit, TRANSACTION_VERSION_BUMPED,
                                               fresh_id, now_ms, step)
                          : ERROR_PRODUCER_FENCED;
    case TRANSACTION_PREPARE_COMMIT:
    case TRANSACTION_PREPARE_ABORT:
        return is_again ? transaction_judge_again(transaction, is_commit, step)
                        : ERROR_PRODUCER_FENCED;
    case TRANSACTION_COMPLETE_COMMIT:
    case TRANSACTION_COMPLETE_ABORT:
        if (is_again) {
            return transaction_judge_again(transaction, is_commit, step);
        }
        break;
    case TRANSACTION_EMPTY:
        break;
    case TRANSACTION_DEAD:
    case TRANSACTION_PREPARE_EPOCH_FENCE:
    case TRANSACTION_STATE_COUNT:
        check(false);
    }
    if (!is_current) {
        return ERROR_PRODUCER_FENCED;
    }
    return is_commit ? ERROR_INVALID_TXN_STATE
                     : transaction_decide(transaction, false, TRANSACTION_VERSION_BUMPED, fresh_id,
                                          now_ms, step);
}

int transaction_judge_end(const struct transaction *transaction, struct transaction_claim claim,
                          bool is_commit, int16_t version, int64_t fresh_id, int64_t now_ms,
                          struct transaction_step *step)
{
    if (version < TRANSACTION_VERSION_BUMPED) {
        return transaction_judge_end_marked(transaction, claim, is_commit, now_ms, step);
    }
    return transaction_judge_end_bumped(transaction, claim, is_commit, fresh_id, now_ms, step);
}

void transaction_fence(const struct transaction *transaction, int64_t now_ms,
                       struct transaction_step *step)
{
    const struct transaction_value *value = &transaction->value;
    check(value->state == TRANSACTION_ONGOING);
    *step = transaction_begin_step(transaction, TRANSACTION_PREPARE_ABORT, now_ms);
    step->state = TRANSACTION_PREPARE_EPOCH_FENCE;
    step->next.partitions = transaction_partitions_join(&value->partitions, NULL, 0);
    step->next.client_version = TRANSACTION_VERSION_BUMPED;
    if (value->producer_epoch < INT16_MAX) {
        step->next.producer_epoch = (int16_t)(value->producer_epoch + 1);
    }
    /* A producer whose time was up may come with the epoch it had and take this one (KIP-890). Who
     * began anew meanwhile gets a larger one. */
    step->last_epoch = value->producer_epoch;
}

void transaction_complete(const struct transaction *transaction, int64_t now_ms,
                          struct transaction_step *step)
{
    const struct transaction_value *value = &transaction->value;
    check(transaction_is_decided(transaction));
    *step = transaction_begin_step(transaction,
                                   value->state == TRANSACTION_PREPARE_COMMIT
                                       ? TRANSACTION_COMPLETE_COMMIT
                                       : TRANSACTION_COMPLETE_ABORT,
                                   now_ms);
    if (value->next_producer_id >= 0) {
        step->next.producer_id = value->next_producer_id;
        step->next.producer_epoch = 0;
    }
}

/* Records ------------------------------------------------------------------------------------ */

void transaction_expect(struct transaction *transaction, const struct transaction_step *step)
{
    check(!transaction->is_pending); /* (5) */
    check(fsm_allows(&transaction_fsm, transaction->value.state, step->state));
    transaction->is_pending = true;
    transaction->pending_state = step->state;
    transaction->last_epoch = step->last_epoch;
}

void transaction_give_up(struct transaction *transaction)
{
    check(transaction->is_pending);
    transaction->is_pending = false;
}

static struct transaction_partitions
transaction_read_partitions(const struct transaction_log_value *record)
{
    struct transaction_partitions out = {0};
    int32_t count = 0;
    for (int32_t i = 0; i < record->partitions.count; i++) {
        count += record->partitions.items[i].indexes.count;
    }
    out.items = (struct transaction_partition *)memory_zero((size_t)count + 1, sizeof *out.items);
    for (int32_t i = 0; i < record->partitions.count; i++) {
        const struct transaction_log_value_topic *topic = &record->partitions.items[i];
        for (int32_t j = 0; j < topic->indexes.count; j++) {
            out.items[out.count++] = (struct transaction_partition){
                .topic = bytes_copy(topic->name), .index = topic->indexes.items[j]};
        }
    }
    transaction_partitions_settle(&out);
    return out;
}

int transaction_apply(struct transaction *transaction, const struct transaction_log_value *record,
                      bool is_replay)
{
    if (record->state < TRANSACTION_EMPTY || record->state > TRANSACTION_COMPLETE_ABORT ||
        record->producer_id < 0 || record->producer_epoch < 0) {
        return ERROR_CORRUPT;
    }
    struct transaction_value *value = &transaction->value;
    enum transaction_state state = (enum transaction_state)record->state;
    if (!is_replay && !transaction->is_new) {
        enum transaction_state from = value->state;
        if (transaction->pending_state == TRANSACTION_PREPARE_EPOCH_FENCE) {
            from = fsm_move(&transaction_fsm, from, TRANSACTION_PREPARE_EPOCH_FENCE);
        }
        state = fsm_move(&transaction_fsm, from, state); /* (1), (4) */
        check(record->producer_id != value->producer_id ||
              record->producer_epoch >= value->producer_epoch); /* (2) */
    }
    transaction_partitions_fini(&value->partitions);
    *value = (struct transaction_value){
        .state = state,
        .producer_id = record->producer_id,
        .previous_producer_id = record->previous_producer_id,
        .next_producer_id = record->next_producer_id,
        .producer_epoch = record->producer_epoch,
        .client_version = record->client_transaction_version,
        .timeout_ms = record->timeout_ms,
        .last_update_ms = record->last_update_ms,
        .start_ms = record->start_ms,
    };
    if (state == TRANSACTION_ONGOING || transaction_is_decided(transaction)) {
        value->partitions = transaction_read_partitions(record); /* (3) */
    }
    transaction->is_new = false;
    transaction->is_pending = false;
    return 0;
}

void transaction_print(const struct transaction *transaction, struct buffer *out)
{
    const struct transaction_value *value = &transaction->value;
    buffer_printf(out,
                  "%.*s %s producer=%" PRId64 " epoch=%d previous=%" PRId64 " next=%" PRId64
                  " version=%d timeout=%" PRId32 " updated=%" PRId64 " started=%" PRId64 "\n",
                  BYTES_FORMAT(transaction->id), transaction_state_name(value->state),
                  value->producer_id, value->producer_epoch, value->previous_producer_id,
                  value->next_producer_id, value->client_version, value->timeout_ms,
                  value->last_update_ms, value->start_ms);
    for (int32_t i = 0; i < value->partitions.count; i++) {
        buffer_printf(out, "  %.*s-%" PRId32 "\n", BYTES_FORMAT(value->partitions.items[i].topic),
                      value->partitions.items[i].index);
    }
}

void transaction_check(const struct transaction *transaction)
{
    const struct transaction_value *value = &transaction->value;
    check(value->state <= TRANSACTION_COMPLETE_ABORT);
    check(transaction->is_new || value->producer_id >= 0);
    check(transaction->is_new || value->producer_epoch >= 0);
    bool may_have = value->state == TRANSACTION_ONGOING || transaction_is_decided(transaction);
    check(may_have || value->partitions.count == 0); /* (3) */
    for (int32_t i = 1; i < value->partitions.count; i++) {
        check(transaction_partition_compare(&value->partitions.items[i - 1],
                                            &value->partitions.items[i]) < 0); /* (3) */
    }
    check(!transaction->is_pending ||
          fsm_allows(&transaction_fsm, value->state, transaction->pending_state)); /* (1) */
}
