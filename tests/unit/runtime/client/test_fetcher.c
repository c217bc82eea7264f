/* Shows that batches are handed over in order, without gaps or repetition, whatever happens to
 * connections, leaders and answers; that memory stays within its limit; that seeks, resets and
 * aborted transactions are honoured. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/client/fetcher.h"
#include "tests/unit/runtime/fake_cluster.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SECOND = 1000000000, BROKER_COUNT = 3, KEY_FETCH = 1, KEY_LIST_OFFSETS = 2 };

struct world {
    struct sim *sim;
    struct fake_cluster *cluster;
    struct client *client;
    struct fetcher *fetcher;
    int ready_count;
    bool is_closed;
};

static void check_all(void *owner)
{
    struct world *world = owner;
    if (world->client != NULL) {
        client_check(world->client);
    }
    if (world->fetcher != NULL) {
        fetcher_check(world->fetcher);
    }
}

static void on_ready(void *owner)
{
    ((struct world *)owner)->ready_count++;
}

static struct world *world_new(uint64_t seed, const struct fetcher_options *options)
{
    trace_set_stream(NULL);
    struct world *world = memory_new(struct world);
    world->sim = sim_new(seed, BROKER_COUNT + 1);
    world->cluster = fake_cluster_new(world->sim, BROKER_COUNT);
    struct client_options client_options = client_options_default();
    client_options.bootstrap = "node1:9092,node2:9092";
    client_options.request_timeout_ms = 3000;
    world->client = client_new(sim_io(world->sim, 0), &client_options);
    world->fetcher = fetcher_new(world->client, options);
    fetcher_on_ready(world->fetcher, on_ready, world);
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
    if (world->fetcher != NULL) {
        fetcher_close(world->fetcher, on_closed, world);
        world->fetcher = NULL;
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

struct builder_options {
    int count;
    int64_t producer_id; /* 0: none */
    int16_t attributes;
    size_t value_size;
};

