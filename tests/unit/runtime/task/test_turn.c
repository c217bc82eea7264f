/* Shows which emits keep the bytes that their source was read from. */
#include "runtime/task/turn.h"
#include "tests/unit/unit.h"

static int accept(void *owner, const struct turn_emit *emit)
{
    (void)owner;
    (void)emit;
    return 0;
}

static const struct record source = {.topic = "in",
                                     .partition = 3,
                                     .offset = 7,
                                     .timestamp_ms = 100,
                                     .key = BYTES_LITERAL("key"),
                                     .value = BYTES_LITERAL("a value"),
                                     .headers_encoded = BYTES_LITERAL("\x02h\x02i"),
                                     .header_count = 1};

static bool keeps_body(struct turn *turn, const struct record *record)
{
    assert_int_equal(turn->context.emit(&turn->context, "out", record), 0);
    const struct turn_emit *emit = &turn->emits[turn->emit_count - 1];
    assert_true(bytes_is_null(emit->body) || bytes_equal_string(emit->body, "body"));
    return !bytes_is_null(emit->body);
}

static void only_what_the_record_keeps_whole_is_sent_as_it_was_read(void **state)
{
    (void)state;
    struct turn turn;
    turn_init(&turn, NULL, accept, NULL);
    turn_begin(&turn, 5);
    turn_set_source(&turn, &source, BYTES_LITERAL("body"), NULL, 100);

    struct record record = source;
    record.partition = -1;
    record.timestamp_ms = 200; /* what stands before the body may change */
    assert_true(keeps_body(&turn, &record));

    record = source;
    record.key = bytes_make("key.", 3);
    assert_false(keeps_body(&turn, &record));
    record = source;
    record.value.size--;
    assert_false(keeps_body(&turn, &record));
    record = source;
    record.value = (struct bytes){NULL, 0};
    assert_false(keeps_body(&turn, &record));
    record = source;
    record.headers_encoded = (struct bytes){NULL, 0};
    record.header_count = 0;
    assert_false(keeps_body(&turn, &record));

    turn_emit_own(&turn, "own", &(struct record){.value = BYTES_LITERAL("letter")});
    assert_true(bytes_is_null(turn.emits[turn.emit_count - 1].body));
    turn_begin(&turn, 6); /* a timer */
    assert_false(keeps_body(&turn, &source));
    turn_begin(&turn, 7); /* a driver has no batch */
    turn_set_source(&turn, &source, (struct bytes){NULL, 0}, NULL, 100);
    assert_false(keeps_body(&turn, &source));
    turn_fini(&turn);
}

static int64_t count_reads(struct node_context *context)
{
    const struct turn *turn = context->owner;
    return ++*(int64_t *)turn->owner;
}

static void the_wall_clock_is_read_once_by_who_asks(void **state)
{
    (void)state;
    int64_t reads = 0;
    struct turn turn;
    turn_init(&turn, NULL, accept, &reads);
    turn.context.read_wall_clock = count_reads;
    turn_begin(&turn, -1);
    turn_begin(&turn, -1);
    assert_int_equal(node_wall_clock_ms(&turn.context), 1);
    assert_int_equal(node_wall_clock_ms(&turn.context), 1);
    turn_begin(&turn, -1);
    assert_int_equal(node_wall_clock_ms(&turn.context), 2);
    turn_begin(&turn, 77);
    assert_int_equal(node_wall_clock_ms(&turn.context), 77);
    assert_int_equal(reads, 2);
    turn_fini(&turn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_the_record_keeps_whole_is_sent_as_it_was_read),
        cmocka_unit_test(the_wall_clock_is_read_once_by_who_asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
