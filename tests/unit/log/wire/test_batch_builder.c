/* Shows that built batches are those of another client byte by byte, that every codec's batches are
 * read back, and that compaction can leave gaps. */
#include "log/base/error.h"
#include "log/wire/batch.h"
#include "tests/unit/log/wire/golden_batches.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

enum { LIMIT = 64 * 1024 * 1024 };

static void add_golden_records(struct batch_builder *builder)
{
    const struct batch_header headers[] = {
        {BYTES_LITERAL("trace"), bytes_make("\x01\x02", 2)},
        {BYTES_LITERAL("empty"), {NULL, 0}},
    };
    for (int i = 0; i < 6; i++) {
        char key[16], value[128];
        snprintf(key, sizeof key, "key-%d", i);
        snprintf(value, sizeof value, "%s%s%d", "a value that repeats, a value that repeats, ",
                 "a value that repeats, a value that repeats, ", i);
        batch_builder_add(builder, 1700000000000 + (i == 5 ? 0 : 1000 * i),
                          bytes_from_string(i == 2 ? NULL : key),
                          bytes_from_string(i == 3 ? NULL : value), i == 4 ? headers : NULL,
                          i == 4 ? 2 : 0);
    }
}

static void set_golden_producer(struct batch_builder *builder)
{
    builder->producer_id = 4711;
    builder->producer_epoch = 3;
    builder->base_sequence = 100;
    builder->leader_epoch = 0;
}

static void a_built_batch_is_the_golden_one(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct buffer out;
    buffer_init(&out);
    batch_builder_init(&builder, COMPRESS_NONE);
    set_golden_producer(&builder);
    add_golden_records(&builder);
    buffer_add_string(&out, "before");
    assert_int_equal(batch_builder_finish(&builder, &out), 0);
    struct bytes built = bytes_make(out.data + 6, out.size - 6);
    assert_true(bytes_equal(built, bytes_make(golden_none, sizeof golden_none)));

    /* And again after it was emptied. */
    batch_builder_clear(&builder);
    set_golden_producer(&builder);
    add_golden_records(&builder);
    buffer_clear(&out);
    assert_int_equal(batch_builder_finish(&builder, &out), 0);
    assert_true(bytes_equal(buffer_bytes(&out), bytes_make(golden_none, sizeof golden_none)));
    batch_builder_fini(&builder);
    buffer_fini(&out);
}

/* Copies every record of a batch by its encoded headers, or as a whole. */
static void copy_records(const struct batch *batch, bool is_whole, struct batch_builder *builder)
{
    struct batch_iterator iterator;
    struct batch_record record;
    int result;
    assert_int_equal(batch_iterator_open(&iterator, batch, LIMIT), 0);
    while ((result = batch_iterator_next(&iterator, &record)) == 1) {
        if (is_whole) {
            batch_builder_add_body(builder, record.timestamp_ms, record.body);
        } else {
            batch_builder_add_encoded(builder, record.timestamp_ms, record.key, record.value,
                                      record.headers_encoded, record.header_count);
        }
    }
    assert_int_equal(result, 0);
    batch_iterator_close(&iterator);
}

static void every_codec_comes_back(void **state)
{
    (void)state;
    for (unsigned codec = 0; codec < COMPRESS_CODEC_COUNT; codec++) {
        struct batch_builder builder, plain;
        struct buffer out, again;
        struct batch batch;
        buffer_init(&out);
        buffer_init(&again);
        batch_builder_init(&builder, (enum compress_codec)codec);
        set_golden_producer(&builder);
        add_golden_records(&builder);
        assert_int_equal(batch_builder_finish(&builder, &out), 0);
        assert_int_equal(batch_read_header(buffer_bytes(&out), &batch, NULL), 0);
        assert_int_equal(batch.bytes.size, out.size);
        assert_int_equal(batch_validate(&batch), 0);
        assert_int_equal(batch_codec(&batch), codec);
        batch_builder_init(&plain, COMPRESS_NONE);
        set_golden_producer(&plain);
        for (int is_whole = 0; is_whole < 2; is_whole++) {
            copy_records(&batch, is_whole, &plain);
            assert_int_equal(batch_builder_take(&plain, &again), 0);
            assert_true(
                bytes_equal(buffer_bytes(&again), bytes_make(golden_none, sizeof golden_none)));
            buffer_clear(&again);
            set_golden_producer(&plain);
        }
        batch_builder_fini(&builder);
        batch_builder_fini(&plain);
        buffer_fini(&out);
        buffer_fini(&again);
    }
}

