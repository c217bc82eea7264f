/* tidemill txn abort: ends what an id has open, under an epoch that its producer does not have; or
 * what hangs in a partition and no coordinator knows of. */
#include "log/base/error.h"
#include "runtime/cli/txn_query.h"

#include <inttypes.h>

enum { TRY_COUNT_MAX = 100 };

struct abort_values {
    struct errand_flags errand;
    struct flag_list places;
    int64_t producer_id;
    int64_t start_offset;
};

static const struct abort_values initial = {.producer_id = -1, .start_offset = -1};

/* A new producer under the id fences the old one and aborts what it had open. */
static int take_over(struct errand *errand, const char *id, const struct txn_query *query,
                     const struct init_producer_id_response **out)
{
    struct init_producer_id_request request = {.transactional_id = bytes_from_string(id),
                                               .transaction_timeout_ms = query->row->timeout_ms,
                                               .producer_id = -1,
                                               .producer_epoch = -1};
    for (int i = 0; i < TRY_COUNT_MAX; i++) {
        const void *found;
        int error = errand_call(errand, query->node_id, API_INIT_PRODUCER_ID, 5, &request, &found);
        if (error != 0) {
            return error;
        }
        *out = found;
        error = (*out)->error_code == 0 ? 0 : error_from_code((*out)->error_code);
        if (error != ERROR_CONCURRENT_TRANSACTIONS) {
            return error;
        }
        error = errand_pause(errand); /* it is being aborted */
        if (error != 0) {
            return error;
        }
    }
    return ERROR_CONCURRENT_TRANSACTIONS;
}

static int abort_id(struct errand *errand, const char *id)
{
    struct txn_query query;
    const struct init_producer_id_response *response = NULL;
    int code = txn_query_ask(errand, id, &query);
    if (code != COMMAND_OK) {
        return code;
    }
    bool was_open = bytes_equal_string(query.row->state, "Ongoing");
    int error = take_over(errand, id, &query, &response);
    if (error != 0) {
        return errand_fail(errand, error, id);
    }
    buffer_printf(&errand->out,
                  was_open ? "Aborted the transaction of %s; its producer %" PRId64
                             " is fenced at epoch %d.\n"
                           : "%s had no transaction open; its producer %" PRId64
                             " is fenced at epoch %d.\n",
                  id, response->producer_id, response->producer_epoch);
    return COMMAND_OK;
}

/* What hangs in a partition ------------------------------------------------------------------- */

static int write_marker(struct errand *errand, const struct topic_choice_row *row,
                        const struct describe_producers_response_active_producer *producer)
{
    int32_t index = row->partition;
    struct write_txn_markers_request_topic topic = {
        .name = bytes_from_string(row->topic), .partition_indexes = {.items = &index, .count = 1}};
    struct write_txn_markers_request_marker marker = {
        .producer_id = producer->producer_id,
        .producer_epoch = (int16_t)producer->producer_epoch,
        .coordinator_epoch = producer->coordinator_epoch < 0 ? 0 : producer->coordinator_epoch,
        .topics = {.items = &topic, .count = 1}};
    struct write_txn_markers_request request = {.markers = {.items = &marker, .count = 1}};
    const void *found;
    int error = errand_call(errand, row->leader, API_WRITE_TXN_MARKERS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, row->topic);
    }
    const struct write_txn_markers_response *response = found;
    int16_t code = response->markers.items[0].topics.items[0].partitions.items[0].error_code;
    if (code != 0) {
        return errand_refuse(errand, row->topic, code, bytes_make(NULL, 0));
    }
    buffer_printf(&errand->out,
                  "Aborted the transaction of producer %" PRId64 " in %s-%" PRId32
                  ", open from offset %" PRId64 ".\n",
                  producer->producer_id, row->topic, row->partition,
                  producer->current_transaction_start_offset);
    return COMMAND_OK;
}

static bool is_meant(const struct abort_values *values,
                     const struct describe_producers_response_active_producer *producer)
{
    int64_t start_offset = producer->current_transaction_start_offset;
    return start_offset >= 0 &&
           (values->producer_id < 0 || values->producer_id == producer->producer_id) &&
           (values->start_offset < 0 || values->start_offset == start_offset);
}

static int abort_in_partition(struct errand *errand, const struct abort_values *values,
                              const struct topic_choice_row *row, int *count)
{
    const struct describe_producers_response_partition *partition;
    int code = txn_query_ask_partition(errand, row, &partition);
    if (code != COMMAND_OK) {
        return code;
    }
    for (int32_t i = 0; code == COMMAND_OK && i < partition->active_producers.count; i++) {
        const struct describe_producers_response_active_producer *producer =
            &partition->active_producers.items[i];
        if (is_meant(values, producer)) {
            code = write_marker(errand, row, producer);
            ++*count;
        }
    }
    return code;
}

static int abort_in_places(struct errand *errand, const struct abort_values *values)
{
    struct topic_choice choice;
    struct topic_choice_flags flags = {0};
    int count = 0;
    int code = topic_choice_partitions(errand, &flags, &values->places, &choice);
    for (size_t i = 0; code == COMMAND_OK && i < choice.count; i++) {
        code = abort_in_partition(errand, values, &choice.rows[i], &count);
    }
    if (code == COMMAND_OK && count == 0 && values->start_offset >= 0) {
        return command_fail(errand->world,
                            "no transaction that is open there begins at offset %" PRId64
                            "; `tidemill txn ls -t %s` shows what is",
                            values->start_offset, values->places.items[0]);
    }
    if (code == COMMAND_OK && count == 0) {
        return command_fail(errand->world,
                            "producer %" PRId64 " has no transaction open there; `tidemill txn ls "
                            "-t %s` shows what is",
                            values->producer_id, values->places.items[0]);
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct abort_values *values = given;
    struct errand errand;
    bool has_places = values->places.count > 0;
    if (has_places == (arguments->count > 0)) {
        return command_misuse(world, "say which: transactional ids, or -t TOPIC[:PARTITION] with "
                                     "-p PRODUCER-ID for what hangs there");
    }
    if (has_places && values->producer_id < 0 && values->start_offset < 0) {
        return command_misuse(
            world,
            "-t needs -p PRODUCER-ID or --start-offset N; `tidemill txn ls -t %s` "
            "shows whose transactions are open there",
            values->places.items[0]);
    }
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    if (has_places) {
        code = abort_in_places(&errand, values);
    }
    for (size_t i = 0; i < arguments->count; i++) {
        int result = abort_id(&errand, arguments->items[i]);
        code = result != COMMAND_OK ? result : code;
    }
    errand_close(&errand);
    return code;
}

static const struct flag flags[] = {
    FLAG('t', "topic", LIST, struct abort_values, places, "TOPIC[:PARTITION]",
         "what hangs in these partitions, though no coordinator knows of it"),
    FLAG('p', "producer-id", INT, struct abort_values, producer_id, "N", "whose, with -t"),
    FLAG(0, "start-offset", INT, struct abort_values, start_offset, "N",
         "the one that begins there, with -t"),
    ERRAND_FLAGS(struct abort_values),
};

const struct command command_txn_abort = {
    .noun = "txn",
    .verb = "abort",
    .arguments = "[ID...]",
    .summary = "aborts open transactions and fences their producers",
    .examples = "tidemill txn abort payments-1\n"
                "tidemill txn abort -t orders:0 -p 4711\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct abort_values),
    .initial = &initial,
    .argument_min = 0,
    .argument_max = -1,
    .run = run,
};
