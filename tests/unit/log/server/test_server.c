/* Shows that every version of every API is answered, that what no version knows ends the connection
 * and nothing else, and that connections, frames and memory have their limits. */
#include "log/base/endian.h"
#include "tests/unit/log/server/node.h"
#include "tests/unit/log/server/plausible.h"

struct row {
    const struct wire_schema *request;
    int16_t lowest;
    int16_t highest;
};

static const struct row rows[] = {
#define API(name, lowest, highest) {&name##_request_schema, lowest, highest},
#include "log/server/apis.def"
#undef API
};

enum { ROW_COUNT = sizeof rows / sizeof *rows, ROUNDS = 6, CLIENT_COUNT = 60 };

/* By a new client; an old one may have been silent for too long. */
static void check_is_usable(struct node *node)
{
    struct metadata_request request = {.topics = {.count = 0}};
    struct peer *peer = node_connect(node);
    assert_non_null(node_wait(node_send(node, peer, API_METADATA, 4, &request)));
    peer_close(peer);
}

static void make_things(struct node *node)
{
    static const char *const compacted[] = {"cleanup.policy", "compact", NULL};
    node_make_topic(node, "t", 2, NULL);
    node_make_topic(node, "u", 1, compacted);
    node_find_coordinator(node);
}

/* Produce says 0 and serves from 3 on. */
static bool is_served(const struct row *row, int16_t version)
{
    return row->request->key != API_PRODUCE || version >= 3;
}

static void every_version_of_every_api_is_answered(void **state)
{
    struct node *node = *state;
    struct plausible plausible = {.node = node};
    make_things(node);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        for (int16_t version = rows[i].lowest; version <= rows[i].highest; version++) {
            for (uint64_t round = 0; round < ROUNDS && is_served(&rows[i], version); round++) {
                plausible.state =
                    (uint64_t)rows[i].request->key << 32 | (uint64_t)version << 16 | round;
                const void *request = plausible_request(&plausible, rows[i].request, version);
                assert_non_null(node_ask(node, rows[i].request->key, version, request));
            }
        }
    }
    check_is_usable(node);
}

/* A client that writes what it likes. */
struct raw {
    struct node *node;
    struct io_request connect;
    struct io_request write;
    struct io_stream *stream;
    struct buffer sent;
    struct buffer received;
    bool is_open;
    bool is_closed;
};

static void on_raw_data(void *owner, const uint8_t *data, size_t size)
{
    buffer_add(&((struct raw *)owner)->received, data, size);
}

static void on_raw_closed(void *owner, int reason)
{
    (void)reason;
    struct raw *raw = owner;
    raw->is_closed = true;
    raw->stream = NULL;
}

static void on_raw_written(struct io_request *request, int64_t result)
{
    (void)result;
    buffer_clear(&((struct raw *)request->owner)->sent);
}

static void on_raw_connected(struct io_request *request, int64_t result)
{
    static const struct io_stream_events events = {.data = on_raw_data, .closed = on_raw_closed};
    struct raw *raw = request->owner;
    assert_int_equal(result, 0);
    raw->is_open = true;
    io_stream_watch(raw->node->client_io, raw->stream, &events, raw);
}

static bool raw_is_open(void *owner)
{
    return ((struct raw *)owner)->is_open;
}

static void raw_open(struct raw *raw, struct node *node)
{
    *raw = (struct raw){.node = node};
    raw->connect = (struct io_request){.done = on_raw_connected, .owner = raw};
    raw->write = (struct io_request){.done = on_raw_written, .owner = raw};
    io_connect(node->client_io, &raw->connect, "node0:9092", &raw->stream);
    assert_true(sim_run_until(node->sim, raw_is_open, raw, 1000000000));
}

static void raw_send(struct raw *raw, struct bytes bytes)
{
    assert_int_equal(raw->sent.size, 0);
    buffer_add_bytes(&raw->sent, bytes);
    struct bytes part = buffer_bytes(&raw->sent);
    io_stream_write(raw->node->client_io, &raw->write, raw->stream, &part, 1);
}

