/* Shows that a store comes back from its changelog over a cluster that fails now and then; that
 * local contents are gone on from only with the topic they came from; that a group which fits a
 * batch is whole or not there, and that one larger than the producer's room goes out in turns. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/state/changelog.h"
#include "tests/unit/runtime/client_bench.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_PRODUCE = 0, KEY_FETCH = 1, KEY_METADATA = 3 };

static const char TOPIC[] = "app-counts-changelog";

struct bench {
    struct client_bench *clients;
    struct kv *kv;
    struct changelog *changelog;
    struct state_position position; /* of the last commit appended, or as restored */
    int64_t decided_commit;
    int64_t start_ms; /* the number before that of the first commit */
    int begun_count;
    int done_count;
    int error;
    int64_t offset;
};

static void check_changelog(void *owner)
{
    struct bench *bench = owner;
    if (bench->changelog != NULL) {
        changelog_check(bench->changelog);
    }
}

static struct bench *bench_new(uint64_t seed, size_t buffer_size)
{
    struct bench *bench = memory_new(struct bench);
    bench->clients = client_bench_new(seed, buffer_size);
    bench->clients->judge = check_changelog;
    bench->clients->owner = bench;
    bench->kv = kv_new_memory("counts");
    bench->position.commit = bench->start_ms = io_wall_clock(client_io(bench->clients->client));
    fake_cluster_add_topic(bench->clients->cluster, TOPIC, 1);
    return bench;
}

static void bench_free(struct bench *bench)
{
    changelog_free(bench->changelog);
    bench->changelog = NULL;
    client_bench_free(bench->clients);
    state_position_fini(&bench->position);
    kv_free(bench->kv);
    free(bench);
}

static void put(struct bench *bench, const char *key, const char *value)
{
    assert_int_equal(kv_put(bench->kv, bytes_from_string(key), bytes_from_string(value)), 0);
}

static bool is_done(void *owner)
{
    return ((struct bench *)owner)->done_count > 0;
}

static void on_appended(void *owner, int error, int32_t partition, int64_t offset)
{
    struct bench *bench = owner;
    assert_int_equal(partition, 0);
    bench->done_count++;
    bench->error = error;
    bench->offset = offset;
}

static struct changelog_append append_of(struct bench *bench)
{
    return (struct changelog_append){.producer = bench->clients->producer,
                                     .kv = bench->kv,
                                     .topic = TOPIC,
                                     .position = &bench->position,
                                     .done = on_appended,
                                     .owner = bench};
}

static void next_commit(struct bench *bench)
{
    bool is_first = bench->position.commit == bench->start_ms;
    bench->position.follows = is_first ? 0 : bench->position.commit;
    bench->position.commit++;
    if (state_position_changelog(&bench->position, "counts") == NULL) {
        state_position_set_changelog(&bench->position, "counts", NULL, 0);
    }
}

/* Appends what is dirty as the next commit, acknowledged. */
static void commit(struct bench *bench)
{
    next_commit(bench);
    struct changelog_append append = append_of(bench);
    bench->done_count = 0;
    assert_int_equal(changelog_append_step(&append), 0);
    assert_int_equal(bench->done_count, 0);
    client_bench_run_until(bench->clients, is_done, bench);
    assert_int_equal(bench->done_count, 1);
    assert_int_equal(bench->error, 0);
    kv_mark_committed(bench->kv);
    state_position_set_changelog(&bench->position, "counts", NULL, bench->offset + 1);
}

static void on_begun(void *owner)
{
    struct bench *bench = owner;
    bench->begun_count++;
    assert_true(changelog_progress(bench->changelog).total_count > 0);
}

/* What the last restore told; NULL: it went on from local contents. */
static void expect_reason(const struct bench *bench, const char *reason)
{
    struct changelog_progress progress = changelog_progress(bench->changelog);
    assert_int_equal(bench->begun_count, 1);
    assert_int_equal(progress.done_count, progress.total_count);
    if (reason == NULL) {
        assert_null(progress.reason);
    } else {
        assert_string_equal(progress.reason, reason);
    }
}

static void on_restored(void *owner, int error)
{
    struct bench *bench = owner;
    bench->done_count++;
    bench->error = error;
}

