/* Shows what a source is promised: records and progress reach the log together, a restart goes on
 * exactly behind the last record, only what is durable is acknowledged, and what cannot be
 * delivered is a dead letter or a failure. */
#include "log/base/error.h"
#include "runtime/connect/source_mark.h"
#include "runtime/connect/source_offsets.h"
#include "runtime/connect/source_task.h"
#include "runtime/connect/source_thread.h"
#include "tests/unit/runtime/connect/connect_world.h"

enum { GROUP = 3, KEY_PRODUCE = 0 };

/* A source of the numbers from 0, in groups of three that share an offset. One at a time. */
static struct numbers {
    struct connect_world *world;
    int limit; /* exclusive */
    int next;
    int open_retry_count; /* answers of open before it is fine */
    bool is_open_fatal;
    int fatal_at;  /* poll fails there; -1: never */
    int reject_at; /* that number is rejected; -1: never */
    size_t value_size;
    int opened_count;
    int closed_count;
    int acked;
    int saved; /* what open got, -1: nothing */
} numbers;

static enum tidemill_status numbers_open(struct tidemill_context *context,
                                         const struct tidemill_saved_offset *offsets, size_t count)
{
    if (numbers.open_retry_count > 0) {
        numbers.open_retry_count--;
        return TIDEMILL_RETRY;
    }
    if (numbers.is_open_fatal) {
        return tidemill_fail(context, TIDEMILL_FATAL, "no such place");
    }
    numbers.opened_count++;
    numbers.saved = -1;
    numbers.next = 0;
    if (count == 1) {
        assert_string_equal(offsets[0].source_partition, "{\"p\":0}");
        assert_int_equal(sscanf(offsets[0].source_offset, "{\"n\":%d}", &numbers.saved), 1);
        numbers.next = numbers.saved;
    }
    return TIDEMILL_OK;
}

static void numbers_make(struct tidemill_record *record, char *value, int number)
{
    memset(value, '.', numbers.value_size);
    snprintf(value, numbers.value_size + 1, "%d", number);
    size_t size = numbers.value_size > 12 ? numbers.value_size : strlen(value);
    *record = tidemill_record_make(tidemill_bytes_null(), tidemill_bytes_make(value, size));
}

static enum tidemill_status numbers_reject(struct tidemill_context *context)
{
    struct tidemill_record record;
    char value[16];
    char offset[32];
    snprintf(offset, sizeof offset, "{\"n\":%d}", numbers.next + 1);
    numbers_make(&record, value, numbers.next);
    record.source_partition = "{\"p\":0}";
    record.source_offset = offset;
    enum tidemill_status status = context->host->reject(context, &record, "it is unlucky");
    numbers.next += status == TIDEMILL_OK;
    return status;
}

static enum tidemill_status numbers_poll(struct tidemill_context *context, size_t max_records,
                                         size_t max_bytes, int64_t wait_ms)
{
    (void)max_records, (void)max_bytes, (void)wait_ms;
    struct tidemill_record records[GROUP];
    char offset[32];
    size_t count = 0;
    char *values = memory_zero(GROUP, numbers.value_size + 1);
    if (numbers.next == numbers.fatal_at) {
        free(values);
        return tidemill_fail(context, TIDEMILL_FATAL, "the well is dry");
    }
    if (numbers.next == numbers.reject_at) {
        free(values);
        return numbers_reject(context);
    }
    while (count < GROUP && numbers.next + (int)count < numbers.limit &&
           numbers.next + (int)count != numbers.reject_at) {
        numbers_make(&records[count], values + count * (numbers.value_size + 1),
                     numbers.next + (int)count);
        count++;
    }
    enum tidemill_status status = TIDEMILL_AGAIN;
    if (count > 0) {
        snprintf(offset, sizeof offset, "{\"n\":%d}", numbers.next + (int)count);
        records[count - 1].source_partition = "{\"p\":0}";
        records[count - 1].source_offset = offset;
        status = context->host->emit(context, records, count);
        numbers.next += status == TIDEMILL_OK ? (int)count : 0;
    }
    free(values);
    return status;
}

/* In order, and never ahead of the log. */
static void numbers_acked(struct tidemill_context *context, const char *partition,
                          const char *offset)
{
    (void)context, (void)partition;
    int number = 0;
    assert_int_equal(sscanf(offset, "{\"n\":%d}", &number), 1);
    assert_true(number > numbers.acked);
    assert_true(number <= connect_world_count(numbers.world, "numbers") +
                              connect_world_count(numbers.world, "letters"));
    numbers.acked = number;
}

static void numbers_close(struct tidemill_context *context)
{
    (void)context;
    numbers.closed_count++;
}

static const struct tidemill_source numbers_functions = {.size = sizeof numbers_functions,
                                                         .open = numbers_open,
                                                         .poll = numbers_poll,
                                                         .acked = numbers_acked,
                                                         .close = numbers_close};
