/* Shows what a sink is promised: every record gets a final verdict, offsets are committed only
 * after a flush, a sink with offsets of its own is read from where it stands, and what it cannot
 * take is a dead letter or a failure. */
#include "log/base/error.h"
#include "runtime/connect/sink_task.h"
#include "tests/unit/runtime/connect/connect_world.h"

enum { SHELF_MAX = 4096 };
static const char GROUP[] = "connect-app:shelf";

/* A sink that keeps what it is given. Values tell what it thinks of them:
 * "bad": rejected; "late": to be put again; "fatal": the end; "poison": it cannot say which. */
static struct shelf {
    struct connect_world *world;
    int values[SHELF_MAX]; /* the numbers among the values, in the order of puts */
    int count;
    int flushed_count;   /* of them, durable */
    int64_t next_offset; /* behind the last record put */
    int64_t durable_offset;
    int late_count;      /* how often "late" is to be put again */
    int put_retry_count; /* whole calls to be repeated */
    int flush_retry_count;
    bool is_flush_fatal;
    bool is_forgetful; /* forgets at open what was not flushed, as a transaction does */
    int put_count;     /* calls */
    int largest_put;
    int flush_count; /* calls */
    int open_count;
    int close_count;
    int assigned_count;
    uint64_t last_put_ns;
} shelf;

static enum tidemill_status shelf_open(struct tidemill_context *context)
{
    (void)context;
    shelf.open_count++;
    if (shelf.is_forgetful) {
        shelf.count = shelf.flushed_count;
        shelf.next_offset = shelf.durable_offset;
    }
    return TIDEMILL_OK;
}

static enum tidemill_status shelf_assign(struct tidemill_context *context,
                                         const struct tidemill_partition *partitions, size_t count)
{
    (void)context, (void)partitions;
    shelf.assigned_count = (int)count;
    return TIDEMILL_OK;
}

static enum tidemill_status shelf_position(struct tidemill_context *context, const char *topic,
                                           int32_t partition, int64_t *next_offset)
{
    (void)context, (void)partition;
    assert_string_equal(topic, "in");
    *next_offset = shelf.durable_offset > 0 ? shelf.durable_offset : -1;
    return TIDEMILL_OK;
}

static bool is_value(const struct tidemill_record *record, const char *text)
{
    return bytes_equal_string(bytes_make(record->value.data, record->value.size), text);
}

static void shelf_take(const struct tidemill_record *record, struct tidemill_verdict *verdict,
                       bool *is_blocked)
{
    if (*is_blocked) {
        tidemill_judge(verdict, TIDEMILL_RETRY, "behind a late one");
    } else if (is_value(record, "bad")) {
        tidemill_judge(verdict, TIDEMILL_REJECT, "it is bad");
    } else if (is_value(record, "fatal")) {
        tidemill_judge(verdict, TIDEMILL_FATAL, "it is fatal");
    } else if (is_value(record, "late") && shelf.late_count > 0) {
        shelf.late_count--;
        *is_blocked = true;
        tidemill_judge(verdict, TIDEMILL_RETRY, "it is late");
    } else {
        char *text = bytes_to_string(bytes_make(record->value.data, record->value.size));
        assert_true(shelf.count < SHELF_MAX);
        shelf.values[shelf.count++] = atoi(text);
        free(text);
    }
}

static enum tidemill_status shelf_put(struct tidemill_context *context,
                                      const struct tidemill_record *records, size_t count,
                                      struct tidemill_verdict *verdicts)
{
    bool is_blocked = false;
    shelf.put_count++;
    shelf.last_put_ns = sim_now(shelf.world->sim);
    shelf.largest_put = (int)count > shelf.largest_put ? (int)count : shelf.largest_put;
    if (shelf.put_retry_count > 0) {
        shelf.put_retry_count--;
        return tidemill_fail(context, TIDEMILL_RETRY, "not now");
    }
    for (size_t i = 0; i < count; i++) {
        if (is_value(&records[i], "poison")) {
            shelf.next_offset = count == 1 ? records[i].offset + 1 : shelf.next_offset;
            return tidemill_fail(context, TIDEMILL_REJECT, "one of them is poison");
        }
    }
    for (size_t i = 0; i < count; i++) {
        shelf_take(&records[i], &verdicts[i], &is_blocked);
        if (!is_blocked) {
            shelf.next_offset = records[i].offset + 1;
        }
    }
    return TIDEMILL_OK;
}

