/* Shows that reading trusts nothing: counts and lengths that lie, too many tags, tags out of order,
 * nulls that are not allowed; and the kinds of fields that no Kafka message of ours has, by a table
 * of its own. */
#include "log/base/error.h"
#include "log/wire/messages.h"
#include "tests/unit/unit.h"

#include <string.h>

struct odd_inner {
    uint16_t small;
    struct bytes name;
};

struct odd {
    struct odd_inner *inner; /* nullable */
    double ratio;
    uint32_t large;
    struct {
        struct bytes *items;
        int32_t count;
    } names;
    struct odd_inner *tagged; /* nullable */
    struct wire_uuid id;      /* tagged */
};

static const struct wire_field odd_inner_fields[] = {
    {.name = "small",
     .kind = WIRE_UINT16,
     .offset = offsetof(struct odd_inner, small),
     .until = 1,
     .tag = -1,
     .nullable_since = INT16_MAX},
    {.name = "name",
     .kind = WIRE_STRING,
     .offset = offsetof(struct odd_inner, name),
     .until = 1,
     .tag = -1},
    {.kind = WIRE_END},
};

static const struct wire_field odd_fields[] = {
    {.name = "inner",
     .kind = WIRE_STRUCT,
     .offset = offsetof(struct odd, inner),
     .until = 1,
     .tag = -1,
     .element = odd_inner_fields,
     .element_size = sizeof(struct odd_inner)},
    {.name = "ratio",
     .kind = WIRE_FLOAT64,
     .offset = offsetof(struct odd, ratio),
     .until = 1,
     .tag = -1,
     .nullable_since = INT16_MAX},
    {.name = "large",
     .kind = WIRE_UINT32,
     .offset = offsetof(struct odd, large),
     .until = 1,
     .tag = -1,
     .nullable_since = INT16_MAX},
    {.name = "names",
     .kind = WIRE_ARRAY,
     .offset = offsetof(struct odd, names),
     .until = 1,
     .tag = -1,
     .nullable_since = 1,
     .element_kind = WIRE_STRING,
     .element_size = sizeof(struct bytes)},
    {.name = "tagged",
     .kind = WIRE_STRUCT,
     .offset = offsetof(struct odd, tagged),
     .since = 1,
     .until = 1,
     .tag = 0,
     .nullable_since = 1,
     .element = odd_inner_fields,
     .element_size = sizeof(struct odd_inner)},
    {.name = "id",
     .kind = WIRE_UUID,
     .offset = offsetof(struct odd, id),
     .since = 1,
     .until = 1,
     .tag = 5,
     .nullable_since = INT16_MAX},
    {.kind = WIRE_END},
};

static const struct wire_schema odd_schema = {
    .name = "odd",
    .key = -1,
    .lowest = 0,
    .highest = 1,
    .flexible = 1,
    .fields = odd_fields,
    .size = sizeof(struct odd),
};

static int setup(void **state)
{
    static struct arena arena;
    arena_init(&arena, 1024 * 1024);
    *state = &arena;
    return 0;
}

static int teardown(void **state)
{
    arena_fini(*state);
    return 0;
}

static int read_bytes(struct arena *arena, const struct wire_schema *schema, int16_t version,
                      struct bytes frame, void *out)
{
    struct wire_reader reader = {frame.data, frame.data + frame.size};
    int error = wire_read(&reader, schema, version, arena, out);
    assert_true(reader.at <= frame.data + frame.size);
    return error != 0 || reader.at == reader.end ? error : 1;
}

#define READ(state, schema, version, frame, out)                                                   \
    read_bytes(*(state), (schema), (version), bytes_make((frame), sizeof(frame)), (out))