static const struct tidemill_kind numbers_kind = {.size = sizeof numbers_kind,
                                                  .type = TIDEMILL_SOURCE,
                                                  .name = "numbers",
                                                  .source = &numbers_functions};

static struct connect_world *numbers_world(uint64_t seed, int limit)
{
    struct connect_world *world = connect_world_new(seed);
    fake_cluster_add_topic(world->cluster, "numbers", 1);
    fake_cluster_add_topic(world->cluster, "letters", 1);
    fake_cluster_add_topic(world->cluster, SOURCE_OFFSETS_TOPIC, 1);
    numbers = (struct numbers){
        .world = world, .limit = limit, .fatal_at = -1, .reject_at = -1, .value_size = 12};
    return world;
}

static struct source_task *start(struct connect_world *world, const char *dead_letter_topic)
{
    static const struct task_life_events events = {.failed = connect_world_on_failed,
                                                   .delivered = connect_world_on_delivered};
    struct source_task_options options = {.connector = "app:numbers",
                                          .kind = &numbers_kind,
                                          .topic = "numbers",
                                          .dead_letter_topic = dead_letter_topic,
                                          .checkpoint_interval_ms = 5000};
    world->failure_count = 0;
    numbers.acked = 0;
    return source_task_new(world->client, world->fetch_client, world->producer, &options, &events,
                           world);
}

static void stop(struct connect_world *world, struct source_task *task)
{
    source_task_close(task, connect_world_on_closed, world);
    connect_world_await_closed(world);
    assert_int_equal(numbers.opened_count, numbers.closed_count);
}

static void expect_next(void *owner, const struct batch_record *record, bool is_last_of_batch)
{
    int *next = owner;
    char *text = bytes_to_string(record->value);
    assert_int_equal(atoi(text), *next);
    free(text);
    (*next)++;
    /* No batch ends inside a group. */
    bool has_mark = connect_world_header(record, SOURCE_MARK_OFFSET_HEADER)[0] != 0;
    assert_int_equal(has_mark, *next % GROUP == 0);
    assert_true(!is_last_of_batch || has_mark);
}

/* Each number once, in order. */
static void expect_numbers(struct connect_world *world, int count)
{
    int next = 0;
    connect_world_each(world, "numbers", expect_next, &next);
    assert_int_equal(next, count);
}

static void a_group_and_its_offset_share_a_batch(void **state)
{
    (void)state;
    struct connect_world *world = numbers_world(1, 3000);
    struct source_task *task = start(world, NULL);
    connect_world_run(world, 30000);
    expect_numbers(world, 3000);
    assert_int_equal(numbers.acked, 3000);
    assert_int_equal(world->delivered_count, 3000);
    stop(world, task);
    connect_world_free(world);
}

static void a_restart_goes_on_behind_the_last_record(void **state)
{
    (void)state;
    struct connect_world *world = numbers_world(2, 300);
    for (int i = 1; i <= 5; i++) {
        struct source_task *task = start(world, NULL);
        connect_world_run(world, 10000);
        stop(world, task);
        expect_numbers(world, 300 * i);
        assert_int_equal(numbers.saved, i == 1 ? -1 : 300 * (i - 1));
        numbers.limit += 300;
    }
    connect_world_free(world);
}

/* The task fails before it could store an offset: the marks in the topic tell. */
static void marks_tell_where_a_failed_task_stood(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct connect_world *world = numbers_world(seed, 3000);
        struct source_task *task = start(world, NULL);
        connect_world_run(world, 1 + sim_random(world->sim, 400));
        fake_cluster_fail(world->cluster, KEY_PRODUCE, ERROR_TOPIC_AUTHORIZATION_FAILED, 1, false);
        connect_world_run(world, 10000);
        bool has_failed = world->failure_count > 0;
        assert_true(world->failure_count <= 1);
        if (has_failed) {
            assert_non_null(strstr(world->reason, "topic authorization failed"));
        }
        stop(world, task);
        fake_cluster_fail(world->cluster, KEY_PRODUCE, 0, 0, false);
        task = start(world, NULL);
        connect_world_run(world, 30000);
        stop(world, task);
        expect_numbers(world, 3000);
        connect_world_free(world);
    }
}

static void what_the_log_does_not_take_stays_within_the_limit(void **state)
{
    (void)state;
    struct connect_world *world = numbers_world(3, 0);
    numbers.value_size = 60000;
    struct source_task *task = start(world, NULL);
    connect_world_run(world, 5000);
    world->cluster->produce_delay_ns = 10 * CONNECT_WORLD_SECOND;
    numbers.limit = 1000000;
    connect_world_run(world, 500);
    int64_t written = connect_world_count(world, "numbers");
    connect_world_run(world, 500);
    assert_int_equal(connect_world_count(world, "numbers"), written);
    size_t held = (size_t)(numbers.next - written) * numbers.value_size;
    assert_true(held > SOURCE_THREAD_PENDING_MAX / 2);
    /* A bundle and what a batch on its way had already. */
    assert_true(held < SOURCE_THREAD_PENDING_MAX + 2 * 1024 * 1024);
    world->cluster->produce_delay_ns = 0;
    numbers.limit = 0;
    source_task_close(task, connect_world_on_closed, world);
    connect_world_await_closed(world);
    connect_world_free(world);
}