static enum tidemill_status shelf_flush(struct tidemill_context *context)
{
    shelf.flush_count++;
    if (shelf.is_flush_fatal) {
        return tidemill_fail(context, TIDEMILL_FATAL, "the shelf fell down");
    }
    if (shelf.flush_retry_count > 0) {
        shelf.flush_retry_count--;
        return tidemill_fail(context, TIDEMILL_RETRY, "not now");
    }
    shelf.flushed_count = shelf.count;
    shelf.durable_offset = shelf.next_offset;
    return TIDEMILL_OK;
}

static void shelf_close(struct tidemill_context *context)
{
    (void)context;
    shelf.close_count++;
}

static const struct tidemill_sink shelf_functions = {.size = sizeof shelf_functions,
                                                     .open = shelf_open,
                                                     .assign = shelf_assign,
                                                     .position = shelf_position,
                                                     .put = shelf_put,
                                                     .flush = shelf_flush,
                                                     .close = shelf_close};
static struct tidemill_kind shelf_kind = {
    .size = sizeof shelf_kind, .type = TIDEMILL_SINK, .name = "shelf", .sink = &shelf_functions};

static int64_t committed(struct connect_world *world)
{
    return fake_group_committed(world->cluster, GROUP, "in", 0);
}

/* After every event: nothing is committed that was not flushed. */
static void check_commits(void *owner)
{
    assert_true(committed(owner) <= shelf.durable_offset);
}

static struct connect_world *shelf_world(uint64_t seed, bool has_own_offsets)
{
    struct connect_world *world = connect_world_new(seed);
    fake_cluster_add_topic(world->cluster, "in", 1);
    fake_cluster_add_topic(world->cluster, "letters", 1);
    shelf = (struct shelf){.world = world, .is_forgetful = has_own_offsets};
    shelf_kind.capabilities = has_own_offsets ? TIDEMILL_OWN_OFFSETS : 0;
    sim_on_event(world->sim, check_commits, world);
    return world;
}

static struct sink_task *start_from(struct connect_world *world, const char *dead_letter_topic,
                                    bool is_from_latest)
{
    static const struct task_life_events events = {.failed = connect_world_on_failed,
                                                   .delivered = connect_world_on_delivered};
    static const char *const topics[] = {"in"};
    struct sink_task_options options = {.connector = "app:shelf",
                                        .kind = &shelf_kind,
                                        .topics = topics,
                                        .topic_count = 1,
                                        .dead_letter_topic = dead_letter_topic,
                                        .instance_id = "one",
                                        .is_from_latest = is_from_latest};
    world->failure_count = 0;
    return sink_task_new(world->client, world->fetch_client, world->producer, &options, &events,
                         world);
}

static struct sink_task *start(struct connect_world *world, const char *dead_letter_topic)
{
    return start_from(world, dead_letter_topic, false);
}

static void stop(struct connect_world *world, struct sink_task *task)
{
    sink_task_close(task, connect_world_on_closed, world);
    connect_world_await_closed(world);
    assert_int_equal(shelf.open_count, shelf.close_count);
}

static void put_numbers(struct connect_world *world, int from, int to)
{
    for (int i = from; i < to; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        connect_world_put(world, "in", text);
    }
}

static void expect_numbers(int count)
{
    assert_int_equal(shelf.flushed_count, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(shelf.values[i], i);
    }
}

static void records_are_put_in_order_and_committed_after_the_flush(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(1, false);
    put_numbers(world, 0, 1500);
    struct sink_task *task = start(world, NULL);
    connect_world_run(world, 20000);
    expect_numbers(1500);
    assert_int_equal(committed(world), 1500);
    assert_int_equal(world->delivered_count, 1500);
    assert_int_equal(shelf.assigned_count, 1);
    stop(world, task);
    put_numbers(world, 1500, 1600);
    task = start(world, NULL);
    connect_world_run(world, 20000);
    expect_numbers(1600); /* nothing twice after a clean end */
    stop(world, task);
    connect_world_free(world);
}

static void what_is_flushed_while_it_closes_is_counted(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(20, false);
    put_numbers(world, 0, 100);
    struct sink_task *task = start(world, NULL);
    while (shelf.count == 0) {
        assert_true(sim_step(world->sim));
    }
    assert_int_equal(world->delivered_count, 0);
    stop(world, task);
    assert_true(shelf.flushed_count > 0);
    assert_int_equal(world->delivered_count, shelf.flushed_count);
    connect_world_free(world);
}

