/* Shows that each process keeps copies of the stores of the others, fresh while these run, and that
 * who takes a task over goes on from its copy: it reads what came last, and nothing is lost. */
#include "runtime/app/app_log.h"
#include "runtime/app/app_totals.h"
#include "runtime/app/app_view.h"
#include "runtime/state/state.h"
#include "tests/unit/runtime/app/app_world.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PARTITIONS = 4, KEYS = 5, ROUNDS = 50 };

static const char SCRIPT[] = "local S = require 'tidemill'\n"
                             "local app = S.app 'counter'\n"
                             "app:topic('counts', { partitions = 1 })\n"
                             "local keys = app:stream('in', { value = 'text' }):group_by_key()\n"
                             "keys:count { name = 'first' }:to 'counts'\n"
                             "keys:count { name = 'second' }\n"
                             "return app\n";

static struct app_world *counter_new(uint64_t seed, int32_t standby_count)
{
    struct app_world *world = app_world_new(seed, SCRIPT);
    world->standby_count = standby_count;
    world->log = app_log_new(sim_io(world->sim, 0));
    fake_cluster_add_topic(world->cluster, "in", PARTITIONS);
    return world;
}

static void counter_free(struct app_world *world)
{
    struct app_log *log = world->log;
    app_world_free(world);
    app_log_free(log);
}

static void put_round(struct app_world *world)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        for (int j = 0; j < KEYS; j++) {
            char key[16];
            snprintf(key, sizeof key, "k%d-%d", (int)i, j);
            app_world_put(world, "in", i, key, "x");
        }
    }
}

static int64_t restored_by(const struct app_world *world, int number)
{
    struct task_counts counts;
    app_read_counts(world->seats[number].app, &counts);
    return counts.restored_count;
}

struct wish {
    struct app_world *world;
    int number;
    int64_t count;
};

static bool is_fresh(void *owner)
{
    const struct wish *wish = owner;
    struct app *app = wish->world->seats[wish->number].app;
    struct app_standby_counts counts = app_count_standby(app);
    return counts.lag == 0 && counts.unknown_count == 0 && counts.count == wish->count;
}

static void await_fresh(struct app_world *world, int number, int64_t count)
{
    struct wish wish = {world, number, count};
    if (!sim_run_until(world->sim, is_fresh, &wish, 120 * APP_WORLD_SECOND)) {
        struct app_standby_counts counts = app_count_standby(world->seats[number].app);
        fail_msg("seat %d has %" PRId64 " copies with a lag of %" PRId64, number, counts.count,
                 counts.lag);
    }
}

/* Each key was counted once for every round, in order. */
static void expect_counts(struct app_world *world, int rounds)
{
    struct buffer text = {0};
    char last[32];
    char beyond[32];
    app_world_await(world, "counts", (int64_t)rounds * PARTITIONS * KEYS);
    const char *counts = app_world_read(world, "counts", 0, &text);
    snprintf(last, sizeof last, "k3-4=%d", rounds);
    snprintf(beyond, sizeof beyond, "k3-4=%d", rounds + 1);
    assert_non_null(strstr(counts, last));
    assert_null(strstr(counts, beyond));
    buffer_fini(&text);
}

/* Two processes with all that was counted, then one of them goes; how much the other read. */
static int64_t take_over(int32_t standby_count)
{
    struct app_world *world = counter_new(7, standby_count);
    app_world_start(world, 0);
    app_world_start(world, 1);
    app_world_run(world, 30 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_task_count(world->seats[0].app), PARTITIONS / 2);
    assert_int_equal(app_task_count(world->seats[1].app), PARTITIONS / 2);
    for (int i = 0; i < ROUNDS; i++) {
        put_round(world);
        app_world_run(world, 200); /* commits of their own */
    }
    expect_counts(world, ROUNDS);
    app_world_run(world, 5 * APP_WORLD_SECOND_MS);
    await_fresh(world, 0, standby_count * PARTITIONS / 2);
    await_fresh(world, 1, standby_count * PARTITIONS / 2);
    int64_t before = restored_by(world, 0);
    app_world_stop(&world->seats[1]);
    app_world_run(world, 60 * APP_WORLD_SECOND_MS);
    assert_int_equal(app_task_count(world->seats[0].app), PARTITIONS);
    assert_int_equal(app_count_standby(world->seats[0].app).count, 0); /* nobody else is left */
    put_round(world);
    expect_counts(world, ROUNDS + 1);
    assert_int_equal(world->seats[0].failure_count, 0);
    int64_t read_count = restored_by(world, 0) - before;
    counter_free(world);
    return read_count;
}

