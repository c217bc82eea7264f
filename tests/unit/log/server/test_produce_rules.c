/* Shows which batches a topic's rules accept, with which error they refuse the others, and that
 * what they change is right again. */
#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/server/produce_rules.h"
#include "tests/unit/unit.h"

enum { NOW_MS = 1000000000, BATCH_MAGIC_AT = 16, BATCH_CRC_AT = 17, BATCH_BASE_OFFSET_AT = 0 };

struct fixture {
    struct produce_rules rules;
    struct batch_builder builder;
    struct buffer bytes;
    struct buffer changed;
    struct arena arena;
    struct batch batch;
    struct produce_rules_verdict verdict;
};

static int set_up(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    fixture->rules = (struct produce_rules){.batch_size_max = 100000,
                                            .before_max_ms = INT64_MAX,
                                            .after_max_ms = 3600000,
                                            .level = COMPRESS_LEVEL_DEFAULT};
    batch_builder_init(&fixture->builder, COMPRESS_NONE);
    buffer_init(&fixture->bytes);
    buffer_init(&fixture->changed);
    arena_init(&fixture->arena, 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    batch_builder_fini(&fixture->builder);
    buffer_fini(&fixture->bytes);
    buffer_fini(&fixture->changed);
    arena_fini(&fixture->arena);
    test_free(fixture);
    return 0;
}

static void add(struct fixture *fixture, const char *key, int64_t timestamp_ms)
{
    struct bytes name = key == NULL ? (struct bytes){0} : bytes_from_string(key);
    batch_builder_add(&fixture->builder, timestamp_ms, name, BYTES_LITERAL("value"), NULL, 0);
}

static void finish(struct fixture *fixture)
{
    assert_int_equal(batch_builder_finish(&fixture->builder, &fixture->bytes), 0);
}

static int judge_as(struct fixture *fixture, int16_t version)
{
    buffer_clear(&fixture->changed);
    return produce_rules_judge(&fixture->rules, buffer_bytes(&fixture->bytes), version, NOW_MS,
                               &fixture->arena, &fixture->batch, &fixture->changed,
                               &fixture->verdict);
}

static int judge(struct fixture *fixture)
{
    return judge_as(fixture, 9);
}

static void one(struct fixture *fixture)
{
    add(fixture, "k", NOW_MS);
    finish(fixture);
}

static void too_few_copies_refuse_acks_of_all(void **state)
{
    (void)state;
    struct produce_rules rules;
    struct meta_partition partition = {.replica_count = 3, .isr_count = 1};
    struct meta_topic topic = {.partitions = &partition, .options.min_insync_replicas = 2};
    assert_int_equal(produce_rules_of_topic(&topic, -1, &rules), ERROR_NOT_ENOUGH_REPLICAS);
    assert_int_equal(produce_rules_of_topic(&topic, 1, &rules), 0);
    partition.isr_count = 2;
    assert_int_equal(produce_rules_of_topic(&topic, -1, &rules), 0);
    partition.replica_count = partition.isr_count = 1; /* there cannot be two */
    assert_int_equal(produce_rules_of_topic(&topic, -1, &rules), 0);
}

static void a_good_batch_stays_where_it_is(void **state)
{
    struct fixture *fixture = *state;
    one(fixture);
    assert_int_equal(judge(fixture), 0);
    assert_ptr_equal(fixture->batch.bytes.data, fixture->bytes.data);
    assert_int_equal(fixture->batch.bytes.size, fixture->bytes.size);
}

/* What is not exactly one batch is an invalid record, which nobody sends again. */
static void there_is_exactly_one_batch(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(judge(fixture), ERROR_INVALID_RECORD); /* nothing */
    one(fixture);
    size_t size = fixture->bytes.size;
    for (size_t cut = 0; cut < size; cut++) {
        fixture->bytes.size = cut;
        assert_int_equal(judge(fixture), ERROR_INVALID_RECORD);
    }
    fixture->bytes.size = size;
    batch_builder_clear(&fixture->builder);
    one(fixture); /* a second one */
    assert_int_equal(judge(fixture), ERROR_INVALID_RECORD);
}

static void old_formats_are_invalid_and_new_ones_corrupt(void **state)
{
    struct fixture *fixture = *state;
    one(fixture);
    fixture->bytes.data[BATCH_MAGIC_AT] = 0;
    assert_int_equal(judge(fixture), ERROR_INVALID_RECORD);
    fixture->bytes.data[BATCH_MAGIC_AT] = 1;
    assert_int_equal(judge(fixture), ERROR_INVALID_RECORD);
    fixture->bytes.data[BATCH_MAGIC_AT] = 3;
    assert_int_equal(judge(fixture), ERROR_CORRUPT_MESSAGE);
    fixture->bytes.data[BATCH_MAGIC_AT] = 2;
    assert_int_equal(judge(fixture), 0);
}

static void a_changed_byte_is_found(void **state)
{
    struct fixture *fixture = *state;
    one(fixture);
    for (size_t i = BATCH_CRC_AT; i < fixture->bytes.size; i++) {
        fixture->bytes.data[i] ^= 0x40;
        assert_int_equal(judge(fixture), ERROR_CORRUPT_MESSAGE);
        fixture->bytes.data[i] ^= 0x40;
    }
    assert_int_equal(judge(fixture), 0);
}

static void a_client_counts_from_0(void **state)
{
    struct fixture *fixture = *state;
    one(fixture);
    endian_write_i64(fixture->bytes.data + BATCH_BASE_OFFSET_AT, 77);
    assert_int_equal(judge(fixture), ERROR_INVALID_RECORD);
}

static void size_is_judged_as_it_arrives(void **state)
{
    struct fixture *fixture = *state;
    one(fixture);
    fixture->rules.batch_size_max = fixture->bytes.size;
    assert_int_equal(judge(fixture), 0);
    fixture->rules.batch_size_max--;
    assert_int_equal(judge(fixture), ERROR_MESSAGE_TOO_LARGE);
}

static void control_batches_are_not_a_clients(void **state)
{
    struct fixture *fixture = *state;
    fixture->builder.attributes = BATCH_CONTROL;
    one(fixture);
    assert_int_equal(judge(fixture), ERROR_INVALID_RECORD);
}

static void zstd_needs_version_7(void **state)
{
    struct fixture *fixture = *state;
    fixture->builder.codec = COMPRESS_ZSTD;
    one(fixture);
    assert_int_equal(judge_as(fixture, 6), ERROR_UNSUPPORTED_COMPRESSION_TYPE);
    assert_int_equal(judge_as(fixture, 7), 0);
}

static void a_compacted_topic_wants_keys(void **state)
{
    struct fixture *fixture = *state;
    fixture->rules.must_have_keys = true;
    add(fixture, "k", NOW_MS);
    add(fixture, NULL, NOW_MS);
    add(fixture, "", NOW_MS);
    add(fixture, NULL, NOW_MS);
    finish(fixture);
    assert_int_equal(judge(fixture), ERROR_INVALID_RECORD);
    assert_int_equal(fixture->verdict.wrong_record_count, 2);
    assert_int_equal(fixture->verdict.wrong_records[0], 1);
    assert_int_equal(fixture->verdict.wrong_records[1], 3);
    fixture->rules.must_have_keys = false;
    assert_int_equal(judge(fixture), 0);
}

static void timestamps_lie_within_the_window(void **state)
{
    static const struct {
        int64_t timestamp_ms;
        bool is_right;
    } times[] = {{NOW_MS, true},
                 {NOW_MS + 3600000, true},
                 {NOW_MS + 3600001, false},
                 {NOW_MS - 1000, true},
                 {NOW_MS - 1001, false},
                 {0, false},
                 {-1, true} /* none */};
    struct fixture *fixture = *state;
    fixture->rules.before_max_ms = 1000;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        buffer_clear(&fixture->bytes);
        batch_builder_clear(&fixture->builder);
        add(fixture, "k", NOW_MS);
        add(fixture, "k", times[i].timestamp_ms);
        finish(fixture);
        assert_int_equal(judge(fixture), times[i].is_right ? 0 : ERROR_INVALID_TIMESTAMP);
        assert_int_equal(fixture->verdict.wrong_record_count, times[i].is_right ? 0 : 1);
    }
}

