/* What admins see of transactions (KIP-664); see transactor.h. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/topic_regex.h"
#include "log/coordinator/transactor_state.h"

static bool transactor_is_known_state(struct bytes name)
{
    for (unsigned state = 0; state < TRANSACTION_STATE_COUNT; state++) {
        if (bytes_equal_string(name, transaction_state_name((enum transaction_state)state))) {
            return true;
        }
    }
    return false;
}

/* Whether an empty list or one of its names lets the state pass. */
static bool transactor_is_state_wanted(const struct list_transactions_request *in,
                                       enum transaction_state state)
{
    for (int32_t i = 0; i < in->state_filters.count; i++) {
        if (bytes_equal_string(in->state_filters.items[i], transaction_state_name(state))) {
            return true;
        }
    }
    return in->state_filters.count <= 0;
}

static bool transactor_is_producer_wanted(const struct list_transactions_request *in,
                                          int64_t producer_id)
{
    for (int32_t i = 0; i < in->producer_id_filters.count; i++) {
        if (in->producer_id_filters.items[i] == producer_id) {
            return true;
        }
    }
    return in->producer_id_filters.count <= 0;
}

/* Whether no pattern or this one lets the id pass; one that needs too much does not. */
static bool transactor_is_id_wanted(struct topic_regex *regex, struct bytes id)
{
    return regex == NULL || topic_regex_matches(regex, id) == 1;
}

static bool transactor_is_listed(const struct list_transactions_request *in,
                                 struct topic_regex *regex, const struct transaction *transaction,
                                 int64_t now_ms)
{
    const struct transaction_value *value = &transaction->value;
    bool is_long = in->duration_filter_ms < 0 ||
                   (value->start_ms >= 0 && now_ms - value->start_ms > in->duration_filter_ms);
    return !transaction->is_new && is_long && transactor_is_state_wanted(in, value->state) &&
           transactor_is_producer_wanted(in, value->producer_id) &&
           transactor_is_id_wanted(regex, transaction->id);
}

static void transactor_list_unknown_states(const struct list_transactions_request *in,
                                           struct arena *arena,
                                           struct list_transactions_response *out)
{
    out->unknown_state_filters.items =
        arena_array(arena, struct bytes, in->state_filters.count + 1);
    for (int32_t i = 0; i < in->state_filters.count; i++) {
        if (!transactor_is_known_state(in->state_filters.items[i])) {
            out->unknown_state_filters.items[out->unknown_state_filters.count++] =
                in->state_filters.items[i];
        }
    }
}

static void transactor_list_matching(const struct transactor *transactor,
                                     const struct list_transactions_request *in,
                                     struct topic_regex *regex, struct arena *arena,
                                     struct list_transactions_response *out)
{
    int64_t now_ms = io_wall_clock(transactor->io);
    for (int32_t i = 0; i < transactor->shelf_count; i++) {
        for (map_each (&transactor->shelves[i].items, entry)) {
            const struct transactor_item *item = (const struct transactor_item *)entry->value;
            const struct transaction *transaction = item->transaction;
            if (transactor_is_listed(in, regex, transaction, now_ms)) {
                out->transactions.items[out->transactions.count++] =
                    (struct list_transactions_response_transaction){
                        .transactional_id = arena_copy(arena, transaction->id),
                        .producer_id = transaction->value.producer_id,
                        .state =
                            bytes_from_string(transaction_state_name(transaction->value.state)),
                    };
            }
        }
    }
}

void transactor_list(const struct transactor *transactor,
                     const struct list_transactions_request *in, struct arena *arena,
                     struct list_transactions_response *out)
{
    size_t count = 0;
    *out = (struct list_transactions_response){0};
    for (int32_t i = 0; i < transactor->shelf_count; i++) {
        count += transactor->shelves[i].items.size;
        if (journal_status(transactor->journal, i) == JOURNAL_LOADING) {
            out->error_code = error_code(ERROR_COORDINATOR_LOAD_IN_PROGRESS);
            return;
        }
    }
    struct topic_regex *regex = NULL;
    struct bytes reason;
    if (in->transactional_id_pattern.size > 0 &&
        topic_regex_new(in->transactional_id_pattern, arena, &regex, &reason) != 0) {
        out->error_code = error_code(ERROR_INVALID_REGULAR_EXPRESSION);
        return;
    }
    transactor_list_unknown_states(in, arena, out);
    out->transactions.items =
        arena_array(arena, struct list_transactions_response_transaction, count + 1);
    transactor_list_matching(transactor, in, regex, arena, out);
    topic_regex_free(regex);
}

/* Partitions by topic; while the end is being written those that have no marker yet. */
static void transactor_describe_partitions(const struct transactor_item *item, struct arena *arena,
                                           struct describe_transactions_response_transaction *out)
{
    const struct transaction_partitions *partitions = &item->transaction->value.partitions;
    int32_t *indexes = arena_array(arena, int32_t, partitions->count + 1);
    out->topics.items =
        arena_array(arena, struct describe_transactions_response_topic, partitions->count + 1);
    for (int32_t i = 0; i < partitions->count; i++) {
        const struct transaction_partition *partition = &partitions->items[i];
        if (!transactor_needs_marker(item, partition)) {
            continue;
        }
        struct describe_transactions_response_topic *topic =
            out->topics.count == 0 ? NULL : &out->topics.items[out->topics.count - 1];
        if (topic == NULL || !bytes_equal(topic->name, partition->topic)) {
            topic = &out->topics.items[out->topics.count++];
            topic->name = arena_copy(arena, partition->topic);
            topic->partitions.items = indexes + i;
        }
        topic->partitions.items[topic->partitions.count++] = partition->index;
    }
}

void transactor_describe(const struct transactor *transactor, struct bytes transactional_id,
                         struct arena *arena,
                         struct describe_transactions_response_transaction *out)
{
    int error = 0;
    const struct transactor_item *item = transactor_find(transactor, transactional_id, &error);
    *out = (struct describe_transactions_response_transaction){.transactional_id = transactional_id,
                                                               .state = BYTES_LITERAL("")};
    if (error == 0 && (item == NULL || item->transaction->is_new)) {
        error = ERROR_TRANSACTIONAL_ID_NOT_FOUND;
    }
    out->error_code = error_code(error);
    if (error != 0) {
        return;
    }
    const struct transaction_value *value = &item->transaction->value;
    out->state = bytes_from_string(transaction_state_name(value->state));
    out->timeout_ms = value->timeout_ms;
    out->start_time_ms = value->start_ms;
    out->producer_id = value->producer_id;
    out->producer_epoch = value->producer_epoch;
    transactor_describe_partitions(item, arena, out);
}