/* Appends one batch whose values are random and whose timestamps are their offsets. */
static void append(struct world *world, const char *topic, int32_t index,
                   struct builder_options options)
{
    struct fake_partition *partition = fake_cluster_get(world->cluster, topic, index);
    struct batch_builder builder;
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.attributes = options.attributes;
    if (options.producer_id != 0) {
        builder.producer_id = options.producer_id;
        builder.producer_epoch = 0;
        builder.base_sequence = options.attributes & BATCH_CONTROL ? -1 : 0;
    }
    uint8_t *value = memory_zero(1, options.value_size);
    static const uint8_t marker[4] = {0, 0, 0, 0};
    for (int i = 0; i < options.count; i++) {
        bool is_control = (options.attributes & BATCH_CONTROL) != 0;
        batch_builder_add(&builder, partition->next_offset + i,
                          is_control ? bytes_make(marker, 4) : (struct bytes){NULL, 0},
                          bytes_make(value, options.value_size), NULL, 0);
    }
    struct buffer encoded = {0};
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(world->cluster, partition, buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
    free(value);
}

/* A reader that insists on one offset after the other. */
struct reader {
    int64_t next[8];
    int64_t count;
};

static void read_batch(struct reader *reader, const struct fetcher_batch *taken)
{
    struct batch_iterator iterator;
    struct batch_record record;
    assert_int_equal(batch_iterator_open(&iterator, &taken->batch, 1 << 24), 0);
    while (batch_iterator_next(&iterator, &record) == 1) {
        if (record.offset < taken->position) {
            continue;
        }
        assert_int_equal(record.offset, reader->next[taken->partition]);
        assert_int_equal(record.timestamp_ms, record.offset);
        reader->next[taken->partition]++;
        reader->count++;
    }
    batch_iterator_close(&iterator);
}

/* Takes what is there. */
static int drain(struct world *world, struct reader *reader)
{
    int batches = 0;
    struct fetcher_batch taken;
    int result;
    while ((result = fetcher_take(world->fetcher, NULL, 0, &taken)) == 1) {
        read_batch(reader, &taken);
        fetcher_release(world->fetcher, &taken);
        batches++;
    }
    assert_int_equal(result, 0);
    return batches;
}

static void read_until(struct world *world, struct reader *reader, int64_t count, uint64_t limit_ns)
{
    uint64_t end = sim_now(world->sim) + limit_ns;
    while (reader->count < count) {
        assert_true(sim_now(world->sim) < end);
        assert_true(sim_step(world->sim));
        drain(world, reader);
    }
    assert_int_equal(reader->count, count);
}

static void what_was_appended_is_read_from_the_start(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    struct world *world = world_new(1, &options);
    fake_cluster_add_topic(world->cluster, "t", 2);
    for (int i = 0; i < 10; i++) {
        append(world, "t", i % 2, (struct builder_options){.count = 3, .value_size = 10});
    }
    fetcher_add(world->fetcher, "t", 0, FETCHER_OFFSET_EARLIEST);
    fetcher_add(world->fetcher, "t", 1, 4);
    assert_int_equal(fetcher_position(world->fetcher, "t", 0), -1);
    struct reader reader = {.next = {0, 4}};
    read_until(world, &reader, 15 + 11, 10ull * SECOND);
    assert_int_equal(fetcher_position(world->fetcher, "t", 0), 15);
    assert_int_equal(fetcher_high_watermark(world->fetcher, "t", 0), 15);
    assert_true(fetcher_is_at_end(world->fetcher, "t", 0));
    assert_true(world->ready_count > 0);
    /* New data comes without asking. */
    append(world, "t", 0, (struct builder_options){.count = 1, .value_size = 10});
    read_until(world, &reader, 27, SECOND);
    world_free(world);
}

static void latest_starts_at_the_end(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    struct world *world = world_new(2, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    append(world, "t", 0, (struct builder_options){.count = 7, .value_size = 10});
    fetcher_add(world->fetcher, "t", 0, FETCHER_OFFSET_LATEST);
    run_for(world, 2ull * SECOND);
    assert_int_equal(fetcher_position(world->fetcher, "t", 0), 7);
    append(world, "t", 0, (struct builder_options){.count = 2, .value_size = 10});
    struct reader reader = {.next = {7}};
    read_until(world, &reader, 2, SECOND);
    world_free(world);
}

static void an_idle_partition_is_asked_for_with_patience(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    struct world *world = world_new(3, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    fetcher_add(world->fetcher, "t", 0, 0);
    run_for(world, 10ull * SECOND);
    assert_true(world->cluster->request_count[KEY_FETCH] >= 15);
    assert_true(world->cluster->request_count[KEY_FETCH] <= 25);
    world_free(world);
}

static void chaos_loses_nothing_and_repeats_nothing(void **state)
{
    (void)state;
    enum { PARTITIONS = 6, BATCHES = 150 };
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct fetcher_options options = fetcher_options_default();
        options.partition_size_max = 3000;
        options.size_max = 10000;
        options.buffer_size = 20000;
        struct world *world = world_new(seed, &options);
        fake_cluster_add_topic(world->cluster, "t", PARTITIONS);
        world->cluster->error_chance = 100000;
        world->cluster->drop_chance = 50000;
        struct reader reader = {0};
        int64_t total = 0;
        for (int32_t p = 0; p < PARTITIONS; p++) {
            fetcher_add(world->fetcher, "t", p, p % 2 == 0 ? 0 : FETCHER_OFFSET_EARLIEST);
        }
        for (int i = 0; i < BATCHES; i++) {
            int count = 1 + (int)sim_random(world->sim, 5);
            append(world, "t", (int32_t)sim_random(world->sim, PARTITIONS),
                   (struct builder_options){.count = count,
                                            .value_size = sim_random(world->sim, 1500)});
            total += count;
            run_for(world, sim_random(world->sim, 5000000));
            if (sim_random(world->sim, 3) == 0) {
                drain(world, &reader);
            }
            if (sim_random(world->sim, 30) == 0) {
                sim_break_streams(world->sim, 1 + (int)sim_random(world->sim, BROKER_COUNT));
            }
            if (sim_random(world->sim, 20) == 0) {
                int32_t p = (int32_t)sim_random(world->sim, PARTITIONS);
                fake_cluster_move(fake_cluster_get(world->cluster, "t", p),
                                  1 + (int32_t)sim_random(world->sim, BROKER_COUNT));
            }
        }
        world->cluster->error_chance = 0;
        world->cluster->drop_chance = 0;
        read_until(world, &reader, total, 60ull * SECOND);
        world_free(world);
    }
}

static void a_partition_that_is_not_taken_from_is_not_fetched_further(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    options.partition_size_max = 2000;
    struct world *world = world_new(4, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    struct fake_partition *other = fake_cluster_add_topic(world->cluster, "u", 1)->partitions;
    other->leader_id = 1;
    for (int i = 0; i < 100; i++) {
        append(world, "t", 0, (struct builder_options){.count = 1, .value_size = 900});
    }
    fetcher_add(world->fetcher, "t", 0, 0);
    fetcher_add(world->fetcher, "u", 0, 0);
    run_for(world, 5ull * SECOND);
    /* The idle one is asked for now and then, and still gets its data soon. */
    int64_t before = world->cluster->request_count[KEY_FETCH];
    run_for(world, 6ull * SECOND);
    assert_true(world->cluster->request_count[KEY_FETCH] - before < 65);
    append(world, "u", 0, (struct builder_options){.count = 1, .value_size = 10});
    run_for(world, SECOND / 5);
    struct fetcher_batch taken;
    assert_int_equal(fetcher_take(world->fetcher, "u", 0, &taken), 1);
    fetcher_release(world->fetcher, &taken);
    int batches = 0;
    struct reader reader = {0};
    while (fetcher_take(world->fetcher, "t", 0, &taken) == 1) {
        read_batch(&reader, &taken);
        fetcher_release(world->fetcher, &taken);
        batches++;
    }
    assert_true(batches >= 2 && batches <= 6);
    /* And what is taken is fetched at once, though the other one has nothing. */
    uint64_t start = sim_now(world->sim);
    read_until(world, &reader, 100, SECOND);
    assert_true(sim_now(world->sim) - start < SECOND / 2);
    world_free(world);
}

static void a_taken_batch_outlives_seek_remove_and_close(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    struct world *world = world_new(5, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    append(world, "t", 0, (struct builder_options){.count = 5, .value_size = 2000});
    append(world, "t", 0, (struct builder_options){.count = 5, .value_size = 2000});
    fetcher_add(world->fetcher, "t", 0, 0);
    run_for(world, SECOND);
    struct fetcher_batch first;
    struct fetcher_batch second;
    assert_int_equal(fetcher_take(world->fetcher, NULL, 0, &first), 1);
    fetcher_seek(world->fetcher, "t", 0, 0);
    run_for(world, 2ull * SECOND);
    assert_int_equal(fetcher_take(world->fetcher, NULL, 0, &second), 1);
    assert_int_equal(second.batch.base_offset, 0);
    fetcher_release(world->fetcher, &second);
    fetcher_remove(world->fetcher, "t", 0);
    assert_true(batch_crc_matches(&first.batch));
    struct fetcher *fetcher = world->fetcher;
    fetcher_close(fetcher, on_closed, world);
    world->fetcher = NULL;
    assert_true(sim_run_until(world->sim, is_closed, world, SECOND));
    assert_true(batch_crc_matches(&first.batch));
    fetcher_release(fetcher, &first);
    world_free(world);
}

static void after_a_seek_nothing_older_comes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct fetcher_options options = fetcher_options_default();
        options.partition_size_max = 1000;
        struct world *world = world_new(seed, &options);
        fake_cluster_add_topic(world->cluster, "t", 1);
        for (int i = 0; i < 100; i++) {
            append(world, "t", 0, (struct builder_options){.count = 1, .value_size = 100});
        }
        fetcher_add(world->fetcher, "t", 0, 0);
        for (int i = 0; i < 20; i++) {
            run_for(world, sim_random(world->sim, 3000000));
            int64_t offset = (int64_t)sim_random(world->sim, 100);
            fetcher_seek(world->fetcher, "t", 0, offset);
            struct reader reader = {.next = {offset}};
            drain(world, &reader);
            run_for(world, sim_random(world->sim, 3000000));
            drain(world, &reader);
        }
        world_free(world);
    }
}

static void a_paused_partition_hands_nothing_over(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    struct world *world = world_new(6, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    append(world, "t", 0, (struct builder_options){.count = 5, .value_size = 10});
    fetcher_add(world->fetcher, "t", 0, 0);
    run_for(world, SECOND);
    fetcher_pause(world->fetcher, "t", 0, true);
    struct fetcher_batch taken;
    assert_int_equal(fetcher_take(world->fetcher, NULL, 0, &taken), 0);
    assert_int_equal(fetcher_take(world->fetcher, "t", 0, &taken), 0);
    int ready = world->ready_count;
    fetcher_pause(world->fetcher, "t", 0, false);
    run_for(world, 2ull * SECOND);
    assert_true(world->ready_count > ready);
    struct reader reader = {0};
    drain(world, &reader);
    assert_int_equal(reader.count, 5);
    world_free(world);
}

static void a_position_outside_the_log_follows_the_policy(void **state)
{
    (void)state;
    for (int reset = FETCHER_RESET_EARLIEST; reset <= FETCHER_RESET_ERROR; reset++) {
        struct fetcher_options options = fetcher_options_default();
        options.reset = (enum fetcher_reset)reset;
        struct world *world = world_new(7, &options);
        fake_cluster_add_topic(world->cluster, "t", 1);
        append(world, "t", 0, (struct builder_options){.count = 10, .value_size = 10});
        append(world, "t", 0, (struct builder_options){.count = 5, .value_size = 10});
        fake_cluster_get(world->cluster, "t", 0)->start_offset = 10;
        fetcher_add(world->fetcher, "t", 0, 3);
        run_for(world, 3ull * SECOND);
        struct fetcher_batch taken;
        int result = fetcher_take(world->fetcher, NULL, 0, &taken);
        switch (options.reset) {
        case FETCHER_RESET_EARLIEST:
            assert_int_equal(result, 1);
            assert_int_equal(taken.batch.base_offset, 10);
            fetcher_release(world->fetcher, &taken);
            break;
        case FETCHER_RESET_LATEST:
            assert_int_equal(result, 0);
            assert_int_equal(fetcher_position(world->fetcher, "t", 0), 15);
            break;
        case FETCHER_RESET_ERROR:
            assert_int_equal(result, ERROR_OFFSET_OUT_OF_RANGE);
            assert_string_equal(taken.topic, "t");
            fetcher_seek(world->fetcher, "t", 0, 12);
            run_for(world, 5ull * SECOND);
            assert_int_equal(fetcher_take(world->fetcher, NULL, 0, &taken), 1);
            assert_int_equal(taken.position, 12);
            fetcher_release(world->fetcher, &taken);
            break;
        }
        world_free(world);
    }
}

static void aborted_data_and_markers_are_left_out(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    options.is_read_committed = true;
    struct world *world = world_new(8, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    struct fake_partition *partition = fake_cluster_get(world->cluster, "t", 0);
    /* 0-1 plain, 2-3 of producer 7 aborted, 4 of producer 8, 5 marker of 7, 6-7 of 7 again, 8 and 9
     * the markers of both. */
    append(world, "t", 0, (struct builder_options){.count = 2, .value_size = 5});
    append(world, "t", 0, (struct builder_options){2, 7, BATCH_TRANSACTIONAL, 5});
    append(world, "t", 0, (struct builder_options){1, 8, BATCH_TRANSACTIONAL, 5});
    append(world, "t", 0, (struct builder_options){1, 7, BATCH_TRANSACTIONAL | BATCH_CONTROL, 6});
    append(world, "t", 0, (struct builder_options){2, 7, BATCH_TRANSACTIONAL, 5});
    append(world, "t", 0, (struct builder_options){1, 8, BATCH_TRANSACTIONAL | BATCH_CONTROL, 6});
    append(world, "t", 0, (struct builder_options){1, 7, BATCH_TRANSACTIONAL | BATCH_CONTROL, 6});
    partition->aborted[0] =
        (struct fetch_response_aborted_transaction){.producer_id = 7, .first_offset = 2};
    partition->aborted_count = 1;
    fetcher_add(world->fetcher, "t", 0, 0);
    run_for(world, SECOND);
    int64_t offsets[3] = {0, 4, 6};
    struct fetcher_batch taken;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fetcher_take(world->fetcher, NULL, 0, &taken), 1);
        assert_int_equal(taken.batch.base_offset, offsets[i]);
        fetcher_release(world->fetcher, &taken);
    }
    assert_int_equal(fetcher_take(world->fetcher, NULL, 0, &taken), 0);
    assert_int_equal(fetcher_position(world->fetcher, "t", 0), 10);
    assert_true(fetcher_is_at_end(world->fetcher, "t", 0));
    world_free(world);
}

static void damage_is_told(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    struct world *world = world_new(9, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    append(world, "t", 0, (struct builder_options){.count = 2, .value_size = 50});
    append(world, "t", 0, (struct builder_options){.count = 2, .value_size = 50});
    fake_cluster_get(world->cluster, "t", 0)->batches[1].data.data[80] ^= 1;
    fetcher_add(world->fetcher, "t", 0, 0);
    run_for(world, SECOND);
    struct fetcher_batch taken;
    assert_int_equal(fetcher_take(world->fetcher, NULL, 0, &taken), 1);
    fetcher_release(world->fetcher, &taken);
    assert_int_equal(fetcher_take(world->fetcher, NULL, 0, &taken), ERROR_CORRUPT_MESSAGE);
    assert_int_equal(taken.partition, 0);
    assert_int_equal(fetcher_position(world->fetcher, "t", 0), 2);
    fake_cluster_get(world->cluster, "t", 0)->batches[1].data.data[80] ^= 1;
    run_for(world, 3ull * SECOND);
    assert_int_equal(fetcher_take(world->fetcher, NULL, 0, &taken), 1);
    assert_int_equal(taken.batch.base_offset, 2);
    fetcher_release(world->fetcher, &taken);
    world_free(world);
}

static void an_unknown_topic_is_told_and_read_when_it_appears(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    struct world *world = world_new(10, &options);
    fetcher_add(world->fetcher, "later", 0, FETCHER_OFFSET_EARLIEST);
    struct fetcher_batch taken;
    uint64_t end = 60ull * SECOND;
    int result = 0;
    while (result == 0 && sim_now(world->sim) < end) {
        run_for(world, SECOND);
        result = fetcher_take(world->fetcher, NULL, 0, &taken);
    }
    assert_int_equal(result, ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    fake_cluster_add_topic(world->cluster, "later", 1);
    append(world, "later", 0, (struct builder_options){.count = 3, .value_size = 10});
    struct reader reader = {0};
    read_until(world, &reader, 3, 10ull * SECOND);
    world_free(world);
}

/* As when a topic was made again with fewer partitions. */
static void a_partition_that_is_not_there_holds_up_no_other(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    struct world *world = world_new(10, &options);
    fake_cluster_add_topic(world->cluster, "later", 1);
    append(world, "later", 0, (struct builder_options){.count = 3, .value_size = 10});
    fetcher_add(world->fetcher, "later", 1, FETCHER_OFFSET_EARLIEST);
    fetcher_add(world->fetcher, "later", 0, FETCHER_OFFSET_EARLIEST);
    struct fetcher_batch taken;
    int result = 0;
    for (int i = 0; i < 600 && result <= 0; i++) {
        run_for(world, SECOND / 10);
        result = fetcher_take(world->fetcher, NULL, 0, &taken); /* or is told about the other */
    }
    assert_int_equal(result, 1);
    assert_int_equal(taken.batch.record_count, 3);
    fetcher_release(world->fetcher, &taken);
    world_free(world);
}

static void a_batch_larger_than_every_limit_is_read(void **state)
{
    (void)state;
    struct fetcher_options options = fetcher_options_default();
    options.partition_size_max = 1000;
    options.size_max = 2000;
    options.buffer_size = 4000;
    struct world *world = world_new(11, &options);
    fake_cluster_add_topic(world->cluster, "t", 1);
    append(world, "t", 0, (struct builder_options){.count = 1, .value_size = 300000});
    append(world, "t", 0, (struct builder_options){.count = 1, .value_size = 10});
    fetcher_add(world->fetcher, "t", 0, 0);
    struct reader reader = {0};
    read_until(world, &reader, 2, 5ull * SECOND);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_appended_is_read_from_the_start),
        cmocka_unit_test(latest_starts_at_the_end),
        cmocka_unit_test(an_idle_partition_is_asked_for_with_patience),
        cmocka_unit_test(chaos_loses_nothing_and_repeats_nothing),
        cmocka_unit_test(a_partition_that_is_not_taken_from_is_not_fetched_further),
        cmocka_unit_test(a_taken_batch_outlives_seek_remove_and_close),
        cmocka_unit_test(after_a_seek_nothing_older_comes),
        cmocka_unit_test(a_paused_partition_hands_nothing_over),
        cmocka_unit_test(a_position_outside_the_log_follows_the_policy),
        cmocka_unit_test(aborted_data_and_markers_are_left_out),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(an_unknown_topic_is_told_and_read_when_it_appears),
        cmocka_unit_test(a_partition_that_is_not_there_holds_up_no_other),
        cmocka_unit_test(a_batch_larger_than_every_limit_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
