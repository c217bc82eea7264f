/* A load without a client library: whole requests, encoded beforehand, so that the broker and not
 * the client is the ceiling. Prints one line of numbers.
 *
 *     raw produce  HOST:PORT TOPIC PARTITIONS MB RECORD_SIZE BATCH_SIZE ACKS WINDOW [MB_PER_S]
 *         seconds, and p50, p99 and p99.9 of the answers in microseconds: one batch a request, each
 *         partition in turn, WINDOW requests under way; with MB_PER_S requests have due times and
 *         delays count from there
 *     raw update   HOST:PORT TOPIC PARTITIONS MB RECORD_SIZE BATCH_SIZE ACKS WINDOW KEYS [MB_PER_S]
 *         as `produce`, and each record has one of so many keys
 *     raw fetch    HOST:PORT TOPIC PARTITIONS MB
 *         seconds and megabytes: from the beginning of every partition
 *     raw polls    HOST:PORT TOPIC PARTITIONS COUNT whole|session
 *         seconds: so many fetches that do not wait, of partitions without records; each names all
 *         of them, or goes on in a session (KIP-227)
 *     raw e2e      HOST:PORT TOPIC RATE SECONDS RECORD_SIZE ACKS [OUTPUT]
 *         p50, p99, p99.9 and the worst delay in microseconds from the moment a record was due to
 *         be sent until it was read again by a waiting fetch, at the end of TOPIC's partition 0;
 *         with OUTPUT at the end of that topic's, where a processor has to bring it, and only when
 *         it is committed; the first second is not counted
 *     raw loopback MB BATCH_SIZE WINDOW
 *         seconds: `produce` against a process that reads requests and answers them, nothing else
 */
#include "log/base/memory.h"
#include "log/wire/batch.h"
#include "log/wire/frame.h"
#include "log/wire/messages.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PRODUCE_VERSION = 9,
    FETCH_VERSION = 12,
    FETCH_KEY = 1,
    LIST_OFFSETS_VERSION = 6,
    LIST_OFFSETS_KEY = 2,
    READ_UNCOMMITTED = 0,
    READ_COMMITTED = 1,
    TIMEOUT_MS = 30000,
    WINDOW_MAX = 4096,
    MEGABYTE = 1000000,
    KEY_SIZE = 16,
    KEYED_SIZE = 32 * MEGABYTE, /* of encoded batches with keys, sent again and again */
};

/* One connection. */
struct peer {
    int stream;
    struct buffer in;
    size_t taken; /* bytes of `in` that were used */
};

/* Delays in nanoseconds, sorted when asked. */
struct delays {
    int64_t *items;
    size_t count;
    size_t capacity;
};

