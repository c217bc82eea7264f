/* Shows what is cut and what is not: a torn tail goes, damage below the recovery point takes the
 * log offline and touches nothing, missing indexes are made anew. */
#include "tests/unit/log/store/fixture.h"

static const char segment_path[] = "/data/orders-0/00000000000000000000.log";

static void append_and_settle(struct fixture *fixture, int count)
{
    for (int i = 0; i < count; i++) {
        fixture_append(fixture, 2);
    }
    fixture_settle(fixture);
}

static uint64_t size_of(struct fixture *fixture, const char *path)
{
    struct io_file_info info = {.size = 0};
    assert_int_equal(io_path_info(sim_io(fixture->sim, 0), path, &info), 0);
    return info.size;
}

static void reopen_killed(struct fixture *fixture)
{
    sim_kill(fixture->sim, 0);
    store_abandon(fixture->store);
    fixture->store = NULL;
}

static void damage_at_the_end_is_cut_once(void **state)
{
    struct fixture *fixture = *state;
    append_and_settle(fixture, 10);
    uint64_t size = size_of(fixture, segment_path);
    reopen_killed(fixture);
    assert_true(sim_corrupt(fixture->sim, 0, segment_path, size - 5, 3));
    fixture_open(fixture);
    assert_int_equal(log_status(fixture->log), 0);
    assert_int_equal(log_end_offset(fixture->log), 18);
    assert_int_equal(fixture_count(fixture), 18);
    uint64_t cut = size_of(fixture, segment_path);
    assert_int_equal(cut, size - size / 10);
    fixture_crash(fixture);
    assert_int_equal(size_of(fixture, segment_path), cut);
    assert_int_equal(log_end_offset(fixture->log), 18);
}

/* As a process leaves it that dies before it made it durable. */
static void a_directory_that_was_made_before_is_made_durable(void **state)
{
    struct fixture *fixture = *state;
    fixture->options = store_options_default("/other");
    store_abandon(fixture->store);
    assert_int_equal(io_dir_make(sim_io(fixture->sim, 0), "/other"), 0);
    sim_kill(fixture->sim, 0);
    fixture_open(fixture);
    fixture_create(fixture);
    append_and_settle(fixture, 3);
    fixture_crash(fixture);
    assert_non_null(fixture->log);
    assert_int_equal(log_end_offset(fixture->log), 6);
}

/* With those that it lies in, of which some may be there. */
static void a_directory_is_made_with_its_parents(void **state)
{
    static const char *const paths[] = {"/a/b/c", "/a/b/d/", "x/y", "/a//e/f", "/other/g"};
    struct fixture *fixture = *state;
    assert_int_equal(io_dir_make(sim_io(fixture->sim, 0), "/other"), 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        sim_kill(fixture->sim, 0);
        store_abandon(fixture->store);
        fixture->options = store_options_default(paths[i]);
        fixture_open(fixture);
        fixture_create(fixture);
        append_and_settle(fixture, 3);
        fixture_crash(fixture);
        assert_non_null(fixture->log);
        assert_int_equal(log_end_offset(fixture->log), 6);
    }
}

static void a_batch_that_is_torn_in_the_middle_takes_what_follows_with_it(void **state)
{
    struct fixture *fixture = *state;
    append_and_settle(fixture, 10);
    uint64_t size = size_of(fixture, segment_path);
    reopen_killed(fixture);
    assert_true(sim_corrupt(fixture->sim, 0, segment_path, size / 2 - 5, 3));
    fixture_open(fixture);
    assert_int_equal(log_end_offset(fixture->log), 8);
    fixture_append(fixture, 2);
    assert_int_equal(fixture_count(fixture), 10);
}

/* After the checkpoint the same damage is of another kind. */
static void a_shortened_file_below_the_recovery_point_takes_the_log_offline(void **state)
{
    struct fixture *fixture = *state;
    append_and_settle(fixture, 10);
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    uint64_t size = size_of(fixture, segment_path);
    reopen_killed(fixture);
    struct io_file *file = NULL;
    struct io *io = sim_io(fixture->sim, 0);
    assert_int_equal(io_file_open(io, segment_path, IO_OPEN_WRITE, &file), 0);
    assert_int_equal(io_file_truncate(io, file, size - 1), 0);
    io_file_close(io, file);
    fixture_open(fixture);
    assert_int_equal(log_status(fixture->log), ERROR_CORRUPT);
    assert_int_equal(size_of(fixture, segment_path), size - 1);
    struct log_append out;
    assert_int_equal(fixture_append_built(fixture, &out), ERROR_CORRUPT);
    struct buffer bytes;
    buffer_init(&bytes);
    assert_int_equal(fixture_read(fixture, 0, 1000, &bytes), ERROR_CORRUPT);
    assert_int_equal(bytes.size, 0);
    buffer_fini(&bytes);
    /* It stays so, and the point is not forgotten. */
    fixture_close(fixture);
    fixture_open(fixture);
    assert_int_equal(log_status(fixture->log), ERROR_CORRUPT);
}

