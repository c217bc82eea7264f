/* Shows that the store in memory keeps the promises of kv.h, against a plain array as a model. */
#include "log/base/error.h"
#include "runtime/state/kv.h"
#include "tests/unit/runtime/state/onlookers.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 40 };

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

static void expect_model(struct kv *kv, const int *model)
{
    char text[8];
    struct bytes key;
    struct bytes value;
    int64_t live = 0;
    for (int i = 0; i < KEYS; i++) {
        bool is_there = kv_get(kv, key_of(i, text), &value);
        assert_int_equal(is_there, model[i] != 0);
        live += is_there;
        if (is_there) {
            int read = 0;
            memcpy(&read, value.data, sizeof read);
            assert_int_equal(read, model[i]);
        }
    }
    assert_int_equal(kv_count(kv), live);
    struct kv_iterator *iterator = kv_iterate(kv, BYTES_LITERAL("k10"), BYTES_LITERAL("k30"));
    for (int i = 10; i < 30; i++) {
        if (model[i] != 0) {
            assert_true(kv_iterator_next(iterator, &key, &value));
            assert_true(bytes_equal(key, key_of(i, text)));
        }
    }
    assert_false(kv_iterator_next(iterator, &key, &value));
    kv_iterator_free(iterator);
}

struct dirty {
    int values[KEYS]; /* -1: not told */
    int last_told;
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
    dirty->last_told = index;
}

static void expect_dirty(struct kv *kv, const int *model, const int *committed, const bool *touched)
{
    struct dirty dirty;
    for (int i = 0; i < KEYS; i++) {
        dirty.values[i] = -1;
    }
    kv_each_dirty(kv, on_dirty, &dirty);
    for (int i = 0; i < KEYS; i++) {
        if (dirty.values[i] != -1) {
            assert_int_equal(dirty.values[i], model[i]);
        } else {
            assert_int_equal(model[i], committed[i]);
            assert_false(touched[i]);
        }
    }
}

static void random_use_agrees_with_a_model(void **state)
{
    (void)state;
    for (uint64_t seed_start = 1; seed_start <= 20; seed_start++) {
        uint64_t seed = seed_start * 2654435761;
        int model[KEYS] = {0};
        int saved[KEYS] = {0};
        int committed[KEYS] = {0};
        bool touched[KEYS] = {false};
        bool saved_touched[KEYS] = {false};
        char text[8];
        struct kv *kv = kv_new_memory("counts");
        kv_savepoint(kv);
        for (int step = 1; step <= 1500; step++) {
            int index = (int)(next_random(&seed) % KEYS);
            uint32_t choice = next_random(&seed) % 22;
            kv_expect(kv, key_of((int)(choice * 3 % KEYS), text));
            if (choice < 10) {
                model[index] = step;
                assert_int_equal(kv_put(kv, key_of(index, text), bytes_make(&step, sizeof step)),
                                 0);
            } else if (choice < 15) {
                model[index] = 0;
                assert_int_equal(kv_put(kv, key_of(index, text), (struct bytes){0}), 0);
            } else if (choice < 17) {
                kv_savepoint(kv);
                memcpy(saved, model, sizeof saved);
                memcpy(saved_touched, touched, sizeof saved_touched);
            } else if (choice < 19) {
                kv_rollback(kv);
                memcpy(model, saved, sizeof model);
                memcpy(touched, saved_touched, sizeof touched);
            } else if (choice < 21) {
                touched[index] = true;
                assert_int_equal(kv_touch(kv, key_of(index, text)), 0);
            } else {
                expect_dirty(kv, model, committed, touched);
                memset(touched, 0, sizeof touched);
                memset(saved_touched, 0, sizeof saved_touched);
                kv_mark_committed(kv);
                memcpy(committed, model, sizeof committed);
                memcpy(saved, model, sizeof saved);
            }
            kv_check(kv);
            if (step % 50 == 0) {
                expect_model(kv, model);
                expect_dirty(kv, model, committed, touched);
            }
        }
        kv_free(kv);
    }
}

static void iteration_sees_a_snapshot(void **state)
{
    (void)state;
    struct kv *kv = kv_new_memory("s");
    assert_string_equal(kv_name(kv), "s");
    assert_int_equal(kv_put(kv, BYTES_LITERAL("b"), BYTES_LITERAL("1")), 0);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("a"), BYTES_LITERAL("")), 0);
    struct kv_iterator *iterator = kv_iterate(kv, (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    assert_true(kv_iterator_next(iterator, &key, &value));
    assert_true(bytes_equal_string(key, "a"));
    assert_int_equal(value.size, 0);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("b"), (struct bytes){0}), 0);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("c"), BYTES_LITERAL("2")), 0);
    assert_true(kv_iterator_next(iterator, &key, &value));
    assert_true(bytes_equal_string(value, "1"));
    assert_false(kv_iterator_next(iterator, &key, &value));
    kv_iterator_free(iterator);
    kv_free(kv);
}

