/* tidemill txn hanging: transactions that are open in a partition and that no coordinator will end.
 *
 * As Kafka's tool (KIP-664): what is open there longer than any transaction may be, and is not in
 * the transaction that its coordinator knows of, waits for ever, and so do its readers. */
#include "runtime/cli/grid.h"
#include "runtime/cli/txn_query.h"

#include <string.h>

enum { HANGING_DEFAULT_MS = 15 * 60 * 1000, MINUTE_MS = 60 * 1000 };

struct hanging_values {
    struct errand_flags errand;
    int64_t longer_than_ms;
};

static const struct hanging_values initial = {.longer_than_ms = HANGING_DEFAULT_MS};

static const struct grid_column columns[] = {
    {"TOPIC", "topic", false},
    {"PARTITION", "partition", true},
    {"PRODUCER-ID", "producer_id", true},
    {"EPOCH", "producer_epoch", true},
    {"COORDINATOR-EPOCH", "coordinator_epoch", true},
    {"START-OFFSET", "start_offset", true},
    {"LAST-TIMESTAMP", "last_timestamp_ms", true},
    {"MINUTES", "minutes", true},
};

/* As kafka-transactions names them. */
static const struct grid_column columns_kafka[] = {
    {"Topic", "topic", false},
    {"Partition", "partition", true},
    {"ProducerId", "producer_id", true},
    {"ProducerEpoch", "producer_epoch", true},
    {"CoordinatorEpoch", "coordinator_epoch", true},
    {"StartOffset", "start_offset", true},
    {"LastTimestamp", "last_timestamp_ms", true},
    {"Duration(min)", "minutes", true},
};

static bool has_partition(const struct describe_transactions_response_transaction *transaction,
                          const struct topic_choice_row *row)
{
    for (int32_t i = 0; i < transaction->topics.count; i++) {
        const struct describe_transactions_response_topic *topic = &transaction->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            if (topic->partitions.items[j] == row->partition &&
                bytes_equal_string(topic->name, row->topic)) {
                return true;
            }
        }
    }
    return false;
}

/* Whether a coordinator has the partition in the producer's transaction. */
static int ask_coordinator(struct errand *errand, const struct topic_choice_row *row,
                           int64_t producer_id, bool *is_known)
{
    struct txn_query query;
    const char *id = NULL;
    *is_known = false;
    int code = txn_query_find_id(errand, producer_id, &id);
    if (code != COMMAND_OK || id == NULL) {
        return code;
    }
    code = txn_query_ask(errand, id, &query);
    *is_known = code == COMMAND_OK && query.row->producer_id == producer_id &&
                has_partition(query.row, row);
    return code;
}

static void add_row(struct grid *grid, const struct topic_choice_row *row,
                    const struct describe_producers_response_active_producer *producer,
                    int64_t age_ms)
{
    grid_add_string(grid, row->topic);
    grid_add_number(grid, row->partition);
    grid_add_number(grid, producer->producer_id);
    grid_add_number(grid, producer->producer_epoch);
    grid_add_number(grid, producer->coordinator_epoch);
    grid_add_number(grid, producer->current_transaction_start_offset);
    grid_add_number(grid, producer->last_timestamp_ms);
    grid_add_number(grid, age_ms / MINUTE_MS);
}

static int find_in_partition(struct errand *errand, int64_t longer_than_ms,
                             const struct topic_choice_row *row, struct grid *grid)
{
    const struct describe_producers_response_partition *partition;
    int64_t now_ms = io_wall_clock(errand->world->io);
    int code = txn_query_ask_partition(errand, row, &partition);
    for (int32_t i = 0; code == COMMAND_OK && i < partition->active_producers.count; i++) {
        const struct describe_producers_response_active_producer *producer =
            &partition->active_producers.items[i];
        int64_t age_ms = now_ms - producer->last_timestamp_ms;
        bool is_known = true;
        if (producer->current_transaction_start_offset >= 0 && age_ms > longer_than_ms) {
            code = ask_coordinator(errand, row, producer->producer_id, &is_known);
        }
        if (code == COMMAND_OK && !is_known) {
            add_row(grid, row, producer, age_ms);
        }
    }
    return code;
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    const struct hanging_values *values = given;
    const struct topic_choice_flags any = {0};
    struct topic_choice choice;
    struct errand errand;
    int code = errand_open(&errand, world, &values->errand, NULL, NULL);
    if (code != COMMAND_OK) {
        return code;
    }
    struct grid grid;
    grid_init(&grid, errand.is_kafka ? columns_kafka : columns, sizeof columns / sizeof *columns);
    code = topic_choice_partitions(&errand, &any, arguments, &choice);
    for (size_t i = 0; code == COMMAND_OK && i < choice.count; i++) {
        code = find_in_partition(&errand, values->longer_than_ms, &choice.rows[i], &grid);
    }
    txn_query_end(&errand, &grid, code == COMMAND_OK);
    return code;
}

static const struct flag flags[] = {
    FLAG('l', "longer-than", DURATION, struct hanging_values, longer_than_ms, "DURATION",
         "only what got its last record longer ago (default: 15m)"),
    ERRAND_OUTPUT_FLAG(struct hanging_values),
    ERRAND_FLAGS(struct hanging_values),
};

const struct command command_txn_hanging = {
    .noun = "txn",
    .verb = "hanging",
    .arguments = "[TOPIC[:PARTITION]...]",
    .summary = "lists transactions that nobody will end",
    .details = "Open in a partition, though no coordinator knows of it: readers of what is\n"
               "committed wait there for ever. `txn abort -t TOPIC:PARTITION -p PRODUCER-ID` ends\n"
               "one. Without topics, all of them.\n",
    .examples = "tidemill txn hanging orders --longer-than 1h\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct hanging_values),
    .initial = &initial,
    .argument_max = -1,
    .run = run,
};
