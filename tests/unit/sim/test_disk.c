/* Shows what the simulated disk forgets: unsynced writes and directory entries at a power loss,
 * everything a failed sync covered; and what it keeps: synced content, whole renames. */
#include "log/base/error.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <string.h>

enum { SEED_COUNT = 200, CONTENT_SIZE = 3000 };

static struct io_file *open_file(struct io *io, const char *path)
{
    struct io_file *file = NULL;
    assert_int_equal(io_file_open(io, path, IO_OPEN_WRITE | IO_OPEN_CREATE, &file), 0);
    return file;
}

static void write_byte(struct io *io, struct io_file *file, char value, size_t size,
                       uint64_t position)
{
    char content[CONTENT_SIZE];
    memset(content, value, sizeof content);
    struct bytes part = bytes_make(content, size);
    assert_int_equal(io_file_write(io, file, &part, 1, position), 0);
}

static int64_t read_file(struct io *io, const char *path, char out[2 * CONTENT_SIZE])
{
    struct io_file *file;
    int error = io_file_open(io, path, IO_OPEN_READ, &file);
    if (error != 0) {
        return error;
    }
    int64_t size = io_file_read(io, file, out, 2 * CONTENT_SIZE, 0, IO_READ_WAIT);
    io_file_close(io, file);
    return size;
}

static void unsynced_writes_survive_whole_torn_or_not_at_all(void **state)
{
    (void)state;
    int whole = 0, torn = 0, lost = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        struct sim *sim = sim_new(seed, 1);
        struct io *io = sim_io(sim, 0);
        char content[2 * CONTENT_SIZE];
        struct io_file *file = open_file(io, "a");
        write_byte(io, file, 's', CONTENT_SIZE, 0);
        assert_int_equal(io_file_sync(io, file), 0);
        assert_int_equal(io_dir_sync(io, "."), 0);
        write_byte(io, file, 'u', CONTENT_SIZE, CONTENT_SIZE);
        sim_crash(sim, 0);
        assert_int_equal(io_file_sync(io, file), ERROR_CANCELLED);
        io_file_close(io, file);

        int64_t size = read_file(sim_io(sim, 0), "a", content);
        assert_in_range(size, CONTENT_SIZE, 2 * CONTENT_SIZE);
        for (int i = 0; i < CONTENT_SIZE; i++) {
            assert_int_equal(content[i], 's');
        }
        int count = 0;
        for (int64_t i = CONTENT_SIZE; i < size; i++) {
            assert_true(content[i] == 'u' || content[i] == 0);
            count += content[i] == 'u';
        }
        whole += count == CONTENT_SIZE;
        lost += count == 0;
        torn += count != 0 && count != CONTENT_SIZE;
        sim_free(sim);
    }
    assert_true(whole > 0);
    assert_true(torn > 0);
    assert_true(lost > 0);
}

static void the_page_cache_survives_a_kill(void **state)
{
    (void)state;
    struct sim *sim = sim_new(1, 1);
    struct io *io = sim_io(sim, 0);
    char content[2 * CONTENT_SIZE];
    struct io_file *file = open_file(io, "a");
    write_byte(io, file, 'u', CONTENT_SIZE, 0);
    sim_kill(sim, 0);
    assert_int_equal(read_file(sim_io(sim, 0), "a", content), CONTENT_SIZE);
    sim_free(sim);
}

static void a_failed_sync_loses_its_pages_for_good(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        struct sim *sim = sim_new(seed, 1);
        struct io *io = sim_io(sim, 0);
        char content[2 * CONTENT_SIZE];
        struct io_file *file = open_file(io, "a");
        assert_int_equal(io_dir_sync(io, "."), 0);
        write_byte(io, file, 'u', CONTENT_SIZE, 0);
        sim_plan(sim, 0)->io_error[SIM_FILE_SYNC] = 1000000;
        assert_int_equal(io_file_sync(io, file), ERROR_IO);
        sim_plan(sim, 0)->io_error[SIM_FILE_SYNC] = 0;
        assert_int_equal(io_file_sync(io, file), 0);
        assert_int_equal(read_file(io, "a", content), CONTENT_SIZE); /* It looks clean. */
        sim_crash(sim, 0);
        lost += read_file(sim_io(sim, 0), "a", content) < CONTENT_SIZE;
        sim_free(sim);
    }
    assert_in_range(lost, SEED_COUNT / 4, SEED_COUNT - 1);
}

