/* Shows the native nodes at work in whole plans: filter, branch, keys, counting behind a
 * repartition, formats at the outlet, and that a failed record leaves nothing behind. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "runtime/format/headers.h"
#include "runtime/operators/aggregate_node.h"
#include "runtime/operators/branch_node.h"
#include "runtime/operators/filter_node.h"
#include "runtime/operators/fold_count.h"
#include "runtime/operators/hook_node.h"
#include "runtime/operators/key_node.h"
#include "runtime/topology/late.h"
#include "runtime/topology/outlet.h"
#include "tests/unit/runtime/mill_driver.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

struct bench {
    struct topology *topology;
    struct report report;
    struct mill_driver driver;
    bool is_running;
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
    if (bench->is_running) {
        mill_driver_fini(&bench->driver);
    }
    topology_free(bench->topology);
    free(bench);
    return 0;
}

static struct judge make_judge(const char *text)
{
    struct predicate *predicate = NULL;
    struct report report = {{0}, {0}};
    assert_int_equal(predicate_new(text, NULL, &report, &predicate), 0);
    return judge_from_predicate(predicate);
}

static struct node *make_filter(void *owner, const char *name)
{
    return filter_node_new(name, make_judge(owner), false);
}

static struct node *make_inverted(void *owner, const char *name)
{
    return filter_node_new(name, make_judge(owner), true);
}

static struct node *make_branch(void *owner, const char *name)
{
    (void)owner;
    struct judge judges[] = {make_judge("$.n > 10"), make_judge("$.n > 5"), {0}};
    return branch_node_new(name, judges, 3);
}

static struct node *make_pass(void *owner, const char *name)
{
    (void)owner;
    return hook_node_new_pass(name);
}

static struct node *make_keys(void *owner, const char *name)
{
    return key_node_new(name, owner);
}

static struct node *make_count(void *owner, const char *name)
{
    return aggregate_node_new(name, owner, fold_count_new());
}

static struct node *make_outlet(void *owner, const char *name)
{
    return outlet_new(name, owner);
}

static int upper(void *owner, struct node *node, struct node_context *context,
                 struct record *record)
{
    (void)owner;
    if (bytes_equal_string(record->value, "bad")) {
        return node_fail(node, context, ERROR_INVALID, "process", "a bad value");
    }
    char *copy = arena_string(context->arena, record->value);
    for (size_t i = 0; i < record->value.size; i++) {
        copy[i] = (char)(copy[i] >= 'a' && copy[i] <= 'z' ? copy[i] - 32 : copy[i]);
    }
    record->value = bytes_make(copy, record->value.size);
    return record->value.size > 0;
}

static struct node *make_upper(void *owner, const char *name)
{
    (void)owner;
    return hook_node_new(name, &(struct hook_node){.on_record = upper});
}

static int add_source(struct bench *bench, const char *topic, const struct value_format *format)
{
    struct topology_source source = {.topics = &topic, .topic_count = 1, .value_format = format};
    int id = topology_add_source(bench->topology, &source, &bench->report);
    assert_true(id >= 0);
    return id;
}

static int add(struct bench *bench, int parent, struct topology_node node)
{
    node.parents = &parent;
    node.parent_count = 1;
    int id = topology_add_node(bench->topology, &node, &bench->report);
    assert_true(id >= 0);
    return id;
}

static int add_sink(struct bench *bench, int parent, struct outlet_options *options)
{
    return add(
        bench, parent,
        (struct topology_node){
            .kind = "to", .sink_topic = options->topic, .make = make_outlet, .owner = options});
}

static struct mill_driver *run(struct bench *bench)
{
    assert_int_equal(topology_finish(bench->topology, &bench->report), 0);
    mill_driver_init(&bench->driver, bench->topology);
    bench->is_running = true;
    return &bench->driver;
}

static void filters_let_through_what_their_condition_holds_for(void **state)
{
    struct bench *bench = *state;
    struct outlet_options yes = {.topic = "yes", .partition = -1};
    struct outlet_options no = {.topic = "no", .partition = 2};
    int source = add_source(bench, "in", VALUE_BYTES);
    char condition[] = "$.n > 1";
    add_sink(bench,
             add(bench, source,
                 (struct topology_node){.kind = "filter", .make = make_filter, .owner = condition}),
             &yes);
    add_sink(
        bench,
        add(bench, source,
            (struct topology_node){.kind = "filter", .make = make_inverted, .owner = condition}),
        &no);
    struct mill_driver *driver = run(bench);
    assert_int_equal(mill_driver_send(driver, "in", "a", "{\"n\":1}", 5), 0);
    assert_int_equal(mill_driver_send(driver, "in", "b", " {\"n\":2} ", 6), 0);
    assert_int_equal(mill_driver_send(driver, "in", NULL, NULL, 7), 0);
    assert_int_equal(mill_driver_send(driver, "in", "c", "{", 8), ERROR_MALFORMED);
    assert_string_equal(driver->context.error_kind, "decode");
    assert_string_equal(driver->context.error_node->name, "filter-1");
    assert_string_equal(mill_driver_text(driver, "yes"), "b= {\"n\":2} ");
    assert_string_equal(mill_driver_text(driver, "no"), "a={\"n\":1} -=-");
    assert_int_equal(mill_driver_last(driver, "yes")->timestamp_ms, 6);
    assert_int_equal(mill_driver_last(driver, "yes")->partition, -1);
    assert_int_equal(mill_driver_last(driver, "no")->partition, 2);
}

static void a_branch_takes_the_first_arm_that_fits(void **state)
{
    struct bench *bench = *state;
    struct outlet_options sinks[] = {{.topic = "big", .partition = -1},
                                     {.topic = "middle", .partition = -1},
                                     {.topic = "rest", .partition = -1}};
    int branch = add(bench, add_source(bench, "in", VALUE_JSON),
                     (struct topology_node){.kind = "branch", .make = make_branch});
    for (int i = 0; i < 3; i++) {
        int arm = add(bench, branch, (struct topology_node){.kind = "arm", .make = make_pass});
        add_sink(bench, arm, &sinks[i]);
    }
    struct mill_driver *driver = run(bench);
    assert_int_equal(mill_driver_send(driver, "in", "a", "{\"n\":11}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "in", "b", "{\"n\":7}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "in", "c", "{}", 1), 0);
    assert_string_equal(mill_driver_text(driver, "big"), "a={\"n\":11}");
    assert_string_equal(mill_driver_text(driver, "middle"), "b={\"n\":7}");
    assert_string_equal(mill_driver_text(driver, "rest"), "c={}");
}

static void keys_come_from_paths(void **state)
{
    struct bench *bench = *state;
    const char *one[] = {"$.a"};
    const char *two[] = {"$.a", "$.b"};
    struct key_node_options select = {.paths = one, .path_count = 1};
    struct key_node_options group = {.paths = two, .path_count = 2, .is_grouping = true};
    struct outlet_options selected = {.topic = "selected", .partition = -1};
    struct outlet_options grouped = {.topic = "grouped", .partition = -1};
    int first = add_source(bench, "one", VALUE_JSON);
    int second = add_source(bench, "two", VALUE_JSON);
    struct topology_node keys = {
        .kind = "select_key", .make = make_keys, .owner = &select, .changes_key = true};
    int id = add(bench, first, keys);
    assert_true(topology_key_is_changed(bench->topology, id));
    assert_false(topology_key_is_changed(bench->topology, first));
    add_sink(bench, id, &selected);
    keys.owner = &group;
    add_sink(bench, add(bench, second, keys), &grouped);
    struct mill_driver *driver = run(bench);
    assert_int_equal(mill_driver_send(driver, "one", "k", "{\"a\":\"x\\u0079\"}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "one", "k", "{\"a\":12}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "one", "k", "{}", 1), 0);
    assert_string_equal(mill_driver_text(driver, "selected"),
                        "xy={\"a\":\"x\\u0079\"} 12={\"a\":12} -={}");
    assert_int_equal(mill_driver_send(driver, "two", "k", "{\"a\":\"x\",\"b\":1.0}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "two", "k", "{\"a\":\"x\"}", 1), ERROR_INVALID);
    assert_non_null(strstr(driver->context.error_text, "$.b"));
    assert_int_equal(mill_driver_send(driver, "two", "k", NULL, 1), ERROR_INVALID);
    assert_string_equal(mill_driver_text(driver, "grouped"), "[\"x\",1.0]={\"a\":\"x\",\"b\":1.0}");
}

static void counting_goes_through_a_repartition_and_keeps_the_newest_time(void **state)
{
    struct bench *bench = *state;
    const char *paths[] = {"$.w"};
    char store[] = "words";
    const char *const stores[] = {"words"};
    struct key_node_options options = {.paths = paths, .path_count = 1, .is_grouping = true};
    struct outlet_options sink = {.topic = "counts", .partition = -1};
    int source = add_source(bench, "in", VALUE_JSON);
    int keyed =
        add(bench, source,
            (struct topology_node){
                .kind = "group_by", .make = make_keys, .owner = &options, .changes_key = true});
    int again =
        topology_add_repartition(bench->topology, keyed, "by-word", 0, NULL, &bench->report);
    assert_true(again >= 0);
    assert_false(topology_key_is_changed(bench->topology, again));
    assert_int_equal(topology_add_store(bench->topology,
                                        &(struct topology_store){.name = "words",
                                                                 .has_changelog = true,
                                                                 .value_format = VALUE_JSON},
                                        &bench->report),
                     0);
    int count = add(bench, again,
                    (struct topology_node){.kind = "count",
                                           .name = "words",
                                           .stores = stores,
                                           .store_count = 1,
                                           .is_keyed = true,
                                           .make = make_count,
                                           .owner = store});
    add_sink(bench, count, &sink);
    struct mill_driver *driver = run(bench);
    assert_int_equal(topology_part_count(bench->topology), 2);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "{\"w\":\"a\"}", 10), 0);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "{\"w\":\"b\"}", 30), 0);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "{\"w\":\"a\"}", 5), 0);
    assert_int_equal(driver->failures, 0);
    assert_string_equal(mill_driver_text(driver, "counts"), "a=1 b=1 a=2");
    assert_int_equal(mill_driver_last(driver, "counts")->timestamp_ms, 10);
    assert_int_equal(mill_driver_last(driver, "counts")->header_count, 0);
    struct bytes stored;
    assert_true(kv_get(mill_driver_store(driver, "words"), BYTES_LITERAL("a"), &stored));
    assert_true(bytes_equal_string(stored, "[10,2]"));
    assert_int_equal(
        kv_put(mill_driver_store(driver, "words"), BYTES_LITERAL("a"), BYTES_LITERAL("junk")), 0);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "{\"w\":\"a\"}", 5), 0);
    assert_int_equal(driver->failures, 1); /* behind the repartition */
}

