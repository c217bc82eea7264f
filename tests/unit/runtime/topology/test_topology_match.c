/* Shows which topics a stream by pattern reads, that what others own is out of its reach, and that
 * nothing about parts and stores depends on what there is. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/topology/topic_pattern.h"
#include "runtime/topology/topology_diff.h"
#include "runtime/topology/topology_instance.h"
#include "runtime/topology/topology_match.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int pass_process(struct node *node, struct node_context *context,
                        const struct record *record)
{
    return node_forward(node, context, record);
}

static void pass_free(struct node *node)
{
    node_fini(node);
    free(node);
}

static const struct node_ops pass_ops = {.process = pass_process, .free = pass_free};

static struct node *make_pass(void *owner, const char *name)
{
    (void)owner;
    struct node *node = memory_new(struct node);
    node_init(node, &pass_ops, name);
    return node;
}

static int add(struct topology *topology, const char *topic, const char *pattern,
               struct report *report)
{
    struct topology_source source = {.topics = &topic,
                                     .topic_count = topic != NULL,
                                     .pattern = pattern,
                                     .place = "app.lua:3",
                                     .value_format = VALUE_TEXT};
    return topology_add_source(topology, &source, report);
}

/* Two streams by pattern, one by name; a store, outputs, a declared topic, dead letters. */
static struct topology *make_logs(void)
{
    struct report report = {0};
    const char *store = "seen";
    struct topology *topology = topology_new("app");
    struct topology_topic made = {.name = "logs-made", .retention_ms = -1};
    struct topology_store seen = {.name = store, .value_format = VALUE_JSON};
    int logs = add(topology, NULL, "logs-.*", &report);
    assert_int_equal(logs, 0);
    assert_int_equal(topology_add_store(topology, &seen, &report), 0);
    struct topology_node keep = {.name = "keep",
                                 .kind = "process",
                                 .parents = &logs,
                                 .parent_count = 1,
                                 .stores = &store,
                                 .store_count = 1,
                                 .is_keyed = true,
                                 .sink_topic = "logs-out",
                                 .late_topic = "logs-late",
                                 .make = make_pass};
    assert_true(topology_add_node(topology, &keep, &report) > 0);
    assert_true(add(topology, "logs-named", NULL, &report) > 0);
    assert_true(add(topology, NULL, "(?i).*s-[0-9]+", &report) > 0);
    assert_int_equal(topology_add_topic(topology, &made, &report), 0);
    topology_set_errors(topology, &(struct topology_errors){.topic = "logs-dead"});
    assert_int_equal(topology_finish(topology, &report), 0);
    return topology;
}

static void apply(struct topology *topology, const char *const *names, size_t count)
{
    struct report report = {0};
    if (topology_match_apply(topology, names, count, &report) != 0) {
        fail_msg("%s", report.text);
    }
    assert_true(topology_match_is_same(topology, names, count));
}

/* "part: topic topic; ..." */
static void expect_parts(const struct topology *topology, const char *wanted)
{
    struct buffer out;
    buffer_init(&out);
    for (size_t i = 0; i < topology_part_count(topology); i++) {
        const struct topology_part *part = topology_part_at(topology, i);
        buffer_printf(&out, "%s%s:", i == 0 ? "" : "; ", part->name);
        for (size_t j = 0; j < part->topic_count; j++) {
            buffer_printf(&out, " %s", part->topics[j]);
        }
    }
    assert_string_equal(buffer_string(&out), wanted);
    buffer_fini(&out);
}

static void a_pattern_reads_all_that_match_and_a_topic_has_one_reader(void **state)
{
    (void)state;
    struct topology *topology = make_logs();
    const char *const names[] = {"logs-b", "Jobs-7",  "logs-a", "xlogs-a",
                                 "logs-1", "logs-x7", "logs-",  "jobs-7b"};
    expect_parts(topology, "(?i).*s-[0-9]+:; logs-.*:; logs-named: logs-named");
    apply(topology, names, sizeof names / sizeof *names);
    expect_parts(topology, "(?i).*s-[0-9]+: Jobs-7; logs-.*: logs- logs-1 logs-a logs-b logs-x7; "
                           "logs-named: logs-named");
    topology_check(topology);
    topology_free(topology);
}

static void what_others_own_is_out_of_reach(void **state)
{
    (void)state;
    struct topology *topology = make_logs();
    const char *const names[] = {"__logs-1",   "logs-n-changelog", "logs-n-repartition",
                                 "logs-named", "logs-made",        "logs-out",
                                 "logs-late",  "logs-dead",        "logs-fine"};
    apply(topology, names, sizeof names / sizeof *names);
    expect_parts(topology, "(?i).*s-[0-9]+:; logs-.*: logs-fine; logs-named: logs-named");
    topology_free(topology);
}

