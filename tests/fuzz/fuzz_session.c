/* Plays a client of fetch sessions that does what it likes, against a whole broker on the simulated
 * io.
 *
 *      each step begins with a letter; what is missing at the end is zero
 *      'f'  a fetch: version (1), how (1), wait (1), isolation and limits (1),
 *           count (1) and so many {partition (1), offset (1), size (1)},
 *           count (1) and so many forgotten partitions (1)
 *           how: 0-1 no session, a new one, goes on, ends; 2 a wrong epoch; 3 a wrong id;
 *                4 wait for no answer
 *      'r'  size (1) and so many bytes as the body of a fetch of version (1)
 *      'p'  one batch into a partition (1)     't'  the topic is deleted and made again
 *      's'  so many (1) seconds pass           'c'  the connection ends, another begins
 *
 * Promises: every invariant of the broker after each event; an answer can be read and is an answer
 * to its question; a session that nobody ended goes on; memory follows the input. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/broker.h"
#include "log/net/peer.h"
#include "log/wire/batch.h"
#include "log/wire/frame.h"
#include "log/wire/messages.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/gauge.h"
#include "tests/sim/sim.h"

#include <stdlib.h>

enum {
    FUZZ_PARTITIONS = 5,
    FUZZ_VERSION_MIN = 4,
    FUZZ_VERSIONS = 15,
    FUZZ_ID_VERSION = 13,
    FUZZ_SESSION_VERSION = 7,
    FUZZ_MEMORY_MAX = 4 << 20,
    FUZZ_STEPS_MAX = 64,
    FUZZ_EPOCH_NONE = -1,
};

#define FUZZ_SECOND UINT64_C(1000000000)

enum { FUZZ_HOW = 3, FUZZ_WRONG_EPOCH = 1 << 2, FUZZ_WRONG_ID = 1 << 3, FUZZ_HASTE = 1 << 4 };

struct fuzz_client {
    struct sim *sim;
    struct broker *broker;
    struct map settings;
    struct peer *peer; /* NULL when the broker ended it */
    int leaving_count;
    bool is_ready;
    bool is_stopped;
    bool is_answered;
    int error;
    const struct frame_api *api;
    int16_t version;
    int32_t session;
    int32_t epoch;
    bool uses_ids;
    struct wire_uuid topic_id;
    struct arena arena; /* of one step */
    const void *response;
    uint64_t event_count;
};

static void fuzz_on_event(void *owner)
{
    struct fuzz_client *client = owner;
    if (client->event_count++ % 4 == 0) {
        broker_check(client->broker);
    }
}

static void fuzz_on_ready(void *owner)
{
    ((struct fuzz_client *)owner)->is_ready = true;
}

static void fuzz_on_failed(void *owner, const struct report *report)
{
    (void)owner;
    (void)report;
    check(false);
}

static void fuzz_on_stopped(void *owner)
{
    ((struct fuzz_client *)owner)->is_stopped = true;
}

static bool fuzz_is_true(void *owner)
{
    return *(const bool *)owner;
}

static void fuzz_wait(struct fuzz_client *client, bool *flag)
{
    check(sim_run_until(client->sim, fuzz_is_true, flag, 3600 * FUZZ_SECOND));
}

static void fuzz_on_closed(void *owner, int reason)
{
    struct fuzz_client *client = owner;
    (void)reason;
    if (client->leaving_count > 0) {
        client->leaving_count--; /* of one that was closed here, which had its successor at once */
    } else {
        client->peer = NULL;
    }
}

static void fuzz_connect(struct fuzz_client *client)
{
    static const struct peer_events events = {.closed = fuzz_on_closed};
    struct peer_options options = {
        .address = "node0:9092", .frame_size_max = 64 << 20, .connect_timeout_ms = 60000};
    client->peer = peer_open(sim_io(client->sim, 1), &options, &events, client);
}

static void fuzz_connect_again(struct fuzz_client *client)
{
    if (client->peer != NULL) {
        client->leaving_count++;
        peer_close(client->peer);
    }
    fuzz_connect(client);
}

