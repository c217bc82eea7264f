/* Shows that versions are agreed on with old and new brokers, that each call has one fate wherever
 * the connection is when it ends, and that metadata never goes back in time. */
#include "log/base/error.h"
#include "log/base/memory.h"
#include "log/base/trace.h"
#include "runtime/client/catalog.h"
#include "runtime/client/client.h"
#include "tests/unit/runtime/fake_cluster.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

enum { BROKER_COUNT = 3, KEY_METADATA = 3, KEY_API_VERSIONS = 18, KEY_LIST_OFFSETS = 2 };
static const uint64_t SECOND = 1000000000;

struct world {
    struct sim *sim;
    struct fake_cluster *cluster;
    struct client *client;
    bool is_closed;
};

static void check_all(void *owner)
{
    struct world *world = owner;
    if (world->client != NULL) {
        client_check(world->client);
    }
}

static struct world *world_new(uint64_t seed)
{
    trace_set_stream(NULL);
    struct world *world = memory_new(struct world);
    world->sim = sim_new(seed, BROKER_COUNT + 1);
    world->cluster = fake_cluster_new(world->sim, BROKER_COUNT);
    struct client_options options = client_options_default();
    options.bootstrap = " node1:9092, node2:9092,";
    options.request_timeout_ms = 3000;
    world->client = client_new(sim_io(world->sim, 0), &options);
    sim_on_event(world->sim, check_all, world);
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

static void close_client(struct world *world)
{
    struct client *client = world->client;
    world->client = NULL;
    client_close(client, on_closed, world);
    assert_false(world->is_closed);
    assert_true(sim_run_until(world->sim, is_closed, world, 20 * SECOND));
}

static void world_free(struct world *world)
{
    if (world->client != NULL) {
        close_client(world);
    }
    fake_cluster_free(world->cluster);
    sim_free(world->sim);
    free(world);
}

static void run_for(struct world *world, uint64_t duration_ns)
{
    sim_run(world->sim, sim_now(world->sim) + duration_ns);
}

struct asking {
    struct client_call call;
    struct metadata_request request;
    int told;
    int error;
    int16_t version;
    int32_t broker_count;
    int *order;
    int place;
};

static void on_answered(struct client_call *call, int error, int16_t version, const void *response)
{
    struct asking *asking = call->owner;
    asking->told++;
    asking->error = error;
    asking->version = version;
    if (error == 0) {
        asking->broker_count = ((const struct metadata_response *)response)->brokers.count;
    }
    if (asking->order != NULL) {
        asking->place = (*asking->order)++;
    }
    buffer_fini(&call->frame);
}

static void ask(struct world *world, struct asking *asking, int32_t target)
{
    *asking = (struct asking){
        .call = {.target = target,
                 .api_key = KEY_METADATA,
                 .version_max = -1,
                 .timeout_ms = asking->call.timeout_ms,
                 .is_frame_kept = asking->call.is_frame_kept,
                 .done = on_answered},
        .order = asking->order,
    };
    asking->request.topics.count = -1;
    asking->call.request = &asking->request;
    asking->call.owner = asking;
    client_send(world->client, &asking->call);
    assert_int_equal(asking->told, 0);
}

static bool is_told(void *owner)
{
    return ((struct asking *)owner)->told > 0;
}

static int ask_and_wait(struct world *world, struct asking *asking, int32_t target)
{
    ask(world, asking, target);
    assert_true(sim_run_until(world->sim, is_told, asking, 20 * SECOND));
    return asking->error;
}

struct refreshing {
    struct client_refresh refresh;
    const char *topic;
    int told;
    int error;
};

static void on_refreshed(struct client_refresh *refresh, int error)
{
    struct refreshing *refreshing = refresh->owner;
    refreshing->told++;
    refreshing->error = error;
}

static bool is_refreshed(void *owner)
{
    return ((struct refreshing *)owner)->told > 0;
}

static void start_refresh(struct world *world, struct refreshing *refreshing, const char *topic,
                          bool may_create)
{
    *refreshing = (struct refreshing){.topic = topic};
    refreshing->refresh = (struct client_refresh){
        .topics = topic == NULL ? NULL : &refreshing->topic,
        .topic_count = topic == NULL ? 0 : 1,
        .may_create = may_create,
        .done = on_refreshed,
        .owner = refreshing,
    };
    client_refresh_metadata(world->client, &refreshing->refresh);
}

static int refresh(struct world *world, const char *topic, bool may_create)
{
    struct refreshing refreshing;
    start_refresh(world, &refreshing, topic, may_create);
    assert_int_equal(refreshing.told, 0);
    assert_true(sim_run_until(world->sim, is_refreshed, &refreshing, 20 * SECOND));
    return refreshing.error;
}

static void the_newest_common_version_is_spoken(void **state)
{
    (void)state;
    struct world *world = world_new(1);
    struct asking asking = {0};
    assert_int_equal(ask_and_wait(world, &asking, CLIENT_ANY), 0);
    assert_int_equal(asking.version, 13);
    assert_int_equal(asking.broker_count, BROKER_COUNT);
    close_client(world);
    world_free(world);
    world = world_new(2);
    world->cluster->version_max[KEY_METADATA] = 5;
    asking.call.is_frame_kept = true;
    assert_int_equal(ask_and_wait(world, &asking, CLIENT_ANY), 0);
    assert_int_equal(asking.version, 5);
    world_free(world);
}

static void old_brokers_are_asked_for_versions_again(void **state)
{
    (void)state;
    for (int is_hanging_up = 0; is_hanging_up < 2; is_hanging_up++) {
        struct world *world = world_new(3);
        world->cluster->version_max[KEY_API_VERSIONS] = 0;
        world->cluster->is_hanging_up_on_versions = is_hanging_up;
        assert_int_equal(refresh(world, NULL, false), 0);
        struct asking asking = {0};
        assert_int_equal(ask_and_wait(world, &asking, CLIENT_ANY), 0);
        world_free(world);
    }
}

static void an_api_that_is_not_offered_is_told(void **state)
{
    (void)state;
    struct world *world = world_new(4);
    struct asking asking = {0};
    ask(world, &asking, CLIENT_ANY);
    client_cancel(world->client, &asking.call);
    asking.call = (struct client_call){.target = CLIENT_ANY,
                                       .api_key = 77,
                                       .version_max = -1,
                                       .request = &asking.request,
                                       .done = on_answered,
                                       .owner = &asking};
    client_send(world->client, &asking.call);
    assert_true(sim_run_until(world->sim, is_told, &asking, 20 * SECOND));
    assert_int_equal(asking.error, ERROR_UNSUPPORTED);
    assert_int_equal(asking.told, 1);
    world_free(world);
}

static void an_unknown_broker_is_refused_later(void **state)
{
    (void)state;
    struct world *world = world_new(5);
    struct asking asking = {0};
    assert_int_equal(ask_and_wait(world, &asking, 42), ERROR_REFUSED);
    assert_int_equal(ask_and_wait(world, &asking, CLIENT_CONTROLLER), 0);
    assert_int_equal(ask_and_wait(world, &asking, 3), 0);
    world_free(world);
}

static void calls_of_a_lane_are_answered_in_order(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *world = world_new(seed);
        assert_int_equal(refresh(world, NULL, false), 0);
        static struct asking askings[50];
        int order = 0;
        for (int i = 0; i < 50; i++) {
            askings[i] = (struct asking){.order = &order};
            ask(world, &askings[i], 2);
            if (sim_random(world->sim, 5) == 0) {
                run_for(world, sim_random(world->sim, 1000000));
            }
        }
        run_for(world, 2 * SECOND);
        for (int i = 0; i < 50; i++) {
            assert_int_equal(askings[i].told, 1);
            assert_int_equal(askings[i].error, 0);
            assert_int_equal(askings[i].place, i);
        }
        world_free(world);
    }
}

