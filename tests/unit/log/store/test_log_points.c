/* Shows that rows which no store writes are damage, and that Kafka's files are read then. */
#include "log/base/crc32c.h"
#include "log/base/trace.h"
#include "log/store/log_points.h"
#include "log/store/small_file.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

static void read_rows(struct io *io, const char *rows, struct log_points *out)
{
    struct buffer text;
    struct bytes content = bytes_from_string(rows);
    buffer_init(&text);
    buffer_printf(&text, "1 %zu %u\n%s", content.size,
                  (unsigned)crc32c_update(0, content.data, content.size), rows);
    assert_int_equal(small_file_write(io, "/", "recovery-points", buffer_bytes(&text)), 0);
    log_points_init(out);
    assert_int_equal(log_points_read(out, io, "/"), 0);
    buffer_fini(&text);
}

static void rows_that_no_store_writes_are_damage(void **state)
{
    (void)state;
    const char *const rows[] = {"orders 0 1 0 9 1\n",       "-0 0 1 0 9 1\n",
                                "orders-0 -1 1 0 9 1\n",    "orders-0 0 -1 0 9 1\n",
                                "orders-0 0 1 -2 9 1\n",    "orders-0 0 1 0 -9 1\n",
                                "orders-0 0 1 0 9 1 5\n",   "orders-0 0 1 0 9 1 -2 0\n",
                                "orders-0 0 1 0 9 1 1 -1\n"};
    struct sim *sim = sim_new(1, 1);
    struct io *io = sim_io(sim, 0);
    struct log_points points;
    trace_set_stream(NULL);
    read_rows(io, "orders-0 0 1 0 9 1\n", &points);
    assert_true(points.is_whole);
    assert_int_equal(log_points_find(&points, "orders-0")->position, 9);
    assert_int_equal(log_points_find(&points, "orders-0")->snapshot_offset, -1); /* of before */
    log_points_fini(&points);
    read_rows(io, "orders-0 0 1 0 9 1 3 70\n", &points);
    assert_int_equal(log_points_find(&points, "orders-0")->snapshot_position, 70);
    log_points_fini(&points);
    struct bytes kafka = BYTES_LITERAL("0\n1\norders 0 1\n");
    assert_int_equal(small_file_write(io, "/", "recovery-point-offset-checkpoint", kafka), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        read_rows(io, rows[i], &points);
        assert_false(points.is_whole);
        assert_int_equal(log_points_find(&points, "orders-0")->recovery_offset, 1);
        assert_int_equal(log_points_find(&points, "orders-0")->segment_offset, -1);
        assert_int_equal(log_points_write(&points, io, "/"), 0);
        log_points_fini(&points);
    }
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_no_store_writes_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
