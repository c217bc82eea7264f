/* Shows that a definition is judged before anything runs, and that a task which fails is started
 * again after pauses that double. The plugins are the shipped ones, in the folder of the build. */
#include "runtime/connect/connector.h"
#include "runtime/topology/topic_pattern.h"
#include "tests/unit/runtime/connect/connect_world.h"

static const char *const folders[] = {CONNECTORS_FOLDER};

static int open_sink(struct connect_world *world, const char *path, const char *option,
                     const char *value, struct connector **out, struct report *report)
{
    struct plugin_setting settings[] = {{"topics", "in"}, {"path", path}, {option, value}};
    struct connector_definition definition = {.application = "app",
                                              .name = "db",
                                              .type = "sqlite",
                                              .settings = settings,
                                              .setting_count = option == NULL ? 2 : 3};
    return connector_new(sim_io(world->sim, 0), folders, 1, &definition, out, report);
}

static void start(struct connector *connector)
{
    struct client_options options = client_options_default();
    options.bootstrap = "node1:9092";
    connector_start(connector, &options);
}

static void stop(struct connect_world *world, struct connector *connector)
{
    connector_close(connector, connect_world_on_closed, world);
    connect_world_await_closed(world);
}

static void a_wrong_definition_is_refused_with_connector_and_option(void **state)
{
    (void)state;
    struct connect_world *world = connect_world_new(1);
    struct connector *connector = NULL;
    struct report report = {0};
    assert_int_not_equal(open_sink(world, ":memory:", "modee", "upsert", &connector, &report), 0);
    assert_null(connector);
    assert_non_null(strstr(report.text, "connector db: option 'modee' is unknown"));
    report = (struct report){0};
    assert_int_not_equal(open_sink(world, ":memory:", "from", "now", &connector, &report), 0);
    assert_string_equal(report.text,
                        "connector db: option 'from' is earliest or latest, not \"now\"");
    connect_world_free(world);
}

/* It is told of by the reason, and reads when there are fewer. */
static void a_pattern_of_too_many_topics_is_a_failure_with_a_sentence(void **state)
{
    (void)state;
    struct connect_world *world = connect_world_new(5);
    struct connector *connector = NULL;
    struct report report = {0};
    struct plugin_setting settings[] = {{"topics.regex", "t[0-9]+"}, {"path", ":memory:"}};
    struct connector_definition definition = {
        .name = "db", .type = "sqlite", .settings = settings, .setting_count = 2};
    for (int i = 0; i <= TOPIC_PATTERN_COUNT_MAX; i++) {
        char topic[20];
        snprintf(topic, sizeof topic, "t%d", i);
        fake_cluster_add_topic(world->cluster, topic, 1);
    }
    assert_int_equal(
        connector_new(sim_io(world->sim, 0), folders, 1, &definition, &connector, &report), 0);
    start(connector);
    while (connector_restart_count(connector) < 2) {
        assert_true(sim_step(world->sim));
    }
    assert_string_equal(connector_reason(connector),
                        "1001 topics match and a sink reads 1000 at most: narrow the pattern");
    stop(world, connector);
    connect_world_free(world);
}

static void one_that_never_started_closes_at_once(void **state)
{
    (void)state;
    struct connect_world *world = connect_world_new(2);
    struct connector *connector = NULL;
    struct report report = {0};
    assert_int_equal(open_sink(world, ":memory:", NULL, NULL, &connector, &report), 0);
    assert_int_equal(connector_state(connector), CONNECTOR_NEW);
    assert_string_equal(connector_name(connector), "db");
    connector_close(connector, connect_world_on_closed, world);
    assert_true(world->is_closed);
    world->is_closed = false;
    connect_world_free(world);
}

/* A database that is a directory can never be opened. */
static void a_task_that_fails_is_started_again_after_pauses_that_double(void **state)
{
    (void)state;
    struct connect_world *world = connect_world_new(3);
    struct connector *connector = NULL;
    struct report report = {0};
    fake_cluster_add_topic(world->cluster, "in", 1);
    assert_int_equal(open_sink(world, "/", NULL, NULL, &connector, &report), 0);
    start(connector);
    assert_int_equal(connector_state(connector), CONNECTOR_RUNNING);
    uint64_t last_ns = sim_now(world->sim);
    for (int i = 1; i <= 6; i++) {
        uint64_t pause_ns = CONNECT_WORLD_SECOND << (i - 1);
        while (connector_restart_count(connector) < i) {
            assert_true(sim_step(world->sim));
        }
        uint64_t waited_ns = sim_now(world->sim) - last_ns;
        assert_true(waited_ns >= pause_ns);
        assert_true(waited_ns < pause_ns + 10 * CONNECT_WORLD_SECOND);
        assert_true(connector_reason(connector)[0] != 0);
        last_ns = sim_now(world->sim);
    }
    assert_int_equal(connector_record_count(connector), 0);
    stop(world, connector); /* in whatever it was doing */
    connect_world_free(world);
}

static void it_can_be_closed_while_it_waits(void **state)
{
    (void)state;
    struct connect_world *world = connect_world_new(4);
    struct connector *connector = NULL;
    struct report report = {0};
    fake_cluster_add_topic(world->cluster, "in", 1);
    assert_int_equal(open_sink(world, "/", NULL, NULL, &connector, &report), 0);
    start(connector);
    while (connector_state(connector) != CONNECTOR_WAITING) {
        assert_true(sim_step(world->sim));
    }
    stop(world, connector);
    connect_world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wrong_definition_is_refused_with_connector_and_option),
        cmocka_unit_test(a_pattern_of_too_many_topics_is_a_failure_with_a_sentence),
        cmocka_unit_test(one_that_never_started_closes_at_once),
        cmocka_unit_test(a_task_that_fails_is_started_again_after_pauses_that_double),
        cmocka_unit_test(it_can_be_closed_while_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