static void the_heir_reads_what_came_last(void **state)
{
    (void)state;
    int64_t all = (int64_t)ROUNDS * PARTITIONS / 2 * KEYS * 2; /* of both stores */
    assert_int_equal(take_over(0), all);
    assert_in_range(take_over(1), 0, all / ROUNDS);
}

/* Whoever comes reads the stores while the others still work. */
static void who_comes_begins_with_copies(void **state)
{
    (void)state;
    struct app_world *world = counter_new(8, 1);
    app_world_start(world, 0);
    for (int i = 0; i < ROUNDS; i++) {
        put_round(world);
        app_world_run(world, 200);
    }
    expect_counts(world, ROUNDS);
    app_world_start(world, 1);
    await_fresh(world, 1, PARTITIONS / 2);
    await_fresh(world, 0, PARTITIONS / 2);
    assert_int_equal(app_task_count(world->seats[1].app), PARTITIONS / 2);
    put_round(world);
    expect_counts(world, ROUNDS + 1);
    counter_free(world);
}

static bool has_unknown_copies(void *owner)
{
    const struct app_world *world = owner;
    return app_count_standby(world->seats[0].app).unknown_count > 0;
}

static void copies_are_told(void **state)
{
    (void)state;
    struct app_world *world = counter_new(9, 1);
    struct buffer text = {0};
    struct app_totals totals = {0};
    app_world_start(world, 0);
    app_world_start(world, 1);
    put_round(world);
    assert_true(sim_run_until(world->sim, has_unknown_copies, world, 120 * APP_WORLD_SECOND));
    app_totals_add(&totals, world->seats[0].app);
    assert_int_equal(totals.standby_unknown_count,
                     app_count_standby(world->seats[0].app).unknown_count);
    assert_in_range(totals.standby_unknown_count, 1, totals.standby_count);
    app_totals_fini(&totals);
    await_fresh(world, 0, PARTITIONS / 2);
    app_view_add_parts(world->seats[0].app, 0, &text);
    assert_non_null(strstr(buffer_string(&text), "\"state\":\"standby\",\"lag\":0"));
    assert_non_null(strstr(buffer_string(&text), "\"state\":\"running\""));
    buffer_fini(&text);
    counter_free(world);
}

/* Of what one has, others keep at most as many copies as there are others. */
static void three_have_two_copies_each(void **state)
{
    (void)state;
    struct app_world *world = counter_new(10, 5);
    for (int i = 0; i < APP_WORLD_SEATS; i++) {
        app_world_start(world, i);
    }
    put_round(world);
    int64_t sum = 0;
    app_world_run(world, 60 * APP_WORLD_SECOND_MS);
    for (int i = 0; i < APP_WORLD_SEATS; i++) {
        struct app_standby_counts counts = app_count_standby(world->seats[i].app);
        assert_int_equal(counts.lag + counts.unknown_count, 0);
        sum += counts.count;
    }
    assert_int_equal(sum, 2 * PARTITIONS);
    counter_free(world);
}

/* Ends each changelog with a record that no reader takes. */
static void break_changelogs(struct app_world *world)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        struct batch_builder builder;
        struct buffer encoded = {0};
        batch_builder_init(&builder, COMPRESS_NONE);
        batch_builder_add(&builder, 1000, BYTES_LITERAL("\0tidemill.commit.0"),
                          BYTES_LITERAL("no marker"), NULL, 0);
        assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
        fake_cluster_append(world->cluster,
                            fake_cluster_get(world->cluster, "counter-first-changelog", i),
                            buffer_bytes(&encoded));
        buffer_fini(&encoded);
        batch_builder_fini(&builder);
    }
}

