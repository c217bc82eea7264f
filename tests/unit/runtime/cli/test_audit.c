/* Shows that the check of a data directory is silent about a good one and names each kind of
 * damage, one line each. The directory is made by hand on a simulated disk. */
#include "log/base/crc32c.h"
#include "log/base/endian.h"
#include "log/base/error.h"
#include "log/wire/batch.h"
#include "runtime/cli/audit.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <string.h>

#define LOG_0 "data/orders-0/00000000000000000000"
#define LOG_4 "data/orders-0/00000000000000000004"

struct fixture {
    struct sim *sim;
    struct io *io;
    struct buffer problems;
    struct audit audit;
};

static void write_file(struct fixture *fixture, const char *path, struct bytes content)
{
    struct io_file *file;
    assert_int_equal(io_file_open(fixture->io, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    assert_int_equal(io_file_truncate(fixture->io, file, 0), 0);
    assert_int_equal(io_file_write(fixture->io, file, &content, 1, 0), 0);
    io_file_close(fixture->io, file);
}

/* Appends a batch of two records. */
static void add_batch(struct buffer *out, int64_t base_offset, int32_t epoch,
                      enum compress_codec codec)
{
    struct batch_builder builder;
    batch_builder_init(&builder, codec);
    builder.base_offset = base_offset;
    builder.leader_epoch = epoch;
    batch_builder_add(&builder, 1000 + base_offset, bytes_make("k", 1), bytes_make("first", 5),
                      NULL, 0);
    batch_builder_add(&builder, 1001 + base_offset, bytes_make("k", 1), bytes_make("second", 6),
                      NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, out), 0);
    batch_builder_fini(&builder);
}

static void write_index(struct fixture *fixture, uint32_t relative_offset, uint32_t position)
{
    uint8_t entry[8];
    endian_write_u32(entry, relative_offset);
    endian_write_u32(entry + 4, position);
    write_file(fixture, LOG_0 ".index", bytes_make(entry, sizeof(entry)));
}

static void write_snapshot(struct fixture *fixture, uint32_t crc_error)
{
    uint8_t content[10] = {0, 1};
    endian_write_u32(content + 2, crc32c_update(0, content + 6, 4) + crc_error);
    write_file(fixture, LOG_4 ".snapshot", bytes_make(content, sizeof(content)));
}

/* Offsets 0 to 3 with epoch 0 in the first segment, 4 and 5 with epoch 2 in the second. */
static void write_segments(struct fixture *fixture)
{
    struct buffer bytes;
    buffer_init(&bytes);
    add_batch(&bytes, 0, 0, COMPRESS_NONE);
    size_t second = bytes.size;
    add_batch(&bytes, 2, 0, COMPRESS_LZ4);
    write_file(fixture, LOG_0 ".log", buffer_bytes(&bytes));
    write_index(fixture, 3, (uint32_t)second);
    buffer_clear(&bytes);
    add_batch(&bytes, 4, 2, COMPRESS_NONE);
    write_file(fixture, LOG_4 ".log", buffer_bytes(&bytes));
    buffer_fini(&bytes);
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.sim = sim_new(1, 1)};
    fixture.io = sim_io(fixture.sim, 0);
    buffer_init(&fixture.problems);
    fixture.audit = (struct audit){.io = fixture.io, .problems = &fixture.problems};
    assert_int_equal(io_dir_make(fixture.io, "data"), 0);
    assert_int_equal(io_dir_make(fixture.io, "data/orders-0"), 0);
    assert_int_equal(io_dir_make(fixture.io, "data/gone-0.abc-delete"), 0);
    write_segments(&fixture);
    write_snapshot(&fixture, 0);
    write_file(&fixture, "data/orders-0/leader-epoch-checkpoint",
               BYTES_LITERAL("0\n2\n0 0\n2 4\n"));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    buffer_fini(&fixture->problems);
    sim_free(fixture->sim);
    return 0;
}

static void expect_problem(struct fixture *fixture, const char *text)
{
    assert_int_equal(audit_directory(&fixture->audit, "data"), 0);
    const char *problems = buffer_string(&fixture->problems);
    assert_non_null(strstr(problems, text));
    assert_int_equal(fixture->audit.problem_count, 1);
}

static void a_good_directory_has_no_problems(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(audit_directory(&fixture->audit, "data"), 0);
    assert_string_equal(buffer_string(&fixture->problems), "");
    assert_int_equal(fixture->audit.log_count, 1);
    assert_int_equal(fixture->audit.segment_count, 2);
    assert_int_equal(fixture->audit.batch_count, 3);
    assert_int_equal(fixture->audit.record_count, 6);
}

static void one_log_can_be_named_alone(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(audit_directory(&fixture->audit, "data/orders-0"), 0);
    assert_int_equal(fixture->audit.batch_count, 3);
    assert_int_equal(fixture->audit.problem_count, 0);
}

static void a_flipped_bit_breaks_the_crc(void **state)
{
    struct fixture *fixture = *state;
    assert_true(sim_corrupt(fixture->sim, 0, LOG_4 ".log", BATCH_HEADER_SIZE + 3, 2));
    expect_problem(fixture, "batch at 0: the CRC of offsets 4 to 5 does not match");
}

