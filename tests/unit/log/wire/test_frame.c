/* Shows that frames are what clients send and expect, byte by byte: the frames below were typed by
 * hand from the protocol guide. Each is read, compared, and written back. */
#include "log/base/error.h"
#include "log/wire/messages.h"
#include "tests/unit/unit.h"

#include <string.h>

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

/* Reads a request whose frame has this text when printed, and writes it back. */
static void expect_request(struct arena *arena, struct bytes frame, const char *text)
{
    struct wire_reader reader = {frame.data + 4, frame.data + frame.size};
    struct frame_request_header header;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(frame_read_request_header(&reader, &header), 0);
    const struct frame_api *api = frame_api_find(header.api_key);
    void *message = arena_get(arena, api->request->size);
    assert_int_equal(header.correlation_id, 7);
    assert_true(bytes_equal_string(header.client_id, "me"));
    assert_int_equal(wire_read(&reader, api->request, header.api_version, arena, message), 0);
    assert_ptr_equal(reader.at, reader.end);
    wire_print(&out, api->request, header.api_version, message);
    assert_string_equal(buffer_string(&out), text);
    buffer_clear(&out);
    frame_write_request(&out, api, &header, message);
    assert_true(bytes_equal(buffer_bytes(&out), frame));
    buffer_fini(&out);
}

static void expect_response(struct arena *arena, int16_t key, int16_t version, struct bytes frame,
                            const char *text)
{
    struct wire_reader reader = {frame.data + 4, frame.data + frame.size};
    const struct frame_api *api = frame_api_find(key);
    void *message = arena_get(arena, api->response->size);
    int32_t correlation_id = 0;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(frame_read_response_header(&reader, api, version, &correlation_id), 0);
    assert_int_equal(correlation_id, 7);
    assert_int_equal(wire_read(&reader, api->response, version, arena, message), 0);
    assert_ptr_equal(reader.at, reader.end);
    wire_print(&out, api->response, version, message);
    assert_string_equal(buffer_string(&out), text);
    buffer_clear(&out);
    frame_write_response(&out, api, version, 7, message);
    assert_true(bytes_equal(buffer_bytes(&out), frame));
    buffer_fini(&out);
}

#define REQUEST(frame, text) expect_request(*state, bytes_make((frame), sizeof(frame)), (text))
#define RESPONSE(key, version, frame, text)                                                        \
    expect_response(*state, (key), (version), bytes_make((frame), sizeof(frame)), (text))

/* clang-format off */

static void api_versions_0(void **state)
{
    const uint8_t request[] = {
        0, 0, 0, 12, 0, 18, 0, 0, 0, 0, 0, 7, 0, 2, 'm', 'e',
    };
    REQUEST(request, "api_versions_request v0 {}");
    const uint8_t response[] = {
        0, 0, 0, 22, 0, 0, 0, 7,
        0, 0,                                     /* no error */
        0, 0, 0, 2, 0, 0, 0, 3, 0, 11,            /* Produce 3-11 */
        0, 18, 0, 0, 0, 4,                        /* ApiVersions 0-4 */
    };
    RESPONSE(API_API_VERSIONS, 0, response,
             "api_versions_response v0 {error_code=0 api_keys=["
             "{api_key=0 min_version=3 max_version=11} {api_key=18 min_version=0 max_version=4}]}");
}

static void api_versions_3(void **state)
{
    const uint8_t request[] = {
        0, 0, 0, 22, 0, 18, 0, 3, 0, 0, 0, 7, 0, 2, 'm', 'e', 0,  /* header version 2 */
        4, 'l', 'i', 'b', 4, '1', '.', '2', 0,
    };
    REQUEST(request, "api_versions_request v3 {client_software_name=\"lib\" "
                     "client_software_version=\"1.2\"}");
    const uint8_t response[] = {
        0, 0, 0, 29, 0, 0, 0, 7,                  /* header version 0, also here */
        0, 35,                                    /* UNSUPPORTED_VERSION */
        2, 0, 18, 0, 0, 0, 4, 0,                  /* one API */
        0, 0, 0, 0,                               /* not throttled */
        1, 1, 8, 0, 0, 0, 0, 0, 0, 0, 9,          /* tag 1: the features' epoch */
    };
    RESPONSE(API_API_VERSIONS, 3, response,
             "api_versions_response v3 {error_code=35 api_keys=["
             "{api_key=18 min_version=0 max_version=4}] throttle_time_ms=0 supported_features=[] "
             "finalized_features_epoch=9 finalized_features=[] zk_migration_ready=false}");
}