static void a_rename_is_seen_whole_or_not_at_all(void **state)
{
    (void)state;
    int old = 0, new = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        struct sim *sim = sim_new(seed, 1);
        struct io *io = sim_io(sim, 0);
        char content[2 * CONTENT_SIZE];
        struct io_file *file = open_file(io, "a");
        write_byte(io, file, '1', 10, 0);
        assert_int_equal(io_file_sync(io, file), 0);
        assert_int_equal(io_dir_sync(io, "."), 0);
        struct io_file *next = open_file(io, "a.tmp");
        write_byte(io, next, '2', 20, 0);
        assert_int_equal(io_file_sync(io, next), 0);
        assert_int_equal(io_path_rename(io, "a.tmp", "a"), 0);
        sim_crash(sim, 0);
        int64_t size = read_file(sim_io(sim, 0), "a", content);
        assert_true(size == 10 || size == 20);
        assert_int_equal(content[size - 1], size == 10 ? '1' : '2');
        old += size == 10;
        new += size == 20;
        sim_free(sim);
    }
    assert_true(old > 0);
    assert_true(new > 0);
}

/* The number of seeds after which "d/a" is still there. */
static int count_survivors(bool is_directory_synced)
{
    int found = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        struct sim *sim = sim_new(seed, 1);
        struct io *io = sim_io(sim, 0);
        struct io_file_info info;
        assert_int_equal(io_dir_make(io, "d"), 0);
        assert_int_equal(io_dir_make(io, "d"), ERROR_EXISTS);
        assert_int_equal(io_dir_sync(io, "."), 0);
        struct io_file *file = open_file(io, "d/a");
        assert_int_equal(io_file_sync(io, file), 0);
        if (is_directory_synced) {
            assert_int_equal(io_dir_sync(io, "d"), 0);
        }
        sim_crash(sim, 0);
        assert_int_equal(io_path_info(sim_io(sim, 0), "d", &info), 0);
        assert_true(info.is_directory);
        found += io_path_info(sim_io(sim, 0), "d/a", &info) == 0;
        sim_free(sim);
    }
    return found;
}

static void a_directory_entry_needs_a_sync_of_its_directory(void **state)
{
    (void)state;
    assert_int_equal(count_survivors(true), SEED_COUNT);
    assert_in_range(count_survivors(false), 1, SEED_COUNT - 1);
}

static void a_removal_needs_a_sync_of_its_directory(void **state)
{
    (void)state;
    int back = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        struct sim *sim = sim_new(seed, 1);
        struct io *io = sim_io(sim, 0);
        struct io_file_info info;
        open_file(io, "a");
        open_file(io, "b");
        assert_int_equal(io_dir_sync(io, "."), 0);
        assert_int_equal(io_path_remove(io, "b"), 0);
        assert_int_equal(io_dir_sync(io, "."), 0);
        assert_int_equal(io_path_remove(io, "a"), 0);
        assert_int_equal(io_path_info(io, "a", &info), ERROR_NOT_FOUND);
        sim_crash(sim, 0);
        assert_int_equal(io_path_info(sim_io(sim, 0), "b", &info), ERROR_NOT_FOUND);
        back += io_path_info(sim_io(sim, 0), "a", &info) == 0;
        sim_free(sim);
    }
    assert_in_range(back, 1, SEED_COUNT - 1);
}

struct sync_state {
    int64_t result;
    bool is_done;
};

static void on_synced(struct io_request *request, int64_t result)
{
    *(struct sync_state *)request->owner = (struct sync_state){result, true};
}