static void append_time_is_written_into_the_batch(void **state)
{
    struct fixture *fixture = *state;
    fixture->rules.is_append_time = true;
    fixture->rules.before_max_ms = 1000;
    add(fixture, "k", 5); /* whatever it is */
    finish(fixture);
    assert_int_equal(judge(fixture), 0);
    assert_int_equal(fixture->batch.max_timestamp, NOW_MS);
    assert_true(batch_crc_matches(&fixture->batch));
    assert_ptr_equal(fixture->batch.bytes.data, fixture->changed.data);
}

/* A client that sets them would say when its records came, or when tombstones may go. */
static void the_brokers_bits_are_the_brokers(void **state)
{
    struct fixture *fixture = *state;
    fixture->builder.attributes = BATCH_LOG_APPEND_TIME | BATCH_DELETE_HORIZON;
    fixture->builder.base_timestamp = NOW_MS;
    add(fixture, "k", NOW_MS);
    add(fixture, "k", NOW_MS + 1);
    finish(fixture);
    assert_int_equal(judge(fixture), 0);
    assert_int_equal(fixture->batch.attributes, 0);
    assert_int_equal(fixture->batch.record_count, 2);
    assert_true(batch_crc_matches(&fixture->batch));
    fixture->rules.is_append_time = true;
    assert_int_equal(judge(fixture), ERROR_INVALID_TIMESTAMP);
    assert_int_equal(fixture->verdict.wrong_record_count, 2);
    assert_int_equal(fixture->verdict.wrong_records[1], 1);
}

