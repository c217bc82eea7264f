/* Shows what fields hold that nobody sent, and that equality sees what the version carries and
 * nothing else. */
#include "log/wire/messages.h"
#include "tests/unit/unit.h"

static void equality_sees_every_difference(void **state)
{
    (void)state;
    struct metadata_response_partition partitions[2] = {{.index = 1}, {.index = 2}};
    struct metadata_response_topic topic = {
        .name = BYTES_LITERAL("a"),
        .partitions = {partitions, 2},
    };
    struct metadata_response left = {.topics = {&topic, 1}};
    struct metadata_response_partition other_partitions[2] = {{.index = 1}, {.index = 2}};
    struct metadata_response_topic other_topic = topic;
    other_topic.partitions.items = other_partitions;
    struct metadata_response right = {.topics = {&other_topic, 1}};
    assert_true(wire_equal(&metadata_response_schema, 1, &left, &right));
    other_partitions[1].leader_id = 7;
    assert_false(wire_equal(&metadata_response_schema, 1, &left, &right));
    other_partitions[1].leader_id = 0;
    other_topic.partitions.count = 1;
    assert_false(wire_equal(&metadata_response_schema, 1, &left, &right));
    other_topic.partitions.count = 2;
    right.throttle_time_ms = 5;
    assert_true(wire_equal(&metadata_response_schema, 1, &left, &right));
    assert_false(wire_equal(&metadata_response_schema, 3, &left, &right));
}

static void defaults_are_those_of_the_schema(void **state)
{
    (void)state;
    struct fetch_request fetch;
    wire_set_defaults(&fetch_request_schema, &fetch);
    assert_true(bytes_is_null(fetch.cluster_id));
    assert_int_equal(fetch.max_bytes, INT32_MAX);
    assert_int_equal(fetch.session_epoch, -1);
    assert_int_equal(fetch.replica_state.replica_epoch, -1);
    assert_false(bytes_is_null(fetch.rack_id));
    assert_int_equal(fetch.rack_id.size, 0);
    assert_int_equal(fetch.topics.count, 0);
    struct metadata_request metadata;
    wire_set_defaults(&metadata_request_schema, &metadata);
    assert_true(metadata.allow_auto_topic_creation);
    struct metadata_response cluster;
    wire_set_defaults(&metadata_response_schema, &cluster);
    assert_int_equal(cluster.cluster_authorized_operations, INT32_MIN);
}

static void a_field_that_the_version_lacks_gets_its_default(void **state)
{
    (void)state;
    const uint8_t frame[] = {0, 0, 0, 0}; /* no topics */
    struct wire_reader reader = {frame, frame + sizeof frame};
    struct arena arena;
    struct metadata_request request = {.include_topic_authorized_operations = true};
    arena_init(&arena, 0);
    assert_int_equal(wire_read(&reader, &metadata_request_schema, 1, &arena, &request), 0);
    assert_true(request.allow_auto_topic_creation);
    assert_false(request.include_topic_authorized_operations);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_sees_every_difference),
        cmocka_unit_test(defaults_are_those_of_the_schema),
        cmocka_unit_test(a_field_that_the_version_lacks_gets_its_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