/* In the order or not, written where they look or elsewhere; what was shown is often removed. */
static void open_iterators_see_what_was_there_when_they_began(void **state)
{
    (void)state;
    for (uint64_t seed_start = 1; seed_start <= 100; seed_start++) {
        uint64_t seed = seed_start * 2654435761;
        int model[KEYS] = {0};
        int saved[KEYS] = {0};
        struct onlookers onlookers = {0};
        char text[16];
        struct kv *kv = kv_new_memory("counts");
        kv_savepoint(kv);
        for (int step = 1; step <= 1000; step++) {
            int index = (int)(next_random(&seed) % KEYS);
            uint32_t choice = next_random(&seed) % 32;
            if (choice < 18) {
                int shown = onlookers_step(&onlookers, kv, model, next_random(&seed));
                index = shown >= 0 ? shown : index;
                choice += shown >= 0 && choice % 2 == 0 ? 18 : 0;
            }
            if (choice >= 18 && choice < 24) {
                model[index] = 0;
                assert_int_equal(kv_put(kv, onlooker_key(index, text), (struct bytes){0}), 0);
            } else if (choice >= 24 && choice < 28) {
                model[index] = step;
                assert_int_equal(
                    kv_put(kv, onlooker_key(index, text), bytes_make(&step, sizeof step)), 0);
            } else if (choice == 28 || choice == 29) {
                kv_savepoint(kv);
                memcpy(saved, model, sizeof saved);
            } else if (choice == 30) {
                kv_rollback(kv);
                memcpy(model, saved, sizeof model);
            } else if (choice >= 31) {
                kv_mark_committed(kv);
                memcpy(saved, model, sizeof saved);
            }
            kv_check(kv);
        }
        expect_model(kv, model);
        onlookers_close(&onlookers);
        kv_free(kv);
    }
}

static void an_iterator_may_be_freed_after_its_store(void **state)
{
    (void)state;
    struct kv *kv = kv_new_memory("s");
    struct bytes key;
    struct bytes value;
    assert_int_equal(kv_put(kv, BYTES_LITERAL("a"), BYTES_LITERAL("1")), 0);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("b"), BYTES_LITERAL("2")), 0);
    struct kv_iterator *iterator = kv_iterate(kv, (struct bytes){0}, (struct bytes){0});
    assert_true(kv_iterator_next(iterator, &key, &value));
    kv_free(kv);
    assert_true(bytes_equal_string(key, "a"));
    assert_true(kv_iterator_next(iterator, &key, &value));
    assert_true(bytes_equal_string(value, "2"));
    assert_false(kv_iterator_next(iterator, &key, &value));
    kv_iterator_free(iterator);
}

static void dirty_keys_are_told_in_the_order_of_their_first_change(void **state)
{
    (void)state;
    struct kv *kv = kv_new_memory("s");
    char text[8];
    int one = 1;
    for (int i = 9; i >= 5; i--) {
        assert_int_equal(kv_put(kv, key_of(i, text), bytes_make(&one, sizeof one)), 0);
    }
    assert_int_equal(kv_put(kv, key_of(9, text), bytes_make(&one, sizeof one)), 0);
    struct dirty dirty = {.last_told = -1};
    memset(dirty.values, 0xff, sizeof dirty.values);
    kv_each_dirty(kv, on_dirty, &dirty);
    assert_int_equal(dirty.last_told, 5);
    kv_free(kv);
}

static void a_key_or_value_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct kv *kv = kv_new_memory("s");
    char key[KV_KEY_SIZE_MAX + 1] = {0};
    uint8_t *value = calloc(1, KV_VALUE_SIZE_MAX + 1);
    assert_int_equal(kv_put(kv, bytes_make(key, sizeof key), BYTES_LITERAL("1")), ERROR_TOO_LARGE);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("k"), bytes_make(value, KV_VALUE_SIZE_MAX + 1)),
                     ERROR_TOO_LARGE);
    assert_int_equal(kv_count(kv), 0);
    assert_int_equal(
        kv_put(kv, bytes_make(key, sizeof key - 1), bytes_make(value, KV_VALUE_SIZE_MAX)), 0);
    free(value);
    kv_free(kv);
}

