/* Shows that a client learns what is served, in any version it may ask with. */
#include "log/meta/feature.h"
#include "tests/unit/log/server/node.h"

static const struct api_versions_response_api *find(const struct api_versions_response *response,
                                                    int16_t key)
{
    for (int32_t i = 0; i < response->api_keys.count; i++) {
        if (response->api_keys.items[i].api_key == key) {
            return &response->api_keys.items[i];
        }
    }
    return NULL;
}

static void old_librdkafka_finds_the_versions_it_looks_for(void **state)
{
    static const struct {
        int16_t key;
        int16_t version;
    } looked_for[] = {{API_PRODUCE, 0},          {API_PRODUCE, 3},
                      {API_PRODUCE, 7},          {API_FETCH, 4},
                      {API_FETCH, 10},           {API_LIST_OFFSETS, 1},
                      {API_OFFSET_COMMIT, 2},    {API_OFFSET_FETCH, 1},
                      {API_FIND_COORDINATOR, 0}, {API_JOIN_GROUP, 0},
                      {API_SYNC_GROUP, 0},       {API_HEARTBEAT, 0},
                      {API_LEAVE_GROUP, 0},      {API_INIT_PRODUCER_ID, 0},
                      {API_ALTER_CONFIGS, 0},    {API_CREATE_PARTITIONS, 0},
                      {API_DELETE_TOPICS, 1},    {API_METADATA, 0}};
    struct api_versions_request request = {0};
    const struct api_versions_response *response = node_ask(*state, API_API_VERSIONS, 0, &request);
    assert_int_equal(response->error_code, 0);
    for (size_t i = 0; i < sizeof looked_for / sizeof *looked_for; i++) {
        const struct api_versions_response_api *api = find(response, looked_for[i].key);
        assert_non_null(api);
        assert_in_range(looked_for[i].version, api->min_version, api->max_version);
    }
}

static void every_version_says_the_same(void **state)
{
    struct api_versions_request request = {.client_software_name = BYTES_LITERAL("x"),
                                           .client_software_version = BYTES_LITERAL("1")};
    int32_t count = 0;
    for (int16_t version = 0; version <= 4; version++) {
        const struct api_versions_response *response =
            node_ask(*state, API_API_VERSIONS, version, &request);
        assert_int_equal(response->error_code, 0);
        assert_true(count == 0 || response->api_keys.count == count);
        count = response->api_keys.count;
        for (int32_t i = 0; i < count; i++) {
            assert_non_null(frame_api_find(response->api_keys.items[i].api_key));
        }
    }
}

/* The answer has the body of version 0, whatever was asked (KIP-511). */
static void a_version_of_the_future_is_told_what_we_have(void **state)
{
    struct node *node = *state;
    struct api_versions_request request = {0};
    struct node_call *call = node_send(node, NULL, API_API_VERSIONS, 0, &request);
    assert_non_null(node_wait(call));
    call = node_send_as(node, NULL, API_API_VERSIONS, 0, 99, &request);
    const struct api_versions_response *response = node_wait(call);
    assert_non_null(response);
    assert_int_equal(response->error_code, 35);
    assert_int_equal(find(response, API_API_VERSIONS)->max_version, 4);
    assert_non_null(node_ask(node, API_API_VERSIONS, 4, &request)); /* the same connection */
}

/* The highest level of every row, in a new cluster. */
static void features_are_told(void **state)
{
    struct api_versions_request request = {.client_software_name = BYTES_LITERAL("x"),
                                           .client_software_version = BYTES_LITERAL("1")};
    const struct api_versions_response *response = node_ask(*state, API_API_VERSIONS, 4, &request);
    assert_true(response->finalized_features_epoch > 0);
    int32_t count = 0;
    for (const struct feature *row = feature_next(NULL); row != NULL; row = feature_next(row)) {
        assert_true(bytes_equal_string(response->supported_features.items[count].name, row->name));
        assert_int_equal(response->supported_features.items[count].max_version, row->highest);
        assert_int_equal(response->finalized_features.items[count].max_version_level, row->highest);
        count++;
    }
    assert_int_equal(response->supported_features.count, count);
    assert_int_equal(response->finalized_features.count, count);
    response = node_ask(*state, API_API_VERSIONS, 2, &request);
    assert_int_equal(response->supported_features.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(old_librdkafka_finds_the_versions_it_looks_for),
        NODE_TEST(every_version_says_the_same),
        NODE_TEST(features_are_told),
        NODE_TEST(a_version_of_the_future_is_told_what_we_have),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