static void raw_close(struct raw *raw)
{
    if (raw->stream != NULL) {
        io_stream_close(raw->node->client_io, raw->stream);
    }
    node_run_ms(raw->node, 1000);
    assert_true(raw->is_closed);
    buffer_fini(&raw->sent);
    buffer_fini(&raw->received);
}

static void fill_frame(struct buffer *frame, int16_t key, int16_t version, const void *request)
{
    struct frame_request_header header = {
        .api_key = key, .api_version = version, .client_id = BYTES_LITERAL("raw")};
    frame_write_request(frame, frame_api_find(key), &header, request);
}

/* Cut short with its size made to fit, or with some of its bytes changed. */
static void spoil(struct plausible *plausible, struct buffer *frame)
{
    if (plausible_below(plausible, 2) == 0) {
        frame->size = 12 + plausible_below(plausible, frame->size - 11);
        endian_write_i32(frame->data, (int32_t)frame->size - 4);
        return;
    }
    for (uint64_t i = 0; i <= plausible_below(plausible, 4); i++) {
        size_t place = 12 + plausible_below(plausible, frame->size - 12);
        frame->data[place] = (uint8_t)plausible_random(plausible);
    }
}

static void a_spoiled_request_harms_nobody(void **state)
{
    struct node *node = *state;
    struct plausible plausible = {.node = node, .state = 1};
    make_things(node);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        for (int round = 0; round < 12; round++) {
            uint64_t span = (uint64_t)(rows[i].highest - rows[i].lowest + 1);
            int16_t version = (int16_t)(rows[i].lowest + (int)plausible_below(&plausible, span));
            struct buffer frame;
            struct raw raw;
            if (!is_served(&rows[i], version)) {
                continue;
            }
            buffer_init(&frame);
            fill_frame(&frame, rows[i].request->key, version,
                       plausible_request(&plausible, rows[i].request, version));
            spoil(&plausible, &frame);
            raw_open(&raw, node);
            raw_send(&raw, buffer_bytes(&frame));
            node_run_ms(node, 100);
            raw_close(&raw);
            buffer_fini(&frame);
        }
    }
    check_is_usable(node);
}

static void send_header(struct raw *raw, int16_t key, int16_t version)
{
    uint8_t frame[14];
    endian_write_i32(frame, sizeof frame - 4);
    endian_write_i16(frame + 4, key);
    endian_write_i16(frame + 6, version);
    endian_write_i32(frame + 8, 7);
    endian_write_i16(frame + 12, -1);
    raw_send(raw, bytes_make(frame, sizeof frame));
}

static void what_no_table_knows_ends_the_connection(void **state)
{
    struct node *node = *state;
    static const struct {
        int16_t key;
        int16_t version;
    } strangers[] = {{4, 0},
                     {17, 0},
                     {500, 0},
                     {-1, 0},
                     {API_METADATA, 99},
                     {API_METADATA, -1},
                     {API_FETCH, 3},
                     {API_PRODUCE, 99},
                     {API_PRODUCE, 2},
                     {API_PRODUCE, -1}};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        struct raw raw;
        raw_open(&raw, node);
        send_header(&raw, strangers[i].key, strangers[i].version);
        node_run_ms(node, 1000);
        assert_true(raw.is_closed);
        assert_int_equal(raw.received.size, 0);
        raw_close(&raw);
    }
    check_is_usable(node);
}

static void a_frame_above_the_limit_ends_the_connection(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "socket.request.max.bytes", "1000");
    node_start(node);
    for (int32_t size = 1000; size <= 1001; size++) {
        struct raw raw;
        uint8_t announced[4];
        raw_open(&raw, node);
        endian_write_i32(announced, size);
        raw_send(&raw, bytes_make(announced, sizeof announced));
        node_run_ms(node, 1000);
        assert_int_equal(raw.is_closed, size > 1000);
        raw_close(&raw);
    }
    node_free(node);
}