/* Grown, shrunk and removed in place, from views of the store itself, and back. */
static void a_value_may_be_a_view_of_the_store(void **state)
{
    (void)state;
    enum { SIZE = 10000 };
    static uint8_t large[SIZE];
    struct kv *kv = kv_new_memory("s");
    struct bytes key = BYTES_LITERAL("k");
    struct bytes value;
    for (size_t i = 0; i < SIZE; i++) {
        large[i] = (uint8_t)(i % 251);
    }
    assert_int_equal(kv_put(kv, key, bytes_make(large, SIZE)), 0);
    kv_savepoint(kv);
    assert_true(kv_get(kv, key, &value));
    assert_int_equal(kv_put(kv, key, bytes_make(value.data + 100, 9000)), 0); /* in place */
    assert_true(kv_get(kv, key, &value));
    assert_true(bytes_equal(value, bytes_make(large + 100, 9000)));
    assert_int_equal(kv_put(kv, key, bytes_make(value.data + 7, 20)), 0); /* given back */
    assert_true(kv_get(kv, key, &value));
    assert_true(bytes_equal(value, bytes_make(large + 107, 20)));
    assert_int_equal(kv_put(kv, BYTES_LITERAL("other"), value), 0);
    assert_int_equal(kv_put(kv, key, (struct bytes){0}), 0);
    assert_int_equal(kv_put(kv, key, BYTES_LITERAL("")), 0);
    kv_check(kv);
    kv_rollback(kv);
    kv_check(kv);
    assert_int_equal(kv_count(kv), 1);
    assert_true(kv_get(kv, key, &value));
    assert_true(bytes_equal(value, bytes_make(large, SIZE)));
    kv_free(kv);
}

static void a_cleared_store_is_empty_and_tells_so(void **state)
{
    (void)state;
    struct kv *kv = kv_new_memory("s");
    char text[8];
    int one = 1;
    for (int i = 5; i <= 9; i++) {
        assert_int_equal(kv_put(kv, key_of(i, text), bytes_make(&one, sizeof one)), 0);
    }
    kv_mark_committed(kv);
    assert_int_equal(kv_clear(kv), 0);
    assert_int_equal(kv_count(kv), 0);
    struct dirty dirty;
    memset(dirty.values, 0xff, sizeof dirty.values);
    kv_each_dirty(kv, on_dirty, &dirty);
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(dirty.values[i], i >= 5 && i <= 9 ? 0 : -1);
    }
    kv_rollback(kv);
    assert_int_equal(kv_count(kv), 5);
    kv_free(kv);
}

static void a_store_is_changed_by_what_was_written_since_the_savepoint(void **state)
{
    (void)state;
    struct kv *kv = kv_new_memory("counts");
    kv_savepoint(kv);
    assert_false(kv_is_changed(kv));
    assert_int_equal(kv_put(kv, BYTES_LITERAL("a"), (struct bytes){0}), 0);
    assert_false(kv_is_changed(kv)); /* was not there */
    assert_int_equal(kv_put(kv, BYTES_LITERAL("a"), BYTES_LITERAL("1")), 0);
    assert_true(kv_is_changed(kv));
    kv_savepoint(kv);
    assert_false(kv_is_changed(kv));
    assert_int_equal(kv_put(kv, BYTES_LITERAL("a"), (struct bytes){0}), 0);
    assert_true(kv_is_changed(kv));
    kv_rollback(kv);
    assert_false(kv_is_changed(kv));
    assert_int_equal(kv_touch(kv, BYTES_LITERAL("a")), 0);
    assert_true(kv_is_changed(kv));
    kv_mark_committed(kv);
    assert_false(kv_is_changed(kv));
    kv_free(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_use_agrees_with_a_model),
        cmocka_unit_test(iteration_sees_a_snapshot),
        cmocka_unit_test(open_iterators_see_what_was_there_when_they_began),
        cmocka_unit_test(an_iterator_may_be_freed_after_its_store),
        cmocka_unit_test(dirty_keys_are_told_in_the_order_of_their_first_change),
        cmocka_unit_test(a_value_may_be_a_view_of_the_store),
        cmocka_unit_test(a_cleared_store_is_empty_and_tells_so),
        cmocka_unit_test(a_key_or_value_over_the_limit_is_refused),
        cmocka_unit_test(a_store_is_changed_by_what_was_written_since_the_savepoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
