/* Wants to show: a slice has the records from its first offset to its last and no others, wherever
 * batches begin and end; partitions are merged by time; offsets that compaction removed and
 * transactions that were aborted are passed, and one that is open is waited for. */
#include "log/base/error.h"
#include "runtime/cli/slice_reader.h"
#include "tests/unit/runtime/errand_bench.h"
#include "tests/unit/unit.h"

enum { TIMES_MAX = 16 };

static int setup(void **state)
{
    (void)errand_bench_setup(state);
    fake_cluster_add_topic(((struct errand_bench *)*state)->cluster, "t", 2);
    return 0;
}

struct batch_plan {
    int32_t partition;
    int64_t producer_id; /* 0: none; else in a transaction */
    int64_t times[TIMES_MAX];
    int32_t offsets[TIMES_MAX]; /* within the batch; all 0: dense */
    int32_t last_offset;        /* 0: that of the last record */
};

/* A record for each time that is not 0. */
static void append(struct errand_bench *bench, const struct batch_plan *plan)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    if (plan->producer_id != 0) {
        builder.producer_id = plan->producer_id;
        builder.producer_epoch = 0;
        builder.base_sequence = 0;
        builder.attributes = BATCH_TRANSACTIONAL;
    }
    for (int i = 0; i < TIMES_MAX && plan->times[i] != 0; i++) {
        int32_t offset = plan->offsets[i] != 0 ? plan->offsets[i] : i;
        const struct batch_record record = {.offset = offset, .timestamp_ms = plan->times[i]};
        batch_builder_add_record(&builder, &record);
    }
    builder.last_offset = plan->last_offset != 0 ? plan->last_offset : builder.last_offset;
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(bench->cluster, fake_cluster_get(bench->cluster, "t", plan->partition),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

static void append_marker(struct errand_bench *bench, int32_t partition, int64_t producer_id,
                          bool is_commit)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.producer_id = producer_id;
    builder.producer_epoch = 0;
    batch_builder_add_marker(&builder, 1, is_commit, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(bench->cluster, fake_cluster_get(bench->cluster, "t", partition),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

static void abort_from(struct errand_bench *bench, int32_t partition, int64_t producer_id,
                       int64_t offset)
{
    struct fake_partition *row = fake_cluster_get(bench->cluster, "t", partition);
    row->aborted[row->aborted_count++] = (struct fetch_response_aborted_transaction){
        .producer_id = producer_id, .first_offset = offset};
}

/* "partition:offset@time" each, with blanks between. */
static void read_on(struct slice_reader *reader, int64_t until_ms, const char *text)
{
    struct record record;
    struct buffer out;
    int64_t time_ms;
    int more;
    buffer_init(&out);
    while ((more = slice_reader_next(reader, until_ms, &record, &time_ms)) == 1) {
        assert_string_equal(record.topic, "t");
        buffer_printf(&out, "%s%d:%d@%d", out.size == 0 ? "" : " ", (int)record.partition,
                      (int)record.offset, (int)time_ms);
    }
    assert_int_equal(more, 0);
    assert_string_equal(buffer_string(&out), text);
    buffer_fini(&out);
}

static void assert_slice(struct errand_bench *bench, const struct topic_sweep_range *ranges,
                         size_t count, const char *text)
{
    struct slice_reader *reader = slice_reader_new(&bench->errand, ranges, count, NULL, NULL);
    read_on(reader, INT64_MAX, text);
    read_on(reader, INT64_MAX, ""); /* and stays over */
    slice_reader_free(reader);
}

static void assert_one(struct errand_bench *bench, int64_t start, int64_t end, const char *text)
{
    const struct topic_sweep_range range = {.topic = "t", .start = start, .end = end};
    assert_slice(bench, &range, 1, text);
}

static void a_slice_may_begin_and_end_inside_of_batches(void **state)
{
    struct errand_bench *bench = *state;
    append(bench, &(struct batch_plan){.times = {10, 11, 12, 13}});
    append(bench, &(struct batch_plan){.times = {14, 15, 16, 17}});
    append(bench, &(struct batch_plan){.times = {18, 19, 20, 21}});
    assert_one(bench, 2, 9, "0:2@12 0:3@13 0:4@14 0:5@15 0:6@16 0:7@17 0:8@18");
    assert_one(bench, 1, 3, "0:1@11 0:2@12"); /* of one batch */
    assert_one(bench, 4, 8, "0:4@14 0:5@15 0:6@16 0:7@17");
    assert_one(bench, 11, 12, "0:11@21");
}

static void an_empty_slice_asks_for_nothing(void **state)
{
    struct errand_bench *bench = *state;
    append(bench, &(struct batch_plan){.times = {10, 11}});
    int64_t before = bench->cluster->request_count[1];
    assert_one(bench, 1, 1, "");
    assert_one(bench, 2, 1, "");
    assert_slice(bench, NULL, 0, "");
    assert_int_equal(bench->cluster->request_count[1], before);
    const struct topic_sweep_range ranges[] = {{"t", 0, 0, 0}, {"t", 1, 0, 0}, {"t", 0, 0, 1}};
    assert_slice(bench, ranges, 3, "0:0@10"); /* beside others */
}

static void partitions_are_merged_by_time(void **state)
{
    struct errand_bench *bench = *state;
    append(bench, &(struct batch_plan){.times = {10, 30, 20, 50}}); /* a late one comes late */
    append(bench, &(struct batch_plan){.partition = 1, .times = {10, 25}});
    append(bench, &(struct batch_plan){.partition = 1, .times = {40, 60}});
    const struct topic_sweep_range ranges[] = {{"t", 0, 0, 4}, {"t", 1, 0, 4}};
    assert_slice(bench, ranges, 2, "0:0@10 1:0@10 1:1@25 0:1@30 0:2@20 1:2@40 0:3@50 1:3@60");
    const struct topic_sweep_range turned[] = {{"t", 1, 0, 4}, {"t", 0, 0, 2}};
    assert_slice(bench, turned, 2, "1:0@10 0:0@10 1:1@25 0:1@30 1:2@40 1:3@60");
}

static void reading_stops_at_a_time_and_goes_on(void **state)
{
    struct errand_bench *bench = *state;
    append(bench, &(struct batch_plan){.times = {10, 20, 30}});
    const struct topic_sweep_range range = {"t", 0, 0, 3};
    struct slice_reader *reader = slice_reader_new(&bench->errand, &range, 1, NULL, NULL);
    read_on(reader, 9, "");
    read_on(reader, 20, "0:0@10 0:1@20");
    read_on(reader, 29, "");
    read_on(reader, 30, "0:2@30");
    slice_reader_free(reader);
}

static int64_t turn_time(void *owner, const struct record *record)
{
    return *(int64_t *)owner - record->timestamp_ms;
}

static void whoever_reads_tells_the_time(void **state)
{
    struct errand_bench *bench = *state;
    int64_t from_ms = 100;
    append(bench, &(struct batch_plan){.times = {10}});
    append(bench, &(struct batch_plan){.partition = 1, .times = {20}});
    const struct topic_sweep_range ranges[] = {{"t", 0, 0, 1}, {"t", 1, 0, 1}};
    struct slice_reader *reader = slice_reader_new(&bench->errand, ranges, 2, turn_time, &from_ms);
    read_on(reader, INT64_MAX, "1:0@80 0:0@90");
    slice_reader_free(reader);
}

/* Of the batches 0-9, 10-19 and 20-29 the records 2, 5, 13 and 22 are left. */
static void offsets_that_compaction_removed_are_passed(void **state)
{
    struct errand_bench *bench = *state;
    append(bench, &(struct batch_plan){.times = {10, 11}, .offsets = {2, 5}, .last_offset = 9});
    append(bench, &(struct batch_plan){.times = {12}, .offsets = {3}, .last_offset = 9});
    append(bench, &(struct batch_plan){.times = {13}, .offsets = {2}, .last_offset = 9});
    assert_one(bench, 0, 30, "0:2@10 0:5@11 0:13@12 0:22@13");
    assert_one(bench, 3, 13, "0:5@11");
    assert_one(bench, 6, 10, "");
    assert_one(bench, 6, 12, ""); /* ends before the first record of a batch */
    assert_one(bench, 14, 20, "");
    assert_one(bench, 23, 30, ""); /* what is left of the log is empty */
}

/* 0 plain, 1-2 of producer 7 aborted by 3, 4 of producer 8 committed by 5, 6-7 of 7 aborted by 8.
 */
static void what_was_aborted_is_passed(void **state)
{
    struct errand_bench *bench = *state;
    append(bench, &(struct batch_plan){.times = {10}});
    append(bench, &(struct batch_plan){.producer_id = 7, .times = {11, 12}});
    append_marker(bench, 0, 7, false);
    append(bench, &(struct batch_plan){.producer_id = 8, .times = {13}});
    append_marker(bench, 0, 8, true);
    append(bench, &(struct batch_plan){.producer_id = 7, .times = {14, 15}});
    append_marker(bench, 0, 7, false);
    abort_from(bench, 0, 7, 1);
    abort_from(bench, 0, 7, 6);
    assert_one(bench, 0, 9, "0:0@10 0:4@13");
    assert_one(bench, 0, 2, "0:0@10"); /* ends inside of what was aborted */
    assert_one(bench, 2, 7, "0:4@13"); /* begins there, too */
    assert_one(bench, 5, 9, "");
}

static void commit_later(struct errand_bench *bench)
{
    sim_run(bench->sim, sim_now(bench->sim) + 5 * UINT64_C(1000000000));
    append_marker(bench, 0, 7, true);
    fake_cluster_set_open(bench->cluster, fake_cluster_get(bench->cluster, "t", 0), false);
}

static void an_open_transaction_is_waited_for(void **state)
{
    struct errand_bench *bench = *state;
    append(bench, &(struct batch_plan){.times = {10}});
    fake_cluster_set_open(bench->cluster, fake_cluster_get(bench->cluster, "t", 0), true);
    append(bench, &(struct batch_plan){.producer_id = 7, .times = {11}});
    append(bench, &(struct batch_plan){.partition = 1, .times = {12}});
    const struct topic_sweep_range ranges[] = {{"t", 0, 0, 2}, {"t", 1, 0, 1}};
    bench->on_wait = commit_later;
    assert_slice(bench, ranges, 2, "0:0@10 0:1@11 1:0@12");
}

static void damage_ends_the_reading(void **state)
{
    struct errand_bench *bench = *state;
    struct record record;
    int64_t time_ms;
    append(bench, &(struct batch_plan){.times = {10, 11}});
    append(bench, &(struct batch_plan){.times = {12, 13}});
    fake_cluster_get(bench->cluster, "t", 0)->batches[1].data.data[70] ^= 1;
    const struct topic_sweep_range range = {"t", 0, 0, 4};
    struct slice_reader *reader = slice_reader_new(&bench->errand, &range, 1, NULL, NULL);
    assert_int_equal(slice_reader_next(reader, INT64_MAX, &record, &time_ms), 1);
    assert_int_equal(slice_reader_next(reader, INT64_MAX, &record, &time_ms), 1);
    assert_int_equal(slice_reader_next(reader, INT64_MAX, &record, &time_ms),
                     ERROR_CORRUPT_MESSAGE);
    slice_reader_free(reader);
}

static void interrupt(struct errand_bench *bench)
{
    bench->world.is_interrupted = true;
    bench->is_stopped = true;
}

/* A signal comes while records are waited for; what was fetched is given back. */
static void a_signal_ends_the_reading(void **state)
{
    struct errand_bench *bench = *state;
    struct record record;
    int64_t time_ms;
    const struct topic_sweep_range range = {"t", 0, 0, 4};
    struct slice_reader *reader = slice_reader_new(&bench->errand, &range, 1, NULL, NULL);
    bench->on_wait = interrupt;
    assert_int_equal(slice_reader_next(reader, INT64_MAX, &record, &time_ms), ERROR_CANCELLED);
    slice_reader_free(reader);
}

int main(void)
{
#define SLICE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, errand_bench_teardown)
    const struct CMUnitTest tests[] = {
        SLICE_TEST(a_slice_may_begin_and_end_inside_of_batches),
        SLICE_TEST(an_empty_slice_asks_for_nothing),
        SLICE_TEST(partitions_are_merged_by_time),
        SLICE_TEST(reading_stops_at_a_time_and_goes_on),
        SLICE_TEST(whoever_reads_tells_the_time),
        SLICE_TEST(offsets_that_compaction_removed_are_passed),
        SLICE_TEST(what_was_aborted_is_passed),
        SLICE_TEST(an_open_transaction_is_waited_for),
        SLICE_TEST(damage_ends_the_reading),
        SLICE_TEST(a_signal_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