static void an_async_sync_covers_what_was_written_before_it(void **state)
{
    (void)state;
    int lost = 0;
    for (uint64_t seed = 0; seed < SEED_COUNT; seed++) {
        struct sim *sim = sim_new(seed, 1);
        struct io *io = sim_io(sim, 0);
        struct sync_state synced = {0, false};
        struct io_request request = {.done = on_synced, .owner = &synced};
        char content[2 * CONTENT_SIZE];
        struct io_file *file = open_file(io, "a");
        assert_int_equal(io_dir_sync(io, "."), 0);
        write_byte(io, file, 'b', 100, 0);
        io_file_sync_async(io, &request, file);
        assert_false(synced.is_done);
        write_byte(io, file, 'a', 100, 100);
        assert_true(sim_step(sim));
        assert_true(synced.is_done);
        assert_int_equal(synced.result, 0);
        sim_crash(sim, 0);
        int64_t size = read_file(sim_io(sim, 0), "a", content);
        assert_in_range(size, 100, 200);
        assert_int_equal(content[99], 'b');
        lost += size == 100;
        sim_free(sim);
    }
    assert_in_range(lost, 1, SEED_COUNT - 1);
}

static void a_full_disk_takes_a_part_and_says_so(void **state)
{
    (void)state;
    struct sim *sim = sim_new(3, 1);
    struct io *io = sim_io(sim, 0);
    struct io_file *file = open_file(io, "a");
    struct io_file *other = open_file(io, "b");
    sim_plan(sim, 0)->disk_capacity = 2 * SIM_PAGE_SIZE;
    write_byte(io, file, 'x', 100, 0);
    assert_int_equal(sim_disk_used(sim, 0), SIM_PAGE_SIZE);
    assert_int_equal(io_file_allocate(io, other, 0, 2 * SIM_PAGE_SIZE), ERROR_NO_SPACE);
    assert_int_equal(io_file_allocate(io, other, 0, SIM_PAGE_SIZE), 0);
    char content[SIM_PAGE_SIZE];
    memset(content, 'y', sizeof content);
    struct bytes part = bytes_make(content, sizeof content);
    assert_int_equal(io_file_write(io, file, &part, 1, 100), ERROR_NO_SPACE);
    assert_int_equal(io_file_write(io, other, &part, 1, 0), 0);
    assert_int_equal(io_path_remove(io, "b"), 0);
    assert_int_equal(sim_disk_used(sim, 0), 2 * SIM_PAGE_SIZE); /* Still open. */
    io_file_close(io, other);
    assert_int_equal(sim_disk_used(sim, 0), SIM_PAGE_SIZE);
    assert_int_equal(io_file_write(io, file, &part, 1, 100), 0);
    sim_free(sim);
}

static void collect(void *owner, const char *entry, bool is_directory)
{
    strcat(owner, entry);
    strcat(owner, is_directory ? "/ " : " ");
}

static void paths_behave_like_a_file_system(void **state)
{
    (void)state;
    struct sim *sim = sim_new(4, 1);
    struct io *io = sim_io(sim, 0);
    struct io_file *file;
    char names[64] = "";
    assert_int_equal(io_file_open(io, "d/a", IO_OPEN_WRITE | IO_OPEN_CREATE, &file),
                     ERROR_NOT_FOUND);
    assert_int_equal(io_dir_make(io, "d"), 0);
    assert_int_equal(io_dir_make(io, "./d/e/"), 0);
    io_file_close(io, open_file(io, "d//b"));
    assert_int_equal(io_file_open(io, "d/b", IO_OPEN_CREATE | IO_OPEN_EXCLUSIVE, &file),
                     ERROR_EXISTS);
    file = open_file(io, "d/a");
    assert_int_equal(io_path_remove(io, "d"), ERROR_EXISTS);
    assert_int_equal(io_dir_list(io, "d", collect, names), 0);
    assert_string_equal(names, "a b e/ ");
    assert_int_equal(io_path_rename(io, "d", "f"), 0);
    assert_int_equal(io_path_rename(io, "f", "f/e/g"), ERROR_IO);
    write_byte(io, file, 'x', 10, 1ull << 40); /* Sparse, and still open under its new name. */
    struct io_file_info info;
    assert_int_equal(io_path_info(io, "f/a", &info), 0);
    assert_int_equal(info.size, (1ull << 40) + 10);
    assert_int_equal(info.modified_ms, io_wall_clock(io));
    sim_free(sim);
}

