/* Lets anybody's bytes come over connections to a whole broker on the simulated io.
 *
 * The input is a row of steps; a step is one byte and what it needs:
 *
 *      bits 0-2  0  a request as it should be: API, version, seed; then a place and a change
 *                1  a request with a body from the input: API, version, size, bytes
 *                2  bytes: size, bytes
 *                3  the length of a frame, from a row of bad ones
 *                4  the connection ends
 *                5  time passes: tenths of a second
 *                6  a produced batch with a good CRC: attributes, size, bytes of its records
 *                7  bytes that inflate to megabytes, as the records of a batch: codec
 *      bits 3-4  the connection
 *
 * Promises: the broker lives, keeps its invariants, asks for no more memory at once than its limits
 * allow, answers another client afterwards, and stops. */
#include "log/base/crc32c.h"
#include "log/base/endian.h"
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
#include <string.h>

enum {
    FUZZ_CONNECTION_COUNT = 4,
    FUZZ_STEP_MAX = 64,
    FUZZ_MEMORY_MAX = 32 << 20, /* of one request to the heap */
    FUZZ_BROKER_MEMORY = 8 << 20,
    FUZZ_BOMB_SIZE = 8 << 20,
    FUZZ_LIMIT_S = 600,
};

static const uint64_t FUZZ_SECOND = 1000000000;

struct fuzz_line {
    struct fuzz_world *world;
    struct io_request request;
    struct io_stream *stream; /* NULL until connected, and when it is over */
    struct buffer early;      /* bytes from before */
    bool is_open;             /* connected or on the way */
};

struct fuzz_world {
    struct sim *sim;
    struct broker *broker;
    struct map file;
    struct fuzz_line lines[FUZZ_CONNECTION_COUNT];
    uint64_t random;
    bool is_ready;
    bool is_answered;
    bool is_stopped;
};

/* --- The broker --- */

static void on_ready(void *owner)
{
    ((struct fuzz_world *)owner)->is_ready = true;
}

static void on_failed(void *owner, const struct report *report)
{
    (void)owner;
    check(report == NULL); /* nothing a client sends ends the process */
}

static bool is_true(void *owner)
{
    return *(const bool *)owner;
}

static void fuzz_start(struct fuzz_world *world)
{
    static const struct broker_events events = {.ready = on_ready, .failed = on_failed};
    map_put(&world->file, BYTES_LITERAL("offsets.topic.num.partitions"), memory_string("2"));
    struct broker_settings settings = {.path = "/data",
                                       .listen = {":9092"},
                                       .file = &world->file,
                                       .memory_size_max = FUZZ_BROKER_MEMORY};
    struct report report = {.text = ""};
    check(broker_start(sim_io(world->sim, 0), &settings, &events, world, &world->broker, &report) ==
          0);
    check(sim_run_until(world->sim, is_true, &world->is_ready, FUZZ_LIMIT_S * FUZZ_SECOND));
}

static void on_stopped(void *owner)
{
    ((struct fuzz_world *)owner)->is_stopped = true;
}

/* --- Connections --- */

static void on_written(struct io_request *request, int64_t result)
{
    (void)result;
    bytes_free(bytes_make(request->owner, 0));
    free(request);
}

static void fuzz_write(struct fuzz_line *line, struct bytes data)
{
    struct io *io = sim_io(line->world->sim, 1);
    struct io_request *request = memory_new(struct io_request);
    struct bytes copy = bytes_copy(data);
    *request = (struct io_request){.done = on_written, .owner = (void *)(uintptr_t)copy.data};
    io_stream_write(io, request, line->stream, &copy, 1);
}

static void on_data(void *owner, const uint8_t *data, size_t size)
{
    (void)owner;
    (void)data;
    (void)size;
}

static void on_line_closed(void *owner, int reason)
{
    (void)reason;
    struct fuzz_line *line = owner;
    line->stream = NULL;
    line->is_open = false;
    buffer_clear(&line->early);
}