static void the_topics_codec_replaces_the_clients(void **state)
{
    struct fixture *fixture = *state;
    fixture->rules.is_recompressed = true;
    fixture->rules.codec = COMPRESS_GZIP;
    fixture->builder.producer_id = 7;
    fixture->builder.producer_epoch = 1;
    fixture->builder.base_sequence = 3;
    fixture->builder.attributes = BATCH_TRANSACTIONAL;
    for (int i = 0; i < 100; i++) {
        add(fixture, "k", NOW_MS + i);
    }
    finish(fixture);
    assert_int_equal(judge(fixture), 0);
    assert_int_equal(batch_codec(&fixture->batch), COMPRESS_GZIP);
    assert_true(batch_is_transactional(&fixture->batch));
    assert_true(fixture->batch.bytes.size < fixture->bytes.size);
    assert_int_equal(fixture->batch.producer_id, 7);
    assert_int_equal(fixture->batch.producer_epoch, 1);
    assert_int_equal(fixture->batch.base_sequence, 3);
    assert_int_equal(fixture->batch.record_count, 100);
    assert_int_equal(fixture->batch.max_timestamp, NOW_MS + 99);
    assert_int_equal(batch_validate(&fixture->batch), 0);
}

/* A batch may not inflate to whatever it likes. Snappy cannot make much of little. */
static void a_bomb_is_refused(void **state)
{
    static const enum compress_codec codecs[] = {COMPRESS_GZIP, COMPRESS_LZ4, COMPRESS_ZSTD};
    struct fixture *fixture = *state;
    fixture->rules.must_have_keys = true;
    fixture->rules.batch_size_max = 200000;
    struct buffer zeros;
    buffer_init(&zeros);
    for (int i = 0; i < 1000000; i++) {
        buffer_add_byte(&zeros, 0);
    }
    for (size_t k = 0; k < sizeof codecs / sizeof *codecs; k++) {
        buffer_clear(&fixture->bytes);
        batch_builder_clear(&fixture->builder);
        fixture->builder.codec = codecs[k];
        for (int i = 0; i < 40; i++) {
            batch_builder_add(&fixture->builder, NOW_MS, BYTES_LITERAL("k"), buffer_bytes(&zeros),
                              NULL, 0);
        }
        finish(fixture);
        assert_true(fixture->bytes.size <= 200000);
        assert_int_equal(judge(fixture), ERROR_MESSAGE_TOO_LARGE);
    }
    buffer_fini(&zeros);
}

