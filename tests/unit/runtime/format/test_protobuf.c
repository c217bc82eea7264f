/* Shows that messages are read and written as protoc does, that what comes twice, out of order or
 * unknown is read as the rules say, and that damage is refused with its field. The bytes of `order`
 * were written by protoc. */
#include "log/base/error.h"
#include "runtime/format/decoded.h"
#include "runtime/format/protobuf.h"
#include "tests/unit/runtime/format/shop.h"
#include "tests/unit/unit.h"

#include <string.h>

static const char order[] =
    "\x08\xff\xff\xff\xff\xff\xff\xff\xef\xff\x01\x12\x05\xc3\x9cnal\x18\x02\"\x0e\n\x01"
    "a\x10\x02\x19\0\0\0\0\0\0\xf8?\"\x03\n\x01"
    "b*\x07\x02\x01\xfe\xff\xff\xff\x0f"
    "2\x05\n\x01x\x10\x05@\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01J\x02\xff\0P\x01Y\xff\xff\xff"
    "\xff\xff\xff\xff\xff`\0j\x06\x08\x07j\x02\x18\x01u\xcd\xcc\xcc=z\x10\x08\xfd\xff\xff\xff\xff"
    "\xff\xff\xff\xff\x01\x12\x03\n\x01z\x82\x01\x02\x01\x02\x8d\x01\xfb\xff\xff\xff\x90\x01\xff"
    "\xff\xff\xff\x0f";

static const char order_json[] =
    "{\"id\":-9007199254740993,\"customer\":\"\xc3\x9cnal\",\"status\":\"SENT\","
    "\"items\":[{\"sku\":\"a\",\"count\":2,\"price\":1.5},{\"sku\":\"b\",\"count\":0,"
    "\"price\":0.0}],\"deltas\":[1,-1,2147483647],\"totals\":{\"x\":5},"
    "\"voucher\":18446744073709551615,\"blob\":\"/wA=\",\"is_gift\":true,"
    "\"big\":18446744073709551615,\"rank\":0,\"parent\":{\"id\":7,\"customer\":\"\","
    "\"status\":\"UNKNOWN\",\"items\":[],\"deltas\":[],\"totals\":{},\"blob\":\"\","
    "\"is_gift\":false,\"big\":0,\"parent\":{\"id\":0,\"customer\":\"\",\"status\":\"PAID\","
    "\"items\":[],\"deltas\":[],\"totals\":{},\"blob\":\"\",\"is_gift\":false,\"big\":0,"
    "\"ratio\":0.0,\"by_place\":{},\"history\":[],\"s32\":0,\"u32\":0},\"ratio\":0.0,"
    "\"by_place\":{},\"history\":[],\"s32\":0,\"u32\":0},\"ratio\":0.1,"
    "\"by_place\":{\"-3\":{\"sku\":\"z\",\"count\":0,\"price\":0.0}},"
    "\"history\":[\"PAID\",\"SENT\"],\"s32\":-5,\"u32\":4294967295}";

struct bench {
    const struct value_format *format;
    struct decoded decoded;
    struct buffer out;
};

static int set_up(void **state)
{
    static struct bench bench;
    struct report report = {{0}, {0}};
    if (format_open(bytes_from_string(SHOP_ORDER), &shop_files, NULL, &report, &bench.format) !=
        0) {
        print_error("%s\n", report.text);
        return -1;
    }
    decoded_init(&bench.decoded);
    buffer_init(&bench.out);
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    decoded_fini(&bench->decoded);
    buffer_fini(&bench->out);
    format_close(bench->format);
    return 0;
}

static void expect_part(struct bench *bench, struct bytes value, const char *part)
{
    if (decoded_read(&bench->decoded, bench->format, value) != 0) {
        fail_msg("%s", bench->decoded.report.text);
    }
    if (strstr(buffer_string(&bench->decoded.text), part) == NULL) {
        fail_msg("no %s in %s", part, buffer_string(&bench->decoded.text));
    }
}

static void expect_bytes(struct bench *bench, const char *json, struct bytes expected)
{
    buffer_clear(&bench->out);
    int error = decoded_convert(&bench->decoded, VALUE_JSON, bench->format, bytes_from_string(json),
                                &bench->out);
    if (error != 0) {
        fail_msg("%s", bench->decoded.report.text);
    }
    assert_int_equal(bench->out.size, expected.size);
    assert_memory_equal(bench->out.data, expected.data, expected.size);
}

