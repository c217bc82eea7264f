/* Shows where epochs begin and end, and that the file is Kafka's. */
#include "log/base/error.h"
#include "log/store/epoch_cache.h"
#include "log/store/small_file.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

static void an_epoch_ends_where_the_next_one_begins(void **state)
{
    (void)state;
    struct epoch_cache cache;
    epoch_cache_init(&cache);
    int32_t epoch = -1;
    int64_t end = -1;
    assert_false(epoch_cache_find(&cache, 5, 100, &epoch, &end));
    epoch_cache_note(&cache, 2, 0);
    epoch_cache_note(&cache, 2, 10);
    epoch_cache_note(&cache, 5, 40);
    epoch_cache_note(&cache, 3, 50);
    epoch_cache_check(&cache);
    assert_int_equal(cache.count, 2);
    assert_false(epoch_cache_find(&cache, 1, 100, &epoch, &end));
    assert_true(epoch_cache_find(&cache, 4, 100, &epoch, &end));
    assert_int_equal(epoch, 2);
    assert_int_equal(end, 40);
    assert_true(epoch_cache_find(&cache, 9, 100, &epoch, &end));
    assert_int_equal(epoch, 5);
    assert_int_equal(end, 100);
    assert_int_equal(epoch_cache_at(&cache, 39), 2);
    assert_int_equal(epoch_cache_at(&cache, 40), 5);
    epoch_cache_note(&cache, 1 << 20, 60);
    assert_true(epoch_cache_limit(&cache, 5));
    assert_false(epoch_cache_limit(&cache, 5));
    assert_int_equal(epoch_cache_last(&cache), 5);
    epoch_cache_set_start(&cache, 45);
    assert_int_equal(cache.count, 1);
    assert_int_equal(cache.entries[0].start_offset, 45);
    epoch_cache_truncate(&cache, 45);
    assert_int_equal(epoch_cache_last(&cache), -1);
    epoch_cache_fini(&cache);
}

static void the_file_is_text_and_damage_is_refused(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, 1);
    struct io *io = sim_io(sim, 0);
    struct epoch_cache cache;
    struct epoch_cache copy;
    struct buffer text;
    buffer_init(&text);
    epoch_cache_init(&cache);
    epoch_cache_init(&copy);
    assert_int_equal(epoch_cache_read(&copy, io, "."), ERROR_NOT_FOUND);
    epoch_cache_note(&cache, 1, 0);
    epoch_cache_note(&cache, 7, 1234567890123);
    assert_int_equal(epoch_cache_write(&cache, io, "."), 0);
    assert_int_equal(small_file_read(io, ".", "leader-epoch-checkpoint", &text), 0);
    assert_true(bytes_equal_string(buffer_bytes(&text), "0\n2\n1 0\n7 1234567890123\n"));
    sim_crash(sim, 0);
    io = sim_io(sim, 0);
    assert_int_equal(epoch_cache_read(&copy, io, "."), 0);
    assert_int_equal(epoch_cache_last(&copy), 7);
    const char *damaged[] = {"",
                             "1\n0\n",
                             "0\n2\n1 0\n",
                             "0\n1\nx 0\n",
                             "0\n2\n3 0\n2 9\n",
                             "0\n2\n1 5\n2 5\n",
                             "0\n1\n1 0\n2 9\n"};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        assert_int_equal(
            small_file_write(io, ".", "leader-epoch-checkpoint", bytes_from_string(damaged[i])), 0);
        assert_int_equal(epoch_cache_read(&copy, io, "."), ERROR_CORRUPT);
        assert_int_equal(epoch_cache_last(&copy), 7);
    }
    buffer_fini(&text);
    epoch_cache_fini(&cache);
    epoch_cache_fini(&copy);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_ends_where_the_next_one_begins),
        cmocka_unit_test(the_file_is_text_and_damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
