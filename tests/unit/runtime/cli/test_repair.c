/* Shows what a repair does to each kind of damage: nothing until it is told to, nothing without a
 * copy, and afterwards the check of the directory is silent; whatever call fails or is the last one
 * before the power goes. The directory is made by hand on a
 * simulated disk. */
#include "log/base/error.h"
#include "log/store/log_points.h"
#include "log/wire/batch.h"
#include "runtime/cli/audit.h"
#include "runtime/cli/repair.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define LOG "data/orders-0/00000000000000000000"

struct fixture {
    struct sim *sim;
    struct io *io;
    struct buffer segment; /* as it was made: three batches of two records */
    size_t second, third;  /* where batches begin */
    struct buffer told;
    struct repair repair;
};

static void write_file(struct fixture *fixture, const char *path, struct bytes content)
{
    struct io_file *file;
    assert_int_equal(io_file_open(fixture->io, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    assert_int_equal(io_file_truncate(fixture->io, file, 0), 0);
    assert_int_equal(io_file_write(fixture->io, file, &content, 1, 0), 0);
    assert_int_equal(io_file_sync(fixture->io, file), 0);
    io_file_close(fixture->io, file);
    assert_int_equal(io_dir_sync(fixture->io, "."), 0);
    assert_int_equal(io_dir_sync(fixture->io, "data"), 0);
    assert_int_equal(io_dir_sync(fixture->io, "data/orders-0"), 0);
}

/* Freed by the caller; NULL when there is no such file. */
static char *read_file(struct fixture *fixture, const char *path, size_t *size)
{
    struct io_file *file;
    uint64_t length = 0;
    if (io_file_open(fixture->io, path, IO_OPEN_READ, &file) != 0) {
        return NULL;
    }
    assert_int_equal(io_file_size(fixture->io, file, &length), 0);
    char *content = calloc(1, length + 1);
    assert_int_equal(io_file_read(fixture->io, file, content, length, 0, IO_READ_WAIT), length);
    io_file_close(fixture->io, file);
    *size = length;
    return content;
}

static bool exists(struct fixture *fixture, const char *path)
{
    struct io_file_info info;
    return io_path_info(fixture->io, path, &info) == 0;
}

static void add_batch(struct buffer *out, int64_t base_offset)
{
    struct batch_builder builder;
    batch_builder_init(&builder, COMPRESS_NONE);
    builder.base_offset = base_offset;
    builder.leader_epoch = 3;
    batch_builder_add(&builder, 1000, bytes_make("k", 1), bytes_make("first", 5), NULL, 0);
    batch_builder_add(&builder, 1001, bytes_make("k", 1), bytes_make("second", 6), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, out), 0);
    batch_builder_fini(&builder);
}

static void write_point(struct fixture *fixture, int64_t recovery_offset, int64_t position)
{
    struct log_points points;
    const struct log_point point = {.recovery_offset = recovery_offset, .position = position};
    log_points_init(&points);
    log_points_put(&points, "orders-0", &point);
    assert_int_equal(log_points_write(&points, fixture->io, "data"), 0);
    log_points_fini(&points);
}

static struct log_point read_point(struct fixture *fixture)
{
    struct log_points points;
    log_points_init(&points);
    assert_int_equal(log_points_read(&points, fixture->io, "data"), 0);
    struct log_point point = *log_points_find(&points, "orders-0");
    log_points_fini(&points);
    return point;
}

/* The broker walks nothing of a mended log: its point is its end. */
static void expect_settled(struct fixture *fixture, int64_t end_offset)
{
    struct log_point point = read_point(fixture);
    struct io_file_info info;
    assert_int_equal(io_path_info(fixture->io, LOG ".log", &info), 0);
    assert_int_equal(point.recovery_offset, end_offset);
    assert_int_equal(point.segment_offset, 0);
    assert_int_equal(point.position, info.size);
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.sim = sim_new(1, 1)};
    fixture.io = sim_io(fixture.sim, 0);
    buffer_init(&fixture.segment);
    buffer_init(&fixture.told);
    fixture.repair = (struct repair){.io = fixture.io, .out = &fixture.told};
    assert_int_equal(io_dir_make(fixture.io, "data"), 0);
    assert_int_equal(io_dir_make(fixture.io, "data/orders-0"), 0);
    add_batch(&fixture.segment, 0);
    fixture.second = fixture.segment.size;
    add_batch(&fixture.segment, 2);
    fixture.third = fixture.segment.size;
    add_batch(&fixture.segment, 4);
    write_file(&fixture, LOG ".log", buffer_bytes(&fixture.segment));
    write_file(&fixture, "data/orders-0/leader-epoch-checkpoint", BYTES_LITERAL("0\n1\n3 0\n"));
    write_file(&fixture, "data/.lock", BYTES_LITERAL(""));
    write_point(&fixture, 4, (int64_t)fixture.third);
    write_file(&fixture, "data/.kafka_cleanshutdown", BYTES_LITERAL("{}"));
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    buffer_fini(&fixture->segment);
    buffer_fini(&fixture->told);
    sim_free(fixture->sim);
    return 0;
}