static void a_silent_connection_is_closed_after_its_time(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "connections.max.idle.ms", "60000");
    node_start(node);
    struct raw raw;
    raw_open(&raw, node);
    node_run_ms(node, 50000);
    assert_false(raw.is_closed);
    node_run_ms(node, 30000);
    assert_true(raw.is_closed);
    raw_close(&raw);
    node_free(node);
}

static void without_a_limit_silence_is_fine(void **state)
{
    static const char *const limits[] = {"-1", "9223372036854775807", "18446744073710"};
    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct node *node = node_new();
        node_set(node, "connections.max.idle.ms", limits[i]);
        node_start(node);
        struct raw raw;
        raw_open(&raw, node);
        node_run_ms(node, 3600000);
        assert_false(raw.is_closed);
        raw_close(&raw);
        node_free(node);
    }
}

static void one_connection_too_many_is_refused(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "max.connections", "3");
    node_start(node); /* with one */
    struct raw raws[3];
    for (int i = 0; i < 3; i++) {
        raw_open(&raws[i], node);
        node_run_ms(node, 100);
        assert_int_equal(raws[i].is_closed, i == 2);
    }
    raw_close(&raws[0]);
    raw_close(&raws[2]);
    raw_open(&raws[0], node);
    node_run_ms(node, 100);
    assert_false(raws[0].is_closed);
    raw_close(&raws[0]);
    raw_close(&raws[1]);
    node_free(node);
}

static void one_address_has_its_share_of_connections(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "max.connections.per.ip", "2");
    node_start(node); /* with one */
    struct raw raws[2];
    for (int i = 0; i < 2; i++) {
        raw_open(&raws[i], node);
        node_run_ms(node, 100);
        assert_int_equal(raws[i].is_closed, i == 1);
    }
    raw_close(&raws[0]);
    raw_close(&raws[1]);
    check_is_usable(node);
    node_free(node);
}

static void addresses_may_have_limits_of_their_own(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_set(node, "max.connections.per.ip", "1");
    struct raw raw;
    node_start(node); /* with one */
    node_run_ms(node, 1000);
    raw_open(&raw, node);
    node_run_ms(node, 100);
    assert_true(raw.is_closed);
    raw_close(&raw);
    struct incremental_alter_configs_request_config config = {
        .name = BYTES_LITERAL("max.connections.per.ip.overrides"),
        .value = BYTES_LITERAL("10.9.8.7:1,node1:2")};
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = 4,
        .resource_name = BYTES_LITERAL("1"),
        .configs = {.items = &config, .count = 1}};
    struct incremental_alter_configs_request request = {
        .resources = {.items = &resource, .count = 1}};
    const struct incremental_alter_configs_response *response =
        node_ask(node, API_INCREMENTAL_ALTER_CONFIGS, 1, &request);
    assert_int_equal(response->resources.items[0].error_code, 0);
    raw_open(&raw, node);
    node_run_ms(node, 100);
    assert_false(raw.is_closed);
    raw_close(&raw);
    node_free(node);
}

static void the_number_of_connections_can_be_changed(void **state)
{
    struct node *node = *state;
    struct incremental_alter_configs_request_config config = {
        .name = BYTES_LITERAL("max.connections"), .value = BYTES_LITERAL("1")};
    struct incremental_alter_configs_request_resource resource = {
        .resource_type = 4,
        .resource_name = BYTES_LITERAL("1"),
        .configs = {.items = &config, .count = 1}};
    struct incremental_alter_configs_request request = {
        .resources = {.items = &resource, .count = 1}};
    const struct incremental_alter_configs_response *response =
        node_ask(node, API_INCREMENTAL_ALTER_CONFIGS, 1, &request);
    assert_int_equal(response->resources.items[0].error_code, 0);
    struct raw raw;
    raw_open(&raw, node);
    node_run_ms(node, 100);
    assert_true(raw.is_closed);
    raw_close(&raw);
}