static void on_connected(struct io_request *request, int64_t result)
{
    static const struct io_stream_events events = {.data = on_data, .closed = on_line_closed};
    struct fuzz_line *line = request->owner;
    if (result != 0) {
        on_line_closed(line, 0);
        return;
    }
    io_stream_watch(sim_io(line->world->sim, 1), line->stream, &events, line);
    if (line->early.size > 0) {
        fuzz_write(line, buffer_bytes(&line->early));
        buffer_clear(&line->early);
    }
}

static void fuzz_send(struct fuzz_line *line, struct bytes data)
{
    if (data.size == 0) {
        return;
    }
    if (line->is_open && line->stream != NULL && line->early.size == 0) {
        fuzz_write(line, data);
        return;
    }
    buffer_add_bytes(&line->early, data);
    if (!line->is_open) {
        line->is_open = true;
        line->request = (struct io_request){.done = on_connected, .owner = line};
        io_connect(sim_io(line->world->sim, 1), &line->request, "node0:9092", &line->stream);
    }
}

/* --- Steps --- */

static uint64_t fuzz_random(void *owner)
{
    uint64_t *state = owner;
    uint64_t value = (*state += 0x9e3779b97f4a7c15u);
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

static struct bytes fuzz_take(struct bytes *input, size_t size)
{
    size = size < input->size ? size : input->size;
    struct bytes part = bytes_make(input->data, size);
    *input = bytes_make(input->data + size, input->size - size);
    return part;
}

/* NULL for a key that nobody has. */
static const struct frame_api *fuzz_take_api(struct bytes *input, int16_t *version)
{
    const struct frame_api *api = frame_api_find(fuzz_take_byte(input) % 128);
    int choice = fuzz_take_byte(input);
    if (api != NULL) {
        int count = api->request->highest - api->request->lowest + 1;
        *version = (int16_t)(api->request->lowest + choice % count);
    }
    return api;
}

static void fuzz_send_message(struct fuzz_line *line, const struct frame_api *api, int16_t version,
                              const void *message, struct bytes *input)
{
    struct frame_request_header header = {.api_key = api->key,
                                          .api_version = version,
                                          .correlation_id = 7,
                                          .client_id = BYTES_LITERAL("fuzz")};
    struct buffer frame;
    buffer_init(&frame);
    frame_write_request(&frame, api, &header, message);
    size_t place = (size_t)fuzz_take_byte(input) << 8;
    place = (place | fuzz_take_byte(input)) % frame.size;
    frame.data[place < 4 ? 4 : place] ^= fuzz_take_byte(input);
    fuzz_send(line, buffer_bytes(&frame));
    buffer_fini(&frame);
}

static void fuzz_step_request(struct fuzz_line *line, struct bytes *input)
{
    int16_t version = 0;
    const struct frame_api *api = fuzz_take_api(input, &version);
    uint64_t state = fuzz_take_byte(input);
    if (api == NULL) {
        return;
    }
    struct arena arena;
    arena_init(&arena, 0);
    void *message = arena_get(&arena, api->request->size);
    wire_fill(api->request, version, &arena, message, fuzz_random, &state);
    fuzz_send_message(line, api, version, message, input);
    arena_fini(&arena);
}

static void fuzz_step_body(struct fuzz_line *line, struct bytes *input)
{
    int16_t version = 0;
    const struct frame_api *api = fuzz_take_api(input, &version);
    struct bytes body = fuzz_take(input, fuzz_take_byte(input));
    if (api == NULL) {
        return;
    }
    struct buffer frame;
    buffer_init(&frame);
    bool is_flexible = version >= api->request->flexible;
    size_t head = 2 + 2 + 4 + 2 + (is_flexible ? 1 : 0);
    uint8_t *place = buffer_reserve(&frame, 4 + head);
    memset(place, 0, 4 + head);
    endian_write_i32(place, (int32_t)(head + body.size));
    endian_write_i16(place + 4, api->key);
    endian_write_i16(place + 6, version);
    endian_write_i16(place + 12, -1);
    frame.size = 4 + head;
    buffer_add_bytes(&frame, body);
    fuzz_send(line, buffer_bytes(&frame));
    buffer_fini(&frame);
}

static void fuzz_step_length(struct fuzz_line *line, struct bytes *input)
{
    static const int32_t lengths[] = {INT32_MAX, -1, INT32_MIN, 0, 1, 99 << 20, 101 << 20, 8};
    uint8_t prefix[4];
    endian_write_i32(prefix, lengths[fuzz_take_byte(input) % 8]);
    fuzz_send(line, bytes_make(prefix, sizeof prefix));
}

/* Produces to the topic "t"; the CRC is good whatever the records are. */
static void fuzz_produce(struct fuzz_line *line, uint8_t attributes, int32_t count,
                         struct bytes records)
{
    struct buffer batch;
    buffer_init(&batch);
    uint8_t *head = buffer_reserve(&batch, BATCH_HEADER_SIZE);
    memset(head, 0, BATCH_HEADER_SIZE);
    endian_write_i32(head + 8, (int32_t)(BATCH_HEADER_SIZE - BATCH_PREFIX_SIZE + records.size));
    head[16] = BATCH_MAGIC;
    endian_write_i16(head + 21, attributes);
    endian_write_i32(head + 23, count - 1);
    memset(head + 43, 0xff, 14);
    endian_write_i32(head + 57, count);
    batch.size = BATCH_HEADER_SIZE;
    buffer_add_bytes(&batch, records);
    endian_write_u32(batch.data + BATCH_CRC_PLACE,
                     crc32c_update(0, batch.data + BATCH_CRC_START, batch.size - BATCH_CRC_START));
    struct produce_request_partition part = {.records = buffer_bytes(&batch)};
    struct produce_request_topic topic = {.name = BYTES_LITERAL("t"),
                                          .partitions = {.items = &part, .count = 1}};
    struct produce_request request = {
        .acks = -1, .timeout_ms = 1000, .topics = {.items = &topic, .count = 1}};
    struct bytes nothing = bytes_make("", 0);
    fuzz_send_message(line, frame_api_find(API_PRODUCE), 9, &request, &nothing);
    buffer_fini(&batch);
}

static void fuzz_step_batch(struct fuzz_line *line, struct bytes *input)
{
    uint8_t attributes = fuzz_take_byte(input);
    uint8_t count = fuzz_take_byte(input);
    struct bytes records = fuzz_take(input, fuzz_take_byte(input));
    fuzz_produce(line, attributes, count, records);
}

/* Made once: making them takes longer than everything else. */
static struct bytes fuzz_bomb(enum compress_codec codec)
{
    static struct buffer bombs[COMPRESS_ZSTD + 1];
    if (bombs[codec].size == 0) {
        uint8_t *zeroes = calloc(1, FUZZ_BOMB_SIZE); /* not ours to be gauged */
        check(zeroes != NULL);
        check(compress_deflate(codec, -1, bytes_make(zeroes, FUZZ_BOMB_SIZE), &bombs[codec]) == 0);
        free(zeroes);
    }
    return buffer_bytes(&bombs[codec]);
}

static void fuzz_step_bomb(struct fuzz_line *line, struct bytes *input)
{
    enum compress_codec codec = (enum compress_codec)(1 + fuzz_take_byte(input) % 4);
    fuzz_produce(line, (uint8_t)codec, 1000, fuzz_bomb(codec));
}

static void fuzz_step(struct fuzz_world *world, struct bytes *input)
{
    uint8_t step = fuzz_take_byte(input);
    struct fuzz_line *line = &world->lines[step >> 3 & 3];
    switch (step & 7) {
    case 0:
        fuzz_step_request(line, input);
        break;
    case 1:
        fuzz_step_body(line, input);
        break;
    case 2:
        fuzz_send(line, fuzz_take(input, fuzz_take_byte(input)));
        break;
    case 3:
        fuzz_step_length(line, input);
        break;
    case 4:
        if (line->stream != NULL && line->early.size == 0) {
            io_stream_close(sim_io(world->sim, 1), line->stream);
        }
        break;
    case 5:
        sim_run(world->sim, sim_now(world->sim) + fuzz_take_byte(input) * FUZZ_SECOND / 10);
        break;
    case 6:
        fuzz_step_batch(line, input);
        break;
    case 7:
        fuzz_step_bomb(line, input);
        break;
    }
}

/* --- Another client --- */

static void on_peer_closed(void *owner, int reason)
{
    (void)owner;
    (void)reason;
}

static void on_answer(void *owner, int error, struct bytes response)
{
    struct fuzz_world *world = owner;
    check(error == 0 && response.size > 8);
    world->is_answered = true;
}

static void fuzz_ask(struct fuzz_world *world, int16_t key, int16_t version, const void *request)
{
    static const struct peer_events events = {.closed = on_peer_closed};
    struct peer_options options = {.address = "node0:9092",
                                   .frame_size_max = 64 << 20,
                                   .connect_timeout_ms = FUZZ_LIMIT_S * 1000};
    struct frame_request_header header = {
        .api_key = key, .api_version = version, .client_id = BYTES_LITERAL("other")};
    struct peer *peer = peer_open(sim_io(world->sim, 1), &options, &events, world);
    struct buffer frame;
    buffer_init(&frame);
    frame_write_request(&frame, frame_api_find(key), &header, request);
    world->is_answered = false;
    peer_send(peer, &frame, PEER_ANSWERED, FUZZ_LIMIT_S * 1000, on_answer, world);
    check(sim_run_until(world->sim, is_true, &world->is_answered, FUZZ_LIMIT_S * FUZZ_SECOND));
    peer_close(peer);
    sim_run(world->sim, sim_now(world->sim) + FUZZ_SECOND / 10);
}

static void fuzz_make_topic(struct fuzz_world *world)
{
    struct create_topics_request_topic topic = {
        .name = BYTES_LITERAL("t"), .partition_count = 1, .replication_factor = 1};
    struct create_topics_request request = {.topics = {.items = &topic, .count = 1},
                                            .timeout_ms = 1000};
    fuzz_ask(world, API_CREATE_TOPICS, 5, &request);
}

static void fuzz_end(struct fuzz_world *world)
{
    struct metadata_request request = {.topics = {.count = -1}};
    broker_check(world->broker);
    fuzz_ask(world, API_METADATA, 4, &request);
    broker_check(world->broker);
    broker_stop(world->broker, on_stopped, world);
    check(sim_run_until(world->sim, is_true, &world->is_stopped, FUZZ_LIMIT_S * FUZZ_SECOND));
    sim_run(world->sim, sim_now(world->sim) + FUZZ_SECOND);
    for (int i = 0; i < FUZZ_CONNECTION_COUNT; i++) {
        buffer_fini(&world->lines[i].early);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_world world = {.random = 1};
    struct bytes input = bytes_make(data, size);
    trace_set_stream(NULL);
    gauge_start(FUZZ_MEMORY_MAX);
    world.sim = sim_new(1, 2);
    map_init(&world.file);
    for (int i = 0; i < FUZZ_CONNECTION_COUNT; i++) {
        world.lines[i].world = &world;
        buffer_init(&world.lines[i].early);
    }
    fuzz_start(&world);
    fuzz_make_topic(&world);
    for (int i = 0; i < FUZZ_STEP_MAX && input.size > 0; i++) {
        fuzz_step(&world, &input);
    }
    sim_run(world.sim, sim_now(world.sim) + 2 * FUZZ_SECOND);
    fuzz_end(&world);
    sim_free(world.sim);
    map_fini(&world.file, free);
    return 0;
}