static void headers_and_formats_survive_an_internal_topic(void **state)
{
    struct bench *bench = *state;
    int source = add_source(bench, "in", VALUE_TEXT);
    int again = topology_add_repartition(bench->topology, source, "r", 0, NULL, &bench->report);
    struct outlet_options sink = {
        .topic = "out", .partition = -1, .has_value_format = true, .value_format = VALUE_JSON};
    add_sink(bench, again, &sink);
    struct mill_driver *driver = run(bench);
    struct buffer headers;
    buffer_init(&headers);
    headers_append(&headers, BYTES_LITERAL("h"), BYTES_LITERAL("1"));
    struct record record = {.topic = "in",
                            .value = BYTES_LITERAL("a \"text\""),
                            .headers_encoded = buffer_bytes(&headers),
                            .header_count = 1};
    assert_int_equal(mill_driver_send_record(driver, &record), 0);
    assert_string_equal(mill_driver_text(driver, "out"), "-=\"a \\\"text\\\"\"");
    const struct record *last = mill_driver_last(driver, "out");
    assert_int_equal(last->header_count, 1);
    assert_true(bytes_equal(last->headers_encoded, buffer_bytes(&headers)));
    buffer_fini(&headers);
}

/* Puts a window on the key and tells that the key had "old". */
static int put_in_window(void *owner, struct node *node, struct node_context *context,
                         struct record *record)
{
    (void)owner;
    record->is_windowed = true;
    record->window_start_ms = 60000;
    record->window_end_ms = 120000;
    record->is_change = true;
    record->old_value = BYTES_LITERAL("old");
    struct late_window window = {.start_ms = 0, .end_ms = 60000, .time_ms = 70000};
    return record->timestamp_ms < 60000 ? late_emit(node, context, "late", record, &window) : 1;
}

