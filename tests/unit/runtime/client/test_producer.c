/* Shows that records arrive once, in order and whole, whatever happens to connections, leaders and
 * answers; that fates are told once and in order; and that memory stays within its limit. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/client/producer.h"
#include "tests/unit/runtime/fake_cluster.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000000000, BROKER_COUNT = 3, KEY_PRODUCE = 0, KEY_INIT = 22 };

struct world {
    struct sim *sim;
    struct fake_cluster *cluster;
    struct client *client;
    struct producer *producer;
    bool is_closed;
};

static void check_all(void *owner)
{
    struct world *world = owner;
    if (world->client != NULL) {
        client_check(world->client);
    }
    if (world->producer != NULL) {
        producer_check(world->producer);
    }
}

static struct world *world_new(uint64_t seed, const struct producer_options *options)
{
    trace_set_stream(NULL);
    struct world *world = memory_new(struct world);
    world->sim = sim_new(seed, BROKER_COUNT + 1);
    world->cluster = fake_cluster_new(world->sim, BROKER_COUNT);
    struct client_options client_options = client_options_default();
    client_options.bootstrap = "node1:9092,node2:9092";
    client_options.request_timeout_ms = 3000;
    world->client = client_new(sim_io(world->sim, 0), &client_options);
    world->producer = producer_new(world->client, options);
    sim_on_event(world->sim, check_all, world);
    return world;
}

static void run_for(struct world *world, uint64_t duration_ns)
{
    sim_run(world->sim, sim_now(world->sim) + duration_ns);
}

static void on_closed(void *owner)
{
    ((struct world *)owner)->is_closed = true;
}

static bool is_closed(void *owner)
{
    return ((struct world *)owner)->is_closed;
}

static void world_free(struct world *world)
{
    if (world->producer != NULL) {
        producer_close(world->producer, on_closed, world);
        world->producer = NULL;
        assert_true(sim_run_until(world->sim, is_closed, world, SECOND));
    }
    world->is_closed = false;
    client_close(world->client, on_closed, world);
    world->client = NULL;
    assert_true(sim_run_until(world->sim, is_closed, world, 20ull * SECOND));
    fake_cluster_free(world->cluster);
    sim_free(world->sim);
    free(world);
}

/* A record's receipt: fates of one partition come in the order of the calls. */
struct receipt {
    int told;
    int error;
    int32_t partition;
    int64_t offset;
    int *last; /* the number last told in this stream */
    int number;
};

static void on_receipt(void *owner, int error, int32_t partition, int64_t offset)
{
    struct receipt *receipt = owner;
    receipt->told++;
    receipt->error = error;
    receipt->partition = partition;
    receipt->offset = offset;
    if (receipt->last != NULL) {
        assert_true(*receipt->last < receipt->number);
        *receipt->last = receipt->number;
    }
}

static int send_number(struct world *world, const char *topic, int32_t partition, int number,
                       struct receipt *receipt)
{
    char value[32];
    snprintf(value, sizeof value, "%d", number);
    struct producer_record record = {
        .topic = topic,
        .partition = partition,
        .timestamp_ms = 1000 + number,
        .value = bytes_from_string(value),
        .done = receipt == NULL ? NULL : on_receipt,
        .owner = receipt,
    };
    return producer_send(world->producer, &record);
}

struct flushed {
    struct producer_flush flush;
    bool is_done;
    int error;
};

static void on_flushed(struct producer_flush *flush, int error)
{
    struct flushed *flushed = flush->owner;
    flushed->is_done = true;
    flushed->error = error;
}

static bool is_flushed(void *owner)
{
    return ((struct flushed *)owner)->is_done;
}

static int flush(struct world *world, uint64_t limit_ns)
{
    struct flushed flushed = {.flush = {.done = on_flushed}};
    flushed.flush.owner = &flushed;
    producer_flush(world->producer, &flushed.flush);
    assert_true(sim_run_until(world->sim, is_flushed, &flushed, limit_ns));
    return flushed.error;
}

/* The numbers a partition holds, in order. */
static size_t read_numbers(struct world *world, const char *topic, int32_t index, int *out,
                           size_t limit)
{
    struct fake_partition *partition = fake_cluster_get(world->cluster, topic, index);
    size_t count = 0;
    for (size_t i = 0; i < partition->batch_count; i++) {
        struct batch batch;
        assert_int_equal(batch_read_header(buffer_bytes(&partition->batches[i].data), &batch, NULL),
                         0);
        struct batch_iterator iterator;
        assert_int_equal(batch_iterator_open(&iterator, &batch, 1 << 24), 0);
        struct batch_record record;
        while (batch_iterator_next(&iterator, &record) == 1) {
            assert_true(count < limit);
            char *text = bytes_to_string(record.value);
            out[count++] = atoi(text);
            free(text);
        }
        batch_iterator_close(&iterator);
    }
    return count;
}