static const void *fetch_of(struct node *node, int32_t size_max)
{
    struct fetch_request_partition *part = arena_new(&node->arena, struct fetch_request_partition);
    struct fetch_request_topic *topic = arena_new(&node->arena, struct fetch_request_topic);
    struct fetch_request *request = arena_new(&node->arena, struct fetch_request);
    *part = (struct fetch_request_partition){
        .current_leader_epoch = -1, .log_start_offset = -1, .partition_max_bytes = size_max};
    *topic = (struct fetch_request_topic){.name = BYTES_LITERAL("t"),
                                          .partitions = {.items = part, .count = 1}};
    *request = (struct fetch_request){.replica_id = -1,
                                      .max_wait_ms = 1000,
                                      .max_bytes = size_max,
                                      .session_epoch = -1,
                                      .topics = {.items = topic, .count = 1}};
    return request;
}

static void fill_topic(struct node *node, size_t size)
{
    char *value = memory_zero(1, 100001);
    memset(value, 'v', 100000);
    node_make_topic(node, "t", 1, NULL);
    for (size_t i = 0; i < size / 100000; i++) {
        struct produce_response_partition answer =
            node_produce(node, "t", 0, node_batch(node, 1, value, node_wall_ms(node)));
        assert_int_equal(answer.error_code, 0);
    }
    free(value);
}

static void a_client_that_takes_nothing_is_let_go(void **state)
{
    struct node *node = *state;
    fill_topic(node, 4000000);
    double before = node_metric(node, "tidemill_request_bytes");
    struct raw raw;
    struct buffer frame;
    buffer_init(&frame);
    raw_open(&raw, node);
    io_stream_pause(node->client_io, raw.stream, true);
    fill_frame(&frame, API_FETCH, 11, fetch_of(node, 4000000));
    raw_send(&raw, buffer_bytes(&frame));
    node_run_ms(node, 20000);
    assert_true(node_metric(node, "tidemill_request_bytes") > before);
    assert_int_equal(trace_count("server.reader_stalled"), 0);
    node_run_ms(node, 120000);
    assert_int_equal(trace_count("server.reader_stalled"), 1);
    assert_true(node_metric(node, "tidemill_request_bytes") == before);
    raw_close(&raw);
    buffer_fini(&frame);
}

/* Answers that nobody takes fill the memory; who reads is served again when they are gone. */
static void above_the_memory_ceiling_fetches_wait(void **state)
{
    (void)state;
    struct node *node = node_new();
    node->memory_size_max = 3000000;
    node_start(node);
    sim_plan(node->sim, 0)->stream_window = 10000;
    fill_topic(node, 4000000);
    struct raw raws[CLIENT_COUNT];
    struct buffer frame;
    buffer_init(&frame);
    fill_frame(&frame, API_FETCH, 11, fetch_of(node, 4000000));
    for (int i = 0; i < CLIENT_COUNT; i++) {
        raw_open(&raws[i], node);
        io_stream_pause(node->client_io, raws[i].stream, true);
        raw_send(&raws[i], buffer_bytes(&frame));
        node_run_ms(node, 10);
        assert_true(node_metric(node, "tidemill_request_bytes") < 2 * 3000000);
    }
    assert_true(trace_count("server.memory_full") > 0);
    struct node_call *call = node_send(node, NULL, API_FETCH, 11, fetch_of(node, 4000000));
    node_run_ms(node, 100);
    assert_false(call->is_answered);
    for (int i = 0; i < CLIENT_COUNT; i++) {
        raw_close(&raws[i]);
    }
    assert_non_null(node_wait(call));
    check_is_usable(node);
    buffer_fini(&frame);
    node_free(node);
}

/* Requests that are never sent to their end fill the memory too. Who was silent longest has to go;
 * the others stay, and are served. */
