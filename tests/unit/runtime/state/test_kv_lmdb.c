/* Shows that the persistent store keeps the promises of kv.h whatever lies in which of its layers:
 * random use with checkpoints that succeed and fail, and reopening, against a plain array, with
 * small values and with so large ones that clean ones are forgotten all the time; and that what was
 * used lately is kept, and no more than may be. LMDB needs a real directory, which is made for each
 * run. */
#include "log/base/error.h"
#include "runtime/state/kv_lmdb.h"
#include "runtime/state/kv_memory.h"
#include "tests/unit/runtime/state/onlookers.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEYS = 40 };

struct bench {
    char directory[64];
    MDB_env *environment;
    MDB_dbi database;
    struct kv *kv;
    uint64_t seed;
    size_t value_size; /* the number, and more behind it */
    uint8_t *value;
    int model[KEYS]; /* 0: not there */
    int saved[KEYS];
    int committed[KEYS];
    int written[KEYS]; /* what the base holds */
    int freezing[KEYS];
    bool touched[KEYS];
    bool saved_touched[KEYS];
    bool is_frozen;
};

static uint32_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 16);
}

static struct bytes key_of(int index, char text[8])
{
    snprintf(text, 8, "k%02d", index);
    return bytes_from_string(text);
}

static void bench_open(struct bench *bench)
{
    MDB_txn *transaction;
    assert_int_equal(mdb_env_create(&bench->environment), 0);
    assert_int_equal(mdb_env_set_maxdbs(bench->environment, 4), 0);
    assert_int_equal(mdb_env_set_mapsize(bench->environment, 256 << 20), 0);
    assert_int_equal(
        mdb_env_open(bench->environment, bench->directory, MDB_NOTLS | MDB_NOSYNC, 0644), 0);
    assert_int_equal(mdb_txn_begin(bench->environment, NULL, 0, &transaction), 0);
    assert_int_equal(mdb_dbi_open(transaction, "counts", MDB_CREATE, &bench->database), 0);
    assert_int_equal(mdb_txn_commit(transaction), 0);
    bench->kv = kv_new_lmdb("counts", bench->environment, bench->database);
    kv_savepoint(bench->kv);
}

static void bench_close(struct bench *bench)
{
    kv_free(bench->kv);
    mdb_env_close(bench->environment);
}

static struct bench *bench_new(uint64_t seed)
{
    struct bench *bench = calloc(1, sizeof *bench);
    snprintf(bench->directory, sizeof bench->directory, "/tmp/tidemill-kv-XXXXXX");
    assert_non_null(mkdtemp(bench->directory));
    bench->seed = seed;
    bench->value_size = sizeof(int);
    bench->value = calloc(1, KV_VALUE_SIZE_MAX);
    bench_open(bench);
    return bench;
}

static void bench_free(struct bench *bench)
{
    char path[100];
    bench_close(bench);
    snprintf(path, sizeof path, "%s/data.mdb", bench->directory);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/lock.mdb", bench->directory);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(bench->directory), 0);
    free(bench->value);
    free(bench);
}

static void put(struct bench *bench, int index, int number)
{
    char text[8];
    bench->model[index] = number;
    memcpy(bench->value, &number, sizeof number);
    struct bytes value =
        number == 0 ? (struct bytes){0} : bytes_make(bench->value, bench->value_size);
    assert_int_equal(kv_put(bench->kv, key_of(index, text), value), 0);
}

/* Views stay valid until the next write, so all values are taken before any is looked at. */
static void expect_values(struct bench *bench)
{
    char text[8];
    struct bytes values[KEYS] = {{0}};
    int64_t live = 0;
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(kv_get(bench->kv, key_of(i, text), &values[i]), bench->model[i] != 0);
        live += bench->model[i] != 0;
    }
    for (int i = 0; i < KEYS; i++) {
        if (bench->model[i] != 0) {
            int number = 0;
            assert_int_equal(values[i].size, bench->value_size);
            memcpy(&number, values[i].data, sizeof number);
            assert_int_equal(number, bench->model[i]);
        }
    }
    assert_int_equal(kv_count(bench->kv), live);
}

