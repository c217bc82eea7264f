/* Shows what readers of each isolation level are told of transactions: how far they may read, which
 * were aborted, in which order; and what DescribeProducers says of those that are open.
 *
 * The transactions are written into the log while the node is stopped, by hand. */
#include "log/store/store.h"
#include "tests/unit/log/server/node.h"

enum { ROOM = 1 << 20 };

enum how { ABORT, COMMIT, WRITE };

struct act {
    int64_t producer_id;
    enum how how;
};

static void append(struct log *log, const struct act *act, int64_t timestamp_ms, int32_t sequence)
{
    const uint8_t key[] = {0, 0, 0, (uint8_t)act->how};
    const uint8_t value[] = {0, 0, 0, 0, 0, 1};
    struct batch_builder builder;
    struct buffer batch;
    struct log_append out;
    buffer_init(&batch);
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.producer_id = act->producer_id;
    builder.producer_epoch = 0;
    builder.base_sequence = act->how == WRITE ? sequence : -1;
    builder.attributes =
        act->how == WRITE ? BATCH_TRANSACTIONAL : BATCH_TRANSACTIONAL | BATCH_CONTROL;
    batch_builder_add(&builder, timestamp_ms, bytes_make(key, sizeof key),
                      bytes_make(value, sizeof value), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &batch), 0);
    batch_builder_fini(&builder);
    assert_int_equal(log_append(log, batch.data, batch.size, 0,
                                act->how == WRITE ? LOG_ORIGIN_CLIENT : LOG_ORIGIN_COORDINATOR,
                                &out),
                     0);
    buffer_fini(&batch);
}

static void on_closed(void *owner)
{
    *(bool *)owner = true;
}

static bool has_closed(void *owner)
{
    return *(bool *)owner;
}

/* Each act takes one offset of partition 0 of topic t. */
static void write_acts(struct node *node, const struct act *acts, size_t count)
{
    struct store_options options = store_options_default("/data");
    struct report report = {0};
    struct store *store = NULL;
    bool is_closed = false;
    int32_t sequences[10] = {0};
    node_make_topic(node, "t", 1, NULL);
    int64_t now_ms = node_wall_ms(node);
    node_stop(node);
    assert_int_equal(store_open(node->io, &options, &store, &report), 0);
    for (size_t i = 0; i < count; i++) {
        int32_t *sequence = &sequences[acts[i].producer_id];
        append(store_find_log(store, "t", 0), &acts[i], now_ms, *sequence);
        *sequence += acts[i].how == WRITE;
    }
    store_close(store, on_closed, &is_closed);
    assert_true(sim_run_until(node->sim, has_closed, &is_closed, 60 * UINT64_C(1000000000)));
    node->is_ready = node->is_stopped = false;
    node_start(node);
}

static const struct fetch_response_partition *fetch(struct node *node, int64_t offset,
                                                    int32_t size_max, int8_t isolation)
{
    struct fetch_request_partition part = {
        .current_leader_epoch = -1, .fetch_offset = offset, .partition_max_bytes = size_max};
    struct fetch_request_topic topic = {.name = BYTES_LITERAL("t"),
                                        .partitions = {.items = &part, .count = 1}};
    struct fetch_request request = {.replica_id = -1,
                                    .max_bytes = ROOM,
                                    .isolation_level = isolation,
                                    .session_epoch = -1,
                                    .topics = {.items = &topic, .count = 1}};
    const struct fetch_response *response = node_ask(node, API_FETCH, 11, &request);
    assert_non_null(response);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
    return &response->topics.items[0].partitions.items[0];
}

static int64_t last_offset(struct bytes records)
{
    int64_t offset = -1;
    while (records.size > 0) {
        struct batch batch;
        assert_int_equal(batch_read_header(records, &batch, NULL), 0);
        offset = batch_last_offset(&batch);
        records = bytes_make(records.data + batch.bytes.size, records.size - batch.bytes.size);
    }
    return offset;
}

/* 0 a, 1 b, 2 c, 3 abort b, 4 abort a, 5 commit c, 6 a, 7 b, 8 abort b: 6 is open. */
static const struct act mixed[] = {{1, WRITE},  {2, WRITE}, {3, WRITE}, {2, ABORT}, {1, ABORT},
                                   {3, COMMIT}, {1, WRITE}, {2, WRITE}, {2, ABORT}};