static void metadata_1(void **state)
{
    const uint8_t request[] = {
        0, 0, 0, 19, 0, 3, 0, 1, 0, 0, 0, 7, 0, 2, 'm', 'e',
        0, 0, 0, 1, 0, 1, 'a',
    };
    REQUEST(request, "metadata_request v1 {topics=[{name=\"a\"}]}");
    const uint8_t response[] = {
        0, 0, 0, 69, 0, 0, 0, 7,
        0, 0, 0, 1, 0, 0, 0, 5, 0, 1, 'h', 0, 0, 0x23, 0x84, 0xff, 0xff,  /* broker 5 at h:9092 */
        0, 0, 0, 5,                                                       /* the controller */
        0, 0, 0, 1, 0, 0, 0, 1, 'a', 0,                                   /* topic a */
        0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5,                         /* partition 2, leader */
        0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 6,                               /* replicas */
        0, 0, 0, 1, 0, 0, 0, 5,                                           /* in-sync replicas */
    };
    RESPONSE(API_METADATA, 1, response,
             "metadata_response v1 {brokers=[{node_id=5 host=\"h\" port=9092 rack=null}] "
             "controller_id=5 topics=[{error_code=0 name=\"a\" is_internal=false "
             "partitions=[{error_code=0 index=2 leader_id=5 replica_nodes=[5 6] "
             "isr_nodes=[5]}]}]}");
}

static void metadata_9(void **state)
{
    const uint8_t request[] = {
        0, 0, 0, 21, 0, 3, 0, 9, 0, 0, 0, 7, 0, 2, 'm', 'e', 0,
        2, 2, 'a', 0,
        1, 0, 1,
        0,
    };
    REQUEST(request, "metadata_request v9 {topics=[{name=\"a\"}] allow_auto_topic_creation=true "
                     "include_cluster_authorized_operations=false "
                     "include_topic_authorized_operations=true}");
    const uint8_t response[] = {
        0, 0, 0, 73, 0, 0, 0, 7, 0,
        0, 0, 0, 0,
        2, 0, 0, 0, 5, 2, 'h', 0, 0, 0x23, 0x84, 2, 'r', 0,               /* broker 5 in rack r */
        3, 'i', 'd',                                                      /* cluster id */
        0, 0, 0, 5,
        2, 0, 0, 2, 'a', 1,                                               /* internal topic a */
        2, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0, 3,                      /* with leader epoch 3 */
        2, 0, 0, 0, 5, 2, 0, 0, 0, 5, 1, 0,
        0, 0, 0, 8, 0,                                                    /* topic's operations */
        0x80, 0, 0, 0,                                                    /* not asked for */
        0,
    };
    RESPONSE(API_METADATA, 9, response,
             "metadata_response v9 {throttle_time_ms=0 "
             "brokers=[{node_id=5 host=\"h\" port=9092 rack=\"r\"}] cluster_id=\"id\" "
             "controller_id=5 topics=[{error_code=0 name=\"a\" is_internal=true "
             "partitions=[{error_code=0 index=2 leader_id=5 leader_epoch=3 replica_nodes=[5] "
             "isr_nodes=[5] offline_replicas=[]}] authorized_operations=8}] "
             "cluster_authorized_operations=-2147483648}");
}

static void produce_7(void **state)
{
    const uint8_t request[] = {
        0, 0, 0, 42, 0, 0, 0, 7, 0, 0, 0, 7, 0, 2, 'm', 'e',
        0xff, 0xff,                               /* no transaction */
        0xff, 0xff, 0, 0, 0x75, 0x30,             /* acks and timeout */
        0, 0, 0, 1, 0, 1, 't',
        0, 0, 0, 1, 0, 0, 0, 3,
        0, 0, 0, 3, 0xca, 0xfe, 0x01,             /* records */
    };
    REQUEST(request, "produce_request v7 {transactional_id=null acks=-1 timeout_ms=30000 "
                     "topics=[{name=\"t\" partitions=[{index=3 records=<3 bytes cafe01>}]}]}");
    const uint8_t response[] = {
        0, 0, 0, 49, 0, 0, 0, 7,
        0, 0, 0, 1, 0, 1, 't',
        0, 0, 0, 1, 0, 0, 0, 3, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 42,                  /* base offset */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0, 0, 0, 0, 0, 0, 0, 1,                   /* log start */
        0, 0, 0, 9,
    };
    RESPONSE(API_PRODUCE, 7, response,
             "produce_response v7 {topics=[{name=\"t\" partitions=[{index=3 error_code=0 "
             "base_offset=42 log_append_time_ms=-1 log_start_offset=1}]}] throttle_time_ms=9}");
}