static void expect_range(struct bench *bench, int from, int to)
{
    char from_text[8];
    char to_text[8];
    char text[8];
    struct bytes key;
    struct bytes value;
    struct kv_iterator *iterator =
        kv_iterate(bench->kv, from == 0 ? (struct bytes){0} : key_of(from, from_text),
                   to == KEYS ? (struct bytes){0} : key_of(to, to_text));
    for (int i = from; i < to; i++) {
        if (bench->model[i] != 0) {
            int number = 0;
            assert_true(kv_iterator_next(iterator, &key, &value));
            assert_true(bytes_equal(key, key_of(i, text)));
            memcpy(&number, value.data, sizeof number);
            assert_int_equal(number, bench->model[i]);
        }
    }
    assert_false(kv_iterator_next(iterator, &key, &value));
    kv_iterator_free(iterator);
}

struct dirty {
    int values[KEYS]; /* -1: not told */
};

static void on_dirty(void *owner, struct bytes key, struct bytes value)
{
    struct dirty *dirty = owner;
    int index = (key.data[1] - '0') * 10 + key.data[2] - '0';
    assert_int_equal(dirty->values[index], -1);
    dirty->values[index] = 0;
    if (!bytes_is_null(value)) {
        memcpy(&dirty->values[index], value.data, sizeof(int));
    }
}

static void expect_dirty(struct bench *bench)
{
    struct dirty dirty;
    memset(&dirty, 0xff, sizeof dirty);
    kv_each_dirty(bench->kv, on_dirty, &dirty);
    for (int i = 0; i < KEYS; i++) {
        if (dirty.values[i] != -1) {
            assert_int_equal(dirty.values[i], bench->model[i]);
        } else {
            assert_int_equal(bench->model[i], bench->committed[i]);
            assert_false(bench->touched[i]);
        }
    }
}

static void forget_touched(struct bench *bench)
{
    memset(bench->touched, 0, sizeof bench->touched);
    memset(bench->saved_touched, 0, sizeof bench->saved_touched);
}

static void commit(struct bench *bench)
{
    expect_dirty(bench);
    kv_mark_committed(bench->kv);
    memcpy(bench->committed, bench->model, sizeof bench->model);
    memcpy(bench->saved, bench->model, sizeof bench->model);
    forget_touched(bench);
}

static void freeze(struct bench *bench)
{
    commit(bench);
    kv_lmdb_freeze(bench->kv);
    assert_int_equal(kv_lmdb_changed_size(bench->kv), 0);
    memcpy(bench->freezing, bench->committed, sizeof bench->committed);
    bench->is_frozen = true;
}

static void thaw(struct bench *bench, bool is_written)
{
    MDB_txn *transaction;
    assert_int_equal(mdb_txn_begin(bench->environment, NULL, 0, &transaction), 0);
    assert_int_equal(kv_lmdb_write_frozen(bench->kv, transaction), 0);
    if (is_written) {
        assert_int_equal(mdb_txn_commit(transaction), 0);
        memcpy(bench->written, bench->freezing, sizeof bench->written);
    } else {
        mdb_txn_abort(transaction);
    }
    kv_lmdb_thaw(bench->kv, is_written);
    bench->is_frozen = false;
}

/* A crash: only what was written is left. */
static void reopen(struct bench *bench)
{
    bench_close(bench);
    bench_open(bench);
    memcpy(bench->model, bench->written, sizeof bench->model);
    memcpy(bench->saved, bench->written, sizeof bench->model);
    memcpy(bench->committed, bench->written, sizeof bench->model);
    bench->is_frozen = false;
    forget_touched(bench);
}

