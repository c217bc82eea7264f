/* Shows that a bundle is a deep copy, finds its groups, and keeps the size it was charged for
 * whatever is added to its arena later: what is taken from a limit must be given back exactly. */
#include "runtime/connect/bundle.h"
#include "runtime/connect/source_mark.h"
#include "tests/unit/unit.h"

#include <string.h>

static void the_charged_size_does_not_grow_with_the_arena(void **state)
{
    (void)state;
    struct tidemill_record record =
        tidemill_record_make(tidemill_bytes_null(), tidemill_bytes_make("value", 5));
    struct batch_header headers[2];
    struct bundle *bundle = bundle_new(&record, 1, NULL);
    size_t size = bundle->size;
    assert_true(size > 0);
    source_mark_write(&bundle->arena, "connector", "{\"path\":\"a\"}", "{\"offset\":1}", headers);
    assert_true(bundle->arena.used_size > size);
    assert_int_equal(bundle->size, size);
    bundle_free(bundle);
}

static void a_group_ends_with_the_record_that_names_its_offset(void **state)
{
    (void)state;
    struct tidemill_record records[5];
    for (size_t i = 0; i < 5; i++) {
        records[i] = tidemill_record_make(tidemill_bytes_null(), tidemill_bytes_make("v", 1));
    }
    records[1].source_partition = records[4].source_partition = "{}";
    records[1].source_offset = "{\"offset\":1}";
    records[4].source_offset = "{\"offset\":4}";
    struct bundle *bundle = bundle_new(records, 5, NULL);
    assert_int_equal(bundle_group_end(bundle, 0), 2);
    assert_int_equal(bundle_group_end(bundle, 2), 5);
    bundle_free(bundle);
}

static void nothing_points_into_what_was_copied(void **state)
{
    (void)state;
    char value[] = "value";
    char name[] = "name";
    char offset[] = "{\"offset\":7}";
    struct tidemill_header header = {.name = tidemill_bytes_make(name, 4),
                                     .value = tidemill_bytes_null()};
    struct tidemill_record record =
        tidemill_record_make(tidemill_bytes_null(), tidemill_bytes_make(value, 5));
    record.headers = &header;
    record.header_count = 1;
    record.source_partition = "{}";
    record.source_offset = offset;
    struct bundle *bundle = bundle_new(&record, 1, "why");
    memset(value, 'x', sizeof value - 1);
    memset(name, 'x', sizeof name - 1);
    memset(offset, 'x', sizeof offset - 1);
    const struct tidemill_record *copy = &bundle->records[0];
    assert_memory_equal(copy->value.data, "value", 5);
    assert_null(copy->key.data);
    assert_memory_equal(copy->headers[0].name.data, "name", 4);
    assert_null(copy->headers[0].value.data);
    assert_string_equal(copy->source_offset, "{\"offset\":7}");
    assert_string_equal(bundle->reason, "why");
    bundle_free(bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_charged_size_does_not_grow_with_the_arena),
        cmocka_unit_test(a_group_ends_with_the_record_that_names_its_offset),
        cmocka_unit_test(nothing_points_into_what_was_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
