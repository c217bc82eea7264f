/* Shows what becomes of each input and store when a plan takes the place of another. */
#include "log/base/memory.h"
#include "runtime/topology/topology_diff.h"
#include "tests/unit/unit.h"

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

/* One step with one store on one topic. */
struct step {
    const char *topic;
    const char *layout;
    struct topology_store store;
};

static struct topology *make(const struct step *steps, size_t count)
{
    struct report report = {0};
    struct topology *topology = topology_new("app");
    for (size_t i = 0; i < count; i++) {
        const struct step *step = &steps[i];
        struct topology_source source = {
            .topics = &step->topic, .topic_count = 1, .is_global = step->store.is_global};
        int parent = topology_add_source(topology, &source, &report);
        assert_true(parent >= 0);
        assert_int_equal(topology_add_store(topology, &step->store, &report), 0);
        struct topology_node node = {.name = step->store.name,
                                     .kind = "process",
                                     .parents = &parent,
                                     .parent_count = 1,
                                     .stores = &step->store.name,
                                     .store_count = 1,
                                     .is_keyed = true,
                                     .layout = step->layout,
                                     .make = make_pass};
        assert_true(topology_add_node(topology, &node, &report) >= 0);
    }
    assert_int_equal(topology_finish(topology, &report), 0);
    return topology;
}

static void print_change(void *owner, const struct topology_change *change)
{
    struct buffer *out = owner;
    buffer_printf(out, "%s%s %s%s", out->size == 0 ? "" : ", ", change->name,
                  topology_fate_name(change->fate), change->is_store ? "!" : "");
    if (change->why[0] != 0) {
        buffer_printf(out, " (%s)", change->why);
    }
}

static void expect(const struct step *from, size_t from_count, const struct step *to,
                   size_t to_count, const char *wanted)
{
    struct topology *old = make(from, from_count);
    struct topology *new = make(to, to_count);
    struct buffer out;
    buffer_init(&out);
    topology_diff(old, new, print_change, &out);
    assert_string_equal(buffer_string(&out), wanted);
    buffer_fini(&out);
    topology_free(old);
    topology_free(new);
}

static struct step make_step(const char *topic, const char *store)
{
    return (struct step){
        .topic = topic,
        .store = {.name = store, .has_changelog = true, .value_format = VALUE_JSON}};
}

static void the_same_plan_keeps_all(void **state)
{
    (void)state;
    struct step steps[] = {make_step("b", "n"), make_step("a", "m")};
    expect(steps, 2, steps, 2, "a kept, b kept, m kept!, n kept!");
}

static void what_comes_and_goes_is_told(void **state)
{
    (void)state;
    struct step from[] = {make_step("a", "m"), make_step("b", "n")};
    struct step to[] = {make_step("b", "n"), make_step("c", "o")};
    expect(from, 2, to, 2, "a unused, b kept, c new, m unused!, n kept!, o new!");
}

static void a_store_that_moves_is_restored(void **state)
{
    (void)state;
    struct step from = make_step("a", "n");
    struct step to = make_step("b", "n");
    expect(&from, 1, &to, 1, "a unused, b new, n restored! (another part of the plan keeps it)");
    to = make_step("a", "n");
    to.store.kind = TOPOLOGY_STORE_MEMORY;
    expect(&from, 1, &to, 1, "a kept, n restored! (its kind)");
    to.store.has_changelog = false;
    expect(&from, 1, &to, 1, "a kept, n new! (its kind, and it has no changelog)");
}

static void what_cannot_be_read_is_refused(void **state)
{
    (void)state;
    struct step from = make_step("a", "n");
    struct step to = make_step("a", "n");
    to.store.value_format = VALUE_TEXT;
    expect(&from, 1, &to, 1,
           "a kept, n refused! (it holds json and would be used as text: give the store a new "
           "name)");
    to = make_step("a", "n");
    to.store.history_ms = 5;
    expect(&from, 1, &to, 1,
           "a kept, n refused! (it holds newest values alone and would be used as a history: give "
           "the store a new name)");
    to = make_step("a", "n");
    to.store.ttl_ms = 5;
    expect(&from, 1, &to, 1,
           "a kept, n refused! (it holds values that stay and would be used as values with a ttl: "
           "give the store a new name)");
    from.store.ttl_ms = 7;
    expect(&from, 1, &to, 1, "a kept, n kept!");
    from.store.ttl_ms = 0;
    to = make_step("a", "n");
    to.store.retention_ms = 5;
    expect(&from, 1, &to, 1,
           "a kept, n refused! (it holds values by key and would be used as values by window: "
           "give the store a new name)");
    from.store.retention_ms = 7;
    expect(&from, 1, &to, 1, "a kept, n kept!");
    from.store.has_sessions = true;
    expect(&from, 1, &to, 1,
           "a kept, n refused! (it holds values by session and would be used as values by window: "
           "give the store a new name)");
    from = make_step("a", "n");
    to = make_step("a", "n");
    to.layout = "counts";
    expect(&from, 1, &to, 1,
           "a kept, n refused! (it holds what functions put and would be used as counts: give the "
           "store a new name)");
    from.layout = "counts";
    expect(&from, 1, &to, 1, "a kept, n kept!");
}

static void values_of_older_versions_are_migrated(void **state)
{
    (void)state;
    struct step from = make_step("a", "n");
    struct step to = make_step("a", "n");
    from.store.version = 1; /* as when nothing is said */
    expect(&from, 1, &to, 1, "a kept, n kept!");
    to.store.version = 3;
    expect(&from, 1, &to, 1,
           "a kept, n migrated! (values of version 1 are migrated to 3 when they are read)");
    expect(&to, 1, &from, 1,
           "a kept, n refused! (its values may be of version 3 and would be read as version 1: "
           "keep the version and its migrate)");
    to.topic = "b";
    expect(&from, 1, &to, 1, "a unused, b new, n restored! (another part of the plan keeps it)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_plan_keeps_all),
        cmocka_unit_test(what_comes_and_goes_is_told),
        cmocka_unit_test(a_store_that_moves_is_restored),
        cmocka_unit_test(what_cannot_be_read_is_refused),
        cmocka_unit_test(values_of_older_versions_are_migrated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
