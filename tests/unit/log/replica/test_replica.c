/* Shows that a replica's high watermark is what its disk has flushed, that whoever watches is told
 * once per watch, and that a replica takes its log with it when it goes. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "log/replica/replica.h"
#include "tests/sim/sim.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static const uint64_t SECOND = 1000000000;

struct watcher {
    struct replica_watch watch;
    struct replica *replica; /* to watch again inside the call, or NULL */
    int told_count;
    int error;
};

struct fixture {
    struct sim *sim;
    struct store *store;
    struct replica_set *set;
    struct replica *replica; /* t-0 */
    struct buffer batch;
    bool is_closed;
};

static void on_event(void *owner)
{
    struct fixture *fixture = owner;
    if (fixture->set != NULL) {
        replica_set_check(fixture->set);
    }
}

static struct replica *add(struct fixture *fixture, const char *topic, int32_t partition,
                           int32_t epoch)
{
    struct wire_uuid id = {{1, 2, 3}};
    struct log_settings settings = log_settings_default();
    assert_int_equal(replica_set_add(fixture->set, topic, partition, id, epoch, &settings), 0);
    struct replica *replica = replica_set_find(fixture->set, bytes_from_string(topic), partition);
    assert_non_null(replica);
    return replica;
}

static void open_store(struct fixture *fixture)
{
    struct store_options options = store_options_default("/data");
    struct report report = {0};
    assert_int_equal(store_open(sim_io(fixture->sim, 0), &options, &fixture->store, &report), 0);
    fixture->set = replica_set_new(fixture->store);
}

static int set_up(void **state)
{
    struct fixture *fixture = memory_new(struct fixture);
    trace_set_stream(NULL);
    fixture->sim = sim_new(1, 1);
    open_store(fixture);
    fixture->replica = add(fixture, "t", 0, 3);
    buffer_init(&fixture->batch);
    sim_on_event(fixture->sim, on_event, fixture);
    *state = fixture;
    return 0;
}

static void on_closed(void *owner)
{
    ((struct fixture *)owner)->is_closed = true;
}

static bool is_closed(void *owner)
{
    return ((struct fixture *)owner)->is_closed;
}

static void close_store(struct fixture *fixture)
{
    replica_set_free(fixture->set);
    fixture->set = NULL;
    fixture->is_closed = false;
    store_close(fixture->store, on_closed, fixture);
    assert_true(sim_run_until(fixture->sim, is_closed, fixture, 60 * SECOND));
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    close_store(fixture);
    sim_on_event(fixture->sim, NULL, NULL);
    sim_free(fixture->sim);
    buffer_fini(&fixture->batch);
    free(fixture);
    return 0;
}

static void append(struct fixture *fixture)
{
    struct batch_builder builder;
    struct log_append result;
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, 1, (struct bytes){0}, BYTES_LITERAL("v"), NULL, 0);
    buffer_clear(&fixture->batch);
    assert_int_equal(batch_builder_finish(&builder, &fixture->batch), 0);
    assert_int_equal(replica_append(fixture->replica, fixture->batch.data, fixture->batch.size,
                                    LOG_ORIGIN_CLIENT, &result),
                     0);
    batch_builder_fini(&builder);
}

static void run(struct fixture *fixture)
{
    sim_run(fixture->sim, sim_now(fixture->sim) + SECOND);
}

static void on_moved(struct replica_watch *watch, int error)
{
    struct watcher *watcher = watch->owner;
    assert_false(list_has(&watch->link)); /* removed before the call */
    watcher->told_count++;
    watcher->error = error;
    if (watcher->replica != NULL && error == 0) {
        replica_watch_add(watcher->replica, watch);
    }
}

static void watch(struct watcher *watcher, struct replica *replica, bool is_again)
{
    *watcher = (struct watcher){.watch = {.moved = on_moved, .owner = watcher},
                                .replica = is_again ? replica : NULL};
    replica_watch_add(replica, &watcher->watch);
}

static void the_high_watermark_is_what_was_flushed(void **state)
{
    struct fixture *fixture = *state;
    append(fixture);
    assert_int_equal(log_end_offset(replica_log(fixture->replica)), 1);
    assert_int_equal(replica_high_watermark(fixture->replica), 0);
    assert_int_equal(replica_limit(fixture->replica, true), 0);
    assert_int_equal(replica_limit(fixture->replica, false), 0);
    struct watcher watcher;
    watch(&watcher, fixture->replica, false);
    run(fixture);
    assert_int_equal(watcher.told_count, 1);
    assert_int_equal(watcher.error, 0);
    assert_int_equal(replica_high_watermark(fixture->replica), 1);
    assert_int_equal(replica_limit(fixture->replica, true), 1);
}

