/* tidemill perf produce: how fast and how late a cluster takes records.
 *
 * Through the producer that everything else uses, or with --raw as batches that were encoded once
 * and are sent again and again, so that the client is not what is measured. A batch is done when
 * the broker has acknowledged it. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/cli/perf.h"
#include "runtime/cli/producer_property.h"

#include <stdlib.h>
#include <string.h>

enum {
    SENT_PER_TURN = 4096,
    DEPTH_MAX = 1000,
    CALL_MAX = 100000, /* raw requests in all */
    PARTITION_MAX = 100000,
    BATCH_RECORD_MAX = 1000000,
    PRODUCE_VERSION = 12, /* by name */
};

struct produce_perf_values {
    struct perf_flags perf;
    int64_t partition;
    int64_t partition_count;
    int64_t key_count;
    const char *codec;
    const char *acks;
    int64_t batch_size;
    int64_t linger_ms;
    int64_t depth;
    bool is_raw;
};

/* A record on its way through the producer, and when it was due. */
struct flight {
    struct flight *next; /* while it is free */
    struct produce_perf *run;
    uint64_t due_ns;
};

/* A place for one raw request. */
struct raw_call {
    struct produce_perf *run;
    struct client_call call;
    struct produce_request request;
    struct produce_request_topic topic;
    struct produce_request_partition partition;
    uint64_t due_ns;
    bool is_out;
};

struct produce_perf {
    const struct produce_perf_values *values;
    const char *topic;
    struct perf perf;
    struct producer_options options;
    struct producer *producer;
    struct flight *free;
    struct buffer value;
    struct buffer batch; /* raw: what every request carries */
    int64_t batch_count; /* records in it */
    struct raw_call *calls;
    size_t call_count;
    size_t out_count;
    int32_t partition_count;
    int64_t key;
    struct io_timer room; /* its owner is poked when there is room */
    bool is_full;
    bool is_closed;
};

static void look_for_end(struct produce_perf *run)
{
    struct perf *perf = &run->perf;
    bool is_idle = run->values->is_raw ? run->out_count == 0
                                       : perf->done_count + perf->failed_count == perf->sent_count;
    if (perf_is_sent(perf) && is_idle) {
        perf->is_over = true;
        errand_wake(perf->errand);
    }
}

/* --- Through the producer --- */

static struct flight *take_flight(struct produce_perf *run)
{
    struct flight *flight = run->free;
    if (flight == NULL) {
        flight = memory_new(struct flight);
        flight->run = run;
    } else {
        run->free = flight->next;
    }
    return flight;
}

static void on_delivered(void *owner, int error, int32_t partition, int64_t offset)
{
    (void)partition;
    (void)offset;
    struct flight *flight = owner;
    struct produce_perf *run = flight->run;
    uint64_t now_ns = io_now(run->perf.errand->world->io);
    if (error != 0) {
        perf_fail(&run->perf, 1, error);
    } else {
        perf_note(&run->perf, 1, run->values->perf.size, now_ns - flight->due_ns);
    }
    flight->next = run->free;
    run->free = flight;
    look_for_end(run);
}

static void on_room(void *owner)
{
    struct produce_perf *run = owner;
    run->is_full = false;
    perf_poke(&run->perf);
}

static int send_one(struct produce_perf *run)
{
    char key[24];
    struct flight *flight = take_flight(run);
    struct producer_record record = {
        .topic = run->topic,
        .partition = (int32_t)run->values->partition,
        .timestamp_ms = -1,
        .value = buffer_bytes(&run->value),
        .done = on_delivered,
        .owner = flight,
    };
    if (run->values->key_count > 0) {
        int size =
            snprintf(key, sizeof key, "%lld", (long long)(run->key % run->values->key_count));
        record.key = bytes_make(key, (size_t)size);
    }
    flight->due_ns = perf_due_ns(&run->perf, run->perf.sent_count);
    int error = producer_send(run->producer, &record);
    if (error == 0) {
        run->perf.sent_count++;
        run->key++;
    } else {
        flight->next = run->free;
        run->free = flight;
    }
    return error;
}

static void pump_producer(void *owner)
{
    struct produce_perf *run = owner;
    int64_t due = perf_due(&run->perf);
    int error = 0;
    for (int i = 0; i < SENT_PER_TURN && run->perf.sent_count < due && error == 0 && !run->is_full;
         i++) {
        error = send_one(run);
    }
    if (error == ERROR_AGAIN) {
        run->is_full = true;
    } else if (error != 0) {
        perf_fail(&run->perf, 1, error);
    } else if (run->perf.sent_count < due && !run->is_full) {
        perf_poke(&run->perf);
    }
    look_for_end(run);
}