/* Takes the record away, as compaction may. */
static void mend_changelogs(struct app_world *world, const int64_t *offsets)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        struct fake_partition *partition =
            fake_cluster_get(world->cluster, "counter-first-changelog", i);
        size_t at = 0;
        while (partition->batches[at].base_offset != offsets[i]) {
            at++;
        }
        assert_true(at + 1 < partition->batch_count); /* others came behind it */
        buffer_fini(&partition->batches[at].data);
        partition->batch_count--;
        memmove(&partition->batches[at], &partition->batches[at + 1],
                (partition->batch_count - at) * sizeof *partition->batches);
    }
}

static int count_told(const struct app_world *world)
{
    int told = 0;
    struct buffer text = {0};
    app_log_write(world->log, 0, APP_LOG_LINE_COUNT, &text);
    for (const char *at = buffer_string(&text);
         (at = strstr(at, "is begun anew until it succeeds")) != NULL; at++) {
        told++;
    }
    buffer_fini(&text);
    return told;
}

/* A copy whose changelog cannot be read is begun anew, and the application goes on. It is told once
 * until the copy has all of it, and once more after that. */
static void a_copy_that_fails_disturbs_nobody(void **state)
{
    (void)state;
    struct app_world *world = counter_new(11, 1);
    app_world_start(world, 0);
    app_world_start(world, 1);
    app_world_run(world, 30 * APP_WORLD_SECOND_MS);
    put_round(world);
    expect_counts(world, 1);
    for (int times = 1; times <= 2; times++) {
        int64_t offsets[PARTITIONS];
        await_fresh(world, 0, PARTITIONS / 2);
        await_fresh(world, 1, PARTITIONS / 2);
        for (int32_t i = 0; i < PARTITIONS; i++) {
            offsets[i] =
                fake_cluster_get(world->cluster, "counter-first-changelog", i)->next_offset;
        }
        break_changelogs(world);
        app_world_run(world, 10 * APP_WORLD_SECOND_MS);
        put_round(world);
        expect_counts(world, 1 + times);
        app_world_run(world, 10 * APP_WORLD_SECOND_MS);
        assert_int_equal(count_told(world), times * PARTITIONS); /* once each */
        mend_changelogs(world, offsets);
    }
    assert_int_equal(world->seats[0].failure_count, 0);
    assert_int_equal(world->seats[1].failure_count, 0);
    counter_free(world);
}

/* The process of the copies does not reach the broker of one changelog while counting goes on. */
static void cut_changelog_off(struct app_world *world, const char *changelog, int rounds)
{
    for (int32_t i = 0; i < PARTITIONS; i++) {
        fake_cluster_move(fake_cluster_get(world->cluster, "in", i), 1);
        fake_cluster_move(fake_cluster_get(world->cluster, changelog, i), 2);
    }
    app_world_run(world, 10 * APP_WORLD_SECOND_MS);
    sim_cut(world->sim, 2, APP_WORLD_BROKERS + 1);
    for (int i = 0; i < rounds; i++) {
        put_round(world);
        app_world_run(world, 1 * APP_WORLD_SECOND_MS);
    }
}

static void a_copy_that_lags_reads_on_before_it_starts(void **state)
{
    (void)state;
    struct app_world *world = counter_new(13, 1);
    world->cluster->coordinator_id = 1;
    app_world_start(world, 0);
    app_world_start(world, 1);
    app_world_run(world, 30 * APP_WORLD_SECOND_MS);
    put_round(world);
    await_fresh(world, 1, PARTITIONS / 2);
    cut_changelog_off(world, "counter-first-changelog", 7);
    app_world_stop(&world->seats[0]);
    app_world_run(world, 20 * APP_WORLD_SECOND_MS);
    sim_mend(world->sim, 2, APP_WORLD_BROKERS + 1);
    put_round(world);
    expect_counts(world, 9);
    assert_int_equal(world->seats[1].failure_count, 0);
    counter_free(world);
}