/* A new process reads the changelog into `kv`. */
static void begin_restore(struct bench *bench, struct kv *kv, const struct state_position *opened)
{
    changelog_free(bench->changelog);
    bench->changelog = changelog_new(bench->clients->fetch_client, kv, TOPIC, 0);
    bench->begun_count = bench->done_count = 0;
    changelog_on_begun(bench->changelog, on_begun, bench);
    changelog_restore(bench->changelog, opened, on_restored, bench);
    assert_int_equal(bench->done_count, 0);
}

static int restore(struct bench *bench, struct kv *kv, const struct state_position *opened)
{
    begin_restore(bench, kv, opened);
    client_bench_run_until(bench->clients, is_done, bench);
    assert_int_equal(bench->done_count, 1);
    if (bench->error == 0) {
        const struct accord_log *log = replay_log(changelog_replay(bench->changelog));
        const struct state_position *decided = accord_choose(&log, 1, NULL);
        assert_non_null(decided);
        assert_int_equal(changelog_decide(bench->changelog, decided), 0);
        bench->decided_commit = decided->commit;
        if (decided->commit > 0) {
            state_position_copy(&bench->position, decided);
        }
    }
    return bench->error;
}

/* "a=1 b=2" */
static void expect(struct kv *kv, const char *expected)
{
    struct buffer text = {0};
    struct kv_iterator *iterator = kv_iterate(kv, (struct bytes){0}, (struct bytes){0});
    struct bytes key;
    struct bytes value;
    while (kv_iterator_next(iterator, &key, &value)) {
        buffer_printf(&text, "%s%.*s=%.*s", text.size == 0 ? "" : " ", BYTES_FORMAT(key),
                      BYTES_FORMAT(value));
    }
    kv_iterator_free(iterator);
    assert_string_equal(buffer_string(&text), expected);
    buffer_fini(&text);
}

static int64_t read_count(const struct bench *bench)
{
    return replay_count(changelog_replay(bench->changelog));
}

static void what_was_appended_comes_back(void **state)
{
    (void)state;
    struct bench *bench = bench_new(1, 0);
    struct kv *kv = kv_new_memory("counts");
    assert_int_equal(restore(bench, kv, NULL), 0); /* of an empty topic */
    assert_int_equal(bench->decided_commit, 0);
    put(bench, "a", "1");
    put(bench, "b", "1");
    commit(bench);
    put(bench, "a", "2");
    put(bench, "b", NULL);
    put(bench, "c", "2");
    commit(bench);
    assert_string_equal(client_bench_text(bench->clients, TOPIC, 0), "a=1 b=1 a=2 b=- c=2");
    assert_int_equal(restore(bench, kv, NULL), 0);
    expect(kv, "a=2 c=2");
    assert_int_equal(bench->position.commit, bench->start_ms + 2);
    assert_int_equal(read_count(bench), 5);
    assert_int_equal(replay_end_offset(changelog_replay(bench->changelog)), 7);
    assert_int_equal(strlen(replay_log(changelog_replay(bench->changelog))->topic_id), 32);
    kv_free(kv);
    bench_free(bench);
}

static void a_commit_without_changes_has_its_marker(void **state)
{
    (void)state;
    struct bench *bench = bench_new(2, 0);
    struct kv *kv = kv_new_memory("counts");
    commit(bench);
    assert_int_equal(restore(bench, kv, NULL), 0);
    assert_int_equal(bench->position.commit, bench->start_ms + 1);
    kv_free(kv);
    bench_free(bench);
}

/* What another process began and nobody decided yet may still become the newest commit. */
static void an_open_transaction_is_waited_for(void **state)
{
    (void)state;
    struct bench *bench = bench_new(2, 0);
    struct fake_cluster *cluster = bench->clients->cluster;
    struct fake_partition *partition = fake_cluster_get(cluster, TOPIC, 0);
    struct kv *kv = kv_new_memory("counts");
    put(bench, "a", "1");
    commit(bench);
    fake_cluster_set_open(cluster, partition, true);
    put(bench, "a", "2");
    commit(bench);
    begin_restore(bench, kv, NULL);
    assert_int_equal(changelog_progress(bench->changelog).total_count, -1);
    client_bench_run(bench->clients, 20ull * CLIENT_BENCH_SECOND);
    assert_int_equal(bench->done_count, 0);
    struct changelog_progress progress = changelog_progress(bench->changelog);
    assert_int_equal(progress.done_count, 2);
    assert_int_equal(progress.total_count, 4);
    assert_in_range(progress.elapsed_ms, 19000, 20000);
    fake_cluster_set_open(cluster, partition, false);
    client_bench_run_until(bench->clients, is_done, bench);
    assert_int_equal(bench->error, 0);
    assert_int_equal(replay_end_offset(changelog_replay(bench->changelog)), 4);
    kv_free(kv);
    bench_free(bench);
}

