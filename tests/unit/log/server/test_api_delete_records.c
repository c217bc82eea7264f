/* Shows that the start of a partition moves forward only and not beyond its end, and that state of
 * coordinators and compacted topics is left alone. */
#include "tests/unit/log/server/node.h"

static int16_t trim(struct node *node, const char *topic, int32_t index, int64_t offset,
                    int64_t *low_watermark)
{
    struct delete_records_request_partition partition = {.index = index, .offset = offset};
    struct delete_records_request_topic asked = {.name = node_text(topic),
                                                 .partitions = {.items = &partition, .count = 1}};
    struct delete_records_request request = {.topics = {.items = &asked, .count = 1},
                                             .timeout_ms = 1000};
    const struct delete_records_response *response =
        node_ask(node, API_DELETE_RECORDS, 2, &request);
    assert_int_equal(response->topics.count, 1);
    *low_watermark = response->topics.items[0].partitions.items[0].low_watermark;
    return response->topics.items[0].partitions.items[0].error_code;
}

static void the_start_moves_forward_only(void **state)
{
    struct node *node = *state;
    int64_t start = 0;
    node_make_topic(node, "t", 1, NULL);
    node_produce(node, "t", 0, node_batch(node, 10, "x", node_wall_ms(node)));
    assert_int_equal(trim(node, "t", 0, 4, &start), 0);
    assert_int_equal(start, 4);
    assert_int_equal(trim(node, "t", 0, 2, &start), 0);
    assert_int_equal(start, 4);
    assert_int_equal(trim(node, "t", 0, 11, &start), 1);
    assert_int_equal(start, -1);
    assert_int_equal(trim(node, "t", 0, -2, &start), 1);
    assert_int_equal(trim(node, "t", 0, -1, &start), 0);
    assert_int_equal(start, 10);
    node_restart(node);
    assert_int_equal(trim(node, "t", 0, 0, &start), 0);
    assert_int_equal(start, 10);
}

static void what_is_not_there_or_not_to_be_trimmed_is_refused(void **state)
{
    static const char *const compacted[] = {"cleanup.policy", "compact", NULL};
    static const char *const both[] = {"cleanup.policy", "compact,delete", NULL};
    struct node *node = *state;
    int64_t start = 0;
    node_make_topic(node, "t", 1, NULL);
    node_make_topic(node, "c", 1, compacted);
    node_make_topic(node, "b", 1, both);
    node_find_coordinator(node);
    assert_int_equal(trim(node, "t", 1, 0, &start), 3);
    assert_int_equal(trim(node, "none", 0, 0, &start), 3);
    assert_int_equal(trim(node, "c", 0, 0, &start), 44);
    assert_int_equal(trim(node, "b", 0, 0, &start), 0);
    assert_int_equal(trim(node, "__consumer_offsets", 0, 0, &start), 17);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(the_start_moves_forward_only),
        NODE_TEST(what_is_not_there_or_not_to_be_trimmed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