/* --- What a copy keeps on its disk --- */

/* LMDB goes past the seam, so the directories are real ones, too. */
static void make_directories(const struct app_world *world, const char *root)
{
    char path[300];
    snprintf(path, sizeof path, "%s/counter", root);
    assert_int_equal(mkdir(path, 0700), 0);
    const struct topology_part *part = topology_part_at(app_topology(world->seats[0].app), 0);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        snprintf(path, sizeof path, "%s/counter/%08x-%d", root, part->id, (int)i);
        assert_int_equal(mkdir(path, 0700), 0);
    }
}

static void print_store(struct kv *kv, struct buffer *out)
{
    struct kv_iterator *iterator = kv_iterate(kv, (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    buffer_clear(out);
    while (kv_iterator_next(iterator, &key, &value)) {
        buffer_printf(out, "%.*s=%.*s ", BYTES_FORMAT(key), BYTES_FORMAT(value));
    }
    kv_iterator_free(iterator);
}

/* Each record was counted in both stores, so one commit of both is the same twice. True when there
 * is one. */
static bool expect_one_commit(struct app_world *world, const char *root, int32_t partition)
{
    static const struct state_store_options stores[] = {{.name = "first", .has_changelog = true},
                                                        {.name = "second", .has_changelog = true}};
    const struct topology_part *part = topology_part_at(app_topology(world->seats[0].app), 0);
    struct buffer first = {0};
    struct buffer second = {0};
    struct report report = {0};
    struct state *state;
    char path[300];
    snprintf(path, sizeof path, "%s/counter/%08x-%d", root, part->id, (int)partition);
    if (state_open(world->seats[1].io, path, stores, 2, &state, &report) != 0) {
        fail_msg("%s: %s", report.place, report.text);
    }
    bool is_there = state_position(state)->commit > 0;
    print_store(state_store_at(state, 0), &first);
    print_store(state_store_at(state, 1), &second);
    assert_string_equal(buffer_string(&first), buffer_string(&second));
    assert_int_equal(first.size > 0, is_there);
    state_close(state);
    buffer_fini(&first);
    buffer_fini(&second);
    return is_there;
}

static void a_checkpoint_has_one_commit_in_all_stores(void **state)
{
    (void)state;
    char root[] = "/tmp/test_app_standby.XXXXXX";
    struct app_world *world = counter_new(12, 1);
    struct report report = {0};
    int copies = 0;
    assert_non_null(mkdtemp(root));
    world->cluster->coordinator_id = 1;
    app_world_start(world, 0);
    make_directories(world, root);
    assert_int_equal(app_world_open(world, 1, &report), 0);
    app_start(world->seats[1].app, root);
    app_world_run(world, 30 * APP_WORLD_SECOND_MS);
    await_fresh(world, 1, PARTITIONS / 2);
    cut_changelog_off(world, "counter-second-changelog", 7);
    sim_mend(world->sim, 2, APP_WORLD_BROKERS + 1);
    app_world_stop(&world->seats[1]);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        copies += expect_one_commit(world, root, i);
    }
    assert_in_range(copies, 1, PARTITIONS);
    counter_free(world);
    char command[400];
    snprintf(command, sizeof command, "rm -r %s", root);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_heir_reads_what_came_last),
        cmocka_unit_test(who_comes_begins_with_copies),
        cmocka_unit_test(copies_are_told),
        cmocka_unit_test(three_have_two_copies_each),
        cmocka_unit_test(a_copy_that_fails_disturbs_nobody),
        cmocka_unit_test(a_copy_that_lags_reads_on_before_it_starts),
        cmocka_unit_test(a_checkpoint_has_one_commit_in_all_stores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