/* --- Raw --- */

static int16_t answer_code(const struct produce_response *response)
{
    for (int32_t i = 0; i < response->topics.count; i++) {
        for (int32_t j = 0; j < response->topics.items[i].partitions.count; j++) {
            int16_t code = response->topics.items[i].partitions.items[j].error_code;
            if (code != 0) {
                return code;
            }
        }
    }
    return 0;
}

static void on_answer(struct client_call *call, int error, int16_t version, const void *response)
{
    (void)version;
    struct raw_call *raw = call->owner;
    struct produce_perf *run = raw->run;
    uint64_t now_ns = io_now(run->perf.errand->world->io);
    raw->is_out = false;
    run->out_count--;
    int16_t code = error == 0 && response != NULL ? answer_code(response) : 0;
    error = code != 0 ? error_from_code(code) : error;
    if (error != 0) {
        perf_fail(&run->perf, run->batch_count, error);
    } else {
        perf_note(&run->perf, run->batch_count, run->batch_count * run->values->perf.size,
                  now_ns - raw->due_ns);
        perf_poke(&run->perf);
    }
    look_for_end(run);
}

static void send_raw(struct produce_perf *run, struct raw_call *raw)
{
    raw->is_out = true;
    run->out_count++;
    run->perf.sent_count += run->batch_count;
    raw->due_ns = perf_due_ns(&run->perf, run->perf.sent_count - 1); /* the last of its records */
    client_send(run->perf.errand->client, &raw->call);
}

/* A batch is sent when the last of its records is due. */
static void pump_raw(void *owner)
{
    struct produce_perf *run = owner;
    for (size_t i = 0; i < run->call_count && !perf_is_sent(&run->perf); i++) {
        int64_t due = perf_due(&run->perf);
        bool is_due = run->values->perf.rate == 0 || run->perf.sent_count + run->batch_count <= due;
        if (!is_due) {
            break;
        }
        if (!run->calls[i].is_out) {
            send_raw(run, &run->calls[i]);
        }
    }
    look_for_end(run);
}

static int make_batch(struct produce_perf *run)
{
    struct batch_builder builder;
    batch_builder_init(&builder, run->options.codec);
    size_t size_max = (size_t)run->values->batch_size;
    do {
        batch_builder_add(&builder, io_wall_clock(run->perf.errand->world->io), bytes_make(NULL, 0),
                          buffer_bytes(&run->value), NULL, 0);
        run->batch_count++;
    } while (run->batch_count < BATCH_RECORD_MAX &&
             batch_builder_size_with(&builder, 0, run->value.size, 0) <= size_max);
    int error = batch_builder_finish(&builder, &run->batch);
    batch_builder_fini(&builder);
    return error;
}

static int make_calls(struct produce_perf *run, const struct metadata_response_topic *topic)
{
    int error = make_batch(run);
    if (error != 0) {
        return error;
    }
    bool is_one = run->values->partition >= 0;
    size_t partitions = is_one ? 1 : (size_t)topic->partitions.count;
    run->call_count = partitions * (size_t)run->values->depth;
    if (run->call_count > CALL_MAX) {
        return ERROR_TOO_LARGE;
    }
    run->calls = memory_zero(run->call_count, sizeof(*run->calls));
    for (size_t i = 0; i < run->call_count; i++) {
        struct raw_call *raw = &run->calls[i];
        size_t place = is_one ? (size_t)run->values->partition : i % partitions;
        const struct metadata_response_partition *row = &topic->partitions.items[place];
        raw->run = run;
        raw->partition.index = row->index;
        raw->partition.records = buffer_bytes(&run->batch);
        raw->topic.name = bytes_from_string(run->topic);
        raw->topic.partitions.items = &raw->partition;
        raw->topic.partitions.count = 1;
        wire_set_defaults(&produce_request_schema, &raw->request);
        raw->request.acks = run->options.acks;
        raw->request.timeout_ms = 30000;
        raw->request.topics.items = &raw->topic;
        raw->request.topics.count = 1;
        raw->call = (struct client_call){
            .target = row->leader_id,
            .api_key = API_PRODUCE,
            .version_max = PRODUCE_VERSION,
            .request = &raw->request,
            .done = on_answer,
            .owner = raw,
        };
    }
    return 0;
}

