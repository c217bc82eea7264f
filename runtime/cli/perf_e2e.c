/* tidemill perf e2e: how long a record takes from the moment it is due until a reader has it.
 *
 * Writer and reader share this process and its clock. A record carries its number; when it was due
 * follows from that. */
#include "log/base/endian.h"
#include "log/base/error.h"
#include "runtime/cli/perf.h"
#include "runtime/cli/producer_property.h"
#include "runtime/client/fetcher.h"

#include <string.h>

enum { STAMP_SIZE = 16, INFLATED_MAX = 64 << 20, PATIENCE_NS_PER_S = 1000000000, PATIENCE_S = 10 };

struct e2e_values {
    struct perf_flags perf;
    const char *acks;
};

struct e2e {
    const struct e2e_values *values;
    const char *topic;
    struct perf perf;
    struct producer_options options;
    struct producer *producer;
    struct fetcher *fetcher;
    struct buffer value;
    uint64_t stamp; /* of this run: other writers' records are not ours */
    int32_t partition_count;
    uint64_t quiet_since_ns;
    bool is_full;
    int closing_count;
};

static void on_closed(void *owner)
{
    struct e2e *run = owner;
    run->closing_count--;
    errand_wake(run->perf.errand);
}

static void on_delivered(void *owner, int error, int32_t partition, int64_t offset)
{
    (void)partition;
    (void)offset;
    struct e2e *run = owner;
    if (error != 0 && !run->perf.is_over) { /* a record that was read needs no answer any more */
        perf_fail(&run->perf, 1, error);
    }
}

static void on_ready(void *owner)
{
    struct e2e *run = owner;
    perf_poke(&run->perf);
}

static void on_room(void *owner)
{
    struct e2e *run = owner;
    run->is_full = false;
    perf_poke(&run->perf);
}

/* The stamp, then when it was due. */
static int send_one(struct e2e *run)
{
    struct perf *perf = &run->perf;
    endian_write_u64(run->value.data, run->stamp);
    endian_write_u64(run->value.data + 8, perf_due_ns(perf, perf->sent_count));
    struct producer_record record = {
        .topic = run->topic,
        .partition = (int32_t)(perf->sent_count % run->partition_count),
        .timestamp_ms = -1,
        .value = buffer_bytes(&run->value),
        .done = on_delivered,
        .owner = run,
    };
    int error = producer_send(run->producer, &record);
    perf->sent_count += error == 0;
    return error;
}

static void take_batch(struct e2e *run, const struct batch *batch)
{
    struct batch_iterator iterator;
    struct batch_record record;
    uint64_t now_ns = io_now(run->perf.errand->world->io);
    if (batch_iterator_open(&iterator, batch, INFLATED_MAX) != 0) {
        return;
    }
    while (batch_iterator_next(&iterator, &record) == 1) {
        if (record.value.size >= STAMP_SIZE && endian_read_u64(record.value.data) == run->stamp) {
            uint64_t due_ns = endian_read_u64(record.value.data + 8);
            perf_note(&run->perf, 1, (int64_t)record.value.size,
                      now_ns > due_ns ? now_ns - due_ns : 0);
        }
    }
    batch_iterator_close(&iterator);
}

static bool is_resolved(const struct e2e *run)
{
    for (int32_t i = 0; i < run->partition_count; i++) {
        if (fetcher_position(run->fetcher, run->topic, i) < 0) {
            return false;
        }
    }
    return true;
}

static void read_records(struct e2e *run)
{
    struct fetcher_batch taken;
    int result;
    while ((result = fetcher_take(run->fetcher, NULL, 0, &taken)) == 1) {
        take_batch(run, &taken.batch);
        fetcher_release(run->fetcher, &taken);
        run->quiet_since_ns = io_now(run->perf.errand->world->io);
    }
    if (result < 0) {
        perf_fail(&run->perf, 0, result);
    }
}

static void pump(void *owner)
{
    struct e2e *run = owner;
    struct perf *perf = &run->perf;
    uint64_t now_ns = io_now(perf->errand->world->io);
    if (!is_resolved(run)) {
        perf->start_ns = now_ns; /* the reader must stand at the end before the first is sent */
        run->quiet_since_ns = now_ns;
        read_records(run);
        return;
    }
    read_records(run);
    int error = 0;
    for (int64_t due = perf_due(perf); perf->sent_count < due && error == 0 && !run->is_full;) {
        error = send_one(run);
    }
    run->is_full = error == ERROR_AGAIN || run->is_full;
    if (error != 0 && error != ERROR_AGAIN) {
        perf_fail(perf, 1, error);
    }
    now_ns = io_now(perf->errand->world->io);
    bool is_lost = now_ns - run->quiet_since_ns > (uint64_t)PATIENCE_S * PATIENCE_NS_PER_S;
    if (perf_is_sent(perf) && perf->done_count < perf->sent_count && is_lost) {
        perf_fail(perf, perf->sent_count - perf->done_count, ERROR_TIMEOUT);
    }
    if (perf->first_error != 0 || (perf_is_sent(perf) && perf->done_count >= perf->sent_count)) {
        perf->is_over = true;
        errand_wake(perf->errand);
    }
}