static void half_requests_are_counted_and_the_silent_go(void **state)
{
    enum { WHOLE_SIZE = 2500000, HALF_SIZE = 2000000 };
    (void)state;
    struct node *node = node_new();
    node->memory_size_max = 3000000;
    node_start(node);
    struct raw raws[2];
    struct buffer frame;
    buffer_init(&frame);
    endian_write_u32(buffer_reserve(&frame, 4 + HALF_SIZE), WHOLE_SIZE);
    memset(frame.data + 4, 0, HALF_SIZE);
    frame.size = 4 + HALF_SIZE;
    for (int i = 0; i < 2; i++) {
        raw_open(&raws[i], node);
        raw_send(&raws[i], buffer_bytes(&frame));
        node_run_ms(node, 1000);
        assert_true(node_metric(node, "tidemill_request_bytes") == 4 + HALF_SIZE);
        assert_true(raws[0].is_closed == (i == 1));
    }
    assert_true(trace_count("server.half_request_refused") == 1);
    assert_false(raws[1].is_closed);
    check_is_usable(node);
    raw_close(&raws[0]);
    raw_close(&raws[1]);
    assert_true(node_metric(node, "tidemill_request_bytes") == 0);
    buffer_fini(&frame);
    node_free(node);
}

/* Halves that leave room for no whole request do not stop everything when one comes. */
static void halves_that_fill_the_memory_go_when_a_request_needs_it(void **state)
{
    enum { HALF_SIZE = 1200000 };
    (void)state;
    struct node *node = node_new();
    node->memory_size_max = 2 * HALF_SIZE + 50000;
    node_start(node);
    struct raw raws[2];
    struct buffer frame;
    buffer_init(&frame);
    endian_write_u32(buffer_reserve(&frame, 4 + HALF_SIZE), HALF_SIZE + 1);
    memset(frame.data + 4, 0, HALF_SIZE);
    frame.size = 4 + HALF_SIZE;
    for (int i = 0; i < 2; i++) {
        raw_open(&raws[i], node);
        raw_send(&raws[i], buffer_bytes(&frame));
        node_run_ms(node, 1000);
    }
    assert_int_equal(trace_count("server.half_request_refused"), 0);
    fill_topic(node, 100000); /* in a request of 100,000 */
    node_run_ms(node, 1000);
    assert_true(raws[0].is_closed);
    assert_false(raws[1].is_closed);
    check_is_usable(node);
    raw_close(&raws[0]);
    raw_close(&raws[1]);
    buffer_fini(&frame);
    node_free(node);
}

/* One request may be larger than all the memory; one that is not sent to its end holds up the
 * others for a while only. */
static void a_request_larger_than_the_ceiling_is_served(void **state)
{
    enum { HALF_SIZE = 200000 };
    (void)state;
    struct node *node = node_new();
    node->memory_size_max = 50000;
    node_start(node);
    fill_topic(node, 300000); /* in requests of 100,000 */
    assert_int_equal(trace_count("server.half_request_refused"), 0);
    struct raw raw;
    struct buffer frame;
    buffer_init(&frame);
    endian_write_u32(buffer_reserve(&frame, 4 + HALF_SIZE), HALF_SIZE + 1);
    memset(frame.data + 4, 0, HALF_SIZE);
    frame.size = 4 + HALF_SIZE;
    raw_open(&raw, node);
    raw_send(&raw, buffer_bytes(&frame));
    node_run_ms(node, 10000);
    assert_false(raw.is_closed);
    assert_true(node_metric(node, "tidemill_request_bytes") == 4 + HALF_SIZE);
    node_run_ms(node, 120000);
    assert_true(raw.is_closed);
    check_is_usable(node);
    raw_close(&raw);
    buffer_fini(&frame);
    node_free(node);
}

/* What a request was turned into counts like the request itself. */
static void a_decoded_request_is_counted(void **state)
{
    enum { COUNT = 5000, WIRE_SIZE = 28 };
    struct node *node = *state;
    fill_topic(node, 100000);
    struct fetch_request waiting = *(const struct fetch_request *)fetch_of(node, 1000);
    struct fetch_request_partition *parts =
        arena_array(&node->arena, struct fetch_request_partition, COUNT);
    for (int i = 0; i < COUNT; i++) {
        parts[i] = waiting.topics.items[0].partitions.items[0];
        parts[i].fetch_offset = 1; /* the end */
    }
    waiting.topics.items[0].partitions.items = parts;
    waiting.topics.items[0].partitions.count = COUNT;
    waiting.min_bytes = 1;
    waiting.max_wait_ms = 5000;
    struct node_call *call = node_send(node, NULL, API_FETCH, 11, &waiting);
    node_run_ms(node, 1000);
    assert_false(call->is_answered);
    double held_size = node_metric(node, "tidemill_request_bytes");
    size_t decoded_size = COUNT * sizeof(struct fetch_request_partition);
    assert_true(held_size > (double)(COUNT * WIRE_SIZE + decoded_size));
    assert_non_null(node_wait(call));
    node_run_ms(node, 100);
    assert_true(node_metric(node, "tidemill_request_bytes") == 0);
}

