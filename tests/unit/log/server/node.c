/* Starts a broker in the simulated world and talks to it; see node.h. */
#include "tests/unit/log/server/node.h"

#include "log/base/endian.h"

enum {
    NODE_BROKER = 0,
    NODE_CLIENT = 1,
    NODE_FRAME_SIZE_MAX = 64 << 20,
    NODE_CHECK_INTERVAL = 7,
    NODE_VERSION_POSITION = 6
};

static const char NODE_ADDRESS[] = "node0:9092";

static void node_check(void *owner)
{
    struct node *node = owner;
    if (node->event_count++ % NODE_CHECK_INTERVAL == 0) {
        broker_check(node->broker);
    }
}

static void node_on_ready(void *owner)
{
    ((struct node *)owner)->is_ready = true;
}

static void node_on_failed(void *owner, const struct report *report)
{
    (void)owner;
    fail_msg("the broker failed: %s", report->text);
}

static void node_on_stopped(void *owner)
{
    ((struct node *)owner)->is_stopped = true;
}

struct node *node_new(void)
{
    return node_new_among(1, 0);
}

struct node *node_new_among(uint64_t seed, int machine_count)
{
    struct node *node = memory_new(struct node);
    if (getenv("TRACE") == NULL) {
        trace_set_stream(NULL);
    }
    trace_reset();
    node->sim = sim_new(seed, 2 + machine_count);
    node->io = sim_io(node->sim, NODE_BROKER);
    node->client_io = sim_io(node->sim, NODE_CLIENT);
    map_init(&node->file);
    arena_init(&node->arena, 0);
    node_set(node, "offsets.topic.num.partitions", "3");
    return node;
}

void node_set(struct node *node, const char *name, const char *value)
{
    free(map_put(&node->file, bytes_from_string(name), memory_string(value)));
}

static bool node_is_ready(void *owner)
{
    return ((struct node *)owner)->is_ready;
}

void node_start(struct node *node)
{
    static const struct broker_events events = {.ready = node_on_ready, .failed = node_on_failed};
    struct broker_settings settings = {.path = "/data",
                                       .listen = {":9092"},
                                       .file = &node->file,
                                       .memory_size_max = node->memory_size_max};
    struct report report = {0};
    assert_int_equal(broker_start(node->io, &settings, &events, node, &node->broker, &report), 0);
    assert_true(sim_run_until(node->sim, node_is_ready, node, 60 * UINT64_C(1000000000)));
    sim_on_event(node->sim, node_check, node);
    node->peer = node_connect(node);
}

static bool node_has_stopped(void *owner)
{
    return ((struct node *)owner)->is_stopped;
}

void node_stop(struct node *node)
{
    sim_on_event(node->sim, NULL, NULL); /* its parts go one after the other */
    broker_stop(node->broker, node_on_stopped, node);
    assert_true(sim_run_until(node->sim, node_has_stopped, node, 60 * UINT64_C(1000000000)));
    node_run_ms(node, 1000); /* peers see the end */
}

void node_restart(struct node *node)
{
    node_stop(node);
    node->is_ready = node->is_stopped = false;
    node_start(node);
}

void node_free(struct node *node)
{
    if (!node->is_stopped) {
        node_stop(node);
    }
    sim_free(node->sim);
    map_fini(&node->file, free);
    arena_fini(&node->arena);
    free(node);
}

int node_set_up(void **state)
{
    struct node *node = node_new();
    node_start(node);
    *state = node;
    return 0;
}

int node_tear_down(void **state)
{
    node_free(*state);
    return 0;
}

static void node_on_closed(void *owner, int reason)
{
    (void)owner;
    (void)reason;
}

struct peer *node_connect(struct node *node)
{
    static const struct peer_events events = {.closed = node_on_closed};
    struct peer_options options = {.address = NODE_ADDRESS,
                                   .frame_size_max = NODE_FRAME_SIZE_MAX,
                                   .connect_timeout_ms = NODE_TIMEOUT_MS};
    return peer_open(node->client_io, &options, &events, node);
}

static void node_on_answer(void *owner, int error, struct bytes response)
{
    struct node_call *call = owner;
    call->is_answered = true;
    call->error = error;
    if (error != 0 || bytes_is_null(response)) {
        return;
    }
    int32_t correlation_id = 0;
    struct bytes kept = arena_copy(&call->node->arena, response);
    struct wire_reader reader = {kept.data, kept.data + kept.size};
    void *message = arena_get(&call->node->arena, call->api->response->size);
    assert_int_equal(frame_read_response_header(&reader, call->api, call->version, &correlation_id),
                     0);
    assert_int_equal(
        wire_read(&reader, call->api->response, call->version, &call->node->arena, message), 0);
    assert_ptr_equal(reader.at, reader.end);
    call->response = message;
}

static bool node_is_silent(const struct node_call *call, const void *request)
{
    return call->api->key == API_PRODUCE && ((const struct produce_request *)request)->acks == 0;
}

struct node_call *node_send_as(struct node *node, struct peer *peer, int16_t key, int16_t version,
                               int16_t said, const void *request)
{
    struct node_call *call = arena_new(&node->arena, struct node_call);
    struct frame_request_header header = {
        .api_key = key, .api_version = version, .client_id = BYTES_LITERAL("tester")};
    struct buffer frame;
    buffer_init(&frame);
    *call = (struct node_call){.node = node, .api = frame_api_find(key), .version = version};
    frame_write_request(&frame, call->api, &header, request);
    endian_write_i16(frame.data + NODE_VERSION_POSITION, said);
    peer_send(peer == NULL ? node->peer : peer, &frame,
              node_is_silent(call, request) ? PEER_UNANSWERED : PEER_ANSWERED, NODE_TIMEOUT_MS,
              node_on_answer, call);
    return call;
}

