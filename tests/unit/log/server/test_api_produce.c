/* Shows what each acks value is answered and when, what a partition refuses, and that a producer's
 * batches are there once and in order. */
#include "tests/unit/log/server/node.h"

static const struct produce_response_partition *ask(struct node *node, int16_t version,
                                                    int16_t acks, const char *topic,
                                                    int32_t partition, struct bytes records)
{
    struct produce_request_partition part = {.index = partition, .records = records};
    struct produce_request_topic asked = {.name = node_text(topic),
                                          .partitions = {.items = &part, .count = 1}};
    struct produce_request request = {
        .acks = acks, .timeout_ms = 30000, .topics = {.items = &asked, .count = 1}};
    const struct produce_response *response = node_ask(node, API_PRODUCE, version, &request);
    return response == NULL ? NULL : &response->topics.items[0].partitions.items[0];
}

static struct bytes good(struct node *node)
{
    return node_batch(node, 2, "value", node_wall_ms(node));
}

static int64_t end_offset(struct node *node, const char *topic, int32_t partition)
{
    struct list_offsets_request_partition part = {
        .index = partition, .current_leader_epoch = -1, .timestamp_ms = -1};
    struct list_offsets_request_topic asked = {.name = node_text(topic),
                                               .partitions = {.items = &part, .count = 1}};
    struct list_offsets_request request = {.replica_id = -1,
                                           .topics = {.items = &asked, .count = 1}};
    const struct list_offsets_response *response = node_ask(node, API_LIST_OFFSETS, 4, &request);
    return response->topics.items[0].partitions.items[0].offset;
}

static void every_version_appends(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 2, NULL);
    for (int16_t version = 3; version <= 11; version++) {
        const struct produce_response_partition *answer =
            ask(node, version, -1, "t", 1, good(node));
        assert_int_equal(answer->error_code, 0);
        assert_int_equal(answer->base_offset, 2 * (version - 3));
        assert_int_equal(answer->log_append_time_ms, -1);
    }
    assert_int_equal(end_offset(node, "t", 1), 18);
    assert_int_equal(end_offset(node, "t", 0), 0);
}

/* acks = all waits for the flush, acks = 1 does not, acks = 0 has no answer at all. */
static void acks_say_what_is_waited_for(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    sim_plan(node->sim, 0)->sync =
        (struct sim_range){500 * (uint64_t)NODE_MS, 500 * (uint64_t)NODE_MS};
    uint64_t started_ms = node_now_ms(node);
    assert_int_equal(ask(node, 9, 1, "t", 0, good(node))->error_code, 0);
    assert_true(node_now_ms(node) - started_ms < 100);
    started_ms = node_now_ms(node);
    assert_int_equal(ask(node, 9, -1, "t", 0, good(node))->error_code, 0);
    assert_true(node_now_ms(node) - started_ms >= 500);
    assert_null(ask(node, 9, 0, "t", 0, good(node)));
    node_run_ms(node, 2000);
    assert_int_equal(end_offset(node, "t", 0), 6);
    assert_int_equal(ask(node, 9, 2, "t", 0, good(node))->error_code, 21);
    assert_int_equal(ask(node, 9, -2, "t", 0, good(node))->error_code, 21);
    assert_int_equal(end_offset(node, "t", 0), 6);
}

static void a_flush_that_takes_too_long_is_a_timeout(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    sim_plan(node->sim, 0)->sync =
        (struct sim_range){40000 * (uint64_t)NODE_MS, 40000 * (uint64_t)NODE_MS};
    uint64_t started_ms = node_now_ms(node);
    assert_int_equal(ask(node, 9, -1, "t", 0, good(node))->error_code, 7);
    assert_in_range(node_now_ms(node) - started_ms, 30000, 31000);
    node_run_ms(node, 60000);
    assert_int_equal(end_offset(node, "t", 0), 2);
}

/* A topic of one copy cannot have more of them in sync: see test_produce_rules for one of three. */
static void the_only_copy_is_enough_for_acks_of_all(void **state)
{
    static const char *const strict[] = {"min.insync.replicas", "2", NULL};
    struct node *node = *state;
    node_make_topic(node, "t", 1, strict);
    assert_int_equal(ask(node, 9, -1, "t", 0, good(node))->error_code, 0);
    node_run_ms(node, 1000);
    assert_int_equal(end_offset(node, "t", 0), 2);
}