static void committed_readers_stop_at_the_oldest_open_transaction(void **state)
{
    struct node *node = *state;
    write_acts(node, mixed, sizeof mixed / sizeof *mixed);
    const struct fetch_response_partition *all = fetch(node, 0, ROOM, 0);
    assert_int_equal(last_offset(all->records), 8);
    assert_int_equal(all->high_watermark, 9);
    assert_int_equal(all->last_stable_offset, 6);
    assert_int_equal(all->aborted_transactions.count, -1);
    const struct fetch_response_partition *committed = fetch(node, 0, ROOM, 1);
    assert_int_equal(last_offset(committed->records), 5);
    assert_int_equal(committed->high_watermark, 9);
    assert_int_equal(committed->last_stable_offset, 6);
    committed = fetch(node, 6, ROOM, 1);
    assert_int_equal(committed->records.size, 0);
    assert_int_equal(committed->aborted_transactions.count, 0);
}

static void the_aborted_are_told_in_the_order_in_which_they_begin(void **state)
{
    struct node *node = *state;
    write_acts(node, mixed, sizeof mixed / sizeof *mixed);
    const struct fetch_response_partition *committed = fetch(node, 0, ROOM, 1);
    assert_int_equal(committed->aborted_transactions.count, 2);
    assert_int_equal(committed->aborted_transactions.items[0].producer_id, 1);
    assert_int_equal(committed->aborted_transactions.items[0].first_offset, 0);
    assert_int_equal(committed->aborted_transactions.items[1].producer_id, 2);
    assert_int_equal(committed->aborted_transactions.items[1].first_offset, 1);
}

/* One batch at a time: those that end before it or begin behind it are not its business. */
static void only_those_that_reach_into_the_answer_are_told(void **state)
{
    static const int32_t expected[] = {1, 2, 2, 2, 1, 0};
    struct node *node = *state;
    write_acts(node, mixed, sizeof mixed / sizeof *mixed);
    for (int64_t offset = 0; offset < 6; offset++) {
        const struct fetch_response_partition *answer = fetch(node, offset, 1, 1);
        assert_int_equal(last_offset(answer->records), offset);
        assert_int_equal(answer->aborted_transactions.count, expected[offset]);
    }
}

static int64_t latest(struct node *node, int8_t isolation)
{
    struct list_offsets_request_partition part = {.current_leader_epoch = -1, .timestamp_ms = -1};
    struct list_offsets_request_topic topic = {.name = BYTES_LITERAL("t"),
                                               .partitions = {.items = &part, .count = 1}};
    struct list_offsets_request request = {
        .replica_id = -1, .isolation_level = isolation, .topics = {.items = &topic, .count = 1}};
    const struct list_offsets_response *response = node_ask(node, API_LIST_OFFSETS, 5, &request);
    assert_non_null(response);
    return response->topics.items[0].partitions.items[0].offset;
}

static void the_latest_offset_is_that_of_the_level(void **state)
{
    struct node *node = *state;
    write_acts(node, mixed, sizeof mixed / sizeof *mixed);
    assert_int_equal(latest(node, 0), 9);
    assert_int_equal(latest(node, 1), 6);
}

static void open_transactions_are_described(void **state)
{
    static const int64_t starts[] = {6, -1, -1}; /* of producers 1, 2, 3 */
    struct node *node = *state;
    write_acts(node, mixed, sizeof mixed / sizeof *mixed);
    int32_t index = 0;
    struct describe_producers_request_topic topic = {
        .name = BYTES_LITERAL("t"), .partition_indexes = {.items = &index, .count = 1}};
    struct describe_producers_request request = {.topics = {.items = &topic, .count = 1}};
    const struct describe_producers_response *response =
        node_ask(node, API_DESCRIBE_PRODUCERS, 0, &request);
    assert_non_null(response);
    assert_int_equal(response->topics.items[0].partitions.items[0].active_producers.count, 3);
    for (int32_t i = 0; i < 3; i++) {
        const struct describe_producers_response_active_producer *producer =
            &response->topics.items[0].partitions.items[0].active_producers.items[i];
        assert_in_range(producer->producer_id, 1, 3);
        assert_int_equal(producer->current_transaction_start_offset,
                         starts[producer->producer_id - 1]);
        assert_int_equal(producer->coordinator_epoch, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(committed_readers_stop_at_the_oldest_open_transaction),
        NODE_TEST(the_aborted_are_told_in_the_order_in_which_they_begin),
        NODE_TEST(only_those_that_reach_into_the_answer_are_told),
        NODE_TEST(the_latest_offset_is_that_of_the_level),
        NODE_TEST(open_transactions_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