static void messages_are_read_and_written_as_by_protoc(void **state)
{
    struct bench *bench = *state;
    struct bytes value = bytes_make(order, sizeof order - 1);
    assert_int_equal(decoded_read(&bench->decoded, bench->format, value), 0);
    assert_string_equal(buffer_string(&bench->decoded.text), order_json);
    assert_int_equal(protobuf_unknown_count(bench->format), 0);
    expect_bytes(bench, order_json, value);
    expect_bytes(bench, "{}", BYTES_LITERAL(""));
    expect_bytes(bench, "{\"id\":0,\"customer\":\"\",\"items\":[],\"totals\":{},\"blob\":null}",
                 BYTES_LITERAL(""));
}

static void parts_are_read_as_the_rules_say(void **state)
{
    struct bench *bench = *state;
    expect_part(bench, BYTES_LITERAL("\x08\x01\x08\x02"), "{\"id\":2,"); /* the last one */
    expect_part(bench, BYTES_LITERAL("j\x02\x08\x07j\x02\x18\x01"),      /* both halves */
                "\"parent\":{\"id\":7,\"customer\":\"\",\"status\":\"PAID\"");
    expect_part(bench, BYTES_LITERAL(":\x01x@\x05"), "\"totals\":{},\"voucher\":5,\"blob\"");
    expect_part(bench, BYTES_LITERAL("@\x05:\x01x"), "\"totals\":{},\"card\":\"x\",\"blob\"");
    expect_part(bench, BYTES_LITERAL("(\x02*\x02\x04\x06*\0(\x01"), "\"deltas\":[1,2,3,-1]");
    expect_part(bench, BYTES_LITERAL("\x18\x63"), "\"status\":99,");
    expect_part(bench, BYTES_LITERAL("2\0"), "\"totals\":{\"\":0}");
    expect_part(bench, BYTES_LITERAL("z\0"), "\"by_place\":{\"0\":{\"sku\":\"\"");
    expect_part(bench, BYTES_LITERAL("u\0\0\xc0\x7f"), "\"ratio\":\"NaN\"");
    expect_part(bench, BYTES_LITERAL("u\0\0\x80\xff"), "\"ratio\":\"-Infinity\"");
    assert_int_equal(protobuf_unknown_count(bench->format), 0);
    /* A field of another number, and one of another kind. */
    expect_part(bench, BYTES_LITERAL("\xfa\x07\x01x\x0a\x01x\x08\x09"), "{\"id\":9,");
    assert_int_equal(protobuf_unknown_count(bench->format), 2);
}