static void fuzz_on_answer(void *owner, int error, struct bytes response)
{
    struct fuzz_client *client = owner;
    client->is_answered = true;
    client->error = error;
    if (error != 0 || bytes_is_null(response)) {
        return;
    }
    int32_t correlation_id = 0;
    struct bytes kept = arena_copy(&client->arena, response);
    struct wire_reader reader = {kept.data, kept.data + kept.size};
    void *message = arena_get(&client->arena, client->api->response->size);
    check(frame_read_response_header(&reader, client->api, client->version, &correlation_id) == 0);
    check(wire_read(&reader, client->api->response, client->version, &client->arena, message) == 0);
    check(reader.at == reader.end);
    client->response = message;
}

static void fuzz_on_forgotten(void *owner, int error, struct bytes response)
{
    (void)owner;
    (void)error;
    (void)response;
}

static void fuzz_send(struct fuzz_client *client, int16_t key, int16_t version, const void *request,
                      struct bytes raw, peer_answer *answer)
{
    struct frame_request_header header = {
        .api_key = key, .api_version = version, .client_id = BYTES_LITERAL("fuzz")};
    struct buffer frame;
    buffer_init(&frame);
    client->api = frame_api_find(key);
    client->version = version;
    client->is_answered = false;
    client->response = NULL;
    client->error = 0;
    frame_write_request(&frame, client->api, &header, request);
    if (!bytes_is_null(raw)) {
        frame.size = frame.size < raw.size ? frame.size : frame.size - raw.size / 2;
        buffer_add_bytes(&frame, raw);
        uint32_t size = (uint32_t)frame.size - 4;
        for (int i = 0; i < 4; i++) {
            frame.data[i] = (uint8_t)(size >> (24 - 8 * i));
        }
    }
    peer_send(client->peer, &frame, PEER_ANSWERED, 3600000, answer, client);
}

/* The answer, or NULL when the connection ended. */
static const void *fuzz_ask(struct fuzz_client *client, int16_t key, int16_t version,
                            const void *request)
{
    fuzz_send(client, key, version, request, (struct bytes){0}, fuzz_on_answer);
    fuzz_wait(client, &client->is_answered);
    return client->response;
}

static void fuzz_make_topic(struct fuzz_client *client)
{
    struct create_topics_request_topic topic = {
        .name = BYTES_LITERAL("t"), .partition_count = FUZZ_PARTITIONS, .replication_factor = 1};
    struct create_topics_request request = {.topics = {.items = &topic, .count = 1},
                                            .timeout_ms = 1000};
    struct metadata_request_topic named = {.name = BYTES_LITERAL("t")};
    struct metadata_request question = {.topics = {.items = &named, .count = 1}};
    check(fuzz_ask(client, API_CREATE_TOPICS, 5, &request) != NULL);
    const struct metadata_response *answer = fuzz_ask(client, API_METADATA, 12, &question);
    check(answer != NULL && answer->topics.count == 1);
    client->topic_id = answer->topics.items[0].topic_id;
}

static void fuzz_renew_topic(struct fuzz_client *client)
{
    struct bytes name = BYTES_LITERAL("t");
    struct delete_topics_request request = {.topic_names = {.items = &name, .count = 1},
                                            .timeout_ms = 1000};
    check(fuzz_ask(client, API_DELETE_TOPICS, 5, &request) != NULL);
    fuzz_make_topic(client);
}

static void fuzz_produce(struct fuzz_client *client, int32_t partition)
{
    struct batch_builder builder;
    struct buffer batch;
    buffer_init(&batch);
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, io_wall_clock(sim_io(client->sim, 1)), BYTES_LITERAL("k"),
                      BYTES_LITERAL("value"), NULL, 0);
    check(batch_builder_finish(&builder, &batch) == 0);
    batch_builder_fini(&builder);
    struct produce_request_partition part = {.index = partition, .records = buffer_bytes(&batch)};
    struct produce_request_topic topic = {.name = BYTES_LITERAL("t"),
                                          .partitions = {.items = &part, .count = 1}};
    struct produce_request request = {.acks = (int16_t)(partition % 2 == 0 ? 1 : -1),
                                      .timeout_ms = 1000,
                                      .topics = {.items = &topic, .count = 1}};
    check(fuzz_ask(client, API_PRODUCE, 9, &request) != NULL);
    buffer_fini(&batch);
}