/* Connections break, brokers are out of reach, calls are cancelled and the client is closed. */
static void every_call_has_one_fate(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world *world = world_new(seed);
        world->cluster->drop_chance = 50000;
        static struct asking askings[60];
        bool is_cancelled[60] = {false};
        for (int i = 0; i < 60; i++) {
            askings[i] =
                (struct asking){.call.timeout_ms = 1 + (int64_t)sim_random(world->sim, 3000)};
            ask(world, &askings[i], (int32_t)sim_random(world->sim, 5) - 2);
            run_for(world, sim_random(world->sim, 50000000));
            if (sim_random(world->sim, 10) == 0 && askings[i].told == 0) {
                client_cancel(world->client, &askings[i].call);
                is_cancelled[i] = true;
            }
            if (sim_random(world->sim, 10) == 0) {
                sim_break_streams(world->sim, 1 + (int)sim_random(world->sim, BROKER_COUNT));
            }
            if (sim_random(world->sim, 10) == 0) {
                sim_cut(world->sim, 0, 1 + (int)sim_random(world->sim, BROKER_COUNT));
            }
            if (sim_random(world->sim, 10) == 0) {
                sim_mend(world->sim, 0, 1 + (int)sim_random(world->sim, BROKER_COUNT));
            }
        }
        for (int i = 1; i <= BROKER_COUNT; i++) {
            sim_mend(world->sim, 0, i);
        }
        if (seed % 2 == 0) {
            run_for(world, 20 * SECOND);
        }
        close_client(world);
        for (int i = 0; i < 60; i++) {
            assert_int_equal(askings[i].told, !is_cancelled[i]);
        }
        world_free(world);
    }
}

