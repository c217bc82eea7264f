/* Shows what a dead letter says: the record as it was, Kafka Streams' headers and ours; and that
 * one which would be too large is a letter all the same. */
#include "runtime/format/headers.h"
#include "tests/unit/runtime/task/task_bench.h"

/* The last letter. */
struct letter {
    int count;
    int64_t timestamp_ms;
    struct bytes key; /* copies */
    struct bytes value;
    struct buffer headers;
    int32_t header_count;
};

static void on_letter(void *owner, const struct client_bench_record *record)
{
    struct letter *letter = owner;
    letter->count++;
    letter->timestamp_ms = record->timestamp_ms;
    bytes_free(letter->key);
    bytes_free(letter->value);
    letter->key = bytes_copy(record->key);
    letter->value = bytes_copy(record->value);
    buffer_clear(&letter->headers);
    buffer_add_bytes(&letter->headers, record->headers_encoded);
    letter->header_count = record->header_count;
}

static struct letter read_letter(struct task_bench *bench)
{
    struct letter letter = {0};
    task_bench_flush(bench);
    client_bench_each(bench->clients, "app-dlq", 0, on_letter, &letter);
    assert_int_equal(letter.count, 1);
    assert_int_equal(headers_count(buffer_bytes(&letter.headers)), letter.header_count);
    return letter;
}

static void letter_fini(struct letter *letter)
{
    bytes_free(letter->key);
    bytes_free(letter->value);
    buffer_fini(&letter->headers);
}

static void expect_header(struct letter *letter, const char *name, const char *expected)
{
    struct headers_entry entry;
    int found = headers_find(buffer_bytes(&letter->headers), bytes_from_string(name), &entry);
    assert_int_equal(found, expected == NULL ? 0 : 1);
    assert_true(expected == NULL || bytes_equal_string(entry.value, expected));
}

static void append_with_header(struct task_bench *bench, const char *value)
{
    struct batch_builder builder;
    struct buffer encoded = {0};
    struct batch_header header = {.key = BYTES_LITERAL("trace"), .value = BYTES_LITERAL("77")};
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, 1234, BYTES_LITERAL("key"), bytes_from_string(value), &header, 1);
    assert_int_equal(batch_builder_finish(&builder, &encoded), 0);
    fake_cluster_append(bench->clients->cluster,
                        fake_cluster_get(bench->clients->cluster, "left", 0),
                        buffer_bytes(&encoded));
    buffer_fini(&encoded);
    batch_builder_fini(&builder);
}

static void a_letter_is_the_record_with_the_reason(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){0});
    task_bench_append(bench, "left", 1, "");
    append_with_header(bench, "fail not a number: x");
    task_bench_start(bench);
    task_bench_run(bench);
    struct letter letter = read_letter(bench);
    assert_int_equal(letter.timestamp_ms, 1234);
    assert_true(bytes_equal_string(letter.key, "key"));
    assert_true(bytes_equal_string(letter.value, "fail not a number: x"));
    expect_header(&letter, "trace", "77");
    expect_header(&letter, "__streams.errors.exception", "process");
    expect_header(&letter, "__streams.errors.message", "not a number: x");
    expect_header(&letter, "__streams.errors.stacktrace", "app.lua:12");
    expect_header(&letter, "__streams.errors.topic", "left");
    expect_header(&letter, "__streams.errors.partition", "0");
    expect_header(&letter, "__streams.errors.offset", "1");
    expect_header(&letter, "tidemill.errors.app", "app");
    expect_header(&letter, "tidemill.errors.node", "do");
    expect_header(&letter, "tidemill.errors.kind", "process");
    expect_header(&letter, "tidemill.errors.script", "app.lua");
    expect_header(&letter, "tidemill.errors.line", "12");
    expect_header(&letter, "tidemill.errors.omitted", NULL);
    letter_fini(&letter);
    task_bench_free(bench);
}

static void a_timer_that_fails_has_a_letter_without_a_record(void **state)
{
    (void)state;
    static const struct topology_timer timer = {TOPOLOGY_STREAM_TIME, 100};
    struct task_bench *bench =
        task_bench_new(&(struct task_bench_options){.timers = &timer, .timer_count = 1});
    bench->tick = "emit t 1;fail in a timer";
    task_bench_append(bench, "left", 50, "");
    task_bench_append(bench, "left", 150, "");
    task_bench_start(bench);
    task_bench_run(bench);
    struct letter letter = read_letter(bench);
    assert_true(bytes_is_null(letter.key));
    assert_true(bytes_is_null(letter.value));
    expect_header(&letter, "__streams.errors.message", "in a timer");
    expect_header(&letter, "__streams.errors.topic", NULL);
    task_bench_expect_topic(bench, "out", "");
    assert_int_equal(task_counts(bench->task)->in_count, 2);
    letter_fini(&letter);
    task_bench_free(bench);
}

static void an_emit_that_is_too_large_is_told_with_its_size(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){0});
    task_bench_append(bench, "left", 1, "big 2000000");
    task_bench_start(bench);
    task_bench_run(bench);
    struct letter letter = read_letter(bench);
    expect_header(&letter, "__streams.errors.exception", "produce");
    struct headers_entry message;
    assert_int_equal(headers_find(buffer_bytes(&letter.headers),
                                  BYTES_LITERAL("__streams.errors.message"), &message),
                     1);
    char *text = bytes_to_string(message.value);
    assert_non_null(strstr(text, "topic out"));
    assert_non_null(strstr(text, "2000000 bytes"));
    free(text);
    letter_fini(&letter);
    task_bench_free(bench);
}

/* It was as large as a record may be; with the headers it is larger. */
static void a_letter_that_would_be_too_large_leaves_the_bytes_behind(void **state)
{
    (void)state;
    struct task_bench *bench = task_bench_new(&(struct task_bench_options){0});
    size_t size = (1 << 20) - 200;
    char *value = memory_zero(1, size + 1);
    memset(value, 'x', size);
    memcpy(value, "fail ", 5);
    value[9] = ';';
    memcpy(value + 10, "fail ", 5);
    append_with_header(bench, value);
    task_bench_append(bench, "left", 2, "emit b 2");
    task_bench_start(bench);
    task_bench_run(bench);
    assert_int_equal(bench->failed_count, 0);
    struct letter letter = read_letter(bench);
    assert_int_equal(letter.timestamp_ms, 1234);
    assert_true(bytes_is_null(letter.key));
    assert_true(bytes_is_null(letter.value));
    expect_header(&letter, "tidemill.errors.omitted",
                  "a key of 3 bytes, a value of 1048376 bytes, 1 headers");
    expect_header(&letter, "trace", NULL);
    expect_header(&letter, "__streams.errors.message", "xxxx");
    expect_header(&letter, "__streams.errors.offset", "0");
    task_bench_expect_topic(bench, "out", "b=2");
    letter_fini(&letter);
    free(value);
    task_bench_free(bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_is_the_record_with_the_reason),
        cmocka_unit_test(a_timer_that_fails_has_a_letter_without_a_record),
        cmocka_unit_test(an_emit_that_is_too_large_is_told_with_its_size),
        cmocka_unit_test(a_letter_that_would_be_too_large_leaves_the_bytes_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