static void expect_letter(void *owner, const struct batch_record *record, bool is_last_of_batch)
{
    (void)is_last_of_batch;
    const char *reason = owner;
    assert_string_equal(connect_world_header(record, "__connect.errors.exception.message"), reason);
    assert_string_equal(connect_world_header(record, "__connect.errors.topic"), "in");
    assert_string_equal(connect_world_header(record, "__connect.errors.offset"), "3");
    assert_string_equal(connect_world_header(record, "__connect.errors.connector.name"),
                        "app:shelf");
    assert_true(bytes_equal_string(record->key, "key"));
}

static void a_rejected_record_is_a_dead_letter_and_its_neighbours_are_kept(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(2, false);
    put_numbers(world, 0, 3);
    connect_world_put(world, "in", "bad");
    put_numbers(world, 3, 6);
    struct sink_task *task = start(world, "letters");
    connect_world_run(world, 10000);
    expect_numbers(6);
    assert_int_equal(connect_world_count(world, "letters"), 1);
    connect_world_each(world, "letters", expect_letter, "it is bad");
    assert_int_equal(committed(world), 7);
    stop(world, task);
    connect_world_free(world);
}

static void without_dead_letters_a_rejected_record_fails_the_task(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(3, false);
    put_numbers(world, 0, 3);
    connect_world_put(world, "in", "bad");
    struct sink_task *task = start(world, NULL);
    connect_world_await_failure(world);
    assert_non_null(strstr(world->reason, "in-0 offset 3"));
    assert_non_null(strstr(world->reason, "it is bad"));
    assert_non_null(strstr(world->reason, "errors.deadletterqueue.topic.name"));
    stop(world, task);
    assert_true(committed(world) <= 3);
    connect_world_free(world);
}

static void a_dead_letter_that_cannot_be_written_fails_the_task(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(4, false);
    connect_world_put(world, "in", "bad");
    fake_cluster_fail(world->cluster, 0, ERROR_TOPIC_AUTHORIZATION_FAILED, 1, false);
    struct sink_task *task = start(world, "letters");
    connect_world_await_failure(world);
    assert_string_equal(world->reason, "a dead letter could not be written");
    stop(world, task);
    assert_int_equal(committed(world), -1);
    task = start(world, "letters");
    connect_world_run(world, 20000);
    assert_int_equal(connect_world_count(world, "letters"), 1);
    assert_int_equal(committed(world), 1);
    stop(world, task);
    connect_world_free(world);
}

static void what_is_late_is_put_again_in_its_order(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(5, false);
    shelf.late_count = 3;
    put_numbers(world, 0, 2);
    connect_world_put(world, "in", "late"); /* counts as 0 on the shelf */
    put_numbers(world, 3, 5);
    struct sink_task *task = start(world, NULL);
    connect_world_run(world, 2000);
    assert_true(shelf.late_count > 0); /* a second between the tries */
    connect_world_run(world, 10000);
    static const int expected[] = {0, 1, 0, 3, 4};
    assert_int_equal(shelf.flushed_count, 5);
    assert_memory_equal(shelf.values, expected, sizeof expected);
    stop(world, task);
    connect_world_free(world);
}

static void a_call_to_be_repeated_is_repeated_whole(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(6, false);
    shelf.put_retry_count = 4;
    put_numbers(world, 0, 50);
    struct sink_task *task = start(world, NULL);
    connect_world_run(world, 20000);
    expect_numbers(50);
    assert_int_equal(world->failure_count, 0);
    stop(world, task);
    connect_world_free(world);
}

static void a_fatal_verdict_ends_the_task(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(7, false);
    put_numbers(world, 0, 3);
    connect_world_put(world, "in", "fatal");
    struct sink_task *task = start(world, "letters");
    connect_world_await_failure(world);
    assert_string_equal(world->reason, "it is fatal");
    stop(world, task);
    assert_int_equal(world->failure_count, 1);
    assert_int_equal(connect_world_count(world, "letters"), 0);
    connect_world_free(world);
}

static void poison_is_found_by_halves(void **state)
{
    (void)state;
    for (int place = 0; place < 9; place++) {
        struct connect_world *world = shelf_world(8, false);
        int poison_count = 0;
        struct batch_builder builder;
        struct buffer encoded = {0};
        batch_builder_init(&builder, COMPRESS_NONE);
        for (int i = 0; i < 9; i++) {
            char text[16];
            bool is_poison = i == place || (place == 4 && i == 7);
            snprintf(text, sizeof text, "%d", i - poison_count);
            poison_count += is_poison;
            batch_builder_add(&builder, 1, BYTES_LITERAL("key"),
                              bytes_from_string(is_poison ? "poison" : text), NULL, 0);
        }
        assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
        fake_cluster_append(world->cluster, fake_cluster_get(world->cluster, "in", 0),
                            buffer_bytes(&encoded));
        buffer_fini(&encoded);
        batch_builder_fini(&builder);
        struct sink_task *task = start(world, "letters");
        connect_world_run(world, 10000);
        expect_numbers(9 - poison_count);
        assert_int_equal(connect_world_count(world, "letters"), poison_count);
        if (place == 3) {
            connect_world_each(world, "letters", expect_letter, "one of them is poison");
        }
        assert_int_equal(world->failure_count, 0);
        assert_int_equal(committed(world), 9);
        stop(world, task);
        connect_world_free(world);
    }
}