static void step_or_close(struct bench *bench, int number, bool may_close)
{
    int index = (int)(next_random(&bench->seed) % KEYS);
    uint32_t choice = next_random(&bench->seed) % 100;
    if (choice < 45) {
        put(bench, index, number);
    } else if (choice < 50) {
        char text[8];
        bench->touched[index] = true;
        assert_int_equal(kv_touch(bench->kv, key_of(index, text)), 0);
    } else if (choice < 70) {
        put(bench, index, 0);
    } else if (choice < 78) {
        kv_savepoint(bench->kv);
        memcpy(bench->saved, bench->model, sizeof bench->model);
        memcpy(bench->saved_touched, bench->touched, sizeof bench->touched);
    } else if (choice < 86) {
        kv_rollback(bench->kv);
        memcpy(bench->model, bench->saved, sizeof bench->model);
        memcpy(bench->touched, bench->saved_touched, sizeof bench->touched);
    } else if (choice < 90) {
        commit(bench);
    } else if (choice == 99 && may_close) {
        reopen(bench);
    } else if (bench->is_frozen) {
        thaw(bench, choice % 3 != 0);
    } else {
        freeze(bench);
    }
}

static void step(struct bench *bench, int number)
{
    step_or_close(bench, number, true);
}

/* Also across checkpoints, in which the overlay forgets its order. */
static void open_iterators_see_what_was_there_when_they_began(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct bench *bench = bench_new(seed * 2654435761);
        struct onlookers onlookers = {0};
        for (int number = 1; number <= 1000; number++) {
            uint32_t random = next_random(&bench->seed);
            int shown = onlookers_step(&onlookers, bench->kv, bench->model, random / 8);
            if (shown >= 0 && random % 2 == 0) {
                put(bench, shown, random % 4 == 0 ? 0 : number);
            } else if (random % 16 > 12) {
                step_or_close(bench, number, false);
            }
            kv_check(bench->kv);
        }
        expect_values(bench);
        onlookers_close(&onlookers);
        bench_free(bench);
    }
}

/* Forty values of at most a megabyte are more than are kept. */
static void forgotten_values_are_read_again(void **state)
{
    (void)state;
    struct bench *bench = bench_new(2654435761);
    bench->value_size = KV_VALUE_SIZE_MAX;
    for (int number = 1; number <= 600; number++) {
        step(bench, number);
        if (number % 10 == 0) {
            kv_check(bench->kv);
            expect_values(bench);
            expect_range(bench, 0, KEYS);
        }
    }
    bench_free(bench);
}

enum { MANY_KEYS = 2000, MANY_SIZE = 20000, FEW_KEYS = 200 };

static struct bytes many_key(int index, char text[8])
{
    snprintf(text, 8, "m%04d", index);
    return bytes_from_string(text);
}

static void put_many(struct bench *bench, int count)
{
    for (int i = 0; i < count; i++) {
        char text[8];
        assert_int_equal(kv_put(bench->kv, many_key(i, text), bytes_make(bench->value, MANY_SIZE)),
                         0);
    }
}

/* How many are found of each so-many-th. */
static int get_many(struct bench *bench, int count, int step)
{
    int found = 0;
    for (int i = 0; i < count; i += step) {
        char text[8];
        struct bytes value;
        found += kv_get(bench->kv, many_key(i, text), &value);
    }
    return found;
}

static void checkpoint(struct bench *bench)
{
    kv_mark_committed(bench->kv);
    kv_lmdb_freeze(bench->kv);
    thaw(bench, true);
    kv_check(bench->kv);
}

/* Behind the back of the store, so that what it still finds is what it keeps in memory. */
static void empty_base(struct bench *bench)
{
    MDB_txn *transaction;
    assert_int_equal(mdb_txn_begin(bench->environment, NULL, 0, &transaction), 0);
    assert_int_equal(mdb_drop(transaction, bench->database, 0), 0);
    assert_int_equal(mdb_txn_commit(transaction), 0);
    kv_mark_committed(bench->kv); /* ends the reading of what is not there any more */
}

static void what_was_found_again_is_kept_and_no_more_than_may_be(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    put_many(bench, MANY_KEYS);
    assert_int_equal(get_many(bench, MANY_KEYS, 1), MANY_KEYS);
    checkpoint(bench);
    empty_base(bench);
    int kept = get_many(bench, MANY_KEYS, 1);
    assert_true(kept > KV_MEMORY_CLEAN_SIZE_MAX / MANY_SIZE / 2);
    assert_true(kept <= KV_MEMORY_CLEAN_SIZE_MAX / MANY_SIZE);
    bench_free(bench);
}

