/* Shows that the state of a task comes back as it was at its last checkpoint, contents and position
 * together; that files that cannot be read are made anew if the changelogs have everything, and
 * sound ones never; and what a full or failing disk does. LMDB goes past the seam, so these tests
 * have a real directory and the real loop, and stand between LMDB and the calls that write. */
#include "log/base/error.h"
#include "log/base/trace.h"
#include "log/io/io_uv.h"
#include "runtime/state/state.h"
#include "tests/unit/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const struct state_store_options STORES[] = {{.name = "counts", .has_changelog = true},
                                                    {.name = "cache", .is_in_memory = true},
                                                    {.name = "position", .has_changelog = true}};

/* --- The disk, as LMDB sees it --- */

enum { HEAD_SIZE_MAX = 200, PAGE_SIZE = 4096 };

static struct disk {
    bool is_full;
    bool has_broken_heads; /* the small writes of LMDB's heads fail */
    size_t map_divisor;
} disk = {.map_divisor = 1};

ssize_t pwrite(int file, const void *data, size_t size, off_t position)
{
    ssize_t (*real)(int, const void *, size_t, off_t);
    *(void **)&real = dlsym(RTLD_NEXT, "pwrite");
    if (disk.is_full || (disk.has_broken_heads && size < HEAD_SIZE_MAX)) {
        errno = disk.is_full ? ENOSPC : EIO;
        return -1;
    }
    return real(file, data, size, position);
}

ssize_t writev(int file, const struct iovec *parts, int count)
{
    ssize_t (*real)(int, const struct iovec *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "writev");
    if (disk.is_full) {
        errno = ENOSPC;
        return -1;
    }
    return real(file, parts, count);
}

int mdb_env_set_mapsize(MDB_env *environment, size_t size)
{
    int (*real)(MDB_env *, size_t);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_env_set_mapsize");
    size_t divisor = disk.map_divisor;
    disk.map_divisor = 1; /* only of the first */
    return real(environment, size / divisor);
}

struct bench {
    char root[64];
    char directory[100];
    struct io *io;
    struct state *state;
    int checkpoint_count;
    int checkpoint_error;
};

static void bench_open_with(struct bench *bench, const struct state_store_options *stores)
{
    struct report report = {0};
    assert_int_equal(state_open(bench->io, bench->directory, stores, 3, &bench->state, &report), 0);
    state_check(bench->state);
}

static void bench_open(struct bench *bench)
{
    bench_open_with(bench, STORES);
}

static struct bench *bench_new(void)
{
    trace_set_stream(NULL);
    struct bench *bench = calloc(1, sizeof *bench);
    snprintf(bench->root, sizeof bench->root, "/tmp/tidemill-state-XXXXXX");
    assert_non_null(mkdtemp(bench->root));
    snprintf(bench->directory, sizeof bench->directory, "%s/app/part-0", bench->root);
    bench->io = io_uv_new();
    bench_open(bench);
    return bench;
}

static void bench_path(const struct bench *bench, const char *name, char path[200])
{
    snprintf(path, 200, "%s/%s", bench->directory, name);
}

static void bench_free(struct bench *bench)
{
    char path[200];
    state_close(bench->state);
    io_uv_free(bench->io);
    bench_path(bench, "data.mdb", path);
    assert_int_equal(unlink(path), 0);
    bench_path(bench, "lock.mdb", path);
    assert_int_equal(unlink(path), 0);
    bench_path(bench, "in-use", path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(bench->directory), 0);
    snprintf(path, sizeof path, "%s/app", bench->root);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(bench->root), 0);
    free(bench);
}

static void put(struct bench *bench, const char *store, const char *key, const char *value)
{
    struct kv *kv = state_store(bench->state, store);
    assert_non_null(kv);
    assert_int_equal(kv_put(kv, bytes_from_string(key),
                            value == NULL ? (struct bytes){0} : bytes_from_string(value)),
                     0);
}

static void expect(struct bench *bench, const char *store, const char *key, const char *expected)
{
    struct bytes value;
    bool is_there = kv_get(state_store(bench->state, store), bytes_from_string(key), &value);
    assert_int_equal(is_there, expected != NULL);
    if (is_there) {
        assert_true(bytes_equal_string(value, expected));
    }
}