static void only_what_was_written_since_the_recovery_point_is_walked(void **state)
{
    struct fixture *fixture = *state;
    append_and_settle(fixture, 100);
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    append_and_settle(fixture, 1);
    size_t size = fixture->batch.size;
    fixture_crash(fixture);
    struct store_stats stats;
    store_read_stats(fixture->store, &stats);
    assert_int_equal(stats.recovered_size, (int64_t)size);
    assert_int_equal(fixture_count(fixture), 202);
}

struct reads {
    uint64_t below;
    uint64_t count;
};

static enum sim_verdict count_reads(void *owner, const struct sim_call *call)
{
    struct reads *reads = owner;
    reads->count += call->operation == SIM_FILE_READ && strcmp(call->path, segment_path) == 0 &&
                    call->position < reads->below;
    return SIM_GO_ON;
}

static void expect_no_reads_below(struct fixture *fixture, uint64_t position)
{
    struct reads reads = {.below = position};
    sim_kill(fixture->sim, 0);
    store_abandon(fixture->store);
    sim_on_operation(fixture->sim, count_reads, &reads);
    fixture_open(fixture);
    sim_on_operation(fixture->sim, NULL, NULL);
    assert_int_equal(reads.count, 0);
    assert_int_equal(log_status(fixture->log), 0);
}

/* Not for what its batches tell of producers either. */
static void nothing_before_the_recovery_point_is_read(void **state)
{
    struct fixture *fixture = *state;
    append_and_settle(fixture, 100);
    uint64_t position = size_of(fixture, segment_path);
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    append_and_settle(fixture, 1);
    expect_no_reads_below(fixture, position);
    assert_int_equal(fixture_count(fixture), 202);
}

static void produce_and_settle(struct fixture *fixture, int32_t from, int32_t to)
{
    struct log_append out;
    for (int32_t i = from; i < to; i++) {
        assert_int_equal(fixture_produce(fixture, 7, 0, i, 1, &out), 0);
    }
    fixture_settle(fixture);
}

/* Not of an idempotent producer's batches either, once there is enough of them for a snapshot. */
static void nothing_before_a_snapshot_is_read(void **state)
{
    struct fixture *fixture = *state;
    struct log_append out;
    fixture_close(fixture);
    fixture->options.snapshot_size = 4000;
    fixture_open(fixture);
    produce_and_settle(fixture, 0, 100);
    uint64_t position = size_of(fixture, segment_path);
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    produce_and_settle(fixture, 100, 110);
    expect_no_reads_below(fixture, position);
    assert_int_equal(log_check_replay(fixture->log), 0);
    assert_int_equal(fixture_produce(fixture, 7, 0, 109, 1, &out), 0);
    assert_true(out.is_duplicate);
    /* With fewer behind it the next point has no other one. */
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    expect_no_reads_below(fixture, position);
    assert_int_equal(fixture_produce(fixture, 7, 0, 110, 1, &out), 0);
    assert_false(out.is_duplicate);
}

/* One that no sync made durable may come back as anything. */
static void a_snapshot_that_power_took_is_no_loss(void **state)
{
    struct fixture *fixture = *state;
    struct log_append out;
    fixture_close(fixture);
    fixture->options.snapshot_size = 1;
    fixture_open(fixture);
    for (int32_t i = 0; i < 20; i++) {
        produce_and_settle(fixture, 10 * i, 10 * i + 10);
        sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
        fixture_crash(fixture);
        assert_int_equal(log_check_replay(fixture->log), 0);
        assert_int_equal(fixture_produce(fixture, 7, 0, 10 * i + 9, 1, &out), 0);
        assert_true(out.is_duplicate);
    }
}

static enum sim_verdict refuse_points(void *owner, const struct sim_call *call)
{
    (void)owner;
    bool is_points = strcmp(call->path, "/data/recovery-points.tmp") == 0;
    return is_points ? SIM_NO_SPACE : SIM_GO_ON;
}

/* The snapshot is still known, and goes when there is another one. */
static void a_cut_that_finds_no_space_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct io_file_info info;
    struct io *io = sim_io(fixture->sim, 0);
    static const char before[] = "/data/orders-0/00000000000000000010.snapshot";
    fixture_close(fixture);
    fixture->options.snapshot_size = 1;
    fixture_open(fixture);
    produce_and_settle(fixture, 0, 10);
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    assert_int_equal(io_path_info(io, before, &info), 0);
    sim_on_operation(fixture->sim, refuse_points, NULL);
    assert_int_equal(log_truncate(fixture->log, 5), ERROR_NO_SPACE);
    sim_on_operation(fixture->sim, NULL, NULL);
    assert_int_equal(log_end_offset(fixture->log), 10);
    produce_and_settle(fixture, 10, 20);
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    assert_int_equal(io_path_info(io, before, &info), ERROR_NOT_FOUND);
}