static void fail(const char *what)
{
    fprintf(stderr, "raw: %s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int64_t number(const char *text)
{
    char *end;
    long long value = strtoll(text, &end, 10);
    if (*end != 0 || end == text) {
        errno = 0;
        fail(text);
    }
    return value;
}

/* Connections -------------------------------------------------------------------------------- */

static void peer_open(struct peer *peer, const char *text)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    struct sockaddr_in address = {.sin_family = AF_INET};
    int yes = 1;
    if (colon == NULL || (size_t)(colon - text) >= sizeof host) {
        fail(text);
    }
    snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
    address.sin_port = htons((uint16_t)number(colon + 1));
    buffer_init(&peer->in);
    peer->taken = 0;
    peer->stream = socket(AF_INET, SOCK_STREAM, 0);
    if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || peer->stream < 0 ||
        connect(peer->stream, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(peer->stream, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0) {
        fail(text);
    }
}

static void send_all(int stream, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(stream, data, size, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            fail("send");
        }
        data += sent < 0 ? 0 : sent;
        size -= sent < 0 ? 0 : (size_t)sent;
    }
}

static uint32_t big_endian(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

/* Reads what is there; waits only if `must_wait`. */
static void peer_receive(struct peer *peer, bool must_wait)
{
    static uint8_t piece[1 << 18];
    ssize_t size = recv(peer->stream, piece, sizeof piece, must_wait ? 0 : MSG_DONTWAIT);
    if (size == 0) {
        errno = ECONNRESET;
    }
    if (size <= 0 && errno != EAGAIN && errno != EINTR) {
        fail("receive");
    }
    if (size > 0) {
        if (peer->taken > 0) {
            memmove(peer->in.data, peer->in.data + peer->taken, peer->in.size - peer->taken);
            peer->in.size -= peer->taken;
            peer->taken = 0;
        }
        buffer_add_bytes(&peer->in, bytes_make(piece, (size_t)size));
    }
}

/* The next whole frame without its size; false when it is not there yet. */
static bool peer_take(struct peer *peer, struct bytes *out)
{
    size_t size = peer->in.size - peer->taken;
    const uint8_t *data = peer->in.data + peer->taken;
    if (size < 4 || size - 4 < big_endian(data)) {
        return false;
    }
    *out = bytes_make(data + 4, big_endian(data));
    peer->taken += 4 + out->size;
    return true;
}

/* Answers ------------------------------------------------------------------------------------ */

static int compare_delay(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void delays_add(struct delays *delays, int64_t delay_ns)
{
    if (delays->count == delays->capacity) {
        delays->capacity = delays->capacity * 2 + 1024;
        delays->items = memory_resize(delays->items, delays->capacity * sizeof *delays->items);
    }
    delays->items[delays->count++] = delay_ns;
}

static double delays_at(const struct delays *delays, double place)
{
    size_t index = (size_t)((double)delays->count * place);
    index = index < delays->count ? index : delays->count - 1;
    return (double)delays->items[index] / 1000;
}

static void delays_print(struct delays *delays)
{
    if (delays->count == 0) {
        errno = 0;
        fail("no answer was measured");
    }
    qsort(delays->items, delays->count, sizeof *delays->items, compare_delay);
    printf(" %.0f %.0f %.0f %.0f\n", delays_at(delays, 0.5), delays_at(delays, 0.99),
           delays_at(delays, 0.999), delays_at(delays, 1));
}

static void read_answer(struct bytes frame, int16_t key, int16_t version, struct arena *arena,
                        void *out)
{
    struct wire_reader reader = {.at = frame.data, .end = frame.data + frame.size};
    const struct frame_api *api = frame_api_find(key);
    int32_t correlation_id;
    if (frame_read_response_header(&reader, api, version, &correlation_id) != 0 ||
        wire_read(&reader, api->response, version, arena, out) != 0) {
        errno = EPROTO;
        fail("an answer");
    }
}

static void check_code(int16_t code)
{
    if (code != 0) {
        fprintf(stderr, "raw: the broker answers error %d\n", code);
        exit(1);
    }
}

/* Produce ------------------------------------------------------------------------------------ */

/* What batches are made of. */
struct source {
    uint64_t seed;
    size_t record_size;
    size_t batch_size;
    int64_t key_count; /* each record has one of so many keys; 0: none has a key */
};

static uint64_t source_next(struct source *source)
{
    source->seed = source->seed * 6364136223846793005u + 1442695040888963407u;
    return source->seed >> 33;
}

static void build_batch(struct buffer *out, struct source *source)
{
    struct batch_builder builder;
    char key[sizeof "key-" + 20]; /* KEY_SIZE bytes of it for fewer than 10^12 keys */
    struct bytes key_bytes = {0};
    uint8_t *value = memory_zero(1, source->record_size + 1);
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    batch_builder_init(&builder, COMPRESS_NONE);
    do {
        for (size_t i = 0; i < source->record_size; i++) {
            value[i] = (uint8_t)('A' + source_next(source) % 26);
        }
        if (source->key_count > 0) {
            snprintf(key, sizeof key, "key-%012" PRIu64,
                     source_next(source) % (uint64_t)source->key_count);
            key_bytes = bytes_from_string(key);
        }
        batch_builder_add(&builder, (int64_t)time.tv_sec * 1000, key_bytes,
                          bytes_make(value, source->record_size), NULL, 0);
    } while (batch_builder_size_with(&builder, key_bytes.size, source->record_size, 0) <=
             source->batch_size);
    if (batch_builder_finish(&builder, out) != 0) {
        fail("batch");
    }
    batch_builder_fini(&builder);
    free(value);
}

static void build_produce(struct buffer *out, const char *topic, int32_t partition, int16_t acks,
                          struct bytes records)
{
    struct produce_request_partition part = {.index = partition, .records = records};
    struct produce_request_topic named = {.name = bytes_from_string(topic)};
    named.partitions.items = &part;
    named.partitions.count = 1;
    struct produce_request request = {.acks = acks, .timeout_ms = TIMEOUT_MS};
    request.topics.items = &named;
    request.topics.count = 1;
    struct frame_request_header header = {
        .api_key = 0, .api_version = PRODUCE_VERSION, .client_id = bytes_from_string("raw")};
    frame_write_request(out, frame_api_find(0), &header, &request);
}

struct production {
    struct peer peer;
    struct buffer *frames; /* sent in turn */
    int64_t frame_count;
    int64_t batch_size;
    int64_t count; /* requests to send */
    int64_t sent;
    int64_t answered;
    int64_t window;
    int64_t step_ns; /* between due times; 0: as fast as it goes */
    int64_t started_ns;
    int64_t times_ns[WINDOW_MAX]; /* of the requests under way, by number */
    struct delays delays;
    bool is_checked; /* answers are read, not only counted */
};

static void take_answers(struct production *production)
{
    struct bytes frame;
    while (peer_take(&production->peer, &frame)) {
        if (production->is_checked) {
            struct produce_response response;
            struct arena arena;
            arena_init(&arena, 0);
            read_answer(frame, 0, PRODUCE_VERSION, &arena, &response);
            check_code(response.topics.items[0].partitions.items[0].error_code);
            arena_fini(&arena);
        }
        delays_add(&production->delays,
                   now_ns() - production->times_ns[production->answered % production->window]);
        production->answered++;
    }
}

/* How long until the next request may go; 0: now, -1: an answer must come first. */
static int64_t next_wait(const struct production *production, int64_t now)
{
    if (production->sent == production->count ||
        production->sent - production->answered == production->window) {
        return -1;
    }
    int64_t due = production->started_ns + production->sent * production->step_ns;
    return production->step_ns == 0 || due <= now ? 0 : due - now;
}

static void run_production(struct production *production)
{
    production->started_ns = now_ns();
    while (production->answered < production->count) {
        int64_t now = now_ns();
        int64_t wait_ns = next_wait(production, now);
        if (wait_ns == 0) {
            int64_t due = production->started_ns + production->sent * production->step_ns;
            struct buffer *frame = &production->frames[production->sent % production->frame_count];
            production->times_ns[production->sent % production->window] =
                production->step_ns == 0 ? now : due;
            production->sent++;
            send_all(production->peer.stream, frame->data, frame->size);
            peer_receive(&production->peer, false);
        } else if (wait_ns < 0) {
            peer_receive(&production->peer, true);
        } else {
            struct pollfd one = {.fd = production->peer.stream, .events = POLLIN};
            struct timespec time = {.tv_sec = wait_ns / 1000000000,
                                    .tv_nsec = wait_ns % 1000000000};
            (void)ppoll(&one, 1, &time, NULL);
            peer_receive(&production->peer, false);
        }
        take_answers(production);
    }
    printf("%.6f", (double)(now_ns() - production->started_ns) / 1e9);
}

/* One batch for all partitions, or, when there are keys, many, so that the keys differ. */
static void build_frames(struct production *production, const char *topic, int32_t partition_count,
                         int16_t acks, struct source *source)
{
    struct buffer batch;
    int64_t rounds =
        source->key_count > 0 ? KEYED_SIZE / (int64_t)source->batch_size / partition_count + 1 : 1;
    buffer_init(&batch);
    production->frame_count = rounds * partition_count;
    production->frames = memory_zero((size_t)production->frame_count, sizeof(struct buffer));
    for (int64_t i = 0; i < production->frame_count; i++) {
        if (i == 0 || source->key_count > 0) {
            buffer_clear(&batch);
            build_batch(&batch, source);
        }
        buffer_init(&production->frames[i]);
        build_produce(&production->frames[i], topic, (int32_t)(i % partition_count), acks,
                      buffer_bytes(&batch));
    }
    production->batch_size = (int64_t)batch.size;
    buffer_fini(&batch);
}

static void prepare(struct production *production, const char *topic, int64_t partitions,
                    int64_t megabytes, struct source *source, int16_t acks, int64_t window)
{
    if (partitions < 1 || window < 1 || window > WINDOW_MAX || acks == 0) {
        errno = EINVAL;
        fail("PARTITIONS, WINDOW or ACKS");
    }
    build_frames(production, topic, (int32_t)partitions, acks, source);
    production->count = megabytes * MEGABYTE / production->batch_size + 1;
    production->window = window;
}

static void produce_from(char **words, struct source *source, const char *rate)
{
    struct production *production = memory_new(struct production);
    peer_open(&production->peer, words[0]);
    source->seed = 42;
    source->record_size = (size_t)number(words[4]);
    source->batch_size = (size_t)number(words[5]);
    prepare(production, words[1], number(words[2]), number(words[3]), source,
            (int16_t)number(words[6]), number(words[7]));
    production->is_checked = true;
    if (rate != NULL) {
        production->step_ns =
            (int64_t)((double)production->batch_size * 1e9 / (double)(number(rate) * MEGABYTE));
    }
    run_production(production);
    delays_print(&production->delays);
}

static void produce(char **words)
{
    struct source source = {0};
    produce_from(words, &source, words[8]);
}

static void update(char **words)
{
    struct source source = {.key_count = number(words[8])};
    produce_from(words, &source, words[9]);
}

/* Fetch -------------------------------------------------------------------------------------- */

static void build_fetch(struct buffer *out, const char *topic, int32_t partition_count,
                        const int64_t *offsets, int8_t isolation_level)
{
    struct fetch_request_partition *parts = memory_zero((size_t)partition_count, sizeof *parts);
    for (int32_t i = 0; i < partition_count; i++) {
        parts[i] = (struct fetch_request_partition){.index = i,
                                                    .current_leader_epoch = -1,
                                                    .fetch_offset = offsets[i],
                                                    .last_fetched_epoch = -1,
                                                    .log_start_offset = -1,
                                                    .partition_max_bytes = 1 << 20};
    }
    struct fetch_request_topic named = {.name = bytes_from_string(topic)};
    named.partitions.items = parts;
    named.partitions.count = partition_count;
    struct fetch_request request;
    wire_set_defaults(frame_api_find(FETCH_KEY)->request, &request);
    request.replica_id = -1;
    request.max_wait_ms = 500;
    request.min_bytes = 1;
    request.max_bytes = 50 << 20;
    request.session_epoch = -1;
    request.isolation_level = isolation_level;
    request.topics.items = &named;
    request.topics.count = 1;
    struct frame_request_header header = {
        .api_key = FETCH_KEY, .api_version = FETCH_VERSION, .client_id = bytes_from_string("raw")};
    buffer_clear(out);
    frame_write_request(out, frame_api_find(FETCH_KEY), &header, &request);
    free(parts);
}

/* Moves the offsets behind what the answer holds; a cut batch at the end is left for the next. */
static int64_t take_records(struct bytes records, int64_t *offset,
                            void (*each)(void *owner, const struct batch *batch), void *owner)
{
    int64_t size = 0;
    struct batch batch;
    while (records.size > 0 && batch_read_header(records, &batch, NULL) == 0) {
        *offset = batch_next_offset(&batch);
        size += (int64_t)batch.bytes.size;
        if (each != NULL) {
            each(owner, &batch);
        }
        records = bytes_make(records.data + batch.bytes.size, records.size - batch.bytes.size);
    }
    return size;
}

static int64_t take_fetched(struct bytes frame, int64_t *offsets,
                            void (*each)(void *owner, const struct batch *batch), void *owner)
{
    struct fetch_response response;
    struct arena arena;
    int64_t size = 0;
    arena_init(&arena, 0);
    read_answer(frame, FETCH_KEY, FETCH_VERSION, &arena, &response);
    check_code(response.error_code);
    for (int32_t i = 0; i < response.topics.count; i++) {
        for (int32_t j = 0; j < response.topics.items[i].partitions.count; j++) {
            const struct fetch_response_partition *part =
                &response.topics.items[i].partitions.items[j];
            check_code(part->error_code);
            size += take_records(part->records, &offsets[part->index], each, owner);
        }
    }
    arena_fini(&arena);
    return size;
}

static void fetch(char **words)
{
    struct peer peer;
    struct buffer request;
    struct bytes frame;
    int32_t partition_count = (int32_t)number(words[2]);
    int64_t wanted = number(words[3]) * MEGABYTE;
    int64_t size = 0;
    int64_t *offsets = memory_zero((size_t)partition_count, sizeof *offsets);
    buffer_init(&request);
    peer_open(&peer, words[0]);
    int64_t started = now_ns();
    while (size < wanted) {
        build_fetch(&request, words[1], partition_count, offsets, READ_UNCOMMITTED);
        send_all(peer.stream, request.data, request.size);
        while (!peer_take(&peer, &frame)) {
            peer_receive(&peer, true);
        }
        int64_t taken = take_fetched(frame, offsets, NULL, NULL);
        if (taken == 0) {
            break;
        }
        size += taken;
    }
    printf("%.6f %.1f\n", (double)(now_ns() - started) / 1e9, (double)size / MEGABYTE);
}

/* One poll; the session that answers. */
static int32_t poll_once(struct peer *peer, const char *topic, int32_t partition_count,
                         int32_t session, int32_t epoch)
{
    struct fetch_request_partition *parts = memory_zero((size_t)partition_count + 1, sizeof *parts);
    for (int32_t i = 0; i < partition_count; i++) {
        parts[i] = (struct fetch_request_partition){.index = i,
                                                    .current_leader_epoch = -1,
                                                    .last_fetched_epoch = -1,
                                                    .log_start_offset = -1,
                                                    .partition_max_bytes = 1 << 20};
    }
    struct fetch_request_topic named = {.name = bytes_from_string(topic),
                                        .partitions = {parts, partition_count}};
    struct fetch_request request;
    struct frame_request_header header = {
        .api_key = FETCH_KEY, .api_version = FETCH_VERSION, .client_id = bytes_from_string("raw")};
    wire_set_defaults(frame_api_find(FETCH_KEY)->request, &request);
    request.replica_id = -1;
    request.min_bytes = 1;
    request.max_bytes = 50 << 20;
    request.session_id = session;
    request.session_epoch = epoch;
    request.topics.items = &named;
    request.topics.count = partition_count > 0;
    struct buffer frame;
    buffer_init(&frame);
    frame_write_request(&frame, frame_api_find(FETCH_KEY), &header, &request);
    send_all(peer->stream, frame.data, frame.size);
    buffer_fini(&frame);
    free(parts);
    struct bytes answer;
    while (!peer_take(peer, &answer)) {
        peer_receive(peer, true);
    }
    struct fetch_response response;
    struct arena arena;
    arena_init(&arena, 0);
    read_answer(answer, FETCH_KEY, FETCH_VERSION, &arena, &response);
    check_code(response.error_code);
    int32_t told = response.session_id;
    arena_fini(&arena);
    return told;
}

static void polls(char **words)
{
    struct peer peer;
    int32_t partition_count = (int32_t)number(words[2]);
    int64_t count = number(words[3]);
    bool is_session = strcmp(words[4], "session") == 0;
    peer_open(&peer, words[0]);
    int32_t session = is_session ? poll_once(&peer, words[1], partition_count, 0, 0) : 0;
    int64_t started = now_ns();
    for (int64_t i = 0; i < count; i++) {
        poll_once(&peer, words[1], is_session ? 0 : partition_count, session,
                  is_session ? (int32_t)i + 1 : -1);
    }
    printf("%.6f\n", (double)(now_ns() - started) / 1e9);
}

/* End to end --------------------------------------------------------------------------------- */

struct trip {
    struct peer writer;
    struct peer reader;
    struct batch_builder builder;
    struct buffer batch;
    struct buffer request;
    uint8_t *value;
    size_t value_size;
    const char *topic;
    const char *output; /* where it is read */
    int8_t isolation_level;
    int16_t acks;
    int64_t step_ns;
    int64_t started_ns;
    int64_t count;
    int64_t sent;
    int64_t arrived;
    int64_t offset;
    struct delays delays;
};

/* All that is due goes in one request: what a producer without linger would have to do. */
static void send_due(struct trip *trip, int64_t now)
{
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    batch_builder_clear(&trip->builder);
    while (trip->sent < trip->count && trip->started_ns + trip->sent * trip->step_ns <= now) {
        int64_t due = trip->started_ns + trip->sent * trip->step_ns;
        memcpy(trip->value, &due, sizeof due);
        batch_builder_add(&trip->builder, (int64_t)time.tv_sec * 1000, (struct bytes){0},
                          bytes_make(trip->value, trip->value_size), NULL, 0);
        trip->sent++;
    }
    if (trip->builder.record_count == 0) {
        return;
    }
    buffer_clear(&trip->batch);
    buffer_clear(&trip->request);
    if (batch_builder_finish(&trip->builder, &trip->batch) != 0) {
        fail("batch");
    }
    build_produce(&trip->request, trip->topic, 0, trip->acks, buffer_bytes(&trip->batch));
    send_all(trip->writer.stream, trip->request.data, trip->request.size);
}

static void on_arrived(void *owner, const struct batch *batch)
{
    struct trip *trip = owner;
    struct batch_iterator iterator;
    struct batch_record record;
    int64_t now = now_ns();
    if (batch_is_control(batch)) {
        return;
    }
    if (batch_iterator_open(&iterator, batch, 1 << 30) != 0) {
        fail("batch");
    }
    while (batch_iterator_next(&iterator, &record) == 1) {
        int64_t due;
        memcpy(&due, record.value.data, sizeof due);
        if (due - trip->started_ns >= 1000000000) {
            delays_add(&trip->delays, now - due);
        }
        trip->arrived++;
    }
    batch_iterator_close(&iterator);
}

static int64_t find_end(struct peer *peer, const char *topic)
{
    struct list_offsets_request_partition part = {.current_leader_epoch = -1, .timestamp_ms = -1};
    struct list_offsets_request_topic named = {.name = bytes_from_string(topic),
                                               .partitions = {&part, 1}};
    struct list_offsets_request request = {.replica_id = -1, .topics = {&named, 1}};
    struct frame_request_header header = {.api_key = LIST_OFFSETS_KEY,
                                          .api_version = LIST_OFFSETS_VERSION,
                                          .client_id = bytes_from_string("raw")};
    struct buffer frame;
    buffer_init(&frame);
    frame_write_request(&frame, frame_api_find(LIST_OFFSETS_KEY), &header, &request);
    send_all(peer->stream, frame.data, frame.size);
    buffer_fini(&frame);
    struct bytes answer;
    while (!peer_take(peer, &answer)) {
        peer_receive(peer, true);
    }
    struct list_offsets_response response;
    struct arena arena;
    arena_init(&arena, 0);
    read_answer(answer, LIST_OFFSETS_KEY, LIST_OFFSETS_VERSION, &arena, &response);
    check_code(response.topics.items[0].partitions.items[0].error_code);
    int64_t offset = response.topics.items[0].partitions.items[0].offset;
    arena_fini(&arena);
    return offset;
}

static void ask_again(struct trip *trip)
{
    build_fetch(&trip->request, trip->output, 1, &trip->offset, trip->isolation_level);
    send_all(trip->reader.stream, trip->request.data, trip->request.size);
}

static void travel(struct trip *trip)
{
    struct bytes frame;
    ask_again(trip);
    trip->started_ns = now_ns();
    while (trip->arrived < trip->count) {
        send_due(trip, now_ns());
        int64_t wait_ns = 1000000000;
        if (trip->sent < trip->count) {
            wait_ns = trip->started_ns + trip->sent * trip->step_ns - now_ns();
        }
        struct pollfd ends[2] = {{.fd = trip->writer.stream, .events = POLLIN},
                                 {.fd = trip->reader.stream, .events = POLLIN}};
        struct timespec time = {.tv_nsec = wait_ns < 0 ? 0 : wait_ns % 1000000000,
                                .tv_sec = wait_ns < 0 ? 0 : wait_ns / 1000000000};
        (void)ppoll(ends, 2, &time, NULL);
        peer_receive(&trip->writer, false);
        while (peer_take(&trip->writer, &frame)) {}
        peer_receive(&trip->reader, false);
        while (peer_take(&trip->reader, &frame)) {
            (void)take_fetched(frame, &trip->offset, on_arrived, trip);
            ask_again(trip);
        }
    }
}

static void e2e(char **words)
{
    struct trip trip = {.topic = words[1],
                        .output = words[6] == NULL ? words[1] : words[6],
                        .isolation_level = words[6] == NULL ? READ_UNCOMMITTED : READ_COMMITTED,
                        .step_ns = 1000000000 / number(words[2]),
                        .count = number(words[2]) * number(words[3]),
                        .value_size = (size_t)number(words[4]),
                        .acks = (int16_t)number(words[5])};
    if (trip.value_size < sizeof(int64_t)) {
        errno = EINVAL;
        fail("RECORD_SIZE");
    }
    trip.value = memory_zero(1, trip.value_size);
    buffer_init(&trip.batch);
    buffer_init(&trip.request);
    batch_builder_init(&trip.builder, COMPRESS_NONE);
    peer_open(&trip.writer, words[0]);
    peer_open(&trip.reader, words[0]);
    trip.offset = find_end(&trip.reader, trip.output);
    travel(&trip);
    delays_print(&trip.delays);
}

/* The limit ---------------------------------------------------------------------------------- */

static void answer_for_ever(int listener)
{
    struct peer peer = {.stream = accept(listener, NULL, NULL)};
    static const uint8_t answer[64] = {0, 0, 0, 60};
    struct bytes frame;
    buffer_init(&peer.in);
    for (;;) {
        peer_receive(&peer, true);
        while (peer_take(&peer, &frame)) {
            send_all(peer.stream, answer, sizeof answer);
        }
    }
}

static void loopback(char **words)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char text[32];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0) {
        fail("listen");
    }
    pid_t child = fork();
    if (child < 0) {
        fail("fork");
    }
    if (child == 0) {
        (void)!freopen("/dev/null", "w", stderr); /* the end of the stream is no news */
        answer_for_ever(listener);
    }
    struct production *production = memory_new(struct production);
    snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(address.sin_port));
    peer_open(&production->peer, text);
    struct source source = {
        .seed = 42, .record_size = 1000, .batch_size = (size_t)number(words[1])};
    prepare(production, "limit", 1, number(words[0]), &source, 1, number(words[2]));
    run_production(production);
    delays_print(&production->delays);
    close(production->peer.stream);
    waitpid(child, NULL, 0);
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        int least;
        void (*run)(char **words);
    } modes[] = {
        {"produce", 8, produce}, {"update", 9, update}, {"fetch", 4, fetch},
        {"polls", 5, polls},     {"e2e", 6, e2e},       {"loopback", 3, loopback},
    };
    for (size_t i = 0; count > 1 && i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(words[1], modes[i].name) == 0 && count - 2 >= modes[i].least) {
            modes[i].run(words + 2);
            return 0;
        }
    }
    fprintf(stderr, "raw: produce, update, fetch, polls, e2e or loopback; see the top of raw.c\n");
    return 2;
}