/* Asks again from inside the first answer that failed. */
struct insisting {
    struct asking first;
    struct asking second;
    struct world *world;
};

static void on_lost(struct client_call *call, int error, int16_t version, const void *response)
{
    struct insisting *insisting = call->owner;
    (void)version;
    (void)response;
    insisting->first.told++;
    insisting->first.error = error;
    ask(insisting->world, &insisting->second, 1);
}

static void a_call_from_the_answer_of_a_lost_connection_takes_the_next_one(void **state)
{
    (void)state;
    struct world *world = world_new(11);
    struct insisting insisting = {.world = world};
    assert_int_equal(refresh(world, NULL, false), 0);
    assert_int_equal(ask_and_wait(world, &insisting.first, 1), 0);
    insisting.first.told = 0;
    insisting.first.call = (struct client_call){.target = 1,
                                                .api_key = KEY_METADATA,
                                                .version_max = -1,
                                                .request = &insisting.first.request,
                                                .done = on_lost,
                                                .owner = &insisting};
    client_send(world->client, &insisting.first.call);
    sim_break_streams(world->sim, 0);
    assert_true(sim_run_until(world->sim, is_told, &insisting.second, 20 * SECOND));
    assert_int_equal(insisting.first.error, ERROR_CLOSED);
    assert_int_equal(insisting.second.error, 0);
    assert_int_equal(insisting.second.told, 1);
    world_free(world);
}

static void a_call_ends_in_its_time_while_nobody_answers(void **state)
{
    (void)state;
    struct world *world = world_new(6);
    for (int i = 1; i <= BROKER_COUNT; i++) {
        sim_cut(world->sim, 0, i);
    }
    struct asking asking = {.call.timeout_ms = 1000};
    uint64_t start = sim_now(world->sim);
    assert_int_not_equal(ask_and_wait(world, &asking, CLIENT_ANY), 0);
    assert_true(sim_now(world->sim) - start < SECOND + SECOND / 5);
    for (int i = 1; i <= BROKER_COUNT; i++) {
        sim_mend(world->sim, 0, i);
    }
    world_free(world);
}

static void wishes_of_a_turn_share_a_request(void **state)
{
    (void)state;
    struct world *world = world_new(7);
    fake_cluster_add_topic(world->cluster, "a", 1);
    fake_cluster_add_topic(world->cluster, "b", 2);
    struct refreshing first;
    struct refreshing second;
    start_refresh(world, &first, "a", false);
    start_refresh(world, &second, "b", false);
    assert_true(sim_run_until(world->sim, is_refreshed, &second, 5 * SECOND));
    assert_int_equal(first.told, 1);
    assert_int_equal(world->cluster->request_count[KEY_METADATA], 1);
    assert_int_equal(client_find_topic(world->client, "b")->partition_count, 2);
    assert_null(client_find_topic(world->client, "c"));
    world_free(world);
}

static void a_refresh_outlasts_broken_connections(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct world *world = world_new(seed);
        fake_cluster_add_topic(world->cluster, "a", 1);
        world->cluster->drop_chance = 200000;
        assert_int_equal(refresh(world, "a", false), 0);
        world_free(world);
    }
}

/* Who asks for one topic all the time does not keep the others from growing old. */
static void a_topic_grows_old_while_another_is_asked_for(void **state)
{
    (void)state;
    struct world *world = world_new(12);
    fake_cluster_add_topic(world->cluster, "t", 1);
    fake_cluster_add_topic(world->cluster, "u", 1);
    assert_int_equal(refresh(world, "t", false), 0);
    fake_topic_free(map_remove(&world->cluster->topics, BYTES_LITERAL("t")));
    fake_cluster_add_topic(world->cluster, "t", 3);
    for (int i = 0; i < 40; i++) {
        assert_int_equal(refresh(world, "u", false), 0);
        run_for(world, 10 * SECOND);
    }
    assert_int_equal(client_find_topic(world->client, "t")->partition_count, 3);
    world_free(world);
}