static void a_lock_has_one_holder_until_its_file_closes(void **state)
{
    (void)state;
    struct sim *sim = sim_new(5, 1);
    struct io *io = sim_io(sim, 0);
    struct io_file *first = open_file(io, "lock");
    struct io_file *second = open_file(io, "lock");
    assert_int_equal(io_file_lock(io, first), 0);
    assert_int_equal(io_file_lock(io, second), ERROR_BUSY);
    io_file_close(io, first);
    assert_int_equal(io_file_lock(io, second), 0);
    sim_kill(sim, 0);
    io = sim_io(sim, 0);
    assert_int_equal(io_file_lock(io, open_file(io, "lock")), 0);
    sim_free(sim);
}

static void a_flipped_bit_is_read_now_and_after_a_crash(void **state)
{
    (void)state;
    struct sim *sim = sim_new(6, 1);
    struct io *io = sim_io(sim, 0);
    char content[2 * CONTENT_SIZE];
    struct io_file *file = open_file(io, "a");
    write_byte(io, file, 'a', 10, 0);
    assert_int_equal(io_file_sync(io, file), 0);
    assert_int_equal(io_dir_sync(io, "."), 0);
    assert_true(sim_corrupt(sim, 0, "a", 3, 1));
    assert_false(sim_corrupt(sim, 0, "a", 10, 1));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read_file(sim_io(sim, 0), "a", content), 10);
        assert_memory_equal(content, "aaacaaaaaa", 10);
        sim_crash(sim, 0);
    }
    sim_free(sim);
}

static enum sim_verdict stop_at_third(void *owner, const struct sim_call *call)
{
    return call->index == 2 ? *(enum sim_verdict *)owner : SIM_GO_ON;
}

static int64_t size_after_stop(enum sim_verdict verdict)
{
    struct sim *sim = sim_new(7, 1);
    struct io *io = sim_io(sim, 0);
    char content[2 * CONTENT_SIZE];
    struct bytes part = BYTES_LITERAL("0123456789");
    sim_on_operation(sim, stop_at_third, &verdict);
    struct io_file *file = open_file(io, "a");
    assert_int_equal(io_dir_sync(io, "."), 0);
    assert_int_equal(io_file_write(io, file, &part, 1, 0),
                     verdict == SIM_NO_SPACE ? ERROR_NO_SPACE : ERROR_CANCELLED);
    int64_t size = read_file(sim_io(sim, 0), "a", content);
    sim_free(sim);
    return size;
}

static void a_hook_stops_the_process_before_or_after_an_operation(void **state)
{
    (void)state;
    assert_int_equal(size_after_stop(SIM_CRASH), 0);
    assert_int_equal(size_after_stop(SIM_KILL_AFTER), 10);
    assert_in_range(size_after_stop(SIM_KILL), 0, 9);
    assert_in_range(size_after_stop(SIM_NO_SPACE), 0, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unsynced_writes_survive_whole_torn_or_not_at_all),
        cmocka_unit_test(the_page_cache_survives_a_kill),
        cmocka_unit_test(a_failed_sync_loses_its_pages_for_good),
        cmocka_unit_test(a_rename_is_seen_whole_or_not_at_all),
        cmocka_unit_test(a_directory_entry_needs_a_sync_of_its_directory),
        cmocka_unit_test(a_removal_needs_a_sync_of_its_directory),
        cmocka_unit_test(an_async_sync_covers_what_was_written_before_it),
        cmocka_unit_test(a_full_disk_takes_a_part_and_says_so),
        cmocka_unit_test(paths_behave_like_a_file_system),
        cmocka_unit_test(a_lock_has_one_holder_until_its_file_closes),
        cmocka_unit_test(a_flipped_bit_is_read_now_and_after_a_crash),
        cmocka_unit_test(a_hook_stops_the_process_before_or_after_an_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
