/* Shows that the nodes are told of the records of a batch before these come, as long as they have a
 * use for it; that records come in their order all the same; and that what a batch has before it
 * breaks off is not lost. */
#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/wire/batch.h"
#include "runtime/task/task_input.h"
#include "tests/unit/runtime/task/task_bench.h"

enum { RECORDS = 3 * TASK_INPUT_AHEAD + 1, CRC_AT = 17, CRC_FROM = 21, COUNT_AT = 57 };

/* One batch of `count` records whose times are their offsets. With a claim it says that there are
 * so many. */
static void append_batch(struct task_bench *bench, int64_t base_offset, int count, int claim)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    for (int i = 0; i < count; i++) {
        batch_builder_add(&builder, base_offset + i, BYTES_LITERAL("k"),
                          bytes_from_string(bench->options.has_time ? "{\"t\":5}" : ""), NULL, 0);
    }
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    if (claim > 0) {
        endian_write_i32(encoded.data + COUNT_AT, claim);
        endian_write_u32(encoded.data + CRC_AT,
                         crc32c_update(0, encoded.data + CRC_FROM, encoded.size - CRC_FROM));
    }
    fake_cluster_append(bench->clients->cluster,
                        fake_cluster_get(bench->clients->cluster, "left", 0),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

static void expect_offsets(const struct task_bench *bench, int64_t count)
{
    const char *at = (const char *)buffer_bytes(&bench->notes).data;
    const char *end = at + bench->notes.size;
    for (int64_t i = 0; i < count; i++) {
        char note[32];
        int size = snprintf(note, sizeof note, "%sleft@%lld:", i == 0 ? "" : " ", (long long)i);
        assert_true(end - at >= size && memcmp(at, note, (size_t)size) == 0);
        at += size;
        while (at < end && *at != ' ') {
            at++;
        }
    }
    assert_ptr_equal(at, end);
}

static void nodes_are_told_what_comes(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){.is_curious = true});
    append_batch(bench, 0, RECORDS, 0);
    append_batch(bench, RECORDS, 1, 0);
    task_bench_start(bench);
    client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
    assert_int_equal(task_process(bench->task, 1, INT64_MAX), 1);
    assert_int_equal(bench->expected_count, TASK_INPUT_AHEAD);
    assert_int_equal(task_pending_count(bench->task), RECORDS); /* what is told is not taken */
    task_bench_run(bench);
    assert_int_equal(bench->expected_count, RECORDS + 1);
    expect_offsets(bench, RECORDS + 1);
    task_bench_free(bench);
}

static void who_has_no_use_for_it_is_asked_once_in_a_batch(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){0});
    append_batch(bench, 0, RECORDS, 0);
    append_batch(bench, RECORDS, RECORDS, 0);
    task_bench_start(bench);
    task_bench_run(bench);
    assert_int_equal(bench->expected_count, 2);
    expect_offsets(bench, 2 * RECORDS);
    task_bench_free(bench);
}

static void a_time_in_the_value_is_not_known_yet(void **state)
{
    (void)state;
    struct task_bench *bench =
        task_bench_new(&(struct task_bench_options){.is_curious = true, .has_time = true});
    append_batch(bench, 0, RECORDS, 0);
    task_bench_start(bench);
    task_bench_run(bench);
    assert_int_equal(bench->expected_count, RECORDS);
    task_bench_free(bench);
}

static void a_batch_that_breaks_off_gives_what_it_has(void **state)
{
    (void)state;
    for (int is_curious = 0; is_curious < 2; is_curious++) {
        struct task_bench *bench =
            task_bench_new(&(struct task_bench_options){.is_curious = is_curious == 1});
        append_batch(bench, 0, RECORDS, RECORDS + 1);
        task_bench_start(bench);
        task_bench_run(bench);
        expect_offsets(bench, RECORDS);
        assert_int_equal(bench->failed_count, 1);
        assert_non_null(strstr(bench->reason, "reading left-0 at offset"));
        task_bench_free(bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_told_what_comes),
        cmocka_unit_test(who_has_no_use_for_it_is_asked_once_in_a_batch),
        cmocka_unit_test(a_time_in_the_value_is_not_known_yet),
        cmocka_unit_test(a_batch_that_breaks_off_gives_what_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