static void a_bit_flipped_long_ago_is_never_served(void **state)
{
    struct fixture *fixture = *state;
    append_and_settle(fixture, 10);
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    reopen_killed(fixture);
    assert_true(sim_corrupt(fixture->sim, 0, segment_path, 100, 0));
    fixture_open(fixture);
    struct buffer bytes;
    buffer_init(&bytes);
    assert_int_equal(fixture_read(fixture, 0, 1000, &bytes), ERROR_CORRUPT);
    assert_int_equal(bytes.size, 0);
    buffer_fini(&bytes);
}

static void damaged_indexes_are_made_anew(void **state)
{
    struct fixture *fixture = *state;
    append_and_settle(fixture, 200);
    fixture_close(fixture);
    assert_true(sim_corrupt(fixture->sim, 0, "/data/orders-0/00000000000000000000.index", 9, 7));
    fixture_open(fixture);
    assert_int_equal(fixture_count(fixture), 400);
    struct log_position found;
    assert_int_equal(log_find_time(fixture->log, 1001, 400, &found), 0);
    assert_int_equal(found.offset, 1);
}

static void a_deleted_log_does_not_lend_its_recovery_point_to_its_successor(void **state)
{
    struct fixture *fixture = *state;
    append_and_settle(fixture, 10);
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    assert_int_equal(store_delete_log(fixture->store, fixture->log), 0);
    fixture_create(fixture);
    fixture_append(fixture, 1);
    fixture_settle(fixture);
    fixture_crash(fixture);
    assert_int_equal(log_status(fixture->log), 0);
    assert_int_equal(fixture_count(fixture), 1);
}

static void nor_when_the_process_died_in_between(void **state)
{
    struct fixture *fixture = *state;
    append_and_settle(fixture, 10);
    sim_run(fixture->sim, sim_now(fixture->sim) + 61 * FIXTURE_SECOND);
    assert_int_equal(store_delete_log(fixture->store, fixture->log), 0);
    fixture_crash(fixture);
    fixture_create(fixture);
    fixture_append(fixture, 1);
    fixture_settle(fixture);
    fixture_crash(fixture);
    assert_int_equal(log_status(fixture->log), 0);
    assert_int_equal(fixture_count(fixture), 1);
}

/* The process dies when the id of a new log is written and not yet durable. */
static enum sim_verdict kill_at_identity(void *owner, const struct sim_call *call)
{
    (void)owner;
    bool is_hit =
        call->operation == SIM_FILE_SYNC && strstr(call->path, "partition.metadata") != NULL;
    return is_hit ? SIM_KILL : SIM_GO_ON;
}

static void a_log_that_a_dying_process_made_is_durable_once_it_was_opened(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 16 };
    struct wire_uuid id = {{7}};
    for (int32_t i = 1; i <= COUNT; i++) {
        struct log_append out;
        assert_int_equal(
            store_create_log(fixture->store, "orders", i, id, &fixture->settings, &fixture->log),
            0);
        sim_on_operation(fixture->sim, kill_at_identity, NULL);
        fixture_build(fixture, NULL, 1, 1000, 100, COMPRESS_NONE);
        assert_true(log_append(fixture->log, fixture->batch.data, fixture->batch.size, 0,
                               LOG_ORIGIN_CLIENT, &out) != 0);
        sim_on_operation(fixture->sim, NULL, NULL);
        store_abandon(fixture->store);
        fixture_open(fixture);
        fixture->log = store_find_log(fixture->store, "orders", i);
        assert_non_null(fixture->log);
        fixture_append(fixture, 1);
        fixture_settle(fixture);
    }
    fixture_crash(fixture);
    for (int32_t i = 1; i <= COUNT; i++) {
        fixture->log = store_find_log(fixture->store, "orders", i);
        assert_non_null(fixture->log);
        assert_int_equal(fixture_count(fixture), 1);
        struct wire_uuid found = log_topic_id(fixture->log);
        assert_memory_equal(&found, &id, sizeof id);
    }
}