static void a_torn_end_is_named(void **state)
{
    struct fixture *fixture = *state;
    struct io_file *file;
    assert_int_equal(io_file_open(fixture->io, LOG_4 ".log", IO_OPEN_WRITE, &file), 0);
    assert_int_equal(io_file_truncate(fixture->io, file, 70), 0);
    io_file_close(fixture->io, file);
    assert_int_equal(audit_directory(&fixture->audit, "data"), 0);
    assert_non_null(strstr(buffer_string(&fixture->problems), "no whole batch at 0 of 70 bytes"));
}

static void write_zeroes(struct fixture *fixture, const char *path, size_t size)
{
    struct buffer content;
    buffer_init(&content);
    memset(buffer_reserve(&content, size), 0, size);
    content.size = size;
    write_file(fixture, path, buffer_bytes(&content));
    buffer_fini(&content);
}

/* As an Apache Kafka leaves them that did not stop: entries, and zeroes to their full size. */
static void indexes_may_be_preallocated(void **state)
{
    struct fixture *fixture = *state;
    write_zeroes(fixture, LOG_4 ".index", 800);
    write_zeroes(fixture, LOG_4 ".timeindex", 1200);
    write_zeroes(fixture, LOG_0 ".timeindex", 12);
    assert_int_equal(audit_directory(&fixture->audit, "data"), 0);
    assert_string_equal(buffer_string(&fixture->problems), "");
    write_zeroes(fixture, LOG_4 ".index", 804);
    expect_problem(fixture, "its index has 804 bytes, no multiple of 8");
}

static void an_index_must_point_at_batches(void **state)
{
    struct fixture *fixture = *state;
    write_index(fixture, 3, 17);
    expect_problem(fixture, "an index entry for offset 3 points at 17, where no batch begins");
}

static void an_index_must_name_an_offset_of_its_batch(void **state)
{
    struct fixture *fixture = *state;
    write_index(fixture, 3, 0);
    expect_problem(fixture, "an index entry for offset 3 points at the batch of 0 to 1");
}

static void an_index_must_end_with_its_segment(void **state)
{
    struct fixture *fixture = *state;
    write_index(fixture, 3, 100000);
    expect_problem(fixture, "an index entry points at 100000, beyond the last batch");
}

static void a_snapshot_must_have_its_crc(void **state)
{
    struct fixture *fixture = *state;
    write_snapshot(fixture, 1);
    expect_problem(fixture, "the CRC of the producer snapshot does not match");
}

static void the_checkpoint_must_know_every_epoch(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "data/orders-0/leader-epoch-checkpoint", BYTES_LITERAL("0\n1\n0 0\n"));
    expect_problem(fixture, "leader epoch 2 at offset 4 is missing");
}

/* The log was cut at offset 1, inside the first batch. */
static void the_first_epoch_may_begin_inside_a_batch(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "data/orders-0/leader-epoch-checkpoint", BYTES_LITERAL("0\n2\n0 1\n2 4\n"));
    assert_int_equal(audit_directory(&fixture->audit, "data"), 0);
    assert_int_equal(fixture->audit.problem_count, 0);
    write_file(fixture, "data/orders-0/leader-epoch-checkpoint", BYTES_LITERAL("0\n2\n0 1\n2 5\n"));
    expect_problem(fixture, "leader epoch 2 begins at 4, but the checkpoint says 5");
}

static void the_checkpoint_must_follow_its_format(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "data/orders-0/leader-epoch-checkpoint", BYTES_LITERAL("0\n2\n0 0\nx"));
    expect_problem(fixture, "leader-epoch-checkpoint: does not follow its format");
}

static void offsets_must_rise_across_segments(void **state)
{
    struct fixture *fixture = *state;
    struct buffer bytes;
    buffer_init(&bytes);
    add_batch(&bytes, 2, 2, COMPRESS_NONE);
    write_file(fixture, LOG_4 ".log", buffer_bytes(&bytes));
    buffer_fini(&bytes);
    write_file(fixture, "data/orders-0/leader-epoch-checkpoint", BYTES_LITERAL("0\n2\n0 0\n2 2\n"));
    expect_problem(fixture, "base offset 2 does not rise (expected 4 or more)");
}

static void a_missing_directory_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(audit_directory(&fixture->audit, "nowhere"), ERROR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_directory_has_no_problems, setup, teardown),
        cmocka_unit_test_setup_teardown(one_log_can_be_named_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_flipped_bit_breaks_the_crc, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_end_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(indexes_may_be_preallocated, setup, teardown),
        cmocka_unit_test_setup_teardown(an_index_must_point_at_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(an_index_must_name_an_offset_of_its_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(an_index_must_end_with_its_segment, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_must_have_its_crc, setup, teardown),
        cmocka_unit_test_setup_teardown(the_checkpoint_must_know_every_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_epoch_may_begin_inside_a_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(the_checkpoint_must_follow_its_format, setup, teardown),
        cmocka_unit_test_setup_teardown(offsets_must_rise_across_segments, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_directory_is_an_error, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