/* Local contents of commit 1, with the id of the topic. */
static void take_local(struct bench *bench, struct kv *kv, struct state_position *opened)
{
    assert_int_equal(restore(bench, kv, NULL), 0);
    const struct replay *replay = changelog_replay(bench->changelog);
    state_position_copy(opened, &bench->position);
    state_position_set_changelog(opened, "counts", replay_log(replay)->topic_id,
                                 replay_end_offset(replay));
}

static void local_contents_are_gone_on_from(void **state)
{
    (void)state;
    struct bench *bench = bench_new(3, 0);
    struct kv *kv = kv_new_memory("counts");
    struct state_position opened = {0};
    put(bench, "a", "1");
    put(bench, "b", "1");
    commit(bench);
    take_local(bench, kv, &opened);
    assert_int_equal(restore(bench, kv, &opened), 0); /* nothing is new */
    assert_int_equal(bench->begun_count, 0);
    expect(kv, "a=1 b=1");
    assert_int_equal(read_count(bench), 0);
    assert_int_equal(bench->position.commit, bench->start_ms + 1);
    put(bench, "a", "2");
    commit(bench);
    assert_int_equal(restore(bench, kv, &opened), 0);
    expect(kv, "a=2 b=1");
    expect_reason(bench, NULL);
    assert_int_equal(read_count(bench), 1);
    assert_int_equal(bench->position.commit, bench->start_ms + 2);
    state_position_fini(&opened);
    kv_free(kv);
    bench_free(bench);
}

/* What removed "gone" is not in the topic any more, after compaction and delete.retention.ms. */
static void local_contents_that_are_too_old_are_read_anew(void **state)
{
    (void)state;
    for (int hours = 11; hours <= 13; hours += 2) {
        struct bench *bench = bench_new(11, 0);
        struct kv *kv = kv_new_memory("counts");
        struct state_position opened = {0};
        put(bench, "a", "1");
        commit(bench);
        take_local(bench, kv, &opened);
        assert_int_equal(kv_put(kv, BYTES_LITERAL("gone"), BYTES_LITERAL("1")), 0);
        kv_mark_committed(kv);
        client_bench_run(bench->clients, (uint64_t)hours * 3600 * CLIENT_BENCH_SECOND);
        assert_int_equal(restore(bench, kv, &opened), 0); /* the topic did not go on */
        expect(kv, "a=1 gone=1");
        put(bench, "b", "1");
        commit(bench);
        assert_int_equal(restore(bench, kv, &opened), 0);
        expect(kv, hours < 12 ? "a=1 b=1 gone=1" : "a=1 b=1");
        expect_reason(bench, hours < 12 ? NULL : "the local contents are too old");
        state_position_fini(&opened);
        kv_free(kv);
        bench_free(bench);
    }
}

/* More records than before: the old offset is inside the new topic. */
static void a_topic_made_anew_is_never_mixed_with_local_contents(void **state)
{
    (void)state;
    struct bench *bench = bench_new(4, 0);
    struct kv *kv = kv_new_memory("counts");
    struct state_position opened = {0};
    put(bench, "a", "1");
    put(bench, "old", "1");
    commit(bench);
    take_local(bench, kv, &opened);
    client_bench_make_anew(bench->clients, TOPIC);
    client_bench_restart(bench->clients);
    put(bench, "a", "new");
    put(bench, "b", "new");
    put(bench, "c", "new");
    commit(bench);
    assert_int_equal(restore(bench, kv, &opened), 0);
    expect(kv, "a=new b=new c=new");
    expect_reason(bench, "the local contents are not of this topic");
    state_position_fini(&opened);
    kv_free(kv);
    bench_free(bench);
}

