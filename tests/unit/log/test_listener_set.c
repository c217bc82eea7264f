/* Shows where a node listens and what clients are told, and that nobody gets less safety than
 * asked. */
#include "log/base/error.h"
#include "log/listener_set.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>

struct fixture {
    struct broker_options options;
    struct listener_set set;
    struct report report;
    const char *listen[BROKER_LISTEN_MAX];
    struct report warning; /* the last */
    int warning_count;
    struct report mistakes[8];
    int mistake_count;
};

static int set_up(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof *fixture);
    broker_options_init(&fixture->options);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    listener_set_fini(&fixture->set);
    broker_options_fini(&fixture->options);
    test_free(fixture);
    return 0;
}

static void set(struct fixture *fixture, const char *name, const char *value)
{
    assert_int_equal(option_assign(broker_options_rows, broker_options_row_count, name, value,
                                   &fixture->options, NULL),
                     0);
}

static void on_warning(void *owner, const struct report *warning)
{
    struct fixture *fixture = owner;
    fixture->warning = *warning;
    fixture->warning_count++;
}

static void on_mistake(void *owner, const struct report *mistake)
{
    struct fixture *fixture = owner;
    assert_in_range(fixture->mistake_count, 0, 7);
    fixture->mistakes[fixture->mistake_count++] = *mistake;
}

static int read_set(struct fixture *fixture, const char *advertised)
{
    struct broker_options_ears ears = {.warn = on_warning, .refuse = on_mistake, .owner = fixture};
    fixture->mistake_count = 0;
    return listener_set_read(fixture->listen, advertised, &fixture->options, &ears, &fixture->set,
                             &fixture->report);
}

static void expect(struct fixture *fixture, size_t index, const char *address,
                   const char *advertised)
{
    assert_in_range(index, 0, fixture->set.count - 1);
    assert_string_equal(fixture->set.items[index].address, address);
    if (advertised == NULL) {
        assert_null(fixture->set.items[index].advertised);
    } else {
        assert_string_equal(fixture->set.items[index].advertised, advertised);
    }
}

static void without_settings_it_is_the_usual_port(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(read_set(fixture, NULL), 0);
    assert_int_equal(fixture->set.count, 1);
    expect(fixture, 0, ":9092", NULL);
    assert_int_equal(fixture->warning_count, 0);
}

/* As in the files that people bring from containers. */
static void each_listener_has_its_own_advertised_address(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "listeners", "INSIDE://:29092,OUTSIDE://:9092,CONTROLLER://:9093");
    set(fixture, "advertised.listeners", "OUTSIDE://localhost:9092,INSIDE://kafka:29092");
    set(fixture, "listener.security.protocol.map",
        "CONTROLLER:PLAINTEXT,INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT");
    assert_int_equal(read_set(fixture, NULL), 0);
    assert_int_equal(fixture->set.count, 2);
    expect(fixture, 0, ":29092", "kafka:29092");
    expect(fixture, 1, ":9092", "localhost:9092");
}

static void a_controller_may_have_any_name(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "listeners", "PLAINTEXT://:1,BOSS://:2");
    set(fixture, "controller.listener.names", "BOSS");
    assert_int_equal(read_set(fixture, NULL), 0);
    assert_int_equal(fixture->set.count, 1);
    expect(fixture, 0, ":1", NULL);
}

static void what_is_left_out_is_said_once(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "listeners", "PLAINTEXT://:9092,CONTROLLER://:9093");
    assert_int_equal(read_set(fixture, NULL), 0);
    assert_int_equal(fixture->warning_count, 1);
    assert_non_null(strstr(fixture->warning.text, "CONTROLLER://:9093 is not opened"));
    listener_set_fini(&fixture->set);
    assert_int_equal(listener_set_read(fixture->listen, NULL, &fixture->options, NULL,
                                       &fixture->set, &fixture->report),
                     0);
}

/* The usual port would be one that the file does not name. */
static void a_file_without_a_listener_for_clients_is_refused(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "listeners", "CONTROLLER://:9093");
    assert_int_not_equal(read_set(fixture, NULL), 0);
    assert_non_null(strstr(fixture->report.text, "no listener is left for clients"));
    fixture->listen[0] = ":1"; /* said beside the file */
    fixture->report = (struct report){0};
    assert_int_equal(read_set(fixture, NULL), 0);
}

static void flags_count_more_than_files(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "listeners", "SSL://:9093");
    set(fixture, "advertised.listeners", "SSL://far:9093");
    fixture->listen[0] = "127.0.0.1:0";
    assert_int_equal(read_set(fixture, "near:1"), 0);
    assert_int_equal(fixture->set.count, 1);
    expect(fixture, 0, "127.0.0.1:0", "near:1");
}

