/* Shows that a letter is read back: what was wrong, and the record as it was before. */
#include "log/base/error.h"
#include "runtime/cli/letter.h"
#include "runtime/format/headers.h"
#include "tests/unit/unit.h"

struct fixture {
    struct arena arena;
    struct buffer headers;
    struct letter letter;
};

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    arena_init(&fixture.arena, 1 << 20);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    arena_fini(&fixture->arena);
    buffer_fini(&fixture->headers);
    return 0;
}

static void add(struct fixture *fixture, const char *name, const char *value)
{
    headers_append(&fixture->headers, bytes_from_string(name), bytes_from_string(value));
}

static void add_dead(struct fixture *fixture, const char *topic, const char *message)
{
    add(fixture, "__streams.errors.topic", topic);
    add(fixture, "__streams.errors.partition", "2");
    add(fixture, "__streams.errors.offset", "17");
    add(fixture, "__streams.errors.exception", "process");
    add(fixture, "__streams.errors.message", message);
    add(fixture, "__streams.errors.stacktrace", "app.lua:12");
    add(fixture, "tidemill.errors.app", "orders");
    add(fixture, "tidemill.errors.node", "map-1");
    add(fixture, "tidemill.errors.kind", "process");
    add(fixture, "tidemill.errors.script", "app.lua");
    add(fixture, "tidemill.errors.line", "12");
}

static void add_late(struct fixture *fixture)
{
    add(fixture, "tidemill.late.node", "count");
    add(fixture, "tidemill.late.window", "0,1000");
    add(fixture, "tidemill.late.time", "5000");
}

static void add_connector(struct fixture *fixture, const char *name)
{
    add(fixture, "__connect.errors.topic", "sold");
    add(fixture, "__connect.errors.partition", "1");
    add(fixture, "__connect.errors.offset", "4");
    add(fixture, "__connect.errors.connector.name", name);
    add(fixture, "__connect.errors.exception.message", "no column");
}

static void read(struct fixture *fixture)
{
    const struct batch_record record = {.headers_encoded = buffer_bytes(&fixture->headers)};
    assert_int_equal(letter_read(&record, &fixture->arena, &fixture->letter), 0);
    assert_int_equal(headers_count(fixture->letter.headers_encoded), fixture->letter.header_count);
}

static void assert_text(struct bytes text, const char *wanted)
{
    assert_true(bytes_equal_string(text, wanted));
}

static void a_dead_letter_says_what_was_wrong_and_where(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, "trace", "1");
    add_dead(fixture, "in", "no number");
    read(fixture);
    assert_text(fixture->letter.reason, "no number");
    assert_text(fixture->letter.kind, "process");
    assert_text(fixture->letter.node, "map-1");
    assert_text(fixture->letter.place, "app.lua:12");
    assert_text(fixture->letter.application, "orders");
    assert_text(fixture->letter.topic, "in");
    assert_int_equal(fixture->letter.partition, 2);
    assert_int_equal(fixture->letter.offset, 17);
    assert_false(fixture->letter.is_omitted);
    assert_int_equal(fixture->letter.header_count, 1);
}

static void a_letter_of_a_letter_keeps_the_first_ones_headers(void **state)
{
    struct fixture *fixture = *state;
    add_dead(fixture, "in", "no number");
    add_dead(fixture, "orders-dlq", "no letter");
    read(fixture);
    assert_text(fixture->letter.topic, "orders-dlq");
    assert_text(fixture->letter.reason, "no letter");
    assert_int_equal(fixture->letter.header_count, 11);
}

static void a_late_record_has_no_source(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, "trace", "1");
    add_late(fixture);
    read(fixture);
    assert_text(fixture->letter.kind, "late");
    assert_text(fixture->letter.node, "count");
    assert_text(fixture->letter.reason, "too late for the window 0,1000 at 5000");
    assert_true(bytes_is_null(fixture->letter.topic));
    assert_int_equal(fixture->letter.partition, -1);
    assert_int_equal(fixture->letter.header_count, 1);
}

static void a_late_record_that_failed_is_a_dead_one(void **state)
{
    struct fixture *fixture = *state;
    add_late(fixture);
    add_dead(fixture, "orders-late", "no number");
    read(fixture);
    assert_text(fixture->letter.kind, "process");
    assert_text(fixture->letter.topic, "orders-late");
    assert_int_equal(fixture->letter.header_count, 3);
}

static void a_connector_says_whose_it_is(void **state)
{
    struct fixture *fixture = *state;
    add_dead(fixture, "in", "no number");
    add_connector(fixture, "orders:rows");
    read(fixture);
    assert_text(fixture->letter.application, "orders");
    assert_text(fixture->letter.node, "rows");
    assert_text(fixture->letter.kind, "connector");
    assert_text(fixture->letter.reason, "no column");
    assert_text(fixture->letter.topic, "sold");
    assert_int_equal(fixture->letter.partition, 1);
    assert_int_equal(fixture->letter.offset, 4);
    assert_true(bytes_is_null(fixture->letter.place));
    assert_int_equal(fixture->letter.header_count, 11); /* of the letter that it was */
    add_dead(fixture, "in", "no number again");
    read(fixture);
    assert_text(fixture->letter.reason, "no number again");
    assert_int_equal(fixture->letter.header_count, 16);
}

static void one_of_kafka_connect_has_no_application(void **state)
{
    struct fixture *fixture = *state;
    add_connector(fixture, "rows");
    read(fixture);
    assert_true(bytes_is_null(fixture->letter.application));
    assert_text(fixture->letter.node, "rows");
    assert_int_equal(fixture->letter.header_count, 0);
}

static void one_without_its_bytes_is_known(void **state)
{
    struct fixture *fixture = *state;
    add(fixture, "tidemill.errors.omitted", "a key of 1 bytes");
    add_dead(fixture, "in", "too large");
    read(fixture);
    assert_true(fixture->letter.is_omitted);
    assert_int_equal(fixture->letter.header_count, 0);
}

static void a_record_that_is_no_letter_is_whole(void **state)
{
    struct fixture *fixture = *state;
    read(fixture);
    assert_true(bytes_is_null(fixture->letter.reason));
    assert_true(bytes_is_null(fixture->letter.topic));
    add(fixture, "__streams.errors.partition", "-5");
    add(fixture, "__streams.errors.offset", "x");
    read(fixture);
    assert_int_equal(fixture->letter.partition, -1);
    assert_int_equal(fixture->letter.offset, -1);
}

static void damaged_headers_are_refused(void **state)
{
    struct fixture *fixture = *state;
    const struct batch_record record = {.headers_encoded = BYTES_LITERAL("\x7f")};
    assert_int_equal(letter_read(&record, &fixture->arena, &fixture->letter), ERROR_MALFORMED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_dead_letter_says_what_was_wrong_and_where),
        TEST(a_letter_of_a_letter_keeps_the_first_ones_headers),
        TEST(a_late_record_has_no_source),
        TEST(a_late_record_that_failed_is_a_dead_one),
        TEST(a_connector_says_whose_it_is),
        TEST(one_of_kafka_connect_has_no_application),
        TEST(one_without_its_bytes_is_known),
        TEST(a_record_that_is_no_letter_is_whole),
        TEST(damaged_headers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