static void a_missing_topic_says_so_and_may_be_created(void **state)
{
    (void)state;
    struct world *world = world_new(8);
    world->cluster->is_creating_topics = true;
    assert_int_equal(refresh(world, "x", false), 0);
    assert_int_equal(client_find_topic(world->client, "x")->error,
                     ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(refresh(world, "x", true), 0);
    assert_int_equal(client_find_topic(world->client, "x")->error, 0);
    assert_int_equal(client_find_topic(world->client, "x")->partition_count, 4);
    client_expire_topic(world->client, "x");
    assert_int_equal(client_find_topic(world->client, "x")->partitions[0].leader_id, -1);
    assert_int_equal(refresh(world, "x", false), 0);
    assert_int_equal(client_find_topic(world->client, "x")->partitions[0].leader_id, 1);
    world_free(world);
}

static void closing_cancels_refreshes(void **state)
{
    (void)state;
    struct world *world = world_new(9);
    struct refreshing out;
    struct refreshing waiting;
    start_refresh(world, &out, "a", false);
    run_for(world, 100000);
    start_refresh(world, &waiting, "b", false);
    close_client(world);
    assert_int_equal(out.told, 1);
    assert_int_equal(waiting.told, 1);
    assert_int_equal(waiting.error, ERROR_CANCELLED);
    world_free(world);
}

static void a_closed_lane_cancels_its_calls_only(void **state)
{
    (void)state;
    struct world *world = world_new(10);
    int lane = client_lane_open(world->client);
    struct asking mine = {0};
    struct asking other = {0};
    ask(world, &other, CLIENT_ANY);
    ask(world, &mine, CLIENT_ANY);
    client_cancel(world->client, &mine.call);
    mine.call.lane = lane;
    client_send(world->client, &mine.call);
    client_lane_close(world->client, lane);
    assert_int_equal(mine.told, 0);
    run_for(world, 5 * SECOND);
    assert_int_equal(mine.told, 1);
    assert_int_equal(mine.error, ERROR_CANCELLED);
    assert_int_equal(other.error, 0);
    world_free(world);
}

static void metadata_from_the_past_does_not_count(void **state)
{
    (void)state;
    struct catalog catalog;
    catalog_init(&catalog, NULL);
    struct metadata_response_partition partition = {.leader_id = 1, .leader_epoch = 5};
    struct metadata_response_topic topic = {.name = BYTES_LITERAL("t")};
    topic.topic_id.octets[0] = 1;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    struct metadata_response response = {0};
    response.topics.items = &topic;
    response.topics.count = 1;
    catalog_apply(&catalog, &response, false);
    partition = (struct metadata_response_partition){.leader_id = 2, .leader_epoch = 4};
    catalog_apply(&catalog, &response, false);
    assert_int_equal(catalog_find_topic(&catalog, "t")->partitions[0].leader_id, 1);
    topic.topic_id.octets[0] = 2; /* made anew */
    catalog_apply(&catalog, &response, false);
    assert_int_equal(catalog_find_topic(&catalog, "t")->partitions[0].leader_id, 2);
    response.topics.count = 0;
    catalog_apply(&catalog, &response, true);
    assert_int_equal(catalog_find_topic(&catalog, "t")->error, ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    catalog_check(&catalog);
    catalog_fini(&catalog);
}

static void addresses_follow_host_and_way(void **state)
{
    (void)state;
    struct catalog catalog;
    catalog_init(&catalog, NULL);
    catalog_add_broker(&catalog, 1, BYTES_LITERAL("host"), 9092);
    catalog_add_broker(&catalog, 2, BYTES_LITERAL("::1"), 9093);
    assert_string_equal(catalog_find_broker(&catalog, 1), "host:9092");
    assert_string_equal(catalog_find_broker(&catalog, 2), "[::1]:9093");
    assert_null(catalog_find_broker(&catalog, 3));
    catalog_fini(&catalog);
    /* Beside an embedded broker its frames do not leave the process. */
    catalog_init(&catalog, "loopback:broker");
    catalog_add_broker(&catalog, 1, BYTES_LITERAL("host"), 9092);
    assert_string_equal(catalog_find_broker(&catalog, 1), "loopback:broker");
    catalog_add_broker(&catalog, 2, BYTES_LITERAL("other"), 9092);
    assert_string_equal(catalog_find_broker(&catalog, 2), "other:9092");
    catalog_fini(&catalog);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_common_version_is_spoken),
        cmocka_unit_test(old_brokers_are_asked_for_versions_again),
        cmocka_unit_test(an_api_that_is_not_offered_is_told),
        cmocka_unit_test(an_unknown_broker_is_refused_later),
        cmocka_unit_test(calls_of_a_lane_are_answered_in_order),
        cmocka_unit_test(every_call_has_one_fate),
        cmocka_unit_test(a_call_from_the_answer_of_a_lost_connection_takes_the_next_one),
        cmocka_unit_test(a_call_ends_in_its_time_while_nobody_answers),
        cmocka_unit_test(wishes_of_a_turn_share_a_request),
        cmocka_unit_test(a_refresh_outlasts_broken_connections),
        cmocka_unit_test(a_topic_grows_old_while_another_is_asked_for),
        cmocka_unit_test(a_missing_topic_says_so_and_may_be_created),
        cmocka_unit_test(closing_cancels_refreshes),
        cmocka_unit_test(a_closed_lane_cancels_its_calls_only),
        cmocka_unit_test(metadata_from_the_past_does_not_count),
        cmocka_unit_test(addresses_follow_host_and_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
