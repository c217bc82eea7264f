/* Shows that what is committed is what is fetched, in every pair of versions, and which commits are
 * refused. */
#include "tests/unit/log/server/group_client.h"

static int16_t commit(struct node *node, int16_t version, int32_t partition, int64_t offset,
                      const char *metadata)
{
    struct offset_commit_request_partition part = {
        .index = partition,
        .committed_offset = offset,
        .committed_leader_epoch = version >= 6 ? 0 : -1,
        .committed_metadata = metadata == NULL ? (struct bytes){0} : node_text(metadata)};
    struct offset_commit_request_topic topic = {.name = BYTES_LITERAL("t"),
                                                .partitions = {.items = &part, .count = 1}};
    struct offset_commit_request request = {.group_id = BYTES_LITERAL("g"),
                                            .generation_id_or_member_epoch = -1,
                                            .retention_time_ms = -1,
                                            .topics = {.items = &topic, .count = 1}};
    const struct offset_commit_response *response =
        node_ask(node, API_OFFSET_COMMIT, version, &request);
    assert_non_null(response);
    return response->topics.items[0].partitions.items[0].error_code;
}

/* Partition 0 of the topic; of all topics when `is_all`. */
static int64_t fetch(struct node *node, int16_t version, bool is_all, struct bytes *metadata)
{
    int32_t index = 0;
    struct offset_fetch_request_topic topic = {.name = BYTES_LITERAL("t"),
                                               .partition_indexes = {&index, 1}};
    struct offset_fetch_request_group_topic group_topic = {.name = BYTES_LITERAL("t"),
                                                           .partition_indexes = {&index, 1}};
    struct offset_fetch_request_group group = {
        .group_id = BYTES_LITERAL("g"),
        .member_epoch = -1,
        .topics = {.items = &group_topic, .count = is_all ? -1 : 1}};
    struct offset_fetch_request request = {.group_id = BYTES_LITERAL("g"),
                                           .topics = {.items = &topic, .count = is_all ? -1 : 1},
                                           .groups = {.items = &group, .count = 1}};
    const struct offset_fetch_response *response =
        node_ask(node, API_OFFSET_FETCH, version, &request);
    assert_non_null(response);
    if (version < 8) {
        assert_int_equal(response->error_code, 0);
        *metadata = response->topics.items[0].partitions.items[0].metadata;
        return response->topics.items[0].partitions.items[0].committed_offset;
    }
    assert_int_equal(response->groups.items[0].error_code, 0);
    *metadata = response->groups.items[0].topics.items[0].partitions.items[0].metadata;
    return response->groups.items[0].topics.items[0].partitions.items[0].committed_offset;
}

static void make_things(struct node *node)
{
    node_make_topic(node, "t", 2, NULL);
    node_find_coordinator(node);
}

static void what_was_committed_is_fetched(void **state)
{
    struct node *node = *state;
    struct bytes metadata;
    make_things(node);
    assert_int_equal(fetch(node, 5, false, &metadata), -1);
    for (int16_t commit_version = 2; commit_version <= 9; commit_version++) {
        for (int16_t fetch_version = 1; fetch_version <= 9; fetch_version++) {
            int64_t offset = commit_version * 10 + fetch_version;
            char text[8] = {'n', (char)('0' + commit_version), (char)('0' + fetch_version), 0};
            assert_int_equal(commit(node, commit_version, 0, offset, text), 0);
            assert_int_equal(fetch(node, fetch_version, false, &metadata), offset);
            assert_true(bytes_equal_string(metadata, text));
            if (fetch_version >= 2) {
                assert_int_equal(fetch(node, fetch_version, true, &metadata), offset);
            }
        }
    }
    node_restart(node);
    assert_int_equal(fetch(node, 5, false, &metadata), 99);
    assert_true(bytes_equal_string(metadata, "n99"));
}

static void no_metadata_is_empty_metadata(void **state)
{
    struct node *node = *state;
    struct bytes metadata;
    make_things(node);
    assert_int_equal(commit(node, 5, 0, 1, NULL), 0);
    assert_int_equal(fetch(node, 5, false, &metadata), 1);
    assert_int_equal(metadata.size, 0);
}

static void each_partition_is_judged_for_itself(void **state)
{
    struct node *node = *state;
    char text[4098];
    memset(text, 'x', sizeof text - 1);
    text[4097] = 0;
    make_things(node);
    assert_int_equal(commit(node, 5, 9, 1, ""), 3);
    assert_int_equal(commit(node, 5, 0, 1, text), 12);
    text[4096] = 0;
    assert_int_equal(commit(node, 5, 0, 1, text), 0);
}

static int16_t commit_as(struct node *node, int16_t version, const char *group, int32_t generation,
                         const char *member)
{
    struct offset_commit_request_partition part = {.committed_offset = 1};
    struct offset_commit_request_topic topic = {.name = BYTES_LITERAL("t"),
                                                .partitions = {.items = &part, .count = 1}};
    struct offset_commit_request request = {.group_id = node_text(group),
                                            .generation_id_or_member_epoch = generation,
                                            .member_id = node_text(member),
                                            .retention_time_ms = -1,
                                            .topics = {.items = &topic, .count = 1}};
    const struct offset_commit_response *response =
        node_ask(node, API_OFFSET_COMMIT, version, &request);
    return response->topics.items[0].partitions.items[0].error_code;
}