static void damage_is_refused_with_its_field(void **state)
{
    struct bench *bench = *state;
    static const struct {
        struct bytes value;
        const char *words;
    } rows[] = {
        {BYTES_LITERAL("\x08"), "shop.Order is damaged at byte"},
        {BYTES_LITERAL("\x08\x01\x12\x05x"), "shop.Order is damaged at byte"},
        {BYTES_LITERAL("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), "damaged"},
        {BYTES_LITERAL("\x0b\x0c"), "damaged"}, /* a group */
        {BYTES_LITERAL("\x00\x01"), "damaged"}, /* field 0 */
        {BYTES_LITERAL("\x12\x01\xff"), "field 'customer' of shop.Order is not UTF-8"},
        {BYTES_LITERAL("\"\x03\x0a\x01\xff"), "field 'sku' of shop.Item is not UTF-8"},
        {BYTES_LITERAL("*\x01\x80"), "field 'deltas' of shop.Order is a damaged list"},
        {BYTES_LITERAL("2\x01\x0a"), "an entry of shop.Order.TotalsEntry is damaged"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_not_equal(decoded_read(&bench->decoded, bench->format, rows[i].value), 0);
        if (strstr(bench->decoded.report.text, rows[i].words) == NULL) {
            fail_msg("%s", bench->decoded.report.text);
        }
    }
    char deep[2 * 100 + 1] = {0};
    for (int i = 0; i < 60; i++) {
        deep[2 * i] = 'j';
        deep[2 * i + 1] = (char)(2 * (59 - i));
    }
    assert_int_not_equal(decoded_read(&bench->decoded, bench->format, bytes_make(deep, 120)), 0);
    assert_non_null(strstr(bench->decoded.report.text, "nested too deeply"));
}

static void values_are_written_if_they_fit(void **state)
{
    struct bench *bench = *state;
    expect_bytes(bench, "{\"status\":1,\"rank\":0,\"id\":\"12\",\"u32\":3.0}",
                 BYTES_LITERAL("\x08\x0c\x18\x01`\0\x90\x01\x03"));
    expect_bytes(bench, "{\"ratio\":\"NaN\"}", BYTES_LITERAL("u\0\0\xc0\x7f"));
    static const struct {
        const char *json;
        const char *words;
    } bad[] = {
        {"[1]", "shop.Order is made of an object"},
        {"{\"nope\":1}", "shop.Order has no field \"nope\""},
        {"{\"id\":1.5}", "field 'id' of shop.Order must be an integer"},
        {"{\"id\":9223372036854775808}", "field 'id' of shop.Order must be an integer"},
        {"{\"id\":\"x\"}", "must be an integer"},
        {"{\"id\":[1]}", "must be a single value"},
        {"{\"s32\":2147483648}", "field 's32' of shop.Order must be an integer that fits"},
        {"{\"u32\":-1}", "must be an integer that fits"},
        {"{\"big\":-1}", "must be an integer that fits"},
        {"{\"ratio\":1e300}", "must be a number that fits"},
        {"{\"ratio\":true}", "must be a number"},
        {"{\"is_gift\":1}", "must be true or false"},
        {"{\"is_gift\":\"true\"}", "must be true or false"},
        {"{\"customer\":1}", "field 'customer' of shop.Order must be a string"},
        {"{\"blob\":\"?\"}", "must be bytes in base64"},
        {"{\"status\":\"LOST\"}", "'LOST' is no value of shop.Status"},
        {"{\"items\":{}}", "must be a list"},
        {"{\"items\":[{\"sku\":1}]}", "field 'sku' of shop.Item must be a string"},
        {"{\"totals\":[]}", "must be an object"},
        {"{\"by_place\":{\"x\":{}}}", "field 'key' of shop.Order.ByPlaceEntry must be an integer"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int error = decoded_convert(&bench->decoded, VALUE_JSON, bench->format,
                                    bytes_from_string(bad[i].json), &bench->out);
        if (error == 0 || strstr(bench->decoded.report.text, bad[i].words) == NULL) {
            fail_msg("%s: %s", bad[i].json, bench->decoded.report.text);
        }
    }
}

static int read_junk(void *owner, const char *name, struct buffer *out)
{
    (void)owner;
    if (strcmp(name, "junk.desc") != 0) {
        return ERROR_NOT_FOUND;
    }
    buffer_add_string(out, "junk");
    return 0;
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    static const struct value_files junk = {.read = read_junk};
    static const struct {
        const char *options;
        const struct value_files *files;
        const char *words;
    } rows[] = {
        {"\"protobuf\"", NULL, "it needs descriptor"},
        {"{\"format\":\"protobuf\",\"descriptor\":\"a\"}", NULL, "it needs message"},
        {SHOP_ORDER, NULL, "the descriptor shop.desc cannot be read: not found"},
        {SHOP_ORDER, &junk, "cannot be read: not found"},
        {"{\"format\":\"protobuf\",\"descriptor\":\"junk.desc\",\"message\":\"a\"}", &junk,
         "the descriptor junk.desc: it is no descriptor set"},
        {"{\"format\":\"protobuf\",\"descriptor\":\"shop.desc\",\"message\":\"Order\"}",
         &shop_files, "has no message 'Order'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report report = {{0}, {0}};
        const struct value_format *format = NULL;
        assert_int_equal(
            format_open(bytes_from_string(rows[i].options), rows[i].files, NULL, &report, &format),
            ERROR_INVALID);
        if (strstr(report.text, rows[i].words) == NULL) {
            fail_msg("%s: %s", rows[i].options, report.text);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(messages_are_read_and_written_as_by_protoc),
        TEST(parts_are_read_as_the_rules_say),
        TEST(damage_is_refused_with_its_field),
        TEST(values_are_written_if_they_fit),
        TEST(wrong_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
