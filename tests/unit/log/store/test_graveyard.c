/* Shows that what is buried goes when its time has come and not before, however long that is. */
#include "log/base/error.h"
#include "log/store/graveyard.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

static const uint64_t SECOND = 1000000000;

static void make_file(struct io *io, const char *path)
{
    struct io_file *file = NULL;
    assert_int_equal(io_file_open(io, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    io_file_close(io, file);
}

static bool is_there(struct io *io, const char *path)
{
    struct io_file_info info;
    return io_path_info(io, path, &info) == 0;
}

static void each_goes_in_its_time(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, 1);
    struct io *io = sim_io(sim, 0);
    struct graveyard graveyard;
    graveyard_init(&graveyard, io);
    make_file(io, "/late");
    make_file(io, "/soon");
    make_file(io, "/now");
    graveyard_add(&graveyard, "/late", false, 60000);
    graveyard_add(&graveyard, "/soon", false, 1000);
    graveyard_add(&graveyard, "/now", false, -1);
    sim_run(sim, sim_now(sim) + SECOND / 2);
    assert_false(is_there(io, "/now"));
    assert_true(is_there(io, "/soon"));
    sim_run(sim, sim_now(sim) + SECOND);
    assert_false(is_there(io, "/soon"));
    assert_true(is_there(io, "/late"));
    sim_run(sim, sim_now(sim) + 60 * SECOND);
    assert_false(is_there(io, "/late"));
    graveyard_fini(&graveyard);
    sim_free(sim);
}

/* file.delete.delay.ms takes any number: in nanoseconds, these are 2^64 and a little, and more. */
static void never_is_not_at_once(void **state)
{
    static const int64_t delays_ms[] = {18446744073710, INT64_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
        struct sim *sim = sim_new(1, 1);
        struct io *io = sim_io(sim, 0);
        struct graveyard graveyard;
        graveyard_init(&graveyard, io);
        make_file(io, "/kept");
        sim_run(sim, sim_now(sim) + SECOND);
        graveyard_add(&graveyard, "/kept", false, delays_ms[i]);
        sim_run(sim, sim_now(sim) + 3600 * SECOND);
        assert_true(is_there(io, "/kept"));
        graveyard_fini(&graveyard);
        sim_free(sim);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_goes_in_its_time),
        cmocka_unit_test(never_is_not_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
