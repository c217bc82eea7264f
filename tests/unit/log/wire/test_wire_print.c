/* Shows how messages print: one line, nulls, escapes, uuids, and only what the version carries. */
#include "log/wire/messages.h"
#include "tests/unit/unit.h"

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
        cmocka_unit_test(messages_print_as_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
