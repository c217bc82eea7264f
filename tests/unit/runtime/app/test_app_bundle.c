/* Shows that a bundle says the same after it was written and read, whatever its files hold, and
 * that nothing else is taken for one. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/app/app_bundle.h"
#include "tests/unit/unit.h"

#include <string.h>

static void make(struct app_bundle *bundle)
{
    app_bundle_init(bundle);
    bundle->version = 3;
    bundle->at_ms = 1764000000000;
    bundle->app = memory_string("shop");
    bundle->script = memory_string("shop.lua");
    app_bundle_add(bundle, "shop.lua", BYTES_LITERAL("return \"\n\t\x01\""));
    app_bundle_add(bundle, "shop.desc", BYTES_LITERAL("\xff\x00\x01"));
    app_bundle_add(bundle, "empty.lua", BYTES_LITERAL(""));
}

static void what_was_written_is_read(void **state)
{
    (void)state;
    struct app_bundle bundle;
    struct app_bundle other;
    struct buffer text;
    struct report report = {0};
    make(&bundle);
    app_bundle_init(&other);
    buffer_init(&text);
    app_bundle_write(&bundle, &text);
    assert_int_equal(app_bundle_read(&other, buffer_bytes(&text), &report), 0);
    assert_int_equal(other.version, 3);
    assert_int_equal(other.at_ms, 1764000000000);
    assert_string_equal(other.app, "shop");
    assert_string_equal(other.script, "shop.lua");
    assert_true(app_bundle_is_same(&bundle, &other));
    app_bundle_add(&other, "shop.lua", BYTES_LITERAL("another"));
    assert_false(app_bundle_is_same(&bundle, &other));
    assert_int_equal(other.count, 3);
    buffer_fini(&text);
    app_bundle_fini(&bundle);
    app_bundle_fini(&other);
}

static void nothing_else_is_read(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "7",
        "{}",
        "{\"version\":1,\"at\":1,\"app\":\"a\",\"script\":\"a.lua\",\"files\":[]}",
        "{\"version\":0,\"at\":1,\"app\":\"a\",\"script\":\"a.lua\","
        "\"files\":[{\"name\":\"a.lua\",\"text\":\"\"}]}",
        "{\"version\":1,\"at\":1,\"app\":\"\",\"script\":\"a.lua\","
        "\"files\":[{\"name\":\"a.lua\",\"text\":\"\"}]}",
        "{\"version\":1,\"at\":1,\"app\":\"a\",\"script\":\"a.lua\","
        "\"files\":[{\"name\":\"a.lua\",\"base64\":\"*\"}]}",
        "{\"version\":1,\"at\":1,\"app\":\"a\",\"script\":\"a.lua\","
        "\"files\":[{\"name\":\"a.lua\",\"text\":\"\"},{\"name\":\"a.lua\",\"text\":\"\"}]}",
        "{\"version\":1,\"at\":1,\"app\":\"a\",\"script\":\"a.lua\",\"files\":[7]}",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct app_bundle bundle;
        struct report report = {0};
        app_bundle_init(&bundle);
        assert_int_equal(app_bundle_read(&bundle, bytes_from_string(texts[i]), &report),
                         ERROR_INVALID);
        assert_non_null(strstr(report.text, "app deploy"));
        assert_int_equal(bundle.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(nothing_else_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
