/* Asks coordinators about transactional ids, leaders about producers; see txn_query.h. */
#include "runtime/cli/txn_query.h"

#include "log/base/error.h"

int txn_query_ask(struct errand *errand, const char *id, struct txn_query *out)
{
    int error = errand_find_transaction_coordinator(errand, id, &out->node_id);
    struct bytes name = bytes_from_string(id);
    struct describe_transactions_request request = {
        .transactional_ids = {.items = &name, .count = 1}};
    const void *found = NULL;
    if (error == 0) {
        error = errand_call(errand, out->node_id, API_DESCRIBE_TRANSACTIONS, -1, &request, &found);
    }
    if (error != 0) {
        return errand_fail(errand, error, id);
    }
    const struct describe_transactions_response *response = found;
    if (response->transactions.count != 1) {
        return errand_fail(errand, ERROR_MALFORMED, id);
    }
    out->row = &response->transactions.items[0];
    if (error_from_code(out->row->error_code) == ERROR_TRANSACTIONAL_ID_NOT_FOUND) {
        return command_fail(errand->world,
                            "there is no transactional id '%s'; `tidemill txn ls` shows all", id);
    }
    return out->row->error_code == 0
               ? COMMAND_OK
               : errand_refuse(errand, id, out->row->error_code, bytes_make(NULL, 0));
}

int txn_query_find_id(struct errand *errand, int64_t producer_id, const char **id)
{
    struct list_transactions_request request;
    const struct metadata_response *metadata = NULL;
    wire_set_defaults(&list_transactions_request_schema, &request);
    request.duration_filter_ms = -1;
    request.producer_id_filters.items = &producer_id;
    request.producer_id_filters.count = 1;
    *id = NULL;
    int error = errand_read_metadata(errand, NULL, 0, &metadata);
    for (int32_t i = 0; error == 0 && *id == NULL && i < metadata->brokers.count; i++) {
        const void *found = NULL;
        error = errand_call(errand, metadata->brokers.items[i].node_id, API_LIST_TRANSACTIONS, -1,
                            &request, &found);
        const struct list_transactions_response *response = found;
        if (error == 0 && response->error_code != 0) {
            error = error_from_code(response->error_code);
        }
        if (error == 0 && response->transactions.count > 0) {
            *id = arena_string(&errand->arena, response->transactions.items[0].transactional_id);
        }
    }
    return error == 0 ? COMMAND_OK : errand_fail(errand, error, "looking for transactional ids");
}

int txn_query_ask_partition(struct errand *errand, const struct topic_choice_row *row,
                            const struct describe_producers_response_partition **out)
{
    int32_t index = row->partition;
    struct describe_producers_request_topic topic = {
        .name = bytes_from_string(row->topic), .partition_indexes = {.items = &index, .count = 1}};
    struct describe_producers_request request = {.topics = {.items = &topic, .count = 1}};
    const void *found;
    int error = errand_call(errand, row->leader, API_DESCRIBE_PRODUCERS, -1, &request, &found);
    if (error != 0) {
        return errand_fail(errand, error, row->topic);
    }
    const struct describe_producers_response *response = found;
    if (response->topics.count != 1 || response->topics.items[0].partitions.count != 1) {
        return errand_fail(errand, ERROR_MALFORMED, row->topic);
    }
    const struct describe_producers_response_partition *partition =
        &response->topics.items[0].partitions.items[0];
    if (partition->error_code != 0) {
        return errand_refuse(errand, row->topic, partition->error_code, partition->error_message);
    }
    *out = partition;
    return COMMAND_OK;
}

void txn_query_end(struct errand *errand, struct grid *grid, bool is_shown)
{
    if (is_shown && errand->is_kafka) {
        grid_print_tabs(grid, &errand->out);
    } else if (is_shown) {
        grid_print(grid, errand->is_json, &errand->out);
    }
    grid_fini(grid);
    errand_close(errand);
}
