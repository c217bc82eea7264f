/* Shows what a scraper sees of topics, partitions, groups and requests, and that the page is
 * bounded and well formed. */
#include "tests/unit/log/server/node.h"

#include <ctype.h>

static void commit(struct node *node, const char *group, int64_t offset)
{
    struct offset_commit_request_partition partition = {
        .index = 0, .committed_offset = offset, .committed_leader_epoch = -1};
    struct offset_commit_request_topic topic = {.name = BYTES_LITERAL("t"),
                                                .partitions = {.items = &partition, .count = 1}};
    struct offset_commit_request request = {.group_id = node_text(group),
                                            .generation_id_or_member_epoch = -1,
                                            .topics = {.items = &topic, .count = 1}};
    const struct offset_commit_response *response = node_ask(node, API_OFFSET_COMMIT, 7, &request);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 0);
}

static void fill(struct node *node)
{
    node_make_topic(node, "t", 2, NULL);
    node_find_coordinator(node);
    node_produce(node, "t", 0, node_batch(node, 10, "x", node_wall_ms(node)));
    commit(node, "g", 4);
}

static void topics_and_groups_are_shown(void **state)
{
    struct node *node = *state;
    fill(node);
    assert_int_equal(node_metric(node, "kafka_topic_partitions{topic=\"t\"}"), 2);
    assert_int_equal(node_metric(node, "tidemill_topic_records_in_total{topic=\"t\"}"), 10);
    assert_true(node_metric(node, "tidemill_topic_bytes_in_total{topic=\"t\"}") > 61);
    assert_int_equal(
        node_metric(node, "kafka_topic_partition_current_offset{topic=\"t\",partition=\"0\"}"), 10);
    assert_int_equal(
        node_metric(node,
                    "kafka_consumergroup_lag{consumergroup=\"g\",topic=\"t\",partition=\"0\"}"),
        6);
    assert_int_equal(
        node_metric(node, "kafka_consumergroup_lag_sum{consumergroup=\"g\",topic=\"t\"}"), 6);
    commit(node, "g", 10);
    assert_int_equal(
        node_metric(node, "kafka_consumergroup_lag_sum{consumergroup=\"g\",topic=\"t\"}"), 0);
    assert_true(node_metric(node, "tidemill_request_duration_seconds_count{api=\"produce\"}") >= 1);
    assert_true(node_metric(node, "tidemill_connections_accepted_total") >= 1);
}

static const struct fetch_response *read_from(struct node *node, int64_t offset)
{
    struct fetch_request_partition partition = {
        .fetch_offset = offset, .partition_max_bytes = 1 << 20, .current_leader_epoch = -1};
    struct fetch_request_topic topic = {.name = BYTES_LITERAL("t"),
                                        .partitions = {.items = &partition, .count = 1}};
    struct fetch_request request = {.replica_id = -1,
                                    .max_bytes = 1 << 20,
                                    .session_epoch = -1,
                                    .topics = {.items = &topic, .count = 1}};
    return node_ask(node, API_FETCH, 11, &request);
}

/* Whole batches go out, and count from where the reader stands. */
static void what_is_read_counts(void **state)
{
    struct node *node = *state;
    fill(node);
    assert_int_equal(node_metric(node, "tidemill_topic_records_out_total{topic=\"t\"}"), 0);
    read_from(node, 4);
    assert_int_equal(node_metric(node, "tidemill_topic_records_out_total{topic=\"t\"}"), 6);
    assert_true(node_metric(node, "tidemill_topic_bytes_out_total{topic=\"t\"}") > 61);
}

static enum sim_verdict fail_first_partition(void *owner, const struct sim_call *call)
{
    (void)owner;
    return strstr(call->path, "/t-0/00000000000000000000.log") != NULL ? SIM_FAIL : SIM_GO_ON;
}

static void a_partition_that_is_not_served_is_counted(void **state)
{
    struct node *node = *state;
    fill(node);
    assert_int_equal(node_metric(node, "tidemill_offline_partitions"), 0);
    node_stop(node);
    sim_on_operation(node->sim, fail_first_partition, NULL);
    node->is_ready = node->is_stopped = false;
    node_start(node);
    assert_int_equal(node_metric(node, "tidemill_offline_partitions"), 1);
}

/* What is not read cannot be known; from the first look on it can. */
static void a_partition_with_damage_is_counted(void **state)
{
    struct node *node = *state;
    fill(node);
    node_stop(node);
    assert_true(sim_corrupt(node->sim, 0, "/data/t-0/00000000000000000000.log", 70, 3));
    node->is_ready = node->is_stopped = false;
    node_start(node);
    assert_int_equal(node_metric(node, "tidemill_damaged_partitions"), 0);
    assert_int_equal(broker_damaged_count(node->broker), 0);
    const struct fetch_response *response = read_from(node, 0);
    assert_int_equal(response->topics.items[0].partitions.items[0].error_code, 2);
    assert_int_equal(node_metric(node, "tidemill_damaged_partitions"), 1);
    assert_int_equal(broker_damaged_count(node->broker), 1);
    assert_int_equal(node_metric(node, "tidemill_offline_partitions"), 0); /* it goes on */
}

static int set_up_small(void **state)
{
    struct node *node = node_new();
    node_set(node, "metrics.series.max", "3");
    node_start(node);
    *state = node;
    return 0;
}

static void the_page_is_bounded(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 20, NULL);
    node_make_topic(node, "u", 20, NULL);
    struct buffer page;
    buffer_init(&page);
    broker_write_metrics(node->broker, &page);
    int count = 0;
    for (const char *at = buffer_string(&page);
         (at = strstr(at, "\nkafka_topic_partition_current_offset{")) != NULL; at++) {
        count++;
    }
    assert_int_equal(count, 3);
    assert_true(node_metric(node, "tidemill_metrics_omitted") >= 37);
    buffer_fini(&page);
}

/* Each family once, with its type in front, and every line a name, labels and a number. */
static void the_page_is_well_formed(void **state)
{
    struct node *node = *state;
    fill(node);
    struct buffer page;
    struct map families;
    map_init(&families);
    buffer_init(&page);
    broker_write_metrics(node->broker, &page);
    char family[128] = "";
    for (char *line = strtok((char *)(uintptr_t)buffer_string(&page), "\n"); line != NULL;
         line = strtok(NULL, "\n")) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            sscanf(line + 7, "%127s", family);
            assert_null(map_put(&families, bytes_from_string(family), &families));
        } else if (line[0] != '#') {
            assert_int_equal(strncmp(line, family, strlen(family)), 0);
            const char *number = strrchr(line, ' ');
            assert_non_null(number);
            char *end = NULL;
            strtod(number + 1, &end);
            assert_int_equal(*end, 0);
            assert_true(isalpha((unsigned char)line[0]) || line[0] == '_');
        }
    }
    map_fini(&families, NULL);
    buffer_fini(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(topics_and_groups_are_shown),
        NODE_TEST(what_is_read_counts),
        NODE_TEST(a_partition_that_is_not_served_is_counted),
        NODE_TEST(a_partition_with_damage_is_counted),
        cmocka_unit_test_setup_teardown(the_page_is_bounded, set_up_small, node_tear_down),
        NODE_TEST(the_page_is_well_formed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