static void compaction_leaves_gaps(void **state)
{
    (void)state;
    struct batch source, batch;
    struct batch_iterator iterator;
    struct batch_record record;
    struct batch_builder builder;
    struct buffer out;
    buffer_init(&out);
    assert_int_equal(batch_read_header(bytes_make(golden_zstd, sizeof golden_zstd), &source, NULL),
                     0);
    batch_builder_init(&builder, COMPRESS_LZ4);
    builder.base_offset = source.base_offset;
    assert_int_equal(batch_iterator_open(&iterator, &source, LIMIT), 0);
    while (batch_iterator_next(&iterator, &record) == 1) {
        if (record.offset % 2 == 1) {
            batch_builder_add_record(&builder, &record);
        }
    }
    batch_iterator_close(&iterator);
    builder.last_offset = 8;
    assert_int_equal(batch_builder_finish(&builder, &out), 0);
    assert_int_equal(batch_read_header(buffer_bytes(&out), &batch, NULL), 0);
    assert_true(batch_crc_matches(&batch));
    assert_int_equal(batch_last_offset(&batch), 8);
    assert_int_equal(batch.record_count, 3);
    assert_int_equal(batch_iterator_open(&iterator, &batch, LIMIT), 0);
    for (int offset = 1; offset < 6; offset += 2) {
        assert_int_equal(batch_iterator_next(&iterator, &record), 1);
        assert_int_equal(record.offset, offset);
        assert_int_equal(record.timestamp_ms, 1700000000000 + (offset == 5 ? 0 : 1000 * offset));
    }
    assert_int_equal(batch_iterator_next(&iterator, &record), 0);
    batch_iterator_close(&iterator);
    batch_builder_fini(&builder);
    buffer_fini(&out);
}

static void offsets_and_times_at_the_edges_come_back(void **state)
{
    (void)state;
    static const int64_t times[] = {-1, INT64_MAX, INT64_MIN, 0, 1700000000000};
    struct batch_builder builder;
    struct batch batch;
    struct batch_iterator iterator;
    struct batch_record record;
    struct buffer out;
    buffer_init(&out);
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.base_offset = INT64_MAX - 100;
    builder.attributes = BATCH_TRANSACTIONAL;
    for (size_t i = 0; i < 5; i++) {
        batch_builder_add(&builder, times[i], (struct bytes){NULL, 0}, BYTES_LITERAL(""), NULL, 0);
    }
    assert_int_equal(batch_builder_finish(&builder, &out), 0);
    assert_int_equal(batch_read_header(buffer_bytes(&out), &batch, NULL), 0);
    assert_int_equal(batch.attributes, BATCH_TRANSACTIONAL);
    assert_true(batch.max_timestamp == INT64_MAX);
    assert_int_equal(batch_iterator_open(&iterator, &batch, LIMIT), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(batch_iterator_next(&iterator, &record), 1);
        assert_true(record.offset == INT64_MAX - 100 + i);
        assert_true(record.timestamp_ms == times[i]);
        assert_true(bytes_is_null(record.key));
        assert_false(bytes_is_null(record.value));
        assert_int_equal(record.value.size, 0);
    }
    batch_iterator_close(&iterator);
    batch_builder_fini(&builder);
    buffer_fini(&out);
}

static void views_of_every_size_class_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 63, 64, 8191, 8192, 1048575, 1048576};
    static uint8_t data[1048576];
    struct batch_builder builder;
    struct batch batch;
    struct batch_iterator iterator;
    struct batch_record record;
    struct buffer out;
    memset(data, 'x', sizeof data);
    buffer_init(&out);
    batch_builder_init(&builder, COMPRESS_NONE);
    for (size_t i = 0; i < 8; i++) {
        size_t bound = batch_builder_size_with(&builder, sizes[i], sizes[7 - i], 0);
        batch_builder_add(&builder, (int64_t)i, bytes_make(data, sizes[i]),
                          bytes_make(data, sizes[7 - i]), NULL, 0);
        assert_true(batch_builder_size(&builder) <= bound);
        assert_true(batch_builder_size(&builder) + 40 > bound);
    }
    assert_int_equal(batch_builder_finish(&builder, &out), 0);
    assert_int_equal(batch_read_header(buffer_bytes(&out), &batch, NULL), 0);
    assert_int_equal(batch_iterator_open(&iterator, &batch, LIMIT), 0);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(batch_iterator_next(&iterator, &record), 1);
        assert_int_equal(record.key.size, sizes[i]);
        assert_int_equal(record.value.size, sizes[7 - i]);
    }
    assert_int_equal(batch_iterator_next(&iterator, &record), 0);
    batch_iterator_close(&iterator);
    batch_builder_fini(&builder);
    buffer_fini(&out);
}