static void a_flush_that_is_not_ready_is_repeated(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(9, false);
    shelf.flush_retry_count = 3;
    put_numbers(world, 0, 5);
    struct sink_task *task = start(world, NULL);
    connect_world_run(world, 2000);
    assert_int_equal(committed(world), -1);
    connect_world_run(world, 10000);
    expect_numbers(5);
    assert_int_equal(committed(world), 5);
    stop(world, task);
    connect_world_free(world);
}

static void a_flush_that_fails_commits_nothing(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(10, false);
    shelf.is_flush_fatal = true;
    put_numbers(world, 0, 5);
    struct sink_task *task = start(world, NULL);
    connect_world_await_failure(world);
    assert_string_equal(world->reason, "the shelf fell down");
    stop(world, task);
    assert_int_equal(committed(world), -1);
    connect_world_free(world);
}

static void a_quiet_sink_is_flushed_now_and_then(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(11, false);
    put_numbers(world, 0, 1);
    struct sink_task *task = start(world, NULL);
    connect_world_run(world, 5000);
    int before = shelf.flush_count;
    connect_world_run(world, 10000);
    assert_in_range(shelf.flush_count - before, 5, 15);
    stop(world, task);
    connect_world_free(world);
}

static void a_sink_with_offsets_of_its_own_is_read_from_where_it_stands(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(12, true);
    put_numbers(world, 0, 100);
    struct sink_task *task = start(world, NULL);
    connect_world_run(world, 10000);
    expect_numbers(100);
    stop(world, task);
    sim_on_event(world->sim, NULL, NULL);
    shelf.flushed_count = 60; /* it was restored from a copy */
    shelf.durable_offset = 60;
    task = start(world, NULL);
    connect_world_run(world, 10000);
    expect_numbers(100);
    stop(world, task);
    connect_world_free(world);
}

static void a_new_sink_may_begin_at_the_end(void **state)
{
    (void)state;
    struct connect_world *world = shelf_world(13, false);
    connect_world_put(world, "in", "17");
    struct sink_task *task = start_from(world, NULL, true);
    connect_world_run(world, 10000);
    put_numbers(world, 0, 5);
    connect_world_run(world, 10000);
    expect_numbers(5);
    stop(world, task);
    connect_world_free(world);
}

static void it_can_be_closed_at_any_event(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 700; event_count += 7) {
        struct connect_world *world = shelf_world((uint64_t)event_count + 1, true);
        put_numbers(world, 0, 300);
        struct sink_task *task = start(world, "letters");
        for (int i = 0; i < event_count; i++) {
            sim_step(world->sim);
        }
        stop(world, task);
        task = start(world, "letters");
        connect_world_run(world,
                          60000); /* a static member comes back at once, or its session ends */
        expect_numbers(300);
        stop(world, task);
        connect_world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_put_in_order_and_committed_after_the_flush),
        cmocka_unit_test(what_is_flushed_while_it_closes_is_counted),
        cmocka_unit_test(a_rejected_record_is_a_dead_letter_and_its_neighbours_are_kept),
        cmocka_unit_test(without_dead_letters_a_rejected_record_fails_the_task),
        cmocka_unit_test(a_dead_letter_that_cannot_be_written_fails_the_task),
        cmocka_unit_test(what_is_late_is_put_again_in_its_order),
        cmocka_unit_test(a_call_to_be_repeated_is_repeated_whole),
        cmocka_unit_test(a_fatal_verdict_ends_the_task),
        cmocka_unit_test(poison_is_found_by_halves),
        cmocka_unit_test(a_flush_that_is_not_ready_is_repeated),
        cmocka_unit_test(a_flush_that_fails_commits_nothing),
        cmocka_unit_test(a_quiet_sink_is_flushed_now_and_then),
        cmocka_unit_test(a_sink_with_offsets_of_its_own_is_read_from_where_it_stands),
        cmocka_unit_test(a_new_sink_may_begin_at_the_end),
        cmocka_unit_test(it_can_be_closed_at_any_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