static void a_topic_that_does_not_reach_to_local_contents_is_read_anew(void **state)
{
    (void)state;
    for (int has_id = 0; has_id < 2; has_id++) {
        struct bench *bench = bench_new(5, 0);
        struct fake_topic *topic = map_find_string(&bench->clients->cluster->topics, TOPIC);
        struct kv *kv = kv_new_memory("counts");
        struct state_position opened = {0};
        if (has_id == 0) {
            topic->id = (struct wire_uuid){{0}};
        }
        put(bench, "a", "1");
        commit(bench);
        take_local(bench, kv, &opened);
        assert_int_equal(strlen(opened.changelogs[0].topic_id), has_id == 0 ? 0 : 32);
        state_position_set_changelog(&opened, "counts", NULL, 77);
        assert_int_equal(kv_put(kv, BYTES_LITERAL("lost"), BYTES_LITERAL("1")), 0);
        kv_mark_committed(kv);
        assert_int_equal(restore(bench, kv, &opened), 0);
        expect(kv, "a=1");
        expect_reason(bench, "the topic does not reach to the local contents");
        assert_int_equal(replay_end_offset(changelog_replay(bench->changelog)), 2);
        state_position_fini(&opened);
        kv_free(kv);
        bench_free(bench);
    }
}

static void errors_of_the_cluster_are_lived_through(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct bench *bench = bench_new(seed, 0);
        struct kv *kv = kv_new_memory("counts");
        bench->clients->cluster->error_chance = 200000;
        bench->clients->cluster->drop_chance = 50000;
        for (int i = 0; i < 10; i++) {
            char value[8];
            snprintf(value, sizeof value, "%d", i);
            put(bench, "a", value);
            commit(bench);
        }
        assert_int_equal(restore(bench, kv, NULL), 0);
        expect(kv, "a=9");
        assert_int_equal(bench->position.commit, bench->start_ms + 10);
        kv_free(kv);
        bench_free(bench);
    }
}

/* Brokers learn of a new topic one after the other. */
static void a_topic_that_is_not_known_yet_is_waited_for(void **state)
{
    (void)state;
    struct bench *bench = bench_new(12, 0);
    struct fake_topic *topic =
        map_remove(&bench->clients->cluster->topics, bytes_from_string(TOPIC));
    struct kv *kv = kv_new_memory("counts");
    begin_restore(bench, kv, NULL);
    client_bench_run(bench->clients, 2ull * CLIENT_BENCH_SECOND);
    assert_int_equal(bench->done_count, 0);
    map_put(&bench->clients->cluster->topics, bytes_from_string(TOPIC), topic);
    client_bench_run_until(bench->clients, is_done, bench);
    assert_int_equal(bench->error, 0);
    map_remove(&bench->clients->cluster->topics, bytes_from_string(TOPIC));
    assert_int_equal(restore(bench, kv, NULL), ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    begin_restore(bench, kv, NULL);
    client_bench_run(bench->clients, CLIENT_BENCH_SECOND);
    changelog_cancel(bench->changelog);
    client_bench_run_until(bench->clients, is_done, bench);
    assert_int_equal(bench->error, ERROR_CANCELLED);
    fake_topic_free(topic);
    kv_free(kv);
    bench_free(bench);
}

static void a_marker_that_is_none_ends_the_restore(void **state)
{
    (void)state;
    struct bench *bench = bench_new(6, 0);
    struct kv *kv = kv_new_memory("counts");
    struct batch_builder builder;
    struct buffer encoded = {0};
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, 0, replay_marker_key(0), BYTES_LITERAL("not a position"), NULL, 0);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(bench->clients->cluster,
                        fake_cluster_get(bench->clients->cluster, TOPIC, 0),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
    assert_int_equal(restore(bench, kv, NULL), ERROR_CORRUPT);
    kv_free(kv);
    bench_free(bench);
}

/* At the metadata, and at the fetch. */
static void a_restore_may_be_given_up_while_nobody_answers(void **state)
{
    (void)state;
    for (int is_late = 0; is_late < 2; is_late++) {
        struct bench *bench = bench_new(7, 0);
        struct kv *kv = kv_new_memory("counts");
        put(bench, "a", "1");
        commit(bench);
        if (is_late) {
            fake_cluster_fail(bench->clients->cluster, KEY_FETCH, ERROR_NOT_LEADER, 1000, false);
        } else {
            sim_cut(bench->clients->sim, 0, 1);
        }
        begin_restore(bench, kv, NULL);
        client_bench_run(bench->clients, 2ull * CLIENT_BENCH_SECOND);
        assert_int_equal(bench->done_count, 0);
        changelog_cancel(bench->changelog);
        assert_int_equal(bench->done_count, 0);
        client_bench_run_until(bench->clients, is_done, bench);
        assert_int_equal(bench->done_count, 1);
        assert_int_equal(bench->error, ERROR_CANCELLED);
        sim_mend(bench->clients->sim, 0, 1);
        kv_free(kv);
        bench_free(bench);
    }
}

static void a_group_that_fits_a_batch_is_in_one(void **state)
{
    (void)state;
    struct bench *bench = bench_new(8, 0);
    char key[16];
    char value[2000];
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    /* Two thirds of a batch are open already. */
    for (int i = 0; i < 90; i++) {
        struct producer_record record = {
            .topic = TOPIC, .timestamp_ms = 1, .value = bytes_from_string(value)};
        assert_int_equal(producer_send(bench->clients->producer, &record), 0);
    }
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof key, "%d", i);
        put(bench, key, value);
    }
    commit(bench);
    const struct fake_partition *partition = fake_cluster_get(bench->clients->cluster, TOPIC, 0);
    assert_int_equal(partition->batch_count, 2);
    assert_int_equal(partition->batches[1].next_offset - partition->batches[1].base_offset, 51);
    bench_free(bench);
}

