/* Shows that every producer gets an id of its own, and that what partitions remember of producers
 * can be seen. */
#include "tests/unit/log/server/node.h"

static const struct init_producer_id_response *
ask(struct node *node, int16_t version, const char *transactional_id, int64_t id, int16_t epoch)
{
    struct init_producer_id_request request = {
        .transaction_timeout_ms = 60000, .producer_id = id, .producer_epoch = epoch};
    if (transactional_id != NULL) {
        request.transactional_id = node_text(transactional_id);
    }
    const struct init_producer_id_response *response =
        node_ask(node, API_INIT_PRODUCER_ID, version, &request);
    assert_non_null(response);
    return response;
}

static void every_producer_gets_an_id_of_its_own(void **state)
{
    enum { COUNT = 2100 }; /* more than two blocks */
    struct node *node = *state;
    int64_t last_id = -1;
    for (int i = 0; i < COUNT; i++) {
        const struct init_producer_id_response *response =
            ask(node, (int16_t)(i % 6), NULL, -1, -1);
        assert_int_equal(response->error_code, 0);
        assert_int_equal(response->producer_epoch, 0);
        assert_true(response->producer_id > last_id);
        last_id = response->producer_id;
    }
}

static void ids_are_not_given_again_after_a_restart(void **state)
{
    struct node *node = *state;
    int64_t id = ask(node, 4, NULL, -1, -1)->producer_id;
    node_restart(node);
    assert_true(ask(node, 4, NULL, -1, -1)->producer_id > id);
}

static void id_and_epoch_come_together(void **state)
{
    struct node *node = *state;
    assert_int_equal(ask(node, 3, NULL, 5, -1)->error_code, 42);
    assert_int_equal(ask(node, 3, NULL, -1, 5)->error_code, 42);
    assert_int_equal(ask(node, 3, NULL, -1, 5)->producer_id, -1);
    assert_int_equal(ask(node, 3, NULL, 5, 5)->error_code, 0);
    assert_int_equal(ask(node, 2, NULL, 5, -1)->error_code, 0); /* carries neither */
}

static void a_transactional_id_has_one_producer_and_rising_epochs(void **state)
{
    struct node *node = *state;
    assert_int_equal(ask(node, 4, "", -1, -1)->error_code, 42);
    assert_int_equal(ask(node, 4, "t", -1, -1)->error_code, 15); /* nobody asked for the topic */
    struct find_coordinator_request find = {.key = node_text("t"), .key_type = 1};
    node_ask(node, API_FIND_COORDINATOR, 2, &find);
    const struct init_producer_id_response *first = ask(node, 4, "t", -1, -1);
    const struct init_producer_id_response *second = ask(node, 4, "t", -1, -1);
    assert_int_equal(first->error_code, 0);
    assert_int_equal(first->producer_epoch, 0);
    assert_int_equal(second->producer_id, first->producer_id);
    assert_int_equal(second->producer_epoch, 1);
    assert_int_equal(ask(node, 4, "t", first->producer_id, 0)->error_code, 90);
    assert_int_equal(ask(node, 3, "t", first->producer_id, 0)->error_code, 47);
    assert_int_equal(ask(node, 4, "t", first->producer_id, 1)->producer_epoch, 2);
    assert_int_equal(ask(node, 4, "t", first->producer_id, 1)->producer_epoch, 2); /* again */
    node_restart(node);
    assert_int_equal(ask(node, 4, "t", -1, -1)->producer_epoch, 3);
}

static void what_a_partition_remembers_is_described(void **state)
{
    struct node *node = *state;
    int32_t indexes[] = {0, 9, 0};
    struct describe_producers_request_topic topics[] = {
        {.name = BYTES_LITERAL("t"), .partition_indexes = {indexes, 3}},
        {.name = BYTES_LITERAL("a b"), .partition_indexes = {indexes, 1}}};
    struct describe_producers_request request = {.topics = {.items = topics, .count = 2}};
    node_make_topic(node, "t", 1, NULL);
    node_produce(node, "t", 0, node_batch_of(node, 3, 7, 2, 0));
    node_produce(node, "t", 0, node_batch_of(node, 1, 8, 0, 0));
    const struct describe_producers_response *response =
        node_ask(node, API_DESCRIBE_PRODUCERS, 0, &request);
    const struct describe_producers_response_partition *parts =
        response->topics.items[0].partitions.items;
    assert_int_equal(response->topics.items[0].partitions.count, 2);
    assert_int_equal(parts[0].error_code, 0);
    assert_int_equal(parts[0].active_producers.count, 2);
    for (int32_t i = 0; i < 2; i++) {
        const struct describe_producers_response_active_producer *producer =
            &parts[0].active_producers.items[i];
        bool is_first = producer->producer_id == 7;
        assert_int_equal(producer->producer_epoch, is_first ? 2 : 0);
        assert_int_equal(producer->last_sequence, is_first ? 2 : 0);
        assert_int_equal(producer->current_transaction_start_offset, -1);
    }
    assert_int_equal(parts[1].error_code, 3);
    assert_true(parts[1].error_message.size > 0);
    assert_int_equal(response->topics.items[1].partitions.items[0].error_code, 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(every_producer_gets_an_id_of_its_own),
        NODE_TEST(ids_are_not_given_again_after_a_restart),
        NODE_TEST(id_and_epoch_come_together),
        NODE_TEST(a_transactional_id_has_one_producer_and_rising_epochs),
        NODE_TEST(what_a_partition_remembers_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
