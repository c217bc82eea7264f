/* Shows that each question is answered once, with the broker's own words, that what heals is
 * repeated until the deadline, and that a question can be taken back at any moment. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/client/admin.h"
#include "tests/unit/runtime/fake_cluster.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { BROKER_COUNT = 3, KEY_LIST_OFFSETS = 2, KEY_DESCRIBE_GROUPS = 15, KEY_CREATE_TOPICS = 19 };
static const uint64_t SECOND = 1000000000;

struct world {
    struct sim *sim;
    struct fake_cluster *cluster;
    struct client *client;
    bool is_closed;
    /* The answer. */
    int told;
    int error;
    char text[200];
    char value[200];
    struct admin_offset offsets[8];
    size_t count;
    int64_t committed[8];
};

static struct world *world_new(uint64_t seed)
{
    trace_set_stream(NULL);
    struct world *world = memory_new(struct world);
    world->sim = sim_new(seed, BROKER_COUNT + 1);
    world->cluster = fake_cluster_new(world->sim, BROKER_COUNT);
    struct client_options options = client_options_default();
    options.bootstrap = "node1:9092";
    options.request_timeout_ms = 5000;
    world->client = client_new(sim_io(world->sim, 0), &options);
    return world;
}

static void on_closed(void *owner)
{
    ((struct world *)owner)->is_closed = true;
}

static bool is_closed(void *owner)
{
    return ((struct world *)owner)->is_closed;
}

static void world_free(struct world *world)
{
    client_close(world->client, on_closed, world);
    assert_true(sim_run_until(world->sim, is_closed, world, 20 * SECOND));
    fake_cluster_free(world->cluster);
    sim_free(world->sim);
    free(world);
}

static void copy_text(char out[200], struct bytes text)
{
    size_t size = text.size < 199 ? text.size : 199;
    memcpy(out, text.data, size);
    out[size] = 0;
}

static void on_done(void *owner, int error, const char *text)
{
    struct world *world = owner;
    world->told++;
    world->error = error;
    copy_text(world->text, bytes_from_string(text));
}

static void on_configs(void *owner, int error, const char *text,
                       const struct describe_configs_response_result *configs)
{
    on_done(owner, error, text);
    if (error == 0) {
        copy_text(((struct world *)owner)->value, configs->configs.items[0].value);
    }
}

static void on_groups(void *owner, int error, const struct list_groups_response_group *groups,
                      size_t count)
{
    struct world *world = owner;
    on_done(owner, error, "");
    world->count = count;
    for (size_t i = 0; i < count; i++) {
        assert_true(bytes_has_prefix(groups[i].group_id, BYTES_LITERAL("group-")));
    }
}

static void on_group(void *owner, int error, const char *text,
                     const struct describe_groups_response_group *group)
{
    on_done(owner, error, text);
    if (error == 0) {
        copy_text(((struct world *)owner)->value, group->group_state);
    }
}

static void on_offsets(void *owner, int error, const struct admin_offset *offsets, size_t count)
{
    struct world *world = owner;
    on_done(owner, error, "");
    world->count = count;
    memcpy(world->offsets, offsets, count * sizeof *offsets);
}

static void on_committed(void *owner, int error, const struct member_partition *partitions,
                         size_t count)
{
    struct world *world = owner;
    on_done(owner, error, "");
    world->count = count;
    for (size_t i = 0; i < count; i++) {
        world->committed[i] = partitions[i].offset;
    }
}

static bool is_told(void *owner)
{
    return ((struct world *)owner)->told > 0;
}

static int wait_for(struct world *world, struct admin_call *call)
{
    assert_non_null(call);
    assert_int_equal(world->told, 0);
    assert_true(sim_run_until(world->sim, is_told, world, 20 * SECOND));
    assert_int_equal(world->told, 1);
    world->told = 0;
    return world->error;
}

static int create(struct world *world, const char *topic, int32_t count, bool is_dry_run)
{
    struct admin_topic_options options = {.topic = topic,
                                          .partition_count = count,
                                          .replication_factor = -1,
                                          .is_dry_run = is_dry_run};
    return wait_for(world, admin_create_topic(world->client, &options, on_done, world));
}