struct node_call *node_send(struct node *node, struct peer *peer, int16_t key, int16_t version,
                            const void *request)
{
    return node_send_as(node, peer, key, version, version, request);
}

static bool node_is_answered(void *owner)
{
    return ((struct node_call *)owner)->is_answered;
}

const void *node_wait(struct node_call *call)
{
    uint64_t limit_ns = (uint64_t)NODE_TIMEOUT_MS * NODE_MS;
    assert_true(sim_run_until(call->node->sim, node_is_answered, call, limit_ns));
    return call->response;
}

const void *node_ask(struct node *node, int16_t key, int16_t version, const void *request)
{
    return node_wait(node_send(node, NULL, key, version, request));
}

void node_run_ms(struct node *node, uint64_t ms)
{
    sim_run(node->sim, sim_now(node->sim) + ms * NODE_MS);
}

uint64_t node_now_ms(struct node *node)
{
    return sim_now(node->sim) / NODE_MS;
}

int64_t node_wall_ms(struct node *node)
{
    return io_wall_clock(node->io);
}

double node_metric(struct node *node, const char *name)
{
    struct buffer text;
    buffer_init(&text);
    broker_write_metrics(node->broker, &text);
    double value = 0;
    size_t size = strlen(name);
    for (const char *line = buffer_string(&text); line != NULL; line = strchr(line + 1, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, size) == 0 && line[size] == ' ') {
            value = strtod(line + size, NULL);
            break;
        }
    }
    buffer_fini(&text);
    return value;
}

void node_make_topic(struct node *node, const char *name, int32_t partition_count,
                     const char *const *configs)
{
    struct create_topics_request_config rows[16];
    int32_t count = 0;
    for (; configs != NULL && configs[2 * count] != NULL; count++) {
        rows[count] = (struct create_topics_request_config){
            .name = node_text(configs[2 * count]), .value = node_text(configs[2 * count + 1])};
    }
    struct create_topics_request_topic topic = {.name = node_text(name),
                                                .partition_count = partition_count,
                                                .replication_factor = 1,
                                                .configs = {.items = rows, .count = count}};
    struct create_topics_request request = {.topics = {.items = &topic, .count = 1},
                                            .timeout_ms = 1000};
    const struct create_topics_response *response = node_ask(node, API_CREATE_TOPICS, 5, &request);
    assert_int_equal(response->topics.items[0].error_code, 0);
}

static struct bytes node_finish_batch(struct node *node, struct batch_builder *builder)
{
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(batch_builder_finish(builder, &out), 0);
    struct bytes batch = arena_copy(&node->arena, buffer_bytes(&out));
    buffer_fini(&out);
    batch_builder_fini(builder);
    return batch;
}

struct bytes node_batch(struct node *node, int32_t count, const char *value, int64_t timestamp_ms)
{
    struct batch_builder builder;
    batch_builder_init(&builder, COMPRESS_NONE);
    for (int32_t i = 0; i < count; i++) {
        batch_builder_add(&builder, timestamp_ms, BYTES_LITERAL("k"), node_text(value), NULL, 0);
    }
    return node_finish_batch(node, &builder);
}

struct bytes node_batch_of(struct node *node, int32_t count, int64_t producer_id, int16_t epoch,
                           int32_t sequence)
{
    struct batch_builder builder;
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.producer_id = producer_id;
    builder.producer_epoch = epoch;
    builder.base_sequence = sequence;
    for (int32_t i = 0; i < count; i++) {
        batch_builder_add(&builder, node_wall_ms(node), BYTES_LITERAL("k"), BYTES_LITERAL("v"),
                          NULL, 0);
    }
    return node_finish_batch(node, &builder);
}

struct produce_response_partition node_produce(struct node *node, const char *topic,
                                               int32_t partition, struct bytes records)
{
    struct produce_request_partition part = {.index = partition, .records = records};
    struct produce_request_topic asked = {.name = node_text(topic),
                                          .partitions = {.items = &part, .count = 1}};
    struct produce_request request = {
        .acks = -1, .timeout_ms = 30000, .topics = {.items = &asked, .count = 1}};
    const struct produce_response *response = node_ask(node, API_PRODUCE, 9, &request);
    assert_non_null(response);
    assert_int_equal(response->topics.count, 1);
    assert_int_equal(response->topics.items[0].partitions.count, 1);
    return response->topics.items[0].partitions.items[0];
}

int64_t node_end_offset(struct node *node, const char *topic, int32_t partition,
                        int8_t isolation_level)
{
    struct list_offsets_request_partition partitions[] = {
        {.index = partition, .current_leader_epoch = -1, .timestamp_ms = -1}};
    struct list_offsets_request_topic topics[] = {
        {.name = node_text(topic), .partitions = {partitions, 1}}};
    struct list_offsets_request request = {
        .replica_id = -1, .isolation_level = isolation_level, .topics = {topics, 1}};
    const struct list_offsets_response *response = node_ask(node, API_LIST_OFFSETS, 5, &request);
    assert_non_null(response);
    return response->topics.items[0].partitions.items[0].offset;
}

void node_find_coordinator(struct node *node)
{
    struct find_coordinator_request request = {.key = BYTES_LITERAL("group")};
    const struct find_coordinator_response *response =
        node_ask(node, API_FIND_COORDINATOR, 2, &request);
    assert_int_equal(response->error_code, 0);
}
