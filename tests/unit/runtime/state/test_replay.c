/* Shows what the groups of one changelog do to its store: which are applied, which are forgotten,
 * and that what they left in the topic is put right by the next commit. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/state/replay.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

struct bench {
    struct kv *kv;
    struct replay *replay;
    int64_t offset;
    struct state_position marker;
};

static struct bench *bench_new(void)
{
    struct bench *bench = memory_new(struct bench);
    int64_t offset = 0;
    bench->kv = kv_new_memory("counts");
    bench->replay = replay_new(bench->kv);
    assert_int_equal(replay_open(bench->replay, NULL, "id", &offset), 0);
    assert_int_equal(offset, -1);
    return bench;
}

static void bench_free(struct bench *bench)
{
    replay_free(bench->replay);
    kv_free(bench->kv);
    state_position_fini(&bench->marker);
    free(bench);
}

static void change(struct bench *bench, const char *key, const char *value)
{
    assert_int_equal(replay_read(bench->replay, bench->offset++, bytes_from_string(key),
                                 bytes_from_string(value)),
                     0);
}

static void mark(struct bench *bench, int64_t commit, int64_t follows)
{
    struct buffer text = {0};
    bench->marker.commit = commit;
    bench->marker.follows = follows;
    state_position_set_changelog(&bench->marker, "counts", "id", 0);
    state_position_print(&bench->marker, &text);
    assert_int_equal(
        replay_read(bench->replay, bench->offset++, replay_marker_key(commit), buffer_bytes(&text)),
        0);
    replay_check(bench->replay);
    buffer_fini(&text);
}

static void decide(struct bench *bench)
{
    const struct accord_log *log = replay_log(bench->replay);
    struct state_position none = {0};
    const struct state_position *decided = accord_choose(&log, 1, &none);
    assert_non_null(decided);
    assert_int_equal(replay_decide(bench->replay, decided), 0);
}

static void add_text(void *owner, struct bytes key, struct bytes value)
{
    buffer_printf(owner, "%.*s=%.*s ", BYTES_FORMAT(key),
                  BYTES_FORMAT(bytes_is_null(value) ? BYTES_LITERAL("-") : value));
}

static void expect_contents(struct bench *bench, const char *contents, const char *dirty)
{
    struct buffer text = {0};
    struct kv_iterator *iterator = kv_iterate(bench->kv, (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    while (kv_iterator_next(iterator, &key, &value)) {
        add_text(&text, key, value);
    }
    kv_iterator_free(iterator);
    assert_string_equal(buffer_string(&text), contents);
    buffer_clear(&text);
    kv_each_dirty(bench->kv, add_text, &text);
    assert_string_equal(buffer_string(&text), dirty);
    assert_int_equal(replay_is_repairing(bench->replay), dirty[0] != 0);
    buffer_fini(&text);
}

static void the_last_whole_group_counts_and_a_cut_one_is_put_right(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    change(bench, "a", "1");
    change(bench, "b", "1");
    mark(bench, 1, 0);
    change(bench, "b", NULL);
    mark(bench, 2, 1);
    change(bench, "a", "2");
    change(bench, "b", "2");
    change(bench, "c", "2");
    decide(bench);
    expect_contents(bench, "a=1 ", "a=1 b=- c=- ");
    assert_int_equal(replay_count(bench->replay), 3);
    assert_int_equal(replay_end_offset(bench->replay), 8);
    bench_free(bench);
}

/* Of a process that lost its partition and did not know. */
static void a_stray_group_is_put_right(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    change(bench, "a", "1");
    mark(bench, 1, 0);
    change(bench, "b", "2");
    mark(bench, 2, 1);
    change(bench, "a", "3");
    mark(bench, 3, 2);
    change(bench, "a", "stray");
    change(bench, "d", "stray");
    mark(bench, 4, 1);
    change(bench, "b", "4");
    mark(bench, 6, 3);
    decide(bench);
    expect_contents(bench, "a=3 b=4 ", "a=3 d=- ");
    bench_free(bench);
}

static void what_a_later_group_wrote_again_is_right_already(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    change(bench, "a", "1");
    mark(bench, 1, 0);
    change(bench, "a", "undecided");
    change(bench, "b", "undecided");
    mark(bench, 2, 1);
    change(bench, "a", "4");
    change(bench, "b", NULL);
    mark(bench, 4, 1);
    decide(bench);
    expect_contents(bench, "a=4 ", "");
    bench_free(bench);
}

/* The markers of 8 and 9 have keys of their own, so dropping 9 leaves what is of 8 and before. */
static void compaction_leaves_the_marker_that_is_followed(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    assert_false(bytes_equal(replay_marker_key(8), replay_marker_key(9)));
    assert_true(bytes_equal(replay_marker_key(9), replay_marker_key(11)));
    change(bench, "a", "3");
    change(bench, "b", "7");
    mark(bench, 8, 7);
    change(bench, "c", "undecided");
    mark(bench, 9, 8);
    struct state_position decided = {.commit = 8};
    state_position_set_changelog(&decided, "counts", "id", 0);
    assert_int_equal(replay_decide(bench->replay, &decided), 0);
    state_position_fini(&decided);
    expect_contents(bench, "a=3 b=7 ", "c=- ");
    bench_free(bench);
}

static void contents_that_the_topic_does_not_reach_are_thrown_away(void **state)
{
    (void)state;
    struct state_position opened = {.commit = 5, .follows = 4};
    struct kv *kv = kv_new_memory("counts");
    struct replay *replay = replay_new(kv);
    int64_t offset = 0;
    state_position_set_changelog(&opened, "counts", "id", 77);
    assert_int_equal(kv_put(kv, BYTES_LITERAL("a"), BYTES_LITERAL("1")), 0);
    kv_mark_committed(kv);
    assert_int_equal(replay_open(replay, &opened, "id", &offset), 0);
    assert_int_equal(offset, 77);
    assert_int_equal(kv_count(kv), 1);
    assert_int_equal(replay_rebuild(replay), 0);
    assert_int_equal(kv_count(kv), 0);
    assert_int_equal(replay_log(replay)->base.commit, 0);
    assert_int_equal(replay_end_offset(replay), 0);
    replay_free(replay);
    kv_free(kv);
    state_position_fini(&opened);
}

static void a_marker_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {NULL, "", "commit 1\n",
                                        "commit 2\nfollows 2\nstream_time 0\n",
                                        "commit 2\nfollows -1\nstream_time 0\n"};
    struct bench *bench = bench_new();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(
            replay_read(bench->replay, 0, replay_marker_key(2), bytes_from_string(wrong[i])),
            ERROR_CORRUPT);
    }
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_whole_group_counts_and_a_cut_one_is_put_right),
        cmocka_unit_test(a_stray_group_is_put_right),
        cmocka_unit_test(what_a_later_group_wrote_again_is_right_already),
        cmocka_unit_test(compaction_leaves_the_marker_that_is_followed),
        cmocka_unit_test(contents_that_the_topic_does_not_reach_are_thrown_away),
        cmocka_unit_test(a_marker_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