/* A client that asked for no answer learns of an error by the end of its connection. */
static void an_error_without_answer_closes_the_connection(void **state)
{
    struct node *node = *state;
    struct peer *peer = node_connect(node);
    struct produce_request_partition part = {.records = good(node)};
    struct produce_request_topic topic = {.name = BYTES_LITERAL("unknown"),
                                          .partitions = {.items = &part, .count = 1}};
    struct produce_request request = {.timeout_ms = 1000, .topics = {.items = &topic, .count = 1}};
    struct metadata_request metadata = {.topics = {.count = 0}};
    assert_null(node_wait(node_send(node, peer, API_PRODUCE, 9, &request)));
    assert_null(node_wait(node_send(node, peer, API_METADATA, 4, &metadata)));
}

static void what_is_not_there_cannot_be_written(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    node_find_coordinator(node);
    assert_int_equal(ask(node, 9, -1, "unknown", 0, good(node))->error_code, 3);
    assert_int_equal(ask(node, 9, -1, "t", 1, good(node))->error_code, 3);
    assert_int_equal(ask(node, 9, -1, "t", -1, good(node))->error_code, 3);
    assert_int_equal(ask(node, 9, -1, "__consumer_offsets", 0, good(node))->error_code, 17);
}

/* All partitions of a request are served; the answer waits for the last. */
static void each_partition_is_answered_for_itself(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 3, NULL);
    struct produce_request_partition parts[] = {{.index = 0, .records = good(node)},
                                                {.index = 9, .records = good(node)},
                                                {.index = 2, .records = good(node)}};
    parts[2].records = bytes_make(parts[2].records.data, parts[2].records.size - 1);
    struct produce_request_topic topic = {.name = BYTES_LITERAL("t"),
                                          .partitions = {.items = parts, .count = 3}};
    struct produce_request request = {
        .acks = -1, .timeout_ms = 1000, .topics = {.items = &topic, .count = 1}};
    const struct produce_response *response = node_ask(node, API_PRODUCE, 9, &request);
    const struct produce_response_partition *answers = response->topics.items[0].partitions.items;
    assert_int_equal(response->topics.items[0].partitions.count, 3);
    assert_int_equal(answers[0].error_code, 0);
    assert_int_equal(answers[1].error_code, 3);
    assert_int_equal(answers[2].error_code, 87);
    assert_int_equal(end_offset(node, "t", 0), 2);
    assert_int_equal(end_offset(node, "t", 2), 0);
}

/* KIP-467: the records that got the batch refused are named. */
static void wrong_records_are_named(void **state)
{
    static const char *const compacted[] = {"cleanup.policy", "compact", NULL};
    struct node *node = *state;
    struct batch_builder builder;
    struct buffer out;
    buffer_init(&out);
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, node_wall_ms(node), BYTES_LITERAL("k"), BYTES_LITERAL("v"), NULL,
                      0);
    batch_builder_add(&builder, node_wall_ms(node), (struct bytes){0}, BYTES_LITERAL("v"), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &out), 0);
    node_make_topic(node, "t", 1, compacted);
    const struct produce_response_partition *answer = ask(node, 8, -1, "t", 0, buffer_bytes(&out));
    assert_int_equal(answer->error_code, 87);
    assert_int_equal(answer->base_offset, -1);
    assert_int_equal(answer->record_errors.count, 1);
    assert_int_equal(answer->record_errors.items[0].batch_index, 1);
    assert_true(answer->record_errors.items[0].message.size > 0);
    assert_true(answer->error_message.size > 0);
    assert_int_equal(ask(node, 3, -1, "t", 0, buffer_bytes(&out))->error_code, 87);
    assert_int_equal(end_offset(node, "t", 0), 0);
    batch_builder_fini(&builder);
    buffer_fini(&out);
}