static void what_was_written_once_is_not_kept(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    put_many(bench, FEW_KEYS);
    checkpoint(bench);
    assert_int_equal(get_many(bench, FEW_KEYS, 1), FEW_KEYS);
    empty_base(bench);
    assert_int_equal(get_many(bench, FEW_KEYS, 1), 0);
    bench_free(bench);
}

static void a_removed_key_is_not_kept(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct bytes key = BYTES_LITERAL("k");
    struct bytes value;
    assert_int_equal(kv_put(bench->kv, key, BYTES_LITERAL("v")), 0);
    checkpoint(bench);
    assert_int_equal(kv_put(bench->kv, key, (struct bytes){0}), 0);
    assert_false(kv_get(bench->kv, BYTES_LITERAL("other"), &value));
    assert_false(kv_get(bench->kv, key, &value)); /* found again */
    checkpoint(bench);
    assert_false(kv_get(bench->kv, key, &value));
    /* Behind the back of the store. */
    MDB_txn *transaction;
    MDB_val name = {.mv_size = 1, .mv_data = "k"};
    assert_int_equal(mdb_txn_begin(bench->environment, NULL, 0, &transaction), 0);
    assert_int_equal(mdb_put(transaction, bench->database, &name, &name, 0), 0);
    assert_int_equal(mdb_txn_commit(transaction), 0);
    kv_mark_committed(bench->kv); /* ends the reading of what was there before */
    assert_true(kv_get(bench->kv, key, &value));
    bench_free(bench);
}

static void what_is_used_stays_and_the_rest_is_forgotten_in_time(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    put_many(bench, FEW_KEYS);
    assert_int_equal(get_many(bench, FEW_KEYS, 1), FEW_KEYS);
    for (int i = 0; i < 20; i++) { /* the hand goes round twice */
        checkpoint(bench);
        assert_int_equal(get_many(bench, FEW_KEYS, 2), FEW_KEYS / 2);
    }
    empty_base(bench);
    assert_int_equal(get_many(bench, FEW_KEYS, 2), FEW_KEYS / 2);
    assert_int_equal(get_many(bench, FEW_KEYS, 1), FEW_KEYS / 2);
    bench_free(bench);
}

static void expect_pages(struct bench *bench, const int *model)
{
    struct kv_iterator *iterator = kv_iterate(bench->kv, (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    for (int i = 0; i < MANY_KEYS; i++) {
        char text[8];
        if (model[i] != 0) {
            assert_true(kv_iterator_next(iterator, &key, &value));
            assert_true(bytes_equal(key, many_key(i, text)));
            assert_memory_equal(value.data, &model[i], sizeof model[i]);
        }
        assert_int_equal(kv_get(bench->kv, many_key(i, text), &value), model[i] != 0);
    }
    assert_false(kv_iterator_next(iterator, &key, &value));
    kv_iterator_free(iterator);
}

/* So many that whole pages of the base come and go under one checkpoint. */
static void pages_of_keys_agree_with_a_model(void **state)
{
    (void)state;
    struct bench *bench = bench_new(88172645463325252);
    int model[MANY_KEYS] = {0};
    for (int round = 1; round <= 24; round++) {
        int from = (int)(next_random(&bench->seed) % MANY_KEYS);
        for (int i = 0; i < MANY_KEYS / 2; i++) {
            char text[8];
            int index = (from + i) % MANY_KEYS;
            uint32_t draw = next_random(&bench->seed);
            model[index] = draw % 3 == (uint32_t)round % 2 ? round : 0;
            memcpy(bench->value, &model[index], sizeof(int));
            struct bytes value =
                model[index] == 0 ? (struct bytes){0} : bytes_make(bench->value, 4 + draw % 200);
            assert_int_equal(kv_put(bench->kv, many_key(index, text), value), 0);
        }
        if (round % 3 == 0) {
            expect_pages(bench, model); /* and puts them in order */
        }
        checkpoint(bench);
        expect_pages(bench, model);
    }
    bench_close(bench);
    bench_open(bench);
    expect_pages(bench, model);
    bench_free(bench);
}

static void random_use_agrees_with_a_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct bench *bench = bench_new(seed * 2654435761);
        for (int number = 1; number <= 1200; number++) {
            step(bench, number);
            kv_check(bench->kv);
            if (number % 20 == 0) {
                int from = (int)(next_random(&bench->seed) % KEYS);
                expect_values(bench);
                expect_range(bench, 0, KEYS);
                expect_range(bench, from, from + (KEYS - from) / 2);
            }
        }
        bench_free(bench);
    }
}