/* --- The run --- */

/* Makes the topic when it is not there, and knows its partitions. */
static int find_topic(struct produce_perf *run, struct errand *errand,
                      const struct metadata_response_topic **out)
{
    struct create_topics_request_topic topic = {
        .name = bytes_from_string(run->topic),
        .partition_count =
            run->values->partition_count > 0 ? (int32_t)run->values->partition_count : -1,
        .replication_factor = -1,
    };
    struct create_topics_request request;
    const void *found;
    wire_set_defaults(&create_topics_request_schema, &request);
    request.timeout_ms = 30000;
    request.topics.items = &topic;
    request.topics.count = 1;
    int error = errand_call(errand, CLIENT_CONTROLLER, API_CREATE_TOPICS, -1, &request, &found);
    const struct metadata_response *metadata;
    if (error == 0) {
        const struct create_topics_response *answer = found;
        int16_t code = answer->topics.count == 1 ? answer->topics.items[0].error_code : 0;
        if (code != 0 && error_from_code(code) != ERROR_TOPIC_ALREADY_EXISTS) {
            return errand_refuse(errand, run->topic, code, answer->topics.items[0].error_message);
        }
        error = errand_read_metadata(errand, &run->topic, 1, &metadata);
    }
    if (error != 0) {
        return errand_fail(errand, error, "looking for the topic");
    }
    *out = &metadata->topics.items[0];
    if (metadata->topics.count != 1 || (*out)->error_code != 0) {
        return errand_refuse(errand, run->topic, (*out)->error_code, bytes_make(NULL, 0));
    }
    if (run->values->partition >= (*out)->partitions.count) {
        return command_fail(errand->world, "%s has no partition %lld, only 0 to %d", run->topic,
                            (long long)run->values->partition, (int)(*out)->partitions.count - 1);
    }
    return COMMAND_OK;
}

static void on_closed(void *owner)
{
    struct produce_perf *run = owner;
    run->is_closed = true;
    errand_wake(run->perf.errand);
}

static void close_producer(struct produce_perf *run)
{
    struct command_world *world = run->perf.errand->world;
    producer_close(run->producer, on_closed, run);
    while (!run->is_closed) {
        world->run(world->owner);
    }
    while (run->free != NULL) {
        struct flight *flight = run->free;
        run->free = flight->next;
        free(flight);
    }
}

static void cancel_calls(struct produce_perf *run)
{
    for (size_t i = 0; i < run->call_count; i++) {
        if (run->calls[i].is_out) {
            client_cancel(run->perf.errand->client, &run->calls[i].call);
        }
    }
}

static int measure(struct produce_perf *run, struct errand *errand)
{
    const struct metadata_response_topic *topic = NULL;
    int code = find_topic(run, errand, &topic);
    if (code != COMMAND_OK) {
        return code;
    }
    run->perf.errand = errand;
    if (run->values->is_raw) {
        int error = make_calls(run, topic);
        if (error != 0) {
            return error == ERROR_TOO_LARGE
                       ? command_misuse(errand->world,
                                        "--depth %lld on %d partitions is more than %d requests",
                                        (long long)run->values->depth, (int)topic->partitions.count,
                                        CALL_MAX)
                       : errand_fail(errand, error, "encoding a batch");
        }
        perf_start(&run->perf, errand, &run->values->perf, pump_raw, run);
    } else {
        run->producer = producer_new(errand->client, &run->options);
        producer_on_room(run->producer, on_room, run);
        perf_start(&run->perf, errand, &run->values->perf, pump_producer, run);
    }
    perf_wait(&run->perf);
    perf_end(&run->perf);
    if (run->producer != NULL) {
        close_producer(run);
    }
    cancel_calls(run);
    return perf_report(&run->perf, "sent", true);
}

static enum errand_property take_property(void *owner, const char *name, const char *value)
{
    struct produce_perf *run = owner;
    return producer_property_take(&run->options, name, value);
}