static void parts_and_stores_stay_whatever_comes_and_goes(void **state)
{
    (void)state;
    struct topology *topology = make_logs();
    struct topology *other = make_logs();
    const char *const few[] = {"logs-b"};
    const char *const many[] = {"logs-c", "logs-a", "logs-b"};
    const char *const turned[] = {"logs-b", "logs-c", "logs-a"};
    uint32_t id = topology_part_at(topology, 1)->id;
    apply(topology, few, 1);
    assert_false(topology_match_is_same(topology, many, 3));
    assert_false(topology_match_is_same(topology, NULL, 0));
    apply(topology, many, 3);
    assert_true(topology_match_is_same(topology, turned, 3));
    assert_false(topology_match_is_same(topology, few, 1));
    assert_int_equal(topology_part_at(topology, 1)->id, id);
    assert_int_equal(topology_part_at(topology, 1)->store_count, 1);
    apply(other, turned, 3);
    expect_parts(other, "(?i).*s-[0-9]+:; logs-.*: logs-a logs-b logs-c; logs-named: logs-named");
    struct topology_instance *instance =
        topology_instance_new(topology, topology_part_at(topology, 1));
    assert_string_equal(topology_instance_source(instance, "logs-c")->name, "logs-.*");
    assert_null(topology_instance_source(instance, "logs-d"));
    topology_instance_free(instance);
    apply(topology, NULL, 0);
    assert_int_equal(topology_part_at(topology, 1)->topic_count, 0);
    topology_free(other);
    topology_free(topology);
}

static void print_change(void *owner, const struct topology_change *change)
{
    buffer_printf(owner, "%s %s, ", change->name, topology_fate_name(change->fate));
}

static void a_new_version_keeps_its_patterns(void **state)
{
    (void)state;
    struct topology *from = make_logs();
    struct topology *to = make_logs(); /* nobody told it what there is */
    const char *const names[] = {"logs-a"};
    struct buffer out;
    buffer_init(&out);
    apply(from, names, 1);
    topology_diff(from, to, print_change, &out);
    assert_string_equal(buffer_string(&out), "(?i).*s-[0-9]+ kept, logs-.* kept, logs-named kept, "
                                             "seen kept, ");
    buffer_clear(&out);
    topology_describe(to, &out);
    assert_non_null(strstr(buffer_string(&out), "reads all that match logs-.*\n"));
    buffer_fini(&out);
    topology_free(to);
    topology_free(from);
}

static void what_is_no_pattern_is_refused_with_its_place(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        const char *pattern;
        const char *words;
    } rows[] = {
        {NULL, "logs-(", "'logs-(' is no pattern of topics: "},
        {NULL, "*.logs", "missing argument to repetition operator: `*`; it is written as RE2"},
        {NULL, "(?=logs)", "invalid or unsupported Perl syntax"},
        {"in", "logs", "the pattern 'logs' can be read by a stream alone, and by itself"},
        {NULL, "twice", "the name 'twice' is taken by the source at app.lua:3"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct report report = {0};
        struct topology *topology = topology_new("app");
        assert_int_equal(add(topology, NULL, "twice", &report), 0);
        assert_int_equal(add(topology, rows[i].topic, rows[i].pattern, &report), ERROR_INVALID);
        if (strstr(report.text, rows[i].words) == NULL) {
            fail_msg("'%s' instead of '%s'", report.text, rows[i].words);
        }
        assert_string_equal(report.place, "app.lua:3");
        topology_free(topology);
    }
}

static void too_many_topics_are_refused(void **state)
{
    (void)state;
    enum { COUNT = TOPIC_PATTERN_COUNT_MAX + 1, SIZE = 16 };
    struct topology *topology = make_logs();
    struct report report = {0};
    char *texts = memory_zero(COUNT, SIZE);
    const char **names = memory_zero(COUNT, sizeof *names);
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts + i * SIZE, SIZE, "logs-%d", i);
        names[i] = texts + i * SIZE;
    }
    assert_int_equal(topology_match_apply(topology, names, COUNT, &report), ERROR_INVALID);
    assert_string_equal(report.text, "1001 topics match 'logs-.*' and a stream reads 1000 at most: "
                                     "narrow the pattern");
    assert_int_equal(topology_part_at(topology, 1)->topic_count, 0);
    apply(topology, names, COUNT - 1);
    free(names);
    free(texts);
    topology_free(topology);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_reads_all_that_match_and_a_topic_has_one_reader),
        cmocka_unit_test(what_others_own_is_out_of_reach),
        cmocka_unit_test(parts_and_stores_stay_whatever_comes_and_goes),
        cmocka_unit_test(a_new_version_keeps_its_patterns),
        cmocka_unit_test(what_is_no_pattern_is_refused_with_its_place),
        cmocka_unit_test(too_many_topics_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