/* A client would be sent to it by everything it asks. */
static void an_address_that_nobody_can_dial_is_refused(void **state)
{
    static const char *const addresses[] = {"host",      "host:",       "host:0", "host:99999",
                                            ":9092",     "host:ninety", "",       "0.0.0.0:9092",
                                            "[::]:9092", "::1:9092",    "host:-1"};
    static const char *const good[] = {"host:1", "10.0.0.1:65535", "[::1]:9092"};
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        char value[64];
        snprintf(value, sizeof value, "PLAINTEXT://%s", addresses[i]);
        set(fixture, "advertised.listeners", value);
        fixture->report = (struct report){0};
        assert_int_not_equal(read_set(fixture, NULL), 0);
        assert_non_null(strstr(fixture->report.text, "clients are told"));
        fixture->report = (struct report){0};
        assert_int_not_equal(read_set(fixture, addresses[i]), 0);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        fixture->report = (struct report){0};
        assert_int_equal(read_set(fixture, good[i]), 0);
        expect(fixture, 0, ":9092", good[i]);
        listener_set_fini(&fixture->set);
    }
}

static void nobody_gets_less_safety_than_asked(void **state)
{
    static const char *const listeners[] = {"SSL://:1", "PLAINTEXT://:1,SASL_SSL://:2",
                                            "sasl_plaintext://:1", "CLIENT://:1"};
    struct fixture *fixture = *state;
    set(fixture, "listener.security.protocol.map", "CLIENT:SASL_SSL");
    for (size_t i = 0; i < sizeof listeners / sizeof *listeners; i++) {
        set(fixture, "listeners", listeners[i]);
        fixture->report = (struct report){0};
        assert_int_not_equal(read_set(fixture, NULL), 0);
        assert_non_null(strstr(fixture->report.text, "no TLS and no SASL"));
        assert_int_equal(fixture->set.count, 0);
    }
}

static void a_name_that_nothing_explains_is_refused(void **state)
{
    struct fixture *fixture = *state;
    set(fixture, "listeners", "DOCKER://:9092");
    assert_int_not_equal(read_set(fixture, NULL), 0);
    assert_non_null(strstr(fixture->report.text, "DOCKER:PLAINTEXT"));
    fixture->report = (struct report){0};
    set(fixture, "listeners",
        "PLAINTEXT://:1,PLAINTEXT://:2,PLAINTEXT://:3,PLAINTEXT://:4,PLAINTEXT://:5");
    assert_int_not_equal(read_set(fixture, NULL), 0);
    assert_non_null(strstr(fixture->report.text, "at most"));
}

static void every_mistake_is_told_with_its_option(void **state)
{
    static const char *const told[][2] = {
        {"listeners", "SSL://:1 asks for SSL"},
        {"listeners", "'host:70000' is no address to listen on; an address is HOST:PORT"},
        {"advertised.listeners", "'far', is not HOST:PORT"},
        {"listeners", "nothing says which protocol DOCKER://:3 speaks"},
    };
    struct fixture *fixture = *state;
    set(fixture, "listeners", "SSL://:1,PLAINTEXT://host:70000,DOCKER://:3");
    set(fixture, "advertised.listeners", "PLAINTEXT://far");
    assert_int_equal(read_set(fixture, NULL), ERROR_INVALID);
    assert_int_equal(fixture->mistake_count, 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(fixture->mistakes[i].place, told[i][0]);
        assert_non_null(strstr(fixture->mistakes[i].text, told[i][1]));
    }
    assert_string_equal(fixture->report.text, fixture->mistakes[0].text);
    fixture->listen[0] = "nonsense";
    fixture->listen[1] = ":0";
    assert_int_equal(read_set(fixture, "far"), ERROR_INVALID);
    assert_int_equal(fixture->mistake_count, 2);
    assert_string_equal(fixture->mistakes[0].place, "--advertise");
    assert_string_equal(fixture->mistakes[1].place, "--listen");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_settings_it_is_the_usual_port),
        TEST(each_listener_has_its_own_advertised_address),
        TEST(a_controller_may_have_any_name),
        TEST(what_is_left_out_is_said_once),
        TEST(a_file_without_a_listener_for_clients_is_refused),
        TEST(flags_count_more_than_files),
        TEST(an_address_that_nobody_can_dial_is_refused),
        TEST(nobody_gets_less_safety_than_asked),
        TEST(a_name_that_nothing_explains_is_refused),
        TEST(every_mistake_is_told_with_its_option),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