static void a_delete_horizon_stays_the_base_time(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct batch batch;
    struct batch_iterator iterator;
    struct batch_record record;
    struct buffer out;
    buffer_init(&out);
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.attributes = BATCH_DELETE_HORIZON;
    builder.base_timestamp = 5000;
    batch_builder_add(&builder, 4000, BYTES_LITERAL("k"), (struct bytes){NULL, 0}, NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &out), 0);
    assert_int_equal(batch_read_header(buffer_bytes(&out), &batch, NULL), 0);
    assert_int_equal(batch.base_timestamp, 5000);
    assert_int_equal(batch_iterator_open(&iterator, &batch, LIMIT), 0);
    assert_int_equal(batch_iterator_next(&iterator, &record), 1);
    assert_int_equal(record.timestamp_ms, 4000);
    batch_iterator_close(&iterator);
    batch_builder_fini(&builder);
    buffer_fini(&out);
}

static void a_batch_that_is_taken_is_the_one_that_is_finished(void **state)
{
    (void)state;
    for (int codec = COMPRESS_NONE; codec < COMPRESS_CODEC_COUNT; codec++) {
        struct batch_builder builder;
        struct buffer finished;
        struct buffer taken;
        buffer_init(&finished);
        buffer_init(&taken);
        batch_builder_init(&builder, (enum compress_codec)codec);
        for (int round = 0; round < 3; round++) { /* memory goes to and fro */
            buffer_clear(&finished);
            buffer_clear(&taken);
            builder.base_sequence = round;
            for (int i = 0; i < 10 * (3 - round); i++) {
                batch_builder_add(&builder, i, BYTES_LITERAL("key"), BYTES_LITERAL("a value"), NULL,
                                  0);
            }
            assert_int_equal(batch_builder_finish(&builder, &finished), 0);
            assert_int_equal(batch_builder_take(&builder, &taken), 0);
            assert_true(bytes_equal(buffer_bytes(&finished), buffer_bytes(&taken)));
            assert_int_equal(builder.record_count, 0);
            assert_int_equal(batch_builder_size(&builder), BATCH_HEADER_SIZE);
            assert_int_equal(batch_builder_take(&builder, &(struct buffer){0}), ERROR_INVALID);
        }
        batch_builder_fini(&builder);
        buffer_fini(&finished);
        buffer_fini(&taken);
    }
}

static void an_empty_or_impossible_batch_is_invalid(void **state)
{
    (void)state;
    struct batch_builder builder;
    struct buffer out;
    buffer_init(&out);
    batch_builder_init(&builder, COMPRESS_GZIP);
    assert_int_equal(batch_builder_finish(&builder, &out), ERROR_INVALID);
    batch_builder_add(&builder, 0, BYTES_LITERAL("k"), BYTES_LITERAL("v"), NULL, 0);
    builder.level = 99;
    assert_int_equal(batch_builder_finish(&builder, &out), ERROR_INVALID);
    assert_int_equal(out.size, 0);
    batch_builder_fini(&builder);
    buffer_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_built_batch_is_the_golden_one),
        cmocka_unit_test(every_codec_comes_back),
        cmocka_unit_test(compaction_leaves_gaps),
        cmocka_unit_test(offsets_and_times_at_the_edges_come_back),
        cmocka_unit_test(views_of_every_size_class_come_back),
        cmocka_unit_test(a_delete_horizon_stays_the_base_time),
        cmocka_unit_test(a_batch_that_is_taken_is_the_one_that_is_finished),
        cmocka_unit_test(an_empty_or_impossible_batch_is_invalid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
