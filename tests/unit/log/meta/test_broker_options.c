/* Shows that files made for Kafka are read: their syntax, their names, and what is wrong in them.
 */
#include "log/base/error.h"
#include "log/meta/broker_options.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

struct warnings {
    struct report last;
    int count;
};

static void remember(void *owner, const struct report *warning)
{
    struct warnings *warnings = (struct warnings *)owner;
    warnings->last = *warning;
    warnings->count++;
}

/* Where a file is put, as its readers do. */
struct target {
    struct map values;
    struct warnings warnings;
    struct report mistakes[4];
    int mistake_count;
};

static void put(void *owner, const char *name, const char *value, const char *place)
{
    struct target *target = owner;
    struct report mistake = {0};
    if (broker_options_put(&target->values, name, value, place, remember, &target->warnings,
                           &mistake) != 0) {
        assert_in_range(target->mistake_count, 0, 3);
        target->mistakes[target->mistake_count++] = mistake;
    }
}

static void read_file(struct target *target, const char *text, const char *file)
{
    *target = (struct target){0};
    map_init(&target->values);
    broker_options_read_properties(bytes_from_string(text), file, put, target);
}

static void files_of_kafka_are_read(void **state)
{
    (void)state;
    static const char text[] = "# a comment\n"
                               "! another\n"
                               "\n"
                               "broker.id=7\r\n"
                               "  log.dirs : /tmp/a\\ b \n"
                               "listeners=PLAINTEXT://:1,\\\n"
                               "    SSL://:2\n"
                               "num.partitions 4\n"
                               "num.partitions=5";
    struct target target;
    read_file(&target, text, "f");
    assert_int_equal(target.mistake_count, 0);
    assert_string_equal(map_find_string(&target.values, "node.id"), "7");
    assert_string_equal(map_find_string(&target.values, "log.dirs"), "/tmp/a b");
    assert_string_equal(map_find_string(&target.values, "listeners"), "PLAINTEXT://:1,SSL://:2");
    assert_string_equal(map_find_string(&target.values, "num.partitions"), "5");
    assert_int_equal(target.warnings.count, 0);
    map_fini(&target.values, free);
}

static void what_has_no_effect_is_told(void **state)
{
    (void)state;
    static const char *const pairs[][3] = {
        {"num.io.threads", "8", "num.io.threads has no effect here"},
        {"sasl.enabled.mechanisms", "PLAIN", "sasl.enabled.mechanisms has no effect here: there"},
        {"listener.name.client.ssl.key.password", "x", "there is no TLS and no SASL"},
        {"super.users", "User:a", "super.users has no effect here: there are no ACLs"},
        {"zookeeper.connect", "z:2181", "there is no ZooKeeper"},
        {"allow.everyone.if.no.acl.found", "true", "there are no ACLs"},
        {"metrics.num.samples", "2", "metrics are on /metrics of --http"},
        {"quota.producer.default", "1024", "use 'tidemill quota set' with producer_byte_rate"},
        {"leader.imbalance.check.interval.seconds", "300", "a single node leads everything"},
        {"port", "9092", "use listeners, like PLAINTEXT://:9092"},
        {"retention.ms", "1000",
         "an option of topics; for all that have none of their own set log.retention.ms"},
        {"share.coordinator.state.topic.replication.factor", "1", "has no effect here"},
        {"share.coordinator.state.topic.min.isr", "1", "has no effect here"},
        {"authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
         "whoever can connect may do everything"},
        {"log.dirs", "/a,/b", "only the first of several directories is used, /a"},
        {"log.dirs", "/a", NULL},
        {"default.replication.factor", "3", "a single node keeps one copy of each topic, not 3"},
        {"default.replication.factor", "1", NULL},
        {"num.partitions", "4", NULL}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct map values;
        struct warnings warnings = {0};
        map_init(&values);
        assert_int_equal(broker_options_put(&values, pairs[i][0], pairs[i][1], "here", remember,
                                            &warnings, NULL),
                         0);
        assert_int_equal(warnings.count, pairs[i][2] != NULL);
        if (pairs[i][2] != NULL) {
            assert_non_null(strstr(warnings.last.text, pairs[i][2]));
        }
        assert_int_equal(values.size, 1);
        map_fini(&values, free);
    }
}

