/* Shows that a start deletes no log because a file that names it was damaged, and that the log of a
 * deleted topic does go. */
#include "tests/unit/log/server/node.h"

static int64_t produce(struct node *node, const char *topic)
{
    struct produce_response_partition answer =
        node_produce(node, topic, 0, node_batch(node, 1, "value", node_wall_ms(node)));
    assert_int_equal(answer.error_code, 0);
    return answer.base_offset;
}

struct listing {
    int stray_count;
    int topic_count; /* directories "t-0" */
};

static void on_entry(void *owner, const char *entry, bool is_directory)
{
    struct listing *listing = owner;
    size_t size = strlen(entry);
    listing->stray_count += is_directory && size > 6 && strcmp(entry + size - 6, "-stray") == 0;
    listing->topic_count += strcmp(entry, "t-0") == 0;
}

static struct listing list(struct node *node)
{
    struct listing listing = {0};
    assert_int_equal(io_dir_list(node->io, "/data", on_entry, &listing), 0);
    return listing;
}

static void restart(struct node *node)
{
    node->is_ready = node->is_stopped = false;
    node_start(node);
}

static void a_damaged_topic_id_is_written_anew(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(produce(node, "t"), 0);
    for (int bit = 0; bit < 8; bit++) {
        node_stop(node);
        assert_true(sim_corrupt(node->sim, 0, "/data/t-0/partition.metadata", 25, bit));
        restart(node);
        assert_int_equal(produce(node, "t"), bit + 1);
        assert_int_equal(trace_count("broker.topic_id_restored"), bit + 1);
    }
    assert_int_equal(list(node).stray_count, 0);
}

static enum sim_verdict fail_burials(void *owner, const struct sim_call *call)
{
    (void)owner;
    bool is_burial = call->operation == SIM_PATH_RENAME && strstr(call->path, "/t-0") != NULL;
    return is_burial ? SIM_NO_SPACE : SIM_GO_ON;
}

static void the_log_of_a_deleted_topic_goes_with_the_next_start(void **state)
{
    struct node *node = *state;
    struct delete_topics_request deletion = {
        .topic_names = {.items = (struct bytes[]){BYTES_LITERAL("t")}, .count = 1},
        .timeout_ms = 1000};
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(produce(node, "t"), 0);
    sim_on_operation(node->sim, fail_burials, NULL);
    assert_non_null(node_ask(node, API_DELETE_TOPICS, 5, &deletion));
    node_stop(node);
    sim_on_operation(node->sim, NULL, NULL);
    assert_int_equal(list(node).topic_count, 1);
    restart(node);
    assert_int_equal(list(node).topic_count, 0);
    assert_int_equal(list(node).stray_count, 0);
    assert_int_equal(trace_count("broker.orphan_deleted"), 1);
}

/* The metadata log lost what made the topic: its records are all that is left of it. */
static void a_log_that_nobody_knows_is_set_aside(void **state)
{
    struct node *node = *state;
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(produce(node, "t"), 0);
    node_stop(node);
    assert_int_equal(io_path_rename(node->io, "/data/t-0", "/data/u-0"), 0);
    restart(node);
    assert_int_equal(list(node).stray_count, 1);
    assert_int_equal(trace_count("store.log_set_aside"), 1);
    assert_int_equal(produce(node, "t"), 0); /* a new log */
    node_stop(node);
    restart(node);
    assert_int_equal(list(node).stray_count, 1); /* and it stays */
}

/* What tells of all topics is gone: then no partition is a leftover. */
static void without_the_metadata_log_nothing_is_set_aside(void **state)
{
    struct node *node = *state;
    struct broker_settings settings = {.path = "/data", .listen = {":9092"}};
    struct broker *broker = NULL;
    struct report report = {0};
    node_make_topic(node, "t", 1, NULL);
    assert_int_equal(produce(node, "t"), 0);
    node_stop(node);
    assert_int_equal(io_path_rename(node->io, "/data/__cluster_metadata-0", "/elsewhere"), 0);
    assert_int_equal(broker_judge_directory(node->io, &settings, &report), ERROR_CORRUPT);
    assert_non_null(strstr(report.text, "/data/__cluster_metadata-0"));
    report = (struct report){0};
    assert_int_equal(broker_start(node->io, &settings, NULL, NULL, &broker, &report),
                     ERROR_CORRUPT);
    assert_non_null(strstr(report.text, "records of partitions are (1)"));
    assert_int_equal(list(node).topic_count, 1);
    assert_int_equal(list(node).stray_count, 0);
    node_run_ms(node, 1000); /* it is closed */
    assert_int_equal(io_path_rename(node->io, "/elsewhere", "/data/__cluster_metadata-0"), 0);
    restart(node);
    assert_int_equal(produce(node, "t"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        NODE_TEST(a_damaged_topic_id_is_written_anew),
        NODE_TEST(the_log_of_a_deleted_topic_goes_with_the_next_start),
        NODE_TEST(a_log_that_nobody_knows_is_set_aside),
        NODE_TEST(without_the_metadata_log_nothing_is_set_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
