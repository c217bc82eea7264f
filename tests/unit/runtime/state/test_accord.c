/* Shows which commit is chosen for what the changelogs may look like after a crash, and what each
 * store then does. Commits are numbered by hand; a store is named by a letter, and so are those
 * that take part in a commit. */
#include "runtime/state/accord.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

struct table {
    struct accord_log logs[3];
    size_t count;
};

static struct state_position *position_of(struct state_position *position, int64_t commit,
                                          int64_t follows, const char *stores)
{
    state_position_init(position);
    position->commit = commit;
    position->follows = follows;
    for (const char *at = stores; *at != 0; at++) {
        const char name[] = {*at, 0};
        const char id[] = {'i', *at, 0};
        state_position_set_changelog(position, name, id, commit * 10);
    }
    return position;
}

/* A store whose contents are not kept; its topic's id is "i" and the letter. */
static struct accord_log *add(struct table *table, const char *store)
{
    char id[] = {'i', store[0], 0};
    struct accord_log *log = &table->logs[table->count++];
    accord_log_init(log, store);
    assert_false(accord_log_open(log, NULL, id));
    return log;
}

static enum accord_verdict mark(struct accord_log *log, int64_t commit, int64_t follows,
                                const char *stores)
{
    struct state_position marker;
    position_of(&marker, commit, follows, stores);
    enum accord_verdict verdict = accord_log_step(log, &marker);
    accord_log_check(log);
    state_position_fini(&marker);
    return verdict;
}

/* -1 for none. */
static int64_t choose(struct table *table)
{
    const struct accord_log *logs[3];
    struct state_position opened;
    state_position_init(&opened);
    for (size_t i = 0; i < table->count; i++) {
        logs[i] = &table->logs[i];
    }
    const struct state_position *chosen = accord_choose(logs, table->count, &opened);
    return chosen == NULL ? -1 : chosen->commit;
}

static enum accord_fate fate(const struct accord_log *log, int64_t commit, int64_t follows,
                             const char *stores)
{
    struct state_position decided;
    position_of(&decided, commit, follows, stores);
    enum accord_fate found = accord_log_fate(log, &decided);
    state_position_fini(&decided);
    return found;
}

static void table_fini(struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        accord_log_fini(&table->logs[i]);
    }
}

static void a_commit_that_is_in_all_changelogs_is_gone_on_from(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    struct accord_log *b = add(&table, "b");
    assert_int_equal(choose(&table), 0);
    assert_int_equal(mark(a, 1, 0, "ab"), ACCORD_NEXT);
    assert_int_equal(choose(&table), 0); /* b has nothing of the first one */
    assert_int_equal(fate(a, 0, 0, ""), ACCORD_FATE_BASE);
    assert_int_equal(mark(b, 1, 0, "ab"), ACCORD_NEXT);
    assert_int_equal(choose(&table), 1);
    assert_int_equal(mark(a, 2, 1, "ab"), ACCORD_NEXT);
    assert_int_equal(choose(&table), 1);
    assert_int_equal(fate(a, 1, 0, "ab"), ACCORD_FATE_BASE);
    assert_int_equal(fate(b, 1, 0, "ab"), ACCORD_FATE_HELD);
    assert_int_equal(mark(b, 2, 1, "ab"), ACCORD_NEXT);
    assert_int_equal(choose(&table), 2);
    table_fini(&table);
}

/* 6 is whole in a alone; 7 was made after a restart that went back to 5, and is whole in b alone.
 */
static void a_commit_that_was_not_decided_stays_so(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    struct accord_log *b = add(&table, "b");
    mark(a, 5, 4, "ab");
    mark(b, 5, 4, "ab");
    assert_int_equal(mark(a, 6, 5, "ab"), ACCORD_NEXT);
    assert_int_equal(choose(&table), 5);
    assert_int_equal(mark(b, 8, 5, "ab"), ACCORD_NEXT);
    assert_int_equal(choose(&table), 5);
    assert_int_equal(fate(a, 5, 4, "ab"), ACCORD_FATE_BASE);
    assert_int_equal(fate(b, 5, 4, "ab"), ACCORD_FATE_BASE);
    /* And the other way round: 8 is whole in a too, then 6 is forgotten. */
    assert_int_equal(mark(a, 8, 5, "ab"), ACCORD_BESIDE);
    assert_int_equal(choose(&table), 8);
    table_fini(&table);
}

