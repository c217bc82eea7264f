/* Shows that writing does what readers can read where a message holds what cannot be sent, and that
 * records may be put in afterwards. Round trips are in test_wire.c. */
#include "log/wire/messages.h"
#include "tests/unit/unit.h"

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

static uint64_t next_random(void *owner)
{
    uint64_t *state = owner;
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state ^ *state >> 29;
}

struct records {
    struct bytes views[400];
    size_t count;
};

static void collect_records(const struct fetch_response *response, struct records *records)
{
    for (int32_t i = 0; i < response->topics.count; i++) {
        const struct fetch_response_topic *topic = &response->topics.items[i];
        for (int32_t j = 0; j < topic->partitions.count; j++) {
            if (topic->partitions.items[j].records.size > 0) {
                assert_true(records->count < 400);
                records->views[records->count++] = topic->partitions.items[j].records;
            }
        }
    }
}

static void records_put_into_their_holes_give_the_whole_message(void **state)
{
    (void)state;
    uint64_t seed = 7;
    size_t hole_count = 0;
    for (int i = 0; i < 500; i++) {
        int16_t version = (int16_t)(4 + next_random(&seed) % 13);
        struct arena arena;
        struct buffer whole, around, filled;
        struct fetch_response response;
        struct records records = {.count = 0};
        arena_init(&arena, 0);
        buffer_init(&whole);
        buffer_init(&around);
        buffer_init(&filled);
        wire_fill(&fetch_response_schema, version, &arena, &response, next_random, &seed);
        collect_records(&response, &records);
        wire_write(&whole, &fetch_response_schema, version, &response);

        struct wire_hole items[400];
        struct wire_holes holes = {.items = items};
        buffer_add_bytes(&around, bytes_make("before", 6));
        wire_write_around(&around, &fetch_response_schema, version, &response, &holes);
        assert_int_equal(holes.count, records.count);
        assert_int_equal(around.size - 6 + holes.size, whole.size);
        size_t at = 6;
        for (size_t j = 0; j < holes.count; j++) {
            assert_int_equal(holes.items[j].size, records.views[j].size);
            buffer_add(&filled, around.data + at, holes.items[j].place - at);
            buffer_add_bytes(&filled, records.views[j]);
            at = holes.items[j].place;
        }
        buffer_add(&filled, around.data + at, around.size - at);
        assert_true(bytes_equal(buffer_bytes(&filled), buffer_bytes(&whole)));
        hole_count += holes.count;
        buffer_fini(&filled);
        buffer_fini(&around);
        buffer_fini(&whole);
        arena_fini(&arena);
    }
    assert_true(hole_count > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_written_empty_where_it_cannot_be_sent),
        cmocka_unit_test(a_string_too_long_for_readers_is_cut),
        cmocka_unit_test(records_put_into_their_holes_give_the_whole_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