static struct fetch_request *fuzz_build(struct fuzz_client *client, struct bytes *input,
                                        uint8_t limits)
{
    struct fetch_request *request = arena_new(&client->arena, struct fetch_request);
    struct fetch_request_topic *topic = arena_new(&client->arena, struct fetch_request_topic);
    struct fetch_request_forgotten_topic *gone =
        arena_new(&client->arena, struct fetch_request_forgotten_topic);
    topic->name = gone->name = BYTES_LITERAL("t");
    topic->topic_id = gone->topic_id = client->topic_id;
    int32_t count = fuzz_take_byte(input) % 16;
    topic->partitions.items = arena_array(&client->arena, struct fetch_request_partition, count);
    for (int32_t i = 0; i < count; i++) {
        topic->partitions.items[i] = (struct fetch_request_partition){
            .index = fuzz_take_byte(input) % (FUZZ_PARTITIONS + 2) - 1,
            .current_leader_epoch = -1,
            .fetch_offset = (int8_t)fuzz_take_byte(input),
            .last_fetched_epoch = -1,
            .log_start_offset = -1,
            .partition_max_bytes = (int32_t)fuzz_take_byte(input) * 8 - 8,
            .high_watermark = INT64_MAX};
    }
    topic->partitions.count = count;
    int32_t gone_count = fuzz_take_byte(input) % 8;
    gone->partitions.items = arena_array(&client->arena, int32_t, gone_count);
    for (int32_t i = 0; i < gone_count; i++) {
        gone->partitions.items[i] = fuzz_take_byte(input) % (FUZZ_PARTITIONS + 2) - 1;
    }
    gone->partitions.count = gone_count;
    *request = (struct fetch_request){
        .replica_id = -1,
        .replica_state = {.replica_id = -1, .replica_epoch = -1},
        .min_bytes = limits & 2 ? 100 : 1,
        .max_bytes = limits & 4 ? 80 : 1 << 20,
        .isolation_level = limits & 1,
        .topics = {.items = topic, .count = count > 0 || (limits & 8)},
        .forgotten_topics = {.items = gone, .count = gone_count > 0},
    };
    return request;
}

/* What the client believes afterwards, and what must be true of the answer. */
static void fuzz_judge(struct fuzz_client *client, const struct fetch_request *request, uint8_t how,
                       bool is_lasting)
{
    const struct fetch_response *response = client->response;
    check(response != NULL);
    bool goes_on = (how & FUZZ_HOW) == 2;
    bool is_right = goes_on && !(how & (FUZZ_WRONG_EPOCH | FUZZ_WRONG_ID)) &&
                    client->session != 0 &&
                    client->uses_ids == (client->version >= FUZZ_ID_VERSION);
    if (!is_lasting) {
        check(response->session_id == 0 && response->error_code == 0);
        return;
    }
    check(!is_right || response->error_code == 0);
    check(response->error_code == 0 || response->session_id == 0);
    if (goes_on && response->error_code == 0) {
        check(response->session_id == 0 || response->session_id == request->session_id);
    }
    if ((how & FUZZ_HOW) == 1) {
        check(response->session_id > 0);
        client->session = response->session_id;
        client->epoch = 1;
        client->uses_ids = client->version >= FUZZ_ID_VERSION;
    } else if (is_right) {
        client->session = response->session_id;
        client->epoch++;
    } else if (!goes_on && request->session_id == client->session) {
        client->session = 0;
    }
}