static void append_time_is_the_brokers(void **state)
{
    static const char *const stamped[] = {"message.timestamp.type", "LogAppendTime", NULL};
    struct node *node = *state;
    node_make_topic(node, "t", 1, stamped);
    int64_t before_ms = node_wall_ms(node);
    const struct produce_response_partition *answer =
        ask(node, 9, -1, "t", 0, node_batch(node, 1, "v", 5));
    assert_int_equal(answer->error_code, 0);
    assert_in_range(answer->log_append_time_ms, before_ms, node_wall_ms(node));
}

static void a_batch_that_came_before_is_answered_again(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    for (int32_t i = 0; i < 5; i++) {
        struct bytes batch = node_batch_of(node, 2, 7, 0, 2 * i);
        const struct produce_response_partition *answer = ask(node, 9, -1, "t", 0, batch);
        assert_int_equal(answer->error_code, 0);
        assert_int_equal(answer->base_offset, 2 * i);
    }
    for (int32_t i = 0; i < 5; i++) {
        const struct produce_response_partition *answer =
            ask(node, 9, -1, "t", 0, node_batch_of(node, 2, 7, 0, 2 * i));
        assert_int_equal(answer->error_code, 0);
        assert_int_equal(answer->base_offset, 2 * i);
        assert_true(answer->log_append_time_ms > 0); /* the original's time */
    }
    assert_int_equal(end_offset(node, "t", 0), 10);
}

static void sequences_and_epochs_are_kept(void **state)
{
    static const struct {
        int16_t epoch;
        int32_t sequence;
        int16_t error;
    } steps[] = {{0, 0, 0},  {0, 2, 45}, {0, 1, 0},  {0, 3, 45}, {1, 5, 45}, {1, 0, 0},
                 {0, 2, 47}, {1, 1, 0},  {1, 9, 45}, {3, 0, 0},  {1, 2, 47}};
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct bytes batch = node_batch_of(node, 1, 7, steps[i].epoch, steps[i].sequence);
        assert_int_equal(ask(node, 9, -1, "t", 0, batch)->error_code, steps[i].error);
    }
    assert_int_equal(ask(node, 9, -1, "t", 0, node_batch_of(node, 1, 8, 0, 4))->error_code, 45);
    assert_int_equal(end_offset(node, "t", 0), 5);
}

/* A request is one piece: a topic that goes away under it is said to be unknown. */
static void a_topic_deleted_while_its_flush_is_awaited_is_unknown(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    struct peer *other = node_connect(node);
    struct bytes name = BYTES_LITERAL("t");
    struct delete_topics_request deletion = {.topic_names = {.items = &name, .count = 1},
                                             .timeout_ms = 1000};
    struct produce_request_partition part = {.records = good(node)};
    struct produce_request_topic topic = {.name = name, .partitions = {.items = &part, .count = 1}};
    struct produce_request request = {
        .acks = -1, .timeout_ms = 60000, .topics = {.items = &topic, .count = 1}};
    sim_plan(node->sim, 0)->sync =
        (struct sim_range){5000 * (uint64_t)NODE_MS, 5000 * (uint64_t)NODE_MS};
    struct node_call *first = node_send(node, NULL, API_PRODUCE, 9, &request);
    node_run_ms(node, 100);
    struct node_call *second = node_send(node, other, API_DELETE_TOPICS, 5, &deletion);
    assert_non_null(node_wait(second));
    const struct produce_response *response = node_wait(first);
    int16_t error = response->topics.items[0].partitions.items[0].error_code;
    assert_true(error == 3 || error == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(every_version_appends),
        NODE_TEST(acks_say_what_is_waited_for),
        NODE_TEST(a_flush_that_takes_too_long_is_a_timeout),
        NODE_TEST(the_only_copy_is_enough_for_acks_of_all),
        NODE_TEST(an_error_without_answer_closes_the_connection),
        NODE_TEST(what_is_not_there_cannot_be_written),
        NODE_TEST(each_partition_is_answered_for_itself),
        NODE_TEST(wrong_records_are_named),
        NODE_TEST(append_time_is_the_brokers),
        NODE_TEST(a_batch_that_came_before_is_answered_again),
        NODE_TEST(sequences_and_epochs_are_kept),
        NODE_TEST(a_topic_deleted_while_its_flush_is_awaited_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