/* Says what it would do and changes nothing; then does it, and the check is silent. */
static void expect_mended(struct fixture *fixture, const char *sentence, int64_t lost)
{
    size_t before_size, after_size;
    char *before = read_file(fixture, LOG ".log", &before_size);
    assert_int_equal(repair_directory(&fixture->repair, "data"), 0);
    assert_non_null(strstr(buffer_string(&fixture->told), sentence));
    char *after = read_file(fixture, LOG ".log", &after_size);
    assert_int_equal(before_size, after_size);
    assert_memory_equal(before, after, after_size);
    assert_false(exists(fixture, "data/quarantined"));
    assert_true(exists(fixture, "data/.kafka_cleanshutdown"));
    free(before);
    free(after);
    fixture->repair.lost_count = 0;
    fixture->repair.is_applied = true;
    assert_int_equal(repair_directory(&fixture->repair, "data"), 0);
    assert_int_equal(fixture->repair.lost_count, lost);
    assert_false(exists(fixture, "data/.kafka_cleanshutdown"));
    buffer_clear(&fixture->told);
    struct audit audit = {.io = fixture->io, .problems = &fixture->told};
    assert_int_equal(audit_directory(&audit, "data"), 0);
    assert_string_equal(buffer_string(&fixture->told), "");
    fixture->repair.problem_count = 0;
    assert_int_equal(repair_directory(&fixture->repair, "data"), 0);
    assert_int_equal(fixture->repair.problem_count, 0);
    expect_settled(fixture, audit.end_offset);
}

static void expect_segment(struct fixture *fixture, const char *path, size_t from, size_t to)
{
    size_t size;
    char *content = read_file(fixture, path, &size);
    assert_non_null(content);
    assert_int_equal(size, to - from);
    assert_memory_equal(content, fixture->segment.data + from, size);
    free(content);
}

static void a_good_directory_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    fixture->repair.is_applied = true;
    assert_int_equal(repair_directory(&fixture->repair, "data"), 0);
    assert_int_equal(fixture->repair.problem_count, 0);
    assert_true(exists(fixture, "data/.kafka_cleanshutdown"));
}

static void a_torn_end_is_cut_and_kept_aside(void **state)
{
    struct fixture *fixture = *state;
    size_t torn = fixture->segment.size - 5;
    write_file(fixture, LOG ".log", bytes_make(fixture->segment.data, torn));
    expect_mended(fixture, "hold no whole batch", 0);
    expect_segment(fixture, LOG ".log", 0, fixture->third);
    expect_segment(fixture, "data/quarantined/orders-0/00000000000000000000.log", 0, torn);
}

static void a_damaged_batch_goes_and_those_behind_it_stay(void **state)
{
    struct fixture *fixture = *state;
    assert_true(
        sim_corrupt(fixture->sim, 0, LOG ".log", fixture->second + BATCH_HEADER_SIZE + 3, 2));
    expect_mended(fixture, "offsets 2 to 3 are lost", 2);
    size_t size;
    char *content = read_file(fixture, LOG ".log", &size);
    assert_int_equal(size, fixture->segment.size - (fixture->third - fixture->second));
    assert_memory_equal(content, fixture->segment.data, fixture->second);
    assert_memory_equal(content + fixture->second, fixture->segment.data + fixture->third,
                        fixture->segment.size - fixture->third);
    free(content);
}

static void a_length_that_lies_does_not_hide_what_follows(void **state)
{
    struct fixture *fixture = *state;
    /* The high byte of the batch's length. */
    assert_true(sim_corrupt(fixture->sim, 0, LOG ".log", fixture->second + 8, 6));
    expect_mended(fixture, "offsets 2 to 3 are lost", 2);
}

static bool tells_of_id(struct fixture *fixture, size_t position)
{
    assert_int_equal(io_path_rename(fixture->io, "data/orders-0", "data/__cluster_metadata-0"), 0);
    assert_true(sim_corrupt(fixture->sim, 0, "data/__cluster_metadata-0/00000000000000000000.log",
                            position + BATCH_HEADER_SIZE + 3, 2));
    assert_int_equal(repair_directory(&fixture->repair, "data"), 0);
    const char *told = buffer_string(&fixture->told);
    assert_non_null(strstr(told, "data/__cluster_metadata-0: topics, settings and quotas may be"));
    return strstr(told, "unless cluster.id says what it was") != NULL;
}

