/* tidemill txn ls: the transactional ids of the cluster, or what is open in partitions. */
#include "log/base/error.h"
#include "runtime/cli/errand.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/txn_query.h"

struct ls_values {
    struct errand_flags errand;
    struct flag_list states;
    struct flag_list places;
    int64_t longer_than_ms;
    int64_t producer_id;
    const char *pattern;
};

static const struct ls_values initial = {.longer_than_ms = -1, .producer_id = -1};

static const struct grid_column id_columns[] = {
    {"TRANSACTIONAL-ID", "transactional_id", false},
    {"COORDINATOR", "coordinator", true},
    {"PRODUCER-ID", "producer_id", true},
    {"STATE", "state", false},
};

/* As kafka-transactions names them. */
static const struct grid_column id_columns_kafka[] = {
    {"TransactionalId", "transactional_id", false},
    {"Coordinator", "coordinator", true},
    {"ProducerId", "producer_id", true},
    {"TransactionState", "state", false},
};

static const struct grid_column place_columns[] = {
    {"TOPIC", "topic", false},
    {"PARTITION", "partition", true},
    {"PRODUCER-ID", "producer_id", true},
    {"EPOCH", "producer_epoch", true},
    {"COORDINATOR-EPOCH", "coordinator_epoch", true},
    {"START-OFFSET", "start_offset", true},
    {"LAST-TIMESTAMP", "last_timestamp_ms", true},
};

static int complain_of_states(struct command_world *world,
                              const struct list_transactions_response *response)
{
    if (response->unknown_state_filters.count == 0) {
        return COMMAND_OK;
    }
    return command_misuse(world,
                          "there is no state '%.*s'; states are Empty, Ongoing, PrepareCommit, "
                          "PrepareAbort, CompleteCommit, CompleteAbort",
                          BYTES_FORMAT(response->unknown_state_filters.items[0]));
}

static int list_ids(struct errand *errand, const struct ls_values *values, struct grid *grid)
{
    const struct metadata_response *metadata;
    struct list_transactions_request request;
    wire_set_defaults(&list_transactions_request_schema, &request);
    request.duration_filter_ms = values->longer_than_ms;
    request.transactional_id_pattern = bytes_from_string(values->pattern);
    request.state_filters.items =
        arena_array(&errand->arena, struct bytes, values->states.count + 1);
    for (size_t i = 0; i < values->states.count; i++) {
        request.state_filters.items[request.state_filters.count++] =
            bytes_from_string(values->states.items[i]);
    }
    int64_t producer_id = values->producer_id;
    request.producer_id_filters.items = &producer_id;
    request.producer_id_filters.count = producer_id >= 0;
    int code = COMMAND_OK;
    int error = errand_read_metadata(errand, NULL, 0, &metadata);
    for (int32_t i = 0; error == 0 && code == COMMAND_OK && i < metadata->brokers.count; i++) {
        int32_t node_id = metadata->brokers.items[i].node_id;
        const void *found;
        error = errand_call(errand, node_id, API_LIST_TRANSACTIONS, -1, &request, &found);
        const struct list_transactions_response *response = error == 0 ? found : NULL;
        if (error == 0 && response->error_code != 0) {
            error = error_from_code(response->error_code);
        }
        for (int32_t j = 0; error == 0 && j < response->transactions.count; j++) {
            grid_add(grid, response->transactions.items[j].transactional_id);
            grid_add_number(grid, node_id);
            grid_add_number(grid, response->transactions.items[j].producer_id);
            grid_add(grid, response->transactions.items[j].state);
        }
        code = error == 0 ? complain_of_states(errand->world, response) : COMMAND_OK;
    }
    return error == 0 ? code : errand_fail(errand, error, "listing transactions");
}

static void add_open(struct grid *grid, const struct ls_values *values,
                     const struct topic_choice_row *row,
                     const struct describe_producers_response_partition *partition)
{
    for (int32_t i = 0; i < partition->active_producers.count; i++) {
        const struct describe_producers_response_active_producer *producer =
            &partition->active_producers.items[i];
        bool is_wanted = values->producer_id < 0 || values->producer_id == producer->producer_id;
        if (producer->current_transaction_start_offset < 0 || !is_wanted) {
            continue;
        }
        grid_add_string(grid, row->topic);
        grid_add_number(grid, row->partition);
        grid_add_number(grid, producer->producer_id);
        grid_add_number(grid, producer->producer_epoch);
        grid_add_number(grid, producer->coordinator_epoch);
        grid_add_number(grid, producer->current_transaction_start_offset);
        grid_add_number(grid, producer->last_timestamp_ms);
    }
}

static int list_places(struct errand *errand, const struct ls_values *values, struct grid *grid)
{
    struct topic_choice choice;
    struct topic_choice_flags flags = {0};
    int code = topic_choice_partitions(errand, &flags, &values->places, &choice);
    for (size_t i = 0; code == COMMAND_OK && i < choice.count; i++) {
        const struct describe_producers_response_partition *partition;
        code = txn_query_ask_partition(errand, &choice.rows[i], &partition);
        if (code == COMMAND_OK) {
            add_open(grid, values, &choice.rows[i], partition);
        }
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    (void)arguments;
    const struct ls_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    bool has_places = values->places.count > 0;
    struct grid grid;
    if (has_places) {
        grid_init(&grid, place_columns, sizeof place_columns / sizeof *place_columns);
    } else {
        grid_init(&grid, errand.is_kafka ? id_columns_kafka : id_columns,
                  sizeof id_columns / sizeof *id_columns);
    }
    code = has_places ? list_places(&errand, values, &grid) : list_ids(&errand, values, &grid);
    txn_query_end(&errand, &grid, code == COMMAND_OK);
    return code;
}

static const struct flag flags[] = {
    FLAG('s', "state", LIST, struct ls_values, states, "STATE",
         "only ids in this state, such as Ongoing; may be repeated"),
    FLAG('l', "longer-than", DURATION, struct ls_values, longer_than_ms, "DURATION",
         "only transactions that were begun longer ago"),
    FLAG('p', "producer-id", INT, struct ls_values, producer_id, "N", "only of this producer"),
    FLAG('r', "pattern", STRING, struct ls_values, pattern, "REGEX",
         "only ids that match; brokers from 4.1 on"),
    FLAG('t', "topic", LIST, struct ls_values, places, "TOPIC[:PARTITION]",
         "what is open in these partitions instead, whoever began it"),
    ERRAND_OUTPUT_FLAG(struct ls_values),
    ERRAND_FLAGS(struct ls_values),
};

const struct command command_txn_ls = {
    .noun = "txn",
    .verb = "ls",
    .arguments = "",
    .summary = "lists transactional ids",
    .examples = "tidemill txn ls --state Ongoing --longer-than 10m\n"
                "tidemill txn ls -t orders:0\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct ls_values),
    .initial = &initial,
    .argument_max = 0,
    .run = run,
};
