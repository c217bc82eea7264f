/* Shows what a store with history answers about any time, whatever the order of the puts: the same
 * as a plain list of them; and that it forgets what cannot be asked for any more. */
#include "log/base/memory.h"
#include "runtime/state/history.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPAN = 20, PUT_COUNT = 400, TIME_MAX = 120 };

struct put {
    int key;
    int64_t time_ms;
    int value; /* 0: removed */
    bool is_taken;
};

static struct bytes key_of(int key)
{
    static const char *const keys[] = {"a", "a\0", "b", "\xff"};
    return bytes_make(keys[key], key == 1 ? 2 : 1);
}

/* What holds at a time by the puts alone; the last one of equal times counts. */
static int value_at(const struct put *puts, int count, int key, int64_t time_ms)
{
    int64_t best_ms = -1;
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (puts[i].is_taken && puts[i].key == key && puts[i].time_ms <= time_ms &&
            puts[i].time_ms >= best_ms) {
            best_ms = puts[i].time_ms;
            value = puts[i].value;
        }
    }
    return value;
}

static void expect_answers(struct history *history, const struct put *puts, int count,
                           int64_t newest_ms)
{
    for (int key = 0; key < 4; key++) {
        for (int64_t time_ms = 0; time_ms < TIME_MAX + 5; time_ms++) {
            struct history_version version;
            char wanted[16] = "";
            bool is_newest = value_at(puts, count, key, time_ms) ==
                             value_at(puts, count, key, INT64_MAX); /* all values differ */
            bool is_known = is_newest || time_ms >= newest_ms - SPAN;
            int value = is_known ? value_at(puts, count, key, time_ms) : 0;
            int found = history_get(history, key_of(key), time_ms, &version);
            if (found != (value != 0)) {
                fail_msg("after %d: key %d at %d", count, key, (int)time_ms);
            }
            if (value != 0) {
                snprintf(wanted, sizeof wanted, "%d", value);
                assert_true(bytes_equal_string(version.value, wanted));
                assert_true(version.from_ms <= time_ms && time_ms < version.to_ms);
            }
        }
    }
    history_check(history);
}

static void every_time_has_the_value_that_was_put_before_it(void **state)
{
    (void)state;
    struct put puts[PUT_COUNT];
    struct kv *kv = kv_new_memory("h");
    struct history history;
    history_init(&history, kv, SPAN);
    uint64_t seed = 12345;
    int64_t newest_ms = INT64_MIN;
    for (int i = 0; i < PUT_COUNT; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        struct put *put = &puts[i];
        *put = (struct put){.key = (int)(seed >> 60) & 3,
                            .time_ms = (int64_t)i * TIME_MAX / PUT_COUNT - (int)(seed >> 40) % 30,
                            .value = (seed >> 50) % 5 == 0 ? 0 : i + 1};
        put->time_ms = put->time_ms < 0 ? 0 : put->time_ms;
        char text[16];
        snprintf(text, sizeof text, "%d", put->value);
        int64_t to_ms = 0;
        bool is_old = newest_ms != INT64_MIN && put->time_ms < newest_ms - SPAN;
        int result =
            history_put(&history, key_of(put->key), put->time_ms,
                        put->value == 0 ? (struct bytes){0} : bytes_from_string(text), &to_ms);
        assert_int_equal(result, !is_old);
        put->is_taken = !is_old;
        newest_ms = put->time_ms > newest_ms ? put->time_ms : newest_ms;
        if (i % 20 == 19) {
            expect_answers(&history, puts, i + 1, newest_ms);
        }
    }
    assert_int_equal(history_time(&history), newest_ms);
    history_fini(&history);
    kv_free(kv);
}

static void what_cannot_be_asked_for_is_removed(void **state)
{
    (void)state;
    struct kv *kv = kv_new_memory("h");
    struct history history;
    history_init(&history, kv, SPAN);
    int64_t to_ms = 0;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(history_put(&history, key_of(i % 3), i, BYTES_LITERAL("v"), NULL), 1);
    }
    assert_int_equal(history_put(&history, key_of(0), 50, (struct bytes){0}, &to_ms), 1);
    assert_true(to_ms == INT64_MAX);
    int64_t before = kv_count(kv);
    assert_true(before < 2 * SPAN + 12);
    kv_savepoint(kv);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(history_put(&history, key_of(3), 100 + i, BYTES_LITERAL("v"), NULL), 1);
    }
    assert_true(kv_count(kv) < 12); /* the newest of "a\0" and "b", those of "\xff", the time */
    struct history_version version;
    assert_int_equal(history_get(&history, key_of(1), INT64_MAX, &version), 1);
    assert_int_equal(history_get(&history, key_of(0), INT64_MAX, &version), 0);
    kv_rollback(kv);
    assert_int_equal(history_time(&history), 50);
    assert_int_equal(kv_count(kv), before);
    history_check(&history);
    history_fini(&history);
    kv_free(kv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_time_has_the_value_that_was_put_before_it),
        cmocka_unit_test(what_cannot_be_asked_for_is_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
