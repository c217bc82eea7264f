/* tidemill txn producers: who writes into partitions with an id, in a transaction or not. */
#include "runtime/cli/grid.h"
#include "runtime/cli/txn_query.h"

struct producers_values {
    struct errand_flags errand;
};

static const struct grid_column columns[] = {
    {"TOPIC", "topic", false},
    {"PARTITION", "partition", true},
    {"PRODUCER-ID", "producer_id", true},
    {"EPOCH", "producer_epoch", true},
    {"COORDINATOR-EPOCH", "coordinator_epoch", true},
    {"LAST-SEQUENCE", "last_sequence", true},
    {"LAST-TIMESTAMP", "last_timestamp_ms", true},
    {"START-OFFSET", "start_offset", true},
};

/* As kafka-transactions names them; it asks for one partition. */
static const struct grid_column columns_kafka[] = {
    {"ProducerId", "producer_id", true},
    {"ProducerEpoch", "producer_epoch", true},
    {"LatestCoordinatorEpoch", "coordinator_epoch", true},
    {"LastSequence", "last_sequence", true},
    {"LastTimestamp", "last_timestamp_ms", true},
    {"CurrentTransactionStartOffset", "start_offset", true},
};

static void add_producer(struct grid *grid, bool is_kafka, const struct topic_choice_row *row,
                         const struct describe_producers_response_active_producer *producer)
{
    if (!is_kafka) {
        grid_add_string(grid, row->topic);
        grid_add_number(grid, row->partition);
    }
    grid_add_number(grid, producer->producer_id);
    grid_add_number(grid, producer->producer_epoch);
    grid_add_number(grid, producer->coordinator_epoch);
    grid_add_number(grid, producer->last_sequence);
    grid_add_number(grid, producer->last_timestamp_ms);
    if (producer->current_transaction_start_offset < 0) {
        grid_add_nothing(grid);
    } else {
        grid_add_number(grid, producer->current_transaction_start_offset);
    }
}

static int list_producers(struct errand *errand, const struct flag_list *words, struct grid *grid)
{
    struct topic_choice choice;
    const struct topic_choice_flags flags = {0};
    int code = topic_choice_partitions(errand, &flags, words, &choice);
    for (size_t i = 0; code == COMMAND_OK && i < choice.count; i++) {
        const struct describe_producers_response_partition *partition;
        code = txn_query_ask_partition(errand, &choice.rows[i], &partition);
        for (int32_t j = 0; code == COMMAND_OK && j < partition->active_producers.count; j++) {
            add_producer(grid, errand->is_kafka, &choice.rows[i],
                         &partition->active_producers.items[j]);
        }
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct producers_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != COMMAND_OK) {
        return code;
    }
    struct grid grid;
    if (errand.is_kafka) {
        grid_init(&grid, columns_kafka, sizeof columns_kafka / sizeof *columns_kafka);
    } else {
        grid_init(&grid, columns, sizeof columns / sizeof *columns);
    }
    code = list_producers(&errand, arguments, &grid);
    txn_query_end(&errand, &grid, code == COMMAND_OK);
    return code;
}

static const struct flag flags[] = {
    ERRAND_OUTPUT_FLAG(struct producers_values),
    ERRAND_FLAGS(struct producers_values),
};

const struct command command_txn_producers = {
    .noun = "txn",
    .verb = "producers",
    .arguments = "TOPIC[:PARTITION]...",
    .summary = "lists who writes into partitions with an id",
    .examples = "tidemill txn producers orders:0\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct producers_values),
    .argument_min = 1,
    .argument_max = -1,
    .run = run,
};
