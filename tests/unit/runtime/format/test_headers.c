/* Shows that encoded headers are read as written and that damage is an error. */
#include "log/base/error.h"
#include "runtime/format/headers.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static void the_last_header_of_a_key_is_found(void **state)
{
    (void)state;
    struct buffer encoded;
    buffer_init(&encoded);
    headers_append(&encoded, BYTES_LITERAL("a"), BYTES_LITERAL("1"));
    headers_append(&encoded, BYTES_LITERAL("b"), (struct bytes){0});
    headers_append(&encoded, BYTES_LITERAL("a"), BYTES_LITERAL("2"));
    headers_append(&encoded, BYTES_LITERAL(""), BYTES_LITERAL(""));
    struct headers_entry entry;
    assert_int_equal(headers_count(buffer_bytes(&encoded)), 4);
    assert_int_equal(headers_find(buffer_bytes(&encoded), BYTES_LITERAL("a"), &entry), 1);
    assert_true(bytes_equal_string(entry.value, "2"));
    assert_int_equal(headers_find(buffer_bytes(&encoded), BYTES_LITERAL("b"), &entry), 1);
    assert_true(bytes_is_null(entry.value));
    assert_int_equal(headers_find(buffer_bytes(&encoded), BYTES_LITERAL("c"), &entry), 0);
    struct buffer rest;
    buffer_init(&rest);
    assert_int_equal(headers_copy_without(&rest, buffer_bytes(&encoded), BYTES_LITERAL("a")), 2);
    assert_int_equal(headers_find(buffer_bytes(&rest), BYTES_LITERAL("a"), &entry), 0);
    assert_int_equal(headers_find(buffer_bytes(&rest), BYTES_LITERAL(""), &entry), 1);
    assert_int_equal(entry.value.size, 0);
    assert_false(bytes_is_null(entry.value));
    buffer_fini(&rest);
    buffer_fini(&encoded);
}

static void cut_and_damaged_headers_are_errors(void **state)
{
    (void)state;
    struct buffer encoded;
    buffer_init(&encoded);
    headers_append(&encoded, BYTES_LITERAL("name"), BYTES_LITERAL("value"));
    for (size_t size = 1; size < encoded.size; size++) {
        uint8_t *exact = malloc(size);
        memcpy(exact, encoded.data, size);
        assert_true(headers_count(bytes_make(exact, size)) < 0);
        free(exact);
    }
    const uint8_t null_key[] = {0x01, 0x01};
    const uint8_t negative[] = {0x02, 'a', 0x03};
    assert_int_equal(headers_count(bytes_make(null_key, 2)), ERROR_MALFORMED);
    assert_int_equal(headers_count(bytes_make(negative, 3)), ERROR_MALFORMED);
    assert_int_equal(headers_count((struct bytes){0}), 0);
    buffer_fini(&encoded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_header_of_a_key_is_found),
        cmocka_unit_test(cut_and_damaged_headers_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