static void an_iterator_sees_a_snapshot_across_a_checkpoint(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct bytes key;
    struct bytes value;
    put(bench, 1, 10);
    put(bench, 2, 20);
    freeze(bench);
    thaw(bench, true);
    put(bench, 3, 30);
    struct kv_iterator *iterator = kv_iterate(bench->kv, (struct bytes){0}, (struct bytes){0});
    put(bench, 1, 0);
    put(bench, 2, 21);
    put(bench, 4, 40);
    freeze(bench);
    thaw(bench, true);
    const int expected[] = {10, 20, 30};
    for (int i = 0; i < 3; i++) {
        assert_true(kv_iterator_next(iterator, &key, &value));
        assert_memory_equal(value.data, &expected[i], sizeof expected[i]);
    }
    assert_false(kv_iterator_next(iterator, &key, &value));
    kv_iterator_free(iterator);
    expect_values(bench);
    bench_free(bench);
}

static void an_empty_value_is_a_value_in_every_layer(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    struct bytes key;
    struct bytes value;
    assert_int_equal(kv_put(bench->kv, BYTES_LITERAL("e"), BYTES_LITERAL("")), 0);
    for (int layer = 0; layer < 3; layer++) {
        assert_true(kv_get(bench->kv, BYTES_LITERAL("e"), &value));
        assert_false(bytes_is_null(value));
        assert_int_equal(value.size, 0);
        struct kv_iterator *iterator = kv_iterate(bench->kv, (struct bytes){0}, (struct bytes){0});
        assert_true(kv_iterator_next(iterator, &key, &value));
        assert_false(bytes_is_null(value));
        kv_iterator_free(iterator);
        if (layer == 0) {
            kv_mark_committed(bench->kv);
            kv_lmdb_freeze(bench->kv);
        } else if (layer == 1) {
            thaw(bench, true);
        }
    }
    bench_free(bench);
}

static void keys_of_the_largest_size_reach_the_base(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    char key[KV_KEY_SIZE_MAX + 1];
    struct bytes value;
    memset(key, 'k', sizeof key);
    assert_int_equal(kv_put(bench->kv, bytes_make(key, sizeof key), BYTES_LITERAL("v")),
                     ERROR_TOO_LARGE);
    assert_int_equal(kv_put(bench->kv, bytes_make(key, 0), BYTES_LITERAL("v")), ERROR_INVALID);
    assert_false(kv_get(bench->kv, bytes_make(key, 0), &value));
    assert_int_equal(kv_put(bench->kv, bytes_make(key, KV_KEY_SIZE_MAX), BYTES_LITERAL("v")), 0);
    kv_mark_committed(bench->kv);
    kv_lmdb_freeze(bench->kv);
    thaw(bench, true);
    assert_true(kv_get(bench->kv, bytes_make(key, KV_KEY_SIZE_MAX), &value));
    assert_true(bytes_equal_string(value, "v"));
    bench_free(bench);
}

