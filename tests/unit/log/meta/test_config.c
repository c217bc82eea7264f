/* Shows that every option has its value from the strongest layer that has one, in its own unit, and
 * that a description names all layers in order. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/meta/config.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

struct fixture {
    struct map topic;
    struct map broker;
    struct map all_brokers;
    struct map file;
    struct config_layers layers;
    struct topic_options options;
    struct arena arena;
};

static int open_fixture(void **state)
{
    struct fixture *fixture = memory_new(struct fixture);
    map_init(&fixture->topic);
    map_init(&fixture->broker);
    map_init(&fixture->all_brokers);
    map_init(&fixture->file);
    fixture->layers = (struct config_layers){
        .own = &fixture->topic,
        .broker = &fixture->broker,
        .all_brokers = &fixture->all_brokers,
        .file = &fixture->file,
    };
    arena_init(&fixture->arena, 0);
    *state = fixture;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    map_fini(&fixture->topic, free);
    map_fini(&fixture->broker, free);
    map_fini(&fixture->all_brokers, free);
    map_fini(&fixture->file, free);
    topic_options_fini(&fixture->options);
    arena_fini(&fixture->arena);
    free(fixture);
    return 0;
}

static void set(struct map *layer, const char *name, const char *value)
{
    free(map_put(layer, bytes_from_string(name), memory_string(value)));
}

static int64_t retention_ms(struct fixture *fixture)
{
    config_read_topic(&fixture->layers, &fixture->options);
    return fixture->options.retention_ms;
}

static void the_tables_are_sound(void **state)
{
    (void)state;
    option_check(topic_options_rows, topic_options_row_count);
    option_check(broker_options_rows, broker_options_row_count);
}

static void the_strongest_layer_decides(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    assert_int_equal(retention_ms(fixture), 604800000);
    set(&fixture->file, "log.retention.hours", "24");
    assert_int_equal(retention_ms(fixture), 86400000);
    set(&fixture->file, "log.retention.minutes", "3");
    assert_int_equal(retention_ms(fixture), 180000);
    set(&fixture->all_brokers, "log.retention.ms", "6000");
    assert_int_equal(retention_ms(fixture), 6000);
    set(&fixture->broker, "log.retention.ms", "5000");
    assert_int_equal(retention_ms(fixture), 5000);
    set(&fixture->topic, "retention.ms", "7d");
    assert_int_equal(retention_ms(fixture), 604800000);
}

static void no_limit_stays_no_limit_in_every_unit(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    set(&fixture->file, "log.retention.hours", "-1");
    assert_int_equal(retention_ms(fixture), -1);
    set(&fixture->file, "log.retention.hours", "2147483647");
    assert_int_equal(retention_ms(fixture), 2147483647LL * 3600000);
}

static const struct config_entry *describe(struct fixture *fixture, const char *name)
{
    struct config_entry *entries;
    size_t count = config_describe_topic(&fixture->layers, &fixture->arena, &entries);
    for (size_t i = 0; i < count; i++) {
        if (bytes_equal_string(bytes_from_string(entries[i].name), name)) {
            return &entries[i];
        }
    }
    return NULL;
}

static void a_description_names_every_layer_in_order(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    set(&fixture->topic, "retention.ms", "1000");
    set(&fixture->broker, "log.retention.ms", "5000000");
    set(&fixture->all_brokers, "log.retention.ms", "6000000");
    const struct config_entry *entry = describe(fixture, "retention.ms");
    const struct config_synonym expected[] = {
        {"retention.ms", "1000", CONFIG_SOURCE_TOPIC},
        {"log.retention.ms", "5000000", CONFIG_SOURCE_BROKER},
        {"log.retention.ms", "6000000", CONFIG_SOURCE_ALL_BROKERS},
        {"log.retention.hours", "168", CONFIG_SOURCE_DEFAULT},
    };
    assert_string_equal(entry->value, "1000");
    assert_int_equal(entry->source, CONFIG_SOURCE_TOPIC);
    assert_int_equal(entry->type, 5);
    assert_int_equal(entry->synonym_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(entry->synonyms[i].name, expected[i].name);
        assert_string_equal(entry->synonyms[i].value, expected[i].value);
        assert_int_equal(entry->synonyms[i].source, expected[i].source);
    }
}

static void a_value_is_described_in_the_unit_of_its_option(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    set(&fixture->file, "log.retention.hours", "1");
    const struct config_entry *entry = describe(fixture, "retention.ms");
    assert_string_equal(entry->value, "3600000");
    assert_string_equal(entry->synonyms[0].name, "log.retention.hours");
    assert_string_equal(entry->synonyms[0].value, "1");
    assert_int_equal(entry->source, CONFIG_SOURCE_FILE);
    assert_string_equal(describe(fixture, "segment.ms")->value, "604800000");
    assert_string_equal(describe(fixture, "cleanup.policy")->value, "delete");
}

static void an_option_without_a_value_is_described_as_null(void **state)
{
    struct fixture *fixture = (struct fixture *)*state;
    struct config_entry *entries;
    size_t count = config_describe_broker(&fixture->layers, &fixture->arena, &entries);
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        struct bytes name = bytes_from_string(entries[i].name);
        if (bytes_equal_string(name, "log.retention.ms")) {
            assert_null(entries[i].value);
            assert_false(entries[i].is_read_only);
            found++;
        } else if (bytes_equal_string(name, "num.partitions")) {
            assert_string_equal(entries[i].value, "1");
            assert_true(entries[i].is_read_only);
            found++;
        }
    }
    assert_int_equal(found, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_are_sound),
        cmocka_unit_test_setup_teardown(the_strongest_layer_decides, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(no_limit_stays_no_limit_in_every_unit, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(a_description_names_every_layer_in_order, open_fixture,
                                        close_fixture),
        cmocka_unit_test_setup_teardown(a_value_is_described_in_the_unit_of_its_option,
                                        open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(an_option_without_a_value_is_described_as_null,
                                        open_fixture, close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
