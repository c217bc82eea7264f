/* Shows what a look into the store of changes that are held back tells, and that a store which
 * holds something else is refused instead of read. When they go on is in test_pace.c. */
#include "log/base/error.h"
#include "runtime/operators/pace_node.h"
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
    struct pace_node_options options = {.every_ms = 10, .store = "n"};
    *bench = (struct bench){.kv = kv_new_memory("n")};
    arena_init(&bench->arena, 0);
    bench->context =
        (struct node_context){.arena = &bench->arena, .store = find_store, .owner = bench->kv};
    bench->node = pace_node_new("pace", &options);
    assert_int_equal(bench->node->ops->start(bench->node, &bench->context), 0);
}

static void tear_down(struct bench *bench)
{
    bench->node->ops->free(bench->node);
    kv_free(bench->kv);
    arena_fini(&bench->arena);
}

static int process(struct bench *bench, struct bytes value, int64_t timestamp_ms)
{
    struct record record = {.key = BYTES_LITERAL("a\0b"),
                            .value = value,
                            .value_format = VALUE_TEXT,
                            .timestamp_ms = timestamp_ms,
                            .is_change = true,
                            .is_windowed = true,
                            .window_start_ms = 5,
                            .window_end_ms = 25};
    return node_process(bench->node, &bench->context, &record);
}

/* How many rows are told; the last of them in `told`. */
static int look(struct bench *bench, struct record *told)
{
    struct kv_iterator *iterator = kv_iterate(bench->kv, (struct bytes){0}, (struct bytes){0});
    struct bytes row;
    struct bytes stored;
    int count = 0;
    while (kv_iterator_next(iterator, &row, &stored)) {
        struct record record;
        int result =
            bench->node->ops->read_row(bench->node, &bench->context, arena_copy(&bench->arena, row),
                                       arena_copy(&bench->arena, stored), &record);
        assert_true(result >= 0);
        count += result;
        *told = result == 1 ? record : *told;
    }
    kv_iterator_free(iterator);
    return count;
}

static void what_is_held_is_told(void **state)
{
    struct bench bench;
    struct record told = {0};
    (void)state;
    set_up(&bench);
    assert_int_equal(process(&bench, BYTES_LITERAL("one"), 20), 0);
    assert_int_equal(process(&bench, BYTES_LITERAL("two"), 29), 0);
    assert_int_equal(look(&bench, &told), 1);
    assert_true(bytes_equal(told.key, BYTES_LITERAL("a\0b")));
    assert_true(bytes_equal_string(told.value, "two"));
    assert_int_equal(told.timestamp_ms, 29);
    assert_int_equal(told.window_start_ms, 5);
    assert_int_equal(told.window_end_ms, 25);
    assert_int_equal(process(&bench, (struct bytes){0}, 29), 0);
    assert_int_equal(look(&bench, &told), 1);
    assert_true(bytes_is_null(told.value));
    assert_int_equal(process(&bench, BYTES_LITERAL("three"), 30), 0);
    assert_int_equal(look(&bench, &told), 0);
    tear_down(&bench);
}

static void something_else_in_the_store_is_refused(void **state)
{
    static const char *const rows[] = {"", "1", "a text that is longer than the head of a change"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench bench;
        set_up(&bench);
        assert_int_equal(process(&bench, BYTES_LITERAL("one"), 20), 0);
        struct kv_iterator *iterator = kv_iterate(bench.kv, BYTES_LITERAL("h"), BYTES_LITERAL("i"));
        struct bytes row;
        struct bytes stored;
        assert_true(kv_iterator_next(iterator, &row, &stored));
        assert_int_equal(kv_put(bench.kv, row, bytes_from_string(rows[i])), 0);
        kv_iterator_free(iterator);
        assert_int_equal(process(&bench, BYTES_LITERAL("two"), 21), ERROR_CORRUPT);
        assert_non_null(strstr(bench.context.error_text, "the store n"));
        tear_down(&bench);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_held_is_told),
        cmocka_unit_test(something_else_in_the_store_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
