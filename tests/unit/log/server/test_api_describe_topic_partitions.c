/* Shows that topics are told page by page in the order of their names, each partition once. */
#include "tests/unit/log/server/node.h"

static const struct describe_topic_partitions_response *
ask(struct node *node, const char *const *names, int32_t limit, const char *cursor, int32_t index)
{
    struct describe_topic_partitions_request_topic topics[8];
    struct describe_topic_partitions_request_cursor place = {.index = index};
    struct describe_topic_partitions_request request = {.topics = {.items = topics},
                                                        .response_partition_limit = limit};
    while (names != NULL && names[request.topics.count] != NULL) {
        topics[request.topics.count].name = node_text(names[request.topics.count]);
        request.topics.count++;
    }
    if (cursor != NULL) {
        place.name = node_text(cursor);
        request.cursor = &place;
    }
    return node_ask(node, API_DESCRIBE_TOPIC_PARTITIONS, 0, &request);
}

static void a_client_that_follows_the_cursor_sees_everything_once(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "c", 5, NULL);
    node_make_topic(node, "a", 3, NULL);
    node_make_topic(node, "b", 1, NULL);
    char seen[128] = "";
    char cursor[16];
    int32_t index = 0;
    const struct describe_topic_partitions_response *page = ask(node, NULL, 2, NULL, 0);
    for (;;) {
        int32_t count = 0;
        for (int32_t i = 0; i < page->topics.count; i++) {
            const struct describe_topic_partitions_response_topic *topic = &page->topics.items[i];
            assert_int_equal(topic->error_code, 0);
            for (int32_t j = 0; j < topic->partitions.count; j++) {
                assert_int_equal(topic->partitions.items[j].leader_id, 1);
                snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s%d ",
                         BYTES_FORMAT(topic->name), topic->partitions.items[j].index);
                count++;
            }
        }
        assert_in_range(count, 0, 2);
        if (page->next_cursor == NULL) {
            break;
        }
        snprintf(cursor, sizeof cursor, "%.*s", BYTES_FORMAT(page->next_cursor->name));
        index = page->next_cursor->index;
        page = ask(node, NULL, 2, cursor, index);
    }
    assert_string_equal(seen, "a0 a1 a2 b0 c0 c1 c2 c3 c4 ");
}

static void the_broker_has_a_limit_too(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 4, NULL);
    const struct describe_topic_partitions_response *page = ask(node, NULL, 1000, NULL, 0);
    assert_int_equal(page->topics.items[0].partitions.count, 3);
    assert_int_equal(page->next_cursor->index, 3);
}

static int set_up_with_limit(void **state)
{
    struct node *node = node_new();
    node_set(node, "max.request.partition.size.limit", "3");
    node_start(node);
    *state = node;
    return 0;
}

static void what_is_wrong_is_told_by_topic(void **state)
{
    struct node *node = *state;
    const char *const names[] = {"t", "none", "a b", "t", NULL};
    node_make_topic(node, "t", 1, NULL);
    const struct describe_topic_partitions_response *page = ask(node, names, 10, NULL, 0);
    assert_int_equal(page->topics.count, 3);
    assert_int_equal(page->topics.items[0].error_code, 17);
    assert_int_equal(page->topics.items[1].error_code, 3);
    assert_int_equal(page->topics.items[2].error_code, 0);
    page = ask(node, names, 10, "t", -1);
    assert_int_equal(page->topics.count, 4);
    assert_int_equal(page->topics.items[0].error_code, 42);
    page = ask(node, names, 10, "other", 0);
    assert_int_equal(page->topics.items[3].error_code, 42);
    page = ask(node, names, 10, "t", 7);
    assert_int_equal(page->topics.count, 1);
    assert_int_equal(page->topics.items[0].partitions.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_client_that_follows_the_cursor_sees_everything_once),
        cmocka_unit_test_setup_teardown(the_broker_has_a_limit_too, set_up_with_limit,
                                        node_tear_down),
        NODE_TEST(what_is_wrong_is_told_by_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