static void the_largest_change_a_store_takes_fits_a_record(void **state)
{
    (void)state;
    struct bench *bench = bench_new(10, 0);
    char *key = memory_zero(1, KV_KEY_SIZE_MAX + 1);
    char *value = memory_zero(1, KV_VALUE_SIZE_MAX + 1);
    memset(key, 'k', KV_KEY_SIZE_MAX);
    memset(value, 'v', KV_VALUE_SIZE_MAX);
    put(bench, key, value);
    commit(bench);
    struct kv *kv = kv_new_memory("counts");
    assert_int_equal(restore(bench, kv, NULL), 0);
    assert_int_equal(kv_count(kv), 1);
    kv_free(kv);
    free(key);
    free(value);
    bench_free(bench);
}

static void a_group_larger_than_the_producers_room_goes_out_in_turns(void **state)
{
    (void)state;
    struct bench *bench = bench_new(9, 100 * 1000);
    char key[16];
    char value[1000];
    int full_count = 0;
    int error;
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = 0;
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%04d", i);
        put(bench, key, value);
    }
    next_commit(bench);
    struct changelog_append append = append_of(bench);
    while ((error = changelog_append_step(&append)) == ERROR_AGAIN) {
        full_count++;
        assert_int_equal(bench->done_count, 0);
        client_bench_run(bench->clients, 1000000);
    }
    assert_int_equal(error, 0);
    assert_true(full_count > 5);
    client_bench_run_until(bench->clients, is_done, bench);
    assert_int_equal(bench->offset, 1000); /* each change once, then the marker */
    struct kv *kv = kv_new_memory("counts");
    assert_int_equal(restore(bench, kv, NULL), 0);
    assert_int_equal(kv_count(kv), 1000);
    kv_free(kv);
    bench_free(bench);
}

/* --- Following --- */

enum { HALF_A_DAY_S = 13 * 60 * 60 };

static void on_follow_ready(void *owner)
{
    changelog_step(((struct bench *)owner)->changelog);
}

/* With a fetcher of somebody else's, which is ended by end_follow. */
static struct fetcher *begin_follow(struct bench *bench, struct kv *kv)
{
    struct fetcher_options options = fetcher_options_default();
    options.is_read_committed = true;
    options.reset = FETCHER_RESET_ERROR;
    struct fetcher *fetcher = fetcher_new(bench->clients->fetch_client, &options);
    bench->changelog = changelog_new(bench->clients->fetch_client, kv, TOPIC, 0);
    bench->done_count = 0;
    changelog_follow(bench->changelog, NULL, fetcher, on_restored, bench);
    fetcher_on_ready(fetcher, on_follow_ready, bench);
    return fetcher;
}

static void on_follow_closed(void *owner)
{
    ((struct bench *)owner)->begun_count = -1;
}

static bool is_follow_closed(void *owner)
{
    return ((struct bench *)owner)->begun_count == -1;
}

static void end_follow(struct bench *bench, struct fetcher *fetcher)
{
    fetcher_on_ready(fetcher, NULL, NULL);
    fetcher_close(fetcher, on_follow_closed, bench);
    client_bench_run_until(bench->clients, is_follow_closed, bench);
}

static void commit_one(struct bench *bench, const char *key, const char *value)
{
    put(bench, key, value);
    commit(bench);
    bench->done_count = 0; /* of the append; from now on of what is followed */
    client_bench_run(bench->clients, 2ull * CLIENT_BENCH_SECOND);
}

