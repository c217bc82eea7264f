/* Shows that pushed data points become named numbers, bounded in number and memory, and that no
 * client can speak for the broker. */
#include "log/base/error.h"
#include "log/server/client_sample.h"
#include "log/server/otlp.pb-c.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

struct world {
    struct client_sample_set samples;
    struct buffer data;
    size_t dropped_count;
};

static int set_up(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    client_sample_set_init(&world->samples);
    buffer_init(&world->data);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    client_sample_set_fini(&world->samples);
    buffer_fini(&world->data);
    test_free(world);
    return 0;
}

static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

/* One metric with one point: a gauge, or a sum with this temporality. */
static void pack(struct world *world, const char *name, int temporality, double value,
                 const char *label, const char *label_value)
{
    Otlp__AnyValue any = OTLP__ANY_VALUE__INIT;
    Otlp__KeyValue pair = OTLP__KEY_VALUE__INIT;
    Otlp__KeyValue *pairs[] = {&pair};
    Otlp__NumberDataPoint point = OTLP__NUMBER_DATA_POINT__INIT;
    Otlp__NumberDataPoint *points[] = {&point};
    Otlp__Gauge gauge = OTLP__GAUGE__INIT;
    Otlp__Sum sum = OTLP__SUM__INIT;
    Otlp__Metric metric = OTLP__METRIC__INIT;
    Otlp__Metric *metrics[] = {&metric};
    Otlp__ScopeMetrics scope = OTLP__SCOPE_METRICS__INIT;
    Otlp__ScopeMetrics *scopes[] = {&scope};
    Otlp__ResourceMetrics resource = OTLP__RESOURCE_METRICS__INIT;
    Otlp__ResourceMetrics *resources[] = {&resource};
    Otlp__MetricsData data = OTLP__METRICS_DATA__INIT;
    any.value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
    any.string_value = text(label_value);
    pair.key = text(label);
    pair.value = &any;
    point.value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_DOUBLE;
    point.as_double = value;
    point.attributes = pairs;
    point.n_attributes = 1;
    gauge.data_points = sum.data_points = points;
    gauge.n_data_points = sum.n_data_points = 1;
    sum.aggregation_temporality = temporality;
    sum.is_monotonic = true;
    metric.name = text(name);
    metric.data_case = temporality == 0 ? OTLP__METRIC__DATA_GAUGE : OTLP__METRIC__DATA_SUM;
    if (temporality == 0) {
        metric.gauge = &gauge;
    } else {
        metric.sum = &sum;
    }
    scope.metrics = metrics;
    resource.scope_metrics = scopes;
    data.resource_metrics = resources;
    scope.n_metrics = resource.n_scope_metrics = data.n_resource_metrics = 1;
    buffer_clear(&world->data);
    world->data.size = otlp__metrics_data__pack(
        &data, buffer_reserve(&world->data, otlp__metrics_data__get_packed_size(&data)));
}

static int push(struct world *world, size_t limit)
{
    return client_sample_set_read(&world->samples, buffer_bytes(&world->data), "client_id=\"c\"",
                                  limit, 1 << 20, &world->dropped_count);
}

static void expect(struct world *world, const char *expected)
{
    struct client_sample *all[16];
    struct buffer out;
    size_t count = 0;
    buffer_init(&out);
    for (map_each (&world->samples.samples, entry)) {
        all[count++] = entry->value;
    }
    client_sample_write(all, count, &out);
    assert_string_equal(buffer_string(&out), expected);
    buffer_fini(&out);
}

static void gauges_are_set_and_deltas_are_added(void **state)
{
    struct world *world = *state;
    pack(world, "org.apache.kafka.producer.queue-size", 0, 7.5, "topic", "t");
    assert_int_equal(push(world, 10), 0);
    pack(world, "org.apache.kafka.producer.queue-size", 0, 2.5, "topic", "t");
    assert_int_equal(push(world, 10), 0);
    pack(world, "org.apache.kafka.producer.sent", 1, 3, "topic", "t");
    assert_int_equal(push(world, 10), 0);
    assert_int_equal(push(world, 10), 0);
    pack(world, "org.apache.kafka.producer.total", 2, 3, "topic", "t");
    assert_int_equal(push(world, 10), 0);
    assert_int_equal(push(world, 10), 0);
    expect(world, "# HELP org_apache_kafka_producer_queue_size Pushed by clients.\n"
                  "# TYPE org_apache_kafka_producer_queue_size gauge\n"
                  "org_apache_kafka_producer_queue_size{client_id=\"c\",topic=\"t\"} 2.5\n"
                  "# HELP org_apache_kafka_producer_sent Pushed by clients.\n"
                  "# TYPE org_apache_kafka_producer_sent counter\n"
                  "org_apache_kafka_producer_sent{client_id=\"c\",topic=\"t\"} 6\n"
                  "# HELP org_apache_kafka_producer_total Pushed by clients.\n"
                  "# TYPE org_apache_kafka_producer_total counter\n"
                  "org_apache_kafka_producer_total{client_id=\"c\",topic=\"t\"} 3\n");
}

static void nobody_speaks_for_the_broker_or_breaks_the_page(void **state)
{
    struct world *world = *state;
    pack(world, "tidemill_connections", 0, 1, "client_id", "me too");
    assert_int_equal(push(world, 10), 0);
    pack(world, "9 lives\"\n{", 0, 2, "a\"b", "x\"\n");
    assert_int_equal(push(world, 10), 0);
    expect(world, "# HELP client_9_lives___ Pushed by clients.\n"
                  "# TYPE client_9_lives___ gauge\n"
                  "client_9_lives___{client_id=\"c\",a_b=\"x\\\"\\n\"} 2\n"
                  "# HELP client_tidemill_connections Pushed by clients.\n"
                  "# TYPE client_tidemill_connections gauge\n"
                  "client_tidemill_connections{client_id=\"c\"} 1\n");
}

static void numbers_beyond_the_limit_are_counted_only(void **state)
{
    struct world *world = *state;
    pack(world, "a", 0, 1, "n", "1");
    assert_int_equal(push(world, 1), 0);
    pack(world, "a", 0, 1, "n", "2");
    assert_int_equal(push(world, 1), 0);
    assert_int_equal(world->samples.samples.size, 1);
    assert_int_equal(world->dropped_count, 1);
}

static void what_is_no_metrics_data_is_refused(void **state)
{
    struct world *world = *state;
    struct bytes rubbish = BYTES_LITERAL("\x0a\xff\xff\xff\x7f nothing");
    size_t dropped = 0;
    assert_int_equal(client_sample_set_read(&world->samples, rubbish, "", 10, 1 << 20, &dropped),
                     ERROR_INVALID_RECORD);
    /* Ten thousand empty messages in twenty thousand bytes: too much to unpack. */
    buffer_clear(&world->data);
    for (int i = 0; i < 10000; i++) {
        buffer_add(&world->data, "\x0a\x00", 2);
    }
    assert_int_equal(client_sample_set_read(&world->samples, buffer_bytes(&world->data), "", 10,
                                            65536, &dropped),
                     ERROR_INVALID_RECORD);
    assert_int_equal(world->samples.samples.size, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(gauges_are_set_and_deltas_are_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nobody_speaks_for_the_broker_or_breaks_the_page, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(numbers_beyond_the_limit_are_counted_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_metrics_data_is_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