static void on_checkpointed(void *owner, int error)
{
    struct bench *bench = owner;
    bench->checkpoint_count++;
    bench->checkpoint_error = error;
    io_uv_stop(bench->io);
}

static void begin_checkpoint(struct bench *bench, int64_t commit)
{
    struct state_position position;
    state_position_init(&position);
    position.commit = commit;
    position.stream_time_ms = commit * 1000;
    state_position_set_input(&position, "events", 0, commit * 10);
    state_position_set_changelog(&position, "counts", NULL, commit * 2);
    for (size_t i = 0; i < state_store_count(bench->state); i++) {
        kv_mark_committed(state_store_at(bench->state, i));
    }
    state_checkpoint(bench->state, &position, on_checkpointed, bench);
    state_position_fini(&position);
}

static int try_checkpoint(struct bench *bench, int64_t commit)
{
    int count = bench->checkpoint_count;
    begin_checkpoint(bench, commit);
    assert_true(state_is_checkpointing(bench->state));
    assert_int_equal(bench->checkpoint_count, count); /* never inside the call */
    io_uv_run(bench->io);
    assert_int_equal(bench->checkpoint_count, count + 1);
    assert_false(state_is_checkpointing(bench->state));
    state_check(bench->state);
    return bench->checkpoint_error;
}

static void checkpoint(struct bench *bench, int64_t commit)
{
    assert_int_equal(try_checkpoint(bench, commit), 0);
}

static void reopen(struct bench *bench)
{
    state_close(bench->state);
    bench->state = NULL;
    bench_open(bench);
}

static void contents_and_position_come_back_together(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    assert_int_equal(state_position(bench->state)->commit, 0);
    put(bench, "counts", "a", "1");
    put(bench, "counts", "b", "1");
    put(bench, "position", "position", "a store may have any name");
    put(bench, "cache", "a", "1");
    assert_true(state_dirty_size(bench->state) > 0);
    checkpoint(bench, 7);
    assert_int_equal(state_dirty_size(bench->state), 0);
    put(bench, "counts", "a", "2"); /* of a later commit, lost */
    reopen(bench);
    const struct state_position *position = state_position(bench->state);
    assert_int_equal(position->commit, 7);
    assert_int_equal(position->stream_time_ms, 7000);
    assert_int_equal(state_position_input(position, "events", 0), 70);
    assert_int_equal(state_position_changelog(position, "counts")->offset, 14);
    expect(bench, "counts", "a", "1");
    expect(bench, "counts", "b", "1");
    expect(bench, "position", "position", "a store may have any name");
    expect(bench, "cache", "a", NULL);
    bench_free(bench);
}

static void writes_during_a_checkpoint_belong_to_the_next(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    put(bench, "counts", "a", "1");
    put(bench, "counts", "b", "1");
    begin_checkpoint(bench, 1);
    state_savepoint(bench->state);
    put(bench, "counts", "a", "2");
    put(bench, "counts", "b", NULL);
    expect(bench, "counts", "a", "2");
    expect(bench, "counts", "b", NULL);
    state_rollback(bench->state);
    expect(bench, "counts", "a", "1");
    put(bench, "counts", "b", NULL);
    io_uv_run(bench->io);
    expect(bench, "counts", "a", "1");
    expect(bench, "counts", "b", NULL);
    reopen(bench);
    assert_int_equal(state_position(bench->state)->commit, 1);
    expect(bench, "counts", "b", "1");
    bench_free(bench);
}

static void removed_keys_stay_removed(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    put(bench, "counts", "a", "1");
    checkpoint(bench, 1);
    put(bench, "counts", "a", NULL);
    checkpoint(bench, 2);
    reopen(bench);
    expect(bench, "counts", "a", NULL);
    assert_int_equal(kv_count(state_store(bench->state, "counts")), 0);
    assert_int_equal(state_position(bench->state)->commit, 2);
    bench_free(bench);
}

/* A store that was in memory, or elsewhere, when the last checkpoint was made has what an older one
 * left, if anything: the position says nothing about it. */
