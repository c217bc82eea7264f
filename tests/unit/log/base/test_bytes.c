/* Shows that null differs from empty, that order is unsigned, and that a buffer keeps its content
 * while it grows and shrinks. */
#include "log/base/bytes.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

static const struct bytes nothing = {NULL, 0};

static void null_differs_from_empty(void **state)
{
    (void)state;
    assert_true(bytes_is_null(bytes_from_string(NULL)));
    assert_false(bytes_is_null(BYTES_LITERAL("")));
    assert_true(bytes_equal(nothing, nothing));
    assert_true(bytes_equal(BYTES_LITERAL(""), bytes_from_string("")));
    assert_false(bytes_equal(nothing, BYTES_LITERAL("")));
    assert_false(bytes_equal(BYTES_LITERAL(""), nothing));
    assert_null(bytes_to_string(nothing));
    assert_true(bytes_is_null(bytes_copy(nothing)));
}

static void order_is_unsigned_and_null_is_first(void **state)
{
    (void)state;
    const struct bytes sorted[] = {
        nothing,
        BYTES_LITERAL(""),
        BYTES_LITERAL("a"),
        BYTES_LITERAL("a\0"),
        BYTES_LITERAL("ab"),
        BYTES_LITERAL("b"),
        BYTES_LITERAL("\x80"),
        BYTES_LITERAL("\xff"),
    };
    int count = (int)(sizeof sorted / sizeof *sorted);
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < count; j++) {
            int order = bytes_compare(sorted[i], sorted[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(bytes_equal(sorted[i], sorted[j]), i == j);
        }
    }
}

static void a_prefix_is_found(void **state)
{
    (void)state;
    assert_true(bytes_has_prefix(BYTES_LITERAL("orders"), BYTES_LITERAL("ord")));
    assert_true(bytes_has_prefix(BYTES_LITERAL("orders"), BYTES_LITERAL("")));
    assert_true(bytes_has_prefix(BYTES_LITERAL("orders"), nothing));
    assert_false(bytes_has_prefix(BYTES_LITERAL("or"), BYTES_LITERAL("ord")));
    assert_false(bytes_has_prefix(BYTES_LITERAL("order"), BYTES_LITERAL("orx")));
}

static void a_prefix_ends_before_what_is_larger(void **state)
{
    (void)state;
    uint8_t plain[] = {'a', 'b'};
    uint8_t full[] = {'a', 0xff, 0xff};
    uint8_t last[] = {0xff};
    assert_int_equal(bytes_end_of_prefix(plain, 2), 2);
    assert_memory_equal(plain, "ac", 2);
    assert_int_equal(bytes_end_of_prefix(full, 3), 1);
    assert_memory_equal(full, "b", 1);
    assert_int_equal(bytes_end_of_prefix(last, 1), 0);
    assert_int_equal(bytes_end_of_prefix(plain, 0), 0);
}

static void copies_are_owned_and_terminated(void **state)
{
    (void)state;
    char *text = bytes_to_string(bytes_make("orders", 3));
    assert_string_equal(text, "ord");
    free(text);
    struct bytes copy = bytes_copy(BYTES_LITERAL("a\0b"));
    assert_true(bytes_equal(copy, BYTES_LITERAL("a\0b")));
    bytes_free(copy);
    bytes_free(nothing);
}

static void a_buffer_keeps_its_content_while_it_grows(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    for (int i = 0; i < 5000; i++) {
        buffer_add_byte(&buffer, (uint8_t)(i % 251));
    }
    assert_int_equal(buffer.size, 5000);
    buffer_remove(&buffer, 1234);
    for (int i = 1234; i < 5000; i++) {
        assert_int_equal(buffer.data[i - 1234], i % 251);
    }
    buffer_remove(&buffer, buffer.size);
    assert_int_equal(buffer.size, 0);
    buffer_fini(&buffer);
}

static void a_buffer_prints_and_terminates(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    assert_string_equal(buffer_string(&buffer), "");
    buffer_add_string(&buffer, "topic");
    buffer_printf(&buffer, "-%05d", 42);
    buffer_add_bytes(&buffer, BYTES_LITERAL("/x"));
    buffer_add_bytes(&buffer, nothing);
    assert_string_equal(buffer_string(&buffer), "topic-00042/x");
    assert_int_equal(buffer.size, 13);
    buffer_clear(&buffer);
    assert_string_equal(buffer_string(&buffer), "");
    buffer_fini(&buffer);
}

static void reserved_room_belongs_to_the_buffer_only_after_its_size_grew(void **state)
{
    (void)state;
    struct buffer buffer;
    buffer_init(&buffer);
    assert_false(bytes_is_null(buffer_bytes(&buffer)));
    buffer_add_string(&buffer, "ab");
    uint8_t *room = buffer_reserve(&buffer, 1000);
    assert_ptr_equal(room, buffer.data + 2);
    assert_int_equal(buffer.size, 2);
    assert_true(buffer.capacity >= 1002);
    *room = 'c';
    buffer.size++;
    assert_true(bytes_equal_string(buffer_bytes(&buffer), "abc"));
    buffer_fini(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_differs_from_empty),
        cmocka_unit_test(order_is_unsigned_and_null_is_first),
        cmocka_unit_test(a_prefix_is_found),
        cmocka_unit_test(a_prefix_ends_before_what_is_larger),
        cmocka_unit_test(copies_are_owned_and_terminated),
        cmocka_unit_test(a_buffer_keeps_its_content_while_it_grows),
        cmocka_unit_test(a_buffer_prints_and_terminates),
        cmocka_unit_test(reserved_room_belongs_to_the_buffer_only_after_its_size_grew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