static void what_the_metadata_log_loses_is_told(void **state)
{
    struct fixture *fixture = *state;
    assert_false(tells_of_id(fixture, fixture->second));
}

static void what_it_loses_at_its_beginning_is_the_id_too(void **state)
{
    assert_true(tells_of_id(*state, 0));
}

static void a_base_offset_that_was_flipped_is_put_right(void **state)
{
    struct fixture *fixture = *state;
    /* No CRC covers it: the batch would claim half of all offsets. */
    assert_true(sim_corrupt(fixture->sim, 0, LOG ".log", fixture->second + 2, 5));
    expect_mended(fixture, "set to 2, where it fits; nothing is lost", 0);
    expect_segment(fixture, LOG ".log", 0, fixture->segment.size);
}

static void a_leader_epoch_that_was_flipped_is_put_right(void **state)
{
    struct fixture *fixture = *state;
    assert_true(sim_corrupt(fixture->sim, 0, LOG ".log", fixture->second + 13, 4));
    expect_mended(fixture, "that of its neighbours; nothing is lost", 0);
    expect_segment(fixture, LOG ".log", 0, fixture->segment.size);
}

static void an_index_that_does_not_fit_is_removed(void **state)
{
    struct fixture *fixture = *state;
    static const uint8_t entry[8] = {0, 0, 0, 3, 0, 0, 0, 7};
    write_file(fixture, LOG ".index", bytes_make(entry, sizeof entry));
    expect_mended(fixture, "00000000000000000000.index: does not fit its segment", 0);
    assert_false(exists(fixture, LOG ".index"));
    assert_true(exists(fixture, "data/quarantined/orders-0/00000000000000000000.index"));
    expect_segment(fixture, LOG ".log", 0, fixture->segment.size);
}

static void a_damaged_snapshot_is_removed(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "data/orders-0/00000000000000000004.snapshot",
               BYTES_LITERAL("\0\1\0\0\0\0\0\0\0\0"));
    expect_mended(fixture, "00000000000000000004.snapshot: is damaged", 0);
    assert_false(exists(fixture, "data/orders-0/00000000000000000004.snapshot"));
}

static void epochs_are_written_from_the_batches(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "data/orders-0/leader-epoch-checkpoint", BYTES_LITERAL("0\n1\n2 0\n"));
    expect_mended(fixture, "leader-epoch-checkpoint: does not fit the batches", 0);
    size_t size;
    char *content = read_file(fixture, "data/orders-0/leader-epoch-checkpoint", &size);
    assert_string_equal(content, "0\n1\n3 0\n");
    free(content);
}

static void a_log_that_ends_below_its_point_is_taken_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    write_point(fixture, 6, (int64_t)fixture->segment.size);
    write_file(fixture, LOG ".log", bytes_make(fixture->segment.data, fixture->third));
    expect_mended(fixture, "offsets 4 to 5 were on the disk and are in no file any more", 2);
    expect_segment(fixture, LOG ".log", 0, fixture->third);
}

static void points_of_others_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(io_path_remove(fixture->io, "data/recovery-points"), 0);
    write_file(fixture, "data/recovery-point-offset-checkpoint",
               BYTES_LITERAL("0\n1\norders 0 4\n"));
    write_file(fixture, LOG ".log", bytes_make(fixture->segment.data, fixture->segment.size - 1));
    fixture->repair.is_applied = true;
    assert_int_equal(repair_directory(&fixture->repair, "data"), 0);
    assert_int_equal(fixture->repair.mended_count, 1);
    assert_false(exists(fixture, "data/recovery-points"));
}

static void a_second_repair_keeps_both_copies(void **state)
{
    struct fixture *fixture = *state;
    fixture->repair.is_applied = true;
    for (int i = 0; i < 2; i++) {
        write_file(fixture, LOG ".log",
                   bytes_make(fixture->segment.data, fixture->segment.size - 1));
        assert_int_equal(repair_directory(&fixture->repair, "data"), 0);
    }
    assert_true(exists(fixture, "data/quarantined/orders-0/00000000000000000000.log"));
    assert_true(exists(fixture, "data/quarantined/orders-0/00000000000000000000.log.1"));
}

static void a_directory_in_use_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct io_file *lock;
    assert_int_equal(io_file_open(fixture->io, "data/.lock", IO_OPEN_WRITE, &lock), 0);
    assert_int_equal(io_file_lock(fixture->io, lock), 0);
    assert_int_equal(repair_directory(&fixture->repair, "data"), ERROR_BUSY);
    io_file_close(fixture->io, lock);
    assert_int_equal(repair_directory(&fixture->repair, "data"), 0);
}