static void a_group_that_follows_what_others_followed_is_stray(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    mark(a, 1, 0, "a");
    mark(a, 2, 1, "a");
    mark(a, 3, 2, "a");
    assert_int_equal(mark(a, 9, 1, "a"), ACCORD_STRAY);
    assert_int_equal(choose(&table), 3);
    assert_int_equal(a->newest, 9);
    table_fini(&table);
}

/* 6 was whole in b alone and became decided when a's changelog was lost: a, made anew, had 8 by
 * then, of a restart that went back to 5. */
static void a_marker_forgets_what_its_writer_did_not_go_on_from(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    assert_int_equal(mark(a, 8, 5, "ab"), ACCORD_NEXT);
    assert_int_equal(mark(a, 11, 6, "ab"), ACCORD_INSTEAD);
    assert_int_equal(mark(a, 13, 5, "ab"), ACCORD_STRAY);
    assert_int_equal(mark(a, 12, 11, "ab"), ACCORD_NEXT);
    assert_int_equal(a->base.commit, 11);
    table_fini(&table);
}

/* 7 is of a process that had lost its place and did not know; its heir had made 6 and goes on. */
static void the_next_marker_tells_which_of_two_rivals_was_decided(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    mark(a, 5, 4, "a");
    assert_int_equal(mark(a, 6, 5, "a"), ACCORD_NEXT);
    assert_int_equal(mark(a, 7, 5, "a"), ACCORD_BESIDE);
    assert_int_equal(choose(&table), 7); /* nobody can tell yet */
    assert_int_equal(mark(a, 9, 6, "a"), ACCORD_RIVAL);
    assert_int_equal(a->base.commit, 6);
    assert_int_equal(choose(&table), 9);
    assert_int_equal(fate(a, 9, 6, "a"), ACCORD_FATE_HELD);
    assert_int_equal(mark(a, 10, 9, "a"), ACCORD_NEXT); /* and there is no rival any more */
    assert_int_equal(a->base.commit, 9);
    table_fini(&table);
}

/* The late one came to one changelog, and first in the other. */
static void a_rival_is_decided_when_all_have_it(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    struct accord_log *b = add(&table, "b");
    mark(a, 5, 4, "ab");
    mark(b, 5, 4, "ab");
    mark(a, 6, 5, "ab");
    mark(b, 6, 5, "ab");
    assert_int_equal(mark(a, 7, 5, "ab"), ACCORD_BESIDE);
    assert_int_equal(choose(&table), 6);
    assert_int_equal(fate(a, 6, 5, "ab"), ACCORD_FATE_RIVAL);
    assert_int_equal(fate(b, 6, 5, "ab"), ACCORD_FATE_HELD);
    assert_int_equal(mark(a, 8, 5, "ab"), ACCORD_BESIDE); /* one rival is remembered, the newest */
    assert_int_equal(choose(&table), 5);
    table_fini(&table);
}

static void a_store_added_later_begins_empty_and_takes_nobody_back(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    struct accord_log *b = add(&table, "b");
    mark(a, 4, 3, "a");
    mark(a, 5, 4, "a");
    assert_int_equal(choose(&table), 5);
    assert_int_equal(fate(a, 5, 4, "a"), ACCORD_FATE_HELD);
    assert_int_equal(fate(b, 5, 4, "a"), ACCORD_FATE_EMPTY);
    /* The first commit with it, whole in it alone: it still began empty. */
    mark(b, 6, 5, "ab");
    assert_int_equal(choose(&table), 5);
    assert_int_equal(fate(b, 5, 4, "a"), ACCORD_FATE_EMPTY);
    assert_int_equal(mark(b, 8, 5, "ab"), ACCORD_BESIDE);
    mark(a, 8, 5, "ab");
    assert_int_equal(choose(&table), 8);
    assert_int_equal(fate(b, 8, 5, "ab"), ACCORD_FATE_HELD);
    table_fini(&table);
}

static void a_changelog_made_anew_is_a_store_added_later(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    struct accord_log *b = &table.logs[table.count++];
    struct state_position opened;
    mark(a, 5, 4, "ab");
    accord_log_init(b, "b");
    position_of(&opened, 5, 4, "ab");
    assert_false(accord_log_open(b, &opened, "another id"));
    assert_int_equal(choose(&table), 5);
    assert_int_equal(fate(b, 5, 4, "ab"), ACCORD_FATE_EMPTY);
    /* With its old id its contents are gone on from. */
    assert_true(accord_log_open(b, &opened, "ib"));
    assert_int_equal(b->base.commit, 5);
    assert_int_equal(choose(&table), 5);
    assert_int_equal(fate(b, 5, 4, "ab"), ACCORD_FATE_BASE);
    state_position_fini(&opened);
    table_fini(&table);
}