static void nullable_structs_and_rare_numbers_come_back(void **state)
{
    struct odd_inner inner = {.small = 0xfffe, .name = BYTES_LITERAL("x")};
    struct bytes names[2] = {BYTES_LITERAL("one"), BYTES_LITERAL("")};
    struct odd message = {
        .inner = &inner,
        .ratio = -0.5,
        .large = 0xfffffffe,
        .names = {names, 2},
        .tagged = &inner,
        .id = {{1, 2, 3}},
    };
    const uint8_t expected[] = {
        0x01, 0xff, 0xfe, 0x02, 'x',  0x00,                  /* inner */
        0xbf, 0xe0, 0,    0,    0,    0,    0,   0,          /* ratio */
        0xff, 0xff, 0xff, 0xfe,                              /* large */
        0x03, 0x04, 'o',  'n',  'e',  0x01,                  /* names */
        0x02,                                                /* two tags */
        0x00, 0x06, 0x01, 0xff, 0xfe, 0x02, 'x', 0x00,       /* tagged */
        0x05, 0x10, 1,    2,    3,    0,    0,   0,    0, 0, /* id */
        0,    0,    0,    0,    0,    0,    0,   0,
    };
    struct buffer out;
    struct odd back;
    buffer_init(&out);
    wire_write(&out, &odd_schema, 1, &message);
    assert_true(bytes_equal(buffer_bytes(&out), bytes_make(expected, sizeof expected)));
    assert_int_equal(READ(state, &odd_schema, 1, expected, &back), 0);
    assert_true(wire_equal(&odd_schema, 1, &message, &back));
    assert_int_equal(back.tagged->small, 0xfffe);
    buffer_fini(&out);
}

static void null_structs_come_back(void **state)
{
    struct odd message = {.names = {NULL, -1}};
    const uint8_t expected[] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x00};
    struct buffer out;
    struct odd back;
    buffer_init(&out);
    wire_write(&out, &odd_schema, 1, &message);
    assert_true(bytes_equal(buffer_bytes(&out), bytes_make(expected, sizeof expected)));
    assert_int_equal(READ(state, &odd_schema, 1, expected, &back), 0);
    assert_null(back.inner);
    assert_null(back.tagged);
    assert_int_equal(back.names.count, -1);
    assert_true(wire_equal(&odd_schema, 1, &message, &back));
    buffer_fini(&out);
}

static void a_null_that_the_version_forbids_is_malformed(void **state)
{
    struct odd back;
    const uint8_t frame[] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    assert_int_equal(READ(state, &odd_schema, 0, frame, &back), ERROR_MALFORMED);
    struct metadata_request request;
    const uint8_t no_topics[] = {0xff, 0xff, 0xff, 0xff};
    assert_int_equal(READ(state, &metadata_request_schema, 0, no_topics, &request),
                     ERROR_MALFORMED);
    assert_int_equal(READ(state, &metadata_request_schema, 1, no_topics, &request), 0);
    assert_int_equal(request.topics.count, -1);
}

static void a_version_outside_the_schema_is_unsupported(void **state)
{
    struct odd back;
    const uint8_t frame[64] = {0};
    assert_int_equal(READ(state, &odd_schema, 2, frame, &back), ERROR_UNSUPPORTED);
    assert_int_equal(READ(state, &odd_schema, -1, frame, &back), ERROR_UNSUPPORTED);
}

static void a_count_beyond_the_frame_allocates_nothing(void **state)
{
    struct arena *arena = *state;
    struct metadata_request request;
    const uint8_t many[] = {0x00, 0x0f, 0x42, 0x40, 0, 1, 'a'};
    assert_int_equal(READ(state, &metadata_request_schema, 1, many, &request), ERROR_TRUNCATED);
    const uint8_t negative[] = {0x80, 0x00, 0x00, 0x00};
    assert_int_equal(READ(state, &metadata_request_schema, 1, negative, &request), ERROR_MALFORMED);
    const uint8_t compact[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 0};
    assert_int_equal(READ(state, &metadata_request_schema, 9, compact, &request), ERROR_MALFORMED);
    assert_int_equal(arena->used_size, 0);
}

static void more_than_a_million_elements_are_refused(void **state)
{
    struct arena *arena = *state;
    struct buffer frame;
    struct metadata_request request;
    buffer_init(&frame);
    buffer_reserve(&frame, 3000000);
    frame.size = 3000000;
    memset(frame.data, 0, frame.size);
    memcpy(frame.data, "\x00\x0f\x42\x41", 4);
    assert_int_equal(read_bytes(arena, &metadata_request_schema, 1, buffer_bytes(&frame), &request),
                     ERROR_MALFORMED);
    assert_int_equal(arena->used_size, 0);
    /* One less is only stopped by the arena. */
    frame.data[3] = 0x40;
    assert_int_equal(read_bytes(arena, &metadata_request_schema, 1, buffer_bytes(&frame), &request),
                     ERROR_NO_MEMORY);
    buffer_fini(&frame);
}