static void topics_are_made_grown_and_deleted(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    assert_int_equal(create(world, "t", 3, true), 0);
    assert_int_equal(world->cluster->topics.size, 0);
    assert_int_equal(create(world, "t", 3, false), 0);
    assert_int_equal(fake_cluster_get(world->cluster, "t", 2)->index, 2);
    assert_int_equal(create(world, "t", 3, false), ERROR_TOPIC_ALREADY_EXISTS);
    assert_string_equal(world->text, "Topic 't' already exists.");
    assert_int_equal(wait_for(world, admin_grow_topic(world->client, "t", 5, on_done, world)), 0);
    assert_int_equal(fake_cluster_get(world->cluster, "t", 4)->index, 4);
    assert_int_equal(wait_for(world, admin_grow_topic(world->client, "t", 2, on_done, world)),
                     ERROR_INVALID_PARTITIONS);
    assert_int_equal(wait_for(world, admin_delete_topic(world->client, "t", on_done, world)), 0);
    uint64_t start = sim_now(world->sim);
    assert_int_equal(wait_for(world, admin_delete_topic(world->client, "t", on_done, world)),
                     ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_true(sim_now(world->sim) - start < SECOND);
    assert_true(world->text[0] != 0);
    world_free(world);
}

static void what_heals_is_repeated_until_the_deadline(void **state)
{
    (void)state;
    struct world *world = world_new(2);
    fake_cluster_fail(world->cluster, KEY_CREATE_TOPICS, ERROR_NOT_CONTROLLER, 3, false);
    assert_int_equal(create(world, "t", 1, false), 0);
    fake_cluster_fail(world->cluster, KEY_CREATE_TOPICS, ERROR_NOT_CONTROLLER, 1000, false);
    uint64_t start = sim_now(world->sim);
    assert_int_equal(create(world, "u", 1, false), ERROR_NOT_CONTROLLER);
    assert_true(sim_now(world->sim) - start >= 5 * SECOND);
    assert_true(sim_now(world->sim) - start < 8 * SECOND);
    world_free(world);
}

static void configurations_are_told_and_changed(void **state)
{
    (void)state;
    struct world *world = world_new(3);
    fake_cluster_add_topic(world->cluster, "t", 1);
    assert_int_equal(
        wait_for(world, admin_describe_configs(world->client, ADMIN_TOPIC, "t", on_configs, world)),
        0);
    assert_string_equal(world->value, "604800000");
    struct admin_config config = {"retention.ms", "5"};
    assert_int_equal(wait_for(world, admin_alter_configs(world->client, ADMIN_TOPIC, "t", &config,
                                                         1, false, on_done, world)),
                     0);
    assert_int_equal(
        wait_for(world, admin_describe_configs(world->client, ADMIN_TOPIC, "t", on_configs, world)),
        0);
    assert_string_equal(world->value, "5");
    config.value = NULL;
    assert_int_equal(wait_for(world, admin_alter_configs(world->client, ADMIN_TOPIC, "t", &config,
                                                         1, false, on_done, world)),
                     0);
    assert_int_equal(
        wait_for(world, admin_describe_configs(world->client, ADMIN_TOPIC, "t", on_configs, world)),
        0);
    assert_string_equal(world->value, "604800000");
    assert_int_equal(wait_for(world, admin_describe_configs(world->client, ADMIN_TOPIC, "missing",
                                                            on_configs, world)),
                     ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    world_free(world);
}

static void groups_of_all_brokers_are_listed(void **state)
{
    (void)state;
    struct world *world = world_new(4);
    assert_int_equal(wait_for(world, admin_list_groups(world->client, on_groups, world)), 0);
    assert_int_equal(world->count, BROKER_COUNT);
    world_free(world);
}

static void groups_are_asked_at_their_coordinator(void **state)
{
    (void)state;
    struct world *world = world_new(5);
    world->cluster->coordinator_id = 3;
    fake_cluster_fail(world->cluster, KEY_DESCRIBE_GROUPS, ERROR_COORDINATOR_LOAD_IN_PROGRESS, 2,
                      false);
    assert_int_equal(wait_for(world, admin_describe_group(world->client, "g", on_group, world)), 0);
    assert_string_equal(world->value, "Dead");
    assert_int_equal(wait_for(world, admin_delete_group(world->client, "g", on_done, world)),
                     ERROR_GROUP_ID_NOT_FOUND);
    world_free(world);
}

static void offsets_of_a_group_are_written_and_read(void **state)
{
    (void)state;
    struct world *world = world_new(6);
    char topic[2] = "t";
    struct member_partition rows[2] = {{.topic = topic, .partition = 0, .offset = 10},
                                       {.topic = topic, .partition = 1, .offset = 20}};
    struct admin_call *call = admin_commit_offsets(world->client, "g", rows, 2, on_done, world);
    topic[0] = 'x'; /* inputs were copied */
    rows[0].offset = 99;
    assert_int_equal(wait_for(world, call), 0);
    topic[0] = 't';
    assert_int_equal(fake_group_committed(world->cluster, "g", "t", 0), 10);
    assert_int_equal(
        wait_for(world, admin_fetch_offsets(world->client, "g", rows, 2, on_committed, world)), 0);
    assert_int_equal(world->count, 2);
    assert_int_equal(world->committed[0], 10);
    assert_int_equal(world->committed[1], 20);
    world_free(world);
}

static void offsets_of_partitions_come_from_their_leaders(void **state)
{
    (void)state;
    struct world *world = world_new(7);
    fake_cluster_add_topic(world->cluster, "t", 4);
    for (int32_t i = 0; i < 4; i++) {
        fake_cluster_get(world->cluster, "t", i)->start_offset = i;
        fake_cluster_get(world->cluster, "t", i)->next_offset = 10 + i;
    }
    struct admin_offset wishes[6] = {
        {.topic = "t", .partition = 0, .time = ADMIN_TIME_LATEST},
        {.topic = "t", .partition = 1, .time = ADMIN_TIME_LATEST},
        {.topic = "t", .partition = 2, .time = ADMIN_TIME_EARLIEST},
        {.topic = "t", .partition = 3, .time = ADMIN_TIME_LATEST},
        {.topic = "t", .partition = 9, .time = ADMIN_TIME_LATEST},
        {.topic = "missing", .partition = 0, .time = ADMIN_TIME_LATEST},
    };
    fake_cluster_fail(world->cluster, KEY_LIST_OFFSETS, ERROR_NOT_LEADER, 2, false);
    assert_int_equal(
        wait_for(world, admin_list_offsets(world->client, wishes, 6, false, on_offsets, world)), 0);
    assert_int_equal(world->count, 6);
    static const int64_t expected[4] = {10, 11, 2, 13};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(world->offsets[i].error, 0);
        assert_int_equal(world->offsets[i].offset, expected[i]);
    }
    assert_int_equal(world->offsets[4].error, ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(world->offsets[5].error, ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    world_free(world);
}

/* Starts one of the questions. */
static struct admin_call *ask(struct world *world, int which)
{
    static const struct admin_topic_options options = {
        .topic = "n", .partition_count = 1, .replication_factor = 1};
    static const struct member_partition row = {.topic = "t", .offset = 1};
    static const struct admin_offset wish = {.topic = "t", .time = ADMIN_TIME_LATEST};
    struct client *client = world->client;
    switch (which) {
    case 0:
        return admin_create_topic(client, &options, on_done, world);
    case 1:
        return admin_describe_configs(client, ADMIN_BROKER, "2", on_configs, world);
    case 2:
        return admin_list_groups(client, on_groups, world);
    case 3:
        return admin_describe_group(client, "g", on_group, world);
    case 4:
        return admin_list_offsets(client, &wish, 1, false, on_offsets, world);
    case 5:
        return admin_fetch_offsets(client, "g", &row, 1, on_committed, world);
    default:
        return admin_commit_offsets(client, "g", &row, 1, on_done, world);
    }
}

static void a_question_can_be_taken_back_at_any_moment(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct world *world = world_new(seed);
        fake_cluster_add_topic(world->cluster, "t", 2);
        world->cluster->drop_chance = seed % 4 == 0 ? 200000 : 0;
        struct admin_call *call = ask(world, (int)(seed % 7));
        uint64_t steps = sim_random(world->sim, 60);
        while (steps-- > 0 && world->told == 0) {
            assert_true(sim_step(world->sim));
        }
        if (world->told == 0) {
            admin_cancel(call);
            sim_run(world->sim, sim_now(world->sim) + 10 * SECOND);
            assert_int_equal(world->told, 0);
        }
        world_free(world);
    }
}

static void each_question_is_answered_once_whatever_breaks(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 70; seed++) {
        struct world *world = world_new(seed);
        fake_cluster_add_topic(world->cluster, "t", 2);
        world->cluster->drop_chance = 200000;
        ask(world, (int)(seed % 7));
        sim_run(world->sim, sim_now(world->sim) + sim_random(world->sim, 10000000));
        sim_break_streams(world->sim, 1 + (int)sim_random(world->sim, BROKER_COUNT));
        sim_run(world->sim, sim_now(world->sim) + 20 * SECOND);
        assert_int_equal(world->told, 1);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_made_grown_and_deleted),
        cmocka_unit_test(what_heals_is_repeated_until_the_deadline),
        cmocka_unit_test(configurations_are_told_and_changed),
        cmocka_unit_test(groups_of_all_brokers_are_listed),
        cmocka_unit_test(groups_are_asked_at_their_coordinator),
        cmocka_unit_test(offsets_of_a_group_are_written_and_read),
        cmocka_unit_test(offsets_of_partitions_come_from_their_leaders),
        cmocka_unit_test(a_question_can_be_taken_back_at_any_moment),
        cmocka_unit_test(each_question_is_answered_once_whatever_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