/* How much of it is left is chance; either way it can be made, and what is in it is kept. */
static void a_log_without_records_may_go_and_be_made_again(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 16 };
    struct wire_uuid id = {{7}};
    for (int32_t i = 1; i <= COUNT; i++) {
        assert_int_equal(
            store_create_log(fixture->store, "orders", i, id, &fixture->settings, &fixture->log),
            0);
    }
    int gone = 0;
    fixture_crash(fixture);
    for (int32_t i = 1; i <= COUNT; i++) {
        fixture->log = store_find_log(fixture->store, "orders", i);
        gone += fixture->log == NULL ? 1 : 0;
        if (fixture->log == NULL) {
            assert_int_equal(store_create_log(fixture->store, "orders", i, id, &fixture->settings,
                                              &fixture->log),
                             0);
        }
        assert_int_equal(log_status(fixture->log), 0);
        fixture_append(fixture, 1);
    }
    assert_true(gone > 0);
    fixture_settle(fixture);
    fixture_crash(fixture);
    for (int32_t i = 1; i <= COUNT; i++) {
        fixture->log = store_find_log(fixture->store, "orders", i);
        assert_non_null(fixture->log);
        assert_int_equal(fixture_count(fixture), 1);
    }
}

static enum sim_verdict count_syncs(void *owner, const struct sim_call *call)
{
    int *count = owner;
    bool is_sync = call->operation == SIM_FILE_SYNC || call->operation == SIM_DIR_SYNC;
    *count += is_sync && strstr(call->path, "/orders-") != NULL ? 1 : 0;
    return SIM_GO_ON;
}

/* A topic of ten thousand partitions is to be there again at once. */
static void logs_without_records_cost_a_start_no_sync(void **state)
{
    struct fixture *fixture = *state;
    struct wire_uuid id = {{7}};
    int count = 0;
    for (int32_t i = 1; i <= 16; i++) {
        assert_int_equal(
            store_create_log(fixture->store, "orders", i, id, &fixture->settings, &fixture->log),
            0);
    }
    sim_kill(fixture->sim, 0);
    store_abandon(fixture->store);
    sim_on_operation(fixture->sim, count_syncs, &count);
    fixture_open(fixture);
    sim_on_operation(fixture->sim, NULL, NULL);
    assert_non_null(store_find_log(fixture->store, "orders", 16));
    assert_int_equal(count, 0);
}

static void two_processes_cannot_open_one_directory(void **state)
{
    struct fixture *fixture = *state;
    struct store *second = NULL;
    struct report report = {{0}, {0}};
    assert_int_equal(store_open(sim_io(fixture->sim, 0), &fixture->options, &second, &report),
                     ERROR_BUSY);
    assert_false(report_is_empty(&report));
}

/* Kafka's folders have our names and its metadata topic another content: nothing may be touched. */
static void a_directory_of_an_apache_kafka_is_left_alone(void **state)
{
    struct fixture *fixture = *state;
    struct io *io = sim_io(fixture->sim, 0);
    struct store_options options = store_options_default("/kafka");
    struct store *store = NULL;
    struct report report = {{0}, {0}};
    struct io_file *file;
    struct io_file_info info;
    assert_int_equal(io_dir_make(io, "/kafka"), 0);
    assert_int_equal(
        io_file_open(io, "/kafka/meta.properties", IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    io_file_close(io, file);
    assert_int_equal(store_open(io, &options, &store, &report), ERROR_UNSUPPORTED);
    assert_non_null(strstr(report.text, "an Apache Kafka keeps its topics here"));
    assert_int_equal(io_path_info(io, "/kafka/.lock", &info), ERROR_NOT_FOUND);
    options.is_read_only = true; /* tools may look */
    assert_int_equal(store_open(io, &options, &store, &report), 0);
    store_abandon(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
        CASE(damage_at_the_end_is_cut_once),
        CASE(a_directory_that_was_made_before_is_made_durable),
        CASE(a_directory_is_made_with_its_parents),
        CASE(a_batch_that_is_torn_in_the_middle_takes_what_follows_with_it),
        CASE(a_shortened_file_below_the_recovery_point_takes_the_log_offline),
        CASE(only_what_was_written_since_the_recovery_point_is_walked),
        CASE(nothing_before_the_recovery_point_is_read),
        CASE(nothing_before_a_snapshot_is_read),
        CASE(a_snapshot_that_power_took_is_no_loss),
        CASE(a_cut_that_finds_no_space_changes_nothing),
        CASE(a_bit_flipped_long_ago_is_never_served),
        CASE(damaged_indexes_are_made_anew),
        CASE(a_deleted_log_does_not_lend_its_recovery_point_to_its_successor),
        CASE(nor_when_the_process_died_in_between),
        CASE(a_log_that_a_dying_process_made_is_durable_once_it_was_opened),
        CASE(a_log_without_records_may_go_and_be_made_again),
        CASE(logs_without_records_cost_a_start_no_sync),
        CASE(two_processes_cannot_open_one_directory),
        CASE(a_directory_of_an_apache_kafka_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
