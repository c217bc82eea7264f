/* Shows what the groups of one changelog do to its store: which are applied, which are forgotten,
 * and that what they left in the topic is put right by the next commit. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/state/replay.h"
#include "tests/unit/chance.h"
#include "tests/unit/unit.h"

#include <stdio.h>
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
    assert_int_equal(replay_count(bench->replay), 6);
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

/* Of a process that lost its partition and did not know, right behind its heir's first commit. */
static void the_heirs_group_counts_when_it_goes_on(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    change(bench, "a", "1");
    change(bench, "b", "1");
    mark(bench, 1, 0);
    change(bench, "a", "heir");
    change(bench, "c", "heir");
    mark(bench, 2, 1);
    change(bench, "a", "late");
    change(bench, "b", "late");
    mark(bench, 4, 1);
    change(bench, "d", "heir");
    mark(bench, 5, 2);
    decide(bench);
    expect_contents(bench, "a=heir b=1 c=heir d=heir ", "a=heir b=1 ");
    assert_int_equal(replay_base_offset(bench->replay), 6);
    bench_free(bench);
}

/* Who made a failed commit once more goes on from that. */
static void the_later_group_counts_when_it_goes_on(void **state)
{
    (void)state;
    struct bench *bench = bench_new();
    change(bench, "a", "1");
    mark(bench, 1, 0);
    change(bench, "a", "failed");
    change(bench, "b", "failed");
    mark(bench, 2, 1);
    change(bench, "a", "again");
    change(bench, "b", NULL);
    mark(bench, 4, 1);
    change(bench, "c", "next");
    mark(bench, 5, 4);
    decide(bench);
    expect_contents(bench, "a=again c=next ", "");
    bench_free(bench);
}

/* --- A copy that goes on later --- */

enum { COPY_COMMITS = 30, COPY_RECORDS = 4 * COPY_COMMITS };

struct copy_record {
    char key[8];
    char value[8]; /* "": removed */
    struct bytes marker_key;
    struct buffer marker; /* of a marker */
};

struct copy_log {
    struct copy_record records[COPY_RECORDS];
    int64_t count;
};

/* Commits one after the other; now and then the last was not decided, and is not followed. */
static void copy_log_fill(struct copy_log *log, uint64_t seed)
{
    struct state_position position;
    int64_t follows = 0;
    state_position_init(&position);
    *log = (struct copy_log){0};
    for (int64_t commit = 1; commit <= COPY_COMMITS; commit++) {
        for (uint64_t i = chance_next(&seed) % 4; i > 0; i--) {
            struct copy_record *record = &log->records[log->count++];
            snprintf(record->key, sizeof record->key, "k%d", (int)(chance_next(&seed) % 6));
            if (chance_next(&seed) % 4 > 0) {
                snprintf(record->value, sizeof record->value, "%d", (int)commit);
            }
        }
        if ((commit - follows) % 2 == 0) {
            continue; /* the group is cut short: its marker never came */
        }
        struct copy_record *record = &log->records[log->count++];
        position.commit = commit;
        position.follows = follows;
        state_position_set_changelog(&position, "counts", "id", 0);
        record->marker_key = replay_marker_key(commit);
        state_position_print(&position, &record->marker);
        follows = chance_next(&seed) % 8 > 0 ? commit : follows;
    }
    state_position_fini(&position);
}

static void copy_log_clear(struct copy_log *log)
{
    for (int64_t i = 0; i < log->count; i++) {
        buffer_fini(&log->records[i].marker);
    }
}

static void copy_log_read(const struct copy_log *log, struct replay *replay, int64_t from,
                          int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        const struct copy_record *record = &log->records[i];
        bool is_marker = record->marker.size > 0;
        struct bytes key = is_marker ? record->marker_key : bytes_from_string(record->key);
        struct bytes value = is_marker               ? buffer_bytes(&record->marker)
                             : record->value[0] == 0 ? (struct bytes){0}
                                                     : bytes_from_string(record->value);
        assert_int_equal(replay_read(replay, i, key, value), 0);
        replay_check(replay);
    }
}

/* What the store holds after the end, and what it would put right. */
static void copy_finish(struct replay *replay, struct kv *kv, struct buffer *out)
{
    const struct accord_log *log = replay_log(replay);
    struct state_position none = {0};
    const struct state_position *decided = accord_choose(&log, 1, &none);
    assert_non_null(decided);
    assert_int_equal(replay_decide(replay, decided), 0);
    buffer_clear(out);
    buffer_printf(out, "%d: ", (int)decided->commit);
    struct kv_iterator *iterator = kv_iterate(kv, (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    while (kv_iterator_next(iterator, &key, &value)) {
        add_text(out, key, value);
    }
    kv_iterator_free(iterator);
    buffer_add_string(out, "| ");
    kv_each_dirty(kv, add_text, out);
}

static void copy_contents(struct kv *from, struct kv *to)
{
    struct kv_iterator *iterator = kv_iterate(from, (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    while (kv_iterator_next(iterator, &key, &value)) {
        assert_int_equal(kv_put(to, key, value), 0);
    }
    kv_iterator_free(iterator);
    kv_mark_committed(to);
}

/* Kept wherever it is sound, and gone on from behind the base, a store comes to be what it is when
 * all is read at once. True when it was sound. */
static bool expect_copy(const struct copy_log *log, int64_t stop, const char *expected)
{
    struct bench *bench = bench_new();
    struct kv *kept = kv_new_memory("counts");
    struct buffer text = {0};
    struct state_position opened;
    copy_log_read(log, bench->replay, 0, stop);
    bool is_sound = replay_is_sound(bench->replay);
    state_position_init(&opened);
    state_position_copy(&opened, &replay_log(bench->replay)->base);
    if (is_sound && opened.commit > 0) {
        int64_t offset = replay_base_offset(bench->replay);
        state_position_set_changelog(&opened, "counts", "id", offset);
        copy_contents(bench->kv, kept);
        struct replay *again = replay_new(kept);
        int64_t from = -1;
        assert_int_equal(replay_open(again, &opened, "id", &from), 0);
        assert_int_equal(from, offset);
        copy_log_read(log, again, from, log->count);
        copy_finish(again, kept, &text);
        assert_string_equal(buffer_string(&text), expected);
        replay_free(again);
    }
    state_position_fini(&opened);
    buffer_fini(&text);
    kv_free(kept);
    bench_free(bench);
    return is_sound;
}

static void a_copy_goes_on_behind_its_base(void **state)
{
    (void)state;
    int sound_count = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct copy_log log;
        struct buffer expected = {0};
        struct bench *bench = bench_new();
        copy_log_fill(&log, seed);
        copy_log_read(&log, bench->replay, 0, log.count);
        copy_finish(bench->replay, bench->kv, &expected);
        for (int64_t stop = 0; stop <= log.count; stop++) {
            sound_count += expect_copy(&log, stop, buffer_string(&expected));
        }
        buffer_fini(&expected);
        copy_log_clear(&log);
        bench_free(bench);
    }
    assert_true(sound_count > 500);
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
        cmocka_unit_test(the_heirs_group_counts_when_it_goes_on),
        cmocka_unit_test(the_later_group_counts_when_it_goes_on),
        cmocka_unit_test(a_copy_goes_on_behind_its_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
