/* Shows that single flips anywhere in a segment cost at most the batch they hit, that what no CRC
 * covers is put right where it can be, and that every byte is accounted for, also of arbitrary
 * input. */
#include "log/wire/batch.h"
#include "runtime/cli/salvage.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH_COUNT = 6, FIRST_OFFSET = 100 };

struct fixture {
    struct buffer segment; /* batches of two records each, from FIRST_OFFSET on */
    size_t starts[BATCH_COUNT + 1];
    uint8_t *copy;
    size_t told_size; /* bytes of gaps and tail */
    int64_t lost_count;
    int told_count;
};

static int setup(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    buffer_init(&fixture->segment);
    for (int i = 0; i < BATCH_COUNT; i++) {
        struct batch_builder builder;
        fixture->starts[i] = fixture->segment.size;
        batch_builder_init(&builder, COMPRESS_NONE);
        builder.base_offset = FIRST_OFFSET + 2 * i;
        builder.leader_epoch = i / 3;
        batch_builder_add(&builder, 1000, bytes_make("k", 1), bytes_make("first", 5), NULL, 0);
        batch_builder_add(&builder, 1001, bytes_make("k", 1), bytes_make("second", 6), NULL, 0);
        assert_int_equal(batch_builder_finish(&builder, &fixture->segment), 0);
        batch_builder_fini(&builder);
    }
    fixture->starts[BATCH_COUNT] = fixture->segment.size;
    fixture->copy = test_malloc(fixture->segment.size);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    buffer_fini(&fixture->segment);
    test_free(fixture->copy);
    test_free(fixture);
    return 0;
}

static void on_found(void *owner, const struct salvage_finding *finding)
{
    struct fixture *fixture = owner;
    fixture->told_count++;
    if (finding->kind == SALVAGE_GAP || finding->kind == SALVAGE_TAIL) {
        fixture->told_size += finding->end - finding->start;
    }
    fixture->lost_count += finding->kind == SALVAGE_GAP ? finding->to - finding->from + 1 : 0;
}

/* The batches kept; asserts the invariants of the header. */
static size_t run(struct fixture *fixture, uint8_t *data, size_t size)
{
    struct salvage salvage = {.next_offset = FIRST_OFFSET,
                              .limit_offset = FIRST_OFFSET + 2 * BATCH_COUNT,
                              .epoch = -1,
                              .found = on_found,
                              .owner = fixture};
    int64_t next = FIRST_OFFSET;
    int32_t epoch = -1;
    size_t kept = 0, kept_size = 0, end = 0;
    fixture->told_size = 0;
    fixture->lost_count = 0;
    fixture->told_count = 0;
    salvage_run(&salvage, data, size);
    for (size_t i = 0; i < salvage.count; i++) {
        const struct salvage_batch *batch = &salvage.batches[i];
        if (!batch->is_kept) {
            continue;
        }
        struct batch read;
        size_t needed;
        assert_int_equal(
            batch_read_header(bytes_make(data + batch->start, batch->size), &read, &needed), 0);
        assert_true(batch_crc_matches(&read));
        assert_true(batch->start >= end && read.base_offset >= next && read.leader_epoch >= epoch);
        next = batch_next_offset(&read);
        epoch = read.leader_epoch;
        end = batch->start + batch->size;
        kept++;
        kept_size += batch->size;
    }
    assert_true(next <= salvage.limit_offset);
    assert_int_equal(next, salvage.next_offset);
    assert_int_equal(kept_size + fixture->told_size, size);
    salvage_fini(&salvage);
    return kept;
}

static void a_good_segment_is_kept_without_a_word(void **state)
{
    struct fixture *fixture = *state;
    memcpy(fixture->copy, fixture->segment.data, fixture->segment.size);
    assert_int_equal(run(fixture, fixture->copy, fixture->segment.size), BATCH_COUNT);
    assert_int_equal(fixture->told_count, 0);
}

static void a_flip_anywhere_costs_at_most_its_batch(void **state)
{
    struct fixture *fixture = *state;
    size_t size = fixture->segment.size;
    for (size_t bit = 0; bit < size * 8; bit++) {
        memcpy(fixture->copy, fixture->segment.data, size);
        fixture->copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
        size_t kept = run(fixture, fixture->copy, size);
        assert_true(kept >= BATCH_COUNT - 1);
        /* A change of epoch inside the log can look right. */
        size_t place = 0;
        while (bit / 8 >= fixture->starts[place + 1]) {
            place++;
        }
        size_t inside = bit / 8 - fixture->starts[place];
        if (inside < 8) { /* the base offset */
            assert_int_equal(kept, BATCH_COUNT);
            assert_memory_equal(fixture->copy, fixture->segment.data, size);
        }
    }
}

static void a_torn_end_costs_what_is_torn(void **state)
{
    struct fixture *fixture = *state;
    for (size_t size = 0; size < fixture->segment.size; size++) {
        memcpy(fixture->copy, fixture->segment.data, size);
        size_t whole = 0;
        while (fixture->starts[whole + 1] <= size) {
            whole++;
        }
        assert_int_equal(run(fixture, fixture->copy, size), whole);
    }
}

static void arbitrary_bytes_are_accounted_for(void **state)
{
    struct fixture *fixture = *state;
    size_t size = fixture->segment.size;
    uint32_t seed = 1;
    for (int round = 0; round < 3000; round++) {
        memcpy(fixture->copy, fixture->segment.data, size);
        for (int i = 0; i < round % 40; i++) {
            seed = seed * 1664525 + 1013904223;
            size_t at = seed % size;
            seed = seed * 1664525 + 1013904223;
            fixture->copy[at] = (uint8_t)(seed >> 24);
        }
        run(fixture, fixture->copy, size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_segment_is_kept_without_a_word, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flip_anywhere_costs_at_most_its_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_end_costs_what_is_torn, setup, teardown),
        cmocka_unit_test_setup_teardown(arbitrary_bytes_are_accounted_for, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
