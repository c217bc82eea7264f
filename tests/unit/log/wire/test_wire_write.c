/* Shows that writing does what readers can read where a message holds what cannot be sent. Round
 * trips are in test_wire.c. */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_written_empty_where_it_cannot_be_sent),
        cmocka_unit_test(a_string_too_long_for_readers_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