static void contents_are_kept_that_the_last_checkpoint_wrote(void **unused)
{
    (void)unused;
    static const struct state_store_options other[] = {{.name = "counts", .is_in_memory = true},
                                                       {.name = "cache", .has_changelog = true},
                                                       {.name = "position", .has_changelog = true}};
    struct bench *bench = bench_new();
    assert_false(state_is_kept(bench->state, 0));
    put(bench, "counts", "a", "1");
    checkpoint(bench, 1);
    reopen(bench);
    assert_true(state_is_kept(bench->state, 0));
    assert_false(state_is_kept(bench->state, 1)); /* in memory */
    assert_true(state_is_kept(bench->state, 2));
    state_close(bench->state);
    bench_open_with(bench, other);
    assert_false(state_is_kept(bench->state, 0));
    assert_false(state_is_kept(bench->state, 1)); /* new here */
    assert_true(state_is_kept(bench->state, 2));
    checkpoint(bench, 2);
    reopen(bench);
    assert_false(state_is_kept(bench->state, 0)); /* of commit 1 */
    assert_true(state_is_kept(bench->state, 2));
    checkpoint(bench, 3);
    reopen(bench);
    assert_true(state_is_kept(bench->state, 0));
    bench_free(bench);
}

enum { FILL_KEYS = 2000 };

static void fill(struct bench *bench)
{
    char key[16];
    for (int i = 0; i < FILL_KEYS; i++) {
        snprintf(key, sizeof key, "key-%05d", i);
        put(bench, "counts", key, "a value of some length, so that there are many pages");
    }
    checkpoint(bench, 3);
}

static void expect_rebuilt(struct bench *bench)
{
    bench_open(bench);
    assert_int_equal(state_position(bench->state)->commit, 0);
    assert_int_equal(kv_count(state_store(bench->state, "counts")), 0);
    put(bench, "counts", "a", "1");
    checkpoint(bench, 1);
    reopen(bench);
    assert_int_equal(state_position(bench->state)->commit, 1);
    expect(bench, "counts", "a", "1");
}

static void close_and_open_file(struct bench *bench, int *file)
{
    char path[200];
    state_close(bench->state);
    bench->state = NULL;
    bench_path(bench, "data.mdb", path);
    *file = open(path, O_RDWR);
    assert_true(*file >= 0);
}

static void a_damaged_head_is_made_anew(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    int file;
    uint8_t noise[2 * 4096];
    memset(noise, 0xa5, sizeof noise);
    fill(bench);
    close_and_open_file(bench, &file);
    assert_int_equal(pwrite(file, noise, sizeof noise, 0), sizeof noise);
    close(file);
    expect_rebuilt(bench);
    bench_free(bench);
}

/* LMDB maps its file: a page that is missing at the end would kill the process when it is read. */
static void a_file_that_was_cut_is_made_anew(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    const off_t sizes[] = {0, 100, 2 * 4096, 16 * 4096};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int file;
        fill(bench);
        close_and_open_file(bench, &file);
        assert_int_equal(ftruncate(file, sizes[i]), 0);
        close(file);
        expect_rebuilt(bench);
    }
    bench_free(bench);
}

static void a_damaged_position_is_made_anew(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    int file;
    fill(bench);
    close_and_open_file(bench, &file);
    struct stat info;
    assert_int_equal(fstat(file, &info), 0);
    uint8_t *content = malloc((size_t)info.st_size);
    assert_int_equal(pread(file, content, (size_t)info.st_size, 0), info.st_size);
    int found_count = 0;
    for (off_t i = 0; i + 8 < info.st_size; i++) {
        if (memcmp(content + i, "commit 3", 8) == 0) {
            assert_int_equal(pwrite(file, "c0mmit 3", 8, i), 8);
            found_count++;
        }
    }
    assert_true(found_count > 0);
    free(content);
    close(file);
    expect_rebuilt(bench);
    bench_free(bench);
}