static struct node *make_windowed(void *owner, const char *name)
{
    (void)owner;
    return hook_node_new(name, &(struct hook_node){.on_record = put_in_window});
}

static int see_the_change(void *owner, struct node *node, struct node_context *context,
                          struct record *record)
{
    (void)owner;
    (void)node;
    (void)context;
    assert_true(record->is_change);
    assert_true(bytes_equal_string(record->old_value, "old"));
    return 1;
}

static struct node *make_seeing(void *owner, const char *name)
{
    (void)owner;
    return hook_node_new(name, &(struct hook_node){.on_record = see_the_change});
}

static void windows_and_changes_survive_an_internal_topic(void **state)
{
    struct bench *bench = *state;
    struct outlet_options sink = {.topic = "out", .partition = -1};
    int windowed =
        add(bench, add_source(bench, "in", VALUE_TEXT),
            (struct topology_node){.kind = "window", .name = "w", .make = make_windowed});
    int again = topology_add_repartition(bench->topology, windowed, "r", 0, NULL, &bench->report);
    add_sink(bench, add(bench, again, (struct topology_node){.kind = "see", .make = make_seeing}),
             &sink);
    struct mill_driver *driver = run(bench);
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 60000), 0);
    assert_int_equal(mill_driver_send(driver, "in", "[\"a\",2]", "2", 60000), 0);
    assert_int_equal(mill_driver_send(driver, "in", "[", "3", 60000), 0);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "4", 60000), 0);
    assert_int_equal(driver->failures, 0);
    assert_string_equal(mill_driver_text(driver, "out"),
                        "[\"a\",60000,120000]=1 [[\"a\",2],60000,120000]=2 "
                        "[\"[\",60000,120000]=3 [null,60000,120000]=4");
    assert_int_equal(mill_driver_last(driver, "out")->header_count, 0);
    assert_int_equal(mill_driver_send(driver, "in", "\xff", "5", 60000), 0);
    assert_int_equal(driver->failures, 1);
}

