/* Shows how plans are judged and cut: by connection and shared stores, named and numbered
 * independently of the order of building, with sentences for what is wrong. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/topology/topology_instance.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

struct bench {
    struct topology *topology;
    struct report report;
};

static int set_up(void **state)
{
    struct bench *bench = memory_new(struct bench);
    bench->topology = topology_new("app");
    *state = bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    topology_free(bench->topology);
    free(bench);
    return 0;
}

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

static int try_source(struct bench *bench, const char *topic, const char *name)
{
    struct topology_source source = {
        .name = name, .topics = &topic, .topic_count = 1, .place = "app.lua:1"};
    return topology_add_source(bench->topology, &source, &bench->report);
}

static int add_source(struct bench *bench, const char *topic)
{
    int id = try_source(bench, topic, NULL);
    assert_true(id >= 0);
    return id;
}

static int try_node(struct bench *bench, int parent, const char *name, const char *store,
                    bool changes_key)
{
    struct topology_node node = {.name = name,
                                 .kind = "process",
                                 .place = "app.lua:7",
                                 .parents = &parent,
                                 .parent_count = 1,
                                 .stores = &store,
                                 .store_count = store != NULL,
                                 .is_keyed = store != NULL,
                                 .changes_key = changes_key,
                                 .make = make_pass};
    return topology_add_node(bench->topology, &node, &bench->report);
}

static int add_node(struct bench *bench, int parent, const char *name, const char *store)
{
    int id = try_node(bench, parent, name, store, false);
    assert_true(id >= 0);
    return id;
}

static void add_store(struct bench *bench, const char *name)
{
    struct topology_store store = {.name = name, .has_changelog = true};
    assert_int_equal(topology_add_store(bench->topology, &store, &bench->report), 0);
}

static void expect_refused(struct bench *bench, int result, const char *words)
{
    assert_int_equal(result, ERROR_INVALID);
    if (strstr(bench->report.text, words) == NULL) {
        fail_msg("'%s' says nothing of '%s'", bench->report.text, words);
    }
}

static void finish(struct bench *bench)
{
    assert_int_equal(topology_finish(bench->topology, &bench->report), 0);
    topology_check(bench->topology);
}

static void streams_that_do_not_meet_are_parts_of_their_own(void **state)
{
    struct bench *bench = *state;
    add_node(bench, add_source(bench, "b"), NULL, NULL);
    add_node(bench, add_source(bench, "a"), NULL, NULL);
    finish(bench);
    assert_int_equal(topology_part_count(bench->topology), 2);
    assert_string_equal(topology_part_at(bench->topology, 0)->name, "a");
    assert_string_equal(topology_part_at(bench->topology, 1)->name, "b");
}

static void a_shared_store_makes_one_part(void **state)
{
    struct bench *bench = *state;
    add_store(bench, "shared");
    add_store(bench, "shared"); /* the same again is fine */
    add_node(bench, add_source(bench, "b"), "one", "shared");
    add_node(bench, add_source(bench, "a"), "two", "shared");
    add_node(bench, add_source(bench, "c"), NULL, NULL);
    finish(bench);
    assert_int_equal(topology_part_count(bench->topology), 2);
    const struct topology_part *part = topology_part_at(bench->topology, 0);
    assert_string_equal(part->name, "a");
    assert_int_equal(part->topic_count, 2);
    assert_string_equal(part->topics[1], "b");
    assert_int_equal(part->store_count, 1);
    assert_int_equal(part->copartitioned_count, 2);
    assert_string_equal(part->copartitioned[0], "a");
    assert_int_equal(topology_part_at(bench->topology, 1)->copartitioned_count, 0);
    assert_ptr_equal(topology_part_find(bench->topology, part->id), part);
}

static void parts_do_not_depend_on_the_order_of_building(void **state)
{
    struct bench *bench = *state;
    const char *const topics[] = {"z", "m", "a"};
    for (int i = 0; i < 3; i++) {
        add_node(bench, add_source(bench, topics[i]), NULL, NULL);
    }
    finish(bench);
    struct bench other = {.topology = topology_new("app")};
    add_node(&other, add_source(&other, "extra"), NULL, NULL);
    for (int i = 2; i >= 0; i--) {
        add_node(&other, add_source(&other, topics[i]), NULL, NULL);
    }
    finish(&other);
    for (size_t i = 0; i < 3; i++) {
        const struct topology_part *part = topology_part_at(bench->topology, i);
        const struct topology_part *again = topology_part_find(other.topology, part->id);
        assert_non_null(again);
        assert_string_equal(again->name, part->name);
    }
    topology_free(other.topology);
}

static void a_repartition_cuts_and_makes_its_topic(void **state)
{
    struct bench *bench = *state;
    add_store(bench, "s");
    int changed = try_node(bench, add_source(bench, "in"), NULL, NULL, true);
    int again = topology_add_repartition(bench->topology, changed, "by-x", 6, NULL, &bench->report);
    assert_true(again >= 0);
    add_node(bench, again, "keeper", "s");
    finish(bench);
    assert_int_equal(topology_part_count(bench->topology), 2);
    const struct topology_part *part = topology_part_at(bench->topology, 0);
    assert_string_equal(part->name, "by-x-repartition");
    assert_string_equal(part->internal_topics[0], "app-by-x-repartition");
    assert_int_equal(topology_topic_count(bench->topology), 1);
    assert_int_equal(topology_topic_at(bench->topology, 0)->partitions, 6);
    assert_true(topology_topic_at(bench->topology, 0)->is_internal);
    struct buffer text;
    buffer_init(&text);
    topology_changelog_name(bench->topology, "s", &text);
    assert_string_equal(buffer_string(&text), "app-s-changelog");
    buffer_clear(&text);
    topology_describe(bench->topology, &text);
    assert_non_null(strstr(buffer_string(&text), "part by-x-repartition"));
    assert_non_null(strstr(buffer_string(&text), "keeper (process) <- by-x-repartition stores s"));
    assert_non_null(strstr(buffer_string(&text), "topic app-by-x-repartition (internal)"));
    buffer_fini(&text);
}

