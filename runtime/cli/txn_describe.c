/* tidemill txn describe: who writes under a transactional id, and how far its transaction is. */
#include "log/base/error.h"
#include "runtime/cli/grid.h"
#include "runtime/cli/txn_query.h"

#include <inttypes.h>

struct describe_values {
    struct errand_flags errand;
};

static const struct grid_column columns[] = {
    {"TRANSACTIONAL-ID", "transactional_id", false},
    {"COORDINATOR", "coordinator", true},
    {"PRODUCER-ID", "producer_id", true},
    {"EPOCH", "producer_epoch", true},
    {"STATE", "state", false},
    {"TIMEOUT-MS", "timeout_ms", true},
    {"START-TIME-MS", "start_time_ms", true},
    {"PARTITIONS", "partitions", false},
};

/* As kafka-transactions names them. */
static const struct grid_column columns_kafka[] = {
    {"CoordinatorId", "coordinator", true},
    {"TransactionalId", "transactional_id", false},
    {"ProducerId", "producer_id", true},
    {"ProducerEpoch", "producer_epoch", true},
    {"TransactionState", "state", false},
    {"TransactionTimeoutMs", "timeout_ms", true},
    {"CurrentTransactionStartTimeMs", "start_time_ms", true},
    {"TransactionDurationMs", "duration_ms", true},
    {"TopicPartitions", "partitions", false},
};

static void add_partitions(struct grid *grid,
                           const struct describe_transactions_response_transaction *row,
                           bool is_kafka)
{
    struct buffer text;
    buffer_init(&text);
    for (int32_t i = 0; i < row->topics.count; i++) {
        const struct describe_transactions_response_topic *topic = &row->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            buffer_printf(&text, "%s%.*s-%" PRId32, text.size > 0 ? "," : "",
                          BYTES_FORMAT(topic->name), topic->partitions.items[j]);
        }
    }
    if (text.size > 0) {
        grid_add(grid, buffer_bytes(&text));
    } else if (is_kafka) {
        grid_add_string(grid, "");
    } else {
        grid_add_nothing(grid);
    }
    buffer_fini(&text);
}

static void add_times(struct errand *errand,
                      const struct describe_transactions_response_transaction *row,
                      struct grid *grid)
{
    if (row->start_time_ms < 0) {
        grid_add_nothing(grid);
    } else {
        grid_add_number(grid, row->start_time_ms);
    }
    if (errand->is_kafka && row->start_time_ms < 0) {
        grid_add_nothing(grid);
    } else if (errand->is_kafka) {
        grid_add_number(grid, io_wall_clock(errand->world->io) - row->start_time_ms);
    }
}

static int describe(struct errand *errand, const char *id, struct grid *grid)
{
    struct txn_query query;
    int code = txn_query_ask(errand, id, &query);
    if (code != COMMAND_OK) {
        return code;
    }
    const struct describe_transactions_response_transaction *row = query.row;
    if (errand->is_kafka) {
        grid_add_number(grid, query.node_id);
        grid_add_string(grid, id);
    } else {
        grid_add_string(grid, id);
        grid_add_number(grid, query.node_id);
    }
    grid_add_number(grid, row->producer_id);
    grid_add_number(grid, row->producer_epoch);
    grid_add(grid, row->state);
    grid_add_number(grid, row->timeout_ms);
    add_times(errand, row, grid);
    add_partitions(grid, row, errand->is_kafka);
    return COMMAND_OK;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct describe_values *values = given;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != 0) {
        return code;
    }
    struct grid grid;
    if (errand.is_kafka) {
        grid_init(&grid, columns_kafka, sizeof columns_kafka / sizeof *columns_kafka);
    } else {
        grid_init(&grid, columns, sizeof columns / sizeof *columns);
    }
    for (size_t i = 0; i < arguments->count; i++) {
        int result = describe(&errand, arguments->items[i], &grid);
        code = result != COMMAND_OK ? result : code;
    }
    txn_query_end(&errand, &grid, grid.cell_count > 0);
    return code;
}

static const struct flag flags[] = {
    ERRAND_OUTPUT_FLAG(struct describe_values),
    ERRAND_FLAGS(struct describe_values),
};

const struct command command_txn_describe = {
    .noun = "txn",
    .verb = "describe",
    .arguments = "ID...",
    .summary = "shows the transaction of transactional ids",
    .examples = "tidemill txn describe payments-1 -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct describe_values),
    .argument_min = 1,
    .argument_max = -1,
    .run = run,
};
