/* Shows where epochs end: the current one at the end of the log, one that never was nowhere. */
#include "tests/unit/log/server/node.h"

static const struct offset_for_leader_epoch_response_partition *
ask(struct node *node, int16_t version, int32_t epoch, int32_t current_epoch)
{
    struct offset_for_leader_epoch_request_partition part = {.current_leader_epoch = current_epoch,
                                                             .leader_epoch = epoch};
    struct offset_for_leader_epoch_request_topic topic = {
        .name = BYTES_LITERAL("t"), .partitions = {.items = &part, .count = 1}};
    struct offset_for_leader_epoch_request request = {.replica_id = -1,
                                                      .topics = {.items = &topic, .count = 1}};
    const struct offset_for_leader_epoch_response *response =
        node_ask(node, API_OFFSET_FOR_LEADER_EPOCH, version, &request);
    assert_non_null(response);
    return &response->topics.items[0].partitions.items[0];
}

static void epochs_end_where_the_log_does(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    node_produce(node, "t", 0, node_batch(node, 3, "v", 5));
    for (int16_t version = 2; version <= 4; version++) {
        assert_int_equal(ask(node, version, 0, 0)->end_offset, 3);
        assert_int_equal(ask(node, version, 0, -1)->leader_epoch, 0);
        assert_int_equal(ask(node, version, -1, -1)->end_offset, -1);
        assert_int_equal(ask(node, version, 1, -1)->end_offset, -1); /* not known to us */
        assert_int_equal(ask(node, version, 1, -1)->leader_epoch, -1);
        assert_int_equal(ask(node, version, 1, -1)->error_code, 0);
        assert_int_equal(ask(node, version, 0, 1)->error_code, 75);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(epochs_end_where_the_log_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
