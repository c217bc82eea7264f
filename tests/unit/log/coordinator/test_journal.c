/* A journal applies what it wrote in the order of the appends, whatever the order of the answers,
 * and tells every writer once. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/coordinator/journal.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { APPEND_MAX = 8 };

struct memory {
    struct journal *journal;
    struct journal_append *appends[APPEND_MAX];
    int append_count;
    struct buffer story; /* what happened, in words */
};

static void memory_on_append(void *owner, int32_t partition, struct journal_append *append,
                             uint8_t *data, size_t size)
{
    struct memory *memory = owner;
    (void)partition;
    (void)data;
    assert_true(size > 0);
    memory->appends[memory->append_count++] = append;
}

static void memory_on_resize(void *owner, int32_t count)
{
    (void)owner;
    (void)count;
}

static int memory_apply(void *owner, int32_t partition, const struct batch *batch,
                        const struct batch_record *record)
{
    struct memory *memory = owner;
    (void)partition;
    (void)batch;
    buffer_printf(&memory->story, "apply %.*s\n", BYTES_FORMAT(record->key));
    return 0;
}

static void memory_lose(void *owner, int32_t partition, const struct batch *batch,
                        const struct batch_record *record)
{
    struct memory *memory = owner;
    (void)partition;
    (void)batch;
    buffer_printf(&memory->story, "lose %.*s\n", BYTES_FORMAT(record->key));
}

static void memory_on_settled(void *owner, int32_t partition, struct bytes name)
{
    struct memory *memory = owner;
    (void)partition;
    buffer_printf(&memory->story, "settled %.*s\n", BYTES_FORMAT(name));
}

static void memory_on_loaded(void *owner, int32_t partition)
{
    struct memory *memory = owner;
    buffer_printf(&memory->story, "loaded %d\n", (int)partition);
}

static void memory_on_left(void *owner, int32_t partition, int error)
{
    struct memory *memory = owner;
    buffer_printf(&memory->story, "left %d %s\n", (int)partition, error_name(error));
}

static const struct journal_keeper memory_keeper = {
    .resize = memory_on_resize,
    .apply = memory_apply,
    .lose = memory_lose,
    .settled = memory_on_settled,
    .loaded = memory_on_loaded,
    .left = memory_on_left,
};

static void memory_on_done(void *owner, void *write, int error)
{
    struct memory *memory = owner;
    buffer_printf(&memory->story, "done %s %s\n", (const char *)write,
                  error == 0 ? "0" : error_name(error));
}

static int setup(void **state)
{
    struct memory *memory = memory_new(struct memory);
    memory->journal = journal_new(&memory_keeper, memory, memory_on_append, memory);
    *state = memory;
    return 0;
}

static int teardown(void **state)
{
    struct memory *memory = *state;
    journal_free(memory->journal);
    buffer_fini(&memory->story);
    free(memory);
    return 0;
}

static void memory_activate(struct memory *memory)
{
    journal_set_partition_count(memory->journal, 1);
    journal_load_start(memory->journal, 0);
    journal_load_end(memory->journal, 0);
    buffer_clear(&memory->story);
}

static void memory_write(struct memory *memory, const char *key)
{
    struct batch_builder builder;
    batch_builder_init(&builder, COMPRESS_NONE);
    batch_builder_add(&builder, 0, bytes_from_string(key), BYTES_LITERAL("v"), NULL, 0);
    journal_write(memory->journal, 0, bytes_from_string(key), &builder, memory_on_done,
                  (void *)(uintptr_t)key);
    batch_builder_fini(&builder);
}

static void memory_expect(struct memory *memory, const char *story)
{
    buffer_add_byte(&memory->story, 0);
    assert_string_equal((const char *)memory->story.data, story);
    buffer_clear(&memory->story);
    journal_check(memory->journal);
}

static void records_become_state_in_the_order_of_their_appends(void **state)
{
    struct memory *memory = *state;
    memory_activate(memory);
    memory_write(memory, "a");
    memory_write(memory, "b");
    memory->appends[1]->done(memory->appends[1], 0);
    memory_expect(memory, "");
    memory->appends[0]->done(memory->appends[0], 0);
    memory_expect(memory, "apply a\nsettled a\ndone a 0\napply b\nsettled b\ndone b 0\n");
}

static void what_the_log_refused_is_lost(void **state)
{
    struct memory *memory = *state;
    memory_activate(memory);
    memory_write(memory, "a");
    memory->appends[0]->done(memory->appends[0], ERROR_NO_SPACE);
    memory_expect(memory, "lose a\nsettled a\ndone a NO_SPACE\n");
}

static void who_leaves_forsakes_its_writes(void **state)
{
    struct memory *memory = *state;
    memory_activate(memory);
    memory_write(memory, "a");
    memory_write(memory, "b");
    memory->appends[1]->done(memory->appends[1], 0);
    journal_unload(memory->journal, 0);
    memory_expect(memory, "settled a\ndone a NOT_COORDINATOR\nsettled b\ndone b NOT_COORDINATOR\n"
                          "left 0 NOT_COORDINATOR\n");
    memory->appends[0]->done(memory->appends[0], 0);
    memory_expect(memory, "");
}

static void a_name_is_found_only_where_it_is_active(void **state)
{
    struct memory *memory = *state;
    int error = 0;
    assert_int_equal(journal_find(memory->journal, BYTES_LITERAL("x"), &error), -1);
    assert_int_equal(error, ERROR_COORDINATOR_NOT_AVAILABLE);
    journal_set_partition_count(memory->journal, 1);
    assert_int_equal(journal_find(memory->journal, BYTES_LITERAL("x"), &error), -1);
    assert_int_equal(error, ERROR_NOT_COORDINATOR);
    journal_load_start(memory->journal, 0);
    assert_int_equal(journal_find(memory->journal, BYTES_LITERAL("x"), &error), -1);
    assert_int_equal(error, ERROR_COORDINATOR_LOAD_IN_PROGRESS);
    journal_load_end(memory->journal, 0);
    assert_int_equal(journal_find(memory->journal, BYTES_LITERAL("x"), &error), 0);
    assert_int_equal(error, 0);
    journal_stop(memory->journal);
    assert_int_equal(journal_find(memory->journal, BYTES_LITERAL("x"), &error), -1);
    assert_int_equal(error, ERROR_COORDINATOR_NOT_AVAILABLE);
}

static void bytes_that_are_no_batches_are_refused(void **state)
{
    struct memory *memory = *state;
    journal_set_partition_count(memory->journal, 1);
    journal_load_start(memory->journal, 0);
    assert_int_equal(journal_load_batch(memory->journal, 0, BYTES_LITERAL("no batch at all")),
                     ERROR_CORRUPT);
    journal_unload(memory->journal, 0);
    memory_expect(memory, "left 0 NOT_COORDINATOR\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_become_state_in_the_order_of_their_appends),
        TEST(what_the_log_refused_is_lost),
        TEST(who_leaves_forsakes_its_writes),
        TEST(a_name_is_found_only_where_it_is_active),
        TEST(bytes_that_are_no_batches_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