/* Only its changelog can bring back what a store held: without one the file is left to people. */
static void damage_is_told_and_left_when_a_store_has_no_changelog(void **unused)
{
    (void)unused;
    static const struct state_store_options lonely[] = {
        {.name = "counts"}, {.name = "cache", .is_in_memory = true}, {.name = "position"}};
    struct bench *bench = bench_new();
    struct report report = {0};
    struct stat info;
    char path[200];
    int file;
    uint8_t noise[2 * 4096];
    memset(noise, 0xa5, sizeof noise);
    fill(bench);
    close_and_open_file(bench, &file);
    assert_int_equal(pwrite(file, noise, sizeof noise, 0), sizeof noise);
    close(file);
    assert_int_equal(state_open(bench->io, bench->directory, lonely, 3, &bench->state, &report),
                     ERROR_INVALID);
    assert_null(bench->state);
    assert_non_null(strstr(report.text, bench->directory));
    assert_non_null(strstr(report.text, "data.mdb is damaged"));
    assert_non_null(strstr(report.text, "remove the directory"));
    bench_path(bench, "data.mdb", path);
    assert_int_equal(stat(path, &info), 0);
    assert_true(info.st_size > 100000);
    bench_open(bench); /* with changelogs it is made anew */
    assert_int_equal(state_position(bench->state)->commit, 0);
    bench_free(bench);
}

static void damage_that_is_met_later_is_told_and_then_made_anew(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    struct report report = {0};
    struct stat info;
    char path[200];
    struct bytes value;
    fill(bench);
    reopen(bench);
    assert_false(state_has_failed(bench->state, &report));
    bench_path(bench, "data.mdb", path);
    int file = open(path, O_RDWR);
    assert_int_equal(fstat(file, &info), 0);
    uint8_t *noise = calloc(1, (size_t)info.st_size);
    assert_true(pwrite(file, noise, (size_t)info.st_size - 2 * PAGE_SIZE, 2 * PAGE_SIZE) > 0);
    free(noise);
    close(file);
    assert_false(kv_get(state_store(bench->state, "counts"), BYTES_LITERAL("key-00001"), &value));
    assert_int_equal(kv_count(state_store(bench->state, "counts")), 0);
    assert_true(state_has_failed(bench->state, &report));
    assert_non_null(strstr(report.text, path));
    assert_non_null(strstr(report.text, "damaged"));
    assert_non_null(strstr(report.text, "changelogs"));
    state_close(bench->state);
    expect_rebuilt(bench);
    bench_free(bench);
}

static void a_full_disk_costs_a_checkpoint_and_nothing_else(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    struct report report = {0};
    fill(bench);
    put(bench, "counts", "a", "1");
    disk.is_full = true;
    assert_int_equal(try_checkpoint(bench, 4), ERROR_IO);
    put(bench, "counts", "b", "1");
    assert_int_equal(try_checkpoint(bench, 5), ERROR_IO);
    assert_false(state_has_failed(bench->state, &report));
    expect(bench, "counts", "a", "1");
    assert_int_equal(kv_count(state_store(bench->state, "counts")), FILL_KEYS + 2);
    disk.is_full = false;
    reopen(bench);
    assert_int_equal(state_position(bench->state)->commit, 3);
    assert_int_equal(kv_count(state_store(bench->state, "counts")), FILL_KEYS);
    put(bench, "counts", "a", "1");
    disk.is_full = true;
    assert_int_equal(try_checkpoint(bench, 4), ERROR_IO);
    disk.is_full = false;
    put(bench, "counts", "b", "1");
    checkpoint(bench, 5);
    reopen(bench);
    assert_int_equal(state_position(bench->state)->commit, 5);
    expect(bench, "counts", "a", "1");
    expect(bench, "counts", "b", "1");
    bench_free(bench);
}

/* LMDB gives an environment up whose head it could not write; the one before is sound. */
static void a_head_that_cannot_be_written_ends_the_state_not_the_process(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    struct report report = {0};
    struct bytes value;
    fill(bench);
    reopen(bench); /* nothing is kept in memory */
    put(bench, "counts", "a", "1");
    disk.has_broken_heads = true;
    assert_int_equal(try_checkpoint(bench, 4), ERROR_IO);
    disk.has_broken_heads = false;
    assert_int_equal(try_checkpoint(bench, 5), ERROR_IO);
    assert_false(kv_get(state_store(bench->state, "counts"), BYTES_LITERAL("key-00001"), &value));
    assert_int_equal(kv_count(state_store(bench->state, "counts")), 1);
    assert_true(state_has_failed(bench->state, &report));
    assert_non_null(strstr(report.text, bench->directory));
    assert_non_null(strstr(report.text, "look at its disk"));
    reopen(bench);
    assert_false(state_has_failed(bench->state, &report));
    assert_int_equal(state_position(bench->state)->commit, 3);
    assert_int_equal(kv_count(state_store(bench->state, "counts")), FILL_KEYS);
    bench_free(bench);
}