static void the_arena_bounds_what_small_elements_cost(void **state)
{
    /* 100,000 empty topics take two bytes each on the wire and ten times that in memory. */
    struct arena *arena = *state;
    struct buffer frame;
    struct fetch_response response;
    buffer_init(&frame);
    buffer_reserve(&frame, 200000);
    frame.size = 200000;
    memset(frame.data, 0, frame.size);
    memcpy(frame.data + 4, "\x00\x01\x86\xa0", 4); /* 100,000 topics */
    assert_int_equal(read_bytes(arena, &fetch_response_schema, 4, buffer_bytes(&frame), &response),
                     ERROR_NO_MEMORY);
    assert_true(arena->used_size <= arena->limit_size);
    buffer_fini(&frame);
}

static void unknown_tags_are_skipped(void **state)
{
    struct heartbeat_response response;
    const uint8_t frame[] = {0, 0, 0, 7, 0, 16, 0x02, 0x05, 0x02, 0xaa, 0xbb, 0x90, 0x4e, 0x00};
    assert_int_equal(READ(state, &heartbeat_response_schema, 4, frame, &response), 0);
    assert_int_equal(response.throttle_time_ms, 7);
    assert_int_equal(response.error_code, 16);
}

static void tags_that_repeat_or_descend_are_malformed(void **state)
{
    struct heartbeat_response response;
    const uint8_t repeated[] = {0, 0, 0, 0, 0, 0, 0x02, 0x05, 0x00, 0x05, 0x00};
    assert_int_equal(READ(state, &heartbeat_response_schema, 4, repeated, &response),
                     ERROR_MALFORMED);
    const uint8_t descending[] = {0, 0, 0, 0, 0, 0, 0x02, 0x05, 0x00, 0x04, 0x00};
    assert_int_equal(READ(state, &heartbeat_response_schema, 4, descending, &response),
                     ERROR_MALFORMED);
}

static void a_tag_whose_size_lies_is_refused(void **state)
{
    struct api_versions_response response;
    const uint8_t long_body[] = {0, 0, 1, 0, 0, 0, 0, 0x01, 0x01, 0x09, 0, 0, 0, 0, 0, 0, 0, 1, 0};
    assert_int_equal(READ(state, &api_versions_response_schema, 3, long_body, &response),
                     ERROR_MALFORMED);
    const uint8_t short_body[] = {0, 0, 1, 0, 0, 0, 0, 0x01, 0x01, 0x07, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(READ(state, &api_versions_response_schema, 3, short_body, &response),
                     ERROR_TRUNCATED);
    const uint8_t past_end[] = {0, 0, 1, 0, 0, 0, 0, 0x01, 0x09, 0x08, 0};
    assert_int_equal(READ(state, &api_versions_response_schema, 3, past_end, &response),
                     ERROR_TRUNCATED);
}

static void more_than_ten_thousand_tags_are_refused(void **state)
{
    struct heartbeat_response response;
    const uint8_t frame[] = {0, 0, 0, 0, 0, 0, 0x91, 0x4e};
    assert_int_equal(READ(state, &heartbeat_response_schema, 4, frame, &response), ERROR_MALFORMED);
}

static void a_string_past_32767_bytes_is_malformed(void **state)
{
    static uint8_t frame[40000] = {0x81, 0x80, 0x02}; /* 32768 + 1 */
    struct heartbeat_request request;
    assert_int_equal(READ(state, &heartbeat_request_schema, 4, frame, &request), ERROR_MALFORMED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nullable_structs_and_rare_numbers_come_back),
        TEST(null_structs_come_back),
        TEST(a_null_that_the_version_forbids_is_malformed),
        TEST(a_version_outside_the_schema_is_unsupported),
        TEST(a_count_beyond_the_frame_allocates_nothing),
        TEST(more_than_a_million_elements_are_refused),
        TEST(the_arena_bounds_what_small_elements_cost),
        TEST(unknown_tags_are_skipped),
        TEST(tags_that_repeat_or_descend_are_malformed),
        TEST(a_tag_whose_size_lies_is_refused),
        TEST(more_than_ten_thousand_tags_are_refused),
        TEST(a_string_past_32767_bytes_is_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