static void who_follows_reads_on_until_it_is_told(void **state)
{
    (void)state;
    struct bench *bench = bench_new(21, 0);
    struct kv *kv = kv_new_memory("counts");
    struct fetcher *fetcher = begin_follow(bench, kv);
    commit_one(bench, "a", "1");
    expect(kv, ""); /* the newest group waits for the next */
    commit_one(bench, "b", "1");
    expect(kv, "a=1");
    assert_int_equal(changelog_lag(bench->changelog), 0);
    changelog_hold(bench->changelog, bench->position.commit);
    commit_one(bench, "c", "1"); /* makes b the base, which is where it is held */
    expect(kv, "a=1 b=1");
    commit_one(bench, "d", "1");
    expect(kv, "a=1 b=1");
    changelog_hold(bench->changelog, INT64_MAX);
    client_bench_run(bench->clients, 2ull * CLIENT_BENCH_SECOND);
    expect(kv, "a=1 b=1 c=1");
    assert_int_equal(bench->done_count, 0);
    changelog_finish(bench->changelog);
    client_bench_run_until(bench->clients, is_done, bench);
    assert_int_equal(bench->error, 0);
    const struct accord_log *log = replay_log(changelog_replay(bench->changelog));
    assert_int_equal(changelog_decide(bench->changelog, accord_choose(&log, 1, NULL)), 0);
    expect(kv, "a=1 b=1 c=1 d=1");
    end_follow(bench, fetcher);
    changelog_free(bench->changelog);
    bench->changelog = NULL;
    kv_free(kv);
    bench_free(bench);
}

/* Tombstones may have come and gone meanwhile. */
static void who_hears_nothing_for_half_a_day_ends(void **state)
{
    (void)state;
    struct bench *bench = bench_new(22, 0);
    struct kv *kv = kv_new_memory("counts");
    struct fetcher *fetcher = begin_follow(bench, kv);
    commit_one(bench, "a", "1");
    commit_one(bench, "b", "1");
    client_bench_run(bench->clients, (uint64_t)HALF_A_DAY_S * CLIENT_BENCH_SECOND);
    commit_one(bench, "c", "1"); /* quiet is not silent */
    assert_int_equal(bench->done_count, 0);
    expect(kv, "a=1 b=1");
    sim_cut(bench->clients->sim, 0, 1);
    client_bench_run(bench->clients, (uint64_t)HALF_A_DAY_S * CLIENT_BENCH_SECOND);
    sim_mend(bench->clients->sim, 0, 1);
    assert_true(fetcher_silence_ms(fetcher, TOPIC, 0) >= (int64_t)HALF_A_DAY_S * 1000);
    put(bench, "d", "1");
    next_commit(bench);
    struct changelog_append append = append_of(bench);
    assert_int_equal(changelog_append_step(&append), 0);
    client_bench_run(bench->clients, 10ull * CLIENT_BENCH_SECOND);
    assert_int_equal(bench->done_count, 2); /* the append, and the end */
    assert_int_equal(bench->error, ERROR_TIMEOUT);
    expect(kv, "a=1 b=1");
    end_follow(bench, fetcher);
    changelog_free(bench->changelog);
    bench->changelog = NULL;
    kv_free(kv);
    bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_appended_comes_back),
        cmocka_unit_test(a_commit_without_changes_has_its_marker),
        cmocka_unit_test(an_open_transaction_is_waited_for),
        cmocka_unit_test(local_contents_are_gone_on_from),
        cmocka_unit_test(local_contents_that_are_too_old_are_read_anew),
        cmocka_unit_test(a_topic_made_anew_is_never_mixed_with_local_contents),
        cmocka_unit_test(a_topic_that_does_not_reach_to_local_contents_is_read_anew),
        cmocka_unit_test(errors_of_the_cluster_are_lived_through),
        cmocka_unit_test(a_topic_that_is_not_known_yet_is_waited_for),
        cmocka_unit_test(a_marker_that_is_none_ends_the_restore),
        cmocka_unit_test(a_restore_may_be_given_up_while_nobody_answers),
        cmocka_unit_test(a_group_that_fits_a_batch_is_in_one),
        cmocka_unit_test(the_largest_change_a_store_takes_fits_a_record),
        cmocka_unit_test(a_group_larger_than_the_producers_room_goes_out_in_turns),
        cmocka_unit_test(who_follows_reads_on_until_it_is_told),
        cmocka_unit_test(who_hears_nothing_for_half_a_day_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