static int prepare(struct produce_perf *run, struct command_world *world)
{
    const struct produce_perf_values *values = run->values;
    run->options = producer_options_default();
    run->options.linger_ns = values->linger_ms * 1000000;
    run->options.batch_size = (size_t)values->batch_size;
    if (run->options.request_size_max < run->options.batch_size) {
        run->options.request_size_max = run->options.batch_size;
    }
    if (values->codec != NULL && compress_codec_parse(values->codec, &run->options.codec) != 0) {
        return command_misuse(world, "-z takes none, gzip, snappy, lz4 or zstd, not '%s'",
                              values->codec);
    }
    if (producer_property_take(&run->options, "acks", values->acks) != ERRAND_PROPERTY_TAKEN) {
        return command_misuse(world, "--acks takes 0, 1 or all, not '%s'", values->acks);
    }
    if (values->depth < 1 || values->depth > DEPTH_MAX) {
        return command_misuse(world, "--depth takes 1 to %d requests", DEPTH_MAX);
    }
    if (values->batch_size < 1 || values->batch_size > PERF_SIZE_MAX || values->linger_ms < 0 ||
        values->partition < -1 || values->partition > INT32_MAX || values->key_count < 0 ||
        values->partition_count < 0 || values->partition_count > PARTITION_MAX) {
        return command_misuse(world, "a number is out of its range; see tidemill perf produce -h");
    }
    if (values->is_raw && values->key_count > 0) {
        return command_misuse(world, "--raw batches have no keys; leave out --keys");
    }
    /* Letters that compress somewhat. */
    for (int64_t i = 0; i < values->perf.size; i++) {
        buffer_add_byte(&run->value, (uint8_t)('A' + (i * i + i / 7) % 26));
    }
    return perf_judge(world, &values->perf);
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    struct produce_perf *run = memory_new(struct produce_perf);
    struct errand errand;
    run->values = given;
    run->topic = arguments->items[0];
    buffer_init(&run->value);
    buffer_init(&run->batch);
    int code = prepare(run, world);
    if (code == COMMAND_OK) {
        code = errand_open(&errand, world, &run->values->perf.errand, take_property, run);
    }
    if (code == COMMAND_OK) {
        code = measure(run, &errand);
        errand_close(&errand);
    }
    buffer_fini(&run->value);
    buffer_fini(&run->batch);
    free(run->calls);
    free(run);
    return code;
}

static const struct produce_perf_values initial = {
    .perf = {.size = 100},
    .partition = -1,
    .acks = "all",
    .batch_size = 256 << 10,
    .linger_ms = 5,
    .depth = 5,
};

static const struct flag flags[] = {
    FLAG(0, "rate", INT, struct produce_perf_values, perf.rate, "N",
         "records a second (default: as many as it takes)"),
    FLAG('s', "size", SIZE, struct produce_perf_values, perf.size, "BYTES",
         "of a value (default: 100)"),
    FLAG('p', "partition", INT, struct produce_perf_values, partition, "N", "only this partition"),
    FLAG(0, "partitions", INT, struct produce_perf_values, partition_count, "N",
         "of the topic, when it is made"),
    FLAG(0, "keys", INT, struct produce_perf_values, key_count, "N",
         "so many different keys in turn (default: none)"),
    FLAG('z', "compress", STRING, struct produce_perf_values, codec, "CODEC",
         "none, gzip, snappy, lz4 or zstd"),
    FLAG(0, "acks", STRING, struct produce_perf_values, acks, "0|1|all",
         "when it is done (default: all)"),
    FLAG(0, "batch-size", SIZE, struct produce_perf_values, batch_size, "BYTES",
         "of a batch (default: 256k)"),
    FLAG(0, "linger", DURATION, struct produce_perf_values, linger_ms, "TIME",
         "wait for company (default: 5ms)"),
    FLAG(0, "raw", BOOL, struct produce_perf_values, is_raw, NULL,
         "send batches that were encoded once"),
    FLAG(0, "depth", INT, struct produce_perf_values, depth, "N",
         "raw requests on their way per partition (default: 5)"),
    FLAG(0, "brief", BOOL, struct produce_perf_values, perf.is_kafka, NULL,
         "only the line of kafka-producer-perf-test"),
    PERF_FLAGS(struct produce_perf_values),
};

const struct command command_perf_produce = {
    .noun = "perf",
    .verb = "produce",
    .arguments = "TOPIC",
    .summary = "measures how fast records are taken, and how late",
    .details = "With --rate records are due at fixed moments, and their latency counts from then,\n"
               "also when they could not be sent in time. Without, it shows the most that goes.\n"
               "The topic is made when it is not there, and stays.\n",
    .examples = "tidemill perf produce test -n 5000000 -s 100\n"
                "tidemill perf produce test --rate 20000 --duration 30s -s 1k --acks all\n"
                "tidemill perf produce test --raw --acks 1 --partitions 16 -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct produce_perf_values),
    .initial = &initial,
    .argument_min = 1,
    .argument_max = 1,
    .run = run,
};
