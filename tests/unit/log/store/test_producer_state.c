/* Shows that sequences are judged as Kafka judges them, that a log that lost nothing insists on
 * sequence 0, and that a snapshot brings everything back. */
#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/store/producer_state.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct batch batch_of(int64_t producer_id, int16_t epoch, int32_t sequence, int32_t count,
                             int64_t offset)
{
    return (struct batch){
        .base_offset = offset,
        .last_offset_delta = count - 1,
        .max_timestamp = 1000 + offset,
        .producer_id = producer_id,
        .producer_epoch = epoch,
        .base_sequence = sequence,
        .record_count = count,
    };
}

static void apply_batch(struct producer_state *state, const struct batch *batch)
{
    struct aborted_index_row aborted;
    assert_false(producer_state_apply(state, batch, &aborted));
}

static void apply(struct producer_state *state, int64_t producer_id, int16_t epoch,
                  int32_t sequence, int32_t count, int64_t offset)
{
    struct batch batch = batch_of(producer_id, epoch, sequence, count, offset);
    apply_batch(state, &batch);
    producer_state_check(state);
}

static int judge(const struct producer_state *state, int64_t producer_id, int16_t epoch,
                 int32_t sequence, int32_t count, int64_t *original_offset)
{
    struct batch batch = batch_of(producer_id, epoch, sequence, count, 1000);
    struct producer_state_batch original;
    int error = 0;
    switch (producer_state_judge(state, &batch, &original, &error)) {
    case PRODUCER_STATE_ACCEPTED:
        return 0;
    case PRODUCER_STATE_DUPLICATE:
        *original_offset = original.last_offset - original.offset_delta;
        return 1;
    case PRODUCER_STATE_REFUSED:
        return error;
    }
    return 0;
}