static void a_map_that_is_used_up_grows(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    char *value = calloc(1, 10001);
    int failed_count = 0;
    memset(value, 'v', 10000);
    state_close(bench->state);
    disk.map_divisor = 1024; /* a megabyte at first */
    bench_open(bench);
    for (int i = 0; i < 500; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%03d", i);
        put(bench, "counts", key, value);
    }
    while (try_checkpoint(bench, 1) != 0) {
        failed_count++;
        assert_true(failed_count < 10);
        assert_int_equal(kv_count(state_store(bench->state, "counts")), 500);
    }
    assert_true(failed_count > 1);
    disk.map_divisor = 1024;
    reopen(bench);
    assert_int_equal(state_position(bench->state)->commit, 1);
    assert_int_equal(kv_count(state_store(bench->state, "counts")), 500);
    put(bench, "counts", "k000", NULL);
    checkpoint(bench, 2);
    free(value);
    bench_free(bench);
}

static void a_directory_that_cannot_be_made_is_told(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    struct report report = {0};
    struct state *state = NULL;
    char path[200];
    bench_path(bench, "data.mdb/below", path);
    assert_true(state_open(bench->io, path, STORES, 3, &state, &report) != 0);
    assert_null(state);
    assert_non_null(strstr(report.text, "data.mdb/below"));
    bench_free(bench);
}

static void a_directory_that_is_open_is_refused_until_it_is_closed(void **unused)
{
    (void)unused;
    struct bench *bench = bench_new();
    struct report report = {0};
    struct state *second = NULL;
    put(bench, "counts", "a", "1");
    checkpoint(bench, 1);
    assert_int_equal(state_open(bench->io, bench->directory, STORES, 3, &second, &report),
                     ERROR_BUSY);
    assert_null(second);
    assert_non_null(strstr(report.text, bench->directory));
    state_close(bench->state);
    bench_open(bench);
    expect(bench, "counts", "a", "1");
    bench_free(bench);
}

static void stores_in_memory_need_no_directory(void **unused)
{
    (void)unused;
    struct report report = {0};
    struct state *state;
    struct io *io = io_uv_new();
    assert_int_equal(state_open(io, NULL, STORES, 2, &state, &report), 0);
    assert_false(state_has_directory(state));
    assert_false(state_is_persistent(state, 0));
    assert_int_equal(kv_put(state_store(state, "counts"), BYTES_LITERAL("a"), BYTES_LITERAL("1")),
                     0);
    assert_int_equal(state_dirty_size(state), 0);
    assert_null(state_store(state, "other"));
    state_check(state);
    state_close(state);
    io_uv_free(io);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_and_position_come_back_together),
        cmocka_unit_test(writes_during_a_checkpoint_belong_to_the_next),
        cmocka_unit_test(removed_keys_stay_removed),
        cmocka_unit_test(contents_are_kept_that_the_last_checkpoint_wrote),
        cmocka_unit_test(a_damaged_head_is_made_anew),
        cmocka_unit_test(a_file_that_was_cut_is_made_anew),
        cmocka_unit_test(a_damaged_position_is_made_anew),
        cmocka_unit_test(damage_is_told_and_left_when_a_store_has_no_changelog),
        cmocka_unit_test(damage_that_is_met_later_is_told_and_then_made_anew),
        cmocka_unit_test(a_full_disk_costs_a_checkpoint_and_nothing_else),
        cmocka_unit_test(a_head_that_cannot_be_written_ends_the_state_not_the_process),
        cmocka_unit_test(a_map_that_is_used_up_grows),
        cmocka_unit_test(a_directory_that_cannot_be_made_is_told),
        cmocka_unit_test(a_directory_that_is_open_is_refused_until_it_is_closed),
        cmocka_unit_test(stores_in_memory_need_no_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
