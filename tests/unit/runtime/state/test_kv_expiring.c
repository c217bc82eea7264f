/* Shows that a store with a ttl agrees with a model: what was not written for so long is not there,
 * in whatever way it is asked for, and after a while its rows are gone, too. */
#include "log/base/error.h"
#include "runtime/state/kv_expiring.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

enum { KEYS = 30, TTL_MS = 1000 };

struct model {
    int values[KEYS]; /* 0: none */
    int64_t times_ms[KEYS];
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

static bool is_live(const struct model *model, int index, int64_t now_ms)
{
    return model->values[index] != 0 && now_ms - model->times_ms[index] < TTL_MS;
}

static void expect_number(struct bytes value, int expected)
{
    int read = 0;
    assert_int_equal(value.size, sizeof read);
    memcpy(&read, value.data, sizeof read);
    assert_int_equal(read, expected);
}

static void expect_model(struct kv *kv, const struct model *model, int64_t now_ms)
{
    char text[8];
    struct bytes key;
    struct bytes value;
    int64_t live_count = 0;
    struct kv_iterator *part = kv_iterate(kv, BYTES_LITERAL("k10"), BYTES_LITERAL("k20"));
    struct kv_iterator *all = kv_iterate(kv, (struct bytes){0}, (struct bytes){0});
    for (int i = 0; i < KEYS; i++) {
        bool is_there = kv_get(kv, key_of(i, text), &value);
        assert_int_equal(is_there, is_live(model, i, now_ms));
        if (!is_there) {
            continue;
        }
        live_count++;
        expect_number(value, model->values[i]);
        assert_true(kv_iterator_next(all, &key, &value));
        assert_true(bytes_equal(key, key_of(i, text)));
        expect_number(value, model->values[i]);
        if (i >= 10 && i < 20) {
            assert_true(kv_iterator_next(part, &key, &value));
            assert_true(bytes_equal(key, key_of(i, text)));
        }
    }
    assert_false(kv_iterator_next(all, &key, &value));
    assert_false(kv_iterator_next(part, &key, &value));
    kv_iterator_free(all);
    kv_iterator_free(part);
    assert_int_equal(kv_count(kv), live_count);
}

static void random_use_agrees_with_a_model(void **state)
{
    (void)state;
    for (uint64_t round = 1; round <= 20; round++) {
        uint64_t seed = round * 2654435761;
        struct model model = {0};
        struct model saved;
        int64_t now_ms = -1;
        char text[8];
        struct kv *below = kv_new_memory("sessions");
        struct kv *kv = kv_new_expiring();
        kv_savepoint(below);
        saved = model;
        for (int step = 1; step <= 1000; step++) {
            now_ms += next_random(&seed) % 60;
            kv_expiring_point(kv, below, TTL_MS, now_ms);
            int index = (int)(next_random(&seed) % KEYS);
            uint32_t choice = next_random(&seed) % 10;
            if (choice < 6) {
                model.values[index] = step;
                model.times_ms[index] = now_ms;
                assert_int_equal(kv_put(kv, key_of(index, text), bytes_make(&step, sizeof step)),
                                 0);
            } else if (choice < 8) {
                model.values[index] = 0;
                assert_int_equal(kv_put(kv, key_of(index, text), (struct bytes){0}), 0);
            } else if (choice < 9) {
                kv_savepoint(below);
                saved = model;
            } else {
                kv_rollback(below);
                model = saved;
            }
            kv_check(kv);
            expect_model(kv, &model, now_ms);
        }
        kv_free(kv);
        kv_free(below);
    }
}

static void rows_that_went_by_are_removed(void **state)
{
    (void)state;
    enum { MANY = 2500 }; /* more than one write removes */
    char text[8];
    struct kv *below = kv_new_memory("sessions");
    struct kv *kv = kv_new_expiring();
    kv_expiring_point(kv, below, TTL_MS, 5);
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_int_equal(kv_put(kv, bytes_from_string(text), BYTES_LITERAL("")), 0);
    }
    assert_int_equal(kv_count(kv), MANY); /* an empty value is one */
    assert_int_equal(kv_count(below), 2 * MANY + 1);
    kv_expiring_point(kv, below, TTL_MS, 5 + TTL_MS - 1);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("new"), BYTES_LITERAL("1")), 0);
    assert_int_equal(kv_count(kv), MANY + 1);
    kv_expiring_point(kv, below, TTL_MS, 5 + TTL_MS + TTL_MS / 16);
    assert_int_equal(kv_count(kv), 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kv_put(kv, BYTES_LITERAL("new"), BYTES_LITERAL("2")), 0);
        kv_check(kv);
    }
    assert_int_equal(kv_count(below), 3); /* the key, its time, when it was swept */
    kv_free(kv);
    kv_free(below);
}

/* A ttl that a script adds to a store with values finds none of them: it is told. */
static void what_was_filled_without_a_ttl_is_refused(void **state)
{
    (void)state;
    struct bytes value;
    struct kv *below = kv_new_memory("sessions");
    struct kv *kv = kv_new_expiring();
    kv_expiring_point(kv, below, TTL_MS, 0);
    assert_int_equal(kv_put(below, BYTES_LITERAL("old"), BYTES_LITERAL("1")), 0);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("new"), BYTES_LITERAL("2")), ERROR_CORRUPT);
    assert_false(kv_get(kv, BYTES_LITERAL("new"), &value));
    assert_int_equal(kv_count(below), 1); /* as it was */
    assert_int_equal(kv_put(below, BYTES_LITERAL("old"), (struct bytes){0}), 0);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("new"), BYTES_LITERAL("2")), 0);
    kv_free(kv);
    kv_free(below);
}

static void sizes_are_judged_with_what_is_added(void **state)
{
    (void)state;
    static uint8_t bytes[KV_VALUE_SIZE_MAX];
    struct kv *below = kv_new_memory("sessions");
    struct kv *kv = kv_new_expiring();
    kv_expiring_point(kv, below, TTL_MS, 0);
    assert_int_equal(kv_put(kv, bytes_make(bytes, KV_KEY_SIZE_MAX - 8), BYTES_LITERAL("1")),
                     ERROR_TOO_LARGE);
    assert_int_equal(kv_put(kv, bytes_make(bytes, KV_KEY_SIZE_MAX - 9), BYTES_LITERAL("1")), 0);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("k"), bytes_make(bytes, KV_VALUE_SIZE_MAX - 7)),
                     ERROR_TOO_LARGE);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("k"), bytes_make(bytes, KV_VALUE_SIZE_MAX - 8)), 0);
    assert_int_equal(kv_count(kv), 2);
    kv_check(kv);
    kv_free(kv);
    kv_free(below);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_use_agrees_with_a_model),
        cmocka_unit_test(rows_that_went_by_are_removed),
        cmocka_unit_test(what_was_filled_without_a_ttl_is_refused),
        cmocka_unit_test(sizes_are_judged_with_what_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
