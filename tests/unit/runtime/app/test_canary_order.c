/* Shows that what is said of a version on a part of the tasks survives its way through a topic, and
 * that anything else is refused. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/app/canary_order.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static struct canary_order make_order(void)
{
    struct canary_order order;
    canary_order_init(&order);
    order.state = CANARY_ORDER_RUNNING;
    order.at_ms = 1764000000000;
    order.share = (struct canary_share){.part = 3, .whole = 8};
    order.for_ms = 600000;
    order.bundle.version = 4;
    order.bundle.at_ms = 1764000000001;
    order.bundle.app = memory_string("shop");
    order.bundle.script = memory_string("shop.lua");
    app_bundle_add(&order.bundle, "shop.lua", BYTES_LITERAL("return \"x\""));
    return order;
}

static void orders_come_back(void **state)
{
    (void)state;
    for (int i = CANARY_ORDER_RUNNING; i <= CANARY_ORDER_REPLACED; i++) {
        struct canary_order order = make_order();
        struct canary_order read;
        struct canary_order copy;
        struct buffer text;
        struct report report = {0};
        buffer_init(&text);
        canary_order_init(&read);
        if (i != CANARY_ORDER_RUNNING) {
            canary_order_end(&order, (enum canary_order_state)i, "5 \"of\" 6", 1764000000002);
        }
        canary_order_copy(&copy, &order);
        canary_order_write(&copy, &text);
        assert_int_equal(canary_order_read(&read, buffer_bytes(&text), &report), 0);
        assert_int_equal(read.state, order.state);
        assert_int_equal(read.at_ms, order.at_ms);
        assert_int_equal(read.for_ms, order.for_ms);
        assert_int_equal(read.share.part, 3);
        assert_int_equal(read.share.whole, 8);
        assert_int_equal(read.bundle.version, 4);
        assert_true(app_bundle_is_same(&read.bundle, &order.bundle));
        if (i == CANARY_ORDER_RUNNING) {
            assert_null(read.why);
        } else {
            assert_string_equal(read.why, "5 \"of\" 6");
        }
        buffer_fini(&text);
        canary_order_fini(&order);
        canary_order_fini(&read);
        canary_order_fini(&copy);
    }
}

/* As when it is said once more that a version is current. */
static void an_end_may_keep_its_sentence(void **state)
{
    (void)state;
    struct canary_order order = make_order();
    canary_order_end(&order, CANARY_ORDER_PROMOTED, "did well", 1);
    canary_order_end(&order, CANARY_ORDER_PROMOTED, order.why, 2);
    assert_string_equal(order.why, "did well");
    assert_int_equal(order.at_ms, 2);
    canary_order_end(&order, CANARY_ORDER_REPLACED, NULL, 3);
    assert_null(order.why);
    canary_order_fini(&order);
}

static void expect_refused(const char *text)
{
    struct canary_order order;
    struct report report = {0};
    canary_order_init(&order);
    assert_int_equal(canary_order_read(&order, bytes_from_string(text), &report), ERROR_INVALID);
    assert_non_null(strstr(report.text, "app deploy --canary"));
}

/* Every cut of a sound text, and single members that are wrong. */
static void anything_else_is_refused(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"\"running\"", "\"flying\""}, {"[3,8]", "[8,8]"},      {"[3,8]", "[3]"},
        {"[3,8]", "\"3/8\""},          {"[3,8]", "[1,100000]"}, {"600000", "-1"},
        {"\"version\":{", "\"no\":{"}, {"shop.lua", ""}};
    struct canary_order order = make_order();
    struct buffer text;
    buffer_init(&text);
    canary_order_write(&order, &text);
    for (size_t size = 0; size < text.size; size++) {
        char *cut = bytes_to_string(bytes_make(text.data, size));
        expect_refused(cut);
        free(cut);
    }
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const char *whole = buffer_string(&text);
        const char *place = strstr(whole, changes[i][0]);
        struct buffer changed;
        assert_non_null(place);
        buffer_init(&changed);
        buffer_printf(&changed, "%.*s%s%s", (int)(place - whole), whole, changes[i][1],
                      place + strlen(changes[i][0]));
        expect_refused(buffer_string(&changed));
        buffer_fini(&changed);
    }
    buffer_fini(&text);
    canary_order_fini(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_come_back),
        cmocka_unit_test(an_end_may_keep_its_sentence),
        cmocka_unit_test(anything_else_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