/* Gives the bytes behind the header the size and the CRC that they have now. */
static void seal(struct fixture *fixture)
{
    struct buffer *bytes = &fixture->bytes;
    endian_write_i32(bytes->data + 8, (int32_t)(bytes->size - BATCH_PREFIX_SIZE));
    endian_write_u32(bytes->data + BATCH_CRC_AT, crc32c_update(0, bytes->data + BATCH_CRC_START,
                                                               bytes->size - BATCH_CRC_START));
}

/* The CRC is right and what it covers is not: cut at each byte, each byte changed, bytes added. */
static void what_a_codec_cannot_unpack_is_invalid(void **state)
{
    struct fixture *fixture = *state;
    fixture->rules.must_have_keys = true;
    for (int codec = COMPRESS_NONE; codec < COMPRESS_CODEC_COUNT; codec++) {
        buffer_clear(&fixture->bytes);
        batch_builder_clear(&fixture->builder);
        fixture->builder.codec = (enum compress_codec)codec;
        for (int i = 0; i < 20; i++) {
            add(fixture, "some key", NOW_MS + i);
        }
        finish(fixture);
        assert_int_equal(judge(fixture), 0);
        size_t size = fixture->bytes.size;
        for (size_t cut = BATCH_HEADER_SIZE; cut < size; cut++) {
            fixture->bytes.size = cut;
            seal(fixture);
            assert_int_equal(judge(fixture), ERROR_INVALID_RECORD);
        }
        fixture->bytes.size = size;
        for (size_t at = BATCH_HEADER_SIZE; at < size; at++) {
            fixture->bytes.data[at] ^= 0x55;
            seal(fixture);
            int error = judge(fixture);
            assert_true(error == 0 || error == ERROR_INVALID_RECORD ||
                        error == ERROR_INVALID_TIMESTAMP || error == ERROR_MESSAGE_TOO_LARGE);
            fixture->bytes.data[at] ^= 0x55;
        }
        buffer_add(&fixture->bytes, "rest", 4);
        seal(fixture);
        assert_int_equal(judge(fixture), ERROR_INVALID_RECORD);
    }
}

static void size_is_judged_once_more_as_it_is_stored(void **state)
{
    struct fixture *fixture = *state;
    fixture->builder.codec = COMPRESS_GZIP;
    for (int i = 0; i < 1000; i++) {
        add(fixture, "the same key", NOW_MS);
    }
    finish(fixture);
    fixture->rules.batch_size_max = fixture->bytes.size + 1000;
    assert_int_equal(judge(fixture), 0);
    fixture->rules.is_recompressed = true;
    fixture->rules.codec = COMPRESS_NONE;
    assert_int_equal(judge(fixture), ERROR_MESSAGE_TOO_LARGE);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(too_few_copies_refuse_acks_of_all),
        TEST(a_good_batch_stays_where_it_is),
        TEST(there_is_exactly_one_batch),
        TEST(old_formats_are_invalid_and_new_ones_corrupt),
        TEST(a_changed_byte_is_found),
        TEST(a_client_counts_from_0),
        TEST(size_is_judged_as_it_arrives),
        TEST(control_batches_are_not_a_clients),
        TEST(zstd_needs_version_7),
        TEST(a_compacted_topic_wants_keys),
        TEST(timestamps_lie_within_the_window),
        TEST(append_time_is_written_into_the_batch),
        TEST(the_brokers_bits_are_the_brokers),
        TEST(the_topics_codec_replaces_the_clients),
        TEST(a_bomb_is_refused),
        TEST(what_a_codec_cannot_unpack_is_invalid),
        TEST(size_is_judged_once_more_as_it_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
