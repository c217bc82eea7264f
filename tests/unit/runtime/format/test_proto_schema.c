/* Shows that a descriptor set is read into linked types, and which sets are refused. The sets are
 * written field by field. */
#include "log/base/error.h"
#include "runtime/format/proto_schema.h"
#include "tests/unit/unit.h"

#include <string.h>

static void put_integer(struct buffer *out, uint32_t number, uint64_t value)
{
    proto_wire_put_tag(out, number, PROTO_WIRE_VARINT);
    proto_wire_put_varint(out, value);
}

static void put_string(struct buffer *out, uint32_t number, const char *text)
{
    proto_wire_put_bytes(out, number, bytes_from_string(text));
}

/* Puts `part` into `whole` and clears it. */
static void put_part(struct buffer *whole, uint32_t number, struct buffer *part)
{
    proto_wire_put_bytes(whole, number, buffer_bytes(part));
    buffer_clear(part);
}

struct bench {
    struct buffer field;
    struct buffer message;
    struct buffer file;
    struct buffer set;
    struct proto_schema schema;
    struct report report;
};

static int set_up(void **state)
{
    static struct bench bench;
    bench = (struct bench){0};
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    proto_schema_fini(&bench->schema);
    buffer_fini(&bench->field);
    buffer_fini(&bench->message);
    buffer_fini(&bench->file);
    buffer_fini(&bench->set);
    return 0;
}

static void put_field(struct bench *bench, const char *name, uint32_t number,
                      enum proto_schema_type type, const char *type_name)
{
    put_string(&bench->field, 1, name);
    put_integer(&bench->field, 3, number);
    put_integer(&bench->field, 4, 1);
    put_integer(&bench->field, 5, (uint64_t)type);
    if (type_name != NULL) {
        put_string(&bench->field, 6, type_name);
    }
    put_part(&bench->message, 2, &bench->field);
}

static int read(struct bench *bench, const char *syntax)
{
    put_part(&bench->file, 4, &bench->message);
    put_string(&bench->file, 2, "a.b");
    put_string(&bench->file, 12, syntax);
    put_part(&bench->set, 1, &bench->file);
    return proto_schema_init(&bench->schema, buffer_bytes(&bench->set), &bench->report);
}

static void expect_refused(struct bench *bench, const char *words)
{
    assert_int_equal(read(bench, "proto3"), ERROR_INVALID);
    if (strstr(bench->report.text, words) == NULL) {
        fail_msg("%s", bench->report.text);
    }
}

static void types_are_found_and_linked(void **state)
{
    struct bench *bench = *state;
    put_string(&bench->message, 1, "M");
    put_field(bench, "second", 7, PROTO_SCHEMA_MESSAGE, ".a.b.M");
    put_field(bench, "first", 3, PROTO_SCHEMA_INT32, NULL);
    assert_int_equal(read(bench, "proto3"), 0);
    const struct proto_schema_message *message = proto_schema_find(&bench->schema, "a.b.M");
    assert_non_null(message);
    assert_null(proto_schema_find(&bench->schema, "M"));
    assert_int_equal(message->field_count, 2);
    assert_string_equal(message->fields[0].name, "first");
    assert_false(message->fields[0].has_presence);
    assert_ptr_equal(message->fields[1].message, message);
    assert_ptr_equal(proto_schema_field(message, 7), &message->fields[1]);
    assert_null(proto_schema_field(message, 5));
    assert_null(proto_schema_field(message, 8));
}

static void fields_of_proto2_tell_whether_they_are_there(void **state)
{
    struct bench *bench = *state;
    put_string(&bench->message, 1, "M");
    put_field(bench, "first", 3, PROTO_SCHEMA_INT32, NULL);
    assert_int_equal(read(bench, "proto2"), 0);
    assert_true(proto_schema_find(&bench->schema, "a.b.M")->fields[0].has_presence);
}

static void a_missing_type_is_named(void **state)
{
    put_field(*state, "x", 1, PROTO_SCHEMA_MESSAGE, ".google.protobuf.Timestamp");
    expect_refused(*state, "protoc --include_imports adds: google.protobuf.Timestamp");
}

static void an_enum_without_a_type_is_refused(void **state)
{
    put_field(*state, "x", 1, PROTO_SCHEMA_ENUM, NULL);
    expect_refused(*state, "a type is missing");
}

static void groups_are_refused(void **state)
{
    put_field(*state, "x", 1, PROTO_SCHEMA_GROUP, ".a.b.X");
    expect_refused(*state, "groups are not read; make a message of the field x");
}

static void fields_of_one_number_are_refused(void **state)
{
    put_field(*state, "x", 1, PROTO_SCHEMA_INT32, NULL);
    put_field(*state, "y", 1, PROTO_SCHEMA_INT32, NULL);
    expect_refused(*state, "it is no descriptor set");
}

static void unknown_kinds_of_fields_are_refused(void **state)
{
    put_field(*state, "x", 1, (enum proto_schema_type)19, NULL);
    expect_refused(*state, "it is no descriptor set");
}

static void a_map_of_anything_else_is_refused(void **state)
{
    struct bench *bench = *state;
    put_integer(&bench->field, 7, 1); /* map_entry */
    put_part(&bench->message, 7, &bench->field);
    put_string(&bench->message, 1, "M");
    put_field(bench, "key", 1, PROTO_SCHEMA_MESSAGE, ".a.b.M");
    expect_refused(bench, "a type is missing");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(types_are_found_and_linked),
        TEST(fields_of_proto2_tell_whether_they_are_there),
        TEST(a_missing_type_is_named),
        TEST(an_enum_without_a_type_is_refused),
        TEST(groups_are_refused),
        TEST(fields_of_one_number_are_refused),
        TEST(unknown_kinds_of_fields_are_refused),
        TEST(a_map_of_anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