static void the_last_five_batches_are_known_again(void **state)
{
    (void)state;
    struct producer_state producers;
    producer_state_init(&producers);
    for (int i = 0; i < 7; i++) {
        apply(&producers, 1, 0, i * 2, 2, i * 10);
    }
    int64_t offset = -1;
    for (int i = 2; i < 7; i++) {
        assert_int_equal(judge(&producers, 1, 0, i * 2, 2, &offset), 1);
        assert_int_equal(offset, i * 10);
    }
    assert_int_equal(judge(&producers, 1, 0, 2, 2, &offset), ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(judge(&producers, 1, 0, 14, 1, &offset), 0);
    assert_int_equal(judge(&producers, 1, 0, 15, 1, &offset), ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    producer_state_fini(&producers);
}

static void sequences_wrap_to_zero(void **state)
{
    (void)state;
    struct producer_state producers;
    producer_state_init(&producers);
    producers.has_lost = true;
    int64_t offset = -1;
    apply(&producers, 1, 0, INT32_MAX - 1, 2, 0);
    assert_int_equal(judge(&producers, 1, 0, 0, 1, &offset), 0);
    assert_int_equal(judge(&producers, 1, 0, 1, 1, &offset), ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    apply(&producers, 1, 0, 0, 1, 2);
    /* A batch that wraps inside is known again too. */
    apply(&producers, 2, 0, INT32_MAX, 3, 10);
    assert_int_equal(judge(&producers, 2, 0, INT32_MAX, 3, &offset), 1);
    assert_int_equal(judge(&producers, 2, 0, 2, 1, &offset), 0);
    producer_state_fini(&producers);
}

static void an_old_epoch_is_refused_and_a_new_one_begins_at_zero(void **state)
{
    (void)state;
    struct producer_state producers;
    producer_state_init(&producers);
    int64_t offset = -1;
    apply(&producers, 1, 3, 0, 1, 0);
    assert_int_equal(judge(&producers, 1, 2, 1, 1, &offset), ERROR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(judge(&producers, 1, 4, 1, 1, &offset), ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(judge(&producers, 1, 4, 0, 1, &offset), 0);
    producer_state_fini(&producers);
}

static void only_a_log_that_lost_something_takes_an_unknown_producer_in_the_middle(void **state)
{
    (void)state;
    struct producer_state producers;
    producer_state_init(&producers);
    int64_t offset = -1;
    assert_int_equal(judge(&producers, 9, 0, 5, 1, &offset), ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(judge(&producers, 9, 0, 0, 1, &offset), 0);
    apply(&producers, 1, 0, 0, 1, 0);
    assert_int_equal(producer_state_expire(&producers, 1999, 1000), 0);
    assert_int_equal(producer_state_expire(&producers, 2000, 1000), 1);
    assert_int_equal(judge(&producers, 9, 0, 5, 1, &offset), 0);
    producer_state_fini(&producers);
}

/* A marker that commits the transaction of producer 1; its time is 1. */
static struct batch marker_of(struct buffer *bytes, int16_t epoch, int32_t coordinator_epoch,
                              int64_t offset)
{
    struct batch_builder builder;
    struct batch batch;
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.base_offset = offset;
    builder.producer_id = 1;
    builder.producer_epoch = epoch;
    batch_builder_add_marker(&builder, 1, true, coordinator_epoch);
    buffer_clear(bytes);
    assert_int_equal(batch_builder_finish(&builder, bytes), 0);
    assert_int_equal(batch_read_header(buffer_bytes(bytes), &batch, NULL), 0);
    batch_builder_fini(&builder);
    return batch;
}

static void apply_marker(struct producer_state *state, int64_t offset)
{
    struct buffer bytes;
    buffer_init(&bytes);
    struct batch batch = marker_of(&bytes, 0, 7, offset);
    apply_batch(state, &batch);
    producer_state_check(state);
    buffer_fini(&bytes);
}

static int judge_marker(const struct producer_state *state, int16_t epoch,
                        int32_t coordinator_epoch)
{
    struct buffer bytes;
    buffer_init(&bytes);
    struct batch batch = marker_of(&bytes, epoch, coordinator_epoch, 100);
    int error = producer_state_judge_marker(state, &batch);
    buffer_fini(&bytes);
    return error;
}

/* Of a producer that is not known, epoch and coordinator are -1. */
static void a_marker_of_an_older_epoch_or_coordinator_is_refused(void **state)
{
    (void)state;
    struct producer_state producers;
    producer_state_init(&producers);
    assert_int_equal(judge_marker(&producers, INT16_MIN, 0), ERROR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(judge_marker(&producers, 0, INT32_MIN), ERROR_TRANSACTION_COORDINATOR_FENCED);
    assert_int_equal(judge_marker(&producers, 0, -1), 0);
    apply(&producers, 1, 0, 0, 1, 0);
    apply_marker(&producers, 1);
    assert_int_equal(judge_marker(&producers, -1, 7), ERROR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(judge_marker(&producers, 0, 6), ERROR_TRANSACTION_COORDINATOR_FENCED);
    assert_int_equal(judge_marker(&producers, 0, 7), 0);
    assert_int_equal(judge_marker(&producers, 1, 8), 0);
    producer_state_fini(&producers);
}

static void an_open_transaction_holds_the_stable_offset_until_its_marker_is_flushed(void **state)
{
    (void)state;
    struct producer_state producers;
    producer_state_init(&producers);
    struct batch batch = batch_of(1, 0, 0, 2, 10);
    batch.attributes = BATCH_TRANSACTIONAL;
    apply_batch(&producers, &batch);
    assert_int_equal(producer_state_unstable_offset(&producers), 10);
    assert_int_equal(producer_state_expire(&producers, INT64_MAX / 2, 1), 0);
    apply_marker(&producers, 12);
    assert_int_equal(producer_state_find(&producers, 1)->coordinator_epoch, 7);
    assert_int_equal(producer_state_unstable_offset(&producers), 10);
    producer_state_on_flushed(&producers, 12);
    assert_int_equal(producer_state_unstable_offset(&producers), 10);
    producer_state_on_flushed(&producers, 13);
    assert_int_equal(producer_state_unstable_offset(&producers), -1);
    producer_state_fini(&producers);
}

static void a_snapshot_keeps_the_time_of_a_batch_that_a_marker_followed(void **state)
{
    (void)state;
    struct producer_state producers, copy;
    struct buffer snapshot;
    int64_t producer_id = -1;
    producer_state_init(&producers);
    producer_state_init(&copy);
    buffer_init(&snapshot);
    apply(&producers, 1, 0, 0, 2, 10);
    apply_marker(&producers, 12);
    producer_state_write(&producers, &snapshot);
    assert_int_equal(producer_state_read(&copy, buffer_bytes(&snapshot)), 0);
    assert_int_equal(producer_state_find(&copy, 1)->last_timestamp_ms, 1);
    assert_int_equal(producer_state_find(&copy, 1)->batches[0].timestamp_ms, 1010);
    assert_true(producer_state_matches(&producers, &copy, 0, INT64_MAX, &producer_id));
    /* What begins before the flag is what Kafka reads. */
    assert_int_equal(snapshot.size, 10 + PRODUCER_STATE_ROW_SIZE + 1 + 16);
    buffer_fini(&snapshot);
    producer_state_fini(&producers);
    producer_state_fini(&copy);
}

static void set_crc(struct buffer *snapshot)
{
    endian_write_u32(snapshot->data + 2, crc32c_update(0, snapshot->data + 6, snapshot->size - 6));
}

/* Row and field by their place in the file. */
static void rows_that_no_log_leads_to_are_corrupt(void **state)
{
    (void)state;
    const struct {
        size_t row, place;
        uint8_t bit;
    } faults[] = {
        {1, 14, 0x80}, /* the last offset below zero */
        {1, 21, 0x04}, /* the second batch before the first */
        {1, 22, 0x80}, /* a negative count */
        {0, 9, 0x01},  /* an epoch that falls */
        {2, 45, 0x01}, /* two transactions from one offset */
    };
    struct producer_state producers, copy;
    struct buffer snapshot;
    producer_state_init(&producers);
    producer_state_init(&copy);
    buffer_init(&snapshot);
    apply(&producers, 1, 0, 0, 1, 4);
    apply(&producers, 1, 0, 1, 1, 7);
    for (int i = 0; i < 2; i++) {
        struct batch batch = batch_of(2 + i, 0, 0, 1, 10 + i);
        batch.attributes = BATCH_TRANSACTIONAL;
        apply_batch(&producers, &batch);
    }
    producer_state_write(&producers, &snapshot);
    assert_int_equal(producer_state_read(&copy, buffer_bytes(&snapshot)), 0);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        size_t place = 10 + faults[i].row * PRODUCER_STATE_ROW_SIZE + faults[i].place;
        snapshot.data[place] ^= faults[i].bit;
        set_crc(&snapshot);
        assert_int_equal(producer_state_read(&copy, buffer_bytes(&snapshot)), ERROR_CORRUPT);
        producer_state_check(&copy);
        assert_int_equal(copy.entries.size, 3);
        snapshot.data[place] ^= faults[i].bit;
    }
    buffer_fini(&snapshot);
    producer_state_fini(&producers);
    producer_state_fini(&copy);
}

static void a_snapshot_brings_everything_back_and_damage_is_seen(void **state)
{
    (void)state;
    struct producer_state producers;
    struct producer_state copy;
    struct buffer snapshot;
    producer_state_init(&producers);
    producer_state_init(&copy);
    buffer_init(&snapshot);
    for (int i = 0; i < 8; i++) {
        apply(&producers, i % 3, 1, i / 3, 1, i);
    }
    struct batch batch = batch_of(7, 0, 0, 2, 10);
    batch.attributes = BATCH_TRANSACTIONAL;
    apply_batch(&producers, &batch);
    producer_state_write(&producers, &snapshot);
    assert_int_equal(producer_state_read(&copy, buffer_bytes(&snapshot)), 0);
    producer_state_check(&copy);
    int64_t producer_id = -1;
    assert_true(producer_state_matches(&producers, &copy, 0, INT64_MAX, &producer_id));
    assert_true(producer_state_matches(&copy, &producers, 0, INT64_MAX, &producer_id));
    assert_false(copy.has_lost);
    assert_int_equal(producer_state_unstable_offset(&copy), 10);
    for (size_t i = 0; i < snapshot.size; i++) {
        snapshot.data[i] ^= 1;
        assert_int_equal(producer_state_read(&copy, buffer_bytes(&snapshot)), ERROR_CORRUPT);
        snapshot.data[i] ^= 1;
        assert_int_equal(producer_state_read(&copy, bytes_make(snapshot.data, i)), ERROR_CORRUPT);
    }
    assert_true(producer_state_matches(&producers, &copy, 0, INT64_MAX, &producer_id));
    buffer_fini(&snapshot);
    producer_state_fini(&producers);
    producer_state_fini(&copy);
}

/* Times are the clients'. */
static void a_producer_from_the_beginning_of_time_expires(void **state)
{
    (void)state;
    struct producer_state producers;
    producer_state_init(&producers);
    struct batch batch = batch_of(1, 0, 0, 1, 0);
    batch.max_timestamp = INT64_MIN;
    apply_batch(&producers, &batch);
    assert_int_equal(producer_state_expire(&producers, 1764000000000, 86400000), 1);
    producer_state_fini(&producers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_five_batches_are_known_again),
        cmocka_unit_test(sequences_wrap_to_zero),
        cmocka_unit_test(an_old_epoch_is_refused_and_a_new_one_begins_at_zero),
        cmocka_unit_test(a_marker_of_an_older_epoch_or_coordinator_is_refused),
        cmocka_unit_test(only_a_log_that_lost_something_takes_an_unknown_producer_in_the_middle),
        cmocka_unit_test(an_open_transaction_holds_the_stable_offset_until_its_marker_is_flushed),
        cmocka_unit_test(a_snapshot_brings_everything_back_and_damage_is_seen),
        cmocka_unit_test(a_snapshot_keeps_the_time_of_a_batch_that_a_marker_followed),
        cmocka_unit_test(rows_that_no_log_leads_to_are_corrupt),
        cmocka_unit_test(a_producer_from_the_beginning_of_time_expires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