static void fuzz_fetch(struct fuzz_client *client, struct bytes *input)
{
    int16_t version = (int16_t)(FUZZ_VERSION_MIN + fuzz_take_byte(input) % FUZZ_VERSIONS);
    uint8_t how = fuzz_take_byte(input);
    int32_t wait_ms = fuzz_take_byte(input) * 4;
    struct fetch_request *request = fuzz_build(client, input, fuzz_take_byte(input));
    request->max_wait_ms = wait_ms;
    request->session_id = client->session ^ (how & FUZZ_WRONG_ID ? 0x1234 : 0);
    int32_t next = client->epoch + (how & FUZZ_WRONG_EPOCH ? 3 : 0);
    const int32_t epochs[] = {FUZZ_EPOCH_NONE, 0, next == 0 ? 1 : next, FUZZ_EPOCH_NONE};
    request->session_epoch = epochs[how & FUZZ_HOW];
    request->session_id = (how & FUZZ_HOW) == 0 ? 0 : request->session_id;
    if (how & FUZZ_HASTE) {
        fuzz_send(client, API_FETCH, version, request, (struct bytes){0}, fuzz_on_forgotten);
        client->session = 0; /* it does not know what becomes of it */
        return;
    }
    fuzz_ask(client, API_FETCH, version, request);
    fuzz_judge(client, request, how, version >= FUZZ_SESSION_VERSION);
}

/* A body that may be anything; what comes of it is known by the invariants alone. */
static void fuzz_send_raw(struct fuzz_client *client, struct bytes *input)
{
    size_t size = fuzz_take_byte(input);
    int16_t version = (int16_t)(FUZZ_VERSION_MIN + fuzz_take_byte(input) % FUZZ_VERSIONS);
    size = size < input->size ? size : input->size;
    struct bytes raw = bytes_make(input->data, size);
    *input = bytes_make(input->data + size, input->size - size);
    struct fetch_request request = {.replica_id = -1, .session_epoch = -1};
    fuzz_send(client, API_FETCH, version, &request, raw, fuzz_on_forgotten);
    sim_run(client->sim, sim_now(client->sim) + FUZZ_SECOND);
    fuzz_connect_again(client);
    client->session = 0;
}

static bool fuzz_step(struct fuzz_client *client, struct bytes *input)
{
    switch (fuzz_take_byte(input)) {
    case 'f':
        fuzz_fetch(client, input);
        return true;
    case 'r':
        fuzz_send_raw(client, input);
        return true;
    case 'p':
        fuzz_produce(client, fuzz_take_byte(input) % FUZZ_PARTITIONS);
        return true;
    case 't':
        fuzz_renew_topic(client);
        return true;
    case 's':
        sim_run(client->sim, sim_now(client->sim) + fuzz_take_byte(input) * FUZZ_SECOND);
        return true;
    case 'c':
        fuzz_connect_again(client);
        return true;
    default:
        return false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct broker_events events = {.ready = fuzz_on_ready, .failed = fuzz_on_failed};
    struct broker_settings settings = {.path = "/data", .listen = {":9092"}};
    struct fuzz_client client = {.sim = NULL};
    struct bytes input = bytes_make(data, size);
    struct report report = {.text = ""};
    trace_set_stream(NULL);
    gauge_start(FUZZ_MEMORY_MAX);
    client.sim = sim_new(1, 2);
    map_init(&client.settings);
    map_put(&client.settings, BYTES_LITERAL("offsets.topic.num.partitions"), memory_string("1"));
    settings.file = &client.settings;
    check(broker_start(sim_io(client.sim, 0), &settings, &events, &client, &client.broker,
                       &report) == 0);
    fuzz_wait(&client, &client.is_ready);
    arena_init(&client.arena, 0);
    fuzz_connect(&client);
    fuzz_make_topic(&client);
    sim_on_event(client.sim, fuzz_on_event, &client);
    for (int i = 0; i < FUZZ_STEPS_MAX && fuzz_step(&client, &input); i++) {
        arena_clear(&client.arena);
    }
    sim_on_event(client.sim, NULL, NULL);
    broker_stop(client.broker, fuzz_on_stopped, &client);
    fuzz_wait(&client, &client.is_stopped);
    sim_run(client.sim, sim_now(client.sim) + FUZZ_SECOND); /* the peer sees the end */
    sim_free(client.sim);
    map_fini(&client.settings, free);
    arena_fini(&client.arena);
    return 0;
}