static void a_changelog_that_lost_records_stops_the_task(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    struct accord_log *b = add(&table, "b");
    mark(a, 5, 4, "ab");
    mark(a, 6, 5, "ab");
    assert_int_equal(choose(&table), -1); /* b has nothing, under the same id */
    mark(b, 3, 2, "ab");
    assert_int_equal(choose(&table), -1);
    table_fini(&table);
}

/* Clusters without ids tell by one sign only that a topic is another one. */
static void without_ids_a_changelog_that_ends_too_early_is_another(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    struct accord_log *b = &table.logs[table.count++];
    struct state_position opened;
    mark(a, 5, 4, "ab");
    accord_log_init(b, "b");
    position_of(&opened, 5, 4, "ab");
    assert_true(accord_log_open(b, &opened, ""));
    assert_int_equal(choose(&table), 5);
    accord_log_rebuild(b);
    assert_int_equal(b->base.commit, 0);
    assert_int_equal(choose(&table), 5);
    assert_int_equal(fate(b, 5, 4, "ab"), ACCORD_FATE_EMPTY);
    state_position_fini(&opened);
    table_fini(&table);
}

/* Compaction left the markers 7 and 8 of all before, then all but 20. */
static void markers_that_compaction_took_are_not_missed(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    assert_int_equal(mark(a, 7, 6, "a"), ACCORD_NEXT);
    assert_int_equal(mark(a, 8, 7, "a"), ACCORD_NEXT);
    assert_int_equal(a->base.commit, 7);
    assert_int_equal(mark(a, 20, 19, "a"), ACCORD_NEXT);
    assert_int_equal(choose(&table), 20);
    table_fini(&table);
}

static void contents_are_not_those_of_a_commit_before_a_gap(void **state)
{
    (void)state;
    struct table table = {.count = 0};
    struct accord_log *a = add(&table, "a");
    struct accord_log *b = add(&table, "b");
    mark(a, 8, 7, "ab");
    mark(a, 20, 19, "ab"); /* what lies before it is of any commit up to 19 */
    mark(b, 8, 7, "ab");
    assert_int_equal(choose(&table), -1);
    table_fini(&table);
}

static void without_changelogs_the_local_position_counts(void **state)
{
    (void)state;
    struct state_position opened;
    position_of(&opened, 12, 11, "");
    assert_ptr_equal(accord_choose(NULL, 0, &opened), &opened);
    state_position_fini(&opened);
}

static void numbers_rise_and_differ_in_parity_from_what_they_follow(void **state)
{
    (void)state;
    assert_int_equal(accord_next(0, 0, 0), 1);
    assert_int_equal(accord_next(1, 1, 0), 2);
    assert_int_equal(accord_next(6, 5, 0), 8);
    assert_int_equal(accord_next(8, 5, 0), 10);
    assert_int_equal(accord_next(8, 8, 0), 9);
    assert_int_equal(accord_next(8, 8, 1001), 1001);
    assert_int_equal(accord_next(8, 8, 1000), 1001);
    assert_int_equal(accord_next(1001, 1001, 1001), 1002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_that_is_in_all_changelogs_is_gone_on_from),
        cmocka_unit_test(a_commit_that_was_not_decided_stays_so),
        cmocka_unit_test(a_group_that_follows_what_others_followed_is_stray),
        cmocka_unit_test(a_marker_forgets_what_its_writer_did_not_go_on_from),
        cmocka_unit_test(a_store_added_later_begins_empty_and_takes_nobody_back),
        cmocka_unit_test(a_changelog_made_anew_is_a_store_added_later),
        cmocka_unit_test(a_changelog_that_lost_records_stops_the_task),
        cmocka_unit_test(without_ids_a_changelog_that_ends_too_early_is_another),
        cmocka_unit_test(markers_that_compaction_took_are_not_missed),
        cmocka_unit_test(contents_are_not_those_of_a_commit_before_a_gap),
        cmocka_unit_test(without_changelogs_the_local_position_counts),
        cmocka_unit_test(numbers_rise_and_differ_in_parity_from_what_they_follow),
        cmocka_unit_test(the_next_marker_tells_which_of_two_rivals_was_decided),
        cmocka_unit_test(a_rival_is_decided_when_all_have_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