static void a_watch_is_told_once_and_may_be_added_again(void **state)
{
    struct fixture *fixture = *state;
    struct watcher once;
    struct watcher again;
    struct watcher gone;
    watch(&once, fixture->replica, false);
    watch(&again, fixture->replica, true);
    watch(&gone, fixture->replica, false);
    replica_watch_remove(&gone.watch);
    for (int i = 1; i <= 3; i++) {
        append(fixture);
        run(fixture);
        assert_int_equal(once.told_count, 1);
        assert_int_equal(again.told_count, i);
    }
    assert_int_equal(gone.told_count, 0);
    replica_watch_remove(&again.watch);
    replica_watch_remove(&again.watch); /* one that is not there */
}

static void only_the_replica_that_moved_is_told(void **state)
{
    struct fixture *fixture = *state;
    struct watcher watcher;
    watch(&watcher, add(fixture, "t", 1, 0), false);
    append(fixture); /* to t-0 */
    run(fixture);
    assert_int_equal(watcher.told_count, 0);
    replica_watch_remove(&watcher.watch);
}

static void a_replica_that_goes_away_says_so(void **state)
{
    struct fixture *fixture = *state;
    struct watcher watcher;
    watch(&watcher, fixture->replica, true);
    assert_int_equal(replica_set_remove(fixture->set, "t", 0), 0);
    assert_int_equal(watcher.told_count, 1);
    assert_int_equal(watcher.error, ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_null(replica_set_find(fixture->set, BYTES_LITERAL("t"), 0));
    assert_null(store_find_log(fixture->store, "t", 0));
    assert_int_equal(replica_set_remove(fixture->set, "t", 0), ERROR_UNKNOWN_TOPIC_OR_PARTITION);
}

static void the_end_of_all_is_told_too(void **state)
{
    struct fixture *fixture = *state;
    struct watcher watcher;
    watch(&watcher, fixture->replica, false);
    close_store(fixture);
    assert_int_equal(watcher.told_count, 1);
    assert_int_equal(watcher.error, ERROR_SHUTDOWN);
    open_store(fixture);
}

static void a_log_that_is_there_is_taken_as_it_is(void **state)
{
    struct fixture *fixture = *state;
    append(fixture);
    run(fixture);
    close_store(fixture);
    open_store(fixture);
    assert_null(replica_set_find(fixture->set, BYTES_LITERAL("t"), 0));
    struct replica *replica = add(fixture, "t", 0, 4);
    assert_int_equal(replica_high_watermark(replica), 1);
    assert_int_equal(replica_leader_epoch(replica), 4);
}

static void an_epoch_is_judged_by_the_leaders(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(replica_check_epoch(fixture->replica, -1), 0);
    assert_int_equal(replica_check_epoch(fixture->replica, 3), 0);
    assert_int_equal(replica_check_epoch(fixture->replica, 2), ERROR_FENCED_LEADER_EPOCH);
    assert_int_equal(replica_check_epoch(fixture->replica, 4), ERROR_UNKNOWN_LEADER_EPOCH);
    replica_set_leader_epoch(fixture->replica, 4);
    assert_int_equal(replica_check_epoch(fixture->replica, 3), ERROR_FENCED_LEADER_EPOCH);
    append(fixture);
    assert_int_equal(log_last_epoch(replica_log(fixture->replica)), 4);
}

static void names_that_cannot_be_find_nothing(void **state)
{
    struct fixture *fixture = *state;
    char name[400];
    memset(name, 't', sizeof name);
    assert_null(replica_set_find(fixture->set, bytes_make(name, sizeof name), 0));
    assert_null(replica_set_find(fixture->set, (struct bytes){0}, 0));
    assert_null(replica_set_find(fixture->set, BYTES_LITERAL("t"), -1));
    assert_null(replica_set_find(fixture->set, BYTES_LITERAL(""), 0));
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_high_watermark_is_what_was_flushed),
        TEST(a_watch_is_told_once_and_may_be_added_again),
        TEST(only_the_replica_that_moved_is_told),
        TEST(a_replica_that_goes_away_says_so),
        TEST(the_end_of_all_is_told_too),
        TEST(a_log_that_is_there_is_taken_as_it_is),
        TEST(an_epoch_is_judged_by_the_leaders),
        TEST(names_that_cannot_be_find_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