static void a_keyed_store_behind_a_changed_key_is_refused(void **state)
{
    struct bench *bench = *state;
    add_store(bench, "s");
    int changed = try_node(bench, add_source(bench, "in"), NULL, NULL, true);
    add_node(bench, add_node(bench, changed, NULL, NULL), "keeper", "s");
    expect_refused(bench, topology_finish(bench->topology, &bench->report), "repartition");
    assert_string_equal(bench->report.place, "app.lua:7");
}

static void wrong_plans_are_refused_with_a_sentence(void **state)
{
    struct bench *bench = *state;
    int source = add_source(bench, "in");
    add_store(bench, "s");
    expect_refused(bench, try_node(bench, source, NULL, "s", false), "needs a name");
    bench->report = (struct report){{0}, {0}};
    expect_refused(bench, try_node(bench, source, "n", "missing", false), "not declared");
    bench->report = (struct report){{0}, {0}};
    expect_refused(bench, try_source(bench, "in", "other"), "read twice");
    assert_string_equal(bench->report.place, "app.lua:1");
    bench->report = (struct report){{0}, {0}};
    expect_refused(bench, try_source(bench, "no spaces", NULL), "letters");
    bench->report = (struct report){{0}, {0}};
    expect_refused(bench, try_source(bench, "", NULL), "cannot be the name");
    bench->report = (struct report){{0}, {0}};
    add_node(bench, source, "same", NULL);
    expect_refused(bench, try_node(bench, source, "same", NULL, false), "is taken");
    bench->report = (struct report){{0}, {0}};
    struct topology_store store = {.name = "s", .kind = TOPOLOGY_STORE_MEMORY};
    expect_refused(bench, topology_add_store(bench->topology, &store, &bench->report),
                   "differently");
    bench->report = (struct report){{0}, {0}};
    store.name = "a/b";
    expect_refused(bench, topology_add_store(bench->topology, &store, &bench->report), "'/'");
    bench->report = (struct report){{0}, {0}};
    const char *topic = "timed";
    struct topology_source timed = {.topics = &topic, .topic_count = 1, .time_path = "ts"};
    expect_refused(bench, topology_add_source(bench->topology, &timed, &bench->report),
                   "not a path");
}

static void different_fixed_counts_that_meet_are_refused(void **state)
{
    struct bench *bench = *state;
    const char *const names[] = {"a", "b"};
    add_store(bench, "s");
    for (int i = 0; i < 2; i++) {
        struct topology_topic topic = {.name = names[i], .partitions = 3 + i};
        assert_int_equal(topology_add_topic(bench->topology, &topic, &bench->report), 0);
        add_node(bench, add_source(bench, names[i]), i == 0 ? "one" : "two", "s");
    }
    expect_refused(bench, topology_finish(bench->topology, &bench->report),
                   "same number of partitions");
}

static void an_owner_is_freed_once_also_when_its_node_is_refused(void **state)
{
    struct bench *bench = *state;
    int source = add_source(bench, "in");
    struct topology_node node = {.kind = "process",
                                 .name = "in", /* taken */
                                 .parents = &source,
                                 .parent_count = 1,
                                 .make = make_pass,
                                 .owner = memory_string("owned"),
                                 .free_owner = free};
    expect_refused(bench, topology_add_node(bench->topology, &node, &bench->report), "taken");
    node.name = "fresh";
    node.owner = memory_string("owned");
    assert_true(topology_add_node(bench->topology, &node, &bench->report) >= 0);
}

static void a_pattern_of_topics_is_refused(void **state)
{
    struct bench *bench = *state;
    static const char *const topics[] = {"logs.app", "logs.*"};
    struct topology_source source = {
        .topics = topics, .topic_count = 2, .place = "app.lua:3", .value_format = VALUE_TEXT};
    expect_refused(bench, topology_add_source(bench->topology, &source, &bench->report),
                   "'logs.*' is a pattern");
    assert_string_equal(bench->report.place, "app.lua:3");
}

static void a_record_enters_at_the_source_of_its_topic(void **state)
{
    struct bench *bench = *state;
    add_store(bench, "s");
    add_node(bench, add_source(bench, "logs.db"), "one", "s");
    add_node(bench, add_source(bench, "logs.app"), "two", "s");
    finish(bench);
    struct topology_instance *instance =
        topology_instance_new(bench->topology, topology_part_at(bench->topology, 0));
    assert_string_equal(topology_instance_source(instance, "logs.app")->name, "logs.app");
    assert_string_equal(topology_instance_source(instance, "logs.db")->name, "logs.db");
    assert_null(topology_instance_source(instance, "other"));
    topology_instance_free(instance);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(streams_that_do_not_meet_are_parts_of_their_own),
        TEST(a_shared_store_makes_one_part),
        TEST(parts_do_not_depend_on_the_order_of_building),
        TEST(a_repartition_cuts_and_makes_its_topic),
        TEST(a_keyed_store_behind_a_changed_key_is_refused),
        TEST(wrong_plans_are_refused_with_a_sentence),
        TEST(different_fixed_counts_that_meet_are_refused),
        TEST(an_owner_is_freed_once_also_when_its_node_is_refused),
        TEST(a_pattern_of_topics_is_refused),
        TEST(a_record_enters_at_the_source_of_its_topic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