static void a_value_of_the_largest_size_is_taken(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    uint8_t *large = calloc(1, KV_VALUE_SIZE_MAX + 1);
    struct bytes key = BYTES_LITERAL("k");
    struct bytes value;
    assert_int_equal(kv_put(bench->kv, key, bytes_make(large, KV_VALUE_SIZE_MAX + 1)),
                     ERROR_TOO_LARGE);
    assert_false(kv_get(bench->kv, key, &value));
    assert_int_equal(kv_put(bench->kv, key, bytes_make(large, KV_VALUE_SIZE_MAX)), 0);
    kv_mark_committed(bench->kv);
    kv_lmdb_freeze(bench->kv);
    thaw(bench, true);
    assert_true(kv_get(bench->kv, key, &value));
    assert_int_equal(value.size, KV_VALUE_SIZE_MAX);
    free(large);
    bench_free(bench);
}

/* What decides when a checkpoint is worth it: the bytes it would write, not those ever put. */
static void the_size_counts_each_key_once_and_nothing_undone(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1);
    size_t one_size = strlen("k01") + 1 + sizeof(int);
    for (int i = 1; i <= 100; i++) {
        put(bench, 1, i);
    }
    assert_int_equal(kv_lmdb_changed_size(bench->kv), one_size);
    kv_savepoint(bench->kv);
    assert_false(kv_is_changed(bench->kv));
    put(bench, 2, 5);
    put(bench, 1, 0);
    assert_int_equal(kv_lmdb_changed_size(bench->kv), 2 * one_size - sizeof(int));
    assert_true(kv_is_changed(bench->kv));
    kv_rollback(bench->kv);
    assert_false(kv_is_changed(bench->kv));
    assert_int_equal(kv_lmdb_changed_size(bench->kv), one_size);
    kv_mark_committed(bench->kv);
    kv_lmdb_freeze(bench->kv);
    assert_int_equal(kv_lmdb_changed_size(bench->kv), 0);
    kv_lmdb_thaw(bench->kv, false);
    assert_int_equal(kv_lmdb_changed_size(bench->kv), one_size);
    kv_lmdb_freeze(bench->kv);
    thaw(bench, true);
    assert_int_equal(kv_lmdb_changed_size(bench->kv), 0);
    bench_free(bench);
}

/* A script may open more than the environment has readers (126). */
static void a_thousand_iterators_take_one_reader(void **state)
{
    (void)state;
    enum { ITERATORS = 1000 };
    struct bench *bench = bench_new(1);
    struct kv_iterator *iterators[ITERATORS];
    struct bytes key;
    struct bytes value;
    put(bench, 1, 10);
    freeze(bench);
    thaw(bench, true);
    assert_false(kv_lmdb_is_iterated(bench->kv));
    for (int i = 0; i < ITERATORS; i++) {
        iterators[i] = kv_iterate(bench->kv, (struct bytes){0}, (struct bytes){0});
    }
    assert_true(kv_lmdb_is_iterated(bench->kv));
    for (int i = 0; i < ITERATORS; i++) {
        assert_true(kv_iterator_next(iterators[i], &key, &value));
        assert_false(kv_iterator_next(iterators[i], &key, &value));
        kv_iterator_free(iterators[i]);
    }
    assert_int_equal(kv_lmdb_error(bench->kv), 0);
    assert_false(kv_lmdb_is_iterated(bench->kv));
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_use_agrees_with_a_model),
        cmocka_unit_test(pages_of_keys_agree_with_a_model),
        cmocka_unit_test(forgotten_values_are_read_again),
        cmocka_unit_test(what_was_found_again_is_kept_and_no_more_than_may_be),
        cmocka_unit_test(what_was_written_once_is_not_kept),
        cmocka_unit_test(a_removed_key_is_not_kept),
        cmocka_unit_test(what_is_used_stays_and_the_rest_is_forgotten_in_time),
        cmocka_unit_test(an_iterator_sees_a_snapshot_across_a_checkpoint),
        cmocka_unit_test(open_iterators_see_what_was_there_when_they_began),
        cmocka_unit_test(a_thousand_iterators_take_one_reader),
        cmocka_unit_test(an_empty_value_is_a_value_in_every_layer),
        cmocka_unit_test(keys_of_the_largest_size_reach_the_base),
        cmocka_unit_test(a_value_of_the_largest_size_is_taken),
        cmocka_unit_test(the_size_counts_each_key_once_and_nothing_undone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