static void a_rejected_record_without_dead_letters_fails_the_task(void **state)
{
    (void)state;
    struct connect_world *world = numbers_world(4, 30);
    numbers.reject_at = 7;
    struct source_task *task = start(world, NULL);
    connect_world_await_failure(world);
    assert_string_equal(world->reason, "it is unlucky");
    stop(world, task);
    connect_world_free(world);
}

static void expect_letter(void *owner, const struct batch_record *record, bool is_last_of_batch)
{
    (void)is_last_of_batch;
    int *count = owner;
    assert_true(bytes_equal_string(record->value, "7"));
    assert_string_equal(connect_world_header(record, "__connect.errors.connector.name"),
                        "app:numbers");
    assert_string_equal(connect_world_header(record, "__connect.errors.exception.message"),
                        "it is unlucky");
    (*count)++;
}

static void a_rejected_record_is_a_dead_letter_and_counts_as_progress(void **state)
{
    (void)state;
    struct connect_world *world = numbers_world(5, 8);
    int letter_count = 0;
    numbers.reject_at = 7;
    struct source_task *task = start(world, "letters");
    connect_world_run(world, 10000);
    stop(world, task);
    connect_world_each(world, "letters", expect_letter, &letter_count);
    assert_int_equal(letter_count, 1);
    assert_int_equal(connect_world_count(world, "numbers"), 7);
    task = start(world, "letters");
    connect_world_run(world, 10000);
    stop(world, task);
    assert_int_equal(numbers.saved, 8);
    assert_int_equal(connect_world_count(world, "letters"), 1);
    connect_world_free(world);
}

static void a_place_that_is_not_there_yet_is_tried_again(void **state)
{
    (void)state;
    struct connect_world *world = numbers_world(6, 30);
    numbers.open_retry_count = 3;
    struct source_task *task = start(world, NULL);
    connect_world_run(world, 2000);
    assert_int_equal(numbers.opened_count, 0);
    connect_world_run(world, 10000);
    expect_numbers(world, 30);
    stop(world, task);
    connect_world_free(world);
}

static void what_the_plugin_says_is_the_reason(void **state)
{
    (void)state;
    struct connect_world *world = numbers_world(7, 30);
    numbers.is_open_fatal = true;
    struct source_task *task = start(world, NULL);
    connect_world_await_failure(world);
    assert_string_equal(world->reason, "no such place");
    stop(world, task);
    numbers.is_open_fatal = false;
    numbers.fatal_at = 9;
    task = start(world, NULL);
    connect_world_await_failure(world);
    assert_string_equal(world->reason, "the well is dry");
    stop(world, task);
    expect_numbers(world, 9); /* what was emitted before counts */
    connect_world_free(world);
}

static void it_closes_though_its_last_offsets_are_refused(void **state)
{
    (void)state;
    struct connect_world *world = numbers_world(8, 30);
    struct source_task *task = start(world, NULL);
    connect_world_run(world, 1000);
    expect_numbers(world, 30);
    fake_cluster_fail(world->cluster, KEY_PRODUCE, ERROR_TOPIC_AUTHORIZATION_FAILED, 1 << 20,
                      false);
    stop(world, task);
    fake_cluster_fail(world->cluster, KEY_PRODUCE, 0, 0, false);
    task = start(world, NULL);
    connect_world_run(world, 10000);
    stop(world, task);
    expect_numbers(world, 30);
    assert_int_equal(numbers.saved, 30); /* from the marks */
    connect_world_free(world);
}

static void it_can_be_closed_at_any_event(void **state)
{
    (void)state;
    for (int event_count = 0; event_count < 600; event_count += 7) {
        struct connect_world *world = numbers_world((uint64_t)event_count + 1, 900);
        struct source_task *task = start(world, NULL);
        for (int i = 0; i < event_count; i++) {
            sim_step(world->sim);
        }
        stop(world, task);
        task = start(world, NULL);
        connect_world_run(world, 20000);
        stop(world, task);
        expect_numbers(world, 900);
        connect_world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_and_its_offset_share_a_batch),
        cmocka_unit_test(a_restart_goes_on_behind_the_last_record),
        cmocka_unit_test(marks_tell_where_a_failed_task_stood),
        cmocka_unit_test(what_the_log_does_not_take_stays_within_the_limit),
        cmocka_unit_test(a_rejected_record_without_dead_letters_fails_the_task),
        cmocka_unit_test(a_rejected_record_is_a_dead_letter_and_counts_as_progress),
        cmocka_unit_test(a_place_that_is_not_there_yet_is_tried_again),
        cmocka_unit_test(what_the_plugin_says_is_the_reason),
        cmocka_unit_test(it_closes_though_its_last_offsets_are_refused),
        cmocka_unit_test(it_can_be_closed_at_any_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