static void a_generation_needs_its_group(void **state)
{
    struct node *node = *state;
    make_things(node);
    for (int16_t version = 2; version <= 9; version++) {
        assert_int_equal(commit_as(node, version, "unknown", 1, "m"), version >= 9 ? 69 : 22);
    }
    struct group_client client = group_client_make(node);
    assert_int_equal(group_client_join(&client, 5), 0);
    assert_int_equal(group_client_sync(&client, 3, NULL)->error_code, 0);
    assert_int_equal(commit_as(node, 7, "g", 1, "m"), 25);
    assert_int_equal(commit_as(node, 7, "g", -1, ""), 25); /* an admin, while it is in use */
    assert_int_equal(group_client_leave(&client), 0);
    assert_int_equal(commit_as(node, 7, "g", -1, ""), 0);
}

static const struct offset_delete_response *delete (struct node *node, const char *group,
                                                    int32_t partition)
{
    struct offset_delete_request_partition part = {.index = partition};
    struct offset_delete_request_topic topic = {.name = BYTES_LITERAL("t"),
                                                .partitions = {.items = &part, .count = 1}};
    struct offset_delete_request request = {.group_id = node_text(group),
                                            .topics = {.items = &topic, .count = 1}};
    return node_ask(node, API_OFFSET_DELETE, 0, &request);
}

static int32_t count_groups(struct node *node)
{
    struct list_groups_request request = {0};
    const struct list_groups_response *response = node_ask(node, API_LIST_GROUPS, 4, &request);
    assert_int_equal(response->error_code, 0);
    return response->groups.count;
}

/* A group comes into being with its first offset, not with the attempt. */
static void a_refused_commit_makes_no_group(void **state)
{
    enum { UNKNOWN_TOPIC_OR_PARTITION = 3, METADATA_TOO_LARGE = 12 };
    struct node *node = *state;
    char large[5000];
    make_things(node);
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = 0;
    assert_int_equal(commit(node, 6, 9, 1, NULL), UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(commit(node, 6, 0, 1, large), METADATA_TOO_LARGE);
    assert_int_equal(count_groups(node), 0);
    assert_int_equal(commit(node, 6, 0, 1, "small"), 0);
    assert_int_equal(commit(node, 6, 9, 1, NULL), UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(count_groups(node), 1);
}

static void single_offsets_are_deleted(void **state)
{
    struct node *node = *state;
    struct bytes metadata;
    make_things(node);
    assert_int_equal(delete (node, "", 0)->error_code, 24);
    assert_int_equal(delete (node, "g", 0)->error_code, 69);
    commit(node, 5, 0, 5, "");
    commit(node, 5, 1, 6, "");
    const struct offset_delete_response *response = delete (node, "g", 0);
    assert_int_equal(response->error_code, 0);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
    assert_int_equal(fetch(node, 5, false, &metadata), -1);
    assert_int_equal(delete (node, "g", 9)->topics.items[0].partitions.items[0].error_code, 3);
}

/* A group's offsets are answered once, however often it is asked for. */
static void a_group_asked_twice_is_answered_once(void **state)
{
    struct node *node = *state;
    make_things(node);
    commit(node, 5, 0, 5, "");
    struct offset_fetch_request_group groups[] = {
        {.group_id = BYTES_LITERAL("g"), .member_epoch = -1, .topics = {.count = -1}},
        {.group_id = BYTES_LITERAL("h"), .member_epoch = -1, .topics = {.count = -1}},
        {.group_id = BYTES_LITERAL("g"), .member_epoch = -1, .topics = {.count = -1}}};
    struct offset_fetch_request request = {.groups = {.items = groups, .count = 3}};
    const struct offset_fetch_response *response = node_ask(node, API_OFFSET_FETCH, 8, &request);
    assert_int_equal(response->groups.count, 2);
    assert_int_equal(response->groups.items[0].topics.count, 1);
    assert_int_equal(response->groups.items[1].topics.count, 0);
}

/* A small question with an answer of more than a gigabyte ends its connection and harms nobody. */
static void an_answer_beyond_measure_is_not_given(void **state)
{
    enum { COUNT = 300000 };
    struct node *node = *state;
    char text[4097];
    memset(text, 'x', sizeof text - 1);
    text[4096] = 0;
    make_things(node);
    assert_int_equal(commit(node, 5, 0, 1, text), 0);
    struct offset_fetch_request_topic topic = {
        .name = BYTES_LITERAL("t"),
        .partition_indexes = {arena_array(&node->arena, int32_t, COUNT), COUNT}};
    struct offset_fetch_request request = {.group_id = BYTES_LITERAL("g"),
                                           .topics = {.items = &topic, .count = 1}};
    struct peer *peer = node_connect(node);
    assert_null(node_wait(node_send(node, peer, API_OFFSET_FETCH, 5, &request)));
    assert_int_equal(trace_count("server.connection_closed"), 1); /* by us */
    struct bytes metadata;
    assert_int_equal(fetch(node, 5, false, &metadata), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(what_was_committed_is_fetched),
        NODE_TEST(no_metadata_is_empty_metadata),
        NODE_TEST(each_partition_is_judged_for_itself),
        NODE_TEST(a_generation_needs_its_group),
        NODE_TEST(a_refused_commit_makes_no_group),
        NODE_TEST(single_offsets_are_deleted),
        NODE_TEST(a_group_asked_twice_is_answered_once),
        NODE_TEST(an_answer_beyond_measure_is_not_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