/* A broker of Apache Kafka starts no more beside a folder that is none of its logs. */
static void a_directory_of_apache_kafka_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture, "data/meta.properties", BYTES_LITERAL("version=1\n"));
    write_file(fixture, "data/orders-0/00000000000000000000.log",
               bytes_make(fixture->segment.data, fixture->segment.size - 1));
    assert_int_equal(repair_directory(&fixture->repair, "data"), ERROR_UNSUPPORTED);
    assert_false(exists(fixture, "data/quarantined"));
    assert_int_equal(fixture->repair.problem_count, 0);
}

/* Where a repair is struck, and how. */
struct strike {
    uint64_t at; /* the call */
    enum sim_verdict verdict;
    bool is_done;
};

static enum sim_verdict strike(void *owner, const struct sim_call *call)
{
    struct strike *blow = owner;
    if (call->index != blow->at) {
        return SIM_GO_ON;
    }
    blow->is_done = true;
    return blow->verdict;
}

/* The segment is the old one, or the mended one with the old one kept aside; then a new repair ends
 * what was begun. False when the blow came after the end. */
static bool survive(uint64_t distance, enum sim_verdict verdict)
{
    void *state;
    setup(&state);
    struct fixture *fixture = state;
    assert_true(
        sim_corrupt(fixture->sim, 0, LOG ".log", fixture->second + BATCH_HEADER_SIZE + 3, 2));
    write_file(fixture, "data/orders-0/00000000000000000004.snapshot",
               BYTES_LITERAL("\0\1\0\0\0\0\0\0\0\0"));
    size_t old_size, new_size, kept_size = 0;
    char *old = read_file(fixture, LOG ".log", &old_size);
    struct strike blow = {.at = sim_operation_count(fixture->sim, 0) + distance,
                          .verdict = verdict};
    fixture->repair.is_applied = true;
    sim_on_operation(fixture->sim, strike, &blow);
    (void)!repair_directory(&fixture->repair, "data");
    sim_on_operation(fixture->sim, NULL, NULL);
    fixture->io = sim_io(fixture->sim, 0);
    char *now = read_file(fixture, LOG ".log", &new_size);
    assert_non_null(now);
    if (new_size != old_size || memcmp(now, old, old_size) != 0) {
        char *kept =
            read_file(fixture, "data/quarantined/orders-0/00000000000000000000.log", &kept_size);
        assert_non_null(kept);
        assert_int_equal(kept_size, old_size);
        assert_memory_equal(kept, old, old_size);
        assert_int_equal(new_size, old_size - (fixture->third - fixture->second));
        assert_false(exists(fixture, "data/.kafka_cleanshutdown"));
        /* A broker would take the log offline, or find it durable to its end. */
        struct log_point point = read_point(fixture);
        assert_true(point.recovery_offset > 6 ||
                    (point.recovery_offset == 6 && point.position == (int64_t)new_size));
        free(kept);
    }
    free(old);
    free(now);
    buffer_clear(&fixture->told);
    fixture->repair.io = fixture->io;
    assert_int_equal(repair_directory(&fixture->repair, "data"), 0);
    buffer_clear(&fixture->told);
    struct audit audit = {.io = fixture->io, .problems = &fixture->told};
    assert_int_equal(audit_directory(&audit, "data"), 0);
    assert_string_equal(buffer_string(&fixture->told), "");
    assert_int_equal(audit.batch_count, 2);
    struct log_point settled = read_point(fixture);
    assert_true(settled.recovery_offset == 6 || !exists(fixture, "data/quarantined/orders-0"));
    teardown(&state);
    return blow.is_done;
}

static void whatever_strikes_a_repair_nothing_is_lost(void **state)
{
    static const enum sim_verdict verdicts[] = {SIM_FAIL,        SIM_NO_SPACE, SIM_CRASH,
                                                SIM_CRASH_AFTER, SIM_KILL,     SIM_KILL_AFTER};
    (void)state;
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        uint64_t distance = 0;
        while (survive(distance, verdicts[i])) {
            distance++;
        }
        assert_true(distance > 30);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_good_directory_is_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_torn_end_is_cut_and_kept_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_batch_goes_and_those_behind_it_stay, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_length_that_lies_does_not_hide_what_follows, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_base_offset_that_was_flipped_is_put_right, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_leader_epoch_that_was_flipped_is_put_right, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_index_that_does_not_fit_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_snapshot_is_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(epochs_are_written_from_the_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_that_ends_below_its_point_is_taken_as_it_is, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(points_of_others_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_repair_keeps_both_copies, setup, teardown),
        cmocka_unit_test_setup_teardown(what_the_metadata_log_loses_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_loses_at_its_beginning_is_the_id_too, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_directory_in_use_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_of_apache_kafka_is_left_alone, setup, teardown),
        cmocka_unit_test(whatever_strikes_a_repair_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