static void produce_9(void **state)
{
    const uint8_t request[] = {
        0, 0, 0, 37, 0, 0, 0, 9, 0, 0, 0, 7, 0, 2, 'm', 'e', 0,
        3, 't', 'x',
        0, 1, 0, 0, 0, 1,
        2, 2, 't',
        2, 0, 0, 0, 3, 4, 0xca, 0xfe, 0x01, 0,
        0, 0,
    };
    REQUEST(request, "produce_request v9 {transactional_id=\"tx\" acks=1 timeout_ms=1 "
                     "topics=[{name=\"t\" partitions=[{index=3 records=<3 bytes cafe01>}]}]}");
    const uint8_t response[] = {
        0, 0, 0, 59, 0, 0, 0, 7, 0,
        2, 2, 't',
        2, 0, 0, 0, 3, 0, 87,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        0, 0, 0, 0, 0, 0, 0, 1,
        2, 0, 0, 0, 2, 4, 'k', 'e', 'y', 0,       /* record 2 lacks its key */
        3, 'n', 'o', 0,
        0,
        0, 0, 0, 0,
        0,
    };
    RESPONSE(API_PRODUCE, 9, response,
             "produce_response v9 {topics=[{name=\"t\" partitions=[{index=3 error_code=87 "
             "base_offset=-1 log_append_time_ms=-1 log_start_offset=1 "
             "record_errors=[{batch_index=2 message=\"key\"}] error_message=\"no\"}]}] "
             "throttle_time_ms=0}");
}

/* clang-format on */

static void the_size_of_each_frame_is_its_own(void **state)
{
    (void)state;
    struct heartbeat_response response = {.error_code = 27};
    const struct frame_api *api = frame_api_find(API_HEARTBEAT);
    struct buffer out;
    buffer_init(&out);
    frame_write_response(&out, api, 4, 1, &response);
    size_t first_size = out.size;
    frame_write_response(&out, api, 4, 2, &response);
    assert_int_equal(out.size, 2 * first_size);
    assert_int_equal(out.data[3], first_size - 4);
    assert_int_equal(out.data[first_size + 3], first_size - 4);
    buffer_fini(&out);
}

static void an_unknown_api_or_version_is_read_to_its_correlation_id(void **state)
{
    (void)state;
    const uint8_t frames[][8] = {
        {0x7f, 0, 0, 0, 0, 0, 0, 7},
        {0, 18, 0, 99, 0, 0, 0, 7},
        {0, 0, 0, 2, 0, 0, 0, 7},
    };
    for (size_t i = 0; i < 3; i++) {
        struct wire_reader reader = {frames[i], frames[i] + 8};
        struct frame_request_header header = {0};
        assert_int_equal(frame_read_request_header(&reader, &header), ERROR_UNSUPPORTED);
        assert_int_equal(header.correlation_id, 7);
    }
}

static void a_header_cut_anywhere_is_refused(void **state)
{
    (void)state;
    const uint8_t frame[] = {0, 18, 0, 3, 0, 0, 0, 7, 0, 2, 'm', 'e', 1, 9, 1, 0xaa};
    struct frame_request_header header;
    for (size_t size = 0; size < sizeof frame; size++) {
        struct wire_reader reader = {frame, frame + size};
        assert_int_equal(frame_read_request_header(&reader, &header), ERROR_TRUNCATED);
    }
    struct wire_reader reader = {frame, frame + sizeof frame};
    assert_int_equal(frame_read_request_header(&reader, &header), 0);
    assert_ptr_equal(reader.at, reader.end);
}

static void apis_are_found_by_key(void **state)
{
    (void)state;
    for (int i = 0; i < FRAME_API_COUNT; i++) {
        assert_ptr_equal(frame_api_find(frame_apis[i].key), &frame_apis[i]);
        assert_int_equal(frame_apis[i].request->lowest, frame_apis[i].response->lowest);
        assert_true(i == 0 || frame_apis[i - 1].key < frame_apis[i].key);
    }
    assert_null(frame_api_find(4));
    assert_null(frame_api_find(-1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(api_versions_0),
        TEST(api_versions_3),
        TEST(metadata_1),
        TEST(metadata_9),
        TEST(produce_7),
        TEST(produce_9),
        TEST(the_size_of_each_frame_is_its_own),
        TEST(an_unknown_api_or_version_is_read_to_its_correlation_id),
        TEST(a_header_cut_anywhere_is_refused),
        TEST(apis_are_found_by_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
