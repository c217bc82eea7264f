/* Shows where each special time and each real one leads, in the versions that have them. */
#include "tests/unit/log/server/node.h"

enum { LATEST = -1, EARLIEST = -2, MAX_TIME = -3, EARLIEST_LOCAL = -4, LATEST_TIERED = -5 };

static const struct list_offsets_response_partition *
ask_at(struct node *node, int16_t version, int64_t time_ms, int32_t partition, int32_t epoch)
{
    struct list_offsets_request_partition part = {
        .index = partition, .current_leader_epoch = epoch, .timestamp_ms = time_ms};
    struct list_offsets_request_topic topic = {.name = BYTES_LITERAL("t"),
                                               .partitions = {.items = &part, .count = 1}};
    struct list_offsets_request request = {.replica_id = -1,
                                           .topics = {.items = &topic, .count = 1}};
    const struct list_offsets_response *response =
        node_ask(node, API_LIST_OFFSETS, version, &request);
    assert_non_null(response);
    return &response->topics.items[0].partitions.items[0];
}

static int64_t ask(struct node *node, int64_t time_ms, int64_t *timestamp_ms)
{
    const struct list_offsets_response_partition *answer = ask_at(node, 9, time_ms, 0, -1);
    assert_int_equal(answer->error_code, 0);
    if (timestamp_ms != NULL) {
        *timestamp_ms = answer->timestamp_ms;
    }
    return answer->offset;
}

/* Batches of two records each at 1000, 3000, 2000. */
static void fill(struct node *node)
{
    static const int64_t times[] = {1000, 3000, 2000};
    node_make_topic(node, "t", 2, NULL);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(node_produce(node, "t", 0, node_batch(node, 2, "v", times[i])).error_code,
                         0);
    }
}

static void special_times_lead_to_ends_and_maximum(void **state)
{
    struct node *node = *state;
    int64_t timestamp_ms = 0;
    fill(node);
    assert_int_equal(ask(node, LATEST, &timestamp_ms), 6);
    assert_int_equal(timestamp_ms, -1);
    assert_int_equal(ask(node, EARLIEST, NULL), 0);
    assert_int_equal(ask(node, EARLIEST_LOCAL, NULL), 0);
    assert_int_equal(ask(node, LATEST_TIERED, NULL), -1);
    assert_int_equal(ask(node, MAX_TIME, &timestamp_ms), 2);
    assert_int_equal(timestamp_ms, 3000);
}

static void special_times_have_their_versions(void **state)
{
    static const struct {
        int64_t time_ms;
        int16_t since;
    } specials[] = {{LATEST, 1},        {EARLIEST, 1}, {MAX_TIME, 7}, {EARLIEST_LOCAL, 8},
                    {LATEST_TIERED, 9}, {-6, 11},      {-7, 99}};
    struct node *node = *state;
    fill(node);
    for (int16_t version = 1; version <= 9; version++) {
        for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
            const struct list_offsets_response_partition *answer =
                ask_at(node, version, specials[i].time_ms, 0, -1);
            bool is_known = version >= specials[i].since;
            assert_int_equal(answer->error_code, is_known ? 0 : 35);
            assert_true(is_known || answer->offset == -1);
            assert_true(is_known || answer->leader_epoch == -1);
        }
    }
}

static void a_time_leads_to_the_first_record_not_before_it(void **state)
{
    struct node *node = *state;
    int64_t timestamp_ms = 0;
    fill(node);
    assert_int_equal(ask(node, 0, &timestamp_ms), 0);
    assert_int_equal(timestamp_ms, 1000);
    assert_int_equal(ask(node, 1000, NULL), 0);
    assert_int_equal(ask(node, 1001, &timestamp_ms), 2);
    assert_int_equal(timestamp_ms, 3000);
    assert_int_equal(ask(node, 3001, &timestamp_ms), -1); /* past the end: no error */
    assert_int_equal(timestamp_ms, -1);
}

static void an_empty_partition_has_ends_and_no_times(void **state)
{
    struct node *node = *state;
    fill(node);
    assert_int_equal(ask_at(node, 9, LATEST, 1, -1)->offset, 0);
    assert_int_equal(ask_at(node, 9, EARLIEST, 1, -1)->offset, 0);
    assert_int_equal(ask_at(node, 9, MAX_TIME, 1, -1)->offset, -1);
    assert_int_equal(ask_at(node, 9, 1000, 1, -1)->offset, -1);
}