static void what_nobody_misses_is_moot(void **state)
{
    (void)state;
    assert_true(broker_options_is_moot("num.io.threads"));
    assert_true(broker_options_is_moot("controller.quorum.voters"));
    assert_false(broker_options_is_moot("authorizer.class.name"));
    assert_false(broker_options_is_moot("super.users"));
    assert_false(broker_options_is_moot("num.partitions"));
    assert_false(broker_options_is_moot("num.partitons"));
}

/* What Kafka's broker described of itself, and what files of older ones and of containers set. */
static void no_common_name_is_told_as_unknown(void **state)
{
    (void)state;
    static const char *const names[] = {
#include "tests/unit/log/meta/kafka_names.def"
    };
    struct target target;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct option_row *row = broker_options_find(names[i]);
        read_file(&target, row == NULL ? names[i] : "", "f");
        assert_int_equal(target.mistake_count, 0);
        assert_int_equal(target.warnings.count, row == NULL);
        if (row == NULL && strstr(target.warnings.last.text, " has no effect here: ") == NULL) {
            fail_msg("%s: %s", names[i], target.warnings.last.text);
        }
        map_fini(&target.values, free);
    }
}

static void what_begins_alike_is_not_taken_for_it(void **state)
{
    (void)state;
    static const char *const names[] = {"ports", "super.users.x", "metric.reportersx", "sasl",
                                        "portcullis"};
    struct target target;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        read_file(&target, names[i], "f");
        assert_non_null(strstr(target.warnings.last.text, "unknown option"));
        map_fini(&target.values, free);
    }
}

static void an_unknown_name_is_kept_with_a_warning(void **state)
{
    (void)state;
    struct target target;
    read_file(&target, "\nnum.partition=4\n", "server.properties");
    assert_int_equal(target.mistake_count, 0);
    assert_int_equal(target.warnings.count, 1);
    assert_string_equal(target.warnings.last.place, "server.properties:2");
    assert_string_equal(target.warnings.last.text, "unknown option 'num.partition'; did you mean "
                                                   "'num.partitions'?; it has no effect");
    assert_string_equal(map_find_string(&target.values, "num.partition"), "4");
    map_fini(&target.values, free);
}

static void each_bad_value_is_refused_with_its_place(void **state)
{
    (void)state;
    struct target target;
    read_file(&target, "node.id=1\nlog.segment.bytes=5\nnum.\\\npartitions=x\nport=1\nnode.id=2",
              "server.properties");
    assert_int_equal(target.mistake_count, 2);
    assert_string_equal(target.mistakes[0].place, "server.properties:2");
    assert_string_equal(target.mistakes[0].text,
                        "log.segment.bytes: 5 is below its minimum 1048576");
    assert_string_equal(target.mistakes[1].place, "server.properties:3");
    assert_string_equal(target.mistakes[1].text, "num.partitions: 'x' is not a whole number");
    assert_string_equal(map_find_string(&target.values, "node.id"), "2");
    map_fini(&target.values, free);
}

static void variables_of_containers_become_names(void **state)
{
    (void)state;
    struct buffer name;
    buffer_init(&name);
    assert_true(broker_options_from_variable("KAFKA_LOG_DIRS", &name));
    assert_string_equal(buffer_string(&name), "log.dirs");
    buffer_clear(&name);
    assert_true(broker_options_from_variable("KAFKA_A__B___C", &name));
    assert_string_equal(buffer_string(&name), "a_b-c");
    assert_false(broker_options_from_variable("HOME", &name));
    buffer_fini(&name);
}

static void the_first_directory_is_taken(void **state)
{
    (void)state;
    struct broker_options options;
    size_t size = 0;
    broker_options_init(&options);
    assert_string_equal(broker_options_data_dir(&options, &size), "./tidemill-data");
    assert_int_equal(option_parse(broker_options_find("log.dirs"), "/a,/b", &options, NULL), 0);
    assert_memory_equal(broker_options_data_dir(&options, &size), "/a", 2);
    assert_int_equal(size, 2);
    broker_options_fini(&options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_kafka_are_read),
        cmocka_unit_test(what_has_no_effect_is_told),
        cmocka_unit_test(what_nobody_misses_is_moot),
        cmocka_unit_test(no_common_name_is_told_as_unknown),
        cmocka_unit_test(what_begins_alike_is_not_taken_for_it),
        cmocka_unit_test(an_unknown_name_is_kept_with_a_warning),
        cmocka_unit_test(each_bad_value_is_refused_with_its_place),
        cmocka_unit_test(variables_of_containers_become_names),
        cmocka_unit_test(the_first_directory_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
