/* One store on one simulated disk, and batches to put into it. */
#pragma once

#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/store/log_read.h"
#include "log/store/store.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define FIXTURE_SECOND UINT64_C(1000000000)

struct fixture {
    struct sim *sim;
    struct store_options options;
    struct store *store;
    struct log *log;
    struct log_settings settings;
    struct buffer batch; /* of the last append */
    bool is_closed;
};

static inline void fixture_open(struct fixture *fixture)
{
    struct report report = {{0}, {0}};
    assert_int_equal(
        store_open(sim_io(fixture->sim, 0), &fixture->options, &fixture->store, &report), 0);
    fixture->log = store_find_log(fixture->store, "orders", 0);
    if (fixture->log != NULL) {
        log_set_settings(fixture->log, &fixture->settings);
    }
    store_check(fixture->store);
}

static inline void fixture_create(struct fixture *fixture)
{
    struct wire_uuid id = {{1, 2, 3, 4}};
    assert_int_equal(
        store_create_log(fixture->store, "orders", 0, id, &fixture->settings, &fixture->log), 0);
}

static inline int fixture_set_up(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    if (getenv("TRACE") == NULL) {
        trace_set_stream(NULL);
    }
    fixture->sim = sim_new(1, 1);
    fixture->options = store_options_default("/data");
    fixture->settings = log_settings_default();
    buffer_init(&fixture->batch);
    fixture_open(fixture);
    fixture_create(fixture);
    *state = fixture;
    return 0;
}

static inline int fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;
    if (fixture->store != NULL) {
        store_abandon(fixture->store);
    }
    sim_free(fixture->sim);
    buffer_fini(&fixture->batch);
    test_free(fixture);
    return 0;
}

static inline void fixture_on_closed(void *owner)
{
    ((struct fixture *)owner)->is_closed = true;
}

static inline bool fixture_has_closed(void *owner)
{
    return ((struct fixture *)owner)->is_closed;
}

static inline void fixture_close(struct fixture *fixture)
{
    fixture->is_closed = false;
    store_close(fixture->store, fixture_on_closed, fixture);
    assert_true(sim_run_until(fixture->sim, fixture_has_closed, fixture, 100 * FIXTURE_SECOND));
    fixture->store = NULL;
    fixture->log = NULL;
}

/* Power is lost; the next process opens what is left. */
static inline void fixture_crash(struct fixture *fixture)
{
    sim_crash(fixture->sim, 0);
    store_abandon(fixture->store);
    fixture_open(fixture);
}

/* Everything that was started ends. */
static inline void fixture_settle(struct fixture *fixture)
{
    sim_run(fixture->sim, sim_now(fixture->sim) + FIXTURE_SECOND);
    store_check(fixture->store);
}

struct fixture_producer {
    int64_t id;
    int16_t epoch;
    int32_t sequence;
};

/* One batch of `count` records with values "value-<number>"; timestamps begin at timestamp_ms. */
static inline void fixture_build(struct fixture *fixture, const struct fixture_producer *producer,
                                 int count, int64_t timestamp_ms, size_t value_size,
                                 enum compress_codec codec)
{
    struct batch_builder builder;
    batch_builder_init(&builder, codec);
    if (producer != NULL) {
        builder.producer_id = producer->id;
        builder.producer_epoch = producer->epoch;
        builder.base_sequence = producer->sequence;
    }
    uint8_t *value = memory_zero(1, value_size + 1);
    for (int i = 0; i < count; i++) {
        memset(value, 'a' + i % 26, value_size);
        batch_builder_add(&builder, timestamp_ms + i, BYTES_LITERAL("key"),
                          bytes_make(value, value_size), NULL, 0);
    }
    free(value);
    buffer_clear(&fixture->batch);
    assert_int_equal(batch_builder_finish(&builder, &fixture->batch), 0);
    batch_builder_fini(&builder);
}

static inline int fixture_append_built(struct fixture *fixture, struct log_append *out)
{
    int error = log_append(fixture->log, fixture->batch.data, fixture->batch.size, 0,
                           LOG_ORIGIN_CLIENT, out);
    if (fixture->store != NULL) {
        store_check(fixture->store);
    }
    return error;
}

/* Appends a plain batch, which must work. */
static inline int64_t fixture_append(struct fixture *fixture, int count)
{
    struct log_append out;
    fixture_build(fixture, NULL, count, 1000, 100, COMPRESS_NONE);
    assert_int_equal(fixture_append_built(fixture, &out), 0);
    return out.base_offset;
}

static inline int fixture_produce(struct fixture *fixture, int64_t id, int16_t epoch,
                                  int32_t sequence, int count, struct log_append *out)
{
    struct fixture_producer producer = {id, epoch, sequence};
    int64_t now_ms = io_wall_clock(sim_io(fixture->sim, 0));
    fixture_build(fixture, &producer, count, now_ms, 20, COMPRESS_NONE);
    return fixture_append_built(fixture, out);
}

/* The bytes from an offset on, waiting for the disk if need be. */
static inline int fixture_read(struct fixture *fixture, int64_t offset, size_t size_max,
                               struct buffer *out)
{
    struct log_read read = {
        .offset = offset,
        .limit_offset = log_end_offset(fixture->log),
        .size_max = size_max,
        .is_first_whole = true,
        .may_wait = true,
    };
    int error = 0;
    assert_true(log_read(fixture->log, &read, &error));
    buffer_clear(out);
    buffer_add_bytes(out, buffer_bytes(&read.bytes));
    buffer_fini(&read.bytes);
    return error;
}

/* Counts the records by walking over the whole log. */
static inline int64_t fixture_count(struct fixture *fixture)
{
    int64_t count = 0;
    int64_t offset = log_start_offset(fixture->log);
    struct buffer bytes;
    buffer_init(&bytes);
    while (offset < log_end_offset(fixture->log)) {
        assert_int_equal(fixture_read(fixture, offset, 1 << 20, &bytes), 0);
        assert_true(bytes.size > 0);
        for (size_t at = 0; at < bytes.size;) {
            struct batch batch;
            assert_int_equal(
                batch_read_header(bytes_make(bytes.data + at, bytes.size - at), &batch, NULL), 0);
            assert_true(batch_crc_matches(&batch));
            count += batch.record_count;
            offset = batch_next_offset(&batch);
            at += batch.bytes.size;
        }
    }
    buffer_fini(&bytes);
    return count;
}