static void what_is_not_there_or_of_another_epoch_is_an_error(void **state)
{
    struct node *node = *state;
    fill(node);
    assert_int_equal(ask_at(node, 9, LATEST, 7, -1)->error_code, 3);
    assert_int_equal(ask_at(node, 9, LATEST, 0, 0)->error_code, 0);
    assert_int_equal(ask_at(node, 9, LATEST, 0, 1)->error_code, 75);
}

static void a_partition_named_twice_has_one_answer(void **state)
{
    struct node *node = *state;
    struct list_offsets_request_partition parts[] = {
        {.index = 0, .current_leader_epoch = -1, .timestamp_ms = LATEST},
        {.index = 1, .current_leader_epoch = -1, .timestamp_ms = LATEST},
        {.index = 0, .current_leader_epoch = -1, .timestamp_ms = EARLIEST}};
    struct list_offsets_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .partitions = {.items = parts, .count = 2}},
        {.name = BYTES_LITERAL("t"), .partitions = {.items = parts + 2, .count = 1}}};
    struct list_offsets_request request = {.replica_id = -1,
                                           .topics = {.items = topics, .count = 2}};
    fill(node);
    const struct list_offsets_response *response = node_ask(node, API_LIST_OFFSETS, 5, &request);
    assert_int_equal(response->topics.items[0].partitions.count, 2);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 42);
    assert_int_equal(response->topics.items[0].partitions.items[0].offset, -1);
    assert_int_equal(response->topics.items[0].partitions.items[1].error_code, 0);
    assert_int_equal(response->topics.items[1].partitions.count, 0);
}

static void the_start_moves_with_deleted_records(void **state)
{
    struct node *node = *state;
    fill(node);
    struct delete_records_request_partition part = {.offset = 3};
    struct delete_records_request_topic topic = {.name = BYTES_LITERAL("t"),
                                                 .partitions = {.items = &part, .count = 1}};
    struct delete_records_request request = {.topics = {.items = &topic, .count = 1},
                                             .timeout_ms = 1000};
    const struct delete_records_response *response =
        node_ask(node, API_DELETE_RECORDS, 2, &request);
    assert_int_equal(response->topics.items[0].partitions.items[0].low_watermark, 3);
    assert_int_equal(ask(node, EARLIEST, NULL), 3);
    assert_int_equal(ask(node, LATEST, NULL), 6);
    part.offset = 1; /* never back */
    response = node_ask(node, API_DELETE_RECORDS, 2, &request);
    assert_int_equal(response->topics.items[0].partitions.items[0].low_watermark, 3);
    part.offset = 7;
    response = node_ask(node, API_DELETE_RECORDS, 2, &request);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 1);
    part.offset = -1; /* everything */
    response = node_ask(node, API_DELETE_RECORDS, 2, &request);
    assert_int_equal(response->topics.items[0].partitions.items[0].low_watermark, 6);
    assert_int_equal(ask(node, EARLIEST, NULL), 6);
}

/* Its producer was answered before the disk was: others see it, now, if they ask. */
static void the_latest_offset_counts_what_no_producer_waited_for(void **state)
{
    struct node *node = *state;
    fill(node);
    for (int64_t expected = 8; expected <= 20; expected += 2) {
        struct produce_request_partition part = {.records = node_batch(node, 2, "v", 4000)};
        struct produce_request_topic topic = {.name = BYTES_LITERAL("t"),
                                              .partitions = {.items = &part, .count = 1}};
        struct produce_request request = {
            .acks = 1, .timeout_ms = 1000, .topics = {.items = &topic, .count = 1}};
        assert_non_null(node_ask(node, API_PRODUCE, 9, &request));
        assert_int_equal(ask(node, LATEST, NULL), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(special_times_lead_to_ends_and_maximum),
        NODE_TEST(special_times_have_their_versions),
        NODE_TEST(a_time_leads_to_the_first_record_not_before_it),
        NODE_TEST(an_empty_partition_has_ends_and_no_times),
        NODE_TEST(what_is_not_there_or_of_another_epoch_is_an_error),
        NODE_TEST(a_partition_named_twice_has_one_answer),
        NODE_TEST(the_start_moves_with_deleted_records),
        NODE_TEST(the_latest_offset_counts_what_no_producer_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