static void late_records_say_what_they_missed(void **state)
{
    struct bench *bench = *state;
    struct outlet_options sink = {.topic = "out", .partition = -1};
    add_sink(bench,
             add(bench, add_source(bench, "in", VALUE_TEXT),
                 (struct topology_node){.kind = "window", .name = "w", .make = make_windowed}),
             &sink);
    struct mill_driver *driver = run(bench);
    assert_int_equal(mill_driver_send(driver, "in", "a", "1", 59999), 0);
    assert_int_equal(driver->context.late_count, 1);
    assert_string_equal(mill_driver_text(driver, "out"), "");
    assert_string_equal(mill_driver_text(driver, "late"), "a=1");
    const struct record *late = mill_driver_last(driver, "late");
    assert_int_equal(late->header_count, 3);
    const char *const expected[][2] = {{"tidemill.late.node", "w"},
                                       {"tidemill.late.window", "0,60000"},
                                       {"tidemill.late.time", "70000"}};
    for (size_t i = 0; i < 3; i++) {
        struct headers_entry entry;
        assert_int_equal(
            headers_find(late->headers_encoded, bytes_from_string(expected[i][0]), &entry), 1);
        assert_true(bytes_equal_string(entry.value, expected[i][1]));
    }
}

static void outlets_convert_values_and_take_keys(void **state)
{
    struct bench *bench = *state;
    struct outlet_options text = {.topic = "text",
                                  .partition = -1,
                                  .has_value_format = true,
                                  .value_format = VALUE_TEXT,
                                  .key_path = "$.id"};
    struct outlet_options plain = {
        .topic = "plain", .partition = -1, .has_value_format = true, .value_format = VALUE_TEXT};
    struct outlet_options json = {
        .topic = "json", .partition = -1, .has_value_format = true, .value_format = VALUE_JSON};
    add_sink(bench, add_source(bench, "a", VALUE_JSON), &text);
    add_sink(bench, add_source(bench, "b", VALUE_JSON), &plain);
    add_sink(bench, add_source(bench, "c", VALUE_BYTES), &json);
    struct mill_driver *driver = run(bench);
    assert_int_equal(mill_driver_send(driver, "a", "k", "{\"id\":7}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "a", "k", "{\"id\":null}", 1), 0);
    assert_int_equal(mill_driver_send(driver, "a", "k", "{}", 1), ERROR_INVALID);
    assert_string_equal(driver->context.error_kind, "encode");
    assert_string_equal(mill_driver_text(driver, "text"), "7={\"id\":7} -={\"id\":null}");
    assert_int_equal(mill_driver_send(driver, "b", "k", "\"a\\nb\"", 1), 0);
    assert_int_equal(mill_driver_send(driver, "b", "k", NULL, 1), 0);
    assert_string_equal(mill_driver_text(driver, "plain"), "k=a\nb k=-");
    assert_int_equal(mill_driver_send(driver, "c", "k", "\xff", 1), ERROR_MALFORMED);
    assert_string_equal(mill_driver_text(driver, "json"), "");
}

/* A format of one letter: 'a' says {"letter":"a"}. */
static int decode_count;

static int decode_letter(const struct value_format *format, struct bytes value, struct buffer *json,
                         struct report *report)
{
    (void)format;
    (void)report;
    decode_count++;
    buffer_printf(json, "{\"letter\":\"%.*s\"}", BYTES_FORMAT(value));
    return 0;
}

static void a_value_is_translated_once_for_all_nodes(void **state)
{
    static const struct value_ops ops = {.name = "letter", .decode = decode_letter};
    static const struct value_format letter = {&ops};
    struct bench *bench = *state;
    const char *paths[] = {"$.letter"};
    char condition[] = "$.letter != 'x'";
    struct key_node_options keys = {.paths = paths, .path_count = 1};
    struct outlet_options raw = {.topic = "raw", .partition = -1, .key_path = "$.letter"};
    struct outlet_options json = {
        .topic = "json", .partition = -1, .has_value_format = true, .value_format = VALUE_JSON};
    struct outlet_options again = {.topic = "again", .partition = -1};
    int source = add_source(bench, "in", &letter);
    int filtered =
        add(bench, source,
            (struct topology_node){.kind = "filter", .make = make_filter, .owner = condition});
    int keyed = add(bench, filtered,
                    (struct topology_node){
                        .kind = "key", .make = make_keys, .owner = &keys, .changes_key = true});
    add_sink(bench, keyed, &raw);
    add_sink(bench, keyed, &json);
    int behind = topology_add_repartition(bench->topology, keyed, "r", 0, NULL, &bench->report);
    add_sink(bench, behind, &again);
    struct mill_driver *driver = run(bench);
    decode_count = 0;
    assert_int_equal(mill_driver_send(driver, "in", NULL, "a", 1), 0);
    assert_int_equal(decode_count, 1);
    assert_int_equal(mill_driver_send(driver, "in", NULL, "b", 1), 0);
    assert_int_equal(decode_count, 2);
    assert_string_equal(mill_driver_text(driver, "raw"), "a=a b=b");
    assert_string_equal(mill_driver_text(driver, "json"),
                        "a={\"letter\":\"a\"} b={\"letter\":\"b\"}");
    assert_string_equal(mill_driver_text(driver, "again"),
                        "a={\"letter\":\"a\"} b={\"letter\":\"b\"}");
}

static void hooks_change_drop_and_refuse_without_touching_siblings(void **state)
{
    struct bench *bench = *state;
    struct outlet_options changed = {.topic = "changed", .partition = -1};
    struct outlet_options same = {.topic = "same", .partition = -1};
    int source = add_source(bench, "in", VALUE_TEXT);
    add_sink(bench, add(bench, source, (struct topology_node){.kind = "map", .make = make_upper}),
             &changed);
    add_sink(bench, source, &same);
    struct mill_driver *driver = run(bench);
    assert_int_equal(mill_driver_send(driver, "in", "k", "abc", 1), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "", 1), 0);
    assert_int_equal(mill_driver_send(driver, "in", "k", "bad", 1), ERROR_INVALID);
    assert_string_equal(mill_driver_text(driver, "changed"), "k=ABC");
    assert_string_equal(mill_driver_text(driver, "same"), "k=abc k=");
}