static int find_topic(struct e2e *run, struct errand *errand)
{
    const struct metadata_response *metadata;
    int error = errand_read_metadata(errand, &run->topic, 1, &metadata);
    if (error != 0) {
        return errand_fail(errand, error, "looking for the topic");
    }
    if (metadata->topics.count != 1 || metadata->topics.items[0].error_code != 0) {
        return command_fail(errand->world,
                            "%s: no such topic; make it: tidemill topic create %s -p 1", run->topic,
                            run->topic);
    }
    run->partition_count = metadata->topics.items[0].partitions.count;
    return COMMAND_OK;
}

static int measure(struct e2e *run, struct errand *errand)
{
    struct fetcher_options options = fetcher_options_default();
    int code = find_topic(run, errand);
    if (code != COMMAND_OK) {
        return code;
    }
    run->perf.errand = errand;
    io_random(errand->world->io, &run->stamp, sizeof run->stamp);
    run->producer = producer_new(errand->client, &run->options);
    run->fetcher = fetcher_new(errand->client, &options);
    producer_on_room(run->producer, on_room, run);
    fetcher_on_ready(run->fetcher, on_ready, run);
    for (int32_t i = 0; i < run->partition_count; i++) {
        fetcher_add(run->fetcher, run->topic, i, FETCHER_OFFSET_LATEST);
    }
    perf_start(&run->perf, errand, &run->values->perf, pump, run);
    perf_wait(&run->perf);
    perf_end(&run->perf);
    run->closing_count = 2;
    producer_close(run->producer, on_closed, run);
    fetcher_close(run->fetcher, on_closed, run);
    while (run->closing_count > 0) {
        errand->world->run(errand->world->owner);
    }
    return perf_report(&run->perf, "sent and read", true);
}

static enum errand_property take_property(void *owner, const char *name, const char *value)
{
    struct e2e *run = owner;
    return producer_property_take(&run->options, name, value);
}

static int run(struct command_world *world, const void *given, const struct flag_list *arguments)
{
    struct e2e run = {.values = given, .topic = arguments->items[0]};
    struct errand errand;
    int code = perf_judge(world, &run.values->perf);
    run.options = producer_options_default();
    if (code == COMMAND_OK && run.values->perf.size < STAMP_SIZE) {
        code = command_misuse(
            world, "--size takes %d bytes at least: a record tells when it was due", STAMP_SIZE);
    }
    if (code == COMMAND_OK && run.values->perf.rate <= 0) {
        code = command_misuse(world, "--rate takes 1 record a second or more");
    }
    if (code == COMMAND_OK &&
        producer_property_take(&run.options, "acks", run.values->acks) != ERRAND_PROPERTY_TAKEN) {
        code = command_misuse(world, "--acks takes 0, 1 or all, not '%s'", run.values->acks);
    }
    if (code == COMMAND_OK) {
        code = errand_open(&errand, world, &run.values->perf.errand, take_property, &run);
    }
    if (code == COMMAND_OK) {
        buffer_init(&run.value);
        memset(buffer_reserve(&run.value, (size_t)run.values->perf.size), 'x',
               (size_t)run.values->perf.size);
        run.value.size = (size_t)run.values->perf.size;
        code = measure(&run, &errand);
        errand_close(&errand);
        buffer_fini(&run.value);
    }
    return code;
}

static const struct e2e_values initial = {.perf = {.size = 100, .rate = 1000, .count = 10000},
                                          .acks = "all"};

static const struct flag flags[] = {
    FLAG(0, "rate", INT, struct e2e_values, perf.rate, "N", "records a second (default: 1000)"),
    FLAG('s', "size", SIZE, struct e2e_values, perf.size, "BYTES", "of a value (default: 100)"),
    FLAG(0, "acks", STRING, struct e2e_values, acks, "0|1|all", "of the writer (default: all)"),
    PERF_FLAGS(struct e2e_values),
};

const struct command command_perf_e2e = {
    .noun = "perf",
    .verb = "e2e",
    .arguments = "TOPIC",
    .summary = "measures how long records take to their reader",
    .details = "From the moment a record is due to the moment it was read. -n is 10000 here.\n",
    .examples = "tidemill perf e2e test --rate 20000 -n 200000\n"
                "tidemill perf e2e test --rate 1000 --duration 60s -o json\n",
    COMMAND_FLAGS(flags),
    .values_size = sizeof(struct e2e_values),
    .initial = &initial,
    .argument_min = 1,
    .argument_max = 1,
    .run = run,
};