/* Three bytes of it would be twenty times as large in memory. */
static void a_request_that_unfolds_too_far_is_refused(void **state)
{
    enum { COUNT = 900000 };
    struct node *node = *state;
    struct offset_fetch_request_group *groups =
        arena_array(&node->arena, struct offset_fetch_request_group, COUNT);
    struct offset_fetch_request request = {.groups = {.items = groups, .count = COUNT}};
    for (int i = 0; i < COUNT; i++) {
        groups[i].topics.count = -1;
    }
    struct peer *peer = node_connect(node);
    assert_null(node_wait(node_send(node, peer, API_OFFSET_FETCH, 8, &request)));
    check_is_usable(node);
}

static void answers_come_in_the_order_of_the_requests(void **state)
{
    struct node *node = *state;
    fill_topic(node, 100000);
    struct fetch_request waiting = *(const struct fetch_request *)fetch_of(node, 1000);
    waiting.topics.items[0].partitions.items[0].fetch_offset = 1; /* the end */
    waiting.min_bytes = 1;
    struct metadata_request metadata = {.topics = {.count = 0}};
    struct node_call *first = node_send(node, NULL, API_FETCH, 11, &waiting);
    struct node_call *second = node_send(node, NULL, API_METADATA, 4, &metadata);
    node_run_ms(node, 500);
    assert_false(second->is_answered);
    assert_non_null(node_wait(second));
    assert_true(first->is_answered);
}

static void stopping_answers_what_waits(void **state)
{
    (void)state;
    struct node *node = node_new();
    node_start(node);
    fill_topic(node, 100000);
    struct fetch_request waiting = *(const struct fetch_request *)fetch_of(node, 1000);
    waiting.topics.items[0].partitions.items[0].fetch_offset = 1;
    waiting.min_bytes = 1;
    waiting.max_wait_ms = 600000;
    struct node_call *call = node_send(node, NULL, API_FETCH, 11, &waiting);
    node_run_ms(node, 100);
    assert_false(call->is_answered);
    uint64_t started_ms = node_now_ms(node);
    node_stop(node);
    assert_true(node_now_ms(node) - started_ms < 10000);
    assert_true(call->is_answered);
    assert_non_null(call->response);
    node_free(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(every_version_of_every_api_is_answered),
        NODE_TEST(a_spoiled_request_harms_nobody),
        NODE_TEST(what_no_table_knows_ends_the_connection),
        cmocka_unit_test(a_frame_above_the_limit_ends_the_connection),
        cmocka_unit_test(a_silent_connection_is_closed_after_its_time),
        cmocka_unit_test(without_a_limit_silence_is_fine),
        cmocka_unit_test(one_connection_too_many_is_refused),
        cmocka_unit_test(one_address_has_its_share_of_connections),
        cmocka_unit_test(addresses_may_have_limits_of_their_own),
        NODE_TEST(the_number_of_connections_can_be_changed),
        NODE_TEST(a_client_that_takes_nothing_is_let_go),
        cmocka_unit_test(above_the_memory_ceiling_fetches_wait),
        cmocka_unit_test(half_requests_are_counted_and_the_silent_go),
        cmocka_unit_test(halves_that_fill_the_memory_go_when_a_request_needs_it),
        cmocka_unit_test(a_request_larger_than_the_ceiling_is_served),
        NODE_TEST(a_decoded_request_is_counted),
        NODE_TEST(a_request_that_unfolds_too_far_is_refused),
        NODE_TEST(answers_come_in_the_order_of_the_requests),
        cmocka_unit_test(stopping_answers_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