static void a_refused_emit_undoes_the_whole_record(void **state)
{
    struct bench *bench = *state;
    struct outlet_options first = {.topic = "first", .partition = -1};
    struct outlet_options second = {.topic = "second", .partition = -1};
    int source = add_source(bench, "in", VALUE_TEXT);
    add_sink(bench, source, &first);
    add_sink(bench, source, &second);
    struct mill_driver *driver = run(bench);
    driver->emit_limit = 1;
    assert_int_equal(mill_driver_send(driver, "in", "k", "v", 1), ERROR_NO_MEMORY);
    assert_string_equal(driver->context.error_kind, "emit");
    assert_non_null(strstr(driver->context.error_text, "second"));
    assert_string_equal(mill_driver_text(driver, "first"), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(filters_let_through_what_their_condition_holds_for),
        TEST(a_branch_takes_the_first_arm_that_fits),
        TEST(keys_come_from_paths),
        TEST(counting_goes_through_a_repartition_and_keeps_the_newest_time),
        TEST(headers_and_formats_survive_an_internal_topic),
        TEST(windows_and_changes_survive_an_internal_topic),
        TEST(late_records_say_what_they_missed),
        TEST(outlets_convert_values_and_take_keys),
        TEST(a_value_is_translated_once_for_all_nodes),
        TEST(hooks_change_drop_and_refuse_without_touching_siblings),
        TEST(a_refused_emit_undoes_the_whole_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