static void assert_sequence(struct world *world, const char *topic, int32_t index, int count)
{
    int *numbers = memory_zero((size_t)count + 1, sizeof *numbers);
    size_t found = read_numbers(world, topic, index, numbers, (size_t)count + 1);
    assert_int_equal(found, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(numbers[i], i);
    }
    free(numbers);
}

static void a_record_arrives_and_its_offset_is_told(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(1, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    struct receipt receipts[3] = {0};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send_number(world, "t", 0, i, &receipts[i]), 0);
        assert_int_equal(receipts[i].told, 0);
    }
    assert_int_equal(flush(world, 5ull * SECOND), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(receipts[i].told, 1);
        assert_int_equal(receipts[i].error, 0);
        assert_int_equal(receipts[i].offset, i);
    }
    assert_sequence(world, "t", 0, 3);
    assert_int_equal(producer_pending_size(world->producer), 0);
    world_free(world);
}

static void a_flush_tells_of_what_failed_before_it(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(1, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    fake_cluster_fail(world->cluster, 0, ERROR_TOPIC_AUTHORIZATION_FAILED, 1, false);
    assert_int_equal(send_number(world, "t", 0, 0, NULL), 0);
    run_for(world, SECOND);
    assert_int_equal(producer_pending_size(world->producer), 0);
    assert_int_equal(flush(world, 5ull * SECOND), ERROR_TOPIC_AUTHORIZATION_FAILED);
    assert_int_equal(flush(world, 5ull * SECOND), 0); /* told once */
    world_free(world);
}

static void records_of_a_turn_share_a_batch(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(2, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    assert_int_equal(send_number(world, "t", 0, 0, NULL), 0);
    assert_int_equal(flush(world, 5ull * SECOND), 0);
    for (int i = 1; i < 100; i++) {
        assert_int_equal(send_number(world, "t", 0, i, NULL), 0);
    }
    assert_int_equal(flush(world, 5ull * SECOND), 0);
    assert_int_equal(fake_cluster_get(world->cluster, "t", 0)->batch_count, 2);
    assert_sequence(world, "t", 0, 100);
    world_free(world);
}

struct chain {
    struct world *world;
    struct producer_flush flush;
    int count;
};

static void on_chained(struct producer_flush *flush, int error)
{
    struct chain *chain = flush->owner;
    assert_int_equal(error, 0);
    /* What was sent before the flush is there. */
    assert_sequence(chain->world, "t", 0, chain->count);
    if (chain->count < 10) {
        assert_int_equal(send_number(chain->world, "t", 0, chain->count++, NULL), 0);
        producer_flush(chain->world->producer, flush);
    }
}

static bool is_chain_over(void *owner)
{
    struct chain *chain = owner;
    return chain->count == 10 && producer_pending_size(chain->world->producer) == 0;
}

static void a_flush_from_within_a_flush_waits_too(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(20, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    struct chain chain = {.world = world, .flush = {.done = on_chained}};
    chain.flush.owner = &chain;
    producer_flush(world->producer, &chain.flush);
    assert_true(sim_run_until(world->sim, is_chain_over, &chain, 10ull * SECOND));
    world_free(world);
}

static void send_again(void *owner, int error, int32_t partition, int64_t offset)
{
    (void)partition;
    (void)offset;
    struct receipt *receipt = owner;
    receipt->told++;
    receipt->error = error;
    struct world *world = (struct world *)(void *)receipt->last;
    if (error != ERROR_CANCELLED) {
        struct producer_record record = {
            .topic = "t", .timestamp_ms = 1, .done = send_again, .owner = receipt};
        assert_int_equal(producer_send(world->producer, &record), 0);
    }
}

static void a_stubborn_caller_does_not_stop_the_turn(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(21, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    fake_cluster_fail(world->cluster, KEY_INIT, ERROR_CLUSTER_AUTHORIZATION_FAILED, 1000, false);
    struct receipt receipt = {.last = (int *)(void *)world};
    send_again(&receipt, 0, 0, 0);
    for (int i = 0; i < 2000; i++) {
        assert_true(sim_step(world->sim));
    }
    assert_true(receipt.told > 1);
    assert_int_equal(receipt.error, ERROR_CLUSTER_AUTHORIZATION_FAILED);
    world_free(world);
}

static void linger_waits_for_company(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    options.linger_ns = 50000000;
    struct world *world = world_new(3, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    assert_int_equal(send_number(world, "t", 0, 0, NULL), 0);
    assert_int_equal(flush(world, 5ull * SECOND), 0);
    uint64_t start = sim_now(world->sim);
    for (int i = 1; i < 5; i++) {
        assert_int_equal(send_number(world, "t", 0, i, NULL), 0);
        sim_run(world->sim, start + (uint64_t)i * 10000000);
    }
    assert_int_equal(fake_cluster_get(world->cluster, "t", 0)->batch_count, 1);
    sim_run(world->sim, start + SECOND);
    assert_int_equal(fake_cluster_get(world->cluster, "t", 0)->batch_count, 2);
    assert_sequence(world, "t", 0, 5);
    world_free(world);
}

static void keys_choose_the_partition_as_java_does(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(4, &options);
    fake_cluster_add_topic(world->cluster, "t", 7);
    static const struct {
        const char *key;
        uint32_t hash;
    } rows[] = {{"21", (uint32_t)-973932308},
                {"foobar", (uint32_t)-790332482},
                {"abc", 479470107u},
                {"", 275646681u}};
    struct receipt receipts[8] = {0};
    for (size_t i = 0; i < 8; i++) {   /* before the partitions are known, and after */
        bool has_another = i % 2 == 1; /* key, which decides */
        struct producer_record record = {
            .topic = "t",
            .partition = PRODUCER_PARTITION_BY_KEY,
            .timestamp_ms = -1,
            .key = has_another ? BYTES_LITERAL("k") : bytes_from_string(rows[i / 2].key),
            .partition_key = has_another ? bytes_from_string(rows[i / 2].key) : (struct bytes){0},
            .done = on_receipt,
            .owner = &receipts[i],
        };
        assert_int_equal(producer_send(world->producer, &record), 0);
        if (i == 3) {
            assert_int_equal(flush(world, 5ull * SECOND), 0);
        }
    }
    assert_int_equal(flush(world, 5ull * SECOND), 0);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(receipts[i].error, 0);
        assert_int_equal(receipts[i].partition, (rows[i / 2].hash & 0x7fffffff) % 7);
    }
    world_free(world);
}

static void records_without_a_key_stick_to_a_partition_until_its_batch_is_full(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    options.batch_size = 2000;
    struct world *world = world_new(5, &options);
    fake_cluster_add_topic(world->cluster, "t", 8);
    static struct receipt receipts[2000];
    memset(receipts, 0, sizeof receipts);
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(send_number(world, "t", PRODUCER_PARTITION_BY_KEY, i, &receipts[i]), 0);
    }
    assert_int_equal(flush(world, 20ull * SECOND), 0);
    int changes = 0;
    bool was_used[8] = {false};
    for (int i = 0; i < 2000; i++) {
        changes += i > 0 && receipts[i].partition != receipts[i - 1].partition;
        was_used[receipts[i].partition] = true;
    }
    int used = 0;
    for (int i = 0; i < 8; i++) {
        used += was_used[i];
    }
    assert_true(used >= 4);
    assert_true(changes < 60);
    world_free(world);
}

static void a_missing_topic_is_made_and_parked_records_keep_their_order(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(6, &options);
    world->cluster->is_creating_topics = true;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(send_number(world, "new", 2, i, NULL), 0);
    }
    assert_int_equal(flush(world, 10ull * SECOND), 0);
    assert_sequence(world, "new", 2, 50);
    world_free(world);
}

static void headers_survive_parking(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(7, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    struct batch_header headers[2] = {
        {.key = BYTES_LITERAL("a"), .value = BYTES_LITERAL("1")},
        {.key = BYTES_LITERAL("b")},
    };
    struct producer_record record = {
        .topic = "t", .timestamp_ms = 5, .headers = headers, .header_count = 2};
    assert_int_equal(producer_send(world->producer, &record), 0);
    assert_int_equal(flush(world, 5ull * SECOND), 0);
    assert_int_equal(producer_send(world->producer, &record), 0);
    assert_int_equal(flush(world, 5ull * SECOND), 0);
    struct fake_partition *partition = fake_cluster_get(world->cluster, "t", 0);
    assert_int_equal(partition->batch_count, 2);
    for (size_t i = 0; i < 2; i++) {
        struct batch batch;
        struct batch_iterator iterator;
        struct batch_record read;
        assert_int_equal(batch_read_header(buffer_bytes(&partition->batches[i].data), &batch, NULL),
                         0);
        assert_int_equal(batch_iterator_open(&iterator, &batch, 1 << 20), 0);
        assert_int_equal(batch_iterator_next(&iterator, &read), 1);
        assert_int_equal(read.header_count, 2);
        assert_null(read.value.data);
        const uint8_t *at = read.headers_encoded.data;
        const uint8_t *end = at + read.headers_encoded.size;
        struct batch_header header;
        assert_int_equal(batch_header_next(&at, end, &header), 1);
        assert_true(bytes_equal_string(header.key, "a"));
        assert_true(bytes_equal_string(header.value, "1"));
        assert_int_equal(batch_header_next(&at, end, &header), 1);
        assert_null(header.value.data);
        batch_iterator_close(&iterator);
    }
    world_free(world);
}

/* The heart: random errors, dropped answers, broken connections and moving leaders. */
static void chaos_neither_loses_nor_doubles_nor_reorders(void **state)
{
    (void)state;
    enum { COUNT = 600, PARTITIONS = 5 };
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct producer_options options = producer_options_default();
        options.batch_size = 400;
        options.delivery_timeout_ms = 0;
        options.request_size_max = 1500;
        options.codec = seed % 2 == 0 ? COMPRESS_NONE : COMPRESS_LZ4;
        struct world *world = world_new(seed, &options);
        fake_cluster_add_topic(world->cluster, "t", PARTITIONS);
        world->cluster->error_chance = 50000;
        world->cluster->drop_chance = 30000;
        world->cluster->produce_delay_ns = seed % 3 * 2000000;
        static struct receipt receipts[PARTITIONS][COUNT];
        int last[PARTITIONS];
        memset(receipts, 0, sizeof receipts);
        memset(last, -1, sizeof last);
        for (int i = 0; i < COUNT; i++) {
            for (int32_t p = 0; p < PARTITIONS; p++) {
                receipts[p][i] = (struct receipt){.last = &last[p], .number = i};
                assert_int_equal(send_number(world, "t", p, i, &receipts[p][i]), 0);
            }
            if (sim_random(world->sim, 10) == 0) {
                run_for(world, sim_random(world->sim, 20000000));
            }
            if (sim_random(world->sim, 100) == 0) {
                sim_break_streams(world->sim, 1 + (int)sim_random(world->sim, BROKER_COUNT));
            }
            if (sim_random(world->sim, 100) == 0) {
                int32_t p = (int32_t)sim_random(world->sim, PARTITIONS);
                fake_cluster_move(fake_cluster_get(world->cluster, "t", p),
                                  1 + (int32_t)sim_random(world->sim, BROKER_COUNT));
            }
        }
        world->cluster->error_chance = 0;
        world->cluster->drop_chance = 0;
        assert_int_equal(flush(world, 120ull * SECOND), 0);
        for (int32_t p = 0; p < PARTITIONS; p++) {
            assert_sequence(world, "t", p, COUNT);
            /* Nothing was forgotten, so no epoch was needed to start anew. */
            assert_int_equal(fake_cluster_get(world->cluster, "t", p)->producers[0].epoch, 0);
            for (int i = 0; i < COUNT; i++) {
                assert_int_equal(receipts[p][i].told, 1);
                assert_int_equal(receipts[p][i].error, 0);
            }
        }
        assert_true(world->cluster->produce_in_flight_max <= 5);
        world_free(world);
    }
}

static void a_lost_answer_is_not_written_twice(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(8, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    fake_cluster_fail(world->cluster, KEY_PRODUCE, 0, 3, true);
    struct receipt receipt = {0};
    assert_int_equal(send_number(world, "t", 0, 0, &receipt), 0);
    assert_int_equal(flush(world, 20ull * SECOND), 0);
    assert_int_equal(receipt.offset, 0);
    assert_sequence(world, "t", 0, 1);
    assert_true(world->cluster->request_count[KEY_PRODUCE] >= 4);
    world_free(world);
}

static void five_batches_are_in_flight_once_the_first_is_acknowledged(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    options.batch_size = 200;
    struct world *world = world_new(9, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    world->cluster->produce_delay_ns = 5000000;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(send_number(world, "t", 0, i, NULL), 0);
    }
    assert_int_equal(flush(world, 20ull * SECOND), 0);
    assert_sequence(world, "t", 0, 500);
    assert_int_equal(world->cluster->produce_in_flight_max, 5);
    world_free(world);
}

static void begin_transaction(struct world *world, int16_t epoch, int from, int to)
{
    producer_set_identity(world->producer, 7, epoch, true);
    for (int i = from; i < to; i++) {
        assert_int_equal(send_number(world, "t", 0, i, NULL), 0);
    }
}

/* A broker that knows the id takes nothing but the first batch of a new epoch first; what came too
 * early is sent again behind it. */
static void the_next_transaction_is_in_flight_at_once(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    options.batch_size = 200;
    options.transactional_id = "x";
    struct world *world = world_new(9, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    world->cluster->produce_delay_ns = 50000000;
    begin_transaction(world, 0, 0, 5);
    assert_int_equal(flush(world, 20ull * SECOND), 0);
    int64_t count = world->cluster->request_count[KEY_PRODUCE];
    fake_cluster_fail(world->cluster, KEY_PRODUCE, ERROR_CONCURRENT_TRANSACTIONS, 1, false);
    begin_transaction(world, 1, 5, 200);
    run_for(world, 40000000); /* the first is not answered yet */
    assert_int_equal(world->cluster->produce_in_flight_max, 5);
    assert_int_equal(flush(world, 20ull * SECOND), 0);
    assert_true(world->cluster->request_count[KEY_PRODUCE] > count + 5);
    assert_sequence(world, "t", 0, 200);
    assert_int_equal(producer_refusal(world->producer), 0);
    world_free(world);
}

static void a_fresh_partition_insists_on_its_first_batch(void **state)
{
    (void)state;
    /* The first request fails. A broker that does not know the producer would take the second one,
     * and refuse the first for good. */
    struct producer_options options = producer_options_default();
    options.batch_size = 200;
    struct world *world = world_new(10, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    world->cluster->is_lenient = true;
    world->cluster->produce_delay_ns = 5000000;
    fake_cluster_fail(world->cluster, KEY_PRODUCE, ERROR_NOT_ENOUGH_REPLICAS, 1, false);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(send_number(world, "t", 0, i, NULL), 0);
    }
    assert_int_equal(flush(world, 20ull * SECOND), 0);
    assert_sequence(world, "t", 0, 100);
    assert_int_equal(fake_cluster_get(world->cluster, "t", 0)->producers[0].epoch, 0);
    world_free(world);
}

static void a_forgotten_producer_starts_again_under_a_new_epoch(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(11, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(send_number(world, "t", 0, i, NULL), 0);
        assert_int_equal(flush(world, 5ull * SECOND), 0);
    }
    struct fake_partition *partition = fake_cluster_get(world->cluster, "t", 0);
    partition->producers[0].next_sequence = 0;
    partition->producers[0].last_count = 0;
    for (int i = 3; i < 6; i++) {
        assert_int_equal(send_number(world, "t", 0, i, NULL), 0);
    }
    assert_int_equal(flush(world, 5ull * SECOND), 0);
    assert_int_equal(partition->producers[0].epoch, 1);
    assert_sequence(world, "t", 0, 6);
    fake_cluster_fail(world->cluster, KEY_PRODUCE, ERROR_UNKNOWN_PRODUCER_ID, 1, false);
    assert_int_equal(send_number(world, "t", 0, 6, NULL), 0);
    assert_int_equal(flush(world, 5ull * SECOND), 0);
    assert_int_equal(partition->producers[0].epoch, 2);
    assert_sequence(world, "t", 0, 7);
    world_free(world);
}

static void a_batch_that_is_too_large_is_sent_in_halves(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(12, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    world->cluster->batch_size_max = 300;
    static struct receipt receipts[200];
    memset(receipts, 0, sizeof receipts);
    int last = -1;
    for (int i = 0; i < 200; i++) {
        receipts[i] = (struct receipt){.last = &last, .number = i};
        assert_int_equal(send_number(world, "t", 0, i, &receipts[i]), 0);
    }
    assert_int_equal(flush(world, 30ull * SECOND), 0);
    assert_sequence(world, "t", 0, 200);
    assert_int_equal(fake_cluster_get(world->cluster, "t", 0)->producers[0].epoch, 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(receipts[i].told, 1);
        assert_int_equal(receipts[i].offset, i);
    }
    world_free(world);
}

static void a_record_too_large_for_the_topic_fails_alone(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(13, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    world->cluster->batch_size_max = 300;
    static uint8_t large[1000];
    struct receipt receipts[3] = {0};
    assert_int_equal(send_number(world, "t", 0, 0, &receipts[0]), 0);
    struct producer_record record = {.topic = "t",
                                     .timestamp_ms = 1,
                                     .value = bytes_make(large, sizeof large),
                                     .done = on_receipt,
                                     .owner = &receipts[1]};
    assert_int_equal(producer_send(world->producer, &record), 0);
    assert_int_equal(send_number(world, "t", 0, 1, &receipts[2]), 0);
    assert_int_equal(flush(world, 30ull * SECOND), ERROR_MESSAGE_TOO_LARGE);
    assert_int_equal(receipts[0].error, 0);
    assert_int_equal(receipts[1].error, ERROR_MESSAGE_TOO_LARGE);
    assert_int_equal(receipts[2].error, 0);
    assert_sequence(world, "t", 0, 2);
    world_free(world);
}

static void a_record_that_fits_no_request_is_refused_at_once(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    options.request_size_max = 1000;
    struct world *world = world_new(14, &options);
    static uint8_t large[1000];
    struct producer_record record = {.topic = "t", .value = bytes_make(large, sizeof large)};
    assert_int_equal(producer_validate(world->producer, 0, sizeof large), ERROR_MESSAGE_TOO_LARGE);
    assert_int_equal(producer_send(world->producer, &record), ERROR_MESSAGE_TOO_LARGE);
    record.value.size = 100;
    record.partition = -2;
    assert_int_equal(producer_send(world->producer, &record), ERROR_INVALID);
    assert_int_equal(producer_validate(world->producer, -2, 100), ERROR_INVALID);
    assert_int_equal(producer_validate(world->producer, PRODUCER_PARTITION_BY_KEY, 100), 0);
    assert_int_equal(producer_pending_size(world->producer), 0);
    world_free(world);
}

static void on_room(void *owner)
{
    ++*(int *)owner;
}

static void a_full_buffer_refuses_and_tells_when_there_is_room(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    options.buffer_size = 10000;
    options.batch_size = 1000;
    struct world *world = world_new(15, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    int rooms = 0;
    producer_on_room(world->producer, on_room, &rooms);
    int sent = 0;
    while (sent < 2000) {
        int error = send_number(world, "t", 0, sent, NULL);
        if (error == 0) {
            sent++;
            continue;
        }
        assert_int_equal(error, ERROR_AGAIN);
        int before = rooms;
        while (rooms == before) {
            assert_true(sim_step(world->sim));
        }
        assert_true(producer_pending_size(world->producer) <= 5000);
    }
    assert_true(rooms > 2);
    assert_int_equal(flush(world, 20ull * SECOND), 0);
    assert_sequence(world, "t", 0, 2000);
    world_free(world);
}

/* Groups of three records, which reserve their place, with single ones between them. */
static void reserved_records_share_a_batch(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct producer_options options = producer_options_default();
        options.batch_size = 400;
        struct world *world = world_new(seed, &options);
        fake_cluster_add_topic(world->cluster, "t", 1);
        static const struct batch_builder empty;
        size_t group_size = 3 * (batch_builder_size_with(&empty, 0, 4, 0) - BATCH_HEADER_SIZE);
        int number = 0;
        int starts[100];
        for (int i = 0; i < 100; i++) {
            if (seed % 2 == 0 && sim_random(world->sim, 5) == 0) {
                run_for(world, sim_random(world->sim, 30000000));
            }
            for (uint64_t extra = sim_random(world->sim, 4); extra > 0; extra--) {
                assert_int_equal(send_number(world, "t", 0, number++, NULL), 0);
            }
            assert_int_equal(producer_reserve(world->producer, "t", 0, group_size), 0);
            starts[i] = number;
            for (int j = 0; j < 3; j++) {
                assert_int_equal(send_number(world, "t", 0, number++, NULL), 0);
            }
        }
        assert_int_equal(flush(world, 60ull * SECOND), 0);
        assert_sequence(world, "t", 0, number);
        const struct fake_partition *partition = fake_cluster_get(world->cluster, "t", 0);
        assert_true(partition->batch_count > 10);
        for (int i = 0; i < 100; i++) {
            bool is_together = false;
            for (size_t b = 0; b < partition->batch_count; b++) {
                is_together = is_together || (partition->batches[b].base_offset <= starts[i] &&
                                              partition->batches[b].next_offset >= starts[i] + 3);
            }
            assert_true(is_together);
        }
        world_free(world);
    }
}

static void a_reserve_beyond_the_buffer_waits_for_room(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    options.buffer_size = 1000;
    struct world *world = world_new(19, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    int rooms = 0;
    producer_on_room(world->producer, on_room, &rooms);
    /* What was reserved is there for the records, parked or not. */
    for (int round = 0; round < 2; round++) {
        static const struct batch_builder empty;
        size_t size = batch_builder_size_with(&empty, 0, 1, 0);
        size_t count = 1000 / size;
        assert_int_equal(producer_reserve(world->producer, "t", 0, count * size), 0);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(send_number(world, "t", 0, 1, NULL), 0);
        }
        assert_int_equal(producer_reserve(world->producer, "t", 0, 1000), ERROR_AGAIN);
        assert_int_equal(flush(world, 10ull * SECOND), 0);
        run_for(world, SECOND);
        assert_int_equal(rooms, round + 1);
    }
    assert_int_equal(producer_reserve(world->producer, "t", -1, 10), ERROR_INVALID);
    world_free(world);
}

static void what_cannot_be_delivered_is_told_in_time(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    options.delivery_timeout_ms = 5000;
    struct world *world = world_new(16, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    struct receipt receipts[2] = {0};
    assert_int_equal(send_number(world, "missing", 0, 0, &receipts[0]), 0);
    fake_cluster_fail(world->cluster, KEY_PRODUCE, ERROR_NOT_ENOUGH_REPLICAS, 1000, false);
    assert_int_equal(send_number(world, "t", 0, 0, &receipts[1]), 0);
    assert_int_equal(flush(world, 20ull * SECOND) == 0, 0);
    assert_int_equal(receipts[0].error, ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(receipts[1].error, ERROR_TIMEOUT);
    /* The next one starts a new epoch: the fate of the lost one is not known. */
    fake_cluster_fail(world->cluster, KEY_PRODUCE, 0, 0, false);
    assert_int_equal(send_number(world, "t", 0, 0, NULL), 0);
    assert_int_equal(flush(world, 20ull * SECOND), 0);
    assert_sequence(world, "t", 0, 1);
    assert_int_equal(fake_cluster_get(world->cluster, "t", 0)->producers[0].epoch, 1);
    world_free(world);
}

static void set_latency(struct world *world, uint64_t latency_ns)
{
    for (int node = 0; node < 2; node++) {
        sim_plan(world->sim, node)->network = (struct sim_range){latency_ns, latency_ns};
    }
}

/* Both batches are in the log and their answers are lost; the first runs out of time. The second
 * may not be numbered anew before the broker told that it has it. */
static void a_batch_behind_one_that_ran_out_of_time_is_not_written_twice(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    options.delivery_timeout_ms = 5000;
    struct world *world = world_new(21, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    assert_int_equal(send_number(world, "t", 0, 0, NULL), 0);
    assert_int_equal(flush(world, 20ull * SECOND), 0);
    struct receipt receipts[2] = {0};
    set_latency(world, 5ull * SECOND / 2);
    assert_int_equal(send_number(world, "t", 0, 1, &receipts[0]), 0);
    run_for(world, 2ull * SECOND);
    assert_int_equal(send_number(world, "t", 0, 2, &receipts[1]), 0);
    run_for(world, 26ull * SECOND / 10);
    assert_sequence(world, "t", 0, 3); /* both have arrived */
    sim_break_streams(world->sim, 0);
    set_latency(world, 100000);
    fake_cluster_fail(world->cluster, KEY_PRODUCE, ERROR_NOT_ENOUGH_REPLICAS, 1000000, false);
    while (receipts[0].told == 0) {
        assert_true(sim_step(world->sim));
    }
    assert_int_equal(receipts[0].error, ERROR_TIMEOUT);
    assert_int_equal(receipts[1].told, 0);
    fake_cluster_fail(world->cluster, KEY_PRODUCE, 0, 0, false);
    run_for(world, 20ull * SECOND);
    assert_int_equal(receipts[1].error, 0);
    assert_sequence(world, "t", 0, 3);
    assert_int_equal(send_number(world, "t", 0, 3, NULL), 0); /* and it goes on */
    run_for(world, 20ull * SECOND);
    assert_sequence(world, "t", 0, 4);
    world_free(world);
}

static void closing_tells_every_record(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct producer_options options = producer_options_default();
        options.batch_size = 300;
        struct world *world = world_new(seed, &options);
        fake_cluster_add_topic(world->cluster, "t", 2);
        static struct receipt receipts[200];
        memset(receipts, 0, sizeof receipts);
        for (int i = 0; i < 200; i++) {
            const char *topic = i % 7 == 0 ? "missing" : "t";
            assert_int_equal(send_number(world, topic, i % 2, i, &receipts[i]), 0);
            if (i % 20 == 0) {
                run_for(world, sim_random(world->sim, 4000000));
            }
        }
        producer_close(world->producer, on_closed, world);
        world->producer = NULL;
        assert_true(sim_run_until(world->sim, is_closed, world, SECOND));
        for (int i = 0; i < 200; i++) {
            assert_int_equal(receipts[i].told, 1);
            assert_true(receipts[i].error == 0 || receipts[i].error == ERROR_CANCELLED);
        }
        world_free(world);
    }
}

static void without_acknowledgements_records_are_told_when_sent(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    options.acks = 0;
    options.is_idempotent = false;
    struct world *world = world_new(17, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    struct receipt receipt = {0};
    for (int i = 0; i < 20; i++) {
        assert_int_equal(send_number(world, "t", 0, i, &receipt), 0);
        assert_int_equal(flush(world, 5ull * SECOND), 0);
    }
    assert_int_equal(receipt.told, 20);
    assert_int_equal(receipt.offset, -1);
    run_for(world, SECOND);
    assert_sequence(world, "t", 0, 20);
    assert_int_equal(world->cluster->request_count[KEY_INIT], 0);
    world_free(world);
}

static void retries_without_idempotence_keep_the_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct producer_options options = producer_options_default();
        options.is_idempotent = false;
        options.acks = 1;
        options.batch_size = 300;
        struct world *world = world_new(seed, &options);
        fake_cluster_add_topic(world->cluster, "t", 1);
        world->cluster->error_chance = 200000;
        for (int i = 0; i < 300; i++) {
            assert_int_equal(send_number(world, "t", 0, i, NULL), 0);
        }
        assert_int_equal(flush(world, 100ull * SECOND), 0);
        assert_sequence(world, "t", 0, 300); /* errors were told before anything was appended */
        world_free(world);
    }
}

static void a_cluster_that_is_away_is_waited_for(void **state)
{
    (void)state;
    struct producer_options options = producer_options_default();
    struct world *world = world_new(18, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    for (int i = 1; i <= BROKER_COUNT; i++) {
        sim_cut(world->sim, 0, i);
    }
    assert_int_equal(send_number(world, "t", 0, 0, NULL), 0);
    run_for(world, 30ull * SECOND);
    for (int i = 1; i <= BROKER_COUNT; i++) {
        sim_mend(world->sim, 0, i);
    }
    assert_int_equal(flush(world, 60ull * SECOND), 0);
    assert_sequence(world, "t", 0, 1);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_arrives_and_its_offset_is_told),
        cmocka_unit_test(a_flush_tells_of_what_failed_before_it),
        cmocka_unit_test(records_of_a_turn_share_a_batch),
        cmocka_unit_test(a_flush_from_within_a_flush_waits_too),
        cmocka_unit_test(a_stubborn_caller_does_not_stop_the_turn),
        cmocka_unit_test(linger_waits_for_company),
        cmocka_unit_test(keys_choose_the_partition_as_java_does),
        cmocka_unit_test(records_without_a_key_stick_to_a_partition_until_its_batch_is_full),
        cmocka_unit_test(a_missing_topic_is_made_and_parked_records_keep_their_order),
        cmocka_unit_test(headers_survive_parking),
        cmocka_unit_test(chaos_neither_loses_nor_doubles_nor_reorders),
        cmocka_unit_test(a_lost_answer_is_not_written_twice),
        cmocka_unit_test(five_batches_are_in_flight_once_the_first_is_acknowledged),
        cmocka_unit_test(the_next_transaction_is_in_flight_at_once),
        cmocka_unit_test(a_fresh_partition_insists_on_its_first_batch),
        cmocka_unit_test(a_forgotten_producer_starts_again_under_a_new_epoch),
        cmocka_unit_test(a_batch_that_is_too_large_is_sent_in_halves),
        cmocka_unit_test(a_record_too_large_for_the_topic_fails_alone),
        cmocka_unit_test(a_record_that_fits_no_request_is_refused_at_once),
        cmocka_unit_test(a_full_buffer_refuses_and_tells_when_there_is_room),
        cmocka_unit_test(reserved_records_share_a_batch),
        cmocka_unit_test(a_reserve_beyond_the_buffer_waits_for_room),
        cmocka_unit_test(what_cannot_be_delivered_is_told_in_time),
        cmocka_unit_test(a_batch_behind_one_that_ran_out_of_time_is_not_written_twice),
        cmocka_unit_test(closing_tells_every_record),
        cmocka_unit_test(without_acknowledgements_records_are_told_when_sent),
        cmocka_unit_test(retries_without_idempotence_keep_the_order),
        cmocka_unit_test(a_cluster_that_is_away_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
