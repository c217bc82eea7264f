/* Shows that levels stay inside their rows and that all updates of a request happen or none. */
#include "tests/unit/log/server/node.h"

static int16_t update(struct node *node, int16_t version, const char *name, int16_t level,
                      int8_t kind)
{
    struct update_features_request_feature_update updates[] = {
        {.feature = BYTES_LITERAL("metadata.version"), .max_version_level = 30, .upgrade_type = 1},
        {.feature = node_text(name), .max_version_level = level, .upgrade_type = kind}};
    struct update_features_request request = {.feature_updates = {.items = updates, .count = 2}};
    const struct update_features_response *response =
        node_ask(node, API_UPDATE_FEATURES, version, &request);
    assert_int_equal(response->results.count, version <= 1 && response->error_code == 0 ? 2 : 0);
    assert_true((response->error_code == 0) == bytes_is_null(response->error_message));
    return response->error_code;
}

static int64_t epoch(struct node *node)
{
    struct api_versions_request request = {.client_software_name = BYTES_LITERAL("x"),
                                           .client_software_version = BYTES_LITERAL("1")};
    const struct api_versions_response *response = node_ask(node, API_API_VERSIONS, 4, &request);
    return response->finalized_features_epoch;
}

static void a_level_in_force_may_be_set_again(void **state)
{
    struct node *node = *state;
    int64_t before = epoch(node);
    for (int16_t version = 0; version <= 2; version++) {
        assert_int_equal(update(node, version, "metadata.version", 30, 1), 0);
    }
    assert_int_equal(epoch(node), before);
}

static void what_does_not_fit_is_refused(void **state)
{
    struct node *node = *state;
    int64_t before = epoch(node);
    for (int16_t version = 0; version <= 2; version++) {
        assert_int_equal(update(node, version, "metadata.version", 31, 1), 95);
        assert_int_equal(update(node, version, "metadata.version", 29, 1), 95);
        assert_int_equal(update(node, version, "metadata.version", 0, 1), 95);
        assert_int_equal(update(node, version, "no.such", 1, 1), 95);
    }
    assert_int_equal(update(node, 2, "metadata.version", -1, 3), 95);
    assert_int_equal(update(node, 2, "metadata.version", 30, 0), 95);
    assert_int_equal(update(node, 2, "metadata.version", 30, 4), 95);
    assert_int_equal(epoch(node), before);
}

/* Also after a restart, which gives new features their highest level and leaves others alone. */
static void a_level_that_was_set_stays(void **state)
{
    struct node *node = *state;
    int64_t before = epoch(node);
    assert_int_equal(update(node, 2, "group.version", 0, 1), 95); /* no upgrade */
    assert_int_equal(update(node, 2, "group.version", 0, 2), 0);
    assert_true(epoch(node) > before);
    node_restart(node);
    struct api_versions_request request = {.client_software_name = BYTES_LITERAL("x"),
                                           .client_software_version = BYTES_LITERAL("1")};
    const struct api_versions_response *response = node_ask(node, API_API_VERSIONS, 4, &request);
    for (int32_t i = 0; i < response->finalized_features.count; i++) {
        assert_false(
            bytes_equal_string(response->finalized_features.items[i].name, "group.version"));
    }
    assert_int_equal(update(node, 2, "group.version", 1, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_level_in_force_may_be_set_again),
        NODE_TEST(what_does_not_fit_is_refused),
        NODE_TEST(a_level_that_was_set_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
