/* Shows what a look into the store of windows of records tells, and that a store which holds
 * something else is refused instead of read. How windows open and close is in test_counted.c. */
#include "log/base/error.h"
#include "runtime/format/row_key.h"
#include "runtime/operators/counted_node.h"
#include "runtime/operators/fold_count.h"
#include "tests/unit/unit.h"

#include <string.h>

static struct kv *find_store(struct node_context *context, const char *name)
{
    assert_string_equal(name, "n");
    return context->owner;
}

struct bench {
    struct arena arena;
    struct kv *kv;
    struct node *node;
    struct node_context context;
};

static void set_up(struct bench *bench)
{
    struct counted_node_options options = {.count = 3, .advance = 3, .store = "n"};
    *bench = (struct bench){.kv = kv_new_memory("n")};
    arena_init(&bench->arena, 0);
    bench->context =
        (struct node_context){.arena = &bench->arena, .store = find_store, .owner = bench->kv};
    bench->node = counted_node_new("count", &options, fold_count_new());
    assert_int_equal(bench->node->ops->start(bench->node, &bench->context), 0);
}

static void tear_down(struct bench *bench)
{
    bench->node->ops->free(bench->node);
    kv_free(bench->kv);
    arena_fini(&bench->arena);
}

static int process(struct bench *bench, int64_t timestamp_ms)
{
    struct record record = {
        .key = BYTES_LITERAL("a\0b"), .value = BYTES_LITERAL("1"), .timestamp_ms = timestamp_ms};
    return node_process(bench->node, &bench->context, &record);
}

static void an_open_window_is_told_as_it_is(void **state)
{
    struct bench bench;
    struct bytes row;
    struct bytes stored;
    struct record told;
    (void)state;
    set_up(&bench);
    assert_int_equal(process(&bench, 20), 0);
    assert_int_equal(process(&bench, 10), 0);
    assert_int_equal(kv_count(bench.kv), 1);
    struct kv_iterator *iterator = kv_iterate(bench.kv, (struct bytes){0}, (struct bytes){0});
    assert_true(kv_iterator_next(iterator, &row, &stored));
    assert_int_equal(bench.node->ops->read_row(bench.node, &bench.context, row, stored, &told), 1);
    kv_iterator_free(iterator);
    assert_true(bytes_equal(told.key, BYTES_LITERAL("a\0b")));
    assert_true(bytes_equal(told.value, BYTES_LITERAL("2")));
    assert_int_equal(told.window_start_ms, 10);
    assert_int_equal(told.window_end_ms, 20);
    assert_int_equal(told.timestamp_ms, 20);
    assert_int_equal(process(&bench, 30), 0);
    assert_int_equal(kv_count(bench.kv), 0);
    tear_down(&bench);
}

static void something_else_in_the_store_is_refused(void **state)
{
    static const char *const rows[] = {"", "1", "a text that is longer than the head of a window"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench bench;
        struct buffer row;
        set_up(&bench);
        buffer_init(&row);
        row_key_add(&row, BYTES_LITERAL("a\0b"));
        row_key_add_time(&row, 0);
        assert_int_equal(kv_put(bench.kv, buffer_bytes(&row), bytes_from_string(rows[i])), 0);
        assert_int_equal(process(&bench, 20), ERROR_CORRUPT);
        assert_non_null(strstr(bench.context.error_text, "something else than windows"));
        buffer_fini(&row);
        tear_down(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_open_window_is_told_as_it_is),
        cmocka_unit_test(something_else_in_the_store_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
