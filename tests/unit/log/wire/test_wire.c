/* Shows that what is written is what is read: every message in every version, filled at random, is
 * written, measured, read, compared and written again. Also what fields hold that a version does
 * not carry, and how messages print. */
#include "log/base/error.h"
#include "log/wire/messages.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { FILLS_PER_VERSION = 20 };

static uint64_t next_random(void *owner)
{
    uint64_t *state = owner;
    uint64_t value = (*state += 0x9e3779b97f4a7c15u);
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

/* A copy of exactly its size, so that the sanitizer sees each byte read past it. */
static uint8_t *exact_copy(struct bytes view)
{
    uint8_t *copy = malloc(view.size + (view.size == 0));
    if (view.size > 0) {
        memcpy(copy, view.data, view.size);
    }
    return copy;
}

static void expect_round_trip(const struct wire_schema *schema, int16_t version, uint64_t seed)
{
    struct arena arena;
    struct buffer written, again;
    arena_init(&arena, 0);
    buffer_init(&written);
    buffer_init(&again);
    void *message = arena_get(&arena, schema->size);
    void *back = arena_get(&arena, schema->size);
    wire_fill(schema, version, &arena, message, next_random, &seed);
    wire_write(&written, schema, version, message);
    assert_int_equal(written.size, wire_size(schema, version, message));

    uint8_t *copy = exact_copy(buffer_bytes(&written));
    struct wire_reader reader = {copy, copy + written.size};
    assert_int_equal(wire_read(&reader, schema, version, &arena, back), 0);
    assert_ptr_equal(reader.at, reader.end);
    assert_true(wire_equal(schema, version, message, back));
    wire_write(&again, schema, version, back);
    assert_true(bytes_equal(buffer_bytes(&written), buffer_bytes(&again)));

    free(copy);
    buffer_fini(&written);
    buffer_fini(&again);
    arena_fini(&arena);
}

static void every_message_in_every_version_comes_back(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < WIRE_SCHEMA_COUNT; i++) {
        for (int16_t v = wire_schemas[i]->lowest; v <= wire_schemas[i]->highest; v++) {
            for (int fill = 0; fill < FILLS_PER_VERSION; fill++) {
                expect_round_trip(wire_schemas[i], v, seed++);
            }
        }
    }
}

static void expect_errors_when_cut(const struct wire_schema *schema, int16_t version, uint64_t seed)
{
    struct arena arena;
    struct buffer written;
    arena_init(&arena, 0);
    buffer_init(&written);
    void *message = arena_get(&arena, schema->size);
    wire_fill(schema, version, &arena, message, next_random, &seed);
    wire_write(&written, schema, version, message);
    for (size_t size = 0; size < written.size; size++) {
        struct arena scratch;
        arena_init(&scratch, 0);
        uint8_t *copy = exact_copy(bytes_make(written.data, size));
        struct wire_reader reader = {copy, copy + size};
        assert_true(wire_read(&reader, schema, version, &scratch, message) < 0);
        free(copy);
        arena_fini(&scratch);
    }
    buffer_fini(&written);
    arena_fini(&arena);
}

static void a_message_cut_anywhere_is_refused(void **state)
{
    (void)state;
    uint64_t seed = 1000000;
    for (int i = 0; i < WIRE_SCHEMA_COUNT; i++) {
        for (int16_t v = wire_schemas[i]->lowest; v <= wire_schemas[i]->highest; v++) {
            expect_errors_when_cut(wire_schemas[i], v, seed++);
        }
    }
}

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

static void null_is_written_empty_where_it_cannot_be_sent(void **state)
{
    (void)state;
    struct metadata_request request = {.topics = {NULL, -1}};
    struct buffer out;
    buffer_init(&out);
    wire_write(&out, &metadata_request_schema, 0, &request);
    assert_true(bytes_equal(buffer_bytes(&out), bytes_make("\0\0\0\0", 4)));
    buffer_clear(&out);
    wire_write(&out, &metadata_request_schema, 1, &request);
    assert_true(bytes_equal(buffer_bytes(&out), bytes_make("\xff\xff\xff\xff", 4)));
    buffer_fini(&out);
}

static void a_string_too_long_for_readers_is_cut(void **state)
{
    (void)state;
    static const uint8_t text[40000];
    struct heartbeat_request request = {.group_id = bytes_make(text, sizeof text)};
    struct buffer out;
    buffer_init(&out);
    for (int16_t version = 3; version <= 4; version++) {
        struct arena arena;
        struct heartbeat_request back;
        arena_init(&arena, 0);
        buffer_clear(&out);
        wire_write(&out, &heartbeat_request_schema, version, &request);
        struct wire_reader reader = {out.data, out.data + out.size};
        assert_int_equal(wire_read(&reader, &heartbeat_request_schema, version, &arena, &back), 0);
        assert_int_equal(back.group_id.size, INT16_MAX);
        arena_fini(&arena);
    }
    buffer_fini(&out);
}

static void messages_print_as_one_line(void **state)
{
    (void)state;
    struct produce_request_partition partition = {
        .index = -1,
        .records = bytes_make("\x01\xff", 2),
    };
    struct produce_request_topic topic = {
        .name = BYTES_LITERAL("a\"\n"),
        .topic_id = {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, [15] = 0xff}},
        .partitions = {&partition, 1},
    };
    struct produce_request request = {.acks = 1, .timeout_ms = 9, .topics = {&topic, 1}};
    struct buffer out;
    buffer_init(&out);
    wire_print(&out, &produce_request_schema, 9, &request);
    assert_string_equal(buffer_string(&out),
                        "produce_request v9 {transactional_id=null acks=1 timeout_ms=9 "
                        "topics=[{name=\"a\\\"\\x0a\" partitions=[{index=-1 "
                        "records=<2 bytes 01ff>}]}]}");
    buffer_clear(&out);
    topic.partitions.count = 0;
    wire_print(&out, &produce_request_schema, 13, &request);
    assert_string_equal(buffer_string(&out),
                        "produce_request v13 {transactional_id=null acks=1 timeout_ms=9 "
                        "topics=[{topic_id=01234567-89ab-cdef-0000-0000000000ff partitions=[]}]}");
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_in_every_version_comes_back),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
        cmocka_unit_test(equality_sees_every_difference),
        cmocka_unit_test(defaults_are_those_of_the_schema),
        cmocka_unit_test(a_field_that_the_version_lacks_gets_its_default),
        cmocka_unit_test(null_is_written_empty_where_it_cannot_be_sent),
        cmocka_unit_test(a_string_too_long_for_readers_is_cut),
        cmocka_unit_test(messages_print_as_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
